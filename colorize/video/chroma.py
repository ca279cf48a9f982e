"""Colors as Cb and Cr in a film's own matrix, range and depth. Luma is given, and stays.

For a level g of luma, and a* and b*, the color is looked for that has exactly this luma and these a* and b*. Where
R'G'B' cannot hold it, its Cb and Cr are lowered together until it can: the color gets paler, its luma does not move.
"""

from __future__ import annotations

import mmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorize.color.lightness import lightness_of, linear_rgb_of
from colorize.color.units import (
    CHROMA_OF_GRAY,
    CHROMA_UNIT,
    LAST_CHROMA,
    LAST_LEVEL,
    Chroma,
    FloatArray,
    srgb_encode,
)

Codes = NDArray[np.unsignedinteger[Any]]  # of a plane: uint8, or uint16 for more than 8 bit

_STEP_BITS = 7  # of `chroma`: a* and b* are rounded to multiples of 0.5
_STEP = (1 << _STEP_BITS) / CHROMA_UNIT
_HALF = 1 << (_STEP_BITS - 1)
_STEPS = (LAST_CHROMA >> _STEP_BITS) + 1  # of that size from the lowest a* or b* to the highest
_GRAY = (CHROMA_OF_GRAY - _HALF) >> _STEP_BITS
_LEVELS = LAST_LEVEL + 1
_AT_ONCE = 1 << 16  # colors worked out at once
_HALVINGS = 12  # of the search for L*: to 1/100
# L* of a color, less that of the gray of the same luma: so much at the least and the most, by every matrix of a film.
_LOWEST, _HIGHEST = -20.0, 64.0


class ColorCode(NamedTuple):
    """How numbers stand for colors in a film."""

    kr: float  # weight of red in luma
    kb: float  # weight of blue
    full_range: bool  # 0 to 255, instead of 16 to 235 for luma and 16 to 240 for chroma
    depth: int  # bits of a number

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        return np.uint8 if self.depth == 8 else np.uint16

    @property
    def level_of_luma(self) -> NDArray[np.uint8]:
        """The gray level, 0 to 255, of every code of luma."""
        codes = np.arange(1 << self.depth)
        black, white = (0, codes[-1]) if self.full_range else (16 << (self.depth - 8), 235 << (self.depth - 8))
        levels = (codes - black) * (LAST_LEVEL / (white - black))
        return np.asarray(np.rint(levels).clip(0, LAST_LEVEL), np.uint8)

    @property
    def neutral(self) -> int:
        """The code of Cb and Cr of gray."""
        return 1 << (self.depth - 1)

    @property
    def chroma_span(self) -> float:
        """Codes from the lowest Cb or Cr to the highest."""
        return float((1 << self.depth) - 1) if self.full_range else 224.0 * (1 << (self.depth - 8))


class ChromaTable:
    """Cb and Cr of levels and colors. What is first met is worked out; from then on it is looked up."""

    def __init__(self, code: ColorCode) -> None:
        self._code = code
        # 256 MB of addresses, of which what is never touched costs nothing. Cb, then Cr; 0 until they are known.
        self._table = np.frombuffer(mmap.mmap(-1, 4 * _STEPS * _STEPS * _LEVELS), np.uint32)

    def codes(self, levels: NDArray[np.uint8], chroma: Chroma) -> Codes:
        """Cb and Cr.

        Args:
            levels: gray levels (H, W) of the luma.
            chroma: colors (2, H, W), which are overwritten.

        Returns:
            Codes (H, W, 2) of the film's depth, uint8 or uint16.
        """
        np.maximum(chroma, np.uint16(_HALF), out=chroma)
        chroma -= np.uint16(_HALF)
        chroma >>= _STEP_BITS
        index, b = chroma.astype(np.int32)
        index *= _STEPS
        index += b
        index *= _LEVELS
        index += levels
        found = np.take(self._table, index, mode="wrap")  # no index is too high; to check that takes time
        if not found.min():
            self._learn(np.unique(index[found == 0]))
            found = self._table[index]
        pairs = found.view(np.uint16).reshape(*levels.shape, 2)
        return np.asarray(pairs, self._code.dtype)

    def _learn(self, index: NDArray[np.int32]) -> None:
        for some in np.array_split(index, -(-len(index) // _AT_ONCE)):
            chroma, level = np.divmod(some, _LEVELS)
            a, b = ((each - _GRAY).astype(np.float32) * np.float32(_STEP) for each in np.divmod(chroma, _STEPS))
            pairs = chroma_of(level.astype(np.uint8), a, b, self._code)
            self._table[some] = pairs.view(np.uint32)[..., 0]


def chroma_of(levels: NDArray[np.uint8], a: FloatArray, b: FloatArray, code: ColorCode) -> NDArray[np.uint16]:
    """Cb and Cr of colors.

    Args:
        levels: of luma (N,).
        a: a* (N,).
        b: b* (N,).
        code: of the film.

    Returns:
        Codes (N, 2) from 1 up.
    """
    gray = levels * np.float32(1 / LAST_LEVEL)
    encoded = _encoded_with_luma(levels, gray, a, b, code)
    above = encoded - _luma_weights(code) @ encoded  # what each channel has above the gray of this luma
    tiny = np.float32(1e-9)
    share = np.minimum((1 - gray) / np.maximum(above.max(axis=0), tiny), gray / np.maximum(-above.min(axis=0), tiny))
    share = np.minimum(share, 1)
    cb = above[2] * share / np.float32(2 * (1 - code.kb))
    cr = above[0] * share / np.float32(2 * (1 - code.kr))
    pairs = np.rint(np.stack([cb, cr], axis=-1) * np.float32(code.chroma_span)) + code.neutral
    return pairs.clip(1, (1 << code.depth) - 1).astype(np.uint16)


def _encoded_with_luma(
    levels: NDArray[np.uint8], gray: FloatArray, a: FloatArray, b: FloatArray, code: ColorCode
) -> FloatArray:
    """R'G'B' (3, N), also outside of [0, 1], of these a* and b* at the L* where luma is `gray`: found by halving."""
    weights = _luma_weights(code)
    step = np.float32((_HIGHEST - _LOWEST) / 2)
    lightness: FloatArray = lightness_of(np.arange(_LEVELS, dtype=np.uint8)[None])[0][levels]  # of the gray
    lightness += np.float32(_LOWEST) + step
    for _ in range(_HALVINGS):
        step /= 2
        # Most frames meet only a few new colors: what counts is how many calls of NumPy this is.
        lightness += np.copysign(step, gray - weights @ _encoded(lightness, a, b))
    return _encoded(lightness, a, b)


def _encoded(lightness: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """R'G'B' (3, N) by sRGB's curve, which is continued below 0 as its own mirror image."""
    linear = linear_rgb_of(lightness, a, b)
    return np.copysign(srgb_encode(np.abs(linear)), linear)


def _luma_weights(code: ColorCode) -> FloatArray:
    """Of R', G' and B' (3,)."""
    return np.array([code.kr, 1 - code.kr - code.kb, code.kb], np.float32)
