"""One hidden layer: width brings it nearer to a rule, and the loss says what it makes of a coin."""

from __future__ import annotations

import pytest
import torch

from colorize.study.approximation import RED_SHARE, coin, fit, rule, seen_places, to_a
from colorize.study.two_colors import COLORS

pytestmark = pytest.mark.study

RED, BLUE = COLORS["red"][0], COLORS["blue"][0]


def test_the_rule_has_as_much_red_as_blue_and_the_coin_its_share() -> None:
    torch.manual_seed(0)
    places = 2 * torch.rand(20_000, 1) - 1
    assert rule(places).mean().item() == pytest.approx(0, abs=0.02)
    assert (coin(places) > 0).float().mean().item() == pytest.approx(RED_SHARE, abs=0.01)
    assert to_a(torch.tensor([-1.0, 1.0])).tolist() == [BLUE, RED]


def test_a_wider_layer_comes_nearer_to_the_rule() -> None:
    truth = to_a(rule(seen_places())).flatten()
    distances = [(torch.tensor(fit(width, "mse", "rule", 0, 300)) - truth).abs().mean().item() for width in (1, 4, 32)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < distances[0] / 2


@pytest.mark.parametrize("width", [1, 32])
def test_of_a_coin_mse_makes_the_mean_and_l1_the_more_frequent_color(width: int) -> None:
    mean = RED_SHARE * RED + (1 - RED_SHARE) * BLUE
    by_mse, by_l1 = (torch.tensor(fit(width, loss, "coin", 0, 600)).mean().item() for loss in ("mse", "l1"))
    assert by_mse == pytest.approx(mean, abs=2)
    assert by_l1 == pytest.approx(RED, abs=1)
