"""Color of 16 bit per channel, and 16-bit gray with alpha.

Pillow opens such PNG and TIFF files, but keeps the upper halves of their samples only. The lower halves are had by
decoding them once more, as if they were of the other byte order.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.color.units import LAST_LEVEL_16
from colorize.photo import profiles
from colorize.photo.image import strips

_CHANNELS = {"RGB": 3, "RGBX": 3, "RGBA": 4}  # by what stands before ";16" in Pillow's name of the file's layout
_OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_BITS, _PLANAR = 258, 284  # TIFF tags


def load(image: Image.Image, open_again: Callable[[], Image.Image]) -> NDArray[np.uint16] | None:
    """Load an image that has been opened, with all of its bits.

    Args:
        image: the image, which is loaded in any case.
        open_again: opens the same file once more.

    Returns:
        (H, W, C) with C from 2 to 4 if it has 16 bit per channel; None if it has not, or has one channel.

    Raises:
        ValueError: Pillow takes its layout for another.
    """
    if _is_planar(image) and image.info.get("compression") == "raw" and image.tag_v2.get(_BITS, (8,))[0] == 16:  # type: ignore[attr-defined]
        raise ValueError("planes of 16 bit that are not compressed cannot be read")
    layout, _, order = _layout(image).partition(";16")
    if layout == "LA" and order:  # two samples of two bytes are read as one of four
        image.load()
        halves = _read(open_again, "RGBA")
        return halves.view(">u2").astype(np.uint16)
    image.load()
    if layout not in _CHANNELS or order not in _OTHER_ORDER or _is_planar(image):
        return None
    lower = _read(open_again, f"{layout};16{_OTHER_ORDER[order]}")
    channels = _CHANNELS[layout]
    result = np.empty((*lower.shape[:2], channels), np.uint16)
    for rows, upper in strips(image):
        result[rows] = upper[..., :channels]
        result[rows] <<= 8
        result[rows] |= lower[rows, :, :channels]
    return result


def to_srgb(
    deep: NDArray[np.uint16], profile: bytes | None
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None] | None:
    """Convert 16-bit levels from their embedded profile.

    Args:
        deep: what `load` gives.
        profile: of the image.

    Returns:
        Levels (H, W) or (H, W, 3), and the alpha (H, W) if any pixel is not opaque; None if they can be converted in
        8 bit only.
    """
    channels = deep.shape[2]
    alpha = np.ascontiguousarray(deep[..., -1]) if channels in (2, 4) else None
    if alpha is not None and alpha.min() == LAST_LEVEL_16:
        alpha = None
    levels = deep[..., 0] if channels == 2 else deep[..., :3]
    is_gray = channels == 2
    if channels > 2 and np.array_equal(deep[..., 0], deep[..., 1]) and np.array_equal(deep[..., 1], deep[..., 2]):
        levels, is_gray = deep[..., 0], True
        profile = profile and (profiles.neutral_profile(profile) or profile)
    levels = np.ascontiguousarray(levels)
    if not profile or profiles.is_srgb(profile):
        return levels, alpha
    return (profiles.gray_to_srgb(levels, profile), alpha) if is_gray else None


def _read(open_again: Callable[[], Image.Image], layout: str) -> NDArray[np.uint8]:
    """Another reading of the same bytes (H, W, C)."""
    with open_again() as image:
        image.tile = [tile._replace(args=_with_layout(tile.args, layout)) for tile in image.tile]  # type: ignore[attr-defined]
        image.load()
        result = np.empty((image.height, image.width, len(image.getbands())), np.uint8)
        for rows, values in strips(image):
            result[rows] = values
    return result


def _is_planar(image: Image.Image) -> bool:
    """Whether it is a TIFF file with a plane for each channel, which Pillow reads in another way."""
    return bool(getattr(image, "tag_v2", {}).get(_PLANAR, 1) == 2)


def _layout(image: Image.Image) -> str:
    """How the file lays out its samples, in Pillow's words."""
    tiles = getattr(image, "tile", [])
    args = tiles[0].args if tiles else ""
    layout = args[0] if isinstance(args, tuple) and args else args
    return layout if isinstance(layout, str) else ""


def _with_layout(args: Any, layout: str) -> Any:
    return (layout, *args[1:]) if isinstance(args, tuple) else layout


def is_deep(image: Image.Image) -> bool:
    """Whether an image that has been opened, and not loaded, has more than 8 bit per channel."""
    return image.mode.startswith(("I", "F")) or ";16" in _layout(image)
