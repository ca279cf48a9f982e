"""The outlines in `benchmarks/` that hints are measured with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageColor
from skimage.color import rgb2lab

from benchmarks import masks
from benchmarks.masks import Mask, load, open_photo, render


@pytest.fixture(scope="module")
def loaded() -> list[Mask]:
    return load()


def test_twenty_things_have_names_of_their_own(loaded: list[Mask]) -> None:
    assert len({mask.name for mask in loaded}) == len(loaded) == 20


def test_small_middle_and_large_things_are_there_and_none_is_empty_or_the_whole_photo(loaded: list[Mask]) -> None:
    shares = np.array([mask.array.mean() for mask in loaded])
    assert shares.min() > 0.005 and shares.max() < 0.5
    sizes = [(shares < 0.03).sum(), ((shares >= 0.03) & (shares < 0.15)).sum(), (shares >= 0.15).sum()]
    assert min(sizes) >= 6


def test_a_mask_has_the_size_of_its_photo_and_its_hint_lies_well_inside(loaded: list[Mask]) -> None:
    for mask in loaded:
        assert mask.image.mode == "RGB"
        assert mask.array.shape == (mask.image.height, mask.image.width), mask.name
        x, y = mask.hint
        assert mask.array[y - 4 : y + 5, x - 4 : x + 5].all(), mask.name


def test_the_new_color_is_clearly_not_the_color_at_the_hint(loaded: list[Mask]) -> None:
    for mask in loaded:
        x, y = mask.hint
        around = np.asarray(mask.image)[y - 4 : y + 5, x - 4 : x + 5]
        there = rgb2lab(around).mean((0, 1))
        new = rgb2lab(np.array(ImageColor.getrgb(mask.color)) / 255)
        assert np.hypot(*(new - there)[1:]) > 15, mask.name


def test_holes_are_cut_out_of_what_is_filled() -> None:
    square, hole = [[2, 1], [7, 1], [7, 6], [2, 6]], [[4, 3], [5, 3], [5, 4], [4, 4]]
    expected = np.zeros((8, 10), bool)
    expected[1:7, 2:8] = True
    expected[3:5, 4:6] = False
    np.testing.assert_array_equal(render((10, 8), [square], [hole]), expected)


def test_outlines_of_another_photo_size_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = json.loads(masks.MASKS.read_text(encoding="utf-8"))
    monkeypatch.setattr(masks, "MASKS", tmp_path / "masks.json")
    masks.MASKS.write_text(json.dumps([entries[0] | {"size": [512, 511]}]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"drawn on 512×511 px, but the photo has 512×512$"):
        load()


def test_a_photo_that_its_package_does_not_hold_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no photo nobody in"):
        open_photo("skimage:nobody")
