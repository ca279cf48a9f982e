"""The losses: what D learns to tell apart, how G learns from it, and the written-down loss beside it.

Logits are D's verdicts before the sigmoid, of any shape; every loss is a mean, a scalar. The caller weights it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Objective:
    """An adversarial objective. A new one is two functions of logits and one entry in `OBJECTIVES`."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (real logits, fake logits) -> D's loss
    generator: Callable[[Tensor], Tensor]  # fake logits -> G's loss


def bce_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """−log D(real) − log(1 − D(fake)): cross-entropy of "is it real?" (Goodfellow et al. 2014, eq. 1).

    2 log 2 while D is undecided.
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()  # softplus(−x) = −log σ(x)


def bce_generator(fake: Tensor) -> Tensor:
    """−log D(fake), the non-saturating form: strong gradients exactly while D sees through G (ibid., sec. 3)."""
    return F.softplus(-fake).mean()


def l1(ab: Tensor, truth: Tensor) -> Tensor:
    """Mean |ab − truth| (Isola et al. 2017, eq. 3); its best answer is the median of the colours that are possible."""
    return (ab - truth).abs().mean()


OBJECTIVES = {"bce": Objective(bce_discriminator, bce_generator)}
RECONSTRUCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1}
