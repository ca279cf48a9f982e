"""Looks and tones on the command line are those of Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorize import Colorizer
from colorize.cli import main
from colorize.options import ColorizeOptions
from colorize.photo import to_photo


def test_a_look_and_tones_are_those_of_python(tmp_path: Path) -> None:
    gray = Image.fromarray(data.coffee()).resize((120, 80)).convert("L")
    gray.save(tmp_path / "coffee.png")
    given = ["--look", "kodachrome", "--lights", "8,1.2", "--shadows=-6,0.5", "--device", "cpu"]
    assert main([str(tmp_path / "coffee.png"), *given]) == 0
    options = ColorizeOptions(look="kodachrome", lights=(8, 1.2), shadows=(-6, 0.5))
    (expected,) = Colorizer.load(device="cpu").color([to_photo(gray)], options)
    with Image.open(tmp_path / "coffee-color.png") as result:
        np.testing.assert_array_equal(np.asarray(result), np.asarray(expected.image))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--look", "sepia"], "unknown look 'sepia'"),
        (["--lights", "warm"], "--lights: expected a temperature and a saturation, such as 10,1.2, got 'warm'"),
        (["--shadows", "1,2,3"], "--shadows: expected a temperature and a saturation, such as 10,1.2, got '1,2,3'"),
        (["--lights", "99,1"], "lights must be a temperature from -50 to 50"),
    ],
)
def test_what_is_no_look_or_tone_is_one_line(given: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["photo.jpg", *given]) == 2
    line = capsys.readouterr().err
    assert told in line
    assert line.count("\n") == 1
