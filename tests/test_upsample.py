"""Colour follows the edges of lightness, adds nothing of its own, and strips give what one piece gives."""

from __future__ import annotations

import pytest
import torch
from skimage import data
from torch import Tensor
from torch.nn import functional as F

from colorize.color import rgb_to_lab
from colorize.upsample import Upsampler


def photo(name: str) -> tuple[Tensor, Tensor]:
    rgb = torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None].float() / 255
    return rgb_to_lab(rgb)


def shrunk(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", antialias=True)


def delta_e(ab: Tensor, truth: Tensor) -> float:
    return ((ab - truth) * 110).square().sum(1).sqrt().mean().item()


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_the_true_colours_come_back_better_than_by_bilinear_interpolation(name: str) -> None:
    l, ab = photo(name)
    height, width = l.shape[2:]
    size = (height // 4, width // 4)
    small_l, small_ab = shrunk(l, size), shrunk(ab, size)
    guided = Upsampler(small_ab, small_l, height, width).rows(l, 0)
    bilinear = F.interpolate(small_ab, (height, width), mode="bilinear")
    assert delta_e(guided, ab) < 0.97 * delta_e(bilinear, ab)


def test_an_edge_of_lightness_is_an_edge_of_colour() -> None:
    l = torch.full((1, 1, 64, 64), -0.5)
    l[..., 30:] = 0.5  # not on the small grid
    ab = torch.cat([l * 0.4, -l * 0.2], dim=1)
    small_l, small_ab = shrunk(l, (16, 16)), shrunk(ab, (16, 16))
    guided = Upsampler(small_ab, small_l, 64, 64).rows(l, 0)
    assert delta_e(guided, ab) < 0.2
    assert delta_e(F.interpolate(small_ab, (64, 64), mode="bilinear"), ab) > 1


def test_strips_are_the_same_as_one_piece() -> None:
    l, ab = photo("chelsea")
    height, width = l.shape[2:]
    upsampler = Upsampler(shrunk(ab, (90, 121)), shrunk(l, (90, 121)), height, width)
    whole = upsampler.rows(l, 0)
    strips = torch.cat([upsampler.rows(l[:, :, top : top + 37], top) for top in range(0, height, 37)], dim=2)
    torch.testing.assert_close(strips, whole, atol=1e-5, rtol=0)


def test_no_colour_is_stronger_than_those_around_it() -> None:
    torch.manual_seed(0)
    small_ab, small_l, l = torch.rand(1, 2, 9, 7) - 0.5, torch.rand(1, 1, 9, 7), torch.rand(1, 1, 90, 70) * 2 - 1
    ab = Upsampler(small_ab, small_l, 90, 70).rows(l, 0)
    low, high = -F.max_pool2d(-small_ab, 5, 1, 2), F.max_pool2d(small_ab, 5, 1, 2)
    assert (ab >= F.interpolate(low, (90, 70)) - 1e-6).all()
    assert (ab <= F.interpolate(high, (90, 70)) + 1e-6).all()


@pytest.mark.parametrize("size", [(5, 8), (10, 16), (23, 31)])
def test_one_colour_stays_that_colour_at_any_size(size: tuple[int, int]) -> None:
    small_ab = torch.tensor([0.3, -0.2])[None, :, None, None].expand(1, 2, 10, 16)
    ab = Upsampler(small_ab, torch.rand(1, 1, 10, 16), *size).rows(torch.rand(1, 1, *size), 0)
    assert ab.shape == (1, 2, *size)
    torch.testing.assert_close(ab, torch.tensor([0.3, -0.2])[None, :, None, None].expand(1, 2, *size))
