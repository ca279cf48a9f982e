"""Small `ab` onto a photo of full size, a few rows at a time: the lightness is the photo's own."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize import photo
from colorize.color.lightness import Merger, to_levels
from colorize.color.units import LAST_LEVEL, FloatArray, Levels
from colorize.color.upsample import upsampler
from colorize.photo import Photo

_STRIP = 1 << 18  # pixels merged at once, in whole rows: fewer cost more calls, more do not fit into the cache


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
    merger = Merger(ab)
    colors = upsampler(ab, np.divide(small_levels, LAST_LEVEL, dtype=np.float32), height, width)
    # In 8 bit four bytes a pixel, which is how Pillow itself keeps RGB.
    canvas: Levels = np.empty((height, width, 3), np.uint16) if page.is_deep else np.empty((height, width, 4), np.uint8)
    for rows, pixels in photo.strips(page.pixels, max(1, _STRIP // width)):
        levels = to_levels(pixels)
        merger.merge(levels, colors.rows(levels, rows.start), canvas[rows])
        if page.readable:
            _leave_gray(canvas[rows], levels, rows.start, page.readable)
    return cast("NDArray[np.uint16]", canvas) if page.is_deep else _image_on(canvas)


def _image_on(canvas: Levels) -> Image.Image:
    """An RGB image whose memory is this array (H, W, 4)."""
    height, width, _ = canvas.shape
    image = Image.frombuffer("RGBX", (width, height), canvas, "raw", "RGBX", 0, 1)
    try:
        image.im.setmode("RGB")  # as `Image.putalpha` does; the pixels stay where they are
    except (AttributeError, ValueError):
        return image.convert("RGB")
    return image._new(image.im)  # with its new mode, and to be written to as any other


def _leave_gray(colored: Levels, levels: Levels, top: int, readable: tuple[int, int, int, int]) -> None:
    """Take the colors (n, W, 4) from what is missing of a damaged picture."""
    left, upper, right, lower = readable
    missing = np.ones(levels.shape, bool)
    missing[max(upper - top, 0) : max(lower - top, 0), left:right] = False
    colored[missing, :3] = levels[missing, None]
