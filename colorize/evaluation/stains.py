"""Stains: colors that change within a thing that has one color in truth.

A thing is a segment of the photo's lightness (Felzenszwalb & Huttenlocher 2004, scikit-image's). Only what the result
varies *more* than the truth within a segment counts: pale or wrong colors that are even have no stains.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorize.color.tensors import rgb_to_lab
from colorize.color.units import AB_RANGE

_SIDE = 224  # px: larger photos are reduced to this short side, so that segments do not depend on their size
_SCALE, _SIGMA = 150, 0.8  # of the segmentation; a larger scale means larger segments
_SMALLEST_SHARE, _SMALLEST = 1 / 400, 64  # of a photo's pixels, and pixels, in a segment

PROTOCOL = (
    f"within segments of L* (Felzenszwalb & Huttenlocher 2004: scale {_SCALE}, σ {_SIGMA:g}, at least "
    f"1/{1 / _SMALLEST_SHARE:.0f} of the photo; short side at most {_SIDE} px): how much larger the RMS distance of "
    "a*, b* from the segment's mean is than the truth's, 0 where it is smaller, the mean over pixels, then over photos"
)


def measure_stains(rgb: Tensor, truth: Tensor) -> Tensor:
    """How much more the colors of some results vary within things than the truth's do.

    Args:
        rgb: results for one photo, (R, 3, H, W) in [0, 1].
        truth: the photo in color, (1, 3, H, W) in [0, 1].

    Returns:
        (R,), in units of a* and b*; 0 is best.
    """
    l, ab = rgb_to_lab(_reduced(torch.cat([truth, rgb])))  # truth first
    return stains_within(ab[1:], ab[:1], find_segments((l[0, 0] + 1) / 2))


def stains_within(ab: Tensor, truth: Tensor, segments: Tensor) -> Tensor:
    """`measure_stains` of colors, where the segments are known.

    Args:
        ab: results for one photo, (R, 2, H, W) in [−1, 1].
        truth: its true colors, (1, 2, H, W).
        segments: as of `find_segments`.

    Returns:
        (R,), in units of a* and b*; 0 is best.
    """
    deviations = deviation_within(torch.cat([truth, ab]) * AB_RANGE, segments)  # (1 + R, S)
    excess = (deviations[1:] - deviations[0]).clamp(min=0)
    return excess @ torch.bincount(segments).double() / len(segments)


def find_segments(lightness: Tensor) -> Tensor:
    """Cut a photo into segments.

    Args:
        lightness: L*/100, (H, W).

    Returns:
        Each pixel's segment, row by row, (H·W,) of whole numbers from 0.
    """
    from skimage.segmentation import felzenszwalb  # takes seconds

    smallest = max(_SMALLEST, round(lightness.numel() * _SMALLEST_SHARE))
    found = felzenszwalb(lightness.double().numpy(), scale=_SCALE, sigma=_SIGMA, min_size=smallest)
    return torch.from_numpy(found).flatten()


def deviation_within(ab: Tensor, segments: Tensor) -> Tensor:
    """The RMS distance of colors from the mean of their segment.

    Args:
        ab: a* and b*, (N, 2, H, W).
        segments: as of `find_segments`; the same for all N.

    Returns:
        (N, S) for S segments, in the unit of `ab`.
    """
    flat = ab.flatten(2).double()  # (N, 2, H·W)
    counts = torch.bincount(segments)
    sums = flat.new_zeros(*flat.shape[:2], len(counts))  # (N, 2, S)
    means = sums.index_add(2, segments, flat) / counts
    squares = (flat - means[:, :, segments]).square()
    return (sums.index_add(2, segments, squares) / counts).sum(dim=1).sqrt()


def _reduced(rgb: Tensor) -> Tensor:
    """`rgb` with a short side of at most `_SIDE`."""
    scale = _SIDE / min(rgb.shape[2:])
    if scale >= 1:
        return rgb
    sides = [round(side * scale) for side in rgb.shape[2:]]
    return torch.nn.functional.interpolate(rgb, sides, mode="bilinear", antialias=True)
