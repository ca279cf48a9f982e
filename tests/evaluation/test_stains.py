"""Colors that do not follow things, on a scene of three flat ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from colorize.color.tensors import lab_to_rgb
from colorize.color.units import AB_RANGE
from colorize.evaluation.stains import deviation_within, find_segments, measure_stains

THINGS = 3  # upright bands of one lightness each
COLORS = [(10.0, 20.0), (-15.0, 10.0), (0.0, -20.0)]  # a*, b* of each


def bands(values: list[float], width: int = 96, height: int = 64) -> Tensor:
    """(H, W): a value for each thing."""
    return torch.tensor(values).repeat_interleave(width // THINGS).expand(height, width)


def scene(colors: list[tuple[float, float]], patch: tuple[float, float] = (0, 0), size: int = 1) -> Tensor:
    """RGB (1, 3, H, W) of the three things; `patch` is added to the a*, b* of the first thing's upper half."""
    width, height = 96 * size, 64 * size
    l = bands([-0.4, 0.0, 0.4], width, height)[None, None]
    ab = torch.stack([bands([color[i] for color in colors], width, height) for i in range(2)])[None].clone()
    ab[:, :, : height // 2, : width // THINGS] += torch.tensor(patch)[:, None, None]
    return lab_to_rgb(l, ab / AB_RANGE)


def stains(rgb: Tensor, truth: Tensor) -> float:
    return float(measure_stains(rgb, truth)[0])


def test_each_thing_is_a_segment_but_for_its_soft_edges() -> None:
    segments = find_segments(bands([0.3, 0.5, 0.7])).view(64, 96)
    inside = [thing[:, 4:-4].unique().tolist() for thing in segments.split(96 // THINGS, dim=1)]
    assert all(len(found) == 1 for found in inside)
    assert len({found[0] for found in inside}) == THINGS


def test_the_deviation_of_two_colors_is_half_their_distance() -> None:
    ab = torch.zeros(1, 2, 4, 4)
    ab[:, 0, :2], ab[:, 1, :2] = 6, 8  # 10 from the lower rows
    segments = torch.tensor([0, 0, 1, 1]).repeat(4)
    assert deviation_within(ab, segments).tolist() == [pytest.approx([5, 5])]
    assert deviation_within(ab, torch.arange(4).repeat_interleave(4)).tolist() == [[0, 0, 0, 0]]


def test_a_thing_in_two_colors_has_stains_as_strong_as_they_are_and_as_large_as_it_is() -> None:
    truth = scene(COLORS)
    # 12 apart is an RMS distance of 6, within one of three things.
    assert stains(scene(COLORS, (12, 0)), truth) == pytest.approx(6 / THINGS, rel=0.02)
    assert stains(scene(COLORS, (24, 0)), truth) == pytest.approx(12 / THINGS, rel=0.02)


def test_pale_gray_and_evenly_wrong_colors_have_none() -> None:
    truth = scene(COLORS)
    pale = scene([(a / 3, b / 3) for a, b in COLORS])
    wrong = scene([COLORS[1], COLORS[2], COLORS[0]])
    gray = scene([(0, 0)] * THINGS)
    assert measure_stains(torch.cat([truth, pale, wrong, gray]), truth).tolist() == pytest.approx([0] * 4, abs=0.02)


def test_a_thing_that_has_two_colors_in_truth_has_no_stains_from_them() -> None:
    truth = scene(COLORS, (20, 0))
    assert stains(truth, truth) == 0
    assert stains(scene(COLORS), truth) == pytest.approx(0, abs=0.02)
    assert stains(scene(COLORS, (30, 0)), truth) == pytest.approx(5 / THINGS, rel=0.03)  # 15 instead of 10


def test_a_larger_copy_of_a_photo_has_the_same_stains() -> None:
    small, large = (stains(scene(COLORS, (15, 0), size), scene(COLORS, size=size)) for size in (4, 12))
    assert large == pytest.approx(small, rel=0.05)
