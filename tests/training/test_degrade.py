"""Worn prints: still the photo, and still lightness in its range."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from colorize.color.tensors import rgb_to_lab
from colorize.training.degrade import WEAR, Degrade, expose, overexpose


def test_a_worn_photo_is_still_that_photo_but_never_twice_the_same() -> None:
    torch.manual_seed(0)
    ramp = torch.linspace(0, 1, 64).view(1, 1, 1, 64).expand(16, 3, 64, 64)
    clean, _ = rgb_to_lab(ramp)
    worn = Degrade()(ramp)
    assert worn.shape == (16, 1, 64, 64)
    assert worn.abs().max() <= 1
    inside = (..., slice(6, -6), slice(6, -6))  # a rim is not the photo
    for one, other in zip(worn[inside], clean[inside], strict=True):
        assert torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] > 0.8
    assert len({round(each.std().item(), 4) for each in worn}) == 16


@pytest.mark.parametrize("wear", [wear for _, wear in WEAR], ids=lambda wear: wear.__name__)
def test_each_kind_of_wear_changes_a_photo_and_keeps_its_shape(wear: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    gray = torch.rand(4, 1, 48, 40)
    before = gray.clone()
    worn = wear(gray)
    assert worn.shape == gray.shape
    assert worn.isfinite().all()
    assert torch.equal(gray, before)
    assert (worn - gray).abs().mean() > 1e-3


def test_some_plates_see_red_as_dark_and_blue_as_light() -> None:
    torch.manual_seed(0)
    red, blue = torch.zeros(256, 3, 8, 8), torch.zeros(256, 3, 8, 8)
    red[:, 0], blue[:, 2] = 1, 1
    darkness_of_red = expose(red).mean(dim=(1, 2, 3))
    share = (darkness_of_red < expose(blue).mean(dim=(1, 2, 3))).float().mean()
    assert 0.2 < share < 0.6  # half of them are blind to red, from slightly on
    assert darkness_of_red.max() == pytest.approx(0.30)


def test_an_overexposed_photo_is_lighter_and_loses_its_lightest_tones() -> None:
    torch.manual_seed(0)
    ramp = torch.linspace(0, 1, 64).view(1, 1, 1, 64).expand(64, 1, 1, 64)
    exposed = overexpose(ramp)
    assert (exposed >= ramp - 1e-6).all()
    assert (exposed.diff(dim=3) >= 0).all()  # what was lighter stays lighter
    assert exposed[:, :, :, 0].abs().max() == 0  # black stays black
    skin = exposed[:, 0, 0, 48]  # a tone of 0.76, as of skin in sunlight
    assert 0.2 < (skin > 0.95).float().mean() < 0.8  # in some photos it is nearly white, in others not
    lost = (exposed[:, 0, 0, 56:] >= 1).any(dim=1).float().mean()
    assert lost > 0.3
