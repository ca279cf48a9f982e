"""Small `ab` to full size along the edges of the full-size gray levels, a few rows at a time.

As in a fast guided filter (He & Sun 2015, arXiv 1505.00996), around every small pixel ab is taken for a linear function
of the gray level, slope · level + offset. But the line goes through the small pixel itself, offset = ab − slope · level
there, not through the mean around it, so nothing is smoothed. At full size ab = up(slope) · level + up(offset), where
up is bicubic: color changes where lightness does.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.color.units import FloatArray, Levels

_FINER = 2  # bicubic up to this many times the small size, bilinear from there: nearly as good, and faster
_ROWS_ALIKE = 3  # as many times more rows than the fields have, and every two of them, then three, … share theirs
_QUARTER = [np.float32(weight / 128) for weight in (111, 29, -3, -9)]  # bicubic, of the pixels 1/4, 3/4, 7/4, 5/4 away
_EPSILON = 0.0125  # variance of the level, on [0, 1], below which color no longer follows it

_Between = tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]  # of each pixel: two smaller ones, and how far between


class Upsampler(Protocol):
    """Gives `ab` for any rows of the full-size photo; strips and one piece give the same result."""

    def rows(self, levels: Levels, top: int) -> FloatArray:
        """Upsample some rows.

        Args:
            levels: the full-size gray levels (n, W) of the n rows.
            top: the number of the first of them.

        Returns:
            `ab` (2, n, W) of them.
        """


def upsampler(ab: FloatArray, levels: FloatArray, height: int, width: int) -> Upsampler:
    """Prepare to upsample a photo. Everything is linear in ab, so any scaled and shifted form of it will do.

    Args:
        ab: small (2, h, w).
        levels: the gray levels (h, w) it belongs to, on [0, 1].
        height: of the photo, in pixels.
        width: of the photo.

    Returns:
        What gives its rows.
    """
    _, h, w = ab.shape
    if h >= height and w >= width:
        return _Resized(ab, height, width)
    ab = np.ascontiguousarray(ab)  # networks give it pixel by pixel
    slope = _slope(ab, levels)
    fields = np.concatenate([slope, ab - slope * levels])  # (4, h, w)
    if height <= _FINER * h and width <= _FINER * w:  # finer fields would be larger than the photo
        return _Guided(_WholeFields(fields, height, width))
    return _Guided(_FieldsByRows(fields, height, width))


class _Resized:
    """For a photo that is no larger than what the network saw."""

    def __init__(self, ab: FloatArray, height: int, width: int) -> None:
        self._ab = _resized(ab, height, width, Image.Resampling.BILINEAR)  # (2, H, W)

    def rows(self, levels: Levels, top: int) -> FloatArray:
        return self._ab[:, top : top + len(levels)].copy()


class _Guided:
    """For a larger one: ab = slope · level + offset."""

    def __init__(self, fields: _WholeFields | _FieldsByRows) -> None:
        self._fields = fields

    def rows(self, levels: Levels, top: int) -> FloatArray:
        alike, bottom = self._fields.alike, top + len(levels)
        light = levels * np.float32(1 / np.iinfo(levels.dtype).max)
        ab = np.empty((2, *levels.shape), np.float32)
        for number, fields in self._fields.pieces(top // alike, (bottom - 1) // alike + 1):
            slope, offset = fields[:, :2].swapaxes(0, 1), fields[:, 2:].swapaxes(0, 1)  # (2, n, W) each
            begin, end = max(number * alike, top), min((number + len(fields)) * alike, bottom)
            for phase in range(alike):  # every so many rows, each with fields of its own
                start = begin + (phase - begin) % alike
                own = slice(start - top, end - top, alike)
                of_these = slice(start // alike - number, start // alike - number + len(range(start, end, alike)))
                np.multiply(slope[:, of_these], light[own], out=ab[:, own])
                ab[:, own] += offset[:, of_these]
        return ab


class _WholeFields:
    """Slope and offset in full size, made at once."""

    alike = 1  # rows of the photo that share a row of them

    def __init__(self, fields: FloatArray, height: int, width: int) -> None:
        """Small `fields` (4, h, w)."""
        self._fields = _resized(fields, height, width, Image.Resampling.BICUBIC).swapaxes(0, 1)  # (H, 4, W)

    def pieces(self, top: int, bottom: int) -> Iterator[tuple[int, FloatArray]]:
        """All of these rows: the number of the first, and (n, 4, W)."""
        yield top, self._fields[top:bottom]


class _FieldsByRows:
    """Slope and offset in full width, and as many rows at a time as are asked for."""

    def __init__(self, fields: FloatArray, height: int, width: int) -> None:
        """Small `fields` (4, h, w)."""
        self._fields = _finer(_finer(fields.swapaxes(0, 1), axis=2), axis=0)  # (2h, 4, 2w): a row in one piece
        self.alike = max(1, height // (_ROWS_ALIKE * len(self._fields)))  # rows of the photo that share one
        self._down = _between(len(self._fields), height, self.alike)
        self._across = _between(self._fields.shape[2], width)
        self._kept = (0, np.empty((0, 4, width), np.float32))

    def pieces(self, top: int, bottom: int) -> Iterator[tuple[int, FloatArray]]:
        """These rows, together those that lie between the same two: few enough for the processor's cache.

        Yields:
            The number of the first, and (n, 4, W), which is overwritten by the next ones.
        """
        above, below, weight = (each[top:bottom] for each in self._down)
        wide, steps = self._wide_rows(int(above[0]), int(below[-1]) + 1)
        bounds = np.flatnonzero(np.diff(above, prepend=-1, append=-1)).tolist()
        most = max(end - start for start, end in pairwise(bounds))
        space = np.empty((most, *wide.shape[1:]), np.float32)
        for start, end in pairwise(bounds):
            piece, index = space[: end - start], above[start] - above[0]
            np.multiply(steps[index], weight[start:end, None, None], out=piece)
            piece += wide[index]
            yield top + start, piece

    def _wide_rows(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """These rows of the fields (n, 4, W), and the step from each to the next. The last ones are kept."""
        begin, kept = self._kept
        kept = kept[max(0, start - begin) : max(0, stop - begin)] if begin <= start else kept[:0]
        wide = np.concatenate([kept, _lerp(self._fields[start + len(kept) : stop], self._across, axis=2)])
        self._kept = (start, wide)
        steps = np.zeros_like(wide)
        np.subtract(wide[1:], wide[:-1], out=steps[:-1])
        return wide, steps


def _slope(ab: FloatArray, levels: FloatArray) -> FloatArray:
    """Slope (2, h, w) of ab over the level: least squares in a window, damped by `_EPSILON`, averaged a little."""
    channels = np.concatenate([levels[None], ab])  # (3, h, w)
    means = _box(np.concatenate([channels, levels * channels]))  # (6, h, w)
    mean_level, mean_square = means[0], means[3]
    covariance = means[4:] - mean_level * means[1:3]
    variance = np.maximum(mean_square - mean_level * mean_level, 0)
    variance += np.float32(_EPSILON)
    return _box(covariance / variance)


def _box(x: FloatArray) -> FloatArray:
    """Mean over the 3 × 3 pixels around each pixel (C, h, w), the border continued."""
    for axis in (1, 2):
        before = x.swapaxes(0, axis)
        x = x.copy()
        result = x.swapaxes(0, axis)
        result[1:] += before[:-1]
        result[:-1] += before[1:]
        result[0] += before[0]
        result[-1] += before[-1]
    x *= np.float32(1 / 9)
    return x


def _resized(x: FloatArray, height: int, width: int, how: Image.Resampling) -> FloatArray:
    """(C, H, W) of (C, h, w), by Pillow."""
    return np.stack([np.asarray(Image.fromarray(each).resize((width, height), how)) for each in x])


def _finer(x: FloatArray, axis: int) -> FloatArray:
    """`_FINER` = 2 times as many along an axis, bicubic (Keys 1981, a = −½), the border continued."""
    count = x.shape[axis]
    padded = np.take(x, np.arange(-2, count + 2).clip(0, count - 1), axis=axis)
    taps = np.moveaxis(padded, axis, 0)
    result = np.empty((*x.shape[:axis], count, _FINER, *x.shape[axis + 1 :]), np.float32)
    before, behind = np.moveaxis(result, (axis + 1, axis), (0, 1))  # by a quarter of a pixel
    part = np.empty_like(x)  # in the order of `x` in memory, as the views on it
    part = np.moveaxis(part, axis, 0)
    for half, step in ((before, 1), (behind, -1)):
        np.multiply(taps[2:-2], _QUARTER[0], out=half)
        for distance, weight in zip((-1, -2, 1), _QUARTER[1:], strict=True):
            start = 2 + distance * step
            np.multiply(taps[start : start + count], weight, out=part)
            half += part
    return result.reshape(*x.shape[:axis], count * _FINER, *x.shape[axis + 1 :])


def _lerp(x: FloatArray, between: _Between, axis: int) -> FloatArray:
    """Interpolate linearly along an axis."""
    first, second, weight = between
    result = np.take(x, first, axis=axis, mode="clip")  # all of them are there; to check that takes time
    step = np.take(x, second, axis=axis, mode="clip")
    step -= result
    step *= weight
    result += step
    return result


def _between(small: int, full: int, every: int = 1) -> _Between:
    """For the middle of `every` so many of `full` pixels the two of `small` that it lies between, and how far on."""
    middle = np.arange(0, full, every) + every / 2
    position = (middle * (small / full) - 0.5).clip(0, small - 1)
    above = position.astype(np.intp)
    return above, np.minimum(above + 1, small - 1), (position - above).astype(np.float32)
