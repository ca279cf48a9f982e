"""Color as a choice among bins, against closed forms."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from colorize.color.tensors import rgb_to_lab
from colorize.color.units import AB_RANGE
from colorize.errors import ConfigError
from colorize.models.architectures import build_generator
from colorize.models.bins import AbBins
from colorize.models.weights import load_generator, save_generator

HEADS: dict[str, dict[str, Any]] = {
    "unet": {"ngf": 2, "depth": 4, "head": "bins"},
    "mobile-unet": {"widths": [8, 8, 8, 8], "head": "bins"},
}


@pytest.fixture(scope="module")
def bins() -> AbBins:
    return AbBins()


def pixels(ab: Tensor) -> Tensor:
    """(N, 2) as one row of a photo, (1, 2, 1, N)."""
    return ab.t()[None, :, None]


def soft(bins: AbBins, ab: Tensor) -> Tensor:
    """What `encode` shares out, as a distribution over all bins (B, Q, H, W)."""
    nearest, shares = bins.encode(ab)
    return torch.zeros(len(ab), len(bins), *ab.shape[2:]).scatter_(1, nearest, shares)


def test_the_bins_are_the_261_of_a_grid_of_10_units_that_hold_an_srgb_color(bins: AbBins) -> None:
    assert len(bins) == 261
    on_grid = bins.centers / (10 / AB_RANGE)
    torch.testing.assert_close(on_grid, on_grid.round())
    rgb = torch.rand(1, 3, 200, 200)
    _, ab = rgb_to_lab(rgb)
    nearest = torch.cdist(ab.permute(0, 2, 3, 1).flatten(0, 2), bins.centers).min(dim=1).values
    in_a_bin = nearest <= 5 * math.sqrt(2) / AB_RANGE + 1e-5
    assert in_a_bin.float().mean() > 0.9999  # a corner of one more is touched by very few


def test_a_center_is_shared_out_by_a_gaussian_to_itself_and_its_four_neighbors(bins: AbBins) -> None:
    nearest, shares = bins.encode(torch.zeros(1, 2, 1, 1))
    assert torch.equal(bins.centers[nearest[0, 0, 0, 0]], torch.zeros(2))
    weights = torch.tensor([1.0, *[math.exp(-((10 / 5) ** 2) / 2)] * 4])
    torch.testing.assert_close(shares[0, :, 0, 0], weights / weights.sum())


def test_what_is_encoded_comes_back(bins: AbBins) -> None:
    inside = torch.randint(-30, 31, (200, 2)) / AB_RANGE  # away from the border of sRGB, where neighbors lack
    logits = soft(bins, pixels(inside)).clamp_min(1e-30).log()
    back = bins.decode(logits, temperature=1.0)
    assert (back - pixels(inside)).abs().max() < 2 / AB_RANGE
    torch.testing.assert_close(bins.decode(soft(bins, pixels(bins.centers)) * 100), pixels(bins.centers))


def test_the_annealed_mean_is_the_mean_at_1_the_mode_near_0_and_between_at_0_38(bins: AbBins) -> None:
    probabilities = torch.full((len(bins),), 1e-12)
    red, blue = 200, 20
    probabilities[red], probabilities[blue] = 0.7, 0.3
    logits = probabilities.log()[None, :, None, None]
    mean = 0.7 * bins.centers[red] + 0.3 * bins.centers[blue]
    torch.testing.assert_close(bins.decode(logits, 1.0)[0, :, 0, 0], mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(bins.decode(logits, 0.01)[0, :, 0, 0], bins.centers[red])
    share = 0.7 ** (1 / 0.38) / (0.7 ** (1 / 0.38) + 0.3 ** (1 / 0.38))
    annealed = share * bins.centers[red] + (1 - share) * bins.centers[blue]
    torch.testing.assert_close(bins.decode(logits)[0, :, 0, 0], annealed, atol=1e-5, rtol=0)


def test_rare_colors_count_for_more_and_the_expected_weight_is_1() -> None:
    bins = AbBins()
    assert torch.allclose(bins.weights(), torch.ones(len(bins)))
    bins.prior.copy_(torch.rand(len(bins)) ** 8)
    bins.prior.div_(bins.prior.sum())
    weights = bins.weights()
    assert (bins.prior * weights).sum().item() == pytest.approx(1)
    rare, common = bins.prior.argmin(), bins.prior.argmax()
    ratio = (0.5 * bins.prior[common] + 0.5 / len(bins)) / (0.5 * bins.prior[rare] + 0.5 / len(bins))
    assert (weights[rare] / weights[common]).item() == pytest.approx(ratio.item(), rel=1e-5)


def test_counting_adds_up_to_the_pixels(bins: AbBins) -> None:
    counts = bins.count(torch.zeros(2, 2, 3, 5))
    assert counts.sum().item() == pytest.approx(2 * 3 * 5)
    assert counts.argmax() == (bins.centers == 0).all(dim=1).nonzero()


@pytest.mark.parametrize("architecture", HEADS)
def test_a_generator_with_bins_gives_ab_like_any_other_and_its_logits_when_asked(
    architecture: str, tmp_path: Path
) -> None:
    generator = build_generator(architecture, HEADS[architecture]).eval()
    assert generator.bins is not None
    generator.bins.prior.copy_(torch.softmax(torch.randn(261), 0))
    l = torch.rand(2, 1, 32, 64) * 2 - 1
    with torch.no_grad():
        answer, ab = generator(l, logits=True), generator(l)
        logits = answer.logits
        assert torch.equal(answer.ab, ab)
        assert logits.shape == (2, 261, 16, 32)
        assert ab.shape == (2, 2, 32, 64)
        torch.testing.assert_close(generator.decode(logits), ab)

        save_generator(tmp_path / "bins.safetensors", generator)
        loaded, info = load_generator(tmp_path / "bins.safetensors")
        assert info.settings["head"] == "bins"
        assert torch.equal(loaded(l), ab)
    assert loaded.bins is not None
    assert torch.equal(loaded.bins.prior, generator.bins.prior)


@pytest.mark.parametrize("architecture", HEADS)
def test_an_unknown_head_and_logits_that_are_not_there_are_refused(architecture: str) -> None:
    with pytest.raises(ConfigError, match=r"head must be one of ab, bins(, ab\+bins)?, got 'rgb'"):
        build_generator(architecture, {**HEADS[architecture], "head": "rgb"})
    generator = build_generator(architecture, {**HEADS[architecture], "head": "ab"})
    with pytest.raises(ValueError, match="logits"):
        generator(torch.zeros(1, 1, 32, 32), logits=True)
