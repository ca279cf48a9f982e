"""The terms of the generator's explicit loss, by name. A run weights those that it wants: `losses` in its config.

Adding one is a function of a `TermContext` that gives a function of G's output and the batch, and an entry in `TERMS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from colorize.errors import ConfigError
from colorize.models.bins import AbBins
from colorize.models.generator import Generator, GeneratorOutput
from colorize.training.changes import CHANGES
from colorize.training.losses import (
    RECONSTRUCTIONS,
    Distillation,
    Perceptual,
    cross_entropy,
    palette,
    skin,
    stains,
)
from colorize.training.minibatch import Batch

LossFunction = Callable[[GeneratorOutput, Batch], Tensor]  # gives a scalar


@dataclass(frozen=True)
class LossTerm:
    """A named, weighted part of G's loss."""

    name: str
    weight: float
    compute: LossFunction


@dataclass(frozen=True)
class TermContext:
    """What a term may be made of."""

    generator: Generator
    feature_network: str  # trained on ImageNet: "hub", a file, or "" for none
    device: torch.device


def build_terms(weights: Mapping[str, float], context: TermContext) -> list[LossTerm]:
    """The terms that have a weight.

    Args:
        weights: by the names of `TERMS`.
        context: what they are made of.

    Raises:
        ConfigError: a name is unknown, or a term needs what the run does not have.
        WeightsError: the feature network cannot be read.
    """
    for name in weights:
        if name not in TERMS:
            raise ConfigError(f"unknown loss {name!r}: expected one of {', '.join(TERMS)}")
    return [LossTerm(name, weight, TERMS[name](context)) for name, weight in weights.items() if weight]


def ab_terms(name: str) -> list[LossTerm]:
    """The one term `name` of `RECONSTRUCTIONS`, of any generator, with the weight 1."""
    loss = RECONSTRUCTIONS[name]
    return [LossTerm(name, 1.0, lambda output, batch: loss(output.ab, batch.ab))]


def _on_ab(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[TermContext], LossFunction]:
    """A term that compares G's `ab` with the true one."""
    return lambda context: lambda output, batch: loss(output.ab, batch.ab)  # noqa: ARG005


def _cross_entropy(context: TermContext) -> LossFunction:
    """Of G's bins with the true colors."""
    bins = context.generator.bins
    if not isinstance(bins, AbBins):
        raise ConfigError(
            "the losses cross-entropy and distribution need a generator with the head 'bins' or 'ab+bins'"
        )

    def loss(output: GeneratorOutput, batch: Batch) -> Tensor:
        assert output.logits is not None
        return cross_entropy(output.logits, batch.ab, bins)

    return loss


def _perceptual(context: TermContext) -> LossFunction:
    perceptual = Perceptual(_feature_network("perceptual", context)).to(context.device)
    return lambda output, batch: perceptual(batch.l, output.ab, batch.ab)


def _distillation(context: TermContext) -> LossFunction:
    if not context.generator.has_features:
        raise ConfigError("the loss distillation needs a generator with an encoder and the head 'ab+bins'")
    distillation = Distillation(_feature_network("distillation", context))
    distillation.to(context.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(output: GeneratorOutput, batch: Batch) -> Tensor:
        # The teacher sees the photo before it was worn.
        l = batch.l if batch.clean_l is None else batch.clean_l
        few = slice(max(1, len(l) // _DISTILLED_PART))
        distance: Tensor = distillation([each[few] for each in output.features], l[few], batch.ab[few])
        return distance

    return loss


def _consistency(context: TermContext) -> LossFunction:
    """How far colors move when a photo comes a little differently (Eilertsen et al. 2019, arXiv 1902.10424).

    For a part of the photos without hints, G is asked again for a changed copy, and its answer brought back.
    """
    generator = context.generator

    def loss(output: GeneratorOutput, batch: Batch) -> Tensor:
        plain = torch.arange(len(batch.l), device=batch.l.device)
        if batch.hints is not None:
            plain = plain[batch.hints[:, 2].flatten(1).sum(dim=1) == 0]
        some = len(plain) > 0
        if not some:  # G is asked all the same: its BatchNorm waits for every process
            plain = torch.zeros(1, dtype=torch.long, device=batch.l.device)
        plain = plain[: max(1, len(batch.l) // _CONSISTENT_PART)]
        change = CHANGES[int(torch.randint(len(CHANGES), ()))]
        changed: Tensor = generator(change.of_l(batch.l[plain]))  # (B', 2, H', W')
        return (changed - change.of_ab(output.ab[plain])).abs().mean() * some

    return loss


def _feature_network(name: str, context: TermContext) -> str:
    if not context.feature_network:
        raise ConfigError(f"the loss {name} needs --feature-network")
    return context.feature_network


_CONSISTENT_PART = 4  # one photo in so many is looked at twice
_DISTILLED_PART = 4  # likewise, is shown to the teacher, which takes a sixth of a step for all of them

TERMS: dict[str, Callable[[TermContext], LossFunction]] = {
    **{name: _on_ab(loss) for name, loss in RECONSTRUCTIONS.items()},
    "cross-entropy": _cross_entropy,  # of a generator whose answer is decoded from its bins
    "distribution": _cross_entropy,  # of one that has bins beside its answer
    "perceptual": _perceptual,
    "distillation": _distillation,
    "consistency": _consistency,
    "stains": lambda _: lambda output, batch: stains(batch.l, output.ab, batch.ab),
    "skin": _on_ab(skin),
    "palette": lambda _: lambda output, batch: palette(batch.l, output.ab, batch.ab),
}
