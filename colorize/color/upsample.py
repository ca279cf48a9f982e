"""Small `ab` to full size along the edges of the full-size gray levels, a few rows at a time.

As in a fast guided filter (He & Sun 2015, arXiv 1505.00996), around every small pixel ab is taken for a linear function
of the gray level. But the line goes through the small pixel itself, not through the mean around it, so nothing is
smoothed. Slope and middle of the line are made larger by bicubic interpolation; color changes where lightness does.

Full size is worked on in 16 bit: what is half as wide takes half the time.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.color.units import (
    AB_RANGE,
    CHROMA_OF_GRAY,
    CHROMA_UNIT,
    LAST_CHROMA,
    LAST_LEVEL,
    Chroma,
    FloatArray,
    Levels,
    to_chroma,
)

_FINER = 2  # bicubic up to this many times the small size, linear from there: nearly as good, and faster
_PLACES = 2  # between two of these; with more pixels than that, every two of them, then three, … share theirs
_QUARTER = [np.float32(weight / 128) for weight in (111, 29, -3, -9)]  # bicubic, of the pixels 1/4, 3/4, 7/4, 5/4 away
_EPSILON = 0.0125  # variance of the level, on [0, 1], below which color no longer follows it
_MIDDLE = 128  # the level at which lines are known: rounding their slopes matters least there

_Between = tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]  # of each pixel: two smaller ones, and how far between


class Upsampler(Protocol):
    """Gives colors for any rows of the full-size photo; strips and one piece give the same result."""

    def rows(self, levels: Levels, top: int) -> Chroma:
        """Upsample some rows.

        Args:
            levels: the full-size gray levels (n, W) of the n rows.
            top: the number of the first of them.

        Returns:
            `chroma` (2, n, W) of them.
        """


def upsampler(ab: FloatArray, levels: FloatArray, height: int, width: int) -> Upsampler:
    """Prepare to upsample a photo.

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
    fields = _lines(np.ascontiguousarray(ab), levels)  # (4, h, w); networks give ab pixel by pixel
    if height <= _FINER * h and width <= _FINER * w:  # finer fields would be larger than the photo
        return _Guided(_WholeFields(fields, height, width))
    return _Guided(_FieldsByRows(fields, height, width))


def _lines(ab: FloatArray, levels: FloatArray) -> FloatArray:
    """Fields (4, h, w): by how much a* and b* grow with each level of 8 bit, and what they are at `_MIDDLE`."""
    slope = slope_over_level(ab, levels)
    to_middle = np.float32(_MIDDLE / LAST_LEVEL) - levels
    fields = np.concatenate([slope * np.float32(1 / LAST_LEVEL), ab + slope * to_middle])
    fields *= np.float32(AB_RANGE * CHROMA_UNIT)
    fields[2:] += np.float32(CHROMA_OF_GRAY)
    return fields


class _Resized:
    """For a photo that is no larger than what the network saw."""

    def __init__(self, ab: FloatArray, height: int, width: int) -> None:
        self._chroma = to_chroma(_resized(ab, height, width, Image.Resampling.BILINEAR))  # (2, H, W)

    def rows(self, levels: Levels, top: int) -> Chroma:
        return self._chroma[:, top : top + len(levels)].copy()


class _Guided:
    """For a larger one: chroma = slope · (level − 128) + middle."""

    def __init__(self, fields: _WholeFields | _FieldsByRows) -> None:
        self._fields = fields

    def rows(self, levels: Levels, top: int) -> Chroma:
        alike, bottom = self._fields.alike, top + len(levels)
        first = top // alike
        fields = self._fields.rows(first, (bottom - 1) // alike + 1)
        slope, middle = fields[:, :2].swapaxes(0, 1), fields[:, 2:].swapaxes(0, 1)  # (2, n, W) each
        light = levels.astype(np.uint16) if levels.dtype == np.uint8 else levels >> 8
        light -= np.uint16(_MIDDLE)  # below 0, this and the products wrap around, and what is added takes them back
        chroma = np.empty((2, *levels.shape), np.uint16)
        for start in range(top, min(top + alike, bottom)):  # every so many rows, each with fields of its own
            own = slice(start - top, None, alike)
            of_these = slice(start // alike - first, start // alike - first + len(range(start, bottom, alike)))
            np.multiply(slope[:, of_these], light[own], out=chroma[:, own])
            chroma[:, own] += middle[:, of_these]
        return chroma


class _WholeFields:
    """Slope and middle in full size, made at once."""

    alike = 1  # rows of the photo that share a row of them

    def __init__(self, fields: FloatArray, height: int, width: int) -> None:
        """Small `fields` (4, h, w)."""
        large = _resized(fields, height, width, Image.Resampling.BICUBIC).swapaxes(0, 1)  # (H, 4, W)
        self._fields = _rounded(_bounded(large))

    def rows(self, start: int, stop: int) -> Chroma:
        """These rows (n, 4, W)."""
        return self._fields[start:stop]


class _FieldsByRows:
    """Slope and middle in full width, and as many rows at a time as are asked for."""

    def __init__(self, fields: FloatArray, height: int, width: int) -> None:
        """Small `fields` (4, h, w)."""
        finer = _bounded(_finer(_finer(fields.swapaxes(0, 1), axis=2), axis=0))  # (2h, 4, 2w): a row in one piece
        self.alike, self._columns_alike = _alike(height, finer.shape[0]), _alike(width, finer.shape[2])
        self._width = width
        self._down = _between(finer.shape[0], height, self.alike)
        self._fields = _lerp(finer, _between(finer.shape[2], width, self._columns_alike), axis=2)  # (2h, 4, W / alike)

    def rows(self, start: int, stop: int) -> Chroma:
        """These rows (n, 4, W)."""
        above, below, weight = self._down
        fields = _lerp(self._fields, (above[start:stop], below[start:stop], weight[start:stop]), axis=0)
        wide = np.empty((*fields.shape, self._columns_alike), np.uint16)
        narrow = _rounded(fields)
        for column in range(self._columns_alike):  # in one step it takes four times as long
            wide[..., column] = narrow
        return wide.reshape(*fields.shape[:2], -1)[..., : self._width]


def _alike(full: int, finer: int) -> int:
    """How many pixels in a row (or column) of `full` share one value of `finer` fields that is interpolated."""
    return max(1, full // (_PLACES * finer))


def _bounded(fields: FloatArray) -> FloatArray:
    """The fields (n, 4, W) themselves, lines made flatter where they would leave the range of `chroma`."""
    slope, middle = fields[:, :2], fields[:, 2:]
    np.clip(middle, _MIDDLE, LAST_CHROMA - _MIDDLE, out=middle)
    room = np.minimum(middle, LAST_CHROMA - middle)
    room -= _MIDDLE  # slopes are rounded by half a unit at most
    room *= np.float32(1 / _MIDDLE)
    np.clip(slope, -room, room, out=slope)
    return fields


def _rounded(fields: FloatArray) -> Chroma:
    """Slopes and middles to the nearest; slopes below 0 wrap around."""
    np.rint(fields, out=fields)
    return fields.astype(np.int32).astype(np.uint16)


def slope_over_level(ab: FloatArray, levels: FloatArray) -> FloatArray:
    """By how much ab grows with the level around each pixel: least squares in a window, damped, averaged a little.

    Args:
        ab: small (2, h, w).
        levels: the gray levels (h, w) it belongs to, on [0, 1].

    Returns:
        (2, h, w), in units of ab over the whole range of levels.
    """
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
    step *= weight.reshape(-1, *[1] * (x.ndim - 1 - axis))
    result += step
    return result


def _between(small: int, full: int, every: int = 1) -> _Between:
    """For the middle of `every` so many of `full` pixels the two of `small` that it lies between, and how far on."""
    middle = np.arange(0, full, every) + every / 2
    position = (middle * (small / full) - 0.5).clip(0, small - 1)
    above = position.astype(np.intp)
    return above, np.minimum(above + 1, small - 1), (position - above).astype(np.float32)
