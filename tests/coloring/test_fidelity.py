"""What is said about a result is true of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from colorize import Colorizer, PhotoError
from colorize.coloring.fidelity import compare
from colorize.photo import Photo
from tests.stand_ins import StandInEngine, noise

GRAY = Photo(Image.fromarray(data.camera()))


def colors(levels: NDArray[np.uint8]) -> Photo:
    return Photo(Image.fromarray(np.repeat(levels[..., None], 3, axis=2)))


def test_a_result_of_ours_keeps_the_promise() -> None:
    for photo in (GRAY, Photo(Image.fromarray(data.coffee())), Photo(data.camera().astype(np.uint16) * 257 + 3)):
        (result,) = Colorizer(StandInEngine(noise(0.5))).colorize_photos([photo])
        told = compare(photo, result)
        assert told.kept
        assert told.share == 1


def test_a_pixel_that_is_wrong_breaks_it() -> None:
    levels = data.camera().copy()
    levels[300, 200] += 3
    told = compare(GRAY, colors(levels))
    assert not told.kept
    assert told.worst > 1
    assert told.share == 1 - 1 / levels.size


def test_many_pixels_that_are_a_little_wrong_break_it_too() -> None:
    levels = data.camera().copy()
    levels[:2] ^= 1  # a level: less than half a unit of L*
    told = compare(GRAY, colors(levels))
    assert told.worst <= 0.5
    assert told.share == 1 - 2 * 512 / levels.size
    assert not told.kept
    assert str(told) == "lightness kept at 99.609% of the pixels, at most 0.37 L* off"


def test_16_bit_and_8_bit_are_compared_in_8() -> None:
    deep = data.camera().astype(np.uint16) * 257
    assert compare(Photo(deep), GRAY).share == 1


def test_another_size_is_told() -> None:
    with pytest.raises(PhotoError, match="expected a result of 512×512 px like its source, got 600×400"):
        compare(GRAY, Photo(Image.fromarray(data.coffee())))
