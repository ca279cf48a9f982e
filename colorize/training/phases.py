"""The phases of a run, in order: what an update does, with which optimizer and rate, and how it is scored.

Adding one is a subclass of `Phase` and an entry in `PHASES`; one from outside the package reads its own settings from
`config.extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn
from torch.optim import Adam, Optimizer

from colorize.errors import ConfigError
from colorize.models.generator import Generator, keep_norm_statistics
from colorize.training.config import TrainConfig
from colorize.training.minibatch import Batch
from colorize.training.optimizers import OPTIMIZERS
from colorize.training.schedules import SCHEDULES
from colorize.training.step import Losses, Step

_WARM_UP = 0.05  # of G alone, share of its steps
_LONGEST_WARM_UP = 500  # steps

NextBatches = Callable[[], list[Batch]]  # the micro-batches of one step


@dataclass
class Optimizers:
    """Of G, as the phase wants it, and of D, which keeps its own through all phases."""

    g: Optimizer
    d: Optimizer


class Phase:
    """So many steps of one kind of update."""

    name: ClassVar[str]
    trains_generator: ClassVar[bool] = True
    ends_pretraining: ClassVar[bool] = False  # G as it is at its end is kept in a model file of its own

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    @property
    def steps(self) -> int:
        """How many there are; 0 leaves the phase out."""
        raise NotImplementedError

    def generator_optimizer(self, generator: Generator) -> Optimizer | None:  # noqa: ARG002  # for those that have one
        """G's optimizer at the phase's first step; None: the one that is there stays."""
        return None

    def lr_factor(self, index: int) -> float:  # noqa: ARG002  # constant, unless a phase says otherwise
        """What the peak learning rates are multiplied by at step `index`, counted from 0, of this phase."""
        return 1.0

    def set_modes(self, generator: Generator, discriminator: nn.Module) -> None:
        """Training or evaluation mode of both.

        Args:
            generator: G, as it is trained; in evaluation mode where the phase leaves it as it is.
            discriminator: D; always in training mode.
        """
        generator.train(self.trains_generator)
        discriminator.train()

    def update(self, step: Step, batches: NextBatches, optimizers: Optimizers) -> Losses:
        """One step.

        Args:
            step: makes the updates of G and D.
            batches: gives the micro-batches of one update each time it is called.
            optimizers: of both; used are those of the networks that the phase trains.

        Returns:
            The step's losses by name, detached scalars.
        """
        raise NotImplementedError

    def score(self, measured: Mapping[str, float]) -> float:
        """How good a measurement is, lower being better: the best of the phase becomes best.safetensors."""
        return measured["l1"]

    def is_over(self, misses: int) -> bool:  # noqa: ARG002  # never, unless a phase says otherwise
        """Whether the phase ends early, after so many measurements in a row without a better score."""
        return False


class GeneratorPhase(Phase):
    """G alone, on its explicit loss."""

    name = "generator"
    ends_pretraining = True

    @property
    def steps(self) -> int:
        return self.config.generator_steps

    def generator_optimizer(self, generator: Generator) -> Optimizer:
        config = self.config
        return OPTIMIZERS[config.pretrain_optimizer](
            parameter_groups(generator, config, config.pretrain_lr),
            config.pretrain_lr,
            weight_decay=config.weight_decay,
        )

    def lr_factor(self, index: int) -> float:
        """A linear warm-up, then the schedule that the config names."""
        warm_up = max(1, min(round(self.steps * _WARM_UP), _LONGEST_WARM_UP))
        if index < warm_up:
            return (index + 1) / warm_up
        return SCHEDULES[self.config.schedule]((index - warm_up) / max(self.steps - warm_up, 1))

    def update(self, step: Step, batches: NextBatches, optimizers: Optimizers) -> Losses:
        return step.generator_step(batches(), optimizers.g)


class DiscriminatorPhase(Phase):
    """D alone, on what G does by now."""

    name = "discriminator"
    trains_generator = False

    @property
    def steps(self) -> int:
        return self.config.discriminator_steps

    def update(self, step: Step, batches: NextBatches, optimizers: Optimizers) -> Losses:
        return step.discriminator_step(batches(), optimizers.d)


class AdversarialPhase(Phase):
    """Both by turns, as in the paper."""

    name = "adversarial"

    @property
    def steps(self) -> int:
        return self.config.adversarial_steps

    def generator_optimizer(self, generator: Generator) -> Optimizer:
        config = self.config
        return Adam(parameter_groups(generator, config, config.g_lr), config.g_lr, betas=(config.beta1, config.beta2))

    def lr_factor(self, index: int) -> float:
        """1, then linear to 0 over the second half (the paper's 100 + 100 epochs)."""
        return min(1.0, 2 * (1 - index / self.steps))

    def set_modes(self, generator: Generator, discriminator: nn.Module) -> None:
        super().set_modes(generator, discriminator)
        if self.config.generator_steps or self.config.start:
            # Against D, weights move faster than running statistics follow, least of all those of an average: after
            # 180 steps the averaged G gave 18.7 dB on the validation photos, with its statistics kept 23.3 dB.
            keep_norm_statistics(generator)

    def update(self, step: Step, batches: NextBatches, optimizers: Optimizers) -> Losses:
        for _ in range(self.config.d_steps - 1):
            step.discriminator_step(batches(), optimizers.d)
        return step.adversarial_step(batches(), optimizers.g, optimizers.d)

    def score(self, measured: Mapping[str, float]) -> float:
        """How far colors are from the true ones as a whole: the sign that DeOldify's author wished for."""
        overlap = (measured["histogram_a"] + measured["histogram_b"]) / 2
        return 1 - overlap + measured["delta_cf"] / 100

    def is_over(self, misses: int) -> bool:
        return bool(self.config.patience) and misses >= self.config.patience


PHASES: list[type[Phase]] = [GeneratorPhase, DiscriminatorPhase, AdversarialPhase]


def build_phases(config: TrainConfig) -> list[Phase]:
    """The phases that have steps, in their order. Raises `ConfigError` if none has."""
    phases = [phase for phase in (kind(config) for kind in PHASES) if phase.steps]
    if not phases:
        raise ConfigError("nothing to do: generator-steps, discriminator-steps and adversarial-steps are all 0")
    return phases


def total_steps(config: TrainConfig) -> int:
    """Steps of all phases together."""
    return sum(phase.steps for phase in build_phases(config))


def check_longer(began: TrainConfig, now: TrainConfig, steps_done: int) -> None:
    """Whether a run may go on with more steps than it began with.

    Steps may be added to the phase that it stands in or has just finished, and to later ones. Those before stay: what
    came after them was made from them.

    Args:
        began: the run's config so far.
        now: what it should go on with.
        steps_done: where it stands.

    Raises:
        ConfigError: a phase gets fewer steps, or one that is over gets more.
    """
    end = 0
    for kind in PHASES:
        before, after = kind(began).steps, kind(now).steps
        end += before
        if after < before:
            raise ConfigError(f"{kind.name}-steps {after}: the run began with {before}; expected as many or more")
        if after > before and steps_done > end:
            raise ConfigError(
                f"{kind.name}-steps {after}: that phase is over, and what came after was made from it; "
                f"expected {before}, as the run began. A new run can --start from one of its generators"
            )


def parameter_groups(generator: Generator, config: TrainConfig, rate: float) -> list[dict[str, object]]:
    """G's parameters that are trained, each group with its `peak` rate: a trained encoder learns more slowly.

    Args:
        generator: G; its parameters without `requires_grad` are left out.
        config: its `encoder_is_trained`, and `encoder_lr`, the factor on the encoder's rate.
        rate: the peak learning rate, of all but a trained encoder.

    Returns:
        One or two groups for an optimizer, with the keys `params` and `peak`; none is empty.
    """
    fast: list[nn.Parameter] = []
    slow: list[nn.Parameter] = []
    for name, parameter in generator.named_parameters():
        if parameter.requires_grad:
            (slow if name.startswith("encoder.") and config.encoder_is_trained else fast).append(parameter)
    groups: list[dict[str, object]] = [
        {"params": fast, "peak": rate},
        {"params": slow, "peak": rate * config.encoder_lr},
    ]
    return [group for group in groups if group["params"]]
