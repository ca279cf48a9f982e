"""Films written: the colored picture encoded in pieces, then joined with everything else as it came."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet as AnyPacket
from av.stream import Stream
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from colorize.errors import FilmError
from colorize.options import FilmOptions
from colorize.system.threads import ordinary_priority
from colorize.video.chroma import Codes
from colorize.video.decoding import ANY_TEXT, Film, Layout, Packet, luma_of, plane_of

if TYPE_CHECKING:
    from av.container.core import Chapter

os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 tells about itself on stderr otherwise; 1 is errors

CONTAINER = ".mkv"
_FORMAT = "matroska"
_PIECE_FORMAT = "nut"  # keeps every timestamp

# FFmpeg's encoder of each codec, its options, and the formats it takes that are not 4:2:0.
_ENCODERS = {
    "x264": ("libx264", {"preset": "veryfast"}),
    "av1": ("libsvtav1", {"preset": "8"}),
    "ffv1": ("ffv1", {"level": "3", "slicecrc": "1"}),
}
_ONLY_420 = {"av1"}
_ONLY_EVEN = {"x264"}  # sides, where pixels share a Cb and a Cr
_LOSSLESS = {"ffv1"}
_WITH_ASPECT = {"x264"}  # PyAV 18 and 19 cannot tell the container the aspect of pixels: the codec has to carry it
_DEFAULT_CRF = {"x264": 17, "av1": 24}
_MOST_RATE = {"av1": Fraction(240)}  # frames per second that SVT-AV1 believes; timestamps are kept all the same
_TEXT_OF_MP4 = "mov_text"  # whose packets are the text after its length in two bytes


class PieceWriter:
    """Encodes a part of the picture into an open file. A context manager: the file is complete when its block ends."""

    def __init__(self, file: BinaryIO, film: Film, options: FilmOptions, first: int) -> None:
        """Write the header.

        Args:
            file: to write to, which must be able to seek.
            film: that the part is of.
            options: codec and quality.
            first: timestamp of the part's first frame.
        """
        self._output = av.open(file, "w", format=_PIECE_FORMAT)
        self._time_base = film.time_base
        self._picture = _add_picture(self._output, film, options)
        self._first = first
        with ordinary_priority():
            self._output.start_encoding()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._output.mux(self._picture.encode(None))
            self._output.close()
            return
        with suppress(av.FFmpegError, OSError):  # the error that matters is on its way already
            self._output.close()

    def write(self, frame: VideoFrame) -> None:
        """Encode a frame, as `colored` makes it."""
        assert frame.pts is not None
        pts = frame.pts
        frame.pts, frame.time_base = pts - self._first, self._time_base
        self._output.mux(self._picture.encode(frame))
        frame.pts = pts


class FilmWriter:
    """Joins the parts of a picture with all else of a film. A context manager, as `PieceWriter`."""

    def __init__(self, file: BinaryIO, film: Film, options: FilmOptions) -> None:
        """Write the header.

        Args:
            file: to write to, which must be able to seek.
            film: what sound, subtitles, attachments, chapters and metadata are taken from.
            options: codec and quality.
        """
        self._film = film
        self.left_out: list[str] = []
        self._output = av.open(file, "w", format=_FORMAT, **ANY_TEXT)
        self._picture = _add_picture(self._output, film, options)
        layout = film.layout
        if layout.aspect != 1 and options.codec not in _WITH_ASPECT:
            aspect = f"{layout.aspect.numerator}:{layout.aspect.denominator}"
            self.left_out.append(f"the aspect {aspect} of pixels ({options.codec} does not carry it)")
        self._copies: dict[int, Stream] = {}
        self._texts: set[int] = set()
        for stream in film.copied:
            self._add_copy(stream)
        for each in film.attachments:
            name, mimetype = (text.encode("utf-8", "replace").decode() for text in (each.name, each.mimetype))
            attachment = self._output.add_attachment(name, mimetype, each.content)
            attachment.metadata["filename"] = each.name  # whose bytes may be no UTF-8, which PyAV takes only here
        self._output.metadata.update(_metadata(film.container.metadata))
        self._output.set_chapters(_chapters(film))
        with ordinary_priority():
            self._output.start_encoding()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._output.close()
            return
        with suppress(av.FFmpegError, OSError):  # the error that matters is on its way already
            self._output.close()

    def write(self, pieces: Iterable[tuple[Path, int]]) -> None:
        """Write all there is.

        Args:
            pieces: files of `PieceWriter`, with the timestamp of the first frame of each.
        """
        others = self._film.others()
        waiting = next(others, None)
        for packet in self._pictures(pieces):
            assert packet.dts is not None
            time = packet.dts * self._film.time_base
            while waiting is not None and _time(waiting) - self._film.shift <= time:
                self._copy(waiting)
                waiting = next(others, None)
            self._output.mux_one(packet)
        while waiting is not None:
            self._copy(waiting)
            waiting = next(others, None)

    def _pictures(self, pieces: Iterable[tuple[Path, int]]) -> Iterator[Packet]:
        shift = round(self._film.shift / self._film.time_base)
        for path, first in pieces:
            times = _times_of(path)
            # The file begins at its own zero. A packet is due when the earliest of those from it on is shown.
            offset = max(first - shift, 0) * self._film.time_base - min(times)
            due = list(accumulate(reversed(times), min))[::-1]
            with av.open(str(path)) as piece:
                packets: Iterator[Any] = (packet for packet in piece.demux(video=0) if packet.size)
                for packet, time, earliest in zip(packets, times, due, strict=True):
                    lasts = (packet.duration or 0) * packet.time_base
                    packet.pts, packet.dts, packet.duration = (
                        round(each / self._film.time_base) for each in (time + offset, earliest + offset, lasts)
                    )
                    packet.time_base = self._film.time_base
                    packet.stream = self._picture
                    yield packet

    def _copy(self, packet: Packet) -> None:
        """Hand on a packet of sound or subtitles."""
        index = packet.stream.index
        if (stream := self._copies.get(index)) is None:
            return
        if index in self._texts:
            packet = _subrip_packet(packet)
        if self._film.shift:
            assert packet.pts is not None and packet.dts is not None
            ticks = round(self._film.shift / packet.time_base)
            packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
        packet.stream = stream
        self._output.mux_one(packet)

    def _add_copy(self, stream: Stream) -> None:
        codec = stream.codec_context.codec.canonical_name
        if codec == _TEXT_OF_MP4:
            copy = self._output.add_mux_stream("subrip")
            copy.time_base = Fraction(1, 1000)
            self._texts.add(stream.index)
        elif codec not in self._output.supported_codecs:
            self.left_out.append(f"stream {stream.index} ({stream.type}: Matroska takes no {codec})")
            return
        else:
            copy = self._output.add_stream_from_template(stream)
        copy.metadata.update(_metadata(stream.metadata))
        copy.disposition = stream.disposition
        self._copies[stream.index] = copy


def check_codec(film: Film, options: FilmOptions) -> None:
    """Check that the codec takes the film's pictures.

    Args:
        film: whose size and format of pixels matter here.
        options: of which the codec matters here.

    Raises:
        FilmError: the codec does not take them.
    """
    if options.codec in _ONLY_420 and film.layout.shared != (2, 2):
        raise FilmError(f"{film.path}: has {film.layout.pix_fmt}, codec {options.codec} takes 4:2:0 only")
    width, height, (across, down) = film.layout.width, film.layout.height, film.layout.shared
    if options.codec in _ONLY_EVEN and (width % across or height % down):
        raise FilmError(
            f"{film.path}: has {width}×{height} px of {film.layout.pix_fmt}, codec {options.codec} takes no odd side; "
            "ffv1 does, and av1 in 4:2:0"
        )


def _add_picture(output: OutputContainer, film: Film, options: FilmOptions) -> VideoStream:
    name, settings = _ENCODERS[options.codec]
    settings = dict(settings)
    if options.codec not in _LOSSLESS:
        settings["crf"] = str(_DEFAULT_CRF[options.codec] if options.crf is None else options.crf)
    rate = min(film.rate.limit_denominator(1001), _MOST_RATE.get(options.codec, film.rate))
    stream = output.add_stream(name, rate=rate, options=settings)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = film.layout.width, film.layout.height, film.layout.pix_fmt
    stream.time_base = stream.codec_context.time_base = film.time_base
    stream.codec_context.sample_aspect_ratio = film.layout.aspect
    for tag, number in film.tags.items():
        setattr(stream.codec_context, tag, number)
    if film.rotation:
        stream.set_display_rotation(film.rotation)
    stream.metadata.update(_metadata(film.stream.metadata))
    stream.disposition = film.stream.disposition
    return stream


def _times_of(piece: Path) -> list[Fraction]:
    """Seconds of the packets of a piece, in their order."""
    with av.open(str(piece)) as container:
        return [_time(packet) for packet in container.demux(video=0) if packet.size]


def _time(packet: AnyPacket[Any]) -> Fraction:
    assert packet.pts is not None
    return packet.pts * packet.time_base


def _chapters(film: Film) -> list[Chapter]:
    """The chapters of what is wanted of a film."""
    chapters = film.container.chapters()
    if not film.start and film.until is None:
        return chapters
    kept = []
    for each in chapters:
        tick = each["time_base"] or Fraction(1, av.time_base)
        first, last = (side * tick - film.shift for side in (each["start"], each["end"]))
        first, last = max(first, Fraction(0)), last if film.length is None else min(last, film.length)
        if first < last:
            chapter = each.copy()
            chapter["start"], chapter["end"] = round(first / tick), round(last / tick)
            kept.append(chapter)
    return kept


def colored(frame: VideoFrame, chroma: Codes, layout: Layout) -> VideoFrame:
    """A frame with colors.

    Args:
        frame: whose luma and time are kept.
        chroma: codes (h, w, 2) of Cb and Cr.
        layout: of the film.

    Returns:
        A new frame.
    """
    result = VideoFrame(layout.width, layout.height, layout.pix_fmt)
    np.copyto(luma_of(result, layout), luma_of(frame, layout))
    for number in (1, 2):
        plane_of(result, number, layout.chroma_shape, layout.code.dtype)[:] = chroma[..., number - 1]
    result.pts, result.time_base = frame.pts, frame.time_base
    result.pict_type = PictureType.NONE  # the encoder decides
    result.color_range, result.colorspace = frame.color_range, frame.colorspace
    result.color_primaries, result.color_trc = frame.color_primaries, frame.color_trc
    return result


def check_target(name: str, suffix: str) -> None:
    """Check that films can be written under such a name.

    Args:
        name: of the result, for the message.
        suffix: of that name, with its dot, in any case.

    Raises:
        FilmError: the suffix is another one than that of Matroska.
    """
    if suffix.lower() != CONTAINER:
        raise FilmError(f"{name}: expected a name that ends in {CONTAINER}: films are written as Matroska")


def _metadata(given: dict[str, str]) -> dict[str, str]:
    """Without what the container writes itself."""
    own = {"encoder", "duration", "number_of_frames", "number_of_bytes", "bps", "filename", "mimetype"}
    brands = {"major_brand", "minor_version", "compatible_brands", "handler_name", "vendor_id"}
    return {key: value for key, value in given.items() if key.lower() not in own | brands}


def _subrip_packet(packet: Packet) -> Packet:
    """The plain text of a subtitle of MP4."""
    content = bytes(packet)
    result: Packet = av.Packet(content[2 : 2 + int.from_bytes(content[:2], "big")])
    result.pts, result.dts, result.duration = packet.pts, packet.dts, packet.duration
    result.time_base = packet.time_base
    return result
