"""How steady and how true the colors of a film with known motion are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize.color.lightness import ab_of
from colorize.color.units import AB_RANGE, FloatArray
from colorize.coloring.engine import Engine
from colorize.coloring.prediction import View, predict, size_of_view
from colorize.options import ColorizeOptions
from colorize.video.painter import predict_both_ways
from colorize.video.steady import steady_colors
from tests.video.films import Gray, Place, grainy, gray_of

SIZE = ColorizeOptions().film_size


class Steadiness(NamedTuple):
    """Units of a* and b*."""

    next: float  # mean change along the known motion, from frame to frame
    fourth: float  # over four frames
    chroma: float  # mean
    error: float  # mean distance to the true colors
    flicker: float  # CDC of a* and b*: how far their histograms move over 1, 2 and 4 frames


def measure(colors: Sequence[FloatArray], truth: Sequence[Gray], place: Place) -> Steadiness:
    """Measure `ab` (2, h, w) of frames, whose true pictures (H, W, 3) a camera at `place` saw."""
    scaled = [np.moveaxis(each, 0, -1).astype(np.float32) * AB_RANGE for each in colors]  # (h, w, 2)
    height, width, _ = scaled[0].shape
    true = [ab_of(cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA)) * AB_RANGE for each in truth]  # type: ignore[arg-type]
    scale = truth[0].shape[1] / width
    return Steadiness(
        _warp_error(scaled, place, 1, scale),
        _warp_error(scaled, place, 4, scale),
        float(np.mean([np.linalg.norm(each, axis=-1).mean() for each in scaled])),
        float(np.mean([np.linalg.norm(each - its, axis=-1).mean() for each, its in zip(scaled, true, strict=True)])),
        float(np.mean([_histogram_shift(scaled, apart) for apart in (1, 2, 4)])),
    )


class Compared(NamedTuple):
    """Three ways to color a film."""

    alone: Steadiness  # frame by frame
    both_ways: Steadiness  # frame by frame, each with its mirror image
    ours: Steadiness


def compare(engine: Engine, truth: Sequence[Gray], place: Place, grain: float = 0.0) -> Compared:
    """Measure the colors of a film whose true pictures (H, W, 3) a camera at `place` saw."""
    gray = [gray_of(each) for each in truth]
    frames = [small(each) for each in (grainy(gray, grain) if grain else gray)]
    predictions = Predictions(engine)
    return Compared(
        measure([predictions(each) for each in frames], truth, place),
        measure([predictions.both_ways(each) for each in frames], truth, place),
        measure(steadied(frames, predictions), truth, place),
    )


class Predictions:
    """What the network says of small frames, and for films of their mirror images, too; each is asked for once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[bytes, FloatArray] = {}
        self._known_both_ways: dict[bytes, FloatArray] = {}
        self.asked = 0

    def __call__(self, levels: Gray) -> FloatArray:
        key = levels.tobytes()
        if key not in self._known:
            (self._known[key],) = predict(self._engine, [View(levels, None, None)])
        return self._known[key]

    def both_ways(self, levels: Gray) -> FloatArray:
        self.asked += 1
        key = levels.tobytes()
        if key not in self._known_both_ways:
            self._known_both_ways[key] = predict_both_ways(self._engine, View(levels, None, None))
        return self._known_both_ways[key]


def small(frame: Gray) -> Gray:
    """What the network sees of a frame's levels (H, W)."""
    size = size_of_view(frame.shape[1], frame.shape[0], SIZE)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def steadied(frames: Sequence[Gray], predictions: Predictions, cuts: tuple[int, ...] = ()) -> list[FloatArray]:
    """The colors (2, h, w) of small frames as a film has them."""
    marked: Iterator[tuple[int, Gray, bool]] = (
        (number, each, number in (0, *cuts)) for number, each in enumerate(frames)
    )
    results = list(steady_colors(marked, predictions.both_ways))
    assert [each.frame for each in results] == list(range(len(frames)))
    return [each.ab for each in results]


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
