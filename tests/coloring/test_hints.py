"""Hints lie where they were given, whatever the sizes, and the result obeys them there and only near there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorize import ConfigError, Hint, photo
from colorize.color.lightness import ab_of
from colorize.color.tensors import rgb_to_lab
from colorize.color.units import AB_RANGE
from colorize.coloring.hints import ANYWHERE, enforce_hints, hint_array, parse_hint, read_mask
from colorize.photo import Photo

RED = ab_of(np.array([200, 40, 30], np.uint8))


def test_a_colors_a_and_b_are_those_of_the_tensors() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 3)).astype(np.uint8)
    _, ab = rgb_to_lab(torch.from_numpy(rgb / 255).float().T[None, :, :, None])
    np.testing.assert_allclose(ab_of(rgb), ab[0, :, :, 0].T, atol=1e-5)


@pytest.mark.parametrize("color", [(200, 40, 30), "#c8281e", "#C8281E"])
def test_a_point_is_a_small_patch_at_its_place(color: str | tuple[int, int, int]) -> None:
    array = hint_array([Hint(300, 100, color)], (400, 200), (50, 100))
    assert array.dtype == np.float32
    rows, columns = np.nonzero(array[2])
    assert (rows.mean(), columns.mean()) == (25, 75)
    assert array[2].sum() == 9
    np.testing.assert_allclose(array[:2, 25, 75], RED)
    assert not array[:2, array[2] == 0].any()


@pytest.mark.parametrize(("x", "y"), [(0, 0), (399.9, 0), (0, 199.9), (399.9, 199.9)])
def test_a_point_in_a_corner_is_in_that_corner(x: float, y: float) -> None:
    array = hint_array([Hint(x, y, "#c8281e")], (400, 200), (1, 7))
    assert array[2, 0, -1 if x else 0] == 1
    assert array[2].sum() == 2


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (400, 0), (0, 200)])
def test_a_point_outside_the_photo_is_refused(x: float, y: float) -> None:
    with pytest.raises(ConfigError, match="within the photo's 400×200 px, got"):
        hint_array([Hint(x, y, "#c8281e")], (400, 200), (10, 20))


@pytest.mark.parametrize("color", ["rod", "#12345", "#11223344", (1, 2), (1, 2, 256), (0.5, 0, 0), None])
def test_what_is_no_color_is_refused(color: object) -> None:
    with pytest.raises(ConfigError, match="color must be #rrggbb, #rgb, a name such as red, or three"):
        Hint(0, 0, color)  # type: ignore[arg-type]


@pytest.mark.parametrize("color", ["#ff0000", "#F00", "ff0000", "f00", "red", "RED", (255, 0, 0)])
def test_a_color_is_written_as_people_write_colors(color: str | tuple[int, int, int]) -> None:
    assert Hint(0, 0, color).rgb() == (255, 0, 0)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("12,7.5,red", Hint(12, 7.5, "red")),
        ("12, 7, #c8281e, 40", Hint(12, 7, "#c8281e", 40)),
        ("12,7,red,inf", Hint(12, 7, "red", float("inf"))),
    ],
)
def test_a_hint_is_written_in_one_line(text: str, hint: Hint) -> None:
    assert parse_hint(text) == hint


@pytest.mark.parametrize("text", ["1,2", "1,2,red,3,4", "1,2,red,far", "red", "1,2,red,"])
def test_what_is_no_hint_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="a hint must be X,Y,COLOR or X,Y,COLOR,REACH in pixels, got '"):
        parse_hint(text)


@pytest.mark.parametrize("x", [float("nan"), float("inf"), 10**400, "7", True])
def test_what_is_no_place_is_refused(x: object) -> None:
    with pytest.raises(ConfigError, match="a hint's x must be a number of pixels, got"):
        Hint(x, 0, "red")  # type: ignore[arg-type]


@pytest.mark.parametrize("reach", [0, -3, float("nan"), 10**400, "40", True])
def test_what_is_no_reach_is_told(reach: object) -> None:
    with pytest.raises(ConfigError, match="a hint's reach must be a number of pixels above 0, got"):
        Hint(0, 0, "red", reach)  # type: ignore[arg-type]


def test_a_reach_is_in_pixels_of_the_photo() -> None:
    array = hint_array([Hint(300, 100, "red", 40), Hint(20, 20, "red")], (400, 200), (50, 100))
    assert array[3, 25, 75] == 10
    assert array[3, 5, 5] == ANYWHERE
    assert not array[3, array[2] == 0].any()


def test_a_mask_gives_its_colors_where_it_is_opaque() -> None:
    mask = Image.new("RGBA", (40, 20), (0, 255, 0, 0))
    mask.paste((200, 40, 30, 255), (20, 0, 40, 10))
    array = hint_array(mask, (40, 20), (4, 8))
    expected = np.zeros((4, 8))
    expected[:2, 4:] = 1
    np.testing.assert_array_equal(array[2], expected)
    np.testing.assert_allclose(array[:2, 1, 6], RED, atol=0.01)
    assert not array[:2, array[2] == 0].any()


def test_the_alpha_of_a_mask_of_16_bit_is_rounded_to_the_nearest_of_8_bit_at_every_level(tmp_path: Path) -> None:
    """Alpha is no lightness: rounded to the nearest L*, 20 of the levels are off by one."""
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    mask = Photo(np.full((256, 256, 3), 40_000, np.uint16), levels)
    photo.save(mask, tmp_path / "mask.png")
    read = np.asarray(read_mask(tmp_path / "mask.png"))[..., 3]
    np.testing.assert_array_equal(read, np.rint(levels / 257))


@pytest.mark.parametrize("mask", [Image.new("RGBA", (39, 20)), Image.new("RGB", (40, 20))])
def test_a_mask_of_another_size_or_without_alpha_is_refused(mask: Image.Image) -> None:
    with pytest.raises(ConfigError, match="40×20 px with alpha, got"):
        hint_array(mask, (40, 20), (4, 8))


def test_a_result_has_a_hints_color_there_and_its_own_far_away_and_on_other_things() -> None:
    ab = np.full((2, 40, 60), 0.1, np.float32)
    l = np.zeros((40, 60), np.float32)
    l[:, 32:] = 0.8  # another thing, right beside
    hints = hint_array([Hint(30, 20, "#c8281e")], (60, 40), (40, 60))
    obeyed = enforce_hints(ab, hints, l)
    np.testing.assert_allclose(obeyed[:, 20, 30] * AB_RANGE, RED * AB_RANGE, atol=0.5)
    assert 0.05 < (obeyed[0, 20, 22] - 0.1) / (RED[0] - 0.1) < 0.95  # fades out
    np.testing.assert_array_equal(obeyed[:, :, :15], ab[:, :, :15])
    np.testing.assert_allclose(obeyed[:, :, 32:], ab[:, :, 32:], atol=1e-6)


def test_two_hints_side_by_side_keep_their_own_colors() -> None:
    ab, l = np.zeros((2, 20, 40), np.float32), np.zeros((20, 40), np.float32)
    given = [Hint(10, 10, "#c8281e"), Hint(30, 10, "#2040c0")]
    obeyed = enforce_hints(ab, hint_array(given, (40, 20), (20, 40)), l)
    for hint in given:
        truth = ab_of(np.array(hint.rgb(), np.uint8))
        np.testing.assert_allclose(obeyed[:, 10, int(hint.x)] * AB_RANGE, truth * AB_RANGE, atol=0.5)
