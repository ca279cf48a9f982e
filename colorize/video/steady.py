"""Steady colors: the network on every fourth frame, its colors carried along the motion and averaged.

Each key frame gives its colors to the frames around it in the same shot. Every frame takes the mean of what it gets,
weighted pixel by pixel by how far the motion on the way can be trusted, and by whether the level at its end is that at
its beginning: a mouth that closes little by little is not the dark one that was open. Positions are carried from frame
to frame, not colors: so each color is interpolated once, and does not blur on its way. What drifts over longer times is
taken out of the key frames (`drift`). What a person says of a frame (`guidance`) is carried on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import FloatArray
from colorize.coloring.regions import changed, laid_over
from colorize.options import REACH, FilmOptions
from colorize.video.drift import BANDS, Correction, Drift, Memory, corrected
from colorize.video.guidance import Layer, Points, Said
from colorize.video.motion import Motion, motion_between, moved, way_home

_SETTLED = 48  # frames from which on drift is taken out: before, the mean holds colors, and the network may find better
_OTHER_LEVEL = 24.0  # gray levels by which a place may differ from where its color is from, at a trust of 1/e
_LEAST_TRUST = 1e-3  # so that what nobody can be trusted about still gets some color

FADE = 100  # frames until the colors that a person gave a frame have faded into those of the network
_HINTED = 4.0  # how much more a key frame counts that knows hints
_ROOT = 4  # of the trust in a person's colors: that of many frames is a product

T = TypeVar("T")
# Levels (h, w) → ab (2, h, w). Where a person has said something: levels, hints (4, h, w) or None, numbers of pictures.
Predict = Callable[..., FloatArray]
Say = Callable[[T], list[Said]]


@dataclass(frozen=True)
class GuidanceState:
    """What a person has said so far of a shot."""

    settled: int = _SETTLED  # position from which on drift is taken out
    faded: int = 0  # position from which on no colors are carried that a person gave
    points: Points = field(default_factory=Points)  # hints
    pictures: tuple[int, ...] = ()  # numbers of frames in color
    layers: tuple[Layer, ...] = ()  # regions
    times: int = 0  # that something was said

    def is_as_before(self, other: GuidanceState) -> bool:
        """Whether nothing has been said in between."""
        return self.times == other.times

    def moved(self, there: Motion, back: Motion, levels: NDArray[np.uint8]) -> GuidanceState:
        """In the next frame, which has these levels (h, w).

        Args:
            there: the motion to the next frame.
            back: the motion back from it.
            levels: gray levels of the next frame.

        Returns:
            What holds there.
        """
        layers = tuple(layer.moved(back) for layer in self.layers)
        return replace(self, points=self.points.moved(there, levels), layers=layers)


@dataclass(frozen=True)
class ShotState:
    """What a shot goes on with from one of its key frames, so that no later frame is any different.

    It begins `overlap` frames earlier, and those come out once more, with other colors.
    """

    position: int  # of the key frame in its shot, in frames
    overlap: int
    memory: Memory  # of the key frames before the overlap
    corrections: tuple[Correction, ...]  # of the key frames of the overlap
    guided: GuidanceState = field(default_factory=GuidanceState)  # before the overlap


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
    relative: FloatArray = field(init=False)  # (h, w): levels less their mean: a shift of all of them does not count
    total: FloatArray = field(init=False)  # (3, h, w): sum of weighted ab, and of weights
    painted: FloatArray | None = None  # (3, h, w): a person's ab, times how far they cover ours, and that
    change: FloatArray | None = None  # (3, h, w): what regions do to all that, as of `change_by`

    def __post_init__(self) -> None:
        self.relative = self.levels - np.float32(self.levels.mean())
        self.total = np.zeros((3, *self.levels.shape), np.float32)

    def take(self, colors: FloatArray, trust: FloatArray | np.float32) -> None:
        """Add the colors (2, h, w) of a key frame, and how far they can be trusted (h, w)."""
        weight = np.maximum(trust, np.float32(_LEAST_TRUST))
        self.total[:2] += colors * weight
        self.total[2] += weight

    def cover(self, colors: FloatArray, share: FloatArray) -> None:
        """Lay colors (2, h, w) that a person gave over what is there: a share (h, w) of them."""
        below = np.zeros_like(self.total) if self.painted is None else self.painted
        self.painted = below * (1 - share)
        self.painted[:2] += colors * share
        self.painted[2] += share

    def lay(self, change: FloatArray) -> None:
        """Lay what regions do (3, h, w) over what is there."""
        self.change = change if self.change is None else laid_over(self.change, change)

    @property
    def mean(self) -> FloatArray:
        """What key frames gave (2, h, w)."""
        return np.asarray(self.total[:2] / self.total[2])

    @property
    def ab(self) -> FloatArray:
        """Its colors (2, h, w)."""
        ab = self.mean if self.painted is None else self.mean * (1 - self.painted[2]) + self.painted[:2]
        return ab if self.change is None else changed(ab, self.change)


@dataclass
class _Key:
    """A key frame on its way through other frames."""

    values: FloatArray  # (3, h, w): ab, and levels less their mean
    way: FloatArray  # (3, h, w): for each pixel of the frame reached its column and row in the key frame, and trust
    weight: float
    distance: int = 0

    @classmethod
    def at_home(cls, held: _Held[T], colors: FloatArray, weight: float = 1.0) -> _Key:
        """Of a frame, with colors (2, h, w) for it."""
        return cls(np.concatenate([colors, held.relative[None]]), way_home(*held.levels.shape), weight)

    def go_on(self, motion: Motion) -> None:
        """To the frame that `motion` leads away from, back to the one reached so far."""
        self.way = moved(self.way, motion.places)
        self.way[2] *= motion.confidence
        self.distance += 1

    def give(self, held: _Held[T]) -> None:
        values = moved(self.values, self.way[:2])
        change = (values[2] - held.relative) * np.float32(1 / _OTHER_LEVEL)
        held.take(values[:2], np.float32(self.weight) * self.way[2] * np.exp(-(change**2)))

    def cover(self, held: _Held[T], reach: int) -> None:
        """Lay a person's colors over a frame, of which nothing is left at `reach` frames."""
        fading = np.float32(max(0.0, 1 - self.distance / reach))
        held.cover(moved(self.values[:2], self.way[:2]), fading * self.way[2] ** np.float32(1 / _ROOT))


def steady_colors(
    frames: Iterable[tuple[T, NDArray[np.uint8], bool]],
    predict: Predict,
    every: int = FilmOptions.every,
    state: ShotState | None = None,
    say: Say[T] | None = None,
) -> Iterator[Steadied[T]]:
    """Give each frame its colors. Looks `REACH` frames ahead; nothing is carried from shot to shot.

    Args:
        frames: anything, with its small gray levels (h, w), and whether a shot begins with it.
        predict: gives the colors of a key frame.
        every: frames from key frame to key frame; a shot's first one is one.
        state: of the shot that the first frame is in the middle of.
        say: gives what a person says of a frame.

    Yields:
        Each of them, with its colors.
    """
    shot = _Shot[T](predict, every, state)
    for number, (frame, levels, begins_shot) in enumerate(frames):
        if begins_shot and number:
            yield from shot.rest()
            shot = _Shot[T](predict, every)
        yield from shot.add(frame, levels, say(frame) if say else [])
    yield from shot.rest()


class _Recent(NamedTuple):
    """A key frame that has been added."""

    position: int
    memory: Memory  # of the key frames before it
    correction: Correction
    guided: GuidanceState  # with what was said of it


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
        self._guided = state.guided if state else GuidanceState()
        self._pictures: deque[_Key] = deque()  # frames in color that a person gave, whose colors are carried on
        # Key frames whose colors can still reach one that has not come out.
        self._recent: deque[_Recent] = deque()

    def add(self, frame: T, levels: NDArray[np.uint8], said: list[Said]) -> Iterator[Steadied[T]]:
        newest = _Held(frame, levels)
        if self._held:
            before = self._held[-1]
            before.to_next, to_before = motion_between(before.levels, levels)
            for key in self._keys:
                key.go_on(to_before)
                key.give(newest)
            for picture in self._pictures:
                picture.go_on(to_before)
                picture.cover(newest, FADE)
            self._guided = self._guided.moved(before.to_next, to_before, levels)
        while self._pictures and self._pictures[0].distance >= FADE:
            self._pictures.popleft()
        for each in said:
            self._obey(each, newest)
        for layer in self._guided.layers:
            newest.lay(layer.here)
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
        first = position - min(position, self._overlap)
        recent = [each for each in self._recent if first <= each.position <= position]
        if len(recent) < 2 or recent[0].position > first:  # in the overlap itself
            return None
        guided = recent[0].guided
        if guided.faded > first or not guided.is_as_before(recent[-1].guided):
            return None
        corrections = tuple(each.correction for each in recent[:-1])
        return ShotState(position, position - first, recent[0].memory, corrections, guided)

    def _obey(self, said: Said, newest: _Held[T]) -> None:
        """Begin to carry on what a person says of the newest frame."""
        guided = replace(self._guided, times=self._guided.times + 1)
        if said.hints is not None or said.colors is not None:  # the network's colors before it are no rule any more
            self._drift = Drift()
            guided = replace(guided, settled=self._count + _SETTLED)
        if said.hints is not None:
            guided = replace(guided, points=guided.points.with_hints(said.hints, newest.levels))
        if said.colors is not None:
            guided = replace(guided, faded=self._count + FADE, pictures=(*guided.pictures, said.number))
            picture = _Key.at_home(newest, said.colors)
            self._back_from(replace(picture), lambda back, earlier: back.cover(earlier, REACH + 1))
            picture.cover(newest, FADE)
            self._pictures.append(picture)
        if said.change is not None:
            layer = Layer.at_home(said.change)
            self._lay_back_from(layer)
            guided = replace(guided, layers=(*guided.layers, layer))
        self._guided = guided

    def _add_key(self, newest: _Held[T]) -> None:
        colors = self._colors(newest)
        weight = _HINTED if len(self._guided.points.places) else 1.0
        newest.take(colors, np.float32(weight))
        key = _Key.at_home(newest, colors, weight)
        self._back_from(key, lambda back, earlier: back.give(earlier))
        self._keys.append(key)

    def _back_from(self, newest: _Key, act: Callable[[_Key, _Held[T]], None]) -> None:
        """Carry the newest frame's colors back through those that are held."""
        back = replace(newest)  # the key itself goes on to later frames
        for earlier in reversed(self._held):
            assert earlier.to_next is not None
            back.go_on(earlier.to_next)
            act(back, earlier)

    def _lay_back_from(self, layer: Layer) -> None:
        """Let what regions do begin in the frames that are held, little by little."""
        for distance, earlier in enumerate(reversed(self._held), 1):
            assert earlier.to_next is not None
            layer = layer.moved(earlier.to_next)
            earlier.lay(layer.here * np.float32(1 - distance / (REACH + 1)))

    def _colors(self, newest: _Held[T]) -> FloatArray:
        """Colors (2, h, w) of a key frame without their drift."""
        ab = self._ask(newest.levels)  # (2, h, w)
        memory = self._drift.memory
        correction = np.zeros((BANDS, 2))
        if self._known:
            correction = self._known.popleft()
            if self._count >= self._guided.settled:
                self._drift.count(ab, newest.levels)
        elif self._count >= self._guided.settled:
            correction = self._drift.correction(ab, newest.levels, newest.mean, newest.total[2])
        self._recent.append(_Recent(self._count, memory, correction, self._guided))
        while self._recent[0].position < self._count - REACH - self._overlap:
            self._recent.popleft()
        return corrected(ab, newest.levels, correction)

    def _ask(self, levels: NDArray[np.uint8]) -> FloatArray:
        """The network's colors (2, h, w), with all that it is told."""
        hints, pictures = self._guided.points.hints(levels.shape), self._guided.pictures
        return self._predict(levels) if hints is None and not pictures else self._predict(levels, hints, pictures)
