"""Regions: what a person says about an outlined part of a photo."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from colorize.color.lightness import ab_of
from colorize.color.units import FloatArray
from colorize.coloring.hints import rgb_of
from colorize.errors import ConfigError
from colorize.options import STRENGTH_RANGE, is_finite

_DRAWN = 4  # times the network's pixels, at which outlines are drawn: so their edges are smooth

Outline = Sequence[tuple[float, float]] | Image.Image


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a photo: its color, or how much color it has. Beside it nothing changes, and nothing is filled.

    Raises `ConfigError` for what is no region.
    """

    outline: Outline  # corners (x, y) in pixels of the upright photo, as of a lasso; or a mask of its size, mode L
    color: str | tuple[int, int, int] | None = None  # as of a `Hint`; None leaves the hues
    strength: float = 1.0  # factor on the chroma: 0 keeps the region gray, 2 is twice the color

    def __post_init__(self) -> None:
        outline: object = self.outline
        is_polygon = isinstance(outline, Sequence) and len(outline) >= 3 and all(map(_is_point, outline))
        if not (is_polygon or isinstance(outline, Image.Image)):
            raise ConfigError(f"a region's outline must have three or more corners (x, y), got {reprlib.repr(outline)}")
        if self.color is not None:
            rgb_of(self.color)
        low, high = STRENGTH_RANGE
        strength: object = self.strength
        if not is_finite(strength) or not low <= strength <= high:
            raise ConfigError(f"a region's strength must be a number from {low:g} to {high:g}, got {self.strength!r}")


def cover(region: Region, photo_size: tuple[int, int], shape: tuple[int, ...]) -> FloatArray:
    """How far each pixel is within a region.

    Args:
        region: the region.
        photo_size: (W, H) of the photo, in pixels.
        shape: (h, w) of what the network sees of it.

    Returns:
        (h, w), from 0 to 1.

    Raises:
        ConfigError: a mask has another size than the photo.
    """
    height, width = shape
    if isinstance(region.outline, Image.Image):
        if region.outline.size != photo_size:
            raise ConfigError(
                "a region's mask must be an image of {}×{} px, got {}×{} px".format(*photo_size, *region.outline.size)
            )
        drawn = region.outline.convert("L")
    else:
        drawn = Image.new("L", (width * _DRAWN, height * _DRAWN))
        corners = [(x * drawn.width / photo_size[0], y * drawn.height / photo_size[1]) for x, y in region.outline]
        ImageDraw.Draw(drawn).polygon(corners, fill=255)
    return np.asarray(drawn.resize((width, height), Image.Resampling.BOX), np.float32) / np.float32(255)


def color_regions(ab: FloatArray, said: Sequence[tuple[Region, FloatArray]]) -> FloatArray:
    """Give regions what is said of them; of those that overlap, the last.

    Args:
        ab: (2, h, w), predicted.
        said: regions, and how far each pixel (h, w) is within them.

    Returns:
        `ab` (2, h, w).
    """
    return changed(ab, change_by(said)) if said else ab


def change_by(said: Sequence[tuple[Region, FloatArray]]) -> FloatArray:
    """What regions do to colors, whatever those are.

    Args:
        said: one or more regions, and how far each pixel (h, w) is within them.

    Returns:
        (3, h, w): what a* and b* get added, in ab, after they were multiplied by 1 + the third. All 0 changes nothing.
    """
    change = np.zeros((3, *said[0][1].shape), np.float32)
    for region, covered in said:
        strength = np.float32(region.strength)
        if region.color is None:
            own = np.stack([np.zeros_like(covered), np.zeros_like(covered), (strength - 1) * covered])
        else:
            own = np.concatenate([_even(region.color) * strength * covered, -covered[None]])
        change = laid_over(change, own)
    return change


def changed(ab: FloatArray, change: FloatArray) -> FloatArray:
    """Change colors.

    Args:
        ab: (2, h, w).
        change: (3, h, w), as of `change_by`.

    Returns:
        `ab` (2, h, w).
    """
    result: FloatArray = ab * (1 + change[2]) + change[:2]
    return result


def laid_over(below: FloatArray, above: FloatArray) -> FloatArray:
    """Two changes (3, h, w), as of `change_by`, as one.

    Args:
        below: the one that comes first.
        above: the other one.

    Returns:
        The change that does both (3, h, w).
    """
    left = 1 + above[2]
    return np.concatenate([below[:2] * left + above[:2], ((1 + below[2]) * left - 1)[None]])


def _even(color: str | tuple[int, int, int]) -> FloatArray:
    """`ab` (2, 1, 1) of a color."""
    return ab_of(np.array(rgb_of(color), np.uint8))[:, None, None]


def _is_point(point: object) -> bool:
    return isinstance(point, tuple | list) and len(point) == 2 and all(map(is_finite, point))
