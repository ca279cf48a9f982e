"""Engines whose answer is known, in place of a network; a colorizer that needs no torch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from colorize.batch.pipeline import PhotoColorizer
from colorize.color.units import FloatArray
from colorize.coloring.conditions import Conditions
from colorize.coloring.engine import AUTOMATIC, Features, NetworkConditions
from colorize.options import ColorizeOptions
from colorize.photo import Photo


class StandInEngine:
    """Answers with a function of `l` (1, 1, H, W), photo by photo, and remembers the shapes it was asked about."""

    def __init__(self, answer: Callable[[FloatArray], FloatArray], stride: int = 32) -> None:
        self.answer = answer
        self.stride = stride
        self.asked: list[tuple[int, ...]] = []
        self.bins: FloatArray | None = None
        self.takes: frozenset[str] = frozenset()

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        self.asked.append(l.shape)
        assert l.dtype == np.float32
        assert l.shape[1] == 1
        assert l.shape[2] % self.stride == l.shape[3] % self.stride == 0
        return np.concatenate([self.answer(each[None]) for each in l]).astype(np.float32)

    def predict_distribution(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        raise NotImplementedError

    def predict_features(self, l: FloatArray) -> Features:
        raise NotImplementedError


def features_of_halves(l: FloatArray, ab: FloatArray) -> Features:
    """The left half is one thing, the right another."""
    things, places = (np.zeros((len(l), 2, l.shape[2] // each, l.shape[3] // each), np.float32) for each in (16, 8))
    for features in (things, places):
        middle = features.shape[3] // 2
        features[:, 0, :, :middle] = features[:, 1, :, middle:] = 1
    return Features(ab, things, places)


class TwoHalves(StandInEngine):
    """Two things, the left half and the right, each red or blue until a hint tells its color; without one, purple."""

    def __init__(self, stride: int = 32, cell: int = 8) -> None:
        super().__init__(lambda l: l, stride)
        self.bins = self.colors = np.array([[0.5, 0.3], [0.2, -0.7]], np.float32)
        self.takes = frozenset({"hints"})
        self.cell = cell

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        ab, hints = np.empty((len(l), 2, *l.shape[2:]), np.float32), conditions.hints
        for photo, index, half in self._halves(ab):
            colors = self.colors.T
            if hints is not None and hints[index, 2, :, half].any():
                colors = hints[index, :2, :, half][:, hints[index, 2, :, half] > 0]
            photo[:, :, half] = colors.mean(axis=1)[:, None, None]
        return ab

    def predict_distribution(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        ab = self.predict(l, conditions)[:, :, :: self.cell, :: self.cell]  # (B, 2, H', W')
        distances = np.square(ab[:, None] - self.colors[None, :, :, None, None]).sum(axis=2)
        return np.where(
            np.ptp(distances, axis=1, keepdims=True) < 1e-6, 0.5, distances == distances.min(axis=1, keepdims=True)
        ).astype(np.float32)

    @staticmethod
    def _halves(ab: FloatArray) -> Iterator[tuple[FloatArray, int, slice]]:
        middle = ab.shape[3] // 2
        for index, photo in enumerate(ab):
            for half in (slice(0, middle), slice(middle, None)):
                yield photo, index, half


def one_color(a: float, b: float) -> Callable[[FloatArray], FloatArray]:
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

    def color(
        self,
        photos: Sequence[Photo],
        options: ColorizeOptions,
        conditions: Sequence[Conditions],  # red is red
    ) -> list[Photo]:
        self.groups.append([photo.size for photo in photos])
        for photo in photos:
            if error := self.refuse(photo, options.size):
                raise error
        return [photo.with_colors(self._red(photo.image.convert("L"))) for photo in photos]

    @staticmethod
    def _red(gray: Image.Image) -> Image.Image:
        half = gray.point(lambda level: level // 2)
        return Image.merge("RGB", (gray, half, half))


def held_after(count: int, load: Callable[..., PhotoColorizer]) -> Callable[..., PhotoColorizer]:
    """`load`, but what it gives colors fewer than `count` photos at once: the rest waits for the end of stdin.

    A test that stops a run on the way is then right on a machine of any speed. With more than are under way at once
    (32), results have been told by then, for they are told in the order of the photos.
    """
    return lambda *arguments: _Held(count, load(*arguments))


class _Held:
    def __init__(self, count: int, colorizer: PhotoColorizer) -> None:
        self._colorizer = colorizer
        self._free = count
        self._lock = threading.Lock()

    def color(
        self, photos: Sequence[Photo], options: ColorizeOptions, conditions: Sequence[Conditions]
    ) -> Sequence[Photo]:
        with self._lock:
            self._free -= len(photos)
            if self._free <= 0:
                sys.stdin.read()
        return self._colorizer.color(photos, options, conditions)
