"""Gray levels, their lightness, and colors that keep it: the arithmetic of full-size photos, on NumPy arrays.

`levels`  (H, W)     gray of uint8 or uint16, sRGB-encoded
`l`       (H, W)     L*/50 − 1 of them, float32
`ab`      (2, H, W)  (a*, b*)/110, float32

The promise: the L* of a merged pixel, taken to the nearest gray level, is the level that it was merged from. Rounding
red, green and blue by themselves does not keep it. So red and blue are rounded, and green is chosen for what is left
of the pixel's luminance. That always suffices: green carries 0.715 of the luminance Y, so it is at most the level of
Y / 0.715, where the steps of sRGB are 1.22 times as high as at the level of Y; half such a step of green moves Y by
0.87 of half a step of gray.

CIE 1976 L*a*b*, D65, with the numbers of scikit-image and kornia.
"""

from __future__ import annotations

import mmap
from functools import cache

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import (
    AB_RANGE,
    CHROMA_OF_GRAY,
    CHROMA_UNIT,
    L_HALF_RANGE,
    LAST_CHROMA,
    LAST_LEVEL,
    LAST_LEVEL_16,
    Chroma,
    FloatArray,
    Levels,
    srgb_decode,
    srgb_encode,
    to_chroma,
)

# XYZ of linear sRGB, of which the middle row is luminance, and its inverse; the white point.
_XYZ_OF_RGB = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_RGB_OF_XYZ = np.linalg.inv(_XYZ_OF_RGB)
_WHITE_X, _WHITE_Z = 0.95047, 1.08883
_RGB_OF_CUBES = (_RGB_OF_XYZ * [_WHITE_X, 1, _WHITE_Z]).astype(np.float32)  # of X/Xn, Y and Z/Zn
_Y_RED, _Y_GREEN, _Y_BLUE = (float(weight) for weight in _XYZ_OF_RGB[1])

_KNEE = 6 / 29  # below it the cube root of L*a*b* is a straight line
_PAIRS = 1 << 14  # of them worked out at once: what this takes fits into the processor's cache
_LEVELS_AT_ONCE = 8  # worked out together: where one is met its neighbors will be
_BINS = 1 << 16  # of the tables that are looked up by a value in [0, 1]


def levels_to_l(levels: Levels) -> FloatArray:
    """`l` of gray levels, of the same shape."""
    return _l_of_level(_last_level(levels))[levels]


def to_levels(pixels: Levels) -> Levels:
    """The gray levels (…) nearest in L* to colors (…, 3), of the same 8 or 16 bit. Grays (H, W) are levels already."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return np.ascontiguousarray(red)
    return _nearest_levels(_luminance(pixels), _last_level(pixels))


def lightness_of(rgb: Levels) -> FloatArray:
    """L* in [0, 100] of gray levels (H, W) or of colors (H, W, 3), uint8 or uint16."""
    if rgb.ndim == 2:
        return (levels_to_l(rgb) + 1) * np.float32(L_HALF_RANGE)
    return _lightness(_luminance(rgb).astype(np.float64)).astype(np.float32)


def ab_of(rgb: NDArray[np.uint8]) -> FloatArray:
    """`ab` (…, 2) of sRGB colors (…, 3)."""
    linear = srgb_decode(rgb / LAST_LEVEL)
    x, y, z = np.moveaxis(linear @ _XYZ_OF_RGB.T, -1, 0)
    roots = [_root(each) for each in (x / _WHITE_X, y, z / _WHITE_Z)]
    a, b = 500 * (roots[0] - roots[1]), 200 * (roots[1] - roots[2])
    return np.stack([a, b], axis=-1).astype(np.float32) / np.float32(AB_RANGE)


def linear_rgb_of(lightness: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Linear sRGB of L*, a* and b*.

    Args:
        lightness: L* (…) in [0, 100].
        a: a* (…), not divided by 110.
        b: b* (…), likewise.

    Returns:
        Red, green and blue (3, …), float32, below 0 and above 1 as well: outside sRGB.
    """
    roots = np.empty((3, *lightness.shape), np.float32)
    roots[:] = lightness
    roots += np.float32(16)
    roots *= np.float32(1 / 116)
    roots[0] += a * np.float32(1 / 500)
    roots[2] -= b * np.float32(1 / 200)
    return np.asarray((_RGB_OF_CUBES @ _cube(roots).reshape(3, -1)).reshape(roots.shape))


def merge(levels: Levels, ab: FloatArray) -> Levels:
    """Merge a photo's lightness with its color at once, as `Merger` does it by rows.

    Args:
        levels: gray (H, W), uint8 or uint16.
        ab: (2, H, W), (a*, b*)/110.

    Returns:
        sRGB (H, W, 3), of the levels' type.
    """
    rgb = np.empty((*levels.shape, 4), levels.dtype)
    Merger(ab).merge(levels, to_chroma(ab), rgb)
    return rgb[..., :3]


class Merger:
    """Merges the lightness of a photo with its color into sRGB.

    In 8 bit, a* and b* are rounded: by 0.4 ΔE on average, too little to be seen. So there are only so many pairs of
    level and chroma: each is worked out where it is first met, and from then on, in other photos too, looked up.
    """

    def __init__(self, ab: FloatArray) -> None:
        """`ab` (2, h, w): what the photo's colors will lie between."""
        each = ab.reshape(2, -1)
        self._low, self._high = to_chroma(np.stack([each.min(axis=1), each.max(axis=1)]))  # (2,)

    def merge(self, levels: Levels, chroma: Chroma, out: Levels) -> None:
        """Merge some rows.

        Chroma that sRGB lacks at a pixel's lightness is lowered: by mixing with gray of the same luminance, in linear
        light, until the color exists. So neither lightness nor dominant wavelength changes.

        Args:
            levels: gray (H, W), uint8 or uint16.
            chroma: (2, H, W), as of `to_chroma`; it is overwritten.
            out: for sRGB, of the levels' type: (H, W, 4) of 8 bit, in one piece, (H, W, 3 or 4) of 16 bit. A fourth
                channel has no meaning.
        """
        for each, low, high in zip(chroma, self._low, self._high, strict=True):
            np.clip(each, low, high, out=each)
        if levels.dtype == np.uint16:
            a, b = (chroma.astype(np.float32) - np.float32(CHROMA_OF_GRAY)) * np.float32(1 / CHROMA_UNIT)
            out[:] = _merge(levels, a, b)[..., : out.shape[-1]]
            return
        # The place in the table has 8 bits each of a*, b* and the level.
        a_bytes, b_and_level = chroma
        a_bytes >>= 8
        b_and_level &= LAST_CHROMA - LAST_LEVEL
        b_and_level |= levels.astype(np.uint16)  # of one type: three times as fast as of two
        index = a_bytes.astype(np.int32)
        index <<= 16
        index |= b_and_level
        _look_up(index.reshape(-1), out.view(np.uint32).reshape(-1))


def _look_up(index: NDArray[np.int32], colors: NDArray[np.uint32]) -> None:
    """Fill in the colors (N,) at these places (N,) of the table."""
    table = _table()
    np.take(table, index, mode="clip", out=colors)  # no index is too high; to check that takes time, "wrap" takes more
    if not colors.min():
        unknown = np.flatnonzero(colors == 0)
        _learn(table, index[unknown])
        colors[unknown] = table[index[unknown]]


@cache
def _table() -> NDArray[np.uint32]:
    """By chroma and level: red, green, blue and a byte that stays 0 until they are known.

    64 MB, of which what is never touched costs nothing (of NumPy's own arrays it would be pages of 2 MB that are
    touched). Threads share it: whichever comes first, they write the same. Threads that ask first at the same time may
    each get one of their own, so what is filled in has to be what is looked up.
    """
    return np.frombuffer(mmap.mmap(-1, 4 << 24), np.uint32)


def _learn(table: NDArray[np.uint32], index: NDArray[np.int32]) -> None:
    """Fill in the table at these places, which may repeat themselves."""
    blocks = table.reshape(-1, _LEVELS_AT_ONCE)
    missing = np.sort(index // _LEVELS_AT_ONCE)
    missing = missing[np.diff(missing, prepend=-1) > 0]  # np.unique would import numpy.ma, which takes time
    most = _PAIRS // _LEVELS_AT_ONCE
    for some in np.split(missing, range(most, len(missing), most)):
        index = some[:, None] * _LEVELS_AT_ONCE  # (n, 1)
        levels = ((index & LAST_LEVEL) + np.arange(_LEVELS_AT_ONCE)).astype(np.uint8)
        a, b = (((index >> bits & LAST_LEVEL) - CHROMA_OF_GRAY // CHROMA_UNIT).astype(np.float32) for bits in (16, 8))
        colors = _merge(levels, a, b)
        blocks[some] = colors.view(np.uint32)[..., 0]


def _merge(levels: Levels, a: FloatArray, b: FloatArray) -> Levels:
    """What `Merger.merge` gives, its last byte full; a* and b* (H, W), or of a shape that broadcasts to it."""
    last = _last_level(levels)
    luminance = _luminance_of_level(last)[levels]
    root = _root_of_level(last)[levels]
    x = _cube(root + a * np.float32(1 / 500))
    x *= np.float32(_WHITE_X)
    z = _cube(root - b * np.float32(1 / 200))
    z *= np.float32(_WHITE_Z)
    # As what each channel has above (or below) the gray of the same luminance.
    channels = []
    for row in _RGB_OF_XYZ.astype(np.float32):
        channel = x * row[0]
        channel += z * row[2]
        channel += luminance * (row[1] - 1)
        channels.append(channel)
    share = _share_in_gamut(channels, luminance)
    red, green, blue = (luminance + channel * share for channel in channels)

    result = np.full((*levels.shape, 4), last, levels.dtype)
    result[..., 0] = _encode(red, last)
    result[..., 2] = _encode(blue, last)
    decode = _luminance_of_level(last)
    green = luminance - np.float32(_Y_RED) * decode[result[..., 0]] - np.float32(_Y_BLUE) * decode[result[..., 2]]
    green *= np.float32(1 / _Y_GREEN)
    result[..., 1] = _encode(green, last)
    return result


def _share_in_gamut(channels: list[FloatArray], luminance: FloatArray) -> FloatArray:
    """The share of these deviations from gray, at most 1, that keeps every channel in [0, 1]."""
    highest = np.maximum(np.maximum(channels[0], channels[1]), channels[2])
    lowest = np.minimum(np.minimum(channels[0], channels[1]), channels[2])
    tiny = np.float32(1e-12)
    share = np.minimum((1 - luminance) / np.maximum(highest, tiny), luminance / np.maximum(-lowest, tiny))
    return np.minimum(share, 1, out=share)


def _luminance(rgb: Levels) -> FloatArray:
    """Y in [0, 1] of colors (…, 3)."""
    decode = _luminance_of_level(_last_level(rgb))
    y = decode[rgb[..., 0]] * np.float32(_Y_RED)
    y += decode[rgb[..., 1]] * np.float32(_Y_GREEN)
    y += decode[rgb[..., 2]] * np.float32(_Y_BLUE)
    return y


def _last_level(levels: Levels) -> int:
    return LAST_LEVEL if levels.dtype == np.uint8 else LAST_LEVEL_16


def _nearest_levels(luminance: FloatArray, last: int) -> Levels:
    """The gray levels from 0 to `last` whose L* is nearest to that of the luminance."""
    if last > LAST_LEVEL:
        return np.searchsorted(_level_bounds(last), luminance, side="right").astype(np.uint16)
    # The table gives the level at the lower end of a bin; no bin holds more than one bound.
    levels = _level_of_bin()[(luminance * np.float32(_BINS - 1)).astype(np.uint16)]
    levels += luminance >= _level_bounds(last)[levels]
    return levels


def _encode(linear: FloatArray, last: int) -> Levels:
    """Linear light to the nearest levels from 0 to `last`; below 0 and above 1 to the first and the last."""
    linear = np.clip(linear, 0, 1)
    if last > LAST_LEVEL:
        levels: NDArray[np.uint16] = np.rint(srgb_encode(linear) * np.float32(last)).astype(np.uint16)
        return levels
    linear *= np.float32(_BINS - 1)
    linear += np.float32(0.5)
    return _encoded_bin()[linear.astype(np.uint16)]


def _cube(root: FloatArray) -> FloatArray:
    """X/Xn or Z/Zn of its root: f³, and below the knee the tangent there, which is where f³ starts."""
    above = np.clip(root, np.float32(_KNEE), np.float32(9))  # np.maximum with a number takes twice the time
    below = np.subtract(root, above)
    below *= np.float32(3 * _KNEE**2)
    cube = above * above
    cube *= above
    cube += below
    return cube


def _root(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    """f of L*a*b*: the cube root, near black a straight line."""
    return np.where(luminance > _KNEE**3, np.cbrt(luminance), luminance / (3 * _KNEE**2) + 4 / 29)


def _lightness(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    return 116 * _root(luminance) - 16


@cache
def _luminance_of_level(last: int) -> FloatArray:
    return srgb_decode(np.arange(last + 1) / last).astype(np.float32)


@cache
def _root_of_level(last: int) -> FloatArray:
    return _root(srgb_decode(np.arange(last + 1) / last)).astype(np.float32)


@cache
def _l_of_level(last: int) -> FloatArray:
    return (_lightness(srgb_decode(np.arange(last + 1) / last)) / L_HALF_RANGE - 1).astype(np.float32)


@cache
def _level_bounds(last: int) -> FloatArray:
    """Luminance (last + 1,) halfway in L* between each gray level and the next; after the last there is none."""
    lightness = _lightness(srgb_decode(np.arange(last + 1) / last))
    root = ((lightness[:-1] + lightness[1:]) / 2 + 16) / 116
    bounds = np.where(root > _KNEE, root**3, (root - 4 / 29) * 3 * _KNEE**2)
    return np.append(bounds, np.inf).astype(np.float32)


@cache
def _level_of_bin() -> NDArray[np.uint8]:
    return np.searchsorted(_level_bounds(LAST_LEVEL), np.arange(_BINS) / (_BINS - 1), side="right").astype(np.uint8)


@cache
def _encoded_bin() -> NDArray[np.uint8]:
    """The level nearest in linear light, of the bin around each value."""
    linear = _luminance_of_level(LAST_LEVEL)
    return np.searchsorted((linear[:-1] + linear[1:]) / 2, np.arange(_BINS) / (_BINS - 1)).astype(np.uint8)
