"""Colour units, and the merge that never moves lightness."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import color as skimage_color
from torch import Tensor

from colorize.color import lab_to_rgb, merge, rgb_to_lab


def rgb_noise(*size: int) -> Tensor:
    return torch.rand(1, 3, *size)


def hue(ab: Tensor) -> Tensor:
    return torch.atan2(ab[:, 1], ab[:, 0])


def test_units_are_those_of_the_contract_and_the_numbers_those_of_scikit_image() -> None:
    rgb = rgb_noise(20, 30)
    l, ab = rgb_to_lab(rgb)
    assert (l.shape, ab.shape) == ((1, 1, 20, 30), (1, 2, 20, 30))
    expected = skimage_color.rgb2lab(rgb[0].permute(1, 2, 0).numpy())
    np.testing.assert_allclose((l[0, 0] + 1) * 50, expected[..., 0], atol=0.01)
    np.testing.assert_allclose(ab[0].permute(1, 2, 0) * 110, expected[..., 1:], atol=0.02)
    black_and_white, _ = rgb_to_lab(torch.tensor([0.0, 1.0]).expand(1, 3, 1, 2))
    torch.testing.assert_close(black_and_white.flatten(), torch.tensor([-1.0, 1.0]), atol=1e-5, rtol=0)


def test_there_and_back_is_exact_in_8_bit() -> None:
    levels = torch.randint(0, 256, (1, 3, 64, 64))
    rgb = lab_to_rgb(*rgb_to_lab(levels / 255))
    assert torch.equal((rgb * 255).round().long(), levels)
    assert torch.equal((merge(*rgb_to_lab(levels / 255)) * 255).round().long(), levels)


@pytest.mark.parametrize("reach", [0.2, 0.7, 1.5])
def test_merge_keeps_lightness_for_any_colour_and_stays_within_srgb(reach: float) -> None:
    l = torch.rand(1, 1, 100, 100) * 2 - 1
    ab = (torch.rand(1, 2, 100, 100) * 2 - 1) * reach
    rgb = merge(l, ab)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    eight_bit = (rgb * 255).round() / 255
    assert (rgb_to_lab(eight_bit)[0] - l).abs().max() * 50 < 0.6  # L*
    # Clipping is what this is instead of.
    assert (rgb_to_lab(lab_to_rgb(l, ab))[0] - l).abs().max() * 50 > (0.6 if reach < 0.5 else 5)


def test_where_a_colour_does_not_exist_it_gets_paler_and_keeps_its_hue() -> None:
    l = torch.rand(1, 1, 60, 60) * 1.6 - 0.8
    ab = torch.rand(1, 2, 60, 60) * 2 - 1
    _, merged = rgb_to_lab(merge(l, ab))
    strong = merged.norm(dim=1) > 0.05  # the hue of a grey means nothing
    turned = torch.remainder(hue(merged) - hue(ab) + torch.pi, 2 * torch.pi) - torch.pi
    assert turned[strong].abs().max() < 0.05  # radians
    assert (merged.norm(dim=1) <= ab.norm(dim=1) + 1e-3).all()


def test_it_is_the_strongest_colour_of_its_hue_that_exists() -> None:
    l, ab = torch.zeros(1, 1, 1, 50), torch.randn(1, 2, 1, 50)
    ab = ab / ab.norm(dim=1, keepdim=True)  # chroma 110 at L* 50: not one exists
    _, merged = rgb_to_lab(merge(l, ab))
    stronger = lab_to_rgb(l, merged * 1.02, clip=False)
    assert ((stronger < 0) | (stronger > 1)).any(dim=1).all()


def test_a_colour_that_exists_is_left_as_it_is() -> None:
    rgb = rgb_noise(40, 40)
    torch.testing.assert_close(merge(*rgb_to_lab(rgb)), rgb, atol=1e-4, rtol=0)
