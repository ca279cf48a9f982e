"""An arm as the mean of its seeds, and how sure that is: seeds are drawn again as photos are (Efron & Tibshirani 1993).

With n seeds, n − 1 are drawn, with replacement: drawing n would make the spread of their mean too small, by (n − 1)/n,
which is a third with three (Rao & Wu 1988). Photos are the same draws for all arms, seeds are drawn for each arm alone.
With one seed the interval is over photos only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def draw_seeds(seeds: int, resamples: int, generator: torch.Generator) -> Tensor:
    """Draw seeds again.

    Args:
        seeds: of an arm, at least 1.
        resamples: how often.
        generator: where chance comes from.

    Returns:
        The share of each seed, (1 + resamples, seeds): all alike in the first row, then as drawn.
    """
    drawn = max(1, seeds - 1)
    picked = torch.randint(seeds, (resamples, drawn), generator=generator)
    shares = torch.zeros(resamples, seeds, dtype=torch.double)
    shares.scatter_add_(1, picked, torch.full(picked.shape, 1 / drawn, dtype=torch.double))
    return torch.cat([torch.full((1, seeds), 1 / seeds, dtype=torch.double), shares])


def pool(draws: Sequence[Mapping[str, Tensor]], shares: Tensor) -> dict[str, Tensor]:
    """The measures of an arm, in each draw.

    Args:
        draws: of each seed, as of `measure_draws`, (R,) by name.
        shares: as of `draw_seeds`, (R, seeds).

    Returns:
        By name, for measures that all seeds have, the mean over seeds, (R,): `interval_of` it is over seeds and photos.
    """
    names = [name for name in draws[0] if all(name in each for each in draws)]
    return {name: (torch.stack([each[name] for each in draws], dim=1) * shares).sum(dim=1) for name in names}


def span(measures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """For what cannot be drawn again: the mean, and an interval that holds those of all seeds."""
    return {
        "value": sum(each["value"] for each in measures) / len(measures),
        "low": min(each["low"] for each in measures),
        "high": max(each["high"] for each in measures),
    }
