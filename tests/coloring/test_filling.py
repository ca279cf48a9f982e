"""A hint fills what looks like its place, and stays out of the rest."""

from __future__ import annotations

import numpy as np
from PIL import Image

from colorize import Colorizer, Hint
from colorize.color.lightness import ab_of
from colorize.color.units import FloatArray
from colorize.coloring.conditions import Conditions
from colorize.coloring.engine import AUTOMATIC, Features, NetworkConditions
from colorize.coloring.filling import fill
from colorize.coloring.hints import place
from colorize.photo import to_photo
from tests.stand_ins import StandInEngine, one_color

RED = np.array([0.5, 0.3], np.float32)


def two_things() -> FloatArray:
    """Features (2, 16, 16): the left half is one thing, the right half another."""
    features = np.zeros((2, 16, 16), np.float32)
    features[0, :, :8] = features[1, :, 8:] = 1
    return features


def hinted(row: int, column: int, color: FloatArray = RED) -> FloatArray:
    hints = np.zeros((3, 128, 128), np.float32)
    place(hints, row, column, color, 1)
    return hints


def test_a_hint_fills_its_thing_and_the_network_s_answer_elsewhere_is_mostly_taken_back() -> None:
    plain = np.zeros((2, 128, 128), np.float32)
    everywhere = np.full_like(plain, 0.2)  # what the network makes of the hint
    filled = fill(everywhere, plain, hinted(60, 30), two_things()[:, ::2, ::2], two_things())
    np.testing.assert_allclose(filled[:, 60, 30], RED, atol=0.03)
    assert np.linalg.norm(filled[:, 20:100, 4:56] - RED[:, None, None], axis=0).max() < 0.3
    assert np.abs(filled[:, :, 72:]).max() < 0.05


def test_the_farther_from_a_hint_the_less_is_meant() -> None:
    plain = np.zeros((2, 128, 128), np.float32)
    alike = np.ones((1, 16, 16), np.float32)
    alike[0, 0, 0] = -9  # features are centered: without anything unlike there is nothing alike
    red = fill(plain, plain, hinted(64, 4), alike[:, ::2, ::2], alike)[0, 64]
    assert red[8] > red[60] > red[120] > 0.001


def test_hints_of_one_thing_share_it() -> None:
    plain = np.zeros((2, 128, 128), np.float32)
    hints = hinted(10, 30) + hinted(118, 30, -RED)
    red = fill(plain, plain, hints, two_things()[:, ::2, ::2], two_things())[0, :, 30]
    assert red[10] > 0.4 > 0.1 > abs(red[64]) > -0.1 > -0.4 > red[118]


def test_a_large_painted_mask_is_filled_as_a_point_is() -> None:
    plain = np.zeros((2, 128, 128), np.float32)
    hints = np.zeros((3, 128, 128), np.float32)
    hints[:2, :, :64], hints[2, :, :64] = RED[:, None, None], 1
    filled = fill(plain, plain, hints, two_things()[:, ::2, ::2], two_things())
    np.testing.assert_allclose(filled[0, :, :56], RED[0], atol=0.05)
    assert np.abs(filled[0, :, 72:]).max() < 0.05


class HalvesOfFeatures(StandInEngine):
    """Two things, left and right; a hint anywhere makes it color both."""

    def __init__(self) -> None:
        super().__init__(one_color(0.0, 0.0))
        self.takes = frozenset({"hints", "reference"})

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        ab = super().predict(l)
        return ab if conditions.hints is None else ab + conditions.hints[:, :2].max(axis=(2, 3), keepdims=True)

    def predict_features(self, l: FloatArray) -> Features:
        things, places = (np.zeros((len(l), 2, l.shape[2] // each, l.shape[3] // each), np.float32) for each in (16, 8))
        for features in (things, places):
            middle = features.shape[3] // 2
            features[:, 0, :, :middle] = features[:, 1, :, middle:] = 1
        return Features(self.predict(l), things, places)


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
