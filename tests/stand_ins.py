"""Engines whose answer is known, in place of a network; a colorizer that needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from colorize.photo import Photo
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


class StandInColorizer:
    """Makes everything red, and remembers which photos it was given together."""

    def __init__(self, refuse: Callable[[Photo, int], Exception | None] = lambda _photo, _size: None) -> None:
        self.refuse = refuse
        self.groups: list[list[tuple[int, int]]] = []

    def colorize_photos(self, photos: Sequence[Photo], *, strength: float, size: int) -> list[Photo]:
        self.groups.append([photo.size for photo in photos])
        for photo in photos:
            if error := self.refuse(photo, size):
                raise error
        return [photo.with_colours(self._red(photo.image.convert("L"))) for photo in photos]

    @staticmethod
    def _red(grey: Image.Image) -> Image.Image:
        half = grey.point(lambda level: level // 2)
        return Image.merge("RGB", (grey, half, half))
