"""Color units and sRGB's curve, stated once: L* spans 100 and is halved around 50, a* and b* are divided by 110.

`rgb`  (B, 3, H, W)  sRGB, [0, 1]
`l`    (B, 1, H, W)  L*/50 − 1, [−1, 1]
`ab`   (B, 2, H, W)  (a*, b*)/110, about [−1, 1]

`chroma`  (2, H, W)  (a* + 128.5, b* + 128.5) · 256, uint16: what `ab` is at full size. The upper byte is a* + 128 or
                     b* + 128, to the nearest.

`tensors.py` speaks them on tensors for training and measuring, `lightness.py` on arrays for photos.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Levels = NDArray[np.unsignedinteger[Any]]  # of sRGB: uint8, 0 to 255, or uint16, 0 to 65535

Chroma = NDArray[np.uint16]

L_HALF_RANGE = 50.0
AB_RANGE = 110.0

CHROMA_UNIT = 256  # of `chroma`: an a* or b* of 1
CHROMA_OF_GRAY = 32896
LAST_CHROMA = 65535

LAST_LEVEL, LAST_LEVEL_16 = 255, 65535
STEP_16 = 257  # a level of 8 bit in 16 bit

# sRGB's curve (IEC 61966-2-1): level = slope · light below the knee, else scale · light ** (1 / gamma) − offset.
SRGB_GAMMA, SRGB_SCALE, SRGB_OFFSET, SRGB_SLOPE = 2.4, 1.055, 0.055, 12.92
SRGB_KNEE, SRGB_KNEE_LEVEL = 0.0031308, 0.04045  # in light, and in levels on [0, 1]

_Floats = TypeVar("_Floats", NDArray[np.float32], NDArray[np.float64])


def to_chroma(ab: FloatArray) -> Chroma:
    """`chroma` (…) of `ab` (…), which is brought into its range: wider than what sRGB holds."""
    chroma = ab * np.float32(AB_RANGE * CHROMA_UNIT)
    chroma += np.float32(CHROMA_OF_GRAY)  # cut off below, or a* and b* would be rounded twice
    return np.clip(chroma, 0, LAST_CHROMA, out=chroma).astype(np.uint16)


def srgb_encode(light: _Floats) -> _Floats:
    """sRGB levels on [0, 1] of linear light in [0, 1]."""
    curve = SRGB_SCALE * light ** (1 / SRGB_GAMMA) - SRGB_OFFSET
    encoded: _Floats = np.where(light <= SRGB_KNEE, SRGB_SLOPE * light, curve)
    return encoded


def srgb_decode(levels: _Floats) -> _Floats:
    """Linear light of sRGB levels on [0, 1]."""
    curve = ((levels + SRGB_OFFSET) / SRGB_SCALE) ** SRGB_GAMMA
    decoded: _Floats = np.where(levels <= SRGB_KNEE_LEVEL, levels / SRGB_SLOPE, curve)
    return decoded
