"""What the study measures, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from colorize.color.metrics import chroma_energy, kl_divergence, ssim
from colorize.color.tensors import lab_to_rgb, rgb_to_lab
from colorize.evaluation.measures import PhotoMeasures, draw_weights, measure_photos, summarize


def photos(count: int, side: int = 32) -> Tensor:
    """Soft blobs of moderate color."""
    l = F.interpolate(torch.rand(count, 1, 4, 4) * 0.6 - 0.3, size=side, mode="bilinear")
    ab = F.interpolate((torch.rand(count, 2, 8, 8) - 0.5) / 3, size=side, mode="bilinear")
    return lab_to_rgb(l, ab)


def paler(rgb: Tensor, factor: float) -> Tensor:
    l, ab = rgb_to_lab(rgb)
    return lab_to_rgb(l, ab * factor)


def test_the_truth_itself_is_perfect_in_every_measure() -> None:
    truth = photos(5)
    measured = measure_photos(truth, truth)
    result = summarize(measured, measured, draw_weights(5, 50))
    best = {"histogram_a": 1, "histogram_b": 1, "kl_a": 0, "kl_b": 0, "cf_difference": 0, "delta_cf": 0, "ssim": 1}
    best |= {f"sharpness_{scale}": 1 for scale in (1, 2, 4, 8)}
    for name, value in best.items():
        for end in ("value", "low", "high"):
            assert result[name][end] == pytest.approx(value, abs=1e-5), name


def test_half_the_chroma_has_a_quarter_of_the_gradient_energy_at_every_scale() -> None:
    truth = photos(4)
    true, pale = measure_photos(truth, truth), measure_photos(paler(truth, 0.5), truth)
    result = summarize(pale, true, draw_weights(4, 10))
    for scale in (1, 2, 4, 8):
        assert result[f"sharpness_{scale}"]["value"] == pytest.approx(0.25, abs=0.01)
    assert result["cf_difference"]["value"] < 0
    assert result["delta_cf"]["value"] == pytest.approx(-result["cf_difference"]["value"])
    assert result["histogram_a"]["value"] < 0.9
    assert result["kl_a"]["value"] > 0.1


def test_blur_takes_energy_from_fine_scales_first() -> None:
    ab = torch.randn(2, 2, 64, 64)
    blurred = F.avg_pool2d(F.pad(ab, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    left = [(chroma_energy(blurred, s) / chroma_energy(ab, s)).mean().item() for s in (1, 2, 4, 8)]
    assert left == sorted(left)
    assert left[0] < 0.2
    ramp = torch.arange(16.0).expand(1, 2, 16, 16)
    assert chroma_energy(ramp, 1).item() == 1  # one more per pixel, across only
    assert chroma_energy(ramp, 4).item() == 16


def test_kl_divergence_against_its_sum_and_an_empty_bin_is_finite() -> None:
    p, q = torch.tensor([3.0, 1.0]), torch.tensor([50.0, 50.0])
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert kl_divergence(p, q, smoothing=0).item() == pytest.approx(expected, rel=1e-5)
    assert 0 < kl_divergence(p, torch.tensor([1.0, 0.0])).item() < 10


def test_ssim_is_1_for_the_same_and_low_for_noise() -> None:
    truth = photos(2)
    assert ssim(truth, truth).tolist() == pytest.approx([1, 1])
    assert ssim(torch.rand_like(truth), truth).max() < 0.3


def test_the_interval_of_a_mean_is_the_one_statistics_gives() -> None:
    values = torch.randn(400, dtype=torch.double) * 3 + 10
    measured = PhotoMeasures(values, values, values, torch.ones(400, 4).double(), torch.full((400, 2, 5), 0.2).double())
    psnr = summarize(measured, measured, draw_weights(400, 2000))["psnr"]
    assert psnr["value"] == pytest.approx(values.mean().item())
    half = 1.96 * values.std().item() / 20
    assert psnr["low"] == pytest.approx(psnr["value"] - half, abs=0.15 * half)
    assert psnr["high"] == pytest.approx(psnr["value"] + half, abs=0.15 * half)


def test_every_draw_has_as_many_photos_and_the_same_seed_the_same_draws() -> None:
    weights = draw_weights(7, 20)
    assert weights.shape == (21, 7)
    assert torch.equal(weights[0], torch.ones(7).double())
    assert (weights.sum(dim=1) == 7).all()
    assert torch.equal(weights, draw_weights(7, 20))
    assert not torch.equal(weights, draw_weights(7, 20, seed=1))
