"""Films opened for reading: what the picture is like, its frames one after another, and what travels along.

The picture is decoded once, in order. The packets of sound and subtitles are read on their own.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet as AnyPacket
from av.stream import AttachmentStream, Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorize.errors import FilmError
from colorize.options import FilmOptions
from colorize.video.chroma import Codes, ColorCode

Packet: TypeAlias = "AnyPacket[Stream]"

# What matters of FFmpeg's words comes as an exception. At any level PyAV takes Python's lock for each error that FFmpeg
# logs: a decoder's thread then waits for ever for whoever closes the decoder and holds that lock.
av.logging.set_level(None)

# For `av.open`: titles that are no UTF-8 are handed on as the bytes they are. From 19 on PyAV does so by itself.
ANY_TEXT: dict[str, Any] = {"metadata_errors": "surrogateescape"} if int(av.__version__.split(".")[0]) < 19 else {}

# Planar pictures with a luma plane: bits, and how many pixels share a Cb and a Cr, across and down; None without them.
_LAYOUTS: dict[str, tuple[int, tuple[int, int] | None]] = {
    **dict.fromkeys(("yuv420p", "yuvj420p"), (8, (2, 2))),
    **dict.fromkeys(("yuv422p", "yuvj422p"), (8, (2, 1))),
    **dict.fromkeys(("yuv444p", "yuvj444p"), (8, (1, 1))),
    "yuv420p10le": (10, (2, 2)),
    "yuv422p10le": (10, (2, 1)),
    "yuv444p10le": (10, (1, 1)),
    "gray": (8, None),
    "gray10le": (10, None),
}
_NAMES = {(8, (2, 2)): "yuv420p", (8, (2, 1)): "yuv422p", (8, (1, 1)): "yuv444p"}
_NAMES |= {(10, shared): f"{name}10le" for (_, shared), name in list(_NAMES.items())}

# By the numbers of ISO/IEC 23091-2 (H.273): weights of red and blue in luma.
_REC_601, _REC_709 = (0.299, 0.114), (0.2126, 0.0722)
_WEIGHTS = {1: _REC_709, 4: (0.30, 0.11), 5: _REC_601, 6: _REC_601, 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
_UNSPECIFIED = 2
_HD_FROM = 720  # rows from which players take a film without a matrix for one of Rec. 709
_HDR_CURVES = {16: "PQ", 18: "HLG"}
_WIDE_PRIMARIES = 9  # Rec. 2020
_FULL_RANGE = 2

# FFmpeg's names of the containers that are read. Others, playlists among them, could lead to other files.
_CONTAINERS = ("matroska", "mov", "avi", "asf", "flv", "mpeg", "mpegvideo", "mpegts", "ogg", "mxf", "nut", "dv", "gif")

_DEFAULTS = FilmOptions()
_MOST_PIXELS = 8192 * 4352
_MOST_RATE = 1000  # frames per second: Matroska counts milliseconds
_RUN_UP = Fraction(5)  # seconds before a place at which decoding begins: some films refresh the picture bit by bit
# Of a film at work: what the program takes, and about how many pictures are held by the decoder, by us and by x264.
_MEMORY, _HELD, _MOST_MEMORY = 200e6, 81, 800e6  # bytes, pictures, bytes
_LOOKED_AT = 8  # frames that are decoded to learn what the picture is like
_REORDERED = 32  # packets that may come before others that are shown earlier, and more than that
_MAY_LACK = Fraction(1, 50)  # share of its length by which a whole file may end before its header says,
_MAY_LACK_MOST = Fraction(2)  # seconds: no more than that


class Layout(NamedTuple):
    """What the pictures of a film are like."""

    width: int
    height: int
    pix_fmt: str  # FFmpeg's name of what is written
    shared: tuple[int, int]  # pixels across and down that share a Cb and a Cr
    code: ColorCode
    aspect: Fraction  # of a pixel, width to height
    turns: int  # quarter turns, against the clock, that show the stored picture upright

    @property
    def chroma_shape(self) -> tuple[int, int]:
        """Rows and columns of Cb and Cr."""
        across, down = self.shared
        return -(-self.height // down), -(-self.width // across)


@dataclass(frozen=True)
class Attachment:
    """A file inside a film: a font, a cover."""

    name: str
    mimetype: str
    content: bytes


@dataclass
class Film:
    """A film file that is open for reading. A context manager."""

    path: Path
    container: InputContainer
    stream: VideoStream
    layout: Layout
    tags: dict[str, int]  # color_range, colorspace, color_primaries, color_trc as the first frame has them
    rotation: int  # degrees, as the file says
    attachments: list[Attachment]
    copied: list[Stream]  # sound and subtitles
    left_out: list[str]  # what cannot be kept, a few words each
    start: Fraction = field(default_factory=Fraction)  # seconds of the film that are left out at its beginning
    until: Fraction | None = None  # seconds of the film at which it is left; None is its end
    damaged: int = 0  # packets that could not be decoded
    end: Fraction = field(default_factory=Fraction)  # seconds: the last moment of any stream read so far
    _is_begun: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    @property
    def seconds(self) -> Fraction | None:
        """How long the film is by its header, if that tells."""
        return Fraction(self.container.duration, av.time_base) if self.container.duration else None

    @property
    def length(self) -> Fraction | None:
        """How many seconds of it are colored, if its header tells."""
        ends = [each for each in (self.seconds, self.until) if each is not None]
        return max(min(ends) - self.start, Fraction(0)) if ends else None

    @property
    def shift(self) -> Fraction:
        """Seconds that timestamps of the result are earlier by."""
        return self._origin + self.start if self.start else Fraction(0)

    @property
    def time_base(self) -> Fraction:
        """Seconds of a tick of the picture's timestamps."""
        time_base = _exact(self.stream.time_base)
        assert time_base is not None
        return time_base

    @property
    def rate(self) -> Fraction:
        """Frames per second, on average."""
        return _exact(self.stream.average_rate) or _exact(self.stream.guessed_rate) or Fraction(25)

    @property
    def expected_frames(self) -> int | None:
        """About how many frames are colored, if the file tells."""
        if self.stream.frames and not self.start and self.until is None:
            return self.stream.frames
        return None if self.length is None else max(1, round(self.length * self.rate))

    def lacks_picture(self) -> FilmError:
        """What to raise where nothing is shown of what is wanted: sound may go on long after the last frame."""
        return FilmError(f"{self.path}: expected a picture from {float(self.start):g} s on, there is none")

    def seconds_of(self, pts: int) -> Fraction:
        """When a frame is shown, from the beginning of the film."""
        return pts * self.time_base - self._origin

    def times_of(self, numbers: Collection[int]) -> dict[int, Fraction]:
        """When frames are shown, in seconds from the beginning of the film. Those that there are not are left out.

        Nothing is decoded: the packets tell, or else the rate.
        """
        if not numbers:
            return {}
        self._seek(Fraction(0))
        self._is_begun = True
        demuxed: Iterator[Any] = self.container.demux(self.stream)
        packets = (packet for packet in self._demuxed(demuxed) if packet.size)
        found = [packet.pts for packet in islice(packets, max(numbers) + 1 + _REORDERED)]
        shown = [self.seconds_of(pts) for pts in sorted(pts for pts in found if pts is not None)]
        if len(shown) < len(found):  # AVI tells of none
            shown = [number / self.rate for number in range(len(found))]
        return {number: shown[number] for number in numbers if number < len(shown)}

    def frames(self, first: int | None = None) -> Iterator[VideoFrame]:
        """Decode the film, or what is wanted of it. Timestamps rise from frame to frame.

        Args:
            first: timestamp of a frame. The frames begin with it, if the file can be entered near it; or else earlier.

        Raises:
            FilmError: the file ends too early, or its pictures change their size or format.
        """
        start = max(self.start, Fraction(0) if first is None else self.seconds_of(first))
        if start or self._is_begun:
            self._seek(max(Fraction(0), start - _RUN_UP))
        self._is_begun = True
        last = None
        for packet in self._packets():
            if packet.stream.index != self.stream.index:
                continue
            for frame in self._decode(packet):
                self._check_alike(frame)
                frame.pts = last = _rising(frame.pts, last, self._step)
                if self.until is not None and self.seconds_of(last) >= self.until:
                    return
                if not start or self.seconds_of(last) >= start:
                    yield frame
        if last is None:
            raise FilmError(f"{self.path}: no picture of it can be decoded")
        self._check_whole()

    def others(self) -> Iterator[Packet]:
        """The packets of `copied` streams, of what is wanted of the film. Reads the file from its beginning."""
        if not self.copied:
            return
        if self.start:
            self._seek(self.start)
        ended: set[int] = set()
        for packet in self._demuxed(self.container.demux(self.copied)):
            if packet.dts is None or packet.pts is None:
                continue
            time = packet.pts * packet.time_base - self._origin
            if self.until is not None and time >= self.until:
                ended.add(packet.stream.index)
                if len(ended) == len(self.copied):
                    return
            elif not self.start or time >= self.start:
                yield packet

    @property
    def _origin(self) -> Fraction:
        """Seconds by the timestamps at which the film begins."""
        return Fraction(self.container.start_time or 0, av.time_base)

    def _seek(self, seconds: Fraction) -> None:
        """To a key frame at or before `seconds`, or to the beginning where the file has no index."""
        for place in (seconds, Fraction(0)):
            with suppress(av.FFmpegError):
                self.container.seek(int((place + self._origin) * av.time_base))
                return
        raise FilmError(f"{self.path}: cannot be entered at {float(seconds):.1f} s")

    def _packets(self) -> Iterator[Packet]:
        for packet in self._demuxed(self.container.demux(self.stream, *self.copied)):
            if packet.pts is not None and packet.time_base:
                self.end = max(self.end, (packet.pts + (packet.duration or 0)) * packet.time_base)
            yield packet

    def _demuxed(self, packets: Iterator[Packet]) -> Iterator[Packet]:
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError as error:
                raise FilmError(
                    f"{self.path}: cannot be read on from {float(self.end):.1f} s ({_words(error)})"
                ) from error
            yield packet

    def _decode(self, packet: Packet) -> list[VideoFrame]:
        try:
            return self.stream.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return []

    @property
    def _step(self) -> int:
        """Ticks from frame to frame, on average."""
        return max(1, round(1 / (self.rate * self.time_base)))

    def _check_alike(self, frame: VideoFrame) -> None:
        bits = _LAYOUTS.get(frame.format.name, (0, None))[0]
        if (frame.width, frame.height, bits) != (self.layout.width, self.layout.height, self.layout.code.depth):
            raise FilmError(
                f"{self.path}: expected {self.layout.width}×{self.layout.height} px of {self.layout.code.depth} bit to "
                f"the end, at {frame.time or 0:.1f} s it becomes {frame.width}×{frame.height} px ({frame.format.name})"
            )

    def _check_whole(self) -> None:
        """A file that is cut off often ends without an error."""
        if self.seconds is None:
            return
        end = self.end - self._origin
        if end + 2 / self.rate < self.seconds - min(self.seconds * _MAY_LACK, _MAY_LACK_MOST):
            raise FilmError(
                f"{self.path}: expected {float(self.seconds):.1f} s, ends after {float(end):.1f} s: "
                "the file is truncated"
            )


def open_film(path: str | os.PathLike[str], options: FilmOptions = _DEFAULTS) -> Film:
    """Open a film and learn what it is like.

    Args:
        path: a film file of any kind that FFmpeg reads.
        options: of which start, end and force matter here.

    Returns:
        The film, open.

    Raises:
        FilmError: it cannot be read, has no picture, or one that cannot be colored.
    """
    path = Path(path)
    with _open(path) as container:
        stream = _picture_of(container, path)
        frame, covers = _look(container, stream, path)
    _check_colorable(frame, path, options.force)
    tags = {name: int(getattr(frame, name)) for name in ("color_range", "colorspace", "color_primaries", "color_trc")}
    container = _open(path)
    stream = _picture_of(container, path)
    stream.thread_type = "AUTO"
    copied, attachments, left_out = _others(container, stream, covers)
    if frame.interlaced_frame:
        left_out.append("the order of its fields (they are colored as whole pictures)")
    layout = _layout(frame, stream, path)
    film = Film(path, container, stream, layout, tags, frame.rotation, attachments, copied, left_out)
    film.start = Fraction(options.start).limit_denominator(av.time_base)
    film.until = None if options.end is None else Fraction(options.end).limit_denominator(av.time_base)
    if (rate := film.rate) > _MOST_RATE:
        film.container.close()
        raise FilmError(f"{path}: {float(rate):g} frames a second are more than a Matroska film tells apart")
    if film.seconds is not None and film.start >= film.seconds:
        length = float(film.seconds)
        film.container.close()
        raise FilmError(f"{path}: expected a start within its {length:.1f} s, got {options.start:g} s")
    return film


def luma_of(frame: VideoFrame, layout: Layout) -> Codes:
    """The luma plane (H, W) of a frame: a view, uint8 or uint16.

    Args:
        frame: as it is decoded, or to be filled.
        layout: of its film.

    Returns:
        The plane's codes in the frame's own memory.
    """
    return plane_of(frame, 0, (layout.height, layout.width), layout.code.dtype)


def plane_of(frame: VideoFrame, number: int, shape: tuple[int, int], dtype: type[Any]) -> Codes:
    """A plane of a frame as an array, without a copy.

    Args:
        frame: a planar one.
        number: of the plane: 0 is luma, 1 Cb, 2 Cr.
        shape: its rows and columns.
        dtype: of its codes, uint8 or uint16.

    Returns:
        The plane (rows, columns) without the padding of its rows.
    """
    plane = frame.planes[number]
    rows, columns = shape
    each = np.dtype(dtype).itemsize
    whole = np.frombuffer(memoryview(plane), dtype, count=rows * plane.line_size // each)
    return np.asarray(whole.reshape(rows, plane.line_size // each)[:, :columns])


def _open(path: Path) -> InputContainer:
    try:
        if not path.is_file():
            raise FilmError(f"{path}: expected a film, there is no such file")
        if not path.stat().st_size:
            raise FilmError(f"{path}: expected a film, the file is empty")
        # `file:` so that no name is taken for an address, and nothing inside the file leads anywhere else.
        options = {"protocol_whitelist": "file", "format_whitelist": ",".join(_CONTAINERS)}
        container: InputContainer = av.open(f"file:{path}", options=options, **ANY_TEXT)
        return container
    except (av.FFmpegError, OSError) as error:
        raise FilmError(f"{path}: expected a film, cannot be opened ({_words(error)})") from error


def _picture_of(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if not _is_cover(stream):
            if stream.codec_context is None:
                raise FilmError(f"{path}: its picture has a codec that is not known here")
            return stream
    raise FilmError(f"{path}: expected a film, there is no picture in it")


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _look(container: InputContainer, stream: VideoStream, path: Path) -> tuple[VideoFrame, dict[int, bytes]]:
    """The first frame, interlaced if any of the first ones is, and the covers by the number of their stream."""
    covers: dict[int, bytes] = {}
    frames: list[VideoFrame] = []
    wanted = [stream, *filter(_is_cover, container.streams.video)]
    try:
        for packet in container.demux(wanted):
            if packet.stream.index != stream.index:
                covers.setdefault(packet.stream.index, bytes(packet))
                continue
            context = stream.codec_context
            if context.width * context.height > _MOST_PIXELS:
                raise FilmError(f"{path}: {context.width}×{context.height} px are more than a film may have")
            try:
                frames += stream.decode(packet)
            except av.InvalidDataError:
                continue
            if len(frames) >= _LOOKED_AT or (frames and _memory_for(frames[0]) > _MOST_MEMORY):
                break
    except (av.FFmpegError, MemoryError, ValueError) as error:  # PyAV raises the last one for a codec or a size of none
        if not frames:
            raise FilmError(f"{path}: no picture of it can be decoded ({_words(error)})") from error
    if not frames:
        raise FilmError(f"{path}: no picture of it can be decoded")
    interlaced = [frame for frame in frames if frame.interlaced_frame]
    return (interlaced or frames)[0], covers


def _check_colorable(frame: VideoFrame, path: Path, force: bool) -> None:
    if frame.format.name not in _LAYOUTS:
        raise FilmError(
            f"{path}: expected pictures with a luma plane, of 8 or 10 bit and without transparency, "
            f"these are {frame.format.name}"
        )
    if not force and (problem := _doubt(frame)):
        raise FilmError(f"{path}: {problem}; --force colors it all the same")
    if frame.colorspace not in (*_WEIGHTS, _UNSPECIFIED) and _LAYOUTS[frame.format.name][1]:
        raise FilmError(f"{path}: expected a known matrix of colors, got number {frame.colorspace} of H.273")


def _doubt(frame: VideoFrame) -> str | None:
    """Why such a film had better not be colored."""
    if curve := _HDR_CURVES.get(frame.color_trc):
        return f"is HDR ({curve}), whose levels the network does not know"
    if frame.color_primaries == _WIDE_PRIMARIES:
        return "has a wide gamut (Rec. 2020), in which colors would be too strong"
    if frame.interlaced_frame:
        return "is interlaced, which mixes two moments in a picture: deinterlace it first"
    if (memory := _memory_for(frame)) > _MOST_MEMORY:
        return (
            f"has {frame.width}×{frame.height} px, which take about {memory / 1e9:.1f} GB of memory; "
            f"expected what takes up to {_MOST_MEMORY / 1e9:.1f} GB: scale it down first"
        )
    return None


def _memory_for(frame: VideoFrame) -> float:
    """About how many bytes coloring such pictures takes."""
    depth, shared = _LAYOUTS.get(frame.format.name, (8, None))
    across, down = shared or (2, 2)
    samples = frame.width * frame.height * (1 + 2 / (across * down))
    return _MEMORY + _HELD * samples * -(-depth // 8)


def _layout(frame: VideoFrame, stream: VideoStream, path: Path) -> Layout:
    depth, shared = _LAYOUTS[frame.format.name]
    shared = shared or (2, 2)  # a film without colors gets as much room for them as most have
    kr, kb = _WEIGHTS.get(frame.colorspace, _REC_709 if frame.height >= _HD_FROM else _REC_601)
    full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
    aspect = _exact(stream.sample_aspect_ratio) or Fraction(1)
    if frame.rotation % 90:
        raise FilmError(f"{path}: expected a rotation by quarter turns, got {frame.rotation}°")
    return Layout(
        frame.width,
        frame.height,
        _NAMES[depth, shared],
        shared,
        ColorCode(kr, kb, full, depth),
        aspect if aspect > 0 else Fraction(1),
        frame.rotation // 90 % 4,
    )


def _others(
    container: InputContainer, picture: Stream, covers: dict[int, bytes]
) -> tuple[list[Stream], list[Attachment], list[str]]:
    """Streams that are copied, attachments, and what is left out."""
    copied: list[Stream] = []
    attachments: list[Attachment] = []
    left_out = []
    for stream in container.streams:
        if stream.index == picture.index:
            continue
        if isinstance(stream, AttachmentStream):
            name = stream.metadata.get("filename", f"attachment-{stream.index}")
            attachments.append(Attachment(name, stream.mimetype or "application/octet-stream", bytes(stream.data)))
        elif stream.index in covers:
            attachments.append(_cover(stream, covers[stream.index]))
        elif stream.type in ("audio", "subtitle") and stream.codec_context is not None:
            copied.append(stream)
        else:
            left_out.append(f"stream {stream.index} ({stream.type})")
    return copied, attachments, left_out


def _cover(stream: Stream, content: bytes) -> Attachment:
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    name = stream.metadata.get("filename", f"cover.{'jpg' if kind == 'jpeg' else kind}")
    return Attachment(name, stream.metadata.get("mimetype", f"image/{kind}"), content)


def _exact(number: Any) -> Fraction | None:
    """A number of PyAV, which has a type of its own for fractions from 19 on; None if it is not set."""
    return Fraction(number.numerator, number.denominator) if number else None


def _rising(pts: int | None, last: int | None, step: int) -> int:
    """A timestamp after the last one: that of the frame, if it has such a one."""
    if last is None:
        return pts or 0
    if pts is None:
        return last + step
    return max(pts, last + 1)


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
