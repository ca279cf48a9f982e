"""How steady and how true the colors of a film with known motion are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize.color.lightness import ab_of
from colorize.color.units import AB_RANGE, FloatArray
from tests.video.films import Gray, Place


class Steadiness(NamedTuple):
    """Units of a* and b*."""

    next: float  # mean change along the known motion, from frame to frame
    fourth: float  # over four frames
    chroma: float  # mean
    error: float  # mean distance to the true colors
    flicker: float  # CDC of a* and b*: how far their histograms move over 1, 2 and 4 frames


def measure(colors: Sequence[FloatArray], truth: Sequence[Gray], place: Place) -> Steadiness:
    """Measure `ab` (2, h, w) of frames, whose true pictures (H, W, 3) a camera at `place` saw."""
    small = [np.moveaxis(each, 0, -1).astype(np.float32) * AB_RANGE for each in colors]  # (h, w, 2)
    height, width, _ = small[0].shape
    true = [ab_of(cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA)) * AB_RANGE for each in truth]  # type: ignore[arg-type]
    scale = truth[0].shape[1] / width
    return Steadiness(
        _warp_error(small, place, 1, scale),
        _warp_error(small, place, 4, scale),
        float(np.mean([np.linalg.norm(each, axis=-1).mean() for each in small])),
        float(np.mean([np.linalg.norm(each - its, axis=-1).mean() for each, its in zip(small, true, strict=True)])),
        float(np.mean([_histogram_shift(small, apart) for apart in (1, 2, 4)])),
    )


def _warp_error(colors: Sequence[FloatArray], place: Place, apart: int, scale: float) -> float:
    """Mean distance (a*, b*) between a frame and the one `apart` later, where both see the same place."""
    errors = []
    for t in range(len(colors) - apart):
        one, other = _in_small(place(t), scale), _in_small(place(t + apart), scale)
        to_other = np.linalg.inv(other) @ one  # from pixels of frame t to pixels of the later one
        height, width, _ = colors[t].shape
        rows, columns = np.indices((height, width))
        places = np.einsum("ij,jhw->hwi", to_other, np.stack([columns, rows, np.ones_like(rows)]))[..., :2]
        found = cv2.remap(colors[t + apart], places.astype(np.float32), None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
        inside = (places >= 0).all(axis=-1) & (places[..., 0] <= width - 1) & (places[..., 1] <= height - 1)
        errors.append(np.linalg.norm(found - colors[t], axis=-1)[inside].mean())
    return float(np.mean(errors))


def _in_small(place: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """The same (3, 3) from pixels that are `scale` times as large; pixels are counted at their middle."""
    to_full = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    return np.asarray(np.vstack([place, [0, 0, 1]]) @ to_full)


def _histogram_shift(colors: Sequence[FloatArray], apart: int) -> float:
    """Jensen-Shannon divergence between the histograms of a* and b*, as CDC has it for RGB."""
    bins = np.arange(-AB_RANGE, AB_RANGE + 1, 2.0)
    shares = [[np.histogram(each[..., axis], bins)[0] / each[..., axis].size for axis in (0, 1)] for each in colors]
    return float(
        np.mean(
            [
                _divergence(shares[t][axis], shares[t + apart][axis])
                for t in range(len(colors) - apart)
                for axis in (0, 1)
            ]
        )
    )


def _divergence(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    middle = (one + other) / 2
    return sum(float((each[each > 0] * np.log(each[each > 0] / middle[each > 0])).sum()) / 2 for each in (one, other))
