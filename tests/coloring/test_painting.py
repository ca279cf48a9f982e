"""Small colors onto a large photo: strips leave no seams."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorize.color.lightness import to_levels
from colorize.coloring import painting
from colorize.photo import Photo, to_16_bit


@pytest.mark.parametrize("rows", [1, 37])
@pytest.mark.parametrize("deep", [False, True])
def test_strips_leave_no_seams(rows: int, deep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = to_levels(data.chelsea())
    small = np.asarray(Image.fromarray(levels).resize((56, 37)))
    ab = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 37, 56)).astype(np.float32)
    page = Photo(to_16_bit(levels) if deep else Image.fromarray(levels))
    whole = painting.paint(page, small, ab).levels
    np.testing.assert_array_equal(to_levels(whole), page.levels)
    monkeypatch.setattr(painting, "_STRIP", rows * levels.shape[1])
    np.testing.assert_array_equal(painting.paint(page, small, ab).levels, whole)
