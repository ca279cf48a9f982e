"""The colors of a film's frames: small gray levels in, Cb and Cr at full size out."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from colorize.color.lightness import levels_to_l
from colorize.color.units import LAST_LEVEL, FloatArray
from colorize.color.upsample import upsampler
from colorize.coloring.engine import Engine
from colorize.coloring.looks import develop
from colorize.coloring.prediction import View, predict, size_of_view
from colorize.options import ColorizeOptions, FilmOptions
from colorize.video.chroma import ChromaTable, Codes
from colorize.video.decoding import Layout, luma_of
from colorize.video.encoding import colored
from colorize.video.guidance import NOTHING_SAID, FrameConditions, Guidance

_STRIP = 1 << 17  # pixels of chroma worked out at once
_FILM_DEFAULTS = FilmOptions()


class Seen(NamedTuple):
    """A frame as it is decoded."""

    frame: VideoFrame
    levels: NDArray[np.uint8]  # small (h, w), as stored: not turned upright
    number: int  # in what is wanted of the film


class FramePainter:
    """Paints frames of one layout."""

    def __init__(
        self,
        layout: Layout,
        options: ColorizeOptions,
        engine: Engine,
        film_options: FilmOptions = _FILM_DEFAULTS,
        conditions: FrameConditions = NOTHING_SAID,
    ) -> None:
        """Look at all that is given. No frame is colored yet.

        Args:
            layout: of the frames.
            options: of which strength, look, shadows, lights and size matter here.
            engine: what runs the network.
            film_options: of which start matters here.
            conditions: what the colors have to obey, as of `colorize_film`.

        Raises:
            ConfigError: the conditions are not for this film, or not for this engine's model.
        """
        self._layout = layout
        self._options = options
        self._engine = engine
        self._table = ChromaTable(layout.code)
        self._level_of_luma = layout.code.level_of_luma
        self._small = size_of_view(layout.width * float(layout.aspect), layout.height, options.film_size)
        self.guidance = Guidance(conditions, layout, self._small, engine, film_options)

    def look(self, frame: VideoFrame, number: int) -> Seen:
        """A frame with what the network sees of it.

        Args:
            frame: as it is decoded.
            number: its own, in what is wanted of the film.

        Returns:
            The frame with its small gray levels (h, w), 0 to 255.
        """
        luma = cv2.resize(luma_of(frame, self._layout), self._small, interpolation=cv2.INTER_AREA)
        return Seen(frame, np.asarray(self._level_of_luma[luma]), number)

    def checksum(self, frame: VideoFrame) -> int:
        """Of its luma."""
        return zlib.crc32(np.ascontiguousarray(luma_of(frame, self._layout)).data)

    def predict(
        self, levels: NDArray[np.uint8], hints: FloatArray | None = None, pictures: tuple[int, ...] = ()
    ) -> FloatArray:
        """The colors (2, h, w) of small levels. The network sees the picture upright, and its mirror image.

        Args:
            levels: of a frame (h, w).
            hints: (4, h, w), as of `hint_array`.
            pictures: numbers of those frames in color whose colors are looked for in it.

        Returns:
            Its ab, as stored: not turned upright.
        """
        turns = self._layout.turns
        upright = np.ascontiguousarray(np.rot90(levels, turns))
        turned = None if hints is None else np.ascontiguousarray(np.rot90(hints, turns, axes=(1, 2)))
        seen = View(upright, turned, None, match=self.guidance.match(upright, pictures))
        return np.rot90(predict_both_ways(self._engine, seen), -turns, axes=(1, 2))

    def paint(self, seen: Seen, ab: FloatArray) -> VideoFrame:
        """A new frame in the small colors `ab` (2, h, w).

        Args:
            seen: the frame, as of `look`.
            ab: its colors, as stored: not turned upright.

        Returns:
            A frame in full size, with the luma and the time of the one seen.
        """
        return colored(
            seen.frame, self._chroma(seen, develop(ab, levels_to_l(seen.levels), self._options)), self._layout
        )

    def _chroma(self, seen: Seen, ab: FloatArray) -> Codes:
        """Codes (h, w, 2) of Cb and Cr of a frame, from its small colors."""
        levels = self._level_of_luma[_shrunk(luma_of(seen.frame, self._layout), self._layout)]
        small = seen.levels.astype(np.float32) * np.float32(1 / LAST_LEVEL)
        height, width = levels.shape
        colors = upsampler(ab, small, height, width)
        rows = max(1, _STRIP // width)
        strips = [
            self._table.codes(levels[top : top + rows], colors.rows(levels[top : top + rows], top))
            for top in range(0, height, rows)
        ]
        return np.concatenate(strips)


def predict_both_ways(engine: Engine, seen: View) -> FloatArray:
    """The mean of what the network says of a view and of its mirror image: truer than either, and steadier in time.

    Args:
        engine: what runs the network.
        seen: without regions and colors of its own.

    Returns:
        `ab` (2, h, w).
    """
    ab, mirrored = predict(engine, [seen, _mirrored(seen)])
    return np.asarray((ab + mirrored[..., ::-1]) / 2)


def _mirrored(seen: View) -> View:
    def turned(array: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(array[..., ::-1])

    match = seen.match and seen.match._replace(ab=turned(seen.match.ab), confidence=turned(seen.match.confidence))
    hints = None if seen.hints is None else turned(seen.hints)
    return seen._replace(levels=turned(seen.levels), hints=hints, match=match)


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
