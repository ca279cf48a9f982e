"""The alternation, as the paper writes it: D, then G while D holds still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from colorize.models.generator import GeneratorOutput
from colorize.training.losses import Objective, gradient_penalty
from colorize.training.minibatch import Batch
from colorize.training.terms import LossTerm

Losses = dict[str, Tensor]  # by name: detached scalars, unweighted
D_LOSS, G_ADVERSARIAL, G_NORM = "d", "adversarial", "gradient_norm"


class Step:
    """One update of what a phase trains.

    `batches` are the micro-batches of a step: one, unless gradients are accumulated.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        generator: nn.Module,
        discriminator: nn.Module,
        discriminator_alone: nn.Module,
        objective: Objective,
        terms: Sequence[LossTerm],
        *,
        adversarial_weight: float = 1.0,
        reconstruction_weight: float = 1.0,
        full_output: bool = False,
        clip: float = 0.0,
    ) -> None:
        """
        Args:
            accelerator: which device and how many processes.
            generator: G, as `accelerator` prepared it.
            discriminator: D, likewise.
            discriminator_alone: D without the wrapper that exchanges gradients between processes.
            objective: the adversarial one.
            terms: of G's explicit loss.
            adversarial_weight: of G's adversarial loss; 0: D is left out.
            reconstruction_weight: λ, of the sum of `terms` beside it.
            full_output: whether G is asked for its whole `GeneratorOutput`.
            clip: largest norm of G's gradient; 0: any.
        """
        self.accelerator = accelerator
        self.generator = generator
        self.discriminator = discriminator
        self.discriminator_alone = discriminator_alone
        self.objective = objective
        self.terms = terms
        self.adversarial_weight = adversarial_weight
        self.reconstruction_weight = reconstruction_weight
        self.full_output = full_output
        self.clip = clip

    def generator_step(self, batches: Sequence[Batch], g_optimizer: Optimizer) -> Losses:
        """G alone on the sum of its terms.

        Args:
            batches: the micro-batches of the step, one or more.
            g_optimizer: of G.

        Returns:
            By name the mean of each term over the batches, unweighted; with `clip`, the norm of G's gradient before it.
        """
        sums = _Sums(len(batches))
        for batch in self._accumulate(batches, self.generator):
            loss, terms = self._explicit(self._output(batch), batch)
            self.accelerator.backward(loss / len(batches))
            sums.add(terms)
        return sums.means | self._update_generator(g_optimizer)

    def discriminator_step(
        self, batches: Sequence[Batch], d_optimizer: Optimizer, fakes: Sequence[Tensor] | None = None
    ) -> Losses:
        """max_D: believe real pairs, doubt generated ones. Halved, to slow D relative to G (sec. 3.3).

        Args:
            batches: real pairs.
            d_optimizer: of D.
            fakes: G's `ab` (B, 2, H, W) of each batch, where they are known already.
        """
        if fakes is None:
            with torch.no_grad():
                fakes = [self.generator(*batch.given) for batch in batches]
        sums = _Sums(len(batches))
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
            sums.add({D_LOSS: loss.detach()})
        _update(d_optimizer)
        return sums.means

    def adversarial_step(self, batches: Sequence[Batch], g_optimizer: Optimizer, d_optimizer: Optimizer) -> Losses:
        """D on these batches, then min_G: convince D, which holds still, and stay close to the truth (eq. 4).

        Args:
            batches: the micro-batches of the step, one or more; both updates see the same ones.
            g_optimizer: of G.
            d_optimizer: of D; not used if `adversarial_weight` is 0, as D is left out then.

        Returns:
            By name the losses of D's update and of G's: D's, the adversarial one, the terms, all unweighted; with
            `clip`, the norm of G's gradient before it. Without D, as of `generator_step`.
        """
        if not self.adversarial_weight:
            return self.generator_step(batches, g_optimizer)
        # A single batch's fakes serve both updates. Several would have to keep all their graphs until D is done.
        shared = [self._output(batches[0])] if len(batches) == 1 else None
        d_losses = self.discriminator_step(batches, d_optimizer, [output.ab for output in shared] if shared else None)
        sums = _Sums(len(batches))
        with frozen(self.discriminator_alone):
            for batch in self._accumulate(batches, self.generator):
                output = shared[0] if shared else self._output(batch)
                logits = self.discriminator_alone(batch.l, output.ab)
                adversarial = torch.stack([self.objective.generator(each) for each in logits]).mean()
                explicit, terms = self._explicit(output, batch)
                loss = self.adversarial_weight * adversarial + self.reconstruction_weight * explicit
                self.accelerator.backward(loss / len(batches))
                sums.add({G_ADVERSARIAL: adversarial.detach()} | terms)
        return d_losses | sums.means | self._update_generator(g_optimizer)

    def _output(self, batch: Batch) -> GeneratorOutput:
        asked = {"logits": True} if self.full_output else {}
        output: Tensor | GeneratorOutput = self.generator(*batch.given, **asked)
        return output if isinstance(output, GeneratorOutput) else GeneratorOutput(output)

    def _explicit(self, output: GeneratorOutput, batch: Batch) -> tuple[Tensor, Losses]:
        """The weighted sum of the terms, and each by its name."""
        losses = {term.name: term.compute(output, batch) for term in self.terms}
        weighted = [term.weight * losses[term.name] for term in self.terms]
        total = torch.stack(weighted).sum() if weighted else output.ab.sum() * 0
        return total, {name: loss.detach() for name, loss in losses.items()}

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

    def _update_generator(self, g_optimizer: Optimizer) -> Losses:
        norm = {}
        if self.clip:
            norm = {G_NORM: self.accelerator.clip_grad_norm_(self.generator.parameters(), self.clip)}
        _update(g_optimizer)
        return norm

    def _accumulate(self, batches: Sequence[Batch], model: nn.Module) -> Iterator[Batch]:
        """The batches, with processes exchanging `model`'s gradients at the last one only."""
        for i, batch in enumerate(batches):
            last = i == len(batches) - 1
            with nullcontext() if last else self.accelerator.no_sync(model):
                yield batch


class _Sums:
    """Means of losses over the micro-batches of a step."""

    def __init__(self, count: int) -> None:
        self.means: Losses = {}
        self._count = count

    def add(self, losses: Losses) -> None:
        for name, loss in losses.items():
            self.means[name] = self.means.get(name, 0) + loss / self._count


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


def _update(optimizer: Optimizer) -> None:
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
