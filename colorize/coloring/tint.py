"""Is a photo in color, or is that only a tint (sepia, cyanotype, yellowed paper) or noise?

A tint is a function of lightness: a print that was toned or has yellowed has, at each lightness, one color. So a cubic
in L* is fitted to a* and b*, and what it leaves over is color. Nothing here changes how a photo is colored: only its
L* is ever used, which is the same as making a tint neutral first.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.color.lightness import ab_of, lightness_of
from colorize.color.units import AB_RANGE, L_HALF_RANGE, FloatArray
from colorize.photo import Photo

# Measured with `python -m colorize.evaluation.tints` on 690 color photos and on tinted, yellowed and noisy versions of
# them as JPEGs: 88 % of the former and 3 of 6210 tinted ones are taken for color (docs/command.md).
_SURELY_COLOR = 8.0  # ΔE, RMS, left over: more than this is color …
_COLOR = 5.0  # … and so is more than this, if it is more than that share of all chroma: strong tints leave more over
_SHARE = 0.3
_TINT = 3.0  # ΔE, RMS, of all chroma: less than this is gray

_SIDE = 64  # px, the short one, at which is looked: coarse enough for noise to be averaged away
_MARGIN = 0.1  # of each side, which is not looked at: the page that a print lies on
_LONGEST = 8  # times `_SIDE`


class Original(Enum):
    """What a photo was before it got colors."""

    GRAY = "gray"
    TINTED = "tinted"  # or of colors too weak to differ from a tint
    COLORED = "colored"


def recognize(photo: Photo) -> Original:
    """Which of them a page is."""
    if not photo.is_color:
        return Original.GRAY
    small = _small(photo)
    l = lightness_of(small).ravel() / np.float32(L_HALF_RANGE) - 1
    ab = ab_of(small).reshape(-1, 2) * np.float32(AB_RANGE)  # a* and b*
    powers = np.stack([np.ones_like(l), l, l**2, l**3], axis=1)  # (N, 4)
    curve, *_ = np.linalg.lstsq(powers, ab, rcond=None)
    left, chroma = _rms(ab - powers @ curve), _rms(ab)
    if left > _SURELY_COLOR or left > max(_COLOR, _SHARE * chroma):
        return Original.COLORED
    return Original.TINTED if chroma > _TINT else Original.GRAY


def _small(photo: Photo) -> NDArray[np.uint8]:
    """The middle of a color photo (h, w, 3) in 8 bit, its short side at most 64 px."""
    width, height = photo.size
    left, top = round(width * _MARGIN), round(height * _MARGIN)
    box = (left, top, width - left, height - top)
    sides = (box[2] - left, box[3] - top)
    scale = min(1.0, _SIDE / min(sides))
    across, down = (max(1, min(round(side * scale), _LONGEST * _SIDE)) for side in sides)
    if not isinstance(photo.pixels, Image.Image):
        step = max(1, int(0.25 / scale))  # of large scans some of the pixels, at least 16 for one of the small
        photo = Photo(photo.pixels[box[1] : box[3] : step, box[0] : box[2] : step])
        box = (0, 0, *photo.size)
    return np.asarray(photo.image.resize((across, down), Image.Resampling.BOX, box, reducing_gap=1.0))


def _rms(ab: FloatArray) -> float:
    return float(np.sqrt(np.square(ab).sum(axis=1).mean()))
