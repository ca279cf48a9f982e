"""The promise about lightness, checked on a result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorize.color.lightness import lightness_of, to_levels
from colorize.errors import PhotoError
from colorize.photo import Photo, strips, to_8_bit

_WORST = 0.5  # of L*
_KEPT = 0.999  # of the pixels
_ROWS = 256  # compared at once


@dataclass(frozen=True)
class Fidelity:
    """How near the lightness of a result is to its photo's."""

    worst: float  # the largest |ΔL*| of any pixel
    share: float  # of the pixels whose L*, to the nearest of the photo's gray levels, is the photo's

    @property
    def kept(self) -> bool:
        """Whether the promise holds: |ΔL*| at most 0.5 everywhere, the gray level kept at 99.9 % of the pixels."""
        return self.worst <= _WORST and self.share >= _KEPT

    def __str__(self) -> str:
        return f"lightness kept at {self.share:.3%} of the pixels, at most {self.worst:.2f} L* off"


def compare(source: Photo, result: Photo) -> Fidelity:
    """Compare a result with the photo it was made from.

    Args:
        source: the photo.
        result: the same in color.

    Returns:
        How near the lightness is.

    Raises:
        PhotoError: their sizes differ.
    """
    if source.size != result.size:
        raise PhotoError("expected a result of {}×{} px like its source, got {}×{}".format(*source.size, *result.size))
    worst, same = 0.0, 0
    width, height = source.size
    for (_, mine), (_, theirs) in zip(strips(source.pixels, _ROWS), strips(result.pixels, _ROWS), strict=True):
        worst = max(worst, float(np.abs(lightness_of(mine) - lightness_of(theirs)).max()))
        wanted, got = to_levels(mine), to_levels(theirs)
        if wanted.dtype != got.dtype:  # a 16-bit photo in a format that holds 8
            wanted, got = to_8_bit(wanted), to_8_bit(got)
        same += int(np.count_nonzero(wanted == got))
    return Fidelity(worst, same / (width * height))
