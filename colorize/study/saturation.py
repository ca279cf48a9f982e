"""Why the original game stalls: what G can learn from a D that is sure.

G's loss in the original game is log(1 − D(G(z))), in the non-saturating form −log D(G(z)). Both have their best G at
the same place; but by D's logit the first has the slope −D(G(z)) and the second D(G(z)) − 1 (Goodfellow et al. 2014,
sec. 3; Arjovsky & Bottou 2017, theorems 2.4 and 2.6). Where D knows every fake, D(G(z)) is 0, and so is the first.

The same networks as in `distribution`, but the data lie where G has never been. First D learns alone and the gradients
that G would get are measured; then they play on.
"""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from colorize.study.distribution import BATCH_SIZE, NoiseGenerator, PointDiscriminator, even_noise, wasserstein
from colorize.training.losses import OBJECTIVES
from colorize.training.minibatch import Batch
from colorize.training.step import Step

COMPARED = ("minimax", "bce")
OPTIMIZERS = ("sgd", "adam")  # of G; Adam divides gradients by their size, and so hides part of the difference
MEAN, SIGMA = 6.0, 1.0  # of the data: G starts between 0 and 1
RECORD_INTERVAL = 5  # steps
_D_LR = 2e-3
_G_LR = {"sgd": 0.05, "adam": 2e-3}


def slopes(name: str, logits: Tensor) -> Tensor:
    """|∂ loss of G / ∂ logit| of an objective at each of the logits (N,).

    Args:
        name: a key of `OBJECTIVES`.
        logits: D's, of what G makes.

    Returns:
        (N,), at least 0.
    """
    logits = logits.detach().requires_grad_()
    loss = OBJECTIVES[name].generator(logits) * len(logits)  # a mean over logits that do not see each other
    (gradient,) = torch.autograd.grad(loss, logits)
    return gradient.abs()


def gradient_norms(generator: nn.Module, discriminator: nn.Module) -> dict[str, float]:
    """‖∂ loss of G / ∂ G's parameters‖₂ under each objective of `COMPARED`.

    Args:
        generator: G; it makes numbers of `even_noise()`.
        discriminator: D, which judges them.

    Returns:
        The norms, by the names of the objectives.
    """
    z = even_noise()
    norms = {}
    for name in COMPARED:
        loss = OBJECTIVES[name].generator(discriminator(z, generator(z))[0])
        gradients = torch.autograd.grad(loss, list(generator.parameters()))
        norms[name] = torch.cat([gradient.flatten() for gradient in gradients]).norm().item()
    return norms


def head_start(seed: int, steps: int) -> dict[str, Any]:
    """D learns for `steps` while G holds still.

    Args:
        seed: of weights, noise and data.
        steps: updates of D, up to the last record.

    Returns:
        Lists of numbers by `step`: `verdict`, the mean D(G(z)), and for each objective of `COMPARED` the norm of the
        gradient that G would get from it.
    """
    torch.manual_seed(seed)
    generator, discriminator = NoiseGenerator(), PointDiscriminator()
    step = _step("bce", generator, discriminator)
    optimizer = _adam(discriminator, _D_LR)
    record: dict[str, Any] = {"step": [], "verdict": [], **{name: [] for name in COMPARED}}
    for i in range(steps + 1):
        if i % RECORD_INTERVAL == 0:
            record["step"].append(i)
            record["verdict"].append(_verdict(generator, discriminator))
            for name, norm in gradient_norms(generator, discriminator).items():
                record[name].append(norm)
        step.discriminator_step([_batch()], optimizer)
    return record


def play_on(objective: str, optimizer: str, seed: int, lead: int, steps: int) -> dict[str, Any]:
    """D has learned for `lead` steps; then both learn by turns.

    Args:
        objective: of both, a key of `OBJECTIVES`; in the lead D learns by it too.
        optimizer: of G, one of `OPTIMIZERS`; D's is Adam.
        seed: of weights, noise and data.
        lead: steps of D alone.
        steps: of both, up to the last record.

    Returns:
        Lists of numbers by `step`: `w1`, the Wasserstein-1 distance, and `verdict`, the mean D(G(z)).
    """
    torch.manual_seed(seed)
    generator, discriminator = NoiseGenerator(), PointDiscriminator()
    step = _step(objective, generator, discriminator)
    d_optimizer = _adam(discriminator, _D_LR)
    g_optimizer: torch.optim.Optimizer = _adam(generator, _G_LR["adam"])
    if optimizer == "sgd":
        g_optimizer = torch.optim.SGD(generator.parameters(), _G_LR["sgd"])
    for _ in range(lead):
        step.discriminator_step([_batch()], d_optimizer)
    record: dict[str, Any] = {"step": [], "w1": [], "verdict": []}
    for i in range(steps + 1):
        if i % RECORD_INTERVAL == 0:
            with torch.no_grad():
                x = generator(even_noise()).flatten()
            record["step"].append(i)
            record["w1"].append(wasserstein(x, MEAN, SIGMA))
            record["verdict"].append(_verdict(generator, discriminator))
        step.adversarial_step([_batch()], g_optimizer, d_optimizer)
    return record


def run(seed: int = 0, *, quick: bool = False) -> dict[str, Any]:
    """The slopes by D's verdict, the gradients while D learns alone, and the games after that; three seeds.

    Args:
        seed: the first of the seeds; the others follow it.
        quick: whether D leads by 20 steps and 10 follow, instead of 200 and 400, with one seed.

    Returns:
        What `saturation.json` holds of it: the settings; `slopes`, by objective, at each `verdict`; `head_start`, what
        that function gives for each seed; and `games`, what `play_on` gives for each seed, by optimizer and objective.
    """
    lead, steps, seeds = (20, 10, 1) if quick else (200, 400, 3)
    logits = torch.linspace(-8, 8, 65)
    with torch.random.fork_rng(devices=[]):
        return {
            "data": {"mean": MEAN, "sigma": SIGMA},
            "lead": lead,
            "steps": steps,
            "g_lr": _G_LR,
            "d_lr": _D_LR,
            "slopes": {
                "verdict": torch.sigmoid(logits).tolist(),
                **{name: slopes(name, logits).tolist() for name in COMPARED},
            },
            "head_start": [head_start(seed + i, lead) for i in range(seeds)],
            "games": {
                optimizer: {
                    name: [play_on(name, optimizer, seed + i, lead, steps) for i in range(seeds)] for name in COMPARED
                }
                for optimizer in OPTIMIZERS
            },
        }


def _step(objective: str, generator: nn.Module, discriminator: nn.Module) -> Step:
    return Step(
        Accelerator(cpu=True),
        generator,
        discriminator,
        discriminator,
        OBJECTIVES[objective],
        [],
    )


def _adam(module: nn.Module, lr: float) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr, betas=(0.5, 0.999))


def _batch() -> Batch:
    z = torch.rand(BATCH_SIZE, 1, 1, 1)
    return Batch(z, MEAN + SIGMA * torch.randn_like(z))


@torch.no_grad()
def _verdict(generator: nn.Module, discriminator: nn.Module) -> float:
    z = even_noise()
    return torch.sigmoid(discriminator(z, generator(z))[0]).mean().item()
