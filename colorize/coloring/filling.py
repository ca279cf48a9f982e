"""Hints that fill their thing: what looks to the network like a hinted place takes its color, and the rest does not.

The network spreads a hint by itself, but also over what it is not meant for, and not always to the end of its thing.
The numbers below were chosen on validation photos (docs/evaluation.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import FloatArray
from colorize.coloring.likeness import describe_places, describe_things, from_cells, move, ramp, to_cells

_UNLIKE, _ALIKE = 0.2, 0.5  # cosine of features: from no effect to the full one
_CONNECTED = 0.25  # effect from which on a cell leads to its neighbors
_APART = 0.4  # share of the effect on what is alike but not connected with a hint: the other sleeve, or another coat
_REACH = 0.3  # of the photo's longer side, standard deviation: what lies far away is less likely meant
_FULL = 0.95  # how far what is alike moves to the hint's color
_ELSEWHERE = 0.1  # share of the network's own answer to the hints that stays where nothing is alike
_TRUSTED = 0.1  # of the longer side, standard deviation: near a hint, all of that answer stays
_MOST_CELLS = 512  # hinted ones that are compared; of more, evenly spread ones


def fill(ab: FloatArray, plain: FloatArray, hints: FloatArray, things: FloatArray, places: FloatArray) -> FloatArray:
    """Let hints fill what looks like their places.

    Args:
        ab: (2, h, w), predicted with the hints.
        plain: (2, h, w), predicted without them.
        hints: (3, h, w), as of `hint_array`; some pixels are hinted.
        things: (C, h/16, w/16), the network's features of the photo.
        places: (C', h/8, w/8), likewise.

    Returns:
        `ab` (2, h, w): near `plain` where nothing is like a hinted place, near the hints' colors where something is.
    """
    shape = places.shape[1:]
    hinted, colors = _hinted_cells(hints, shape)
    described = np.concatenate([describe_things(things), describe_places(places)], axis=1)
    likeness = described @ described[hinted].T / 2  # (cells, hinted cells), mean cosines
    distances = _distances(shape, hinted)
    effect = ramp(likeness, _UNLIKE, _ALIKE) * np.exp(distances / (-2 * _REACH**2))
    strongest = effect.max(axis=1).reshape(shape).astype(np.float32)
    strongest *= np.where(_connected(strongest > _CONNECTED, hinted), np.float32(1), np.float32(_APART))
    weights = np.square(effect)
    wanted = weights @ colors / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)  # (cells, 2)
    near = np.exp(distances.min(axis=1) / (-2 * _TRUSTED**2)).reshape(shape)
    kept = np.maximum(strongest, _ELSEWHERE + (1 - _ELSEWHERE) * near)
    return move(plain + (ab - plain) * from_cells(kept, ab.shape[1:]), wanted.T.reshape(2, *shape), _FULL * strongest)


def _connected(way: NDArray[np.bool_], begin: NDArray[np.intp]) -> NDArray[np.bool_]:
    """The cells (rows, columns) of a way that can be reached from some, by their sides."""
    reached = np.zeros_like(way)
    reached.ravel()[begin] = True
    while True:
        wider = reached.copy()
        wider[1:] |= reached[:-1]
        wider[:-1] |= reached[1:]
        wider[:, 1:] |= reached[:, :-1]
        wider[:, :-1] |= reached[:, 1:]
        wider = reached | (wider & way)
        if np.array_equal(wider, reached):
            return reached
        reached = wider


def _hinted_cells(hints: FloatArray, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], FloatArray]:
    """The numbers (n,) of cells in which something is hinted, and its mean color (n, 2)."""
    a, b, mask = (to_cells(channel, shape).ravel() for channel in hints)
    cells = np.flatnonzero(mask > 0)
    cells = cells[:: -(-len(cells) // _MOST_CELLS)]
    return cells, np.stack([a, b], axis=1)[cells] / mask[cells, None]


def _distances(shape: tuple[int, ...], cells: NDArray[np.intp]) -> FloatArray:
    """Squared, from each place (cells, n) to those of some, in longer sides."""
    rows, columns = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    down, right = rows[:, None] - rows[cells], columns[:, None] - columns[cells]
    squared: FloatArray = ((down**2 + right**2) / max(shape) ** 2).astype(np.float32)
    return squared
