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
from colorize.color.units import AB_RANGE, CHROMA_OF_GRAY, CHROMA_UNIT, FloatArray, Levels, to_chroma
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


def upsampled(small: FloatArray, small_levels: FloatArray, levels: Levels) -> FloatArray:
    """ab (2, H, W)."""
    chroma = upsampler(small, small_levels, *levels.shape).rows(levels, 0)
    return (chroma.astype(np.float32) - CHROMA_OF_GRAY) / np.float32(CHROMA_UNIT * AB_RANGE)


def delta_e(ab: FloatArray, truth: FloatArray) -> float:
    return float(np.linalg.norm((ab - truth) * 110, axis=0).mean())


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
@pytest.mark.parametrize("times", [2, 4])
def test_the_true_colors_come_back_better_than_by_bilinear_interpolation(name: str, times: int) -> None:
    levels, ab = photo(name)
    height, width = levels.shape
    size = (height // times, width // times)
    guided = upsampled(shrunk(ab, size), shrunk_levels(levels, size), levels)
    assert delta_e(guided, ab) < 0.97 * delta_e(bilinear(shrunk(ab, size), (height, width)), ab)


def test_an_edge_of_lightness_is_an_edge_of_color() -> None:
    levels = np.full((64, 64), 60, np.uint8)
    levels[:, 30:] = 190  # not on the small grid
    ab = np.stack([levels * np.float32(0.4 / 255), levels * np.float32(-0.2 / 255)])
    small = shrunk(ab, (16, 16))
    guided = upsampled(small, shrunk_levels(levels, (16, 16)), levels)
    assert delta_e(guided, ab) < 0.5 * delta_e(bilinear(small, (64, 64)), ab)


@pytest.mark.parametrize("size", [(90, 121), (12, 17)])  # made at once, and when asked for
def test_strips_are_the_same_as_one_piece(size: tuple[int, int]) -> None:
    levels, ab = photo("chelsea")
    prepared = upsampler(shrunk(ab, size), shrunk_levels(levels, size), *levels.shape)
    whole = prepared.rows(levels, 0)
    strips = [prepared.rows(levels[top : top + 37], top) for top in range(0, len(levels), 37)]
    np.testing.assert_array_equal(np.concatenate(strips, axis=1), whole)
    np.testing.assert_array_equal(prepared.rows(levels, 0), whole)  # nothing was used up


@pytest.mark.parametrize("size", [(5, 8), (10, 16), (23, 31), (200, 300)])
def test_one_color_stays_that_color_at_any_size(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    color = np.array([0.3, -0.2], np.float32)[:, None, None]
    levels = rng.integers(0, 256, size).astype(np.uint8)
    small_levels = rng.random((10, 16), np.float32)
    chroma = upsampler(np.tile(color, (1, 10, 16)), small_levels, *size).rows(levels, 0)
    assert chroma.shape == (2, *size)
    assert (chroma == to_chroma(color)).all()


def test_where_lightness_is_even_it_is_bicubic_interpolation() -> None:
    rng = np.random.default_rng(0)
    small = rng.uniform(-0.5, 0.5, (2, 20, 30)).astype(np.float32)
    even = np.full((120, 180), 128, np.uint8)
    ab = upsampled(small, np.full((20, 30), 128 / 255, np.float32), even)
    bicubic = [np.asarray(Image.fromarray(each).resize((180, 120), Image.Resampling.BICUBIC)) for each in small]
    assert delta_e(ab, np.stack(bicubic)) < 0.6 * delta_e(bilinear(small, (120, 180)), np.stack(bicubic))


def test_colors_at_the_end_of_their_range_do_not_come_out_at_the_other() -> None:
    levels = (
        np.random.default_rng(0).integers(0, 256, (96, 128)).astype(np.uint8)
    )  # as far from the small ones as can be
    small_levels = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (12, 1))
    for sign in (-1, 1):
        small = np.tile(np.linspace(0, sign * 1.3, 16, dtype=np.float32), (2, 12, 1))  # a* and b* to ±143
        assert (upsampled(small, small_levels, levels) * sign > -0.2).all()


def test_16_bit_get_the_same_colors_as_8() -> None:
    levels, ab = photo("chelsea")
    small, small_levels = shrunk(ab, (30, 40)), shrunk_levels(levels, (30, 40))
    deep = levels.astype(np.uint16) * 257
    np.testing.assert_array_equal(upsampled(small, small_levels, deep), upsampled(small, small_levels, levels))
