"""Color units on tensors."""

from __future__ import annotations

import numpy as np
import torch
from skimage import color as skimage_color
from torch import Tensor

from colorize.color.tensors import lab_to_rgb, rgb_to_lab


def rgb_noise(*size: int) -> Tensor:
    return torch.rand(1, 3, *size)


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
