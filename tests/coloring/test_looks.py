"""Looks change colors as they say, and never the lightness."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorize import Colorizer, ConfigError
from colorize.color.lightness import ab_of, levels_to_l, to_levels
from colorize.color.units import AB_RANGE, FloatArray
from colorize.coloring.looks import develop
from colorize.options import LOOKS, ColorizeOptions
from tests.stand_ins import StandInEngine, one_color

RAMP = levels_to_l(np.linspace(0, 255, 64).astype(np.uint8))[None].repeat(8, axis=0)  # black to white


def even(a: float, b: float) -> FloatArray:
    """The color (2, 8, 64) of a* and b* on `RAMP`."""
    return np.broadcast_to(np.array([a, b], np.float32)[:, None, None] / np.float32(AB_RANGE), (2, 8, 64)).copy()


def developed(ab: FloatArray, **options: object) -> FloatArray:
    """a* and b* (2, 64) from black to white."""
    return develop(ab, RAMP, ColorizeOptions(**options))[:, 4] * np.float32(AB_RANGE)  # type: ignore[arg-type]


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_keeps_the_lightness_of_every_pixel(look: str) -> None:
    photo = np.asarray(Image.fromarray(data.chelsea()).resize((90, 60)).convert("L"))
    colorizer = Colorizer(StandInEngine(one_color(0.3, -0.2)))
    usual, result = (np.asarray(colorizer(photo, look=each)) for each in (None, look))
    np.testing.assert_array_equal(to_levels(result), photo)
    assert np.abs(ab_of(result) - ab_of(usual)).mean() * AB_RANGE > 1


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_leaves_black_and_white_without_color_and_jumps_nowhere(look: str) -> None:
    gray = developed(even(0, 0), look=look)
    np.testing.assert_allclose(gray[:, [0, -1]], 0, atol=0.01)
    for degrees in range(0, 360, 5):
        hue, next_hue = (np.radians(each) for each in (degrees, degrees + 5))
        one, other = (developed(even(30 * np.cos(each), 30 * np.sin(each)), look=look) for each in (hue, next_hue))
        assert np.linalg.norm(one - other, axis=0).max() < 10


def test_muted_has_less_color_and_kodachrome_deeper_reds_and_blues() -> None:
    for a, b in ((50, 20), (5, -45)):
        usual, muted, deep = (
            np.linalg.norm(developed(even(a, b), look=look)[:, 20:44], axis=0).mean()
            for look in (None, "muted", "kodachrome")
        )
        assert muted < 0.7 * usual
        assert deep > 1.1 * usual


def test_shadows_and_lights_have_a_temperature_and_a_saturation_of_their_own() -> None:
    usual = developed(even(20, 0))
    warm_lights = developed(even(20, 0), lights=(20, 1))
    np.testing.assert_allclose(warm_lights[:, :24], usual[:, :24], atol=0.01)
    assert warm_lights[1, -1] == pytest.approx(20, abs=0.1)
    weak_shadows = developed(even(20, 0), shadows=(0, 0))
    assert weak_shadows[0, 0] == pytest.approx(0, abs=0.1)
    np.testing.assert_allclose(weak_shadows[:, 40:], usual[:, 40:], atol=0.01)


def test_without_a_choice_colors_stay_as_they_are() -> None:
    np.testing.assert_array_equal(develop(even(20, -7), RAMP, ColorizeOptions()), even(20, -7))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"look": "sepia"}, "unknown look 'sepia': expected one of kodachrome, autochrome, hand-tinted, muted"),
        ({"shadows": (0, 9)}, "shadows must be a temperature from -50 to 50 and a saturation from 0 to 3, got (0, 9)"),
        ({"lights": 3}, "lights must be a temperature from -50 to 50 and a saturation from 0 to 3, got 3"),
    ],
)
def test_an_unknown_look_and_a_tone_outside_its_range_are_one_line(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        ColorizeOptions(**options)  # type: ignore[arg-type]
    assert str(raised.value) == told
