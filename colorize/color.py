"""sRGB and `l`, `ab` on tensors, for training and measuring; photos are merged by `lightness.py`.

`rgb`  (B, 3, H, W)  sRGB, [0, 1]
`l`    (B, 1, H, W)  L*/50 − 1, [−1, 1]
`ab`   (B, 2, H, W)  (a*, b*)/110, about [−1, 1]

CIE 1976 L*a*b* with the D65 white point, as in scikit-image; the arithmetic is kornia's.
"""

from __future__ import annotations

import torch
from kornia.color import lab_to_rgb as _kornia_lab_to_rgb
from kornia.color import rgb_to_lab as _kornia_rgb_to_lab
from torch import Tensor

from colorize.units import AB_RANGE, L_HALF_RANGE


def rgb_to_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Split sRGB (B, 3, H, W) in [0, 1] into `l` (B, 1, H, W) and `ab` (B, 2, H, W)."""
    lab = _kornia_rgb_to_lab(rgb)
    return lab[:, :1] / L_HALF_RANGE - 1, lab[:, 1:] / AB_RANGE


def lab_to_rgb(l: Tensor, ab: Tensor, *, clip: bool = True) -> Tensor:
    """Join `l` (B, 1, H, W) and `ab` (B, 2, H, W) into sRGB (B, 3, H, W).

    Colours outside sRGB are clipped channel by channel, which moves lightness: good enough to measure by, not for
    photos. With `clip=False` the result may leave [0, 1].
    """
    lab = torch.cat([(l + 1) * L_HALF_RANGE, ab * AB_RANGE], dim=1)
    return _kornia_lab_to_rgb(lab, clip=clip)
