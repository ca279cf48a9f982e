"""The measures against closed forms, independent arithmetic in NumPy and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import torch
from skimage import color as skimage_color
from skimage import data
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from colorize.color.metrics import ab_histograms, colorfulness, histogram_intersection, psnr


def batch(*photos: np.ndarray) -> Tensor:
    return torch.stack([torch.from_numpy(each).permute(2, 0, 1).float() / 255 for each in photos])


def uniform(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue])[None, :, None, None].expand(1, 3, 8, 6)


def test_psnr_is_that_of_scikit_image_photo_by_photo() -> None:
    cat, cup = data.chelsea()[:200, :200], data.coffee()[:200, :200]
    result = psnr(batch(cat, cup), batch(cup, cup[::-1].copy()))
    expected = [
        peak_signal_noise_ratio(cup / 255, cat / 255, data_range=1),
        peak_signal_noise_ratio(cup[::-1] / 255, cup / 255, data_range=1),
    ]
    torch.testing.assert_close(result, torch.tensor(expected, dtype=torch.float32), atol=1e-3, rtol=0)


def test_psnr_of_a_known_difference_and_of_none() -> None:
    torch.testing.assert_close(psnr(uniform(0.5, 0.5, 0.5), uniform(0.6, 0.4, 0.6)), torch.tensor([20.0]))
    same = psnr(uniform(0.5, 0.2, 0.7), uniform(0.5, 0.2, 0.7))
    assert torch.isfinite(same).all() and (same >= 100).all()  # a mean over photos stays a number


def test_colorfulness_of_gray_is_zero_and_of_one_color_its_distance_from_gray() -> None:
    assert colorfulness(torch.rand(2, 1, 9, 9).expand(2, 3, 9, 9)).max() < 1e-3
    # rg = 255, yb = 127.5, no spread: 0.3 · √(255² + 127.5²)
    expected = 0.3 * math.hypot(255, 127.5)
    torch.testing.assert_close(colorfulness(uniform(1, 0, 0)), torch.tensor([expected]))


def test_colorfulness_is_signed() -> None:
    """Half red, half green: the mean of R − G is 0 and its spread 255. With absolute values it were the reverse."""
    rgb = torch.zeros(1, 3, 2, 10)
    rgb[:, 0, 0], rgb[:, 1, 1] = 1, 1  # rg is ±255, yb 127.5 everywhere
    torch.testing.assert_close(colorfulness(rgb), torch.tensor([255 + 0.3 * 127.5]))


def test_colorfulness_of_photographs_is_that_of_the_formula() -> None:
    photos = [data.astronaut(), data.chelsea()[:200, :200], data.coffee()[:200, :200]]
    for photo in photos:
        red, green, blue = np.moveaxis(photo.astype(float), 2, 0)
        rg, yb = red - green, 0.5 * (red + green) - blue
        expected = math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())
        torch.testing.assert_close(colorfulness(batch(photo)), torch.tensor([expected]), atol=0.01, rtol=0)
    both = colorfulness(batch(*photos[1:]))
    torch.testing.assert_close(both, torch.cat([colorfulness(batch(photo)) for photo in photos[1:]]))


def test_histograms_count_every_pixel_in_bins_of_two_units() -> None:
    photo = data.coffee()[:100, :120]
    counts = ab_histograms(batch(photo))
    assert counts.sum(dim=1).tolist() == [100 * 120] * 2
    lab = skimage_color.rgb2lab(photo)
    for axis in (0, 1):
        expected, _ = np.histogram(lab[..., 1 + axis], bins=np.arange(-110, 111, 2))
        # Values on the border of two bins may fall on either side.
        assert np.abs(counts[axis].numpy() - expected).sum() < 0.002 * expected.sum()


def test_the_bins_reach_as_far_as_srgb_does() -> None:
    counts = ab_histograms(uniform(0, 0, 1))  # b* −107.9, the lowest of all: from −108 to −106
    assert counts[1].nonzero().flatten().tolist() == [1]
    counts = ab_histograms(uniform(0, 1, 1))  # a* −48.1: from −50 to −48
    assert counts[0].nonzero().flatten().tolist() == [30]


def test_histograms_of_batches_add_up_to_that_of_all() -> None:
    cat, cup = data.chelsea()[:200, :200], data.coffee()[:200, :200]
    torch.testing.assert_close(ab_histograms(batch(cat)) + ab_histograms(batch(cup)), ab_histograms(batch(cat, cup)))


def test_histogram_intersection_is_1_with_itself_0_with_other_colors_and_does_not_depend_on_counts() -> None:
    cat = ab_histograms(batch(data.chelsea()[:200, :200]))
    torch.testing.assert_close(histogram_intersection(cat, cat * 7), torch.ones(2))
    red, cyan = ab_histograms(uniform(1, 0, 0)), ab_histograms(uniform(0, 1, 1))
    torch.testing.assert_close(histogram_intersection(red, cyan), torch.zeros(2))
    # A quarter red and the rest gray against half red, half gray: ¼ + ½ in common.
    gray = ab_histograms(uniform(0.5, 0.5, 0.5))
    torch.testing.assert_close(histogram_intersection(red + 3 * gray, red + gray), torch.full((2,), 0.75))
