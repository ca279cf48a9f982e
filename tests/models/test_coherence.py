"""Colors are averaged within what looks alike, and nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from colorize.errors import ConfigError
from colorize.models.architectures import build_generator
from colorize.models.coherence import Coherence
from colorize.models.generator import Generator

SIDE = 160


def two_things(side: int = SIDE) -> tuple[Tensor, Tensor, Tensor]:
    """Features, lightness and colors of a photo of two things of one lightness, the left one stained."""
    places = torch.zeros(1, 4, side // 8, side // 8)
    places[:, 0, :, : side // 16] = 1
    places[:, 1, :, side // 16 :] = 1
    ab = torch.zeros(1, 2, side, side)
    ab[:, 0, :, : side // 2] = 0.2
    ab[:, 1, :, side // 2 :] = -0.2
    ab[:, 0, side // 2 : side * 5 // 8, side // 8 : side // 4] = 0.28  # the stain
    return places, torch.zeros(1, 1, side, side), ab


def stain_of(ab: Tensor) -> Tensor:
    """How far the left thing's colors vary."""
    left = ab[:, :, :, : int(ab.shape[3] * 0.45)]
    deviation: Tensor = left.std(dim=(2, 3))
    return deviation.square().sum().sqrt()


def test_a_stain_fades_and_what_looks_different_keeps_its_own_color() -> None:
    places, l, ab = two_things()
    evened = Coherence(6)(ab, places, l)
    assert stain_of(evened) < 0.5 * stain_of(ab)
    middle = slice(SIDE // 4, SIDE * 3 // 4)
    assert (evened[0, 0, middle, : SIDE * 3 // 8].mean() - 0.205).abs() < 0.01
    assert (evened[0, 1, middle, SIDE * 5 // 8 :] + 0.2).abs().max() < 0.01


def test_what_differs_much_in_color_or_lightness_is_no_stain() -> None:
    places, l, ab = two_things()
    ab[:, :, SIDE // 2 :] *= -1  # a thing of two colors far apart
    assert (Coherence(6)(ab, places, l) - ab)[:, :, SIDE * 3 // 4 :].abs().max() < 0.03
    places, l, ab = two_things()
    stained = (ab[:, :1] > 0.25).float()
    assert stain_of(Coherence(6)(ab, places, l + stained)) > 0.5 * stain_of(ab)


def test_more_steps_even_out_more() -> None:
    places, l, ab = two_things()
    left = [stain_of(Coherence(steps)(ab, places, l)) for steps in (1, 2, 6)]
    assert left[0] > left[1] > left[2]


def test_even_colors_stay_at_any_size_and_detail_finer_than_the_grid_does_too() -> None:
    places, l, _ = two_things(96)
    even = torch.full((1, 2, 48, 144), 0.3)
    assert torch.allclose(Coherence(6)(even, places, l), even, atol=1e-6)
    places, l, ab = two_things(320)
    fine = ab + 0.02 * (torch.arange(320) % 2 * 2 - 1)
    change = Coherence(6)(fine, places, l) - Coherence(6)(ab, places, l)
    assert torch.allclose(change, fine - ab, atol=5e-3)


def test_each_photo_of_a_batch_is_evened_out_by_itself_and_stays_in_range() -> None:
    torch.manual_seed(0)
    places, l, ab = torch.randn(3, 5, 6, 9), torch.rand(3, 1, 48, 72) * 2 - 1, torch.rand(3, 2, 24, 36) * 2 - 1
    together = Coherence(4)(ab, places, l)
    alone = torch.cat([Coherence(4)(*each) for each in zip(ab.split(1), places.split(1), l.split(1), strict=True)])
    assert torch.allclose(together, alone, atol=1e-5)
    assert together.abs().max() <= 1


def with_coherence(steps: int) -> Generator:
    return build_generator("context-unet", {"coherence": steps})


def test_a_generator_can_have_it_without_other_weights_for_next_to_no_work() -> None:
    def multiply_adds(generator: Generator) -> int:
        with FlopCounterMode(display=False) as counter:
            generator(torch.zeros(1, 1, 256, 256))
        return int(counter.get_total_flops()) // 2

    plain, evened = with_coherence(0).eval(), with_coherence(6).eval()
    assert evened.can_start_from(plain.settings)
    assert plain.can_start_from(evened.settings)
    assert list(plain.state_dict()) == list(evened.state_dict())
    assert multiply_adds(evened) < 1.05 * multiply_adds(plain)


@pytest.mark.parametrize("steps", [-1, 65, 2.0, "6", True])
def test_steps_are_a_whole_number(steps: object) -> None:
    with pytest.raises(ConfigError, match="coherence must be a whole number from 0 to 64, got"):
        build_generator("context-unet", {"coherence": steps})
