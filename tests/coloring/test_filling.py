"""A hint fills what looks like its place, and stays out of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize import Colorizer, Hint
from colorize.color.lightness import ab_of
from colorize.color.units import FloatArray
from colorize.coloring.conditions import Conditions
from colorize.coloring.engine import AUTOMATIC, Features, NetworkConditions
from colorize.coloring.filling import fill
from colorize.coloring.hints import ANYWHERE, place
from colorize.photo import to_photo
from tests.stand_ins import StandInEngine, features_of_halves, one_color

RED = np.array([0.5, 0.3], np.float32)


def two_things() -> FloatArray:
    """Features (2, 16, 16): the left half is one thing, the right half another."""
    features = np.zeros((2, 16, 16), np.float32)
    features[0, :, :8] = features[1, :, 8:] = 1
    return features


def little_alike() -> FloatArray:
    """The same, (66, 16, 16), but for much that is different from place to place."""
    different = np.random.default_rng(0).normal(scale=0.3, size=(64, 16, 16))
    return np.concatenate([two_things(), different.astype(np.float32)])


def hinted(row: int, column: int, color: FloatArray = RED, reach: float = ANYWHERE) -> FloatArray:
    hints = np.zeros((4, 128, 128), np.float32)
    place(hints, row, column, color, 1, reach)
    return hints


def filled(hints: FloatArray, **others: FloatArray) -> FloatArray:
    """`fill` on an even photo of two things, which the network leaves gray."""
    plain = others.get("plain", np.zeros((2, 128, 128), np.float32))
    l = others.get("l", np.zeros((128, 128), np.float32))
    places = others.get("places", two_things())
    return fill(others.get("ab", plain), plain, hints, l, places[:, ::2, ::2], places)


def test_a_hint_fills_its_thing_and_the_network_s_answer_elsewhere_is_taken_back() -> None:
    everywhere = np.full((2, 128, 128), 0.2, np.float32)  # what the network makes of the hint
    result = filled(hinted(60, 30), ab=everywhere)
    np.testing.assert_allclose(result[:, :, :56], np.broadcast_to(RED[:, None, None], (2, 128, 56)), atol=0.02)
    assert np.abs(result[:, :, 72:]).max() < 0.02


def test_a_hint_stops_at_an_edge_of_lightness_that_the_features_do_not_know() -> None:
    l = np.zeros((128, 128), np.float32)
    l[:, 40:] = 1.2
    edge, even = (filled(hinted(64, 20), places=little_alike(), l=each)[0] for each in (l, 0 * l))
    assert edge[:, :36].mean() > 0.95 * RED[0]
    assert edge[:, 44:56].mean() < 0.6 * RED[0]
    assert even[:, :56].mean() > 0.95 * RED[0]


def test_a_hint_fills_as_much_whatever_size_the_network_sees() -> None:
    texture = Image.fromarray(np.random.default_rng(1).normal(scale=0.2, size=(32, 32)).astype(np.float32))
    places, shares = little_alike(), []
    for side in (128, 200, 256, 320):
        plain, hints = np.zeros((2, side, side), np.float32), np.zeros((4, side, side), np.float32)
        place(hints, side // 2, side // 6, RED, 1, ANYWHERE)
        l = np.asarray(texture.resize((side, side), Image.Resampling.BILINEAR))
        result = fill(plain, plain, hints, l, places[:, ::2, ::2], places)
        shares.append(result[0, :, : side * 7 // 16].mean() / RED[0])
    assert max(shares) - min(shares) < 0.05, shares


def test_a_correction_reaches_farther_than_another_color() -> None:
    l = np.zeros((128, 128), np.float32)
    l[:, 40:] = 1.2
    corrected, recolored = (
        filled(hinted(64, 20, RED * each), places=little_alike(), l=l)[0, :, 44:56].mean() / each for each in (0.1, 1)
    )
    assert corrected > recolored + 0.1


def test_what_has_another_color_without_hints_is_less_meant() -> None:
    plain = np.zeros((2, 128, 128), np.float32)
    plain[1, 80:] = -0.5
    below, alike = (
        filled(hinted(60, 20), places=little_alike(), plain=each)[0, 90:, :56] for each in (plain, 0 * plain)
    )
    assert below.mean() < 0.9 * alike.mean()


def test_beyond_its_reach_a_hint_changes_nothing() -> None:
    everywhere = np.full((2, 128, 128), 0.2, np.float32)  # what the network makes of the hint
    result = filled(hinted(60, 30, reach=20), ab=everywhere)
    away = np.hypot(*(each - middle for each, middle in zip(np.indices((128, 128)), (60, 30), strict=True)))
    assert np.abs(result[:, away > 22]).max() == 0
    assert result[0, away < 12].min() > 0.95 * RED[0]


def test_a_hint_beyond_its_reach_leaves_the_thing_to_another() -> None:
    near, far = hinted(20, 30, reach=20), hinted(110, 30, -RED)
    result = filled(near + far)[0, :, 30]
    assert result[20] > 0.9 * RED[0]
    np.testing.assert_allclose(result[48:], -RED[0], atol=0.02)


def test_hints_of_one_color_keep_their_own_reach() -> None:
    near, far = hinted(20, 30, reach=20), hinted(64, 110)
    result = filled(near + far)[0]
    assert result[20, 30] > 0.9 * RED[0] > 0.05 > abs(result[100, 30])
    assert result[10, 110] > 0.9 * RED[0]


def test_hints_of_one_thing_share_it() -> None:
    red = filled(hinted(10, 30) + hinted(118, 30, -RED))[0, :, 30]
    assert red[10] > 0.4 > 0.1 > abs(red[64]) > -0.1 > -0.4 > red[118]


def test_a_large_painted_mask_is_filled_as_a_point_is() -> None:
    hints = np.zeros((4, 128, 128), np.float32)
    hints[:2, :, :64], hints[2, :, :64], hints[3, :, :64] = RED[:, None, None], 1, ANYWHERE
    result = filled(hints)
    np.testing.assert_allclose(result[0, :, :56], RED[0], atol=0.05)
    assert np.abs(result[0, :, 72:]).max() < 0.05


def test_a_mask_of_many_colors_is_taken_in_as_few_as_can_be_compared() -> None:
    hints = np.full((4, 128, 128), np.float32(ANYWHERE))
    hints[:2] = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 128), np.linspace(-0.5, 0.5, 128)))
    hints[2] = 1
    assert np.isfinite(filled(hints)).all()


@pytest.mark.parametrize("shape", [(32, 32), (32, 256), (256, 64)])
def test_any_shape_is_filled(shape: tuple[int, int]) -> None:
    hints = np.zeros((4, *shape), np.float32)
    place(hints, 10, 10, RED, 1, ANYWHERE)
    plain, rng = np.zeros((2, *shape), np.float32), np.random.default_rng(0)
    places = rng.normal(size=(3, shape[0] // 8, shape[1] // 8)).astype(np.float32)
    result = fill(plain, plain, hints, np.zeros(shape, np.float32), places[:, ::2, ::2], places)
    assert result.shape == plain.shape
    assert result[0, 10, 10] > 0.9 * RED[0]


class HalvesOfFeatures(StandInEngine):
    """Two things, left and right; a hint anywhere makes it color both."""

    def __init__(self) -> None:
        super().__init__(one_color(0.0, 0.0))
        self.takes = frozenset({"hints", "reference"})
        self.looked = 0

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        ab = super().predict(l)
        return ab if conditions.hints is None else ab + conditions.hints[:, :2].max(axis=(2, 3), keepdims=True)

    def predict_features(self, l: FloatArray) -> Features:
        self.looked += 1
        return features_of_halves(l, self.predict(l))


def reached(colorizer: Colorizer, **more: Any) -> FloatArray:
    """How far each pixel of an even photo moves for a hint with a reach of 40 px, over how far it would without."""
    gray = Image.new("L", (128, 128), 120)
    plain, limited, unlimited = (
        ab_of(np.asarray(colorizer(gray, hints=each, **more)))
        for each in (None, [Hint(30, 64, "#b03020", 40)], [Hint(30, 64, "#b03020")])
    )
    return np.asarray((limited - plain)[..., 0] / np.abs(unlimited - plain)[..., 0].max())


class WithoutFeatures(HalvesOfFeatures):
    def __init__(self) -> None:
        super().__init__()
        self.takes = frozenset({"hints"})


@pytest.mark.parametrize("engine", [HalvesOfFeatures(), WithoutFeatures()])
def test_a_reach_is_in_pixels_of_the_photo_for_any_model(engine: StandInEngine) -> None:
    moved = reached(Colorizer(engine), size=64)  # a pixel of the network is two of the photo
    away = np.hypot(*(each - middle for each, middle in zip(np.indices((128, 128)), (64, 30), strict=True)))
    assert np.abs(moved[away > 48]).max() < 0.04  # a level of 8 bit is .03
    assert moved[away < 20].min() > 0.9


class WithVariants(HalvesOfFeatures):
    """Either of two colors may be anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.bins = np.array([[0.2, 0.1], [-0.2, -0.1]], np.float32)

    def predict_distribution(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        return np.full((len(l), 2, l.shape[2] // 8, l.shape[3] // 8), 0.5, np.float32)


def test_in_a_variant_a_hint_keeps_to_its_reach_too() -> None:
    colorizer, gray = Colorizer(WithVariants()), Image.new("L", (128, 128), 120)
    assert np.ptp(np.asarray(colorizer(gray, seed=1)).astype(int), axis=2).min() > 5  # it has a color
    assert np.abs(reached(colorizer, seed=1)[:, 72:]).max() < 0.03


def test_from_hint_to_hint_a_photo_is_looked_at_once() -> None:
    engine = HalvesOfFeatures()
    colorizer = Colorizer(engine)
    photos = [Image.effect_noise((64, 64), 20 + each) for each in range(6)]
    for column in (10, 40, 50):
        colorizer(photos[0], hints=[Hint(column, 10, "red")])
    assert engine.looked == 1
    fresh = Colorizer(HalvesOfFeatures())(photos[0], hints=[Hint(50, 10, "red")])
    assert colorizer(photos[0], hints=[Hint(50, 10, "red")]) == fresh
    for each in photos:
        colorizer(each, hints=[Hint(10, 10, "red")])
    assert engine.looked == len(photos)
    colorizer(photos[0], hints=[Hint(10, 10, "red")])
    assert engine.looked == len(photos) + 1  # only the last ones are kept


def test_photos_that_are_colored_together_are_each_filled_by_their_own_hints() -> None:
    gray = Image.new("L", (128, 128), 120)
    colorizer = Colorizer(HalvesOfFeatures())
    asked = [Conditions([Hint(30, 64, "#b03020")]), Conditions([Hint(98, 64, "#b03020")]), Conditions()]
    left, right, none = (
        ab_of(np.asarray(each.image)) for each in colorizer.color([to_photo(gray)] * 3, conditions=asked)
    )
    assert left[64, 20, 0] > 0.25 > 0.1 > left[64, 110, 0]
    assert right[64, 110, 0] > 0.25 > 0.1 > right[64, 20, 0]
    assert np.abs(none).max() < 0.02
