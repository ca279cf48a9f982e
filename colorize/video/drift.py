"""Slow drift of a shot's colors, taken out: what stays in the picture keeps the color that it has had so far.

The network's opinion of a wall wanders over seconds, by more than the mean of neighboring frames can hide. So each key
frame's colors are compared with those that earlier ones carried to it along the motion, band by band of lightness, and
moved towards them. What is new in the picture has nothing to be compared with, and counts for nothing. Where the
network finds a picture more or less colorful from second to second, as in a zoom, it is followed: no key frame is made
much paler or more colorful than it says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import LAST_LEVEL, FloatArray

Correction: TypeAlias = NDArray[np.float64]  # (BANDS, 2): what a key frame's ab get added, by band of lightness

BANDS = 8
_LEVELS = LAST_LEVEL + 1
_MEMORY = 100.0  # key frames after which the network's opinion of now counts 1/e
_POWER = 4  # of chroma, by which a key frame counts: the network is pale where it is unsure
_FADE = 0.2  # change of the mean level, as a share, from key frame to key frame, that makes the shot forget nearly all
_COUNTS_LEAST = 1e-4
_CHROMA_CHANGE = 0.04  # share by which a key frame's mean chroma may change
_HALVINGS = 7  # of the search for how far a correction may go: to less than 1 %
_SEEN_LEAST = 0.005  # share of the pixels: a band that shows less of what was there before stays as it is


def _hats() -> NDArray[np.float64]:
    """How far each level belongs to each band (BANDS, levels): lines from one band's middle to the next."""
    places = np.arange(_LEVELS) * (BANDS - 1) / LAST_LEVEL
    return np.asarray(np.maximum(0, 1 - np.abs(places - np.arange(BANDS)[:, None])))


_HATS = _hats()


@dataclass(frozen=True)
class Memory:
    """What a shot remembers of its key frames."""

    weights: NDArray[np.float64]  # (BANDS,): how much they count
    level: float  # the mean of the last one; negative without one


class Drift:
    """Takes the drift out of one key frame after another."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory(np.zeros(BANDS), -1.0)

    def correction(
        self, ab: FloatArray, levels: NDArray[np.uint8], carried: FloatArray, trust: FloatArray
    ) -> Correction:
        """Count a key frame, and tell what takes the drift out of it.

        Args:
            ab: the network's colors (2, h, w).
            levels: gray levels (h, w).
            carried: the colors (2, h, w) that earlier key frames have given it.
            trust: in them (h, w), 0 or more.

        Returns:
            What its ab get added, by band of lightness (BANDS, 2).
        """
        kept = self.count(ab, levels)
        seen = _by_band(levels, trust) + _SEEN_LEAST * levels.size
        means = [_by_band(levels, (there - here) * trust) / seen for here, there in zip(ab, carried, strict=True)]
        return _limited(kept[:, None] * np.stack(means, axis=-1), ab, levels)

    def count(self, ab: FloatArray, levels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Count a key frame, and tell the share (BANDS,) of those before it.

        Args:
            ab: the network's colors (2, h, w).
            levels: gray levels (h, w).

        Returns:
            How much those before it count by now, of all with this one: 0 to 1 for each band.
        """
        level = float(levels.mean()) + 1
        change = math.log(level / self.memory.level) if self.memory.level > 0 else 0.0
        # A flickering exposure changes less; in a fade from black all was pale.
        before = self.memory.weights * ((1 - 1 / _MEMORY) * math.exp(-((change / _FADE) ** 4)))
        counts = _by_band(levels, np.hypot(*ab) ** _POWER) / np.maximum(_by_band(levels, np.ones_like(ab[0])), 1)
        self.memory = Memory(before + counts + _COUNTS_LEAST, level)
        return np.asarray(before / self.memory.weights)


def corrected(ab: FloatArray, levels: NDArray[np.uint8], correction: Correction) -> FloatArray:
    """A key frame's colors (2, h, w) without their drift.

    Args:
        ab: the network's colors (2, h, w).
        levels: gray levels (h, w).
        correction: as `Drift.correction` gives it.

    Returns:
        New colors. Between the middles of two bands, a level gets the weighted mean of both corrections.
    """
    by_level = (correction.T @ _HATS).astype(np.float32)  # (2, levels)
    return np.asarray(ab + by_level[:, levels])


def _limited(correction: Correction, ab: FloatArray, levels: NDArray[np.uint8]) -> Correction:
    """As much of a correction as leaves a key frame its mean chroma."""
    before = _chroma(ab)

    def is_allowed(share: float) -> bool:
        return abs(_chroma(corrected(ab, levels, share * correction)) - before) <= _CHROMA_CHANGE * before

    if is_allowed(1.0):
        return correction
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_allowed(middle) else (low, middle)
    return low * correction


def _chroma(ab: FloatArray) -> float:
    return float(np.hypot(*ab).mean())


def _by_band(levels: NDArray[np.uint8], values: FloatArray) -> NDArray[np.float64]:
    """Sums (BANDS,) of `values` (h, w)."""
    return np.asarray(_HATS @ np.bincount(levels.ravel(), values.ravel(), _LEVELS))
