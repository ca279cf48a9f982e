"""sRGB and `l`, `ab` on tensors, for training and measuring; photos are merged by `lightness.py`.

`rgb`  (B, 3, H, W)  sRGB, [0, 1]
`l`    (B, 1, H, W)  L*/50 − 1, [−1, 1]
`ab`   (B, 2, H, W)  (a*, b*)/110, about [−1, 1]

CIE 1976 L*a*b* with the D65 white point, as in scikit-image; the arithmetic is kornia's.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from kornia.color import lab_to_rgb as _kornia_lab_to_rgb
from kornia.color import rgb_to_lab as _kornia_rgb_to_lab
from torch import Tensor

from colorize.color.units import AB_RANGE, L_HALF_RANGE

_SURFACE_LEVELS = 65  # of two channels, on each face of the cube of colors


def rgb_to_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Split sRGB (B, 3, H, W) in [0, 1] into `l` (B, 1, H, W) and `ab` (B, 2, H, W)."""
    lab = _kornia_rgb_to_lab(rgb)
    return lab[:, :1] / L_HALF_RANGE - 1, lab[:, 1:] / AB_RANGE


def lab_to_rgb(l: Tensor, ab: Tensor, *, clip: bool = True) -> Tensor:
    """Join lightness and color into sRGB.

    Args:
        l: (B, 1, H, W).
        ab: (B, 2, H, W).
        clip: whether colors outside sRGB are clipped channel by channel, which changes lightness: good enough for
            measuring, not for photos.

    Returns:
        sRGB (B, 3, H, W), in [0, 1] if it was clipped.
    """
    lab = torch.cat([(l + 1) * L_HALF_RANGE, ab * AB_RANGE], dim=1)
    return _kornia_lab_to_rgb(lab, clip=clip)


@lru_cache
def ab_grid(step: float) -> Tensor:
    """Points (Q, 2) of a square grid of `ab`, `step` units of a* and b* apart, that an sRGB color is nearest to.

    Looked for at 65 levels on the surface of the cube of colors: none inside it has an `ab` that none on it has.
    """
    levels = torch.linspace(0, 1, _SURFACE_LEVELS)
    first, second = torch.meshgrid(levels, levels, indexing="ij")
    faces = []
    for position in range(3):
        for end in (0.0, 1.0):
            channels = [first, second]
            channels.insert(position, torch.full_like(first, end))
            faces.append(torch.stack(channels))
    _, ab = rgb_to_lab(torch.stack(faces))  # (6, 2, 65, 65)
    on_grid = (ab * (AB_RANGE / step)).round().transpose(0, 1).flatten(1)
    points: Tensor = on_grid.unique(dim=1)  # (2, Q)
    return points.t().contiguous() * (step / AB_RANGE)
