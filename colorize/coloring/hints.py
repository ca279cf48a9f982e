"""Hints: colors that a person gives for places of a photo, as arrays for the network, and enforced in the result."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor

from colorize import photo
from colorize.color.lightness import ab_of
from colorize.color.units import LAST_LEVEL, FloatArray
from colorize.errors import ConfigError
from colorize.former_names import takes_former_names
from colorize.options import is_finite

_RADIUS = 1  # a point is a patch of 3 × 3 px for the network
_REACH = 9  # px around a hint that are corrected
_SPREAD = 3.0  # px, standard deviation of that
_SAME_LIGHT = 0.1  # in units of l: what differs by more from the hint's lightness is another object
_OPAQUE = 0.5  # a mask's mean alpha from which on a pixel of the network has a hint

ANYWHERE = 1e5  # px, as a reach in arrays: farther than any picture is wide


@takes_former_names
@dataclass(frozen=True)
class Hint:
    """The color of a place. Only its a* and b* matter: the lightness is the photo's.

    Raises `ConfigError` for what is no color.
    """

    x: float  # pixels from the left edge of the upright photo
    y: float  # from its top
    color: str | tuple[int, int, int]  # "#rrggbb", "#rgb" or a name of CSS; or red, green and blue from 0 to 255
    reach: float | None = None  # pixels of the photo beyond which nothing changes; None: what is alike, wherever it is

    def __post_init__(self) -> None:
        places: tuple[tuple[str, object], ...] = (("x", self.x), ("y", self.y))
        for name, value in places:
            if not is_finite(value):
                raise ConfigError(f"a hint's {name} must be a number of pixels, got {value!r}")
        reach: object = self.reach
        if not (reach is None or reach == math.inf or (is_finite(reach) and reach > 0)):
            raise ConfigError(f"a hint's reach must be a number of pixels above 0, got {reach!r}")
        self.rgb()

    @property
    def colour(self) -> str | tuple[int, int, int]:
        """The former name of `color`."""
        return self.color

    def rgb(self) -> tuple[int, int, int]:
        return rgb_of(self.color)


def rgb_of(color: object) -> tuple[int, int, int]:
    """Red, green and blue of a color as a hint takes it. Raises `ConfigError`."""
    if isinstance(color, str):
        digits = re.fullmatch(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", color)
        with suppress(ValueError):
            levels = ImageColor.getrgb(f"#{digits[1]}" if digits else color)
            if len(levels) == 3:  # of #rrggbbaa there are four
                return levels
    if (
        isinstance(color, tuple | list)
        and len(color) == 3
        and all(isinstance(level, int | np.integer) and 0 <= level <= LAST_LEVEL for level in color)
    ):
        return int(color[0]), int(color[1]), int(color[2])
    raise ConfigError(
        f"a hint's color must be #rrggbb, #rgb, a name such as red, or three whole numbers from 0 to 255, got {color!r}"
    )


def parse_hint(text: str) -> Hint:
    """The hint that "X,Y,#rrggbb", "X,Y,red" or "X,Y,red,REACH" stands for. Raises `ConfigError`."""
    parts = [part.strip() for part in text.split(",")]
    try:
        x, y, color, *reach = parts
        return Hint(float(x), float(y), color, *map(float, reach))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"a hint must be X,Y,COLOR or X,Y,COLOR,REACH in pixels, got {text!r}") from error


def read_mask(path: str | os.PathLike[str]) -> Image.Image:
    """An image of hints. Raises `PhotoError` if it is not an image, `ConfigError` if it has no transparency."""
    painted = photo.open(path)
    if painted.alpha is None:
        raise ConfigError(
            f"{path}: expected an image that is transparent where there is no hint, this one has no alpha"
        )
    mask = painted.image.convert("RGB")
    mask.putalpha(Image.fromarray(photo.to_8_bit(painted.alpha)))
    return mask


Hints = Sequence[Hint] | Image.Image  # points; or an image of the photo's size, transparent where there is no hint


def hint_array(hints: Hints, photo_size: tuple[int, int], shape: tuple[int, ...]) -> FloatArray:
    """Turn hints into the array that a network takes.

    Args:
        hints: points, or a mask.
        photo_size: (W, H) of the photo, in pixels.
        shape: (h, w) of what the network sees of it.

    Returns:
        (4, h, w): `ab` of the hinted pixels, a mask of 0 and 1, and the reach of each in pixels (h, w), which is
        `ANYWHERE` if there is no limit.

    Raises:
        ConfigError: a point is outside the photo, or a mask has another size or no transparency.
    """
    if isinstance(hints, Image.Image):
        return _of_mask(hints, photo_size, shape)
    array = np.zeros((4, *shape), np.float32)
    width, height = photo_size
    scale = math.sqrt(shape[0] * shape[1] / (width * height))
    for hint in hints:
        if not (0 <= hint.x < width and 0 <= hint.y < height):
            raise ConfigError(f"a hint must lie within the photo's {width}×{height} px, got ({hint.x:g}, {hint.y:g})")
        row, column = int(hint.y / height * shape[0]), int(hint.x / width * shape[1])
        reach = ANYWHERE if hint.reach is None else min(hint.reach * scale, ANYWHERE)
        place(array, row, column, ab_of(np.array(hint.rgb(), np.uint8)), _RADIUS, reach)
    return array


def place(array: FloatArray, row: int, column: int, ab: FloatArray, radius: int, reach: float) -> None:
    """Write a hint into an array, at all pixels near a place.

    Args:
        array: (4, h, w), as of `hint_array`.
        row: of the place.
        column: of the place.
        ab: the hint (2,).
        radius: how near, in pixels along each axis.
        reach: as of `hint_array`.
    """
    window = (slice(max(row - radius, 0), row + radius + 1), slice(max(column - radius, 0), column + radius + 1))
    array[:2, *window] = ab[:, None, None]
    array[2, *window] = 1
    array[3, *window] = reach


def _of_mask(mask: Image.Image, photo_size: tuple[int, int], shape: tuple[int, ...]) -> FloatArray:
    if mask.size != photo_size or "A" not in mask.getbands():
        wanted = f"{photo_size[0]}×{photo_size[1]} px with alpha"
        raise ConfigError(
            f"a mask of hints must be an image of {wanted}, got {mask.width}×{mask.height} px {mask.mode}"
        )
    small = mask.convert("RGBa").resize((shape[1], shape[0]), Image.Resampling.BOX)  # alpha-weighted means
    alpha = np.asarray(small)[..., 3]
    colors = np.asarray(small.convert("RGBA"))[..., :3]
    given = (alpha >= _OPAQUE * LAST_LEVEL).astype(np.float32)
    return np.concatenate([ab_of(colors).transpose(2, 0, 1) * given, given[None], given[None] * np.float32(ANYWHERE)])


def enforce_hints(ab: FloatArray, hints: FloatArray, l: FloatArray) -> FloatArray:
    """Correct colors around each hint, so that they have the hint's color there.

    The network spreads a hint over its object, but not always at full strength. What is missing at the hint is added
    to what lies around it and is as light, the more the nearer, as in a bilateral filter (Tomasi & Manduchi 1998).

    Args:
        ab: (2, h, w), predicted.
        hints: (4, h, w), as of `hint_array`.
        l: (h, w).

    Returns:
        The corrected `ab` (2, h, w).
    """
    height, width = l.shape
    total = np.zeros((3, height, width), np.float32)
    rows, columns = np.nonzero(hints[2])
    missing = np.ones((3, len(rows)), np.float32)
    missing[:2] = hints[:2, rows, columns] - ab[:, rows, columns]
    lightness, reach = l[rows, columns], hints[3, rows, columns]
    for down in range(-_REACH, _REACH + 1):
        for right in range(-_REACH, _REACH + 1):
            to_rows, to_columns = rows + down, columns + right
            chosen = (to_rows >= 0) & (to_rows < height) & (to_columns >= 0) & (to_columns < width)
            chosen &= math.hypot(down, right) <= reach
            to = to_rows[chosen], to_columns[chosen]
            difference = (l[to] - lightness[chosen]) / np.float32(_SAME_LIGHT)
            distance = np.float32((down * down + right * right) / _SPREAD**2)
            total[:, *to] += np.exp((difference * difference + distance) / -2) * missing[:, chosen]
    obeyed: FloatArray = ab + total[:2] / np.maximum(total[2], 1)
    return obeyed
