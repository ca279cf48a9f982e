"""Color follows the edges of lightness, adds nothing of its own, and strips give what one piece gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from skimage.color import rgb2lab
from torch.nn import functional as F

from colorize.color.lightness import to_levels
from colorize.color.units import FloatArray
from colorize.color.upsample import upsampler


def photo(name: str) -> tuple[NDArray[np.uint8], FloatArray]:
    """Gray levels (H, W) and ab (2, H, W)."""
    rgb = getattr(data, name)()
    return to_levels(rgb), (rgb2lab(rgb)[..., 1:] / 110).transpose(2, 0, 1).astype(np.float32)


def shrunk(ab: FloatArray, size: tuple[int, int]) -> FloatArray:
    return F.interpolate(torch.from_numpy(ab)[None], size, mode="bilinear", antialias=True)[0].numpy()


def shrunk_levels(levels: NDArray[np.uint8], size: tuple[int, int]) -> FloatArray:
    """On [0, 1]."""
    small = Image.fromarray(levels).resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32) / np.float32(255)


def bilinear(ab: FloatArray, size: tuple[int, int]) -> FloatArray:
    return F.interpolate(torch.from_numpy(ab)[None], size, mode="bilinear")[0].numpy()


def delta_e(ab: FloatArray, truth: FloatArray) -> float:
    return float(np.linalg.norm((ab - truth) * 110, axis=0).mean())


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
@pytest.mark.parametrize("times", [2, 4])
def test_the_true_colors_come_back_better_than_by_bilinear_interpolation(name: str, times: int) -> None:
    levels, ab = photo(name)
    height, width = levels.shape
    size = (height // times, width // times)
    guided = upsampler(shrunk(ab, size), shrunk_levels(levels, size), height, width).rows(levels, 0)
    assert delta_e(guided, ab) < 0.97 * delta_e(bilinear(shrunk(ab, size), (height, width)), ab)


def test_an_edge_of_lightness_is_an_edge_of_color() -> None:
    levels = np.full((64, 64), 60, np.uint8)
    levels[:, 30:] = 190  # not on the small grid
    ab = np.stack([levels * np.float32(0.4 / 255), levels * np.float32(-0.2 / 255)])
    small = shrunk(ab, (16, 16))
    guided = upsampler(small, shrunk_levels(levels, (16, 16)), 64, 64).rows(levels, 0)
    assert delta_e(guided, ab) < 0.5 * delta_e(bilinear(small, (64, 64)), ab)


@pytest.mark.parametrize("size", [(90, 121), (12, 17)])  # made at once, and when asked for
def test_strips_are_the_same_as_one_piece(size: tuple[int, int]) -> None:
    levels, ab = photo("chelsea")
    prepared = upsampler(shrunk(ab, size), shrunk_levels(levels, size), *levels.shape)
    whole = prepared.rows(levels, 0)
    strips = [prepared.rows(levels[top : top + 37], top) for top in range(0, len(levels), 37)]
    np.testing.assert_allclose(np.concatenate(strips, axis=1), whole, atol=1e-6)
    np.testing.assert_array_equal(prepared.rows(levels, 0), whole)  # nothing was used up


@pytest.mark.parametrize("size", [(5, 8), (10, 16), (23, 31), (200, 300)])
def test_one_color_stays_that_color_at_any_size(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    color = np.array([0.3, -0.2], np.float32)[:, None, None]
    levels = rng.integers(0, 256, size).astype(np.uint8)
    small_levels = rng.random((10, 16), np.float32)
    ab = upsampler(np.tile(color, (1, 10, 16)), small_levels, *size).rows(levels, 0)
    assert ab.shape == (2, *size)
    np.testing.assert_allclose(ab, np.tile(color, (1, *size)), atol=1e-5)


def test_where_lightness_is_even_it_is_bicubic_interpolation() -> None:
    rng = np.random.default_rng(0)
    small = rng.uniform(-0.5, 0.5, (2, 20, 30)).astype(np.float32)
    even = np.full((120, 180), 128, np.uint8)
    ab = upsampler(small, np.full((20, 30), 128 / 255, np.float32), 120, 180).rows(even, 0)
    bicubic = [np.asarray(Image.fromarray(each).resize((180, 120), Image.Resampling.BICUBIC)) for each in small]
    assert delta_e(ab, np.stack(bicubic)) < 0.6 * delta_e(bilinear(small, (120, 180)), np.stack(bicubic))


def test_scale_and_offset_of_ab_may_come_before_or_after() -> None:
    levels, ab = photo("coffee")
    size = (40, 60)
    small, small_levels = shrunk(ab, size), shrunk_levels(levels, size)
    before = upsampler(small * 150 + 40, small_levels, *levels.shape).rows(levels, 0)
    after = upsampler(small, small_levels, *levels.shape).rows(levels, 0) * 150 + 40
    np.testing.assert_allclose(before, after, atol=1e-3)
