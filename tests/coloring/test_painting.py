"""Small colors onto a large photo: its levels stay, its edges too, and strips leave no seams."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from colorize.color.lightness import to_levels
from colorize.color.units import FloatArray
from colorize.coloring import painting
from colorize.photo import Photo, to_16_bit

TIMES = 8  # as large as what the network sees


def small(name: str) -> tuple[NDArray[np.uint8], FloatArray, NDArray[np.uint8], FloatArray]:
    """Gray levels (H, W) and ab (2, H, W) of a photo, and both as the network would see and give them."""
    rgb = getattr(data, name)()
    levels, ab = to_levels(rgb), (rgb2lab(rgb)[..., 1:] / 110).transpose(2, 0, 1).astype(np.float32)
    size = (levels.shape[1] // TIMES, levels.shape[0] // TIMES)
    shrunk = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BOX)) for each in (*ab, levels)]
    return levels, ab, shrunk[2], np.stack(shrunk[:2])


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_colors_that_four_pixels_share_are_nearly_as_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    levels, ab, small_levels, small_ab = small(name)
    errors = []
    for shared_from in (1e9, TIMES):
        monkeypatch.setattr(painting, "_SHARED_FROM", shared_from)
        painted = np.asarray(painting.paint(Photo(Image.fromarray(levels)), small_levels, small_ab).image)
        np.testing.assert_array_equal(to_levels(painted), levels)
        error = rgb2lab(painted)[..., 1:] - 110 * ab.transpose(1, 2, 0)
        errors.append(np.linalg.norm(error, axis=-1).mean())
    assert errors[0] < errors[1] < 1.02 * errors[0]


@pytest.mark.parametrize("rows", [2, 38])
@pytest.mark.parametrize("deep", [False, True])
def test_strips_leave_no_seams(rows: int, deep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    levels, _, small_levels, small_ab = small("chelsea")
    levels = levels[:299]
    page = Photo(to_16_bit(levels) if deep else Image.fromarray(levels))
    whole = painting.paint(page, small_levels, small_ab).levels
    monkeypatch.setattr(painting, "_STRIP", rows * levels.shape[1])
    np.testing.assert_array_equal(painting.paint(page, small_levels, small_ab).levels, whole)
