"""Small changes of a photo after which its colors should be the same, for the consistency loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_GRAIN = 0.06  # the largest standard deviation, of `l`
_LIGHT = 0.15  # how much brighter or darker, of `l`
_SHIFT = 16  # px, half of the coarsest stride


class Change(NamedTuple):
    """What happens to `l` (B, 1, H, W), and to the `ab` (B, 2, H, W) that belongs to it; both keep multiples of 32."""

    of_l: Callable[[Tensor], Tensor]
    of_ab: Callable[[Tensor], Tensor]


def _mirror(x: Tensor) -> Tensor:
    return x.flip(3)


def _halve(x: Tensor) -> Tensor:
    """Half the size where that is a multiple of 32, else less: 96 px become 64."""
    sides = [max(32, side // 64 * 32) if side % 64 == 0 else (side + 32) // 64 * 32 for side in x.shape[2:]]
    return F.interpolate(x, size=sides, mode="bilinear", antialias=True)


def _shift(x: Tensor) -> Tensor:
    """To the right and down, the border continued."""
    return F.pad(x, (_SHIFT, 0, _SHIFT, 0), mode="replicate")[:, :, : x.shape[2], : x.shape[3]]


def _add_grain(l: Tensor) -> Tensor:
    sigma = torch.rand(len(l), 1, 1, 1, device=l.device) * _GRAIN
    return (l + torch.randn_like(l) * sigma).clamp(-1, 1)


def _relight(l: Tensor) -> Tensor:
    shift = (torch.rand(len(l), 1, 1, 1, device=l.device) * 2 - 1) * _LIGHT
    return (l + shift * (1 - l.square())).clamp(-1, 1)


def _same(ab: Tensor) -> Tensor:
    return ab


CHANGES = (
    Change(_mirror, _mirror),
    Change(_halve, _halve),
    Change(_shift, _shift),
    Change(_add_grain, _same),
    Change(_relight, _same),
)
