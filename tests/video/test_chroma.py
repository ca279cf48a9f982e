"""Cb and Cr: the colors asked for, at the luma that is there, and paler where they do not exist."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from colorize.color.lightness import ab_of
from colorize.color.units import AB_RANGE, FloatArray, to_chroma
from colorize.video.chroma import ChromaTable, Codes, ColorCode

pytestmark = pytest.mark.film

REC_601_8 = ColorCode(0.299, 0.114, full_range=False, depth=8)
CODES = [
    REC_601_8,
    ColorCode(0.299, 0.114, full_range=True, depth=8),
    ColorCode(0.2126, 0.0722, full_range=False, depth=8),
    ColorCode(0.2126, 0.0722, full_range=False, depth=10),
    ColorCode(0.2627, 0.0593, full_range=True, depth=10),
]


def rgb_of(levels: FloatArray, pairs: Codes, code: ColorCode) -> FloatArray:
    """R'G'B' (…, 3), not cut off, of levels on [0, 1] and of codes of Cb and Cr, as a player works it out."""
    scale = (1 << code.depth) - 1 if code.full_range else 224 * (1 << (code.depth - 8))
    cb, cr = np.moveaxis((pairs.astype(np.float64) - (1 << (code.depth - 1))) / scale, -1, 0)
    red = levels + 2 * (1 - code.kr) * cr
    blue = levels + 2 * (1 - code.kb) * cb
    green = (levels - code.kr * red - code.kb * blue) / (1 - code.kr - code.kb)
    return np.stack([red, green, blue], axis=-1).astype(np.float32)


def codes_of(levels: NDArray[np.uint8], a: float, b: float, code: ColorCode) -> Codes:
    table = ChromaTable(code)
    ab = np.empty((2, *levels.shape), np.float32)
    ab[0], ab[1] = a / AB_RANGE, b / AB_RANGE
    return table.codes(levels, to_chroma(ab))


@pytest.mark.parametrize("code", CODES, ids=str)
def test_a_player_shows_the_colors_that_were_asked_for(code: ColorCode) -> None:
    levels = np.arange(70, 200, dtype=np.uint8)[None]
    for a, b in ((12.0, 20.0), (-15.0, 10.0), (8.0, -25.0)):
        rgb = rgb_of((levels / 255).astype(np.float32), codes_of(levels, a, b, code), code)
        assert rgb.min() >= 0 and rgb.max() <= 1
        found = ab_of(np.rint(rgb * 255).astype(np.uint8)) * AB_RANGE
        assert np.abs(found - (a, b)).max() < 2.5  # what 8 bit of R'G'B' and of Cb and Cr round
        assert np.abs(found.mean(axis=(0, 1)) - (a, b)).max() < 0.4


@pytest.mark.parametrize("code", CODES, ids=str)
def test_colors_that_do_not_exist_get_paler_until_they_do(code: ColorCode) -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    half_a_step = 1.1 / (1 << code.depth)
    for a, b in ((100.0, 60.0), (-90.0, 90.0), (30.0, -105.0), (3.0, 2.0)):
        pairs = codes_of(levels, a, b, code)
        rgb = rgb_of((levels / 255).astype(np.float32), pairs, code)
        assert rgb.min() >= -half_a_step and rgb.max() <= 1 + half_a_step
        assert pairs[0, 0].tolist() == pairs[0, 255].tolist() == [1 << (code.depth - 1)] * 2  # black and white stay


@pytest.mark.parametrize("code", CODES, ids=str)
def test_gray_is_neutral_at_every_level(code: ColorCode) -> None:
    assert (codes_of(np.arange(256, dtype=np.uint8)[None], 0, 0, code) == 1 << (code.depth - 1)).all()


@pytest.mark.parametrize(
    ("code", "black", "white"), [(CODES[0], 16, 235), (CODES[1], 0, 255), (CODES[3], 64, 940), (CODES[4], 0, 1023)]
)
def test_levels_run_from_black_to_white_in_the_range_of_the_film(code: ColorCode, black: int, white: int) -> None:
    levels = code.level_of_luma
    assert len(levels) == 1 << code.depth
    assert (levels[black], levels[white]) == (0, 255)
    assert (np.diff(levels.astype(int)) >= 0).all()
    assert levels[: black + 1].max() == 0 and levels[white:].min() == 255


def test_a_table_gives_the_same_the_second_time() -> None:
    table = ChromaTable(REC_601_8)
    random = np.random.default_rng(0)
    levels = random.integers(0, 256, (20, 30)).astype(np.uint8)
    ab = random.uniform(-1.2, 1.2, (2, 20, 30)).astype(np.float32)
    first = table.codes(levels, to_chroma(ab))
    assert np.array_equal(first, table.codes(levels, to_chroma(ab)))
    assert first.min() >= 16 and first.max() <= 240
