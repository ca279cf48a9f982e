"""`python -m colorize.evaluation.tints PHOTOS…`: how often a photo's own colors are told from a tint.

Of each color photo versions are made: toned, yellowed, faded, noisy, as JPEGs. Printed is for how many of each
`tint.recognize` says what.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.color.lightness import merge, to_levels
from colorize.color.units import AB_RANGE, FloatArray
from colorize.coloring.tint import Original, recognize
from colorize.photo import Photo
from colorize.requirements import require
from colorize.system.program import run_program

Pixels = NDArray[np.uint8]
Version = Callable[[Pixels, np.random.Generator], Image.Image]  # of a color photo (H, W, 3)


def toned(a: float, b: float, curve: Callable[[FloatArray], FloatArray], quality: int = 75) -> Version:
    """Gray, toned, as a JPEG.

    Args:
        a: a* of the tone at full strength.
        b: its b*.
        curve: the tone's strength by the level in [0, 1].
        quality: of the JPEG.

    Returns:
        What makes such a version.
    """

    def make(pixels: Pixels, _: np.random.Generator) -> Image.Image:
        levels = to_levels(pixels)
        strength = curve(np.asarray(levels / 255, np.float32))
        ab = np.asarray([a * strength, b * strength], np.float32) / np.float32(AB_RANGE)
        return _jpeg(merge(levels, ab), quality)

    return make


def _sepia(pixels: Pixels, _: np.random.Generator) -> Image.Image:
    gray = to_levels(pixels)[..., None]
    return _jpeg(gray * np.array([1.07, 0.95, 0.75]) + np.array([10, 5, 0]), 75)


def _unevenly_yellowed(pixels: Pixels, rng: np.random.Generator) -> Image.Image:
    """Half as strong at one end as at the other, and noisy."""
    levels = to_levels(pixels)
    direction = rng.normal(size=2)
    height, width = levels.shape
    across = np.add.outer(direction[0] * np.linspace(-1, 1, height), direction[1] * np.linspace(-1, 1, width))
    strength = 1 + across / (3 * np.abs(across).max())
    ab = (np.asarray([8 * strength, 22 * strength]) / AB_RANGE).astype(np.float32)
    return _jpeg(merge(levels, ab) + rng.normal(0, 3, pixels.shape), 75)


def _noisy(deviation: float, quality: int) -> Version:
    return lambda pixels, rng: _jpeg(to_levels(pixels)[..., None] + rng.normal(0, deviation, pixels.shape), quality)


def _faded(pixels: Pixels, _: np.random.Generator) -> Image.Image:
    """To two fifths of its color."""
    return _jpeg(0.4 * pixels + 0.6 * to_levels(pixels)[..., None], 75)


def _jpeg(pixels: NDArray[Any], quality: int) -> Image.Image:
    buffer = io.BytesIO()
    Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


COLORED: dict[str, Version] = {
    "as it is": lambda pixels, _: Image.fromarray(pixels),
    "JPEG, quality 40": lambda pixels, _: _jpeg(pixels, 40),
    "faded to two fifths": _faded,
}
TINTED: dict[str, Version] = {
    "sepia": _sepia,
    "strong sepia": toned(12, 35, lambda x: 4 * x * (1 - x), 60),
    "cream lights": toned(2, 15, lambda x: x),
    "cyanotype": toned(0, -35, lambda x: 1 - x),
    "strong cyanotype": toned(-8, -30, lambda x: 4 * x * (1 - x), 50),
    "selenium": toned(10, -6, lambda x: 1 - x),
    "green": toned(-15, 8, np.ones_like),
    "blue shadows, cream lights": toned(3, 18, lambda x: 2 * x - 1),
    "unevenly yellowed": _unevenly_yellowed,
}
GRAY: dict[str, Version] = {
    "JPEG, quality 40": lambda pixels, _: _jpeg(np.repeat(to_levels(pixels)[..., None], 3, axis=2), 40),
    "color noise of 4 levels": _noisy(4, 75),
    "color noise of 10 levels, quality 95": _noisy(10, 95),
}
VERSIONS = {Original.COLORED: COLORED, Original.TINTED: TINTED, Original.GRAY: GRAY}


def count(photos: Sequence[str], limit: int = 0) -> dict[tuple[Original, str], Counter[Original]]:
    """What `recognize` says of versions of photos.

    Args:
        photos: folders of color photos, photos, tar shards.
        limit: the first so many photos only; 0 for all.

    Returns:
        By what a version is and its name, how often each answer was given.

    Raises:
        DataError: there is nothing of that name.
    """
    from colorize.evaluation.subjects import find_subjects  # needs what the extra `train` brings

    counts: defaultdict[tuple[Original, str], Counter[Original]] = defaultdict(Counter)
    for subject in islice(find_subjects(photos, Counter()), limit or None):
        pixels = np.asarray(subject.truth)
        for original, versions in VERSIONS.items():
            for name, version in versions.items():
                made = version(pixels, np.random.default_rng(subject.seed))
                counts[original, name][recognize(Photo(made))] += 1
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m colorize.evaluation.tints", description=__doc__.split("\n")[0])
    parser.add_argument("photos", nargs="+", metavar="PHOTOS", help="folders of color photos, photos, tar shards")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="the first N photos only")
    given = parser.parse_args(arguments)
    return run_program("tints", lambda: _run(given))


def _run(given: argparse.Namespace) -> None:
    require("train", "reading evaluation photos")
    counts = count(given.photos, given.limit)
    print(f"{'':50}" + "".join(f"{each.value:>10}" for each in Original))
    for (original, name), said in counts.items():
        print(f"{f'{original.value}: {name}':50}" + "".join(f"{said[each]:10}" for each in Original))


if __name__ == "__main__":
    sys.exit(main())
