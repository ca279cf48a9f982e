"""A restricted Boltzmann machine on bars and stripes: how k Gibbs steps stand in for a sum that nobody can do.

The machine gives each picture v of 4 × 4 black and white pixels a probability p(v) = exp(−F(v)) / Z (Smolensky 1986;
Hinton 2012). The gradient of log p(v) is a difference: what the data say of visible and hidden units together, minus
what the machine itself says of them. The second half, the negative phase, is a sum over all states. Here there are
2^12 of the hidden units, so it can be done, and Z too: the log-likelihood is exact. What is done where it cannot is a
short Markov chain: from the data (CD-k: Hinton 2002), or from where it stood at the update before (PCD, also called
SML: Younes 1999, Tieleman 2008).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 4  # px
HIDDEN = 12  # units; Z is a sum over their 2^HIDDEN states
_CHAINS = 4  # of each pattern, for the negative phase
_LR = 0.05
_SHOWN = 20  # samples kept, for the figure
_SAMPLE_STEPS = 1000  # Gibbs steps before one is taken


class Method(NamedTuple):
    """Where the negative phase's pictures come from."""

    gibbs_steps: int  # 0: none are drawn, the sum is done
    persistent: bool = False  # chains go on where they stood; else they start at the data each time
    falling: bool = False  # the rate falls to 0; else it stays


METHODS = {
    "CD-1": Method(1),
    "CD-10": Method(10),
    "PCD-1": Method(1, persistent=True),
    "PCD-1, falling rate": Method(1, persistent=True, falling=True),
    "exact": Method(0),
}


class BoltzmannMachine:
    """Weights (V, H) between visible and hidden units, and both biases; V = SIDE² pixels, H = HIDDEN."""

    def __init__(self) -> None:
        self.weights = 0.01 * torch.randn(SIDE**2, HIDDEN)
        self.visible_bias = torch.zeros(SIDE**2)
        self.hidden_bias = torch.zeros(HIDDEN)

    def hidden(self, visible: Tensor) -> Tensor:
        """P(h = 1 | v), (N, H), for (N, V)."""
        return torch.sigmoid(visible @ self.weights + self.hidden_bias)

    def visible(self, hidden: Tensor) -> Tensor:
        """P(v = 1 | h), (N, V), for (N, H)."""
        return torch.sigmoid(hidden @ self.weights.T + self.visible_bias)

    def gibbs_step(self, visible: Tensor) -> Tensor:
        """Draw h given v, then v given h; (N, V)."""
        return torch.bernoulli(self.visible(torch.bernoulli(self.hidden(visible))))

    def log_weights(self, visible: Tensor) -> Tensor:
        """−F(v), (N,): log p(v) + log Z, the hidden units summed out."""
        weights: Tensor = visible @ self.visible_bias + F.softplus(visible @ self.weights + self.hidden_bias).sum(dim=1)
        return weights

    def log_hidden_weights(self) -> Tensor:
        """log p(h) + log Z of all states of the hidden units, in the order of `all_states(HIDDEN)`."""
        hidden = all_states(HIDDEN)
        weights: Tensor = hidden @ self.hidden_bias + F.softplus(hidden @ self.weights.T + self.visible_bias).sum(dim=1)
        return weights

    def log_probabilities(self, visible: Tensor) -> Tensor:
        """log p(v), (N,), exact."""
        return self.log_weights(visible) - torch.logsumexp(self.log_hidden_weights(), dim=0)


class Moments(NamedTuple):
    """Means over pictures: what the gradient is the difference of two of."""

    both: Tensor  # (V, H)
    visible: Tensor  # (V,)
    hidden: Tensor  # (H,)


@cache
def all_states(units: int) -> Tensor:
    """The 2^units states, (2^units, units)."""
    return ((torch.arange(2**units)[:, None] >> torch.arange(units)) & 1).float()


def bars_and_stripes() -> Tensor:
    """Pictures whose rows, or whose columns, are each of one tone: 2·2^SIDE − 2 of them, (N, V)."""
    bars = all_states(SIDE)[:, :, None].expand(-1, -1, SIDE)
    patterns: Tensor = torch.cat([bars, bars.transpose(1, 2)]).flatten(1).unique(dim=0)
    return patterns


def data_moments(machine: BoltzmannMachine, visible: Tensor) -> Moments:
    """Of pictures (N, V) and what the hidden units make of them.

    Args:
        machine: gives P(h = 1 | v).
        visible: the pictures, each pixel 0 or 1.

    Returns:
        The means over the pictures of v · P(h = 1 | v), of v and of P(h = 1 | v).
    """
    hidden = machine.hidden(visible)
    return Moments(visible.T @ hidden / len(visible), visible.mean(dim=0), hidden.mean(dim=0))


def model_moments(machine: BoltzmannMachine) -> Moments:
    """Of the machine itself, by the sum over all states of the hidden units."""
    hidden = all_states(HIDDEN)
    share = torch.softmax(machine.log_hidden_weights(), dim=0)  # (2^H,)
    visible = machine.visible(hidden)
    return Moments(visible.T @ (share[:, None] * hidden), share @ visible, share @ hidden)


def train(method: Method, seed: int, steps: int, record_interval: int) -> dict[str, Any]:
    """Train a machine on all patterns at once.

    Args:
        method: of the negative phase.
        seed: of weights and chains.
        steps: updates.
        record_interval: updates between two records.

    Returns:
        By step: `log_likelihood`, the mean over patterns in nats, and `mass`, the probability of all patterns
        together, both exact. At the end: `samples` (N, V), and `weights` (H, V).
    """
    torch.manual_seed(seed)
    machine, data = BoltzmannMachine(), bars_and_stripes()
    starts = data.repeat(_CHAINS, 1)
    chains = torch.bernoulli(torch.full_like(starts, 0.5))
    record: dict[str, Any] = {"step": [], "log_likelihood": [], "mass": []}
    for step in range(steps + 1):
        rate = _LR * (1 - step / steps if method.falling else 1)
        if step % record_interval == 0:
            log_p = machine.log_probabilities(data)
            record["step"].append(step)
            record["log_likelihood"].append(log_p.mean().item())
            record["mass"].append(log_p.exp().sum().item())
        if method.gibbs_steps:
            chains = chains if method.persistent else starts
            for _ in range(method.gibbs_steps):
                chains = machine.gibbs_step(chains)
            negative = data_moments(machine, chains)
        else:
            negative = model_moments(machine)
        _update(machine, data_moments(machine, data), negative, rate)
    samples = torch.bernoulli(torch.full((_SHOWN, SIDE**2), 0.5))
    for _ in range(_SAMPLE_STEPS):
        samples = machine.gibbs_step(samples)
    return {**record, "samples": samples.int().tolist(), "weights": machine.weights.T.tolist()}


def _update(machine: BoltzmannMachine, positive: Moments, negative: Moments, rate: float) -> None:
    machine.weights += rate * (positive.both - negative.both)
    machine.visible_bias += rate * (positive.visible - negative.visible)
    machine.hidden_bias += rate * (positive.hidden - negative.hidden)


@torch.no_grad()
def run(seed: int = 0, *, quick: bool = False) -> dict[str, Any]:
    """Each method with three seeds, all with as many updates; the exact one with one seed, for each step takes long.

    Args:
        seed: the first of the seeds; the others follow it.
        quick: whether 20 updates are made instead of 20,000, with one seed.

    Returns:
        What `boltzmann.json` holds of it: the settings, `patterns`, which is the number of pictures, and `methods`,
        what `train` gives for each seed, by the method's name.
    """
    steps, interval, seeds = (20, 10, 1) if quick else (20_000, 200, 3)
    with torch.random.fork_rng(devices=[]):
        return {
            "side": SIDE,
            "hidden": HIDDEN,
            "patterns": len(bars_and_stripes()),
            "steps": steps,
            "lr": _LR,
            "methods": {
                name: [train(method, seed + i, steps, interval) for i in range(seeds if method.gibbs_steps else 1)]
                for name, method in METHODS.items()
            },
        }
