"""Steady colors: the network on every fourth frame, its colors carried along the motion and averaged.

Each key frame gives its colors to the frames around it in the same shot. Every frame takes the mean of what it gets,
weighted pixel by pixel by how far the motion on the way can be trusted. Positions are carried from frame to frame, not
colors: so each color is interpolated once, and does not blur on its way. What drifts over longer times is taken out of
the key frames (`drift`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import FloatArray
from colorize.options import REACH, FilmOptions
from colorize.video.drift import BANDS, Correction, Drift, Memory, corrected
from colorize.video.motion import Motion, grid, motion_between, moved

_SETTLED = 48  # frames from which on drift is taken out: before, the mean holds colors, and the network may find better
_LEAST_TRUST = 1e-3  # so that what nobody can be trusted about still gets some color

T = TypeVar("T")
Predict = Callable[[NDArray[np.uint8]], FloatArray]  # levels (h, w) → ab (2, h, w)


@dataclass(frozen=True)
class ShotState:
    """What a shot goes on with from one of its key frames, so that no later frame is any different.

    It begins `overlap` frames earlier, and those come out once more, with other colors.
    """

    position: int  # of the key frame in its shot, in frames
    overlap: int
    memory: Memory  # of the key frames before the overlap
    corrections: tuple[Correction, ...]  # of the key frames of the overlap


class Steadied(NamedTuple, Generic[T]):
    """A frame with its colors."""

    frame: T
    ab: FloatArray  # (2, h, w)
    position: int  # in its shot
    state: ShotState | None  # of a key frame; None where a shot begins, and of other frames


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
    frames: Iterable[tuple[T, NDArray[np.uint8], bool]],
    predict: Predict,
    every: int = FilmOptions.every,
    state: ShotState | None = None,
) -> Iterator[Steadied[T]]:
    """Give each frame its colors. Looks `REACH` frames ahead; nothing is carried from shot to shot.

    Args:
        frames: anything, with its small gray levels (h, w), and whether a shot begins with it.
        predict: gives the colors of a key frame.
        every: frames from key frame to key frame; a shot's first one is one.
        state: of the shot that the first frame is in the middle of.

    Yields:
        Each of them, with its colors.
    """
    shot = _Shot[T](predict, every, state)
    for number, (frame, levels, begins_shot) in enumerate(frames):
        if begins_shot and number:
            yield from shot.rest()
            shot = _Shot[T](predict, every)
        yield from shot.add(frame, levels)
    yield from shot.rest()


class _Shot(Generic[T]):
    def __init__(self, predict: Predict, every: int, state: ShotState | None = None) -> None:
        self._predict = predict
        self._every = every
        self._held: deque[_Held[T]] = deque()
        self._keys: deque[_Key] = deque()  # those that are carried on to later frames
        self._overlap = -(-REACH // every) * every
        self._count = state.position - state.overlap if state else 0
        self._known = deque(state.corrections if state else ())  # what the next key frames' drift was found to be
        self._drift = Drift(state.memory if state else None)
        # Of the key frames whose colors can still reach one that has not come out: position, what was remembered
        # before it, its correction.
        self._recent: deque[tuple[int, Memory, Correction]] = deque()

    def add(self, frame: T, levels: NDArray[np.uint8]) -> Iterator[Steadied[T]]:
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
            yield self._done()

    def rest(self) -> Iterator[Steadied[T]]:
        while self._held:
            yield self._done()

    def _done(self) -> Steadied[T]:
        position = self._count - len(self._held)
        done = self._held.popleft()
        return Steadied(done.frame, done.ab, position, self._state(position))

    def _state(self, position: int) -> ShotState | None:
        if position % self._every or not position:
            return None
        overlap = min(position, self._overlap)
        recent = [each for each in self._recent if position - overlap <= each[0] < position]
        if not recent or recent[0][0] > position - overlap:  # in the overlap itself
            return None
        return ShotState(position, overlap, recent[0][1], tuple(correction for _, _, correction in recent))

    def _add_key(self, newest: _Held[T]) -> None:
        colors = self._colors(newest)
        newest.take(colors, colors[..., 2])
        backward = _Key.at_home(colors)
        for earlier in reversed(self._held):
            assert earlier.to_next is not None
            backward.go_on(earlier.to_next)
            backward.give(earlier)
        self._keys.append(_Key.at_home(colors))

    def _colors(self, newest: _Held[T]) -> FloatArray:
        """Colors (h, w, 3) of a key frame without their drift, which end in 1."""
        ab = self._predict(newest.levels)  # (2, h, w)
        memory = self._drift.memory
        correction = np.zeros((BANDS, 2))
        if self._known:
            correction = self._known.popleft()
            if self._count >= _SETTLED:
                self._drift.count(ab, newest.levels)
        elif self._count >= _SETTLED:
            correction = self._drift.correction(ab, newest.levels, newest.ab, newest.total[..., 2])
        self._recent.append((self._count, memory, correction))
        while self._recent[0][0] < self._count - REACH - self._overlap:
            self._recent.popleft()
        ab = corrected(ab, newest.levels, correction)
        return np.stack([*ab, np.ones_like(ab[0])], axis=-1)
