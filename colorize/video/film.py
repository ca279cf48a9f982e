"""A film from file to file: decode, find cuts, steady the colors of small frames, paint them, encode."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from colorize.color.units import LAST_LEVEL, FloatArray
from colorize.color.upsample import upsampler
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.prediction import View, predict, size_of_view
from colorize.errors import FilmError
from colorize.options import ColorizeOptions, FilmOptions
from colorize.system.files import atomic
from colorize.video.chroma import ChromaTable, Codes
from colorize.video.cuts import mark_cuts
from colorize.video.decoding import Film, Layout, Packet, luma_of, open_film
from colorize.video.encoding import FilmWriter, check_target, colored
from colorize.video.steady import steady_colors

_DEFAULTS = ColorizeOptions()
_FILM_DEFAULTS = FilmOptions()
_STRIP = 1 << 17  # pixels of chroma worked out at once

Progress = Callable[[int, int | None], None]  # frames done, and about how many there are


@dataclass(frozen=True)
class FilmResult:
    """What came of a film."""

    frames: int
    shots: int
    left_out: tuple[str, ...]  # what was not kept, a few words each
    damaged: int  # packets of the picture that could not be decoded


class _Seen(NamedTuple):
    frame: VideoFrame
    levels: NDArray[np.uint8]  # small (h, w), as stored: not turned upright


def colorize_film(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    options: ColorizeOptions = _DEFAULTS,
    film_options: FilmOptions = _FILM_DEFAULTS,
    *,
    colorizer: Colorizer | None = None,
    progress: Progress | None = None,
) -> FilmResult:
    """Color a film. Luma, timestamps, sound, subtitles, attachments, chapters and metadata are kept.

    Args:
        source: a film file.
        target: the result, a Matroska file (.mkv), written whole or not at all.
        options: of which strength, size and overwrite matter here.
        film_options: how the picture is encoded.
        colorizer: colors the key frames; None is the model that comes with the program.
        progress: called after each frame.

    Returns:
        What came of it.

    Raises:
        FilmError: the source cannot be read or colored, or the target cannot be written or is there already.
        ConfigError: the codec does not take the film's pictures.
    """
    source, target = Path(source), Path(target)
    check_target(str(target), target.suffix)
    if os.path.lexists(target) and not options.overwrite:
        raise FilmError(f"{target}: is there already")
    with open_film(source) as film:
        coloring = _Coloring(film, options, colorizer)
        try:
            with atomic(target, overwrite=options.overwrite) as file, FilmWriter(file, film, film_options) as writer:
                count = 0
                for count, frame in enumerate(coloring.frames(writer.copy), 1):
                    writer.write(frame)
                    if progress:
                        progress(count, film.expected_frames)
        except av.FFmpegError as error:
            raise FilmError(f"{target}: cannot be written ({error.strerror or error})") from error
        except OSError as error:
            raise FilmError(f"{target}: cannot be written ({error.strerror})") from error
        return FilmResult(count, coloring.shots, (*film.left_out, *writer.left_out), film.damaged)


def colored_frames(
    source: str | os.PathLike[str], options: ColorizeOptions = _DEFAULTS, *, colorizer: Colorizer | None = None
) -> Iterator[VideoFrame]:
    """Color a film frame by frame.

    Args:
        source: a film file.
        options: of which strength and size matter here.
        colorizer: as of `colorize_film`.

    Yields:
        PyAV's frames with their timestamps. `to_image()` makes a photo of one.

    Raises:
        FilmError: the source cannot be read or colored.
    """
    with open_film(source) as film:
        yield from _Coloring(film, options, colorizer).frames(lambda _packet: None)


class _Coloring:
    """Colors the frames of a film."""

    def __init__(self, film: Film, options: ColorizeOptions, colorizer: Colorizer | None) -> None:
        self.shots = 0  # begun so far
        self._film = film
        self._layout = film.layout
        self._strength = np.float32(options.strength)
        self._engine = (colorizer or Colorizer.load()).engine
        self._table = ChromaTable(film.layout.code)
        self._level_of_luma = film.layout.code.level_of_luma
        self._small = size_of_view(film.layout.width * float(film.layout.aspect), film.layout.height, options.size)

    def frames(self, hand_on: Callable[[Packet], None]) -> Iterator[VideoFrame]:
        """Colored frames; the packets of other streams go to `hand_on`."""
        for seen, ab in steady_colors(self._shots(hand_on), self._predict):
            yield colored(seen.frame, self._chroma(seen, ab * self._strength), self._layout)

    def _shots(self, hand_on: Callable[[Packet], None]) -> Iterator[tuple[_Seen, NDArray[np.uint8], bool]]:
        seen = (_Seen(frame, self._small_levels(frame)) for frame in self._film.frames(hand_on))
        for number, (each, is_cut) in enumerate(mark_cuts((each, each.levels) for each in seen)):
            begins_shot = is_cut or not number
            self.shots += begins_shot
            yield each, each.levels, begins_shot

    def _small_levels(self, frame: VideoFrame) -> NDArray[np.uint8]:
        luma = luma_of(frame, self._layout)
        return np.asarray(self._level_of_luma[cv2.resize(luma, self._small, interpolation=cv2.INTER_AREA)])

    def _predict(self, levels: NDArray[np.uint8]) -> FloatArray:
        """The network sees the picture upright."""
        turns = self._layout.turns
        (ab,) = predict(self._engine, [View(np.ascontiguousarray(np.rot90(levels, turns)), None, None)])
        return np.rot90(ab, -turns, axes=(1, 2))

    def _chroma(self, seen: _Seen, ab: FloatArray) -> Codes:
        """Codes (h, w, 2) of Cb and Cr of a frame, from its small colors."""
        levels = self._level_of_luma[_shrunk(luma_of(seen.frame, self._layout), self._layout)]
        small = seen.levels.astype(np.float32) * np.float32(1 / LAST_LEVEL)
        height, width = levels.shape
        colors = upsampler(self._table.steps(ab), small, height, width)
        rows = max(1, _STRIP // width)
        strips = [
            self._table.codes(levels[top : top + rows], colors.rows(levels[top : top + rows], top))
            for top in range(0, height, rows)
        ]
        return np.concatenate(strips)


def _shrunk(luma: Codes, layout: Layout) -> Codes:
    """Luma at the size of chroma: the mean of the pixels that share a Cb and a Cr."""
    rows, columns = layout.chroma_shape
    across, down = layout.shared
    if (across, down) == (1, 1):
        return luma
    beyond = (rows * down - layout.height, columns * across - layout.width)
    if any(beyond):
        luma = np.pad(luma, ((0, beyond[0]), (0, beyond[1])), mode="edge")
    return np.asarray(cv2.resize(luma, (columns, rows), interpolation=cv2.INTER_AREA))
