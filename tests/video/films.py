"""Small films with known motion, made of freely licensed photographs, and what a test asks of files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

MILLISECOND = Fraction(1, 1000)

Gray = NDArray[np.uint8]
Place = Callable[[int], NDArray[np.float64]]  # (2, 3): from pixels of frame t to pixels of the photo


def photo(name: str, width: int = 560) -> Gray:
    """A color photo (H, W, 3) of scikit-image at some width: astronaut, chelsea, coffee or rocket."""
    image = Image.fromarray(getattr(data, name)())
    return np.asarray(image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS))


def gray_of(rgb: Gray) -> Gray:
    """Luma of Rec. 601, in full range."""
    return np.asarray(Image.fromarray(rgb).convert("L"))


def pan(right: float, down: float = 0.0, start: tuple[float, float] = (60.0, 60.0)) -> Place:
    """A camera that moves by so many pixels a frame."""
    return lambda t: np.array([[1.0, 0, start[0] + right * t], [0, 1, start[1] + down * t]])


def zoom(rate: float, center: tuple[float, float] = (220.0, 180.0), size: tuple[int, int] = (240, 180)) -> Place:
    """A camera that comes nearer by a factor a frame."""

    def place(t: int) -> NDArray[np.float64]:
        scale = 1.4 * rate**-t
        return np.array([[scale, 0, center[0] - scale * size[0] / 2], [0, scale, center[1] - scale * size[1] / 2]])

    return place


def shot(image: Gray, place: Place, count: int, size: tuple[int, int] = (240, 180)) -> list[Gray]:
    """What the camera sees of a photo: frames of `size`."""
    return [
        np.asarray(cv2.warpAffine(image, place(t), size, flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP))
        for t in range(count)
    ]


def two_layers(back: Sequence[Gray], front: Sequence[Gray], right: float, radius: int = 45) -> list[Gray]:
    """A disc of one film that flies over another, to the right by so many pixels a frame."""
    height, width, _ = back[0].shape
    rows, columns = np.indices((height, width))
    frames = []
    for t, (behind, before) in enumerate(zip(back, front, strict=True)):
        column = 20 + right * t
        disc = (rows - height / 2) ** 2 + (columns - column) ** 2 < radius**2
        moving = np.roll(before, round(column - width / 2), axis=1)
        frames.append(np.where(disc[..., None], moving, behind))
    return frames


def grainy(frames: Iterable[Gray], deviation: float = 6.0) -> list[Gray]:
    """Frames with the grain of film, the same each time."""
    random = np.random.default_rng(1)
    return [(each + random.normal(0, deviation, each.shape)).clip(0, 255).astype(np.uint8) for each in frames]


def write_film(
    path: Path,
    frames: Sequence[NDArray[Any]],
    *,
    pix_fmt: str = "yuv420p",
    codec: str = "ffv1",
    times: Sequence[int] | None = None,
    prepare: Callable[[Any], None] = lambda stream: None,
    extras: bool = False,
) -> Path:
    """Write codes of luma (H, W) as a film.

    Args:
        path: whose suffix tells the container.
        frames: uint8, or uint16 for 10 bit.
        pix_fmt: of the pictures; chroma is neutral.
        codec: FFmpeg's name of the encoder.
        times: milliseconds; None is 25 frames a second.
        prepare: sets tags of the stream.
        extras: two tracks of sound, subtitles, attachments, chapters, a title.
    """
    height, width = frames[0].shape
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.time_base = video.codec_context.time_base = MILLISECOND
        prepare(video)
        add = _add_extras(output) if extras else lambda: None
        for number, codes in enumerate(frames):
            frame = av.VideoFrame(width, height, pix_fmt)
            for plane in frame.planes:
                _rows(plane, codes.dtype)[:] = 128 if codes.dtype == np.uint8 else 512
            _rows(frame.planes[0], codes.dtype)[:, :width] = codes
            frame.pts, frame.time_base = times[number] if times else number * 40, MILLISECOND
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        add()
    return path


def _add_extras(output: Any) -> Callable[[], None]:
    sounds = [output.add_stream(codec, rate=44100) for codec in ("aac", "flac")]
    for sound, language in zip(sounds, ("eng", "deu"), strict=True):
        sound.metadata["language"] = language
    text = output.add_mux_stream("subrip")
    text.metadata["language"] = "fra"
    text.time_base = MILLISECOND
    cover = io.BytesIO()
    Image.new("L", (20, 20), 99).save(cover, "JPEG")
    output.add_attachment("cover.jpg", "image/jpeg", cover.getvalue())
    output.add_attachment("letters.ttf", "application/x-truetype-font", b"not really letters")
    output.metadata["title"] = "A film"
    chapters = [("One", 0, 500), ("Two", 500, 1200)]
    output.set_chapters(
        [
            {"id": number, "start": start, "end": end, "time_base": MILLISECOND, "metadata": {"title": title}}
            for number, (title, start, end) in enumerate(chapters, 1)
        ]
    )

    def write() -> None:
        random = np.random.default_rng(0)
        for sound in sounds:
            form = "fltp" if sound.codec_context.name == "aac" else "s16"
            for number in range(50):
                noise: NDArray[Any] = random.normal(0, 0.1, (2, 1024)).astype(np.float32)
                if form == "s16":
                    noise = (noise * 9999).astype(np.int16).T.reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(noise, form, "stereo")
                frame.rate, frame.pts = 44100, number * 1024
                output.mux(sound.encode(frame))
            output.mux(sound.encode(None))
        for start in (200, 800):
            packet = av.Packet(f"Words at {start}".encode())
            packet.stream = text
            packet.pts = packet.dts = start
            packet.duration, packet.time_base = 300, MILLISECOND
            output.mux(packet)

    return write


def planes(path: Path) -> list[list[NDArray[Any]]]:
    """All planes of all frames."""
    result = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            dtype: Any = np.uint16 if "10" in frame.format.name else np.uint8
            result.append([_rows(plane, dtype)[:, : plane.width].copy() for plane in frame.planes])
    return result


def _rows(plane: Any, dtype: Any) -> NDArray[Any]:
    """The rows of a plane, with what is beyond its width."""
    return np.asarray(np.frombuffer(plane, dtype).reshape(plane.height, -1))


def times(path: Path) -> list[Fraction]:
    """Seconds of all frames."""
    with av.open(str(path)) as container:
        return [Fraction((frame.pts or 0) * (frame.time_base or 0)) for frame in container.decode(video=0)]


def packets(path: Path) -> dict[str, list[tuple[Fraction, bytes]]]:
    """Time and content of every packet that is not of the picture, by the type and language of its stream."""
    found: dict[str, list[tuple[Fraction, bytes]]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.stream.type in ("audio", "subtitle") and packet.pts is not None:
                name = f"{packet.stream.type} {packet.stream.metadata.get('language')}"
                found.setdefault(name, []).append((packet.pts * packet.time_base, bytes(packet)))
    return found
