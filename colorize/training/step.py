"""The alternation, as the paper writes it: D, then G while D holds still."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from colorize.models.generator import GeneratorOutput
from colorize.training.losses import Objective, gradient_penalty


class Batch(NamedTuple):
    l: Tensor  # (B, 1, H, W)
    ab: Tensor  # (B, 2, H, W)
    hints: Tensor | None = None  # (B, 3, H, W)

    @property
    def given(self) -> tuple[Tensor, ...]:
        """What G is given."""
        return (self.l,) if self.hints is None else (self.l, self.hints)


class StepLosses(NamedTuple):
    """Detached scalars; zero where the phase has no such loss."""

    d: Tensor  # D's loss: log 2 (0.693) while it is undecided
    g_adversarial: Tensor
    g_reconstruction: Tensor


class Step:
    """One update of what the phase trains.

    `batches` are the micro-batches of a step (one, unless gradients are accumulated). `generator` and `discriminator`
    are as `accelerate` prepared them; `discriminator_alone` is D without the wrapper that exchanges gradients between
    processes, for G's update, where D has none. With `logits`, the reconstruction loss gets G's whole `GeneratorOutput`
    instead of its ab. `perceptual(l, ab, truth)`, if there is one, is added to it, weighted already.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        generator: nn.Module,
        discriminator: nn.Module,
        discriminator_alone: nn.Module,
        objective: Objective,
        reconstruction: Callable[[Any, Tensor], Tensor],
        adversarial_weight: float,
        reconstruction_weight: float,
        logits: bool = False,
        perceptual: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self.accelerator = accelerator
        self.generator = generator
        self.discriminator = discriminator
        self.discriminator_alone = discriminator_alone
        self.objective = objective
        self.reconstruction = reconstruction
        self.adversarial_weight = adversarial_weight
        self.reconstruction_weight = reconstruction_weight
        self.logits = logits
        self.perceptual = perceptual

    def generator_step(self, batches: Sequence[Batch], g_optimizer: Optimizer) -> StepLosses:
        """G alone on the reconstruction loss."""
        g_reconstruction = torch.zeros((), device=self.accelerator.device)
        for batch in self._accumulate(batches, self.generator):
            loss = self._reconstruct(self._answer(batch), batch)
            self.accelerator.backward(loss / len(batches))
            g_reconstruction += loss.detach() / len(batches)
        _update(g_optimizer)
        return StepLosses(torch.zeros_like(g_reconstruction), torch.zeros_like(g_reconstruction), g_reconstruction)

    def discriminator_step(
        self, batches: Sequence[Batch], d_optimizer: Optimizer, fakes: Sequence[Tensor] | None = None
    ) -> StepLosses:
        """max_D: believe real pairs, doubt generated ones. Halved, to slow D relative to G (sec. 3.3)."""
        if fakes is None:
            with torch.no_grad():
                fakes = [self.generator(*batch.given) for batch in batches]
        d_loss = torch.zeros((), device=self.accelerator.device)
        fake = iter(fakes)
        for batch in self._accumulate(batches, self.discriminator):
            fake_ab = next(fake).detach()
            real_logits = self.discriminator(batch.l, batch.ab)
            fake_logits = self.discriminator(batch.l, fake_ab)
            losses = [self.objective.discriminator(r, f) for r, f in zip(real_logits, fake_logits, strict=True)]
            loss = 0.5 * torch.stack(losses).mean()
            if self.objective.penalty_weight:
                loss = loss + 0.5 * self.objective.penalty_weight * self._penalty(batch, fake_ab)
            self.accelerator.backward(loss / len(batches))
            d_loss += loss.detach() / len(batches)
        _update(d_optimizer)
        return StepLosses(d_loss, torch.zeros_like(d_loss), torch.zeros_like(d_loss))

    def _penalty(self, batch: Batch, fake_ab: Tensor) -> Tensor:
        """`gradient_penalty` at random points between real and generated colors, of each member's mean verdict."""
        share = torch.rand(len(fake_ab), 1, 1, 1, device=fake_ab.device)
        between = (share * batch.ab + (1 - share) * fake_ab).requires_grad_()  # (B, 2, H, W)
        penalties = []
        for logits in self.discriminator(batch.l, between):
            verdicts = logits.flatten(1).mean(dim=1).sum()  # photos do not see each other: one sum gives all gradients
            (gradient,) = torch.autograd.grad(verdicts, between, create_graph=True)
            penalties.append(gradient_penalty(gradient))
        return torch.stack(penalties).mean()

    def adversarial_step(self, batches: Sequence[Batch], g_optimizer: Optimizer, d_optimizer: Optimizer) -> StepLosses:
        """D on these batches, then min_G: convince D, which holds still, and stay close to the truth (eq. 4).

        Without an adversarial weight nobody asks D: it is left out.
        """
        if not self.adversarial_weight:
            return self.generator_step(batches, g_optimizer)
        # A single batch's fakes serve both updates. Several would have to keep all their graphs until D is done.
        shared = [self._answer(batches[0])] if len(batches) == 1 else None
        fakes = [_colors(answer) for answer in shared] if shared else None
        d_loss = self.discriminator_step(batches, d_optimizer, fakes).d
        g_adversarial, g_reconstruction = torch.zeros_like(d_loss), torch.zeros_like(d_loss)
        with frozen(self.discriminator_alone):
            for batch in self._accumulate(batches, self.generator):
                answer = shared[0] if shared else self._answer(batch)
                fake_ab = fakes[0] if fakes else _colors(answer)  # (B, 2, H, W)
                logits = self.discriminator_alone(batch.l, fake_ab)
                adversarial = torch.stack([self.objective.generator(each) for each in logits]).mean()
                reconstruction = self._reconstruct(answer, batch)
                loss = self.adversarial_weight * adversarial + self.reconstruction_weight * reconstruction
                self.accelerator.backward(loss / len(batches))
                g_adversarial += adversarial.detach() / len(batches)
                g_reconstruction += reconstruction.detach() / len(batches)
        _update(g_optimizer)
        return StepLosses(d_loss, g_adversarial, g_reconstruction)

    def _answer(self, batch: Batch) -> Tensor | GeneratorOutput:
        """What the reconstruction loss compares."""
        named = {"logits": True} if self.logits else {}
        answer: Tensor | GeneratorOutput = self.generator(*batch.given, **named)
        return answer

    def _reconstruct(self, answer: Tensor | GeneratorOutput, batch: Batch) -> Tensor:
        loss = self.reconstruction(answer, batch.ab)
        return loss + self.perceptual(batch.l, _colors(answer), batch.ab) if self.perceptual else loss

    def _accumulate(self, batches: Sequence[Batch], model: nn.Module) -> Iterator[Batch]:
        """The batches, with processes exchanging `model`'s gradients at the last one only."""
        for i, batch in enumerate(batches):
            last = i == len(batches) - 1
            with nullcontext() if last else self.accelerator.no_sync(model):
                yield batch


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Within, `module` passes gradients through but gets none itself."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def _colors(answer: Tensor | GeneratorOutput) -> Tensor:
    return answer.ab if isinstance(answer, GeneratorOutput) else answer


def _update(optimizer: Optimizer) -> None:
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
