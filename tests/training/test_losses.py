"""The losses against their closed forms."""

import math

import pytest
import torch

from colorize.training.losses import OBJECTIVES, RECONSTRUCTIONS, bce_discriminator, bce_generator, l1


def test_bce_of_an_undecided_discriminator_is_two_log_two_and_log_two_for_g() -> None:
    undecided = torch.zeros(3, 1, 4, 5)
    assert bce_discriminator(undecided, undecided).item() == pytest.approx(2 * math.log(2))
    assert bce_generator(undecided).item() == pytest.approx(math.log(2))


def test_bce_agrees_with_the_formula() -> None:
    real, fake = torch.randn(2, 1, 3, 3), torch.randn(2, 1, 3, 3)
    expected = -torch.sigmoid(real).log().mean() - (1 - torch.sigmoid(fake)).log().mean()
    assert bce_discriminator(real, fake).item() == pytest.approx(expected.item(), rel=1e-5)
    assert bce_generator(fake).item() == pytest.approx(-torch.sigmoid(fake).log().mean().item(), rel=1e-5)


def test_bce_stays_finite_when_d_is_sure_and_g_still_learns() -> None:
    fake = torch.full((1, 1, 1, 1), -200.0, requires_grad=True)  # D is sure that it is fake
    loss = bce_generator(fake)
    loss.backward()
    assert loss.item() == pytest.approx(200)
    assert fake.grad is not None
    assert fake.grad.item() == pytest.approx(-1)  # log(1 − D) would give 0 here


def test_l1_is_the_mean_absolute_difference_and_its_best_answer_the_median() -> None:
    assert l1(torch.tensor([1.0, -2.0]), torch.tensor([0.0, 1.0])).item() == pytest.approx(2)
    colours = torch.tensor([0.0, 0.1, 0.9])
    answers = torch.linspace(-1, 1, 201)
    losses = torch.stack([l1(answer.expand(3), colours) for answer in answers])
    assert answers[losses.argmin()].item() == pytest.approx(0.1, abs=0.01)


def test_every_objective_and_reconstruction_gives_a_scalar_with_a_gradient() -> None:
    for objective in OBJECTIVES.values():
        logits = torch.randn(2, 1, 3, 3, requires_grad=True)
        for loss in (objective.discriminator(torch.randn(2, 1, 3, 3), logits), objective.generator(logits)):
            assert loss.shape == ()
            (gradient,) = torch.autograd.grad(loss, logits)
            assert gradient.abs().sum() > 0
    for reconstruction in RECONSTRUCTIONS.values():
        ab = torch.randn(2, 2, 3, 3, requires_grad=True)
        (gradient,) = torch.autograd.grad(reconstruction(ab, torch.zeros(2, 2, 3, 3)), ab)
        assert gradient.abs().sum() > 0
