"""Cuts, found on small frames: where two frames differ far more than those around them do."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 48  # pixels of the longer side of what is compared: small motion hardly shows
_AROUND = 8  # differences before and behind that make up the median
_TIMES_MEDIAN = 3.0
_LEAST = 10.0  # gray levels: below this nothing is a cut, however still the film is

T = TypeVar("T")


def mark_cuts(frames: Iterable[tuple[T, NDArray[np.uint8]]]) -> Iterator[tuple[T, bool]]:
    """Tell of each frame whether a shot begins with it; the first one does. Looks `_AROUND` frames ahead.

    Args:
        frames: anything, with its small gray levels (h, w).

    Yields:
        Each of them without its levels, and whether it begins a shot.
    """
    waiting: deque[T] = deque()
    differences: deque[float] = deque(maxlen=2 * _AROUND + 1)  # of the waiting ones, and of some before them
    before = None
    for frame, levels in frames:
        small = _without_mean(levels)
        differences.append(0.0 if before is None else float(np.abs(small - before).mean()))
        before = small
        waiting.append(frame)
        if len(waiting) > _AROUND:
            yield _first_of(waiting, differences)
    while waiting:
        yield _first_of(waiting, differences)
        if len(waiting) + _AROUND < len(differences):
            differences.popleft()


def _first_of(waiting: deque[T], differences: deque[float]) -> tuple[T, bool]:
    place = len(differences) - len(waiting)
    difference = differences[place]
    around = [each for number, each in enumerate(differences) if number != place]
    usual = float(np.median(around)) if around else 0.0
    return waiting.popleft(), difference > max(_LEAST, _TIMES_MEDIAN * usual)


def _without_mean(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A tiny copy whose mean is zero, so that a flickering exposure is no cut."""
    height, width = levels.shape
    scale = min(1.0, _SIDE / max(height, width))
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    tiny = cv2.resize(levels, shape, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(tiny - tiny.mean(), np.float32)
