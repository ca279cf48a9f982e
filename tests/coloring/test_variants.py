"""Variants on a world whose answer is known: two things, each red or blue."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from colorize import ConfigError, Hint
from colorize.color.lightness import ab_of
from colorize.color.units import AB_RANGE
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.engine import NetworkConditions
from colorize.coloring.variants import color_std, draw_hints
from tests.stand_ins import StandInEngine, TwoHalves, one_color

GRAY = Image.new("L", (96, 64), 128)
SIZE = 78  # at which the network sees its 96 × 64 px as they are
_SEEDS = 12


def halves(image: Image.Image) -> tuple[str, str]:
    """What color the two things of a result have."""
    pixels = np.asarray(image)
    names = []
    for half in (pixels[:, :40], pixels[:, 56:]):
        assert np.ptp(half.astype(int), axis=(0, 1)).max() <= 2  # a thing has one color
        red, _, blue = half[30, 20].tolist()
        names.append("red" if red > blue + 50 else "blue" if blue > red + 50 else "purple")
    return names[0], names[1]


def test_things_are_colored_as_a_whole_and_over_the_seeds_in_every_way_that_is_possible() -> None:
    colorizer = Colorizer(TwoHalves())
    assert halves(colorizer(GRAY, size=SIZE)) == ("purple", "purple")
    seen = {halves(variant) for variant in colorizer.variants(GRAY, _SEEDS, size=SIZE)}
    assert seen == {(left, right) for left in ("red", "blue") for right in ("red", "blue")}


def test_a_seed_gives_the_same_colors_each_time_and_alone_as_among_others() -> None:
    colorizer = Colorizer(TwoHalves())
    variants = colorizer.variants(GRAY, 3, size=SIZE)
    for seed, variant in enumerate(variants, start=1):
        assert np.array_equal(np.asarray(variant), np.asarray(colorizer(GRAY, size=SIZE, seed=seed)))


def test_variants_keep_the_hints_that_were_given() -> None:
    hint = Hint(70, 30, "#3050d0")
    for variant in Colorizer(TwoHalves()).variants(GRAY, 4, size=SIZE, hints=[hint]):
        ab = ab_of(np.asarray(variant)[30, 70]) * AB_RANGE
        assert np.linalg.norm(ab - ab_of(np.array(hint.rgb(), np.uint8)) * AB_RANGE) < 5


def test_colors_are_drawn_as_often_as_they_are_likely() -> None:
    engine = TwoHalves()
    l = np.zeros((1, 1, 64, 96), np.float32)
    reds = 0
    for seed in range(60):
        given = draw_hints(engine, l, NetworkConditions(seed=seed)).hints
        assert given is not None
        reds += int(given[0, 0, :, :48].max() > 0.4)
        assert given[0, 2].any()
    assert 18 <= reds <= 42  # 30 expected; a fair coin is outside once in 600 times


def test_the_spread_is_the_standard_deviation_of_what_is_possible() -> None:
    bins = np.array([[0.3, 0.4], [-0.3, -0.4], [0.0, 0.0]], np.float32)
    probabilities = np.zeros((3, 1, 2))
    probabilities[:, 0, 0] = 0.5, 0.5, 0
    probabilities[:, 0, 1] = 0, 0, 1
    np.testing.assert_allclose(color_std(probabilities, bins), [[0.5 * AB_RANGE, 0]], atol=1e-4)


@pytest.mark.parametrize("size", [(96, 64), (50, 113)])
def test_the_map_of_uncertainty_is_bright_where_no_hint_has_told(size: tuple[int, int]) -> None:
    colorizer = Colorizer(TwoHalves())
    width = size[0]
    unsure = colorizer.uncertainty(Image.new("L", size, 128), size=SIZE, hints=[Hint(2, 30, "#c8281e")])
    assert (unsure.mode, unsure.size) == ("L", size)
    levels = np.asarray(unsure)
    assert levels[:, : width // 4].max() < 10
    assert levels[:, -width // 8 :].min() > 200  # 57 ΔE and more between red and blue


def test_a_model_that_has_none_says_so() -> None:
    colorizer = Colorizer(StandInEngine(one_color(0, 0)))
    assert not colorizer.has_variants
    assert not colorizer.takes_hints
    with pytest.raises(ConfigError, match="one coloring only"):
        colorizer.uncertainty(GRAY)
    with pytest.raises(ConfigError, match="one coloring only"):
        colorizer.variants(GRAY, 2)
    with pytest.raises(ConfigError, match="has not learned hints"):
        colorizer(GRAY, hints=[])
