"""How far the colors of a whole set of photos are from the truth's: the Fréchet distance between features.

Heusel et al. 2017 (arXiv 1706.08500, eq. 6), with 1280 pooled features of a smaller network in place of Inception's:
numbers compare only among themselves, by the same network at the same number of photos.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from colorize.evaluation.intervals import Interval

GROUPS = 20  # of photos, left out one after the other
SPLITS = 5  # into two halves
_QUANTILE = 2.093  # of Student's t at 97.5 %, GROUPS − 1 degrees of freedom


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """|μx − μy|² + tr(Σx + Σy − 2 (Σx Σy)^½).

    Args:
        x: features of some photos, (N, F), N at least 2.
        y: features of others, (M, F), M at least 2.

    Returns:
        The distance, from 0, in squared units of the features.

    Where Σx = AᵀA and Σy = BᵀB, the trace of (Σx Σy)^½ is the sum of the singular values of ABᵀ: that is exact for
    N < F too, where the matrices have no full rank.
    """
    x, y = x.double(), y.double()
    shift = (x.mean(dim=0) - y.mean(dim=0)).square().sum()
    a, b = ((each - each.mean(dim=0)) / math.sqrt(len(each) - 1) for each in (x, y))
    # At most F rows each: the orthogonal factor does not change singular values.
    a, b = (torch.linalg.qr(each, mode="r").R if len(each) > each.shape[1] else each for each in (a, b))
    common = torch.linalg.svdvals(a @ b.T).sum()
    return float(shift + a.square().sum() + b.square().sum() - 2 * common)


def frechet_interval(x: Tensor, truth: Tensor) -> Interval:
    """The distance of photos from their truth, and its 95 % interval.

    By the jackknife over GROUPS groups of photos (Tukey 1958): the bootstrap draws photos twice, which looks like a
    narrower distribution and moves this distance.

    Args:
        x: features of the photos, (N, F).
        truth: features of the same photos' truth, (N, F).

    Returns:
        The distance; ends that are nan where there are fewer than four photos.
    """
    value = frechet_distance(x, truth)
    groups = min(GROUPS, len(x) // 2)
    if groups < 2:
        return Interval(value, math.nan, math.nan)
    group = torch.arange(len(x)) % groups
    without = torch.tensor([frechet_distance(x[group != g], truth[group != g]) for g in range(groups)])
    deviation = math.sqrt((groups - 1) / groups * (without - without.mean()).square().sum().item())
    return Interval(value, value - _QUANTILE * deviation, value + _QUANTILE * deviation)


def across_halves(x: Tensor, truth: Tensor) -> Interval:
    """The distance of one half of the photos from the truth of the *other* half, and its lowest and highest.

    No photo is on both sides: with `x = truth` this is the floor, what two sets of true photos are apart by chance.

    Args:
        x: features of the photos, (N, F).
        truth: features of the same photos' truth, (N, F).

    Returns:
        The mean over SPLITS random splits, which are the same for all of one length.
    """
    distances = [frechet_distance(x[one], truth[other]) for one, other in _halves(len(x), len(x) // 2)]
    return Interval(sum(distances) / len(distances), min(distances), max(distances))


def extrapolated_floor(truth: Tensor) -> float:
    """What two sets of as many true photos as there are, N, would be apart: there are not 2 N to measure it on.

    The bias of the distance goes with 1/N (Chong & Forsyth 2020, arXiv 1911.07023): a line through what quarters and
    halves of the photos are apart.
    """
    photos = len(truth)
    quarter = [frechet_distance(truth[one], truth[other]) for one, other in _halves(photos, photos // 4)]
    half = across_halves(truth, truth).value
    return half - (sum(quarter) / len(quarter) - half) / 2


def _halves(photos: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Twice `size` of the photos, without a photo in common."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(SPLITS):
        order = torch.randperm(photos, generator=generator)
        yield order[:size], order[size : 2 * size]
