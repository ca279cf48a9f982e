"""Small `ab` to full size along the edges of the full-size `l`, a few rows at a time.

A fast guided filter (He & Sun 2015, arXiv 1505.00996): around every small pixel, ab is taken for a linear function of
l, ab ≈ slope · l + offset; slope and offset are upsampled and meet the full-size l, so that colour changes where
lightness does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_RADIUS = 2  # of the windows in which slope and offset are fitted, in small pixels
_EPSILON = 1e-3  # variance of l below which colour no longer follows lightness, in units of l²


class Upsampler:
    """`rows(l, top)` gives ab for any rows of the full-size photo; strips and one piece give the same result."""

    def __init__(self, ab: Tensor, l: Tensor, height: int, width: int) -> None:
        """Small `ab` (1, 2, h, w) and the `l` (1, 1, h, w) it was predicted from; the full size in pixels."""
        if ab.shape[2] >= height and ab.shape[3] >= width:  # the photo is no larger than what the network saw
            self._fields = F.interpolate(ab, (height, width), mode="bilinear", antialias=True)  # (1, 2, H, W)
            self._guided = False
        else:
            slope, offset = _fit(ab, l)
            low = -F.max_pool2d(-ab, 3, 1, 1)
            high = F.max_pool2d(ab, 3, 1, 1)
            self._fields = torch.cat([slope, offset, low, high], dim=1)  # (1, 8, h, w)
            self._guided = True
        self._height, self._width = height, width

    def rows(self, l: Tensor, top: int) -> Tensor:
        """`ab` (1, 2, n, W) of the n rows from `top`, whose full-size lightness is `l` (1, 1, n, W)."""
        fields = _interpolate_rows(self._fields, top, l.shape[2], self._height, self._width)
        if not self._guided:
            return fields
        slope, offset, low, high = fields.split(2, dim=1)  # (1, 2, n, W) each
        # Where lightness leaves the range of the window, the line must not run away from the colours found there.
        return torch.minimum(torch.maximum(slope * l + offset, low), high)


def _fit(ab: Tensor, l: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset (1, 2, h, w) of ab over l: least squares in a window, slope damped by `_EPSILON`, averaged."""
    mean_l, mean_ab = _box(l), _box(ab)
    variance = (_box(l * l) - mean_l * mean_l).clamp_min(0)
    covariance = _box(l * ab) - mean_l * mean_ab
    slope = covariance / (variance + _EPSILON)
    offset = mean_ab - slope * mean_l
    return _box(slope), _box(offset)


def _box(x: Tensor) -> Tensor:
    """Mean over the window; beyond the border there is nothing, which the mean leaves out."""
    return F.avg_pool2d(x, 2 * _RADIUS + 1, 1, _RADIUS, count_include_pad=False)


def _interpolate_rows(x: Tensor, top: int, count: int, height: int, width: int) -> Tensor:
    """Rows top … top + count − 1 of F.interpolate(x, (height, width), mode="bilinear", align_corners=False)."""
    small = x.shape[2]
    position = ((torch.arange(top, top + count, dtype=torch.float64) + 0.5) * (small / height) - 0.5).clamp(0, small - 1)
    above = position.floor().long()
    below = (above + 1).clamp_max(small - 1)
    weight = (position - above).to(x.dtype)[None, None, :, None]
    rows = torch.lerp(x[:, :, above], x[:, :, below], weight)  # (1, C, n, w)
    return F.interpolate(rows, (count, width), mode="bilinear", align_corners=False)  # (1, C, n, W)
