"""The one-dimensional game: its distances against closed forms, and that it does what theory says."""

from __future__ import annotations

import math

import pytest
import torch

from colorize.study.distribution import (
    MEAN,
    SIGMA,
    Game,
    best_verdict,
    binned,
    density,
    divergences,
    play,
    wasserstein,
)
from colorize.study.saturation import COMPARED, head_start, slopes
from colorize.training.losses import bce_discriminator, bce_generator

pytestmark = pytest.mark.study


def quantiles(count: int = 4096) -> torch.Tensor:
    numbers: torch.Tensor = MEAN + SIGMA * torch.special.ndtri((torch.arange(count) + 0.5) / count)
    return numbers


@pytest.mark.parametrize("frozen", [True, False])
def test_the_best_d_is_where_the_losses_slopes_cancel(frozen: bool) -> None:
    p, q = torch.tensor([0.1, 0.5, 0.2, 0.2]), torch.tensor([0.4, 0.5, 0.05, 0.05])
    verdict = best_verdict(p, q, frozen=frozen)
    logits = torch.logit(verdict).requires_grad_()
    for outcome in range(4):  # D may answer each outcome as it likes: its part of the loss is all that matters
        logit = logits[outcome : outcome + 1]
        d_loss = 0.5 * (p[outcome] * bce_discriminator(logit, torch.tensor([-100.0])))
        d_loss = d_loss + 0.5 * q[outcome] * bce_discriminator(torch.tensor([100.0]), logit)
        if not frozen:
            d_loss = d_loss + q[outcome] * bce_generator(logit)
        (gradient,) = torch.autograd.grad(d_loss, logits)
        assert gradient.abs().max() < 1e-6
    assert verdict[1] == pytest.approx(0.5 if frozen else 0.75)  # where both are alike


def test_the_wasserstein_distance_is_how_far_numbers_have_to_go() -> None:
    assert wasserstein(quantiles()) == pytest.approx(0, abs=1e-5)
    assert wasserstein(quantiles().flip(0) - 3) == pytest.approx(3, abs=1e-5)
    point = torch.full((4096,), MEAN)
    assert wasserstein(point) == pytest.approx(SIGMA * math.sqrt(2 / math.pi), rel=1e-3)  # E|x − μ|


def test_divergences_of_what_is_alike_and_of_what_has_nothing_in_common() -> None:
    data, generated = binned(quantiles())
    assert data.sum() == pytest.approx(1)
    assert divergences(generated, data) == pytest.approx((0, 0), abs=2e-3)
    one, other = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert divergences(one, other)[1] == pytest.approx(math.log(2), abs=1e-5)
    shifted_data, shifted = binned(quantiles() + 1)
    assert divergences(shifted, shifted_data)[0] == pytest.approx(0.5, abs=0.03)  # KL of N(μ + σ, σ) from N(μ, σ)
    x = torch.linspace(MEAN - 6, MEAN + 6, 1201)
    assert torch.trapezoid(density(x), x) == pytest.approx(1, abs=1e-5)


def test_noise_becomes_the_distribution_of_the_data_and_d_ends_undecided() -> None:
    record = play(Game(), seed=0, steps=120, frames=(0,))
    assert record["w1"][0] > 1.3
    assert record["w1"][-1] < 0.4
    assert record["kl"][-1] < record["kl"][0] / 5
    assert record["verdict_on_generated"] == pytest.approx(0.5, abs=0.06)
    assert [frame["step"] for frame in record["frames"]] == [0, 120]
    assert record["d_reading"][-1] < record["jsd"][-1] + 0.05  # what any D sees is at most what there is


def test_without_freezing_d_ends_at_three_quarters_instead() -> None:
    assert play(Game(frozen=False), seed=0, steps=120)["verdict_on_generated"] == pytest.approx(0.75, abs=0.06)


def test_a_seed_gives_the_same_game_each_time() -> None:
    first, second, other = (play(Game(), seed, steps=10)["w1"] for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_the_slope_of_minimax_is_d_s_verdict_and_of_the_non_saturating_form_the_rest() -> None:
    logits = torch.linspace(-10, 10, 41)
    torch.testing.assert_close(slopes("minimax", logits), torch.sigmoid(logits))
    torch.testing.assert_close(slopes("bce", logits), torch.sigmoid(-logits))


def test_while_d_gets_sure_the_gradient_of_minimax_vanishes_and_that_of_the_non_saturating_form_grows() -> None:
    record = head_start(seed=0, steps=100)
    assert record["verdict"][0] == pytest.approx(0.5, abs=0.1)
    assert record["verdict"][-1] < 0.03
    assert record["minimax"][-1] < max(record["minimax"]) / 4
    assert record["bce"][-1] == max(record["bce"])
    assert record["bce"][-1] > 20 * record["minimax"][-1]
    assert set(COMPARED) <= set(record)
