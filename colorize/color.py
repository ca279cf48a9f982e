"""Colour units: the one module that knows that L* spans 100 and that a*, b* are divided by 110.

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

_L_HALF_RANGE = 50.0
_AB_RANGE = 110.0

# sRGB may leave [0, 1] by this much and still round to the same 8-bit value (half a step is 0.00196).
_GAMUT_TOLERANCE = 1e-3
_BISECTIONS = 10
_STRONGEST = 135.0  # chroma √(a*² + b*²) of no sRGB colour is higher: that of pure blue is 133.8


def rgb_to_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Split sRGB (B, 3, H, W) in [0, 1] into `l` (B, 1, H, W) and `ab` (B, 2, H, W)."""
    lab = _kornia_rgb_to_lab(rgb)
    return lab[:, :1] / _L_HALF_RANGE - 1, lab[:, 1:] / _AB_RANGE


def lab_to_rgb(l: Tensor, ab: Tensor, *, clip: bool = True) -> Tensor:
    """Join `l` (B, 1, H, W) and `ab` (B, 2, H, W) into sRGB (B, 3, H, W).

    Colours outside sRGB are clipped channel by channel, which moves lightness: training and metrics use this,
    photos use `merge`. With `clip=False` the result may leave [0, 1].
    """
    lab = torch.cat([(l + 1) * _L_HALF_RANGE, ab * _AB_RANGE], dim=1)
    return _kornia_lab_to_rgb(lab, clip=clip)


def merge(l: Tensor, ab: Tensor) -> Tensor:
    """Join `l` and `ab` into sRGB (B, 3, H, W) in [0, 1] without moving lightness.

    Where the colour does not exist in sRGB at that lightness, chroma is lowered along a line of constant hue to
    the strongest that does (by bisection, to within 0.2 of chroma); clipping could change L* by 10 and more.
    """
    rgb = lab_to_rgb(l, ab, clip=False)
    outside = ((rgb < -_GAMUT_TOLERANCE) | (rgb > 1 + _GAMUT_TOLERANCE)).any(dim=1)  # (B, H, W)
    if outside.any():
        pixels = rgb.permute(0, 2, 3, 1)  # (B, H, W, 3), a view: writes go to rgb
        pixels[outside] = _strongest_in_gamut(l.permute(0, 2, 3, 1)[outside], ab.permute(0, 2, 3, 1)[outside])
    return rgb.clamp_(0, 1)


def _strongest_in_gamut(l: Tensor, ab: Tensor) -> Tensor:
    """sRGB (N, 3) of the strongest chroma within sRGB, for N pixels `l` (N, 1) and `ab` (N, 2)."""

    def to_rgb(factor: Tensor) -> Tensor:
        return lab_to_rgb(l.t()[None, :, :, None], (ab * factor).t()[None, :, :, None], clip=False)[0, :, :, 0].t()

    low = torch.zeros_like(l)  # (N, 1), always inside: greys exist at every lightness
    high = (_STRONGEST / _AB_RANGE / ab.norm(dim=1, keepdim=True)).clamp_max(1)  # always outside
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        rgb = to_rgb(middle)  # (N, 3)
        inside = ((rgb >= -_GAMUT_TOLERANCE) & (rgb <= 1 + _GAMUT_TOLERANCE)).all(dim=1, keepdim=True)
        low = torch.where(inside, middle, low)
        high = torch.where(inside, high, middle)
    return to_rgb(low)
