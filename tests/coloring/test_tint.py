"""A photo's own colors, told from tints and noise: on photographs, and on what is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorize.color.lightness import ab_of, to_levels
from colorize.color.units import AB_RANGE
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.tint import Original, recognize
from colorize.evaluation.tints import COLORED, GRAY, TINTED, Pixels, Version, main
from colorize.photo import Photo
from tests.stand_ins import StandInEngine

PHOTOS = ("astronaut", "coffee", "rocket")


def photo(name: str) -> Pixels:
    """Half as large as it is."""
    pixels: Pixels = getattr(data, name)()[::2, ::2]
    return pixels


def made(version: Version, pixels: Pixels) -> Photo:
    return Photo(version(pixels, np.random.default_rng(0)))


@pytest.mark.parametrize("name", PHOTOS)
def test_a_color_photo_is_one_also_in_16_bit_and_as_a_bad_jpeg(name: str) -> None:
    pixels = photo(name)
    for version in ("as it is", "JPEG, quality 40"):
        assert recognize(made(COLORED[version], pixels)) is Original.COLORED
    assert recognize(Photo(pixels.astype(np.uint16) * 257)) is Original.COLORED


@pytest.mark.parametrize("tint", TINTED)
def test_a_tint_is_not_taken_for_color(tint: str) -> None:
    for name in PHOTOS:
        assert recognize(made(TINTED[tint], photo(name))) is Original.TINTED, name


@pytest.mark.parametrize("name", PHOTOS)
def test_gray_is_gray_with_the_noise_of_a_scanner_and_of_jpeg(name: str) -> None:
    levels = to_levels(photo(name))
    assert recognize(Photo(Image.fromarray(levels))) is Original.GRAY
    assert recognize(Photo(levels.astype(np.uint16) * 257)) is Original.GRAY
    for version in ("JPEG, quality 40", "color noise of 4 levels"):
        assert recognize(made(GRAY[version], photo(name))) is Original.GRAY


def test_a_sepia_print_on_a_blue_page_is_tinted() -> None:
    sepia = TINTED["sepia"](photo("coffee"), np.random.default_rng(0))
    page = Image.new("RGB", (round(1.2 * sepia.width), round(1.2 * sepia.height)), (60, 80, 150))
    page.paste(sepia, (sepia.width // 10, sepia.height // 10))
    assert recognize(Photo(page)) is Original.TINTED


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 2), (5000, 2)])
def test_photos_of_any_shape_have_an_answer(size: tuple[int, int]) -> None:
    for mode in ("L", "RGB"):
        assert recognize(Photo(Image.new(mode, size, 90 if mode == "L" else (90, 90, 90)))) is Original.GRAY
    assert recognize(Photo(Image.new("RGB", size, (200, 60, 60)))) is Original.TINTED
    assert recognize(Photo(np.full((*size[::-1], 3), 9000, np.uint16))) is Original.GRAY


@pytest.mark.parametrize("tint", TINTED)
def test_a_tinted_photo_gets_the_colors_that_its_lightness_alone_gets_and_keeps_it(tint: str) -> None:
    """The engine colors by lightness, so a tint that came through would be seen."""
    colorizer = Colorizer(StandInEngine(lambda l: np.concatenate([l / 5, -l / 4], axis=1)))
    tinted = TINTED[tint](photo("coffee"), np.random.default_rng(0))
    levels = to_levels(np.asarray(tinted))
    from_tinted, from_gray = np.asarray(colorizer(tinted)), np.asarray(colorizer(Image.fromarray(levels)))
    assert np.abs(ab_of(from_tinted) - ab_of(from_gray)).mean() * AB_RANGE < 0.5
    np.testing.assert_array_equal(to_levels(from_tinted), levels)


def test_the_counts_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in PHOTOS:
        Image.fromarray(photo(name)[::2, ::2]).save(tmp_path / f"{name}.png")
    assert main([str(tmp_path), "--limit", "2"]) == 0
    rows = {line[:50].strip(): line[50:].split() for line in capsys.readouterr().out.splitlines()}
    assert rows[""] == ["gray", "tinted", "colored"]
    assert rows["colored: as it is"] == ["0", "0", "2"]
    assert rows["tinted: sepia"] == ["0", "2", "0"]
    assert main([str(tmp_path / "missing")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
