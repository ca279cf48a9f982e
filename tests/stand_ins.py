"""Engines whose answer is known, in place of a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from colorize.units import FloatArray


class StandInEngine:
    """Answers with a function of `l` (1, 1, H, W), photo by photo, and remembers the shapes it was asked about."""

    def __init__(self, answer: Callable[[FloatArray], FloatArray], stride: int = 32) -> None:
        self.answer = answer
        self.stride = stride
        self.asked: list[tuple[int, ...]] = []

    def predict(self, l: FloatArray, hints: FloatArray | None = None, seed: int | None = None) -> FloatArray:
        self.asked.append(l.shape)
        assert l.dtype == np.float32
        assert l.shape[1] == 1
        assert l.shape[2] % self.stride == l.shape[3] % self.stride == 0
        return np.concatenate([self.answer(each[None]) for each in l]).astype(np.float32)


def one_colour(a: float, b: float) -> Callable[[FloatArray], FloatArray]:
    """The same `ab` everywhere."""
    return lambda l: np.concatenate([np.full_like(l, a), np.full_like(l, b)], axis=1)


def noise(reach: float) -> Callable[[FloatArray], FloatArray]:
    """`ab` of every kind, far outside of what exists."""
    rng = np.random.default_rng(0)
    return lambda l: rng.uniform(-reach, reach, (1, 2, *l.shape[2:])).astype(np.float32)
