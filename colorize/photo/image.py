"""`Photo`: one page of a photo file, its pixels and what travels with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.color.units import STEP_16, Levels
from colorize.photo.exif import Exif

_STRIP = 1 << 18  # pixels that are turned into others at a time: what this takes fits into the processor's cache


@dataclass(frozen=True, eq=False)
class Photo:
    """One page of a photo file: its pixels, sRGB and the right way up, and what travels with them."""

    pixels: Image.Image | NDArray[np.uint16]  # mode L or RGB, or 16 bit (H, W) or (H, W, 3)
    alpha: Levels | None = None  # (H, W)
    exif: Exif = field(default_factory=Exif)  # its orientation has been applied; not to be changed
    xmp: bytes = b""  # the packet
    iptc: bytes = b""  # IIM records
    text: Mapping[str, str] = field(default_factory=dict)  # of PNG, by keyword; a JPEG's comment is "Comment"
    dpi: tuple[float, float] | None = None  # horizontally and vertically
    pages: int = 1  # of the file that it is from
    colored: bool = False  # whether its colors are generated
    lossless: bool = False  # whether its file was WebP without loss
    readable: tuple[int, int, int, int] | None = None  # left, top, right, bottom of what is there of a damaged picture
    sha256: str = ""  # of the file that it is from, in hexadecimal; "" if nobody has asked
    unread: tuple[str, ...] = ()  # what the file has besides and is left behind, in words

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        if isinstance(self.pixels, Image.Image):
            return self.pixels.size
        height, width = self.pixels.shape[:2]
        return width, height

    @property
    def more_pages(self) -> bool:
        """Whether the file has others besides this one."""
        return self.pages > 1

    @property
    def is_deep(self) -> bool:
        """Whether it has 16 bit."""
        return not isinstance(self.pixels, Image.Image)

    @property
    def is_color(self) -> bool:
        """Whether it has three channels."""
        return self.pixels.mode != "L" if isinstance(self.pixels, Image.Image) else self.pixels.ndim == 3

    @property
    def channels(self) -> int:
        """With the alpha, if there is one."""
        return (3 if self.is_color else 1) + (self.alpha is not None)

    @property
    def row_size(self) -> int:
        """Bytes of a row of all channels."""
        return self.size[0] * self.channels * (2 if self.is_deep else 1)

    @property
    def image(self) -> Image.Image:
        """In 8 bit: mode L or RGB, sRGB, the right way up."""
        return self.pixels if isinstance(self.pixels, Image.Image) else Image.fromarray(to_8_bit(self.pixels))

    @property
    def levels(self) -> Levels:
        """What is colored: (H, W) of gray photos, (H, W, 3) of others; uint8, or uint16 of those of 16 bit."""
        return to_array(self.pixels) if isinstance(self.pixels, Image.Image) else self.pixels

    def with_colors(self, pixels: Image.Image | NDArray[np.uint16]) -> Photo:
        """The same photo with generated colors: mode RGB, or 16 bit (H, W, 3). Everything else is kept."""
        colored = replace(self, pixels=pixels, colored=True)
        assert colored.size == self.size, f"expected colors for {self.size}, got {colored.size}"
        return colored


def strips(pixels: Image.Image | Levels, rows: int = 0) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Give an image's values in strips. (Pillow's own way to one array of all takes the memory twice.)

    Args:
        pixels: an image, or an array (H, W) or (H, W, C).
        rows: of each strip; 0 for as many as fit into the processor's cache.

    Returns:
        For each strip, from top to bottom, the rows that it is and its values (n, W) or (n, W, C).
    """
    width, height = pixels.size if isinstance(pixels, Image.Image) else pixels.shape[1::-1]
    rows = rows or max(1, _STRIP // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        if not isinstance(pixels, Image.Image):
            yield slice(top, bottom), pixels[top:bottom]
        elif rows >= height:
            yield slice(top, bottom), np.asarray(pixels)
        else:
            yield slice(top, bottom), np.asarray(pixels.crop((0, top, width, bottom)))


def channels_of(photo: Photo, rows: int) -> Iterator[NDArray[Any]]:
    """Give a photo's pixels and alpha in strips.

    Args:
        photo: its alpha has to be of the pixels' depth.
        rows: of each strip.

    Returns:
        The values (n, W, C) of each strip, from top to bottom.
    """
    for place, values in strips(photo.pixels, rows):
        samples = values.reshape(*values.shape[:2], -1)
        yield samples if photo.alpha is None else np.concatenate([samples, photo.alpha[place, :, None]], axis=2)


def to_array(image: Image.Image) -> NDArray[np.uint8]:
    """uint8 (H, W) or (H, W, 3) of L or RGB."""
    width, height = image.size
    if width * height <= _STRIP:
        return np.asarray(image)
    result = np.empty((height, width, 3)[: 2 if image.mode == "L" else 3], np.uint8)
    for rows, values in strips(image):
        result[rows] = values
    return result


def to_8_bit(levels: Levels) -> NDArray[np.uint8]:
    """The nearest levels of 8 bit, of gray levels, colors or alpha of any shape."""
    if levels.dtype == np.uint8:
        return cast("NDArray[np.uint8]", levels)
    result = np.empty(levels.shape, np.uint8)
    count = max(1, _STRIP // levels[0].size)
    for start in range(0, len(levels), count):
        rows = slice(start, start + count)
        result[rows] = (levels[rows].astype(np.uint32) + STEP_16 // 2) // STEP_16
    return result


def to_16_bit(levels: Levels) -> NDArray[np.uint16]:
    """The same levels in 16 bit."""
    return cast("NDArray[np.uint16]", levels if levels.dtype == np.uint16 else levels.astype(np.uint16) * STEP_16)
