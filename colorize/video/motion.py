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

    flow: FloatArray  # (h, w, 2), pixels to the right and down
    confidence: FloatArray  # (h, w), 0 to 1


def motion_between(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[Motion, Motion]:
    """Motion from each of two frames (h, w) to the other.

    A pixel's motion is trusted where the motion back leads to where it came from, and its level is found again.
    """
    if min(one.shape) < _LEAST_SIDE:
        still = Motion(np.zeros((*one.shape, 2), np.float32), np.ones(one.shape, np.float32))
        return still, still
    there, back = _flow(one, other), _flow(other, one)
    return (
        Motion(there, _confidence(there, back, one, other)),
        Motion(back, _confidence(back, there, other, one)),
    )


def moved(x: FloatArray, places: FloatArray) -> FloatArray:
    """`x` (h, w, 1 to 4) at `places` (h, w, 2): columns and rows, between pixels as well, the border continued."""
    nothing: Any = None  # a second map, which OpenCV's types ask for
    return np.asarray(cv2.remap(x, places, nothing, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


@lru_cache(maxsize=4)
def grid(height: int, width: int) -> FloatArray:
    """Column and row of each pixel (h, w, 2)."""
    rows, columns = np.indices((height, width), np.float32)
    return np.stack([columns, rows], axis=-1)


def _flow(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> FloatArray:
    # A new one each time: small frames change the scales of a DIS object for good, and a film would get other colors
    # after another film.
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(dis.calc(one, other, None), np.float32)


def _confidence(there: FloatArray, back: FloatArray, one: NDArray[np.uint8], other: NDArray[np.uint8]) -> FloatArray:
    height, width = one.shape
    places = grid(height, width) + there
    miss = moved(back, places) + there
    drift = (miss[..., 0] ** 2 + miss[..., 1] ** 2) / _DRIFT**2  # faster than a sum over the last axis
    change = moved(other.astype(np.float32), places) - one
    change -= cv2.blur(change, (_LARGE, _LARGE))
    columns, rows = places[..., 0], places[..., 1]
    inside = (columns >= 0) & (rows >= 0) & (columns <= width - 1) & (rows <= height - 1)
    return np.asarray(np.exp(-drift - (change / _CHANGE) ** 2) * inside, np.float32)
