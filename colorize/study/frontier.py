"""More color, or truer color? A run's colors at many strengths: what each colorfulness costs, and what it is worth.

Every arm can be as colorful as the truth if its colors are multiplied. At the strength where it is, arms can be
compared that differ in nothing but where their colors lie.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the report is written where torch need not be
    from torch import Tensor

STRENGTHS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
SHOWN = ("cf_difference", "psnr", "ssim", "kl_a", "kl_b", "histogram_a", "histogram_b")  # of each strength
PREFIX = "leveled_"


def leveling_strength(colorfulness: Mapping[float, float], wanted: float) -> float | None:
    """The strength at which colors are `wanted` colorful, on the line between those of two strengths.

    Args:
        colorfulness: the mean over photos, by strength, from 0, which is gray.
        wanted: the truth's.

    Returns:
        The least such strength; None if no strength has so much.
    """
    points = sorted(colorfulness.items())
    for (weaker, less), (stronger, more) in itertools.pairwise(points):
        if less <= wanted <= more and less < more:
            return weaker + (stronger - weaker) * (wanted - less) / (more - less)
    return None


def leveled(draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same measures under the names that they have at equal colorfulness."""
    return {f"{PREFIX}{name}": values for name, values in draws.items()}
