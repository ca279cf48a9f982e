"""Hints as a person would give them, drawn from the true colors, so that G learns to obey and to spread them."""

from __future__ import annotations

import torch
from torch import Tensor

from colorize.models.generator import HINT_CHANNELS

LARGEST_PATCH = 9  # px, its side
_STOP = 1 / 8  # of the geometric distribution of how many: 7 on average
_WHOLE = 0.01  # share of the photos with hints that show all of their colors


def simulate_hints(ab: Tensor, share: float) -> Tensor:
    """`hints` (B, 3, H, W) for a batch of true `ab`, for about this share of its photos; none for the others.

    Their number is drawn from a geometric distribution; each is a square patch of 1 to 9 px with the mean of the true
    colors under it; for one photo in a hundred all colors are shown (Zhang et al. 2017, arXiv 1705.02999, sec. 3.3).

    Args:
        ab: (B, 2, H, W), a* and b* over 110.
        share: 0 to 1, of the photos that hints are drawn for.

    Returns:
        (B, 3, H, W): `ab` where it is given, and 1 there; 0 elsewhere.
    """
    count, _, height, width = ab.shape
    hints = ab.new_zeros(count, HINT_CHANNELS, height, width)
    for index in torch.nonzero(torch.rand(count) < share).flatten().tolist():
        if torch.rand(()) < _WHOLE:
            hints[index, :2], hints[index, 2] = ab[index], 1
            continue
        number = int(torch.empty((), dtype=torch.float64).geometric_(_STOP)) - 1
        add_patches(hints[index], ab[index], torch.randint(1, LARGEST_PATCH + 1, (number,)).tolist())
    return hints


def add_patches(hints: Tensor, ab: Tensor, sides: list[int], generator: torch.Generator | None = None) -> None:
    """Into one photo's `hints` (3, H, W): a patch of each side somewhere, with the mean of `ab` (2, H, W) under it.

    Args:
        hints: (3, H, W), changed in place: `ab` and 1 where it is given.
        ab: the true colors, (2, H, W), a* and b* over 110.
        sides: px, of each patch; later ones cover earlier ones.
        generator: draws the places; None: torch's default one.
    """
    height, width = ab.shape[1:]
    for side in sides:
        top, left = (
            int(torch.randint(max(length - side, 0) + 1, (), generator=generator)) for length in (height, width)
        )
        place = (slice(None), slice(top, top + side), slice(left, left + side))
        hints[place] = torch.cat([ab[place].mean(dim=(1, 2)), ab.new_ones(1)]).view(-1, 1, 1)
