"""Looks: colors as a photographer would develop them, within the photo's own lightness.

All of it acts on the small `ab` of a photo, so the lightness of no pixel changes. The looks are drawn by eye after what
is known of their models: the hues that a process favors, and the tone of its shadows and lights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorize.color.units import AB_RANGE, FloatArray
from colorize.coloring.likeness import from_cells, ramp, to_cells
from colorize.options import NEUTRAL, ColorizeOptions

_WARM = (0.25, 1.0)  # a* and b* of one unit of temperature: from blue to a slightly red yellow
_SHADOWS, _LIGHTS = (0.0, -0.8), (0.0, 0.8)  # of l: where each begins, and from where on it is all there is
_CYCLE = 360.0

_Tint = tuple[float, float]  # a* and b*


@dataclass(frozen=True)
class _Look:
    """How colors are changed; the numbers for no change are the defaults."""

    saturation: float = 1.0
    saturation_of_hues: tuple[tuple[float, float], ...] = ((0, 1),)  # degrees and a factor, linear between them
    turn_of_hues: tuple[tuple[float, float], ...] = ((0, 0),)  # degrees, and by how many they turn
    shadows: _Tint = (0, 0)  # added to them
    lights: _Tint = (0, 0)
    most_chroma: float | None = None  # which strong colors come near and do not pass
    wash: int = 0  # px of the network over which colors run together


_LOOKS = {
    # Deep reds and yellows, blues toward cyan, greens held back, cool shadows under warm lights; skin is spared.
    "kodachrome": _Look(
        saturation=1.15,
        saturation_of_hues=((15, 1.4), (50, 1.0), (80, 1.25), (135, 0.8), (200, 1.0), (260, 1.25), (330, 1.2)),
        turn_of_hues=((10, 12), (50, 0), (80, -4), (130, -8), (200, 0), (270, -10), (330, 10)),
        shadows=(1, -5),
        lights=(1, 5),
        most_chroma=75,
    ),
    # Dyed starch, orange, green and violet: soft colors, violet shadows, lights of a greenish cream.
    "autochrome": _Look(
        saturation=0.95,
        saturation_of_hues=((40, 1.2), (100, 0.85), (150, 1.0), (280, 0.8), (320, 1.1)),
        turn_of_hues=((30, 8), (60, 0), (150, 0), (270, 6), (330, 0)),
        shadows=(5, -7),
        lights=(-2, 12),
        most_chroma=36,
    ),
    # Thin washes of few colors over a warm print.
    "hand-tinted": _Look(
        saturation=1.5,
        turn_of_hues=((10, 10), (50, -8), (90, -12), (150, 10), (240, 10), (270, -15), (330, 20)),
        shadows=(3, 9),
        lights=(2, 8),
        most_chroma=26,
        wash=6,
    ),
    # As after many years in the light of a window: half the color, warm lights.
    "muted": _Look(saturation=0.55, shadows=(0, -2), lights=(1, 4), most_chroma=30),
}


def develop(ab: FloatArray, l: FloatArray, options: ColorizeOptions) -> FloatArray:
    """Give colors the strength, the look and the tones that were chosen.

    Args:
        ab: (2, h, w), predicted.
        l: (h, w), of the same pixels.
        options: of which strength, look, shadows and lights matter here.

    Returns:
        `ab` (2, h, w).
    """
    ab = ab * np.float32(options.strength)
    if options.look is not None:
        ab = _look(ab, l, _LOOKS[options.look])
    if (options.shadows, options.lights) != (NEUTRAL, NEUTRAL):
        ab = _tone(ab, l, options)
    return ab


def _look(ab: FloatArray, l: FloatArray, look: _Look) -> FloatArray:
    a, b = _washed(ab, look.wash) * np.float32(AB_RANGE)
    hue, chroma = np.degrees(np.arctan2(b, a)) % _CYCLE, np.hypot(a, b)
    chroma *= look.saturation * _around(hue, look.saturation_of_hues)
    if look.most_chroma is not None:
        chroma = look.most_chroma * np.tanh(chroma / look.most_chroma)
    hue = np.radians(hue + _around(hue, look.turn_of_hues))
    shadows, lights = _shadows_and_lights(l)
    # Black and white stay so: they have no color to take.
    tinted = np.clip(2 * (1 - np.abs(l)), 0, 1)
    changed = [
        chroma * axis(hue) + tinted * (shadows * of_shadows + lights * of_lights)
        for axis, of_shadows, of_lights in zip((np.cos, np.sin), look.shadows, look.lights, strict=True)
    ]
    return np.stack(changed).astype(np.float32) / np.float32(AB_RANGE)


def _washed(ab: FloatArray, size: int) -> FloatArray:
    """Colors that run together over so many pixels; 0 leaves them."""
    if not size:
        return ab
    _, height, width = ab.shape
    shape = max(1, height // size), max(1, width // size)
    return np.stack([from_cells(to_cells(channel, shape), (height, width)) for channel in ab])


def _tone(ab: FloatArray, l: FloatArray, options: ColorizeOptions) -> FloatArray:
    shadows, lights = _shadows_and_lights(l)
    temperature = shadows * options.shadows[0] + lights * options.lights[0]
    saturation = 1 + shadows * (options.shadows[1] - 1) + lights * (options.lights[1] - 1)
    warmth = np.stack([temperature * each for each in _WARM]) / AB_RANGE
    toned: FloatArray = (ab * saturation + warmth).astype(np.float32)
    return toned


def _shadows_and_lights(l: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far each pixel (h, w) is one, and the other: together at most 1."""
    return _smooth_ramp(l, *_SHADOWS), _smooth_ramp(l, *_LIGHTS)


def _smooth_ramp(value: FloatArray, begin: float, end: float) -> FloatArray:
    """0 at one value, 1 at the other, and no edge at either."""
    way = ramp(value, begin, end)
    smooth: FloatArray = way * way * (3 - 2 * way)
    return smooth


def _around(hue: FloatArray, points: tuple[tuple[float, float], ...]) -> FloatArray:
    """What points on the circle of hues say for others between them."""
    degrees, values = zip(*points, strict=True)
    return np.asarray(np.interp(hue, degrees, values, period=_CYCLE))
