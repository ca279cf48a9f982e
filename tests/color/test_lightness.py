"""Colors that keep the lightness of the gray they are merged with: exactly, for every gray and every color."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data
from skimage.color import rgb2lab, rgb2xyz

from colorize.color import lightness
from colorize.color.lightness import Merger, levels_to_l, lightness_of, merge, to_levels
from colorize.color.tensors import rgb_to_lab
from colorize.color.units import Levels, to_chroma

GRAY_LIGHTNESS = rgb2lab(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2))[0, :, 0]
WHITE = rgb2xyz(np.ones((1, 1, 3)))[0, 0]


def nearest_levels(rgb: NDArray[Any]) -> NDArray[np.intp]:
    """The gray level of each color, by scikit-image and in double precision."""
    bounds = (GRAY_LIGHTNESS[:-1] + GRAY_LIGHTNESS[1:]) / 2
    levels: NDArray[np.intp] = np.searchsorted(bounds, rgb2lab(rgb)[..., 0])
    return levels


def every_level(rows: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.arange(256, dtype=np.uint8), (rows, 256))


def colors(shape: tuple[int, ...], reach: float) -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(-reach, reach, (2, *shape)).astype(np.float32)


@pytest.mark.parametrize("reach", [0.05, 0.3, 1.2, 5.0])
def test_the_gray_level_comes_back_at_every_pixel(reach: float) -> None:
    levels = every_level(500)
    rgb = merge(levels, colors(levels.shape, reach))
    assert (nearest_levels(rgb) == levels).all()
    assert np.abs(rgb2lab(rgb)[..., 0] - GRAY_LIGHTNESS[levels]).max() <= 0.25


@pytest.mark.slow
def test_the_gray_level_comes_back_for_every_color_there_is() -> None:
    a, b = (axis.reshape(-1, 1) for axis in np.meshgrid(*[np.arange(-128, 129, dtype=np.float32)] * 2))
    for top in range(0, len(a), 500):
        some = slice(top, top + 500)
        levels = every_level(len(a[some]))
        assert (to_levels(lightness._merge(levels, a[some], b[some])[..., :3]) == levels).all()


def test_16_bit_levels_come_back_as_well() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    rgb = merge(levels, colors(levels.shape, 0.5))
    assert rgb.dtype == np.uint16
    assert (to_levels(rgb) == levels).all()
    wanted = rgb2lab(np.repeat(levels[..., None], 3, axis=2).astype(np.float64) / 65535)[..., 0]
    assert np.abs(rgb2lab(rgb.astype(np.float64) / 65535)[..., 0] - wanted).max() < 0.002


def test_rounding_each_channel_by_itself_would_not_do() -> None:
    levels = every_level(500)
    ab = colors(levels.shape, 0.3)
    l = torch.from_numpy(levels_to_l(levels))[None, None]
    from colorize.color.tensors import lab_to_rgb

    clipped = lab_to_rgb(l, torch.from_numpy(ab)[None])[0].permute(1, 2, 0).mul(255).round().to(torch.uint8).numpy()
    assert (nearest_levels(clipped) == levels).mean() < 0.8


def test_a_color_that_exists_is_reached() -> None:
    rgb = data.astronaut()
    lab = rgb2lab(rgb)
    levels = to_levels(rgb)
    merged = rgb2lab(merge(levels, (lab[..., 1:] / 110).transpose(2, 0, 1).astype(np.float32)))
    error = np.linalg.norm((merged - lab)[..., 1:], axis=-1)
    # Chroma in steps, levels of 8 bit, and green that makes good for red and blue: dark pixels have few colors.
    assert error[lab[..., 0] > 20].mean() < 0.6
    assert np.percentile(error[lab[..., 0] > 20], 99) < 2


def test_a_color_that_does_not_exist_keeps_its_dominant_wavelength_and_gets_paler() -> None:
    levels = np.random.default_rng(1).integers(60, 200, (80, 80)).astype(np.uint16) * 257
    ab = colors(levels.shape, 1.0)
    wanted = lab_to_xyz(levels, ab)
    got = rgb2xyz(merge(levels, ab).astype(np.float64) / 65535)
    wanted, got = (xyz / xyz[..., 1:2] - WHITE / WHITE[1] for xyz in (wanted, got))  # of the same luminance, from gray
    wanted, got = wanted[..., ::2], got[..., ::2]  # X and Z
    crosswise = wanted[..., 0] * got[..., 1] - wanted[..., 1] * got[..., 0]
    assert np.abs(crosswise / np.linalg.norm(wanted, axis=-1)).max() < 0.003
    assert ((wanted * got).sum(axis=-1) >= 0).all()
    assert (np.linalg.norm(got, axis=-1) <= np.linalg.norm(wanted, axis=-1) + 0.003).all()


def lab_to_xyz(levels: NDArray[np.uint16], ab: NDArray[np.float32]) -> NDArray[np.float64]:
    lightness_star = (levels_to_l(levels).astype(np.float64) + 1) * 50
    f = (lightness_star + 16) / 116
    roots = np.stack([f + ab[0] * 110 / 500, f, f - ab[1] * 110 / 200], axis=-1)
    xyz: NDArray[np.float64] = WHITE * np.where(roots > 6 / 29, roots**3, (roots - 4 / 29) * 3 * (6 / 29) ** 2)
    return xyz


def test_it_is_as_strong_as_can_be() -> None:
    levels = np.full((1, 90), 119 * 257, np.uint16)
    angle = np.linspace(0, 2 * np.pi, 90, dtype=np.float32)
    strong = np.float32(1.15) * np.stack([np.cos(angle), np.sin(angle)])  # chroma 126 at L* 50: not one exists
    rgb = merge(levels, strong[:, None])
    assert ((rgb.min(axis=-1) <= 8) | (rgb.max(axis=-1) >= 65527)).all()


def test_no_color_is_gray_to_the_last_bit() -> None:
    levels = every_level(3)
    assert (merge(levels, np.zeros((2, *levels.shape), np.float32)) == levels[..., None]).all()


def test_the_numbers_are_those_of_kornia_and_scikit_image() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    l, _ = rgb_to_lab(torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255)
    np.testing.assert_allclose(lightness_of(rgb), (l[0, 0] + 1) * 50, atol=1e-3)
    np.testing.assert_allclose(lightness_of(rgb), rgb2lab(rgb)[..., 0], atol=1e-3)
    assert (to_levels(rgb) == nearest_levels(rgb)).all()
    grays = torch.arange(256).expand(1, 3, 1, -1) / 255
    np.testing.assert_allclose(levels_to_l(every_level(1)), rgb_to_lab(grays)[0][0, 0], atol=2e-5)


def test_what_is_looked_up_is_what_would_be_worked_out() -> None:
    levels: Levels = np.random.default_rng(3).integers(0, 256, (64, 64)).astype(np.uint8)
    ab = colors(levels.shape, 0.5)
    a, b = np.rint(ab * 110)
    expected = lightness._merge(levels, a, b)
    lightness._table.cache_clear()
    for _ in range(2):  # the table fills as it goes
        for rows in (slice(0, 16), slice(8, 64)):
            assert (merge(levels[rows], ab[:, rows]) == expected[rows, :, :3]).all()


def test_threads_that_make_the_table_at_the_same_time_leave_no_pixel_black(monkeypatch: pytest.MonkeyPatch) -> None:
    levels, ab = every_level(4), colors((4, 256), 0.5)
    expected = merge(levels, ab)
    make = lightness._table.__wrapped__
    monkeypatch.setattr(lightness, "_table", make)  # every call makes one, as two threads that come first do
    assert (merge(levels, ab) == expected).all()


def test_colors_beyond_what_was_announced_are_taken_back() -> None:
    levels = every_level(2)
    merger = Merger(np.array([[[-0.1, 0.1]], [[-0.2, 0.2]]], np.float32))
    strong, limit = (
        np.tile(np.array(ab, np.float32)[:, None, None], (1, *levels.shape)) for ab in ((0.4, -0.7), (0.1, -0.2))
    )
    colored = [np.empty((*levels.shape, 4), np.uint8) for _ in range(2)]
    for ab, out in zip((strong, limit), colored, strict=True):
        merger.merge(levels, to_chroma(ab), out)
    assert (colored[0] == colored[1]).all()
