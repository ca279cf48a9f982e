"""Small `ab` onto a photo of full size, a few rows at a time: the lightness is the photo's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize import photo
from colorize.color.lightness import Merger, steps_of, to_levels
from colorize.color.units import LAST_LEVEL, FloatArray, Levels
from colorize.color.upsample import upsampler
from colorize.photo import Photo

_STRIP = 1 << 18  # pixels merged at once, in whole rows: fewer cost more calls, more need more memory


def paint(page: Photo, small_levels: NDArray[np.uint8], ab: FloatArray) -> Photo:
    """Color a photo.

    Args:
        page: the photo (W × H px).
        small_levels: the gray levels (h, w) that the network saw of it.
        ab: the colors (2, h, w) that belong to them.

    Returns:
        The photo in color, of 8 or 16 bit as it is.
    """
    return page.with_colors(_painted(page, small_levels, ab))


def _painted(page: Photo, small_levels: NDArray[np.uint8], ab: FloatArray) -> Image.Image | NDArray[np.uint16]:
    width, height = page.size
    if page.is_deep:
        deep = np.empty((height, width, 3), np.uint16)
        for top, rgbx in _strips(page, small_levels, ab):
            deep[top : top + len(rgbx)] = rgbx[..., :3]
        return deep
    image = Image.new("RGB", page.size, None)  # not black first
    for top, rgbx in _strips(page, small_levels, ab):
        # Four bytes a pixel is how Pillow itself keeps RGB: they are copied as they are.
        image.paste(Image.frombytes("RGB", (width, len(rgbx)), rgbx, "raw", "RGBX"), (0, top))
    return image


def _strips(page: Photo, small_levels: NDArray[np.uint8], ab: FloatArray) -> Iterator[tuple[int, Levels]]:
    """The colored page from top to bottom: a row's number, and (n, W, 4) from there."""
    width, height = page.size
    merger = Merger(ab)
    colors = upsampler(steps_of(ab), np.divide(small_levels, LAST_LEVEL, dtype=np.float32), height, width)
    for place, pixels in photo.strips(page.pixels, max(1, _STRIP // width)):
        levels = to_levels(pixels)
        colored = merger.merge(levels, colors.rows(levels, place.start))
        if page.readable:
            _leave_gray(colored, levels, place.start, page.readable)
        yield place.start, colored


def _leave_gray(colored: Levels, levels: Levels, top: int, readable: tuple[int, int, int, int]) -> None:
    """Take the colors (n, W, 4) from what is missing of a damaged picture."""
    left, upper, right, lower = readable
    missing = np.ones(levels.shape, bool)
    missing[max(upper - top, 0) : max(lower - top, 0), left:right] = False
    colored[missing, :3] = levels[missing, None]
