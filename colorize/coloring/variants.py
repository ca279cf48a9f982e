"""Other colorings that a model finds possible, and where it is unsure: both out of the distribution that it predicts.

A variant is drawn as a person would guide the model: at a place where it is unsure, a color is drawn from what it
finds possible there and given as a hint; then the same with that hint known, and so on. So the colors that a hint
decides agree with each other, which colors drawn for each pixel by itself would not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import AB_RANGE, FloatArray
from colorize.coloring.engine import Engine, NetworkConditions
from colorize.coloring.hints import place

_PLACES = 6  # where colors are drawn
_RADIUS = 2  # of their hints, px of the network
_UNLIKELY = 0.05  # colors less likely than this share of the likeliest are left out
_NEAR = 2.0  # cells of the distribution; around a hint no further one is drawn

_Array = NDArray[np.float64]


def draw_hints(engine: Engine, l: FloatArray, conditions: NetworkConditions) -> NetworkConditions:
    """Draw further hints out of what a model finds possible.

    Args:
        engine: what runs the network; it must have `bins`.
        l: (B, 1, h, w).
        conditions: what the colors have to obey, with a seed, under which is drawn: the same for each photo.

    Returns:
        The conditions with further hints, which take the place of the seed.
    """
    assert engine.bins is not None
    assert conditions.seed is not None
    known = [None] * len(l) if conditions.hints is None else list(conditions.hints)
    drawn = [_draw(engine, each[0], hints, conditions.seed) for each, hints in zip(l, known, strict=True)]
    return NetworkConditions(np.stack(drawn))


def _draw(engine: Engine, l: FloatArray, hints: FloatArray | None, seed: int) -> FloatArray:
    """`hints` (3, h, w) with further ones, for `l` (h, w)."""
    assert engine.bins is not None
    rng = np.random.default_rng(seed)
    given = np.zeros((3, *l.shape), np.float32) if hints is None else hints.copy()
    free: _Array | None = None
    for _ in range(_PLACES):
        known = NetworkConditions(given[None])
        probabilities = engine.predict_distribution(l[None, None], known)[0].astype(np.float64)  # (Q, h', w')
        cells = probabilities.shape[1:]
        rows, columns = np.indices(cells)
        if free is None:
            free = np.ones(cells)
        unsure = color_std(probabilities, engine.bins) ** 2 * free
        cell = rng.choice(unsure.size, p=(unsure / unsure.sum()).ravel()) if unsure.sum() > 0 else 0
        row, column = divmod(int(cell), cells[1])
        at_place = probabilities[:, row, column]
        likely = np.where(at_place < _UNLIKELY * at_place.max(), 0, at_place)
        color = engine.bins[rng.choice(len(likely), p=likely / likely.sum())]
        height, width = l.shape
        place(given, int((row + 0.5) * height / cells[0]), int((column + 0.5) * width / cells[1]), color, _RADIUS)
        free *= 1 - np.exp(((rows - row) ** 2 + (columns - column) ** 2) / (-2 * _NEAR**2))
    return given


def color_std(probabilities: _Array, bins: FloatArray) -> _Array:
    """How far the colors that are possible lie apart.

    Args:
        probabilities: (Q, h', w'), of each of the bins.
        bins: (Q, 2), in units of `ab`.

    Returns:
        the standard deviation of (a*, b*), (h', w').
    """
    mean = np.einsum("qhw,qc->chw", probabilities, bins)
    square = np.einsum("qhw,q->hw", probabilities, (bins**2).sum(axis=1))
    deviation: _Array = np.sqrt(np.maximum(square - (mean**2).sum(axis=0), 0)) * AB_RANGE
    return deviation
