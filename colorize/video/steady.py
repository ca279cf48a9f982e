"""Steady colors: the network on every fourth frame, its colors carried along the motion and averaged.

Each key frame gives its colors to the frames around it in the same shot. Every frame takes the mean of what it gets,
weighted pixel by pixel by how far the motion on the way can be trusted. Positions are carried from frame to frame, not
colors: so each color is interpolated once, and does not blur on its way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import FloatArray
from colorize.video.motion import Motion, grid, motion_between, moved

EVERY = 4  # frames from key frame to key frame
REACH = 16  # frames that a key frame's colors are carried, both ways
_LEAST_TRUST = 1e-3  # so that what nobody can be trusted about still gets some color

T = TypeVar("T")
Predict = Callable[[NDArray[np.uint8]], FloatArray]  # levels (h, w) → ab (2, h, w)


@dataclass
class _Held(Generic[T]):
    """A frame that may still get colors."""

    frame: T
    levels: NDArray[np.uint8]  # (h, w)
    to_next: Motion | None = None
    total: FloatArray = field(init=False)  # (h, w, 3): sum of weighted ab, and of weights

    def __post_init__(self) -> None:
        self.total = np.zeros((*self.levels.shape, 3), np.float32)

    def take(self, colors: FloatArray, trust: FloatArray) -> None:
        """Add the colors of a key frame (h, w, 3), which end in 1, and how far they can be trusted (h, w)."""
        self.total += colors * np.maximum(trust, np.float32(_LEAST_TRUST))[..., None]

    @property
    def ab(self) -> FloatArray:
        """The mean (2, h, w)."""
        return np.moveaxis(self.total[..., :2] / self.total[..., 2:], -1, 0)


@dataclass
class _Key:
    """A key frame on its way through other frames."""

    colors: FloatArray  # (h, w, 3): ab, and 1
    way: FloatArray  # (h, w, 3): for each pixel of the frame reached its column and row in the key frame, and trust
    distance: int = 0

    @classmethod
    def at_home(cls, colors: FloatArray) -> _Key:
        height, width, _ = colors.shape
        return cls(colors, np.concatenate([grid(height, width), np.ones((height, width, 1), np.float32)], axis=-1))

    def go_on(self, motion: Motion) -> None:
        """To the frame that `motion` leads away from, back to the one reached so far."""
        height, width, _ = self.colors.shape
        self.way = moved(self.way, grid(height, width) + motion.flow)
        self.way[..., 2] *= motion.confidence
        self.distance += 1

    def give(self, held: _Held[T]) -> None:
        held.take(moved(self.colors, np.ascontiguousarray(self.way[..., :2])), self.way[..., 2])


def steady_colors(
    frames: Iterable[tuple[T, NDArray[np.uint8], bool]], predict: Predict, every: int = EVERY
) -> Iterator[tuple[T, FloatArray]]:
    """Give each frame its colors. Looks `REACH` frames ahead; nothing is carried from shot to shot.

    Args:
        frames: anything, with its small gray levels (h, w), and whether a shot begins with it.
        predict: gives the colors of a key frame.
        every: frames from key frame to key frame; a shot's first one is one.

    Yields:
        Each of them, with its `ab` (2, h, w).
    """
    shot = _Shot[T](predict, every)
    for frame, levels, begins_shot in frames:
        if begins_shot:
            yield from shot.rest()
            shot = _Shot[T](predict, every)
        yield from shot.add(frame, levels)
    yield from shot.rest()


class _Shot(Generic[T]):
    def __init__(self, predict: Predict, every: int) -> None:
        self._predict = predict
        self._every = every
        self._held: deque[_Held[T]] = deque()
        self._keys: deque[_Key] = deque()  # those that are carried on to later frames
        self._count = 0

    def add(self, frame: T, levels: NDArray[np.uint8]) -> Iterator[tuple[T, FloatArray]]:
        newest = _Held(frame, levels)
        if self._held:
            before = self._held[-1]
            before.to_next, to_before = motion_between(before.levels, levels)
            for key in self._keys:
                key.go_on(to_before)
                key.give(newest)
        while self._keys and self._keys[0].distance >= REACH:
            self._keys.popleft()
        if self._count % self._every == 0:
            self._add_key(newest)
        self._held.append(newest)
        self._count += 1
        if len(self._held) > REACH:
            done = self._held.popleft()
            yield done.frame, done.ab

    def rest(self) -> Iterator[tuple[T, FloatArray]]:
        while self._held:
            done = self._held.popleft()
            yield done.frame, done.ab

    def _add_key(self, newest: _Held[T]) -> None:
        ab = self._predict(newest.levels)  # (2, h, w)
        colors = np.stack([*ab, np.ones_like(ab[0])], axis=-1)
        newest.take(colors, colors[..., 2])
        backward = _Key.at_home(colors)
        for earlier in reversed(self._held):
            assert earlier.to_next is not None
            backward.go_on(earlier.to_next)
            backward.give(earlier)
        self._keys.append(_Key.at_home(colors))
