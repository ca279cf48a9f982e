"""Small `ab` to full size along the edges of the full-size grey levels, a few rows at a time.

As in a fast guided filter (He & Sun 2015, arXiv 1505.00996), around every small pixel ab is taken for a linear function
of the grey level, slope · level + offset. But the line goes through the small pixel itself, offset = ab − slope · level
there, not through the mean around it, so nothing is smoothed. At full size ab = up(slope) · level + up(offset), where
up is bicubic: colour changes where lightness does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.units import FloatArray, Levels

_FINER = 2  # bicubic up to this many times the small size, bilinear from there: nearly as good, and faster
_ROWS_BETWEEN = 4  # from so many rows between the same two on they are done together, each row by itself before
_EPSILON = 0.0125  # variance of the level, on [0, 1], below which colour no longer follows it

_Between = tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]  # of each pixel: two smaller ones, and how far between


class Upsampler:
    """`rows(levels, top)` gives ab for any rows of the full-size photo; strips and one piece give the same result.

    Everything is linear in ab, so any scaled and shifted form of it will do.
    """

    def __init__(self, ab: FloatArray, levels: FloatArray, height: int, width: int) -> None:
        """Small `ab` (2, h, w) and the grey levels (h, w) it belongs to, on [0, 1]; the full size in pixels."""
        self._guided = ab.shape[1] < height or ab.shape[2] < width
        if self._guided:
            slope = _slope(ab, levels)
            fields = np.concatenate([slope, ab - slope * levels])  # (4, h, w)
            fields = _finer(_finer(fields.swapaxes(1, 2)).swapaxes(1, 2))  # (4, 2h, 2w)
            self._fields = np.ascontiguousarray(fields.swapaxes(0, 1))  # (2h, 4, 2w): a row is one piece of memory
            self._down = _between(len(self._fields), height)
            self._across = _between(self._fields.shape[2], width)
        else:  # the photo is no larger than what the network saw
            shrunk = [Image.fromarray(each).resize((width, height), Image.Resampling.BILINEAR) for each in ab]
            self._fields = np.stack([np.asarray(each) for each in shrunk])  # (2, H, W)

    def rows(self, levels: Levels, top: int) -> FloatArray:
        """`ab` (2, n, W) of the n rows from `top`, whose full-size grey levels are `levels` (n, W)."""
        if not self._guided:
            return self._fields[:, top : top + len(levels)].copy()
        fields = self._rows(top, len(levels)).swapaxes(0, 1)  # (4, n, W)
        ab, offset = fields[:2], fields[2:]
        ab *= levels * np.float32(1 / np.iinfo(levels.dtype).max)
        ab += offset
        return ab

    def _rows(self, top: int, count: int) -> FloatArray:
        """The n rows of the fields (n, 4, W) from `top` of the full height: those they lie between first get wide."""
        above, below, weight = self._down
        above, below, weight = above[top : top + count], below[top : top + count], weight[top : top + count]
        first, last = int(above[0]), int(below[-1])
        wide = _lerp(self._fields[first : last + 1], self._across, axis=2)  # (k, 4, W)
        above, below = above - first, below - first
        if count < _ROWS_BETWEEN * len(wide):
            return _lerp(wide, (above, below, weight[:, None, None]), axis=0)
        result = np.empty((count, *wide.shape[1:]), np.float32)
        starts = np.flatnonzero(np.diff(above, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], count], strict=True):  # all rows between the same two at once
            upper = wide[above[start]]
            np.multiply(wide[below[start]] - upper, weight[start:stop, None, None], out=result[start:stop])
            result[start:stop] += upper
        return result


def _slope(ab: FloatArray, levels: FloatArray) -> FloatArray:
    """Slope (2, h, w) of ab over the level: least squares in a window, damped by `_EPSILON`, averaged a little."""
    mean_level, mean_ab = _box(levels), _box(ab)
    variance = _box(levels * levels) - mean_level * mean_level
    covariance = _box(levels * ab) - mean_level * mean_ab
    return _box(np.divide(covariance, np.maximum(variance, 0) + _EPSILON, dtype=np.float32))


def _box(x: FloatArray) -> FloatArray:
    """Mean over the 3 × 3 pixels around each pixel (…, h, w), the border continued."""
    x = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(1, 1), (1, 1)], mode="edge")
    x = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    x = x[..., :-2] + x[..., 1:-1] + x[..., 2:]
    x *= np.float32(1 / 9)
    return x


def _finer(x: FloatArray) -> FloatArray:
    """`_FINER` times as many rows (C, h, W), bicubic (Keys 1981, a = −½)."""
    channels, height, width = x.shape
    padded = np.pad(x, ((0, 0), (2, 2), (0, 0)), mode="edge")
    result = np.empty((channels, height, _FINER, width), np.float32)
    for phase in range(_FINER):
        position = (phase + 0.5) / _FINER - 0.5
        first = math.floor(position)
        t = position - first
        weights = (
            -t / 2 + t**2 - t**3 / 2,
            1 - 2.5 * t**2 + 1.5 * t**3,
            t / 2 + 2 * t**2 - 1.5 * t**3,
            (t**3 - t**2) / 2,
        )
        taps = [padded[:, first + 1 + tap : first + 1 + tap + height] for tap in range(4)]
        result[:, :, phase] = sum(tap * np.float32(weight) for tap, weight in zip(taps, weights, strict=True))
    return result.reshape(channels, height * _FINER, width)


def _lerp(x: FloatArray, between: _Between, axis: int) -> FloatArray:
    """Interpolate linearly along an axis."""
    first, second, weight = between
    result = np.take(x, first, axis=axis)
    step = np.take(x, second, axis=axis)
    step -= result
    step *= weight
    result += step
    return result


def _between(small: int, full: int) -> _Between:
    """For each of `full` pixels the two of `small` pixels that it lies between, and how far on the way."""
    position = ((np.arange(full) + 0.5) * (small / full) - 0.5).clip(0, small - 1)
    above = position.astype(np.intp)
    return above, np.minimum(above + 1, small - 1), (position - above).astype(np.float32)
