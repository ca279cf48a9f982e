"""The alternation: who is updated, by what, and who holds still."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from colorize.models.generator import GeneratorOutput
from colorize.training.losses import OBJECTIVES
from colorize.training.minibatch import Batch
from colorize.training.step import D_LOSS, G_ADVERSARIAL, G_NORM, Step, frozen
from colorize.training.terms import LossTerm, ab_terms


class Painter(nn.Module):
    """A generator without BatchNorm, so that batches do not influence each other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, l: Tensor) -> Tensor:
        ab: Tensor = torch.tanh(self.conv(l))
        return ab


class Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 3)
        self.seen: list[bool] = []  # whether the ab it was shown could pass a gradient on

    def forward(self, l: Tensor, ab: Tensor) -> list[Tensor]:
        self.seen.append(ab.requires_grad)
        return [self.conv(torch.cat([l, ab], dim=1))]


@pytest.fixture
def networks() -> tuple[Painter, Critic]:
    torch.manual_seed(0)
    return Painter(), Critic()


def step_of(g: Painter, d: Critic, adversarial_weight: float = 1.0, reconstruction_weight: float = 100.0) -> Step:
    return Step(
        Accelerator(cpu=True),
        g,
        d,
        d,
        OBJECTIVES["bce"],
        ab_terms("l1"),
        adversarial_weight=adversarial_weight,
        reconstruction_weight=reconstruction_weight,
    )


def batch(count: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(1)
    l = torch.rand(count, 1, 8, 8, generator=generator) * 2 - 1
    return Batch(l, torch.rand(count, 2, 8, 8, generator=generator) - 0.5)


def weights(module: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


def sgd(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(module.parameters(), 0.1)


def test_generator_step_learns_the_reconstruction_and_leaves_d_alone(networks: tuple[Painter, Critic]) -> None:
    g, d = networks
    step, before = step_of(g, d), weights(d)
    optimizer, data = sgd(g), batch()
    losses = [step.generator_step([data], optimizer)["l1"].item() for _ in range(30)]
    assert losses[-1] < losses[0]
    assert torch.equal(weights(d), before)


def test_discriminator_step_updates_d_only_and_starts_undecided(networks: tuple[Painter, Critic]) -> None:
    g, d = networks
    for parameter in d.parameters():
        nn.init.zeros_(parameter)
    g_before, d_before = weights(g), weights(d)
    losses = step_of(g, d).discriminator_step([batch()], sgd(d))
    assert losses[D_LOSS].item() == pytest.approx(math.log(2))  # ½ · 2 log 2
    assert torch.equal(weights(g), g_before)
    assert not torch.equal(weights(d), d_before)
    assert all(p.grad is None for p in g.parameters())


def test_adversarial_step_shows_d_detached_fakes_and_updates_each_network_once(
    networks: tuple[Painter, Critic],
) -> None:
    g, d = networks
    step = step_of(g, d, reconstruction_weight=0.0)
    data, g_optimizer, d_optimizer = batch(), sgd(g), sgd(d)

    # What the paper's alternation gives, written out: D on (real, fake), then G against the new D.

    g2, d2 = copy.deepcopy(g), copy.deepcopy(d)
    fake = g2(data.l)
    d_loss = 0.5 * OBJECTIVES["bce"].discriminator(d2(data.l, data.ab)[0], d2(data.l, fake.detach())[0])
    for p, gradient in zip(d2.parameters(), torch.autograd.grad(d_loss, list(d2.parameters())), strict=True):
        p.data -= 0.1 * gradient
    g_loss = OBJECTIVES["bce"].generator(d2(data.l, fake)[0])
    for p, gradient in zip(g2.parameters(), torch.autograd.grad(g_loss, list(g2.parameters())), strict=True):
        p.data -= 0.1 * gradient

    d.seen.clear()
    losses = step.adversarial_step([data], g_optimizer, d_optimizer)
    assert d.seen == [False, False, True]  # real, detached fake, fake
    torch.testing.assert_close(weights(d), weights(d2))
    torch.testing.assert_close(weights(g), weights(g2))
    assert losses[D_LOSS].item() == pytest.approx(d_loss.item())
    assert losses[G_ADVERSARIAL].item() == pytest.approx(g_loss.item())


def test_d_holds_still_while_g_learns(networks: tuple[Painter, Critic]) -> None:
    g, d = networks
    with frozen(d):
        assert not any(p.requires_grad for p in d.parameters())
        d(batch().l, g(batch().l))[0].sum().backward()
    assert all(p.grad is None for p in d.parameters())
    assert any(p.grad is not None for p in g.parameters())
    assert all(p.requires_grad for p in d.parameters())


def test_the_adversarial_weight_0_leaves_the_reconstruction_alone(networks: tuple[Painter, Critic]) -> None:
    g, d = networks

    twin = copy.deepcopy(g)
    step_of(g, d, adversarial_weight=0.0, reconstruction_weight=1.0).adversarial_step([batch()], sgd(g), sgd(d))
    step_of(twin, d).generator_step([batch()], sgd(twin))
    torch.testing.assert_close(weights(g), weights(twin))


def test_without_adversarial_weight_d_is_left_out(networks: tuple[Painter, Critic]) -> None:
    g, d = networks
    before = weights(d)
    losses = step_of(g, d, adversarial_weight=0.0).adversarial_step([batch()], sgd(g), sgd(d))
    assert torch.equal(weights(d), before)
    assert d.seen == []
    assert set(losses) == {"l1"}


class Chooser(nn.Module):
    """Logits of 3 choices; decoded to two of them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)

    def forward(self, l: Tensor, *, logits: bool = False) -> Tensor | GeneratorOutput:
        answer: Tensor = self.conv(l)
        return GeneratorOutput(self.decode(answer), answer) if logits else self.decode(answer)

    @staticmethod
    def decode(logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=1)[:, :2]


@pytest.mark.parametrize("halves", [False, True])
def test_a_loss_on_logits_and_d_on_what_they_decode_to_teach_g_together(
    networks: tuple[Painter, Critic], halves: bool
) -> None:
    _, d = networks
    seen: list[Tensor] = []

    def on_logits(output: GeneratorOutput, _: Batch) -> Tensor:
        assert output.logits is not None
        seen.append(output.logits)
        return output.logits.square().mean()

    whole = batch(4)
    batches = [Batch(whole.l[:2], whole.ab[:2]), Batch(whole.l[2:], whole.ab[2:])] if halves else [whole]
    for reconstruction_weight in (0.0, 1.0):
        g = Chooser()
        before = weights(g)
        step = Step(
            Accelerator(cpu=True),
            g,
            d,
            d,
            OBJECTIVES["bce"],
            [LossTerm("on logits", 1.0, on_logits)],
            reconstruction_weight=reconstruction_weight,
            full_output=True,
        )
        losses = step.adversarial_step(batches, sgd(g), sgd(d))
        assert seen[-1].shape[1] == 3
        assert losses[G_ADVERSARIAL] > 0
        assert not torch.equal(weights(g), before)  # by D alone at first
        step.generator_step(batches, sgd(g))
        step.discriminator_step(batches, sgd(d))


@pytest.mark.parametrize("phase", ["generator", "discriminator", "adversarial"])
def test_accumulated_halves_are_the_whole_batch(networks: tuple[Painter, Critic], phase: str) -> None:

    def updated(batches: list[Batch]) -> tuple[Tensor, Tensor]:
        g, d = copy.deepcopy(networks)
        step, g_optimizer, d_optimizer = step_of(g, d), sgd(g), sgd(d)
        if phase == "generator":
            step.generator_step(batches, g_optimizer)
        elif phase == "discriminator":
            step.discriminator_step(batches, d_optimizer)
        else:
            step.adversarial_step(batches, g_optimizer, d_optimizer)
        return weights(g), weights(d)

    whole = batch(4)
    halves = [Batch(whole.l[:2], whole.ab[:2]), Batch(whole.l[2:], whole.ab[2:])]
    for one, other in zip(updated([whole]), updated(halves), strict=True):
        torch.testing.assert_close(one, other)


def test_every_objective_moves_both_networks_and_wgan_gp_bounds_the_critics_slope(
    networks: tuple[Painter, Critic],
) -> None:
    for name, objective in OBJECTIVES.items():
        g, d = copy.deepcopy(networks)
        step = Step(Accelerator(cpu=True), g, d, d, objective, [])
        step.adversarial_step([batch()], sgd(g), sgd(d))
        assert not torch.equal(weights(g), weights(networks[0])), name
        assert not torch.equal(weights(d), weights(networks[1])), name

    _, d = networks
    step = Step(Accelerator(cpu=True), networks[0], d, d, OBJECTIVES["wgan-gp"], [])
    with torch.no_grad():
        d.conv.weight.mul_(50)
    data, optimizer = batch(), torch.optim.Adam(d.parameters(), 0.1)
    before = slope(d, data)
    for _ in range(200):
        step.discriminator_step([data], optimizer)
    assert before > 4
    assert 0.5 < slope(d, data) < 2


def slope(d: Critic, data: Batch) -> float:
    ab = data.ab.clone().requires_grad_()
    verdicts = d(data.l, ab)[0].flatten(1).mean(dim=1).sum()
    (gradient,) = torch.autograd.grad(verdicts, ab)
    mean: float = gradient.flatten(1).norm(dim=1).mean().item()
    return mean


def test_terms_are_weighted_in_the_loss_and_told_without_their_weights(networks: tuple[Painter, Critic]) -> None:
    g, d = networks
    data, twin = batch(), copy.deepcopy(g)
    terms = [*ab_terms("l1"), LossTerm("seven", 3.0, lambda output, _: output.ab.square().mean() + 7)]
    step = Step(Accelerator(cpu=True), g, d, d, OBJECTIVES["bce"], terms)
    losses = step.generator_step([data], sgd(g))
    assert set(losses) == {"l1", "seven"}
    assert 7 < losses["seven"] < 8

    ab = twin(data.l)
    loss = (ab - data.ab).abs().mean() + 3 * ab.square().mean()
    for p, gradient in zip(twin.parameters(), torch.autograd.grad(loss, list(twin.parameters())), strict=True):
        p.data -= 0.1 * gradient
    torch.testing.assert_close(weights(g), weights(twin))
    assert {"seven", D_LOSS, G_ADVERSARIAL} < set(step.adversarial_step([data], sgd(g), sgd(d)))


def test_a_gradient_is_clipped_to_the_norm_and_its_own_norm_told(networks: tuple[Painter, Critic]) -> None:
    g, d = networks
    before = weights(g)
    step = Step(Accelerator(cpu=True), g, d, d, OBJECTIVES["bce"], ab_terms("l1"), clip=1e-3)
    norm = step.generator_step([batch()], sgd(g))[G_NORM].item()
    assert norm > 1e-3
    assert (weights(g) - before).norm().item() == pytest.approx(0.1 * 1e-3, rel=1e-3)
