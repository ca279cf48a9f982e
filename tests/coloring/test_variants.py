"""Variants on a world whose answer is known: two things, each red or blue."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from colorize import ConfigError, Hint
from colorize.color.lightness import ab_of
from colorize.color.units import AB_RANGE, FloatArray
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.engine import Engine, Features, NetworkConditions
from colorize.coloring.variants import color_std, vary
from tests.stand_ins import StandInEngine, TwoHalves, features_of_halves, one_color

GRAY = Image.new("L", (96, 64), 128)
SIZE = 78  # at which the network sees its 96 × 64 px as they are
_SEEDS = 16


class TwoThings(TwoHalves):
    """Its halves are different things to it."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = frozenset({"hints", "reference"})

    def predict_features(self, l: FloatArray) -> Features:
        return features_of_halves(l, self.predict(l))


def halves(image: Image.Image, plain: Image.Image) -> tuple[str, str]:
    """What the two things of a result are, beside those of another one."""
    pixels = np.asarray(image).astype(int)
    names = []
    for half in (slice(0, 32), slice(64, None)):
        assert np.ptp(pixels[:, half], axis=(0, 1)).max() <= 2  # a thing has one color
        more = pixels[30, half][20] - np.asarray(plain)[30, half][20]
        names.append("redder" if more[0] > more[2] + 8 else "bluer" if more[2] > more[0] + 8 else "the same")
    return names[0], names[1]


def test_things_change_as_a_whole_and_over_the_seeds_in_every_way_that_is_possible() -> None:
    colorizer = Colorizer(TwoThings())
    plain = colorizer(GRAY, size=SIZE)
    seen = {halves(variant, plain) for variant in colorizer.variants(GRAY, _SEEDS, size=SIZE)}
    ways = "redder", "bluer"
    assert seen >= {(left, right) for left in ways for right in ways}


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


@pytest.mark.parametrize("engine", [TwoThings(), TwoHalves()], ids=["with features", "without"])
def test_colors_change_by_seven_and_a_half_units_towards_what_is_possible(engine: Engine) -> None:
    assert engine.bins is not None
    l = np.zeros((1, 1, 64, 96), np.float32)
    features = engine.predict_features(l) if "reference" in engine.takes else None
    for seed in range(8):
        change = vary(engine, l, NetworkConditions(seed=seed), features)[0] * AB_RANGE
        assert np.sqrt(np.square(change).sum(axis=0).mean()) == pytest.approx(7.5, abs=0.5)
        red, blue = engine.bins
        across = np.array([[0, -1], [1, 0]]) @ (red - blue) / np.linalg.norm(red - blue)
        np.testing.assert_allclose(np.tensordot(across, change, 1), 0, atol=0.01)  # nothing lies there


def test_a_thing_that_looks_uneven_still_comes_in_one_color() -> None:
    rng = np.random.default_rng(0)
    engine, l = TwoThings(), np.zeros((1, 1, 96, 192), np.float32)
    even = engine.predict_features(l)
    things, places = (each + rng.normal(0, 0.3, each.shape).astype(np.float32) for each in (even.things, even.places))
    for seed in range(8):
        change = vary(engine, l, NetworkConditions(seed=seed), Features(even.ab, things, places))[0] * AB_RANGE
        for half in (slice(0, 80), slice(112, None)):
            assert np.sqrt(change[:, :, half].var(axis=(1, 2)).sum()) < 1


def test_what_is_sure_does_not_change() -> None:
    engine = TwoThings()
    hints = np.zeros((1, 3, 64, 96), np.float32)
    hints[0, :, 30, 10] = (*engine.colors[0], 1)  # so the left half is red
    l = np.zeros((1, 1, 64, 96), np.float32)
    change = vary(engine, l, NetworkConditions(hints, 1), engine.predict_features(l))[0] * AB_RANGE
    assert np.abs(change[:, :, :32]).max() < 0.5
    assert np.linalg.norm(change[:, :, 64:], axis=0).min() > 6


def test_many_places_are_compared_a_few_at_a_time() -> None:
    engine = TwoThings()
    change = vary(engine, np.zeros((1, 1, 512, 768), np.float32), NetworkConditions(seed=2), None)  # 6144 cells
    assert change.shape == (1, 2, 512, 768)
    assert np.sqrt(np.square(change * AB_RANGE).sum(axis=1).mean()) == pytest.approx(7.5, abs=0.5)


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
