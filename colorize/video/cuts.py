"""Cuts, found on small frames: where two frames differ more than those around them do, and no motion explains it."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize.video.motion import motion_between

_SIDE = 48  # pixels of the longer side of what is compared: small motion hardly shows
_AROUND = 8  # differences before and behind that make up the median
WARM_UP = _AROUND + 1  # frames before one after which it is judged as in the whole film
_TIMES_MEDIAN = 2.0
_LEAST = 4.0  # gray levels: below this nothing is a cut, however still the film is
TOLERANCE = Fraction(1, 1000)  # seconds that a frame may be earlier than a moment that is given: times are rounded
_FOUND_AGAIN = 0.5  # mean confidence of the motion from which on two frames show the same

T = TypeVar("T")
_Levels = NDArray[np.uint8]


class _Waiting(NamedTuple, Generic[T]):
    frame: T
    before: _Levels | None
    levels: _Levels


def mark_cuts(frames: Iterable[tuple[T, _Levels]]) -> Iterator[tuple[T, bool]]:
    """Tell of each frame whether it follows on a cut; the first one does not. Looks `_AROUND` frames ahead.

    Args:
        frames: anything, with its small gray levels (h, w).

    Yields:
        Each of them without its levels, and whether there is a cut before it.
    """
    waiting: deque[_Waiting[T]] = deque()
    differences: deque[float] = deque()  # of the waiting ones, and of up to `_AROUND` before them
    before = None
    for frame, levels in frames:
        differences.append(0.0 if before is None else _difference(before, levels))
        waiting.append(_Waiting(frame, before, levels))
        before = levels
        if len(waiting) > _AROUND:
            yield _first_of(waiting, differences)
    while waiting:
        yield _first_of(waiting, differences)


def given_cuts(frames: Iterable[tuple[T, int, Fraction]], cuts: Sequence[int | float]) -> Iterator[tuple[T, bool]]:
    """Tell of each frame whether it follows on a cut that somebody has named.

    Args:
        frames: anything, with its number and its time in seconds.
        cuts: first frames of shots: whole numbers count frames from 0, others are seconds.

    Yields:
        Each of them, and whether there is a cut before it.
    """
    numbers = {cut for cut in cuts if isinstance(cut, int)}
    times = sorted(cut for cut in cuts if not isinstance(cut, int))
    passed = len(times)  # before the first frame, which follows on none
    for frame, number, time in frames:
        before, passed = passed, bisect_right(times, float(time + TOLERANCE))
        yield frame, number in numbers or passed > before


def _first_of(waiting: deque[_Waiting[T]], differences: deque[float]) -> tuple[T, bool]:
    place = len(differences) - len(waiting)
    difference = differences[place]
    around = [each for number, each in enumerate(differences) if number != place]
    usual = float(np.median(around)) if around else 0.0
    if place == _AROUND:
        differences.popleft()
    first = waiting.popleft()
    stands_out = difference > max(_LEAST, _TIMES_MEDIAN * usual)
    return first.frame, stands_out and first.before is not None and not _is_found_again(first.before, first.levels)


def _difference(one: _Levels, other: _Levels) -> float:
    return float(np.abs(_without_mean(one) - _without_mean(other)).mean())


def _is_found_again(one: _Levels, other: _Levels) -> bool:
    """Whether motion explains most of what is new: a camera that shakes, a pan over a texture, a flash."""
    there, back = motion_between(one, other)
    return float(there.confidence.mean() + back.confidence.mean()) / 2 > _FOUND_AGAIN


def _without_mean(levels: _Levels) -> NDArray[np.float32]:
    """A tiny copy whose mean is zero, so that a flickering exposure is no cut."""
    height, width = levels.shape
    scale = min(1.0, _SIDE / max(height, width))
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    tiny = cv2.resize(levels, shape, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(tiny - tiny.mean(), np.float32)
