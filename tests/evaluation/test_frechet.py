"""The distance between sets of features, against its definition and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from colorize.evaluation.frechet import across_halves, extrapolated_floor, frechet_distance, frechet_interval


def by_definition(x: Tensor, y: Tensor) -> float:
    (mean_x, cov_x), (mean_y, cov_y) = ((each.double().mean(dim=0), each.double().T.cov()) for each in (x, y))
    common = torch.linalg.eigvals(cov_x @ cov_y).real.clamp_min(0).sqrt().sum()
    return float((mean_x - mean_y).square().sum() + cov_x.trace() + cov_y.trace() - 2 * common)


def test_it_is_what_its_definition_says_with_more_photos_than_features_and_with_fewer() -> None:
    for photos, others in ((60, 50), (6, 9)):
        x, y = torch.randn(photos, 12), torch.randn(others, 12) @ torch.randn(12, 12) + 1
        assert frechet_distance(x, y) == pytest.approx(by_definition(x, y), rel=1e-4)


def test_a_shift_is_its_square_a_scale_the_difference_of_deviations_and_the_same_is_0() -> None:
    x = torch.randn(300, 4).double()
    x -= x.mean(dim=0)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x + 3, x) == pytest.approx(4 * 3**2)
    assert frechet_distance(3 * x, x) == pytest.approx(2**2 * x.var(dim=0).sum().item())


def test_the_interval_is_as_wide_as_statistics_says() -> None:
    # One feature, shifted by 1 ± noise: the distance is the square of a mean shift.
    photos = 800
    truth = torch.randn(photos, 1)
    x = truth + 1 + 0.5 * torch.randn(photos, 1)
    found = frechet_interval(x, truth)
    assert found.low < found.value < found.high
    half = 1.96 * 2 * 0.5 / math.sqrt(photos)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.5)


def test_true_photos_are_apart_by_chance_the_less_the_more_there_are() -> None:
    few, many = torch.randn(100, 8), torch.randn(1600, 8)
    assert across_halves(few, few).value > 4 * across_halves(many, many).value > 0
    floor = across_halves(few, few).value
    assert 0.2 * floor < extrapolated_floor(few) < 0.8 * floor  # half of it where the bias goes with 1/N


def test_halves_tell_other_photos_from_the_same_distribution() -> None:
    truth = torch.randn(400, 8)
    floor, gray = across_halves(truth, truth), across_halves(truth * 0.3, truth)
    assert floor.high < gray.low
