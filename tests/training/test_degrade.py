"""Worn prints: still the photo, and still lightness in its range."""

from __future__ import annotations

import torch

from colorize.color.tensors import rgb_to_lab
from colorize.training.degrade import Degrade


def test_a_worn_photo_is_still_that_photo_but_never_twice_the_same() -> None:
    ramp = torch.linspace(0, 1, 64).view(1, 1, 1, 64).expand(16, 3, 64, 64)
    clean, _ = rgb_to_lab(ramp)
    worn = Degrade()(ramp)
    assert worn.shape == (16, 1, 64, 64)
    assert worn.abs().max() <= 1
    for one, other in zip(worn, clean, strict=True):
        assert torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] > 0.9
    assert len({round(each.std().item(), 4) for each in worn}) == 16


def test_some_plates_see_red_as_dark_and_blue_as_light() -> None:
    red, blue = torch.zeros(64, 3, 8, 8), torch.zeros(64, 3, 8, 8)
    red[:, 0], blue[:, 2] = 1, 1
    degrade = Degrade()
    darker = []
    for seed in range(2):
        torch.manual_seed(seed)
        of_red = degrade(red).mean(dim=(1, 2, 3))
        torch.manual_seed(seed)
        darker.append(of_red < degrade(blue).mean(dim=(1, 2, 3)))
    share = torch.stack(darker).float().mean()
    assert 0.2 < share < 0.6  # half of them are blind to red, from slightly on
