"""Motion between neighboring small frames: DIS optical flow, and how far it can be trusted."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize.color.units import FloatArray

_LEAST_SIDE = 16  # pixels: below, DIS has too little to look at
_DRIFT = 3.0  # pixels that there and back again may miss each other by, at a confidence of 1/e
_CHANGE = 24.0  # gray levels that a pixel may change by, at a confidence of 1/e
_LARGE = 15  # pixels of the window whose mean difference is a change of exposure, not of place


class Motion(NamedTuple):
    """From each pixel of a frame to the same place in another one."""

    flow: FloatArray  # (2, h, w), pixels to the right and down
    confidence: FloatArray  # (h, w), 0 to 1
    places: FloatArray  # (2, h, w): column and row there


def motion_between(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[Motion, Motion]:
    """Motion from each of two frames (h, w) to the other.

    A pixel's motion is trusted where the motion back leads to where it came from, and its level is found again.

    Args:
        one: gray levels of a frame.
        other: those of its neighbor.

    Returns:
        The motion from `one` to `other`, and that back. In frames with a side below 16 pixels nothing moves, for sure.
    """
    if min(one.shape) < _LEAST_SIDE:
        still = np.zeros((2, *one.shape), np.float32), np.ones(one.shape, np.float32), _grid(*one.shape)
        return Motion(*still), Motion(*still)
    there, back = _flow(one, other), _flow(other, one)
    return _motion(there, back, one, other), _motion(back, there, other, one)


def moved(x: FloatArray, places: FloatArray) -> FloatArray:
    """`x` (C, h, w) at `places` (2, h, w): columns and rows, between pixels as well, the border continued.

    Args:
        x: values of a frame, float32.
        places: in that frame, for each pixel of another one.

    Returns:
        The values (C, h, w) for the pixels of the other one, float32.
    """
    columns, rows = places
    result = np.empty((len(x), *columns.shape), np.float32)
    for plane, target in zip(x, result, strict=True):  # one by one: OpenCV is four times as fast with single planes
        cv2.remap(plane, columns, rows, cv2.INTER_LINEAR, dst=target, borderMode=cv2.BORDER_REPLICATE)
    return result


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> FloatArray:
    """Column and row of each pixel (2, h, w).

    Args:
        height: rows.
        width: columns.

    Returns:
        float32. Calls share the array: it must not be changed.
    """
    rows, columns = np.indices((height, width), np.float32)
    return np.stack([columns, rows])


def way_home(height: int, width: int) -> FloatArray:
    """The way of a frame to itself, to be carried on with `moved`.

    Args:
        height: rows.
        width: columns.

    Returns:
        For each pixel its own column and row, and full trust (3, h, w); float32, a new array.
    """
    return np.concatenate([_grid(height, width), np.ones((1, height, width), np.float32)])


def _flow(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> FloatArray:
    # A new one each time: small frames change the scales of a DIS object for good, and a film would get other colors
    # after another film.
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.stack(cv2.split(dis.calc(one, other, None)))


def _motion(there: FloatArray, back: FloatArray, one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Motion:
    height, width = one.shape
    places = _grid(height, width) + there
    miss = moved(back, places) + there
    drift = (miss[0] ** 2 + miss[1] ** 2) * np.float32(1 / _DRIFT**2)
    (change,) = moved(other[None].astype(np.float32), places) - one
    change -= cv2.blur(change, (_LARGE, _LARGE))
    columns, rows = places
    inside = (columns >= 0) & (rows >= 0) & (columns <= width - 1) & (rows <= height - 1)
    confidence = np.exp(-drift - (change * np.float32(1 / _CHANGE)) ** 2) * inside
    return Motion(there, np.asarray(confidence, np.float32), places)
