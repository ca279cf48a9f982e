"""Seeds in the intervals, strengths, and the rule that chooses λ."""

from __future__ import annotations

import pytest
import torch

from colorize.evaluation.measures import interval_of
from colorize.study.frontier import leveling_strength
from colorize.study.lambda_rule import best_lambda
from colorize.study.pooling import draw_seeds, pool, span

pytestmark = pytest.mark.study

RESAMPLES = 20_000


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("values", [[1.0, 5.0], [1.0, 2.0, 6.0], [0.0, 1.0, 2.0, 3.0, 10.0]])
def test_the_mean_of_seeds_varies_as_statistics_says_it_does(values: list[float]) -> None:
    """s²/n, with the s² that is right on average: n seeds drawn out of n would give (n − 1)/n of it."""
    seeds = torch.tensor(values, dtype=torch.double)
    means = draw_seeds(len(values), RESAMPLES, rng()) @ seeds
    assert means[0].item() == pytest.approx(seeds.mean().item())
    assert means[1:].var().item() == pytest.approx(seeds.var().item() / len(values), rel=0.05)


def test_an_arms_interval_is_wider_the_more_its_seeds_differ() -> None:
    photos = torch.randn(RESAMPLES + 1, generator=rng(), dtype=torch.double)
    shares = draw_seeds(3, RESAMPLES, rng())

    def width(apart: float) -> float:
        measure = interval_of(pool([{"psnr": photos + apart * seed} for seed in (-1, 0, 1)], shares)["psnr"])
        return measure["high"] - measure["low"]

    assert width(0) == pytest.approx(2 * 1.96, rel=0.05)  # nothing but photos
    assert width(2) > 1.3 * width(0)


def test_one_seed_has_the_interval_of_its_photos_and_only_what_all_seeds_have_is_pooled() -> None:
    draws = {"a": torch.randn(101, dtype=torch.double), "b": torch.randn(101, dtype=torch.double)}
    alone = interval_of(pool([draws], draw_seeds(1, 100, rng()))["a"])
    assert alone["value"] == draws["a"][0]
    assert alone["low"] == pytest.approx(draws["a"][1:].quantile(0.025).item())
    assert set(pool([draws, {"a": draws["a"]}], draw_seeds(2, 100, rng()))) == {"a"}


def test_what_cannot_be_drawn_again_spans_its_seeds() -> None:
    seeds = [{"value": 2.0, "low": 1.0, "high": 3.0}, {"value": 4.0, "low": 3.5, "high": 6.0}]
    assert span(seeds) == {"value": 3, "low": 1, "high": 6}


def test_the_leveling_strength_lies_between_those_that_were_tried() -> None:
    assert leveling_strength({0.0: 0.0, 1.0: 10.0, 2.0: 30.0}, 20) == 1.5
    assert leveling_strength({2.0: 30.0, 0.0: 0.0, 1.0: 10.0}, 5) == 0.5
    assert leveling_strength({0.0: 0.0, 1.0: 10.0}, 20) is None


def test_the_rule_takes_the_truest_colors_of_those_that_stay_near_and_the_largest_if_none_does() -> None:
    tried = [
        {"weight": 2.0, "kl_a": 0.1, "kl_b": 0.1, "psnr": 20.9},  # too far from the photo
        {"weight": 5.0, "kl_a": 0.3, "kl_b": 0.1, "psnr": 21.0},
        {"weight": 10.0, "kl_a": 0.1, "kl_b": 0.2, "psnr": 21.5},
        {"weight": 50.0, "kl_a": 0.5, "kl_b": 0.2, "psnr": 22.5},
    ]
    assert best_lambda(tried, gray_psnr=22) == 10
    assert best_lambda(tried, gray_psnr=30) == 50
