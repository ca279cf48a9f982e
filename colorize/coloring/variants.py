"""Other colorings that a model finds possible, and where it is unsure: both out of the distribution that it predicts.

For a variant the distribution of each place leans towards one direction of color: its mean moves where the model is
unsure, along what it finds possible, and stays where it is sure. A few unsure places are drawn, each with a direction
of its own, and what looks like one of them to the network leans as it does. Then what is alike is averaged, several
times over: so a thing has one color.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import AB_RANGE, FloatArray
from colorize.color.upsample import slope_over_level
from colorize.coloring.engine import Engine, Features, NetworkConditions
from colorize.coloring.likeness import describe_places, describe_things, each_to_cells, from_cells, to_cells

_CHANGE = 7.5  # units of a* and b*, root mean square over a photo, before things are made even, which leaves about 6
_STRONGEST = 0.3  # per unit: how much likelier, as a logarithm, leaning makes a color that lies in its direction
_HALVINGS = 12  # of the range of strengths, until `_CHANGE` is met
_PLACES = 2  # drawn: with more, what is large and without edges, a wall or a coat, comes in clouds
_UNLIKELY = 0.01  # colors less likely than this share of the likeliest are left out
_FINER = 0.5  # weight of what the decoder sees beside what the encoder does
_SAME_THING = 0.15  # difference of likeness by which a place belongs e times less to a thing
_EVENED = 3  # times that things are made even: once left clouds on a wall or a street
_NEAR = 1.0  # of the longer side: what is alike, but so far away, counts 0.6 of what is near
_MOST_CELLS = 1024  # compared with each other

_Array = NDArray[np.float64]


def vary(engine: Engine, l: FloatArray, conditions: NetworkConditions, features: Features | None) -> FloatArray:
    """Draw how another coloring that a model finds possible differs from the first.

    Args:
        engine: what runs the network; it must have `bins`.
        l: (B, 1, h, w).
        conditions: what the colors have to obey, with a seed, under which is drawn: the same for each photo.
        features: of `l`, which tell what is one thing; without, what may have the same colors is taken for one.

    Returns:
        What is to be added to the answer to these conditions, (B, 2, h, w).
    """
    assert engine.bins is not None
    assert conditions.seed is not None
    possible = engine.predict_distribution(l, NetworkConditions(conditions.hints)).astype(np.float64)
    changes = []
    for index, probabilities in enumerate(possible):
        described = np.sqrt(probabilities)
        if features is not None:
            cells = probabilities.shape[1:]
            things = describe_things(features.things[index]).T.reshape(-1, *cells)
            places = describe_places(features.places[index]).T.reshape(-1, *cells)
            described = np.concatenate([things, _FINER * places])
        changes.append(_variation(probabilities, engine.bins, described, l[index, 0], conditions.seed))
    return np.stack(changes)


def _variation(probabilities: _Array, bins: FloatArray, described: FloatArray, l: FloatArray, seed: int) -> FloatArray:
    """Of one photo, (2, h, w); `described` (C, h', w'), whose products tell how alike two places are."""
    rng = np.random.default_rng(seed)
    coarser = math.ceil(math.sqrt(probabilities[0].size / _MOST_CELLS))
    shape = tuple(-(-side // coarser) for side in probabilities.shape[1:])
    likely, rows = (
        each_to_cells(each.astype(np.float32), shape).reshape(len(each), -1).astype(np.float64)  # (…, N)
        for each in (probabilities, described)
    )
    likely = np.where(likely < _UNLIKELY * likely.max(axis=0), 0, likely)
    likely /= likely.sum(axis=0)
    alike = rows.T @ rows  # (N, N)
    drawn = _draw_places(rng, color_std(likely[..., None], bins)[:, 0] ** 2, alike)
    angles = rng.uniform(0, 2 * np.pi, len(drawn))
    directions = np.stack([np.cos(angles), np.sin(angles)])  # (2, K)
    change = _lean(likely, bins, directions @ _shares(alike[:, drawn]).T)
    same_thing = _same_thing(alike, shape)
    for _ in range(_EVENED):
        change = change @ same_thing.T
    return _enlarged((change.reshape(2, *shape) / AB_RANGE).astype(np.float32), l)


def _draw_places(rng: np.random.Generator, unsure: _Array, alike: _Array) -> list[int]:
    """Some of N places, each unlike those before: the more unsure, the likelier."""
    free = unsure.copy()
    drawn: list[int] = []
    while len(drawn) < _PLACES and free.sum() > 0:
        place = int(rng.choice(len(free), p=free / free.sum()))
        drawn.append(place)
        if alike[place, place] > 0:  # else nothing tells it from others
            free *= 1 - (alike[place] / alike[place, place]).clip(0, 1)
        free[place] = 0
    return drawn or [0]


def _shares(alike: _Array) -> _Array:
    """How much each of N places belongs to each of K, (N, K), by how alike they are."""
    share = np.exp((alike - alike.max(axis=1, keepdims=True)) / _SAME_THING)
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def _lean(likely: _Array, bins: FloatArray, towards: _Array) -> _Array:
    """By how much the means (2, N) of distributions (Q, N) move, in a* and b*, as they lean towards (2, N)."""
    colors = bins.T.astype(np.float64) * AB_RANGE  # (2, Q)
    along = colors.T @ towards  # (Q, N)
    mean = colors @ likely

    def moved(strength: float) -> _Array:
        leaning = likely * np.exp(strength * (along - along.max(axis=0)))
        return np.asarray(colors @ (leaning / leaning.sum(axis=0)) - mean)

    low, high = 0.0, _STRONGEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if np.sqrt(np.square(moved(middle)).sum(axis=0).mean()) < _CHANGE:
            low = middle
        else:
            high = middle
    return moved(low)


def _same_thing(alike: _Array, shape: tuple[int, ...]) -> _Array:
    """For each of N places the weights of all, (N, N): of the same thing, the near ones a little more."""
    place = np.stack(np.divmod(np.arange(len(alike)), shape[1])) / (_NEAR * max(shape))
    far = np.square(place[:, :, None] - place[:, None]).sum(axis=0) / 2
    weights = np.exp((alike - alike.diagonal()[:, None]) / _SAME_THING - far)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _enlarged(change: FloatArray, l: FloatArray) -> FloatArray:
    """Cells (2, h', w') to the size of `l` (h, w), along its edges."""
    level = np.asarray((l + 1) / 2, np.float32)
    coarse = to_cells(level, change.shape[1:])
    slope = slope_over_level(change, coarse)
    along_edges = [
        from_cells(each - its_slope * coarse, l.shape) + from_cells(its_slope, l.shape) * level
        for each, its_slope in zip(change, slope, strict=True)
    ]
    return np.stack(along_edges)


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
