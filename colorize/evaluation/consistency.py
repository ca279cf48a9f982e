"""Does a photo keep its colors when it comes a little differently?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.color.units import AB_RANGE

Painter = Callable[[Image.Image], Image.Image]  # a gray photo to a color one

_BRIGHTER = 1.1  # times the levels
_NOISE = 5.0  # levels, standard deviation

CHANGES = {
    "half_size": "of half the size",
    "double_size": "of double the size",
    "mirrored": "mirrored",
    "brighter": f"its levels times {_BRIGHTER:g}",
    "noisier": f"with noise of {_NOISE:g} levels' standard deviation",
}
PROTOCOL = (
    "mean distance in a*, b* (ΔE 1976 but for lightness, which is the photo's own) between the colored photo and the "
    "same one colored " + ", ".join(CHANGES.values()) + "; of two sizes the smaller is compared"
)


def chroma_distances(paint: Painter, gray: Image.Image, plain: Image.Image, seed: int) -> dict[str, float]:
    """How far colors move when a photo comes a little differently.

    Args:
        paint: colors a grayscale photo.
        gray: the photo.
        plain: what `paint` makes of it as it is.
        seed: of the noise.

    Returns:
        For each of `CHANGES` the mean distance over the photo's pixels, in units of a* and b*.
    """
    return {name: _distance(*pair) for name, pair in zip(CHANGES, _pairs(paint, gray, plain, seed), strict=True)}


def _pairs(paint: Painter, gray: Image.Image, plain: Image.Image, seed: int) -> Iterator[tuple[Image.Image, ...]]:
    """What is to have the same colors, in the order of `CHANGES`."""
    width, height = gray.size
    half = (max(1, width // 2), max(1, height // 2))
    yield paint(_resized(gray, half)), _resized(plain, half)
    yield _resized(paint(_resized(gray, (2 * width, 2 * height))), gray.size), plain
    mirror = Image.Transpose.FLIP_LEFT_RIGHT
    yield paint(gray.transpose(mirror)).transpose(mirror), plain
    levels = np.asarray(gray, np.float32)
    yield paint(_to_image(levels * np.float32(_BRIGHTER))), plain
    noise = np.random.default_rng(seed).normal(0, _NOISE, levels.shape).astype(np.float32)
    yield paint(_to_image(levels + noise)), plain


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS)


def _to_image(levels: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.rint(levels).clip(0, 255).astype(np.uint8))


def _distance(one: Image.Image, other: Image.Image) -> float:
    import torch

    from colorize.color.tensors import rgb_to_lab
    from colorize.training.augment import to_float

    pixels = torch.from_numpy(np.stack([np.asarray(one), np.asarray(other)])).permute(0, 3, 1, 2)  # (2, 3, H, W)
    _, ab = rgb_to_lab(to_float(pixels, torch.device("cpu")))
    return ((ab[0] - ab[1]) * AB_RANGE).square().sum(dim=0).sqrt().mean().item()
