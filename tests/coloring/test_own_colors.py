"""A faded photo keeps the hues that are sure; a tint is no hue, and what is gray gets the model's colors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.color import lab2rgb, rgb2lab

from colorize import ColorizeOptions, Colorizer
from colorize.cli import command, main
from colorize.color.lightness import to_levels
from colorize.photo import Photo
from tests.stand_ins import StandInEngine, one_color

KEEP = ColorizeOptions(keep_colors=True)
BLUE = Colorizer(StandInEngine(one_color(0.05, -0.3)))  # the model would have it all blue


def lab_photo(a: NDArray[np.float64], b: NDArray[np.float64]) -> Photo:
    l = np.random.default_rng(0).uniform(40, 70, a.shape)
    return Photo(Image.fromarray((lab2rgb(np.stack([l, a, b], -1)) * 255).round().astype(np.uint8)))


def chroma(photo: Photo, options: ColorizeOptions) -> NDArray[np.float64]:
    """The mean a* and b* (2, 2) of the left and of the right half of what comes out."""
    (result,) = BLUE.color([photo], options)
    assert (to_levels(result.levels) == to_levels(photo.levels)).all()
    lab = rgb2lab(result.levels)
    half = lab.shape[1] // 2
    return np.stack([lab[:, 8 : half - 8, 1:].mean(axis=(0, 1)), lab[:, half + 8 : -8, 1:].mean(axis=(0, 1))])


def halves(left: float, right: float) -> NDArray[np.float64]:
    return np.repeat(np.array([[left, right]]), 64, axis=0).repeat(64, axis=1)


def test_two_faded_hues_are_kept_and_as_strong_as_the_models() -> None:
    photo = lab_photo(halves(15, -15), halves(10, 10))  # a faded red, and a faded green
    (red, green), (first, second) = chroma(photo, KEEP), chroma(photo, ColorizeOptions())
    assert red[0] > 15
    assert green[0] < -15
    np.testing.assert_allclose(first, second, atol=2)
    assert first[1] < -20


def test_of_a_tint_nothing_is_kept() -> None:
    sepia = lab_photo(halves(8, 8), halves(20, 20))
    np.testing.assert_allclose(chroma(sepia, KEEP), chroma(sepia, ColorizeOptions()), atol=1)


def test_a_large_thing_keeps_its_hue_and_gives_none_to_what_is_as_light() -> None:
    orange = np.zeros((64, 192), bool)
    orange[:, :72] = True
    photo = lab_photo(np.where(orange, 15.0, 0.5), np.where(orange, 25.0, 1.0))
    (kept,), (new,) = BLUE.color([photo], KEEP), BLUE.color([photo])
    kept_lab, new_lab = rgb2lab(kept.levels), rgb2lab(new.levels)
    assert kept_lab[:, 8:64, 2].mean() > 15
    np.testing.assert_allclose(kept_lab[:, 80:, 1:].mean(axis=(0, 1)), new_lab[:, 80:, 1:].mean(axis=(0, 1)), atol=1)


def test_a_gray_photo_gets_the_models_colors() -> None:
    gray = Photo(Image.fromarray(np.random.default_rng(0).integers(90, 170, (64, 128), dtype=np.uint8)))
    np.testing.assert_array_equal(chroma(gray, KEEP), chroma(gray, ColorizeOptions()))


@pytest.mark.parametrize("keep", [True, False])
def test_the_command_keeps_them_where_it_is_asked_for_and_tells(
    tmp_path: Path, keep: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_load", lambda *_: BLUE)
    faded = lab_photo(halves(15, -15), halves(10, 10))
    assert isinstance(faded.pixels, Image.Image)
    faded.pixels.save(tmp_path / "a.png")
    assert main([str(tmp_path), "-o", str(tmp_path / "out"), *(["--keep-colors"] if keep else [])]) == 0
    told = capfd.readouterr().err
    assert ("their hues were kept where they are sure" in told) == keep
    assert ("--keep-colors keeps such colors" in told) != keep
    with Image.open(tmp_path / "out/a.png") as result:
        assert (rgb2lab(np.asarray(result))[:, :56, 1].mean() > 15) == keep
