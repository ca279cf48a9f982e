"""Simulated hints tell the truth about some places of some photos."""

from __future__ import annotations

import torch
from torch import Tensor

from colorize.training.simulated_hints import LARGEST_PATCH, simulate_hints


def truth(count: int = 200, side: int = 32) -> Tensor:
    return torch.rand(count, 2, side, side) - 0.5


def test_about_half_of_the_photos_have_hints_and_their_number_is_small() -> None:
    hints = simulate_hints(truth(), 0.5)
    assert hints.shape == (200, 3, 32, 32)
    hinted = hints[:, 2].flatten(1).any(dim=1)
    assert 70 <= hinted.sum() <= 110  # of 100, a share of 1/8 has number 0
    assert hints[:, 2].mean() < 0.3
    assert not hints[~hinted].any()
    assert not simulate_hints(truth(), 0.0).any()


def test_a_hint_is_the_mean_of_the_true_colors_under_it() -> None:
    flat = torch.tensor([0.3, -0.2]).view(1, 2, 1, 1).expand(50, 2, 32, 32)
    hints = simulate_hints(flat, 1.0)
    given = hints[:, 2] == 1
    assert given.any()
    torch.testing.assert_close(hints[:, 0][given], torch.full((int(given.sum()),), 0.3))
    torch.testing.assert_close(hints[:, 1][given], torch.full((int(given.sum()),), -0.2))
    assert not hints[:, :2].transpose(0, 1)[:, ~given].any()


def test_patches_are_squares_of_one_to_nine_px_anywhere_also_where_the_photo_is_smaller() -> None:
    areas = {int(area) for area in simulate_hints(truth(300), 1.0)[:, 2].sum(dim=(1, 2))}
    assert {1, 4, LARGEST_PATCH**2} & areas
    assert simulate_hints(truth(20, side=4), 1.0)[:, 2].any()
