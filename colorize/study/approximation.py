"""One hidden layer of growing width: what it can be, and what a loss makes of it.

A hidden layer that is wide enough comes as near as wanted to any continuous function on an interval (Cybenko 1989;
Hornik et al. 1989). It says what a network *can* be, not what it becomes. Here the two-colored problem is a line: at
each place x in [−1, 1] stands a shape, red or blue. By a rule, the color follows from the place: the wider the layer,
the nearer it comes. By a coin, nothing follows from anything, and there is no such function to come near. What a
network then becomes, at whatever width, is the loss's choice: the mean of both colors, or the more frequent one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from colorize.study.two_colors import COLORS
from colorize.training.losses import RECONSTRUCTIONS

WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128)
STRIPES = 3  # red and blue ones each, of the rule
RED_SHARE = 0.75  # of the coin
LOSSES = ("mse", "l1")
_PLACES = 500  # shapes that are learned from
_SEEN = 201  # places that are measured on
_LR = 1e-2
_RED_A, _BLUE_A = COLORS["red"][0], COLORS["blue"][0]  # a* is all that is learned


class OneHiddenLayer(nn.Sequential):
    """(N, 1) to (N, 1), through `width` units with tanh; a* over its range between blue and red, so about −1 to 1."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))
        first = self[0]
        assert isinstance(first, nn.Linear)
        # Each unit is a step somewhere on the line; torch's own start puts most of them around 0 and all of them flat.
        places = 2 * torch.rand(width) - 1
        slopes = torch.randn(width) * 4 * STRIPES
        with torch.no_grad():
            first.weight.copy_(slopes[:, None])
            first.bias.copy_(-slopes * places)


def rule(x: Tensor) -> Tensor:
    """1 where red, −1 where blue: as many stripes of one as of the other."""
    return torch.sign(torch.sin(STRIPES * torch.pi * (x + 1)))


def coin(x: Tensor) -> Tensor:
    """The same, tossed: red with the probability RED_SHARE wherever it is."""
    return 2 * torch.bernoulli(torch.full_like(x, RED_SHARE)) - 1


def fit(width: int, loss: str, problem: str, seed: int, steps: int) -> list[float]:
    """Train one network on shapes at random places, their colors by the rule or by the coin.

    Args:
        width: hidden units.
        loss: one of `LOSSES`.
        problem: rule or coin.
        seed: of weights, places and coins.
        steps: updates, each on all shapes.

    Returns:
        a* that it gives at `seen_places()`.
    """
    torch.manual_seed(seed)
    network = OneHiddenLayer(width)
    x = 2 * torch.rand(_PLACES, 1) - 1
    target = rule(x) if problem == "rule" else coin(x)
    optimizer = torch.optim.Adam(network.parameters(), _LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        RECONSTRUCTIONS[loss](network(x), target).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        given: list[float] = to_a(network(seen_places())).flatten().tolist()
    return given


def seen_places() -> Tensor:
    """(N, 1), in order."""
    return torch.linspace(-1, 1, _SEEN)[:, None]


def to_a(color: Tensor) -> Tensor:
    """a* of colors given as −1 for blue to 1 for red."""
    return _BLUE_A + (color + 1) / 2 * (_RED_A - _BLUE_A)


def run(seed: int = 0, *, quick: bool = False) -> dict[str, Any]:
    """The rule at each width with three seeds, by MSE; the coin at each width under both losses.

    Args:
        seed: the first of the seeds; the others follow it.
        quick: whether 5 steps are made instead of 1500, with one seed, at the smallest and the largest width only.

    Returns:
        What `approximation.json` holds of it. `x` are the places, `truth` the rule's a* there. `rule` has a record for
        each width: `a`, the a* given at `x` by the first seed, and `rms`, each seed's distance from the truth. `coin`
        has, for each loss, a record for each width: `a` again, and `mean`, each seed's mean a*.
    """
    steps, seeds, widths = (5, 1, (WIDTHS[0], WIDTHS[-1])) if quick else (1500, 3, WIDTHS)
    truth = to_a(rule(seen_places())).flatten()

    def record(width: int, loss: str, problem: str, seeds: int) -> dict[str, Any]:
        given = [fit(width, loss, problem, seed + i, steps) for i in range(seeds)]
        if problem == "coin":
            return {"width": width, "a": given[0], "mean": [sum(each) / len(each) for each in given]}
        errors = [(torch.tensor(each) - truth).square().mean().sqrt().item() for each in given]
        return {"width": width, "a": given[0], "rms": errors}

    with torch.random.fork_rng(devices=[]):
        return {
            "steps": steps,
            "places": _PLACES,
            "red_share": RED_SHARE,
            "colors": {"red": _RED_A, "blue": _BLUE_A},
            "x": seen_places().flatten().tolist(),
            "truth": truth.tolist(),
            "rule": [record(width, "mse", "rule", seeds) for width in widths],
            "coin": {loss: [record(width, loss, "coin", seeds) for width in widths] for loss in LOSSES},
        }
