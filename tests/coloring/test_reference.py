"""Reference photos: the same scene gives its colors, another one leaves the photo as it was."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from skimage import data

from colorize import Colorizer, ConfigError
from colorize.color.lightness import to_levels
from colorize.color.units import FloatArray
from colorize.coloring.conditions import Conditions
from colorize.coloring.engine import Features
from colorize.coloring.reference import Match, follow
from colorize.options import ColorizeOptions
from colorize.photo import to_photo
from tests.stand_ins import StandInEngine, one_color


@pytest.fixture(scope="module")
def shipped() -> Colorizer:
    return Colorizer.load(device="cpu")


NO_PALETTE = np.zeros((0, 2), np.float32)


def photograph(name: str) -> Image.Image:
    image = Image.fromarray(getattr(data, name)())
    image.thumbnail((300, 300))
    return image


def otherwise(image: Image.Image) -> Image.Image:
    """The same scene, turned round, cropped and darker."""
    width, height = image.size
    part = ImageOps.mirror(image).crop((width // 20, height // 20, width * 9 // 10, height * 9 // 10))
    return ImageEnhance.Brightness(part).enhance(0.9)


def distance(one: Image.Image, other: Image.Image) -> float:
    """Of the colors, in levels."""
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


class ByLightness(StandInEngine):
    """To it, what is as light is the same thing. It finds everything green."""

    def __init__(self) -> None:
        super().__init__(one_color(-0.3, 0.2))
        self.takes = frozenset({"reference"})
        self.looked = 0

    def predict_features(self, l: FloatArray) -> Features:
        self.looked += 1
        angle = np.pi * l
        features = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
        things, places = (features[:, :, ::stride, ::stride] for stride in (16, 8))
        return Features(self.predict(l), things, places)


def two_halves(dark: tuple[int, int, int], light: tuple[int, int, int], *, turned: bool = False) -> Image.Image:
    image = Image.new("RGB", (128, 128), dark)
    image.paste(light, (64, 0, 128, 128))
    return ImageOps.mirror(image) if turned else image


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_the_same_scene_gives_its_colors(shipped: Colorizer, name: str) -> None:
    original = photograph(name)
    alone, guided = shipped(original), shipped(original, reference=otherwise(original))
    assert distance(guided, original) < 0.7 * distance(alone, original)


def test_another_scene_changes_little(shipped: Colorizer) -> None:
    original = photograph("coffee")
    alone = shipped(original)
    guided = shipped(original, reference=photograph("astronaut"))
    assert distance(guided, alone) < 0.3 * distance(shipped(original, reference=otherwise(original)), alone)


def test_of_several_references_each_place_takes_the_surest(shipped: Colorizer) -> None:
    original = photograph("chelsea")
    several = shipped(original, reference=[photograph("rocket"), otherwise(original)])
    assert distance(several, shipped(original, reference=otherwise(original))) < 1


def test_what_is_alike_takes_the_color_of_what_it_is_like_wherever_it_lies() -> None:
    red, blue = (110, 30, 30), (150, 190, 255)
    colorizer = Colorizer(ByLightness())
    colored = colorizer(two_halves(red, blue), reference=two_halves(red, blue, turned=True))
    left, right = colored.getpixel((20, 64)), colored.getpixel((108, 64))
    assert isinstance(left, tuple) and isinstance(right, tuple)
    np.testing.assert_allclose(left, red, atol=12)
    np.testing.assert_allclose(right, blue, atol=12)


def test_the_lightness_stays_that_of_the_photo(shipped: Colorizer) -> None:
    original = photograph("astronaut")
    guided = shipped(original, reference=otherwise(original))
    np.testing.assert_array_equal(to_levels(np.asarray(guided)), to_levels(np.asarray(original)))


def test_a_reference_is_prepared_once_for_many_photos() -> None:
    engine = ByLightness()
    reference = two_halves((110, 30, 30), (150, 190, 255))
    colorizer = Colorizer(engine)
    for _ in range(3):
        colorizer(Image.new("L", (64, 64), 99), reference=reference)
    assert engine.looked == 4  # and each photo once


def test_a_reference_is_kept_no_longer_than_by_its_owner() -> None:
    colorizer = Colorizer(ByLightness())
    reference = two_halves((110, 30, 30), (150, 190, 255))
    colorizer(Image.new("L", (64, 64), 99), reference=reference)
    gone = weakref.ref(reference)
    del reference
    gc.collect()
    assert gone() is None
    assert not colorizer._references


def test_references_are_of_any_mode_and_shape() -> None:
    colorizer = Colorizer(ByLightness())
    reference = two_halves((110, 30, 30), (150, 190, 255))
    for each in (reference.convert("RGBA"), reference.quantize(4), reference.resize((2000, 33))):
        assert colorizer(Image.new("L", (500, 3), 99), reference=each).size == (500, 3)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (Image.new("L", (64, 64), 99), r"must have colors, this one is gray \(mean chroma 0\.0\)"),
        (Image.new("RGB", (64, 31), (200, 30, 30)), "at least 32 px on each side, got 64×31"),
    ],
)
def test_a_reference_that_tells_nothing_is_refused(reference: Image.Image, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Colorizer(ByLightness())(Image.new("L", (64, 64), 99), reference=reference)


def test_no_reference_at_all_is_none() -> None:
    assert Conditions(reference=()).kinds == frozenset()
    (colored,) = Colorizer(StandInEngine(one_color(0.1, 0.1))).color(
        [to_photo(Image.new("L", (64, 64)))], ColorizeOptions(), [Conditions(reference=[])]
    )
    assert colored.size == (64, 64)


def test_detail_of_the_prediction_stays_and_only_what_is_sure_moves() -> None:
    rng = np.random.default_rng(0)
    ab = rng.normal(0, 0.1, (2, 64, 64)).astype(np.float32)
    confidence = np.zeros((8, 8), np.float32)
    confidence[:, 4:] = 1
    moved = follow(ab, Match(np.full((2, 8, 8), 0.5, np.float32), confidence, (0.8,), (1,), NO_PALETTE, 0))
    np.testing.assert_array_equal(moved[:, :, :28], ab[:, :, :28])
    np.testing.assert_allclose(moved[:, :, 40:].mean(), 0.5, atol=0.02)
    assert np.std(moved[:, :, 40:]) > 0.9 * np.std(ab)


def test_colors_are_as_frequent_as_in_a_reference_of_the_same_kind_and_keep_their_order() -> None:
    rng = np.random.default_rng(0)
    ab, palette = rng.normal(0, 0.1, (2, 64, 64)).astype(np.float32), rng.uniform(-0.5, 0.8, (900, 2))
    found = Match(
        np.zeros((2, 8, 8), np.float32), np.zeros((8, 8), np.float32), (0.5,), (0.5,), palette.astype(np.float32), 1
    )
    whole, half = (follow(ab, found._replace(palette_share=share)) for share in (1, 0.5))
    for before, after, wanted in zip(ab, whole, palette.T, strict=True):
        shares = np.linspace(0, 1, 20)
        np.testing.assert_allclose(np.quantile(after, shares), np.quantile(wanted, shares), atol=0.01)
        assert (np.diff(after.ravel()[np.argsort(before, axis=None, kind="stable")]) > -1e-6).all()
    np.testing.assert_allclose(half, (ab + whole) / 2, atol=1e-6)


def test_how_sure_a_match_is_is_told(shipped: Colorizer) -> None:
    original = photograph("coffee")
    same, other = (shipped.match(original, each) for each in (otherwise(original), photograph("astronaut")))
    assert same.same_scene > 0.9 > 0.2 > other.same_scene
    assert same.confidence.mean() > 3 * other.confidence.mean()
