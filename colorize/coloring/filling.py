"""Hints that fill their thing: what is like a hinted place takes its color, and the rest does not.

The network spreads a hint by itself, but also over what it is not meant for, and not always to the end of its thing.
So each pixel is judged: how like a hinted place it is to the network, how much lightness changes on the best way there,
and what color it has without hints. The weights come from a logistic regression (docs/guidance.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import FloatArray
from colorize.coloring.hints import ANYWHERE
from colorize.coloring.likeness import describe_places, describe_things, each_to_cells, from_cells, ramp, to_cells

# How likely a pixel is meant by a hint, as the logit of a logistic regression.
_BIAS = 4.3
_SAME_THING, _SAME_PLACE = 7.9, 5.6  # per cosine of features with the hinted place
_BEHIND_EDGES = -7.0  # per root of the lightness, in units of l, that changes on the way from the hint
_FAR = 7.4  # per root of the distance in longer sides: a long way with few edges speaks for one large, even thing
_OTHERWISE = -6.5  # per root of the distance, in ab, between the colors that the network gives without hints
_RECOLORED = -6.0  # per distance, in ab, of the hint from the network's color there: small corrections reach farther
_NOT_MEANT, _MEANT = 0.1, 0.7  # probability: from no effect to the full one

_OUT_OF_REACH = 1e-6  # share of a hint beside one that reaches there
_STEP = 0.004  # what each pixel of a way costs beside the lightness that changes
_GRID = 102  # pixels are judged on a grid of about so many cells squared at most: on a finer one ways cost more
_BLUR = 2  # pixels of the grid, by which a place gets larger in going to it and back
_ROUNDS = 12  # in which ways are found; each goes along all rows and columns
_UNREACHED = 1e3
# Of several hints each pixel takes a mixture, the logits of whose softmax are:
_LIKER = 0.35  # per logit of being meant
_NEARER = -3.0  # per distance, in longer sides
_SAME_COLOR = 4 / 110  # in ab; hints of nearly one color are taken together
_SOFT_END = 0.8  # of its reach, from which on a hint fades
_MOST_COLORS = 64
_MOST_CELLS = 512  # hinted ones of one color that are compared; of more, evenly spread ones


_Pixels = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows and columns


def fill(
    ab: FloatArray, plain: FloatArray, hints: FloatArray, l: FloatArray, things: FloatArray, places: FloatArray
) -> FloatArray:
    """Let hints fill what looks like their places.

    Args:
        ab: (2, h, w), predicted with the hints.
        plain: (2, h, w), predicted without them.
        hints: (4, h, w), as of `hint_array`; some pixels are hinted.
        l: (h, w), the photo.
        things: (C, h/16, w/16), the network's features of it.
        places: (C', h/8, w/8), likewise.

    Returns:
        `ab` (2, h, w): near `plain` where nothing is like a hinted place, near the hints' colors where something is.
    """
    shape, coarser = _grid(l.shape)
    said = each_to_cells(hints, shape)
    judge = _Judge(each_to_cells(plain, shape), to_cells(l, shape), things, places)
    colors, meant, claims, within = [], [], [], []
    for pixels in _by_color(said):
        colors.append((said[:2, *pixels] / said[2, *pixels]).mean(axis=1))
        nearness, distance = judge.nearness(pixels, colors[-1]), _distance(shape, pixels)
        claims.append(_LIKER * nearness + _NEARER * distance)
        logit = nearness + _FAR * np.sqrt(distance)
        likely = np.asarray(1 / (1 + np.exp(-logit)), np.float32)
        reach = said[3, *pixels] / said[2, *pixels] / coarser - _BLUR
        within.append(_within(shape, pixels, reach.clip(min=_BLUR / 2)))
        meant.append(ramp(likely, _NOT_MEANT, _MEANT) * within[-1])
    claimed = np.stack(claims)
    share = np.exp(claimed - claimed.max(axis=0)) * np.maximum(within, _OUT_OF_REACH)
    wanted = np.einsum("nc,nhw->chw", np.stack(colors), share / share.sum(axis=0))
    how_far = from_cells(np.max(meant, axis=0), l.shape)
    kept = plain + (ab - plain) * how_far
    filled: FloatArray = kept + (np.stack([from_cells(each, l.shape) for each in wanted]) - kept) * how_far
    return filled


def has_limits(hints: FloatArray) -> bool:
    """Whether one of the hints, as of `hint_array`, has a reach."""
    return bool(_is_limited(hints).any())


def limit(ab: FloatArray, plain: FloatArray, hints: FloatArray) -> FloatArray:
    """Take back what hints do beyond their reach, for a network without features.

    Args:
        ab: (2, h, w), predicted with the hints.
        plain: (2, h, w), predicted without them.
        hints: (4, h, w), as of `hint_array`.

    Returns:
        `ab` (2, h, w), which is `plain` where no hint reaches.
    """
    rows, columns = np.nonzero(hints[2])
    within = _within(ab.shape[1:], (rows, columns), hints[3, rows, columns])
    limited: FloatArray = plain + (ab - plain) * within
    return limited


def _grid(shape: tuple[int, ...]) -> tuple[tuple[int, int], float]:
    """Rows and columns of the grid for a photo of h × w pixels, and how many of these a side of a cell has."""
    h, w = shape
    coarser = max(1.0, (h * w) ** 0.5 / _GRID)
    return (max(1, round(h / coarser)), max(1, round(w / coarser))), coarser


class _Judge:
    """Tells how near each pixel of a photo is to hints, in all but distance."""

    def __init__(self, plain: FloatArray, l: FloatArray, things: FloatArray, places: FloatArray) -> None:
        """Of the grid of pixels `plain` (2, h, w) and `l` (h, w), and features as of `fill`."""
        self._plain, self._l = plain, l
        self._described = ((_SAME_THING, describe_things(things)), (_SAME_PLACE, describe_places(places)))
        self._cells = places.shape[1:]  # of both

    def nearness(self, hinted: _Pixels, color: FloatArray) -> FloatArray:
        """The logit (h, w) but for `_FAR`, for the pixels of which one color (2,) is said."""
        usual = self._plain[:, *hinted].mean(axis=1)
        otherwise = np.linalg.norm(self._plain - usual[:, None, None], axis=0)
        nearness: FloatArray = self._alike(hinted)
        nearness = nearness + np.float32(_BIAS + _RECOLORED * float(np.linalg.norm(color - usual)))
        nearness += _BEHIND_EDGES * np.sqrt(_ways(self._l, hinted))
        nearness += _OTHERWISE * np.sqrt(otherwise)
        return nearness

    def _alike(self, hinted: _Pixels) -> FloatArray:
        """(h, w), the likeness to the most alike of the hinted pixels, weighted."""
        rows, columns = (
            index * count // side for index, count, side in zip(hinted, self._cells, self._l.shape, strict=True)
        )
        cells = np.unique(rows * self._cells[1] + columns)
        cells = cells[:: -(-len(cells) // _MOST_CELLS)]
        alike = sum(weight * (described @ described[cells].T).max(axis=1) for weight, described in self._described)
        return from_cells(np.reshape(alike, self._cells), self._l.shape)


def _by_color(said: FloatArray) -> list[_Pixels]:
    """The pixels of which something is said (4, h, w), of nearly one color together; those with a reach apart."""
    rows, columns = np.nonzero(said[2])
    colors = said[:2, rows, columns] / said[2, rows, columns]
    is_limited = _is_limited(said)[rows, columns]
    coarse = _SAME_COLOR
    while True:
        each_pixel = np.concatenate([np.round(colors / coarse), is_limited[None]])
        kinds, kind = np.unique(each_pixel, axis=1, return_inverse=True)
        if kinds.shape[1] <= _MOST_COLORS:
            break
        coarse *= 2
    return [(rows[kind == each], columns[kind == each]) for each in range(kinds.shape[1])]


def _ways(l: FloatArray, begin: _Pixels) -> FloatArray:
    """The cost (h, w) of the cheapest way to each pixel from some: how much lightness changes on it, and its length.

    Along a row to the right, the cheapest way to pixel j comes from the i ≤ j for which cost[i] + total[j] − total[i]
    is least, where total sums the steps up: a running minimum. So all rows are done at once, then back, then columns.
    """
    cost = np.full(l.shape, np.float32(_UNREACHED))
    cost[begin] = 0
    totals = [
        np.insert(np.cumsum(np.abs(np.diff(l, axis=axis)) + np.float32(_STEP), axis=axis), 0, 0, axis=axis)
        for axis in (0, 1)
    ]
    for _ in range(_ROUNDS):
        before = cost
        for axis in (1, 0):
            total = totals[axis]
            onward = total + np.minimum.accumulate(cost - total, axis=axis)
            cost = np.flip(np.minimum.accumulate(np.flip(onward + total, axis), axis=axis), axis) - total
        if np.abs(before - cost).max() < _STEP / 2:
            break
    return cost.clip(min=0)


def _distance(shape: tuple[int, ...], begin: _Pixels) -> FloatArray:
    """(h, w), how far each pixel is from the middle of some, in longer sides."""
    down, right = (np.arange(side) - index.mean() for side, index in zip(shape, begin, strict=True))
    far: FloatArray = np.hypot(down[:, None], right).astype(np.float32) / np.float32(max(shape))
    return far


def _is_limited(hints: FloatArray) -> NDArray[np.bool_]:
    """Which pixels (h, w) have a hint with a limit."""
    return np.asarray((hints[2] > 0) & (hints[3] < hints[2] * (ANYWHERE / 2)))


def _within(shape: tuple[int, ...], begin: _Pixels, reach: FloatArray) -> FloatArray:
    """(h, w), 1 near some pixels, 0 farther from each than its reach (n,), in pixels."""
    if reach.max(initial=0) > max(shape) / (1 - _SOFT_END):
        return np.ones(shape, np.float32)
    within = np.zeros(shape, np.float32)
    down, right = (np.arange(side, dtype=np.float32) for side in shape)
    for row, column, far in zip(*begin, reach, strict=True):
        distance = np.hypot((down - row)[:, None], right - column)
        np.maximum(within, ramp(-distance, -far, -_SOFT_END * far), out=within)
    return within
