"""Painters whose faults are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from colorize.color.lightness import merge
from colorize.color.units import AB_RANGE, FloatArray
from colorize.evaluation.consistency import CHANGES, Painter, chroma_distances

GRAY = Image.fromarray(np.tile(np.linspace(70, 160, 48).astype(np.uint8), (32, 1)))


def painter(a_star: Callable[[NDArray[Any]], Any]) -> Painter:
    """Paints what a function of the levels gives as a*."""

    def paint(gray: Image.Image) -> Image.Image:
        levels = np.asarray(gray)
        ab: FloatArray = np.zeros((2, *levels.shape), np.float32)
        ab[0] = a_star(levels) / AB_RANGE
        return Image.fromarray(merge(levels, ab))

    return paint


def left_half(levels: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(np.indices(levels.shape)[1] < levels.shape[1] / 2, 20.0, 0.0)


@pytest.mark.parametrize(
    ("a_star", "unsteady"),
    [
        (lambda _: np.float64(20), set()),
        (lambda levels: levels / 8, {"brighter", "noisier"}),
        (left_half, {"mirrored"}),
        (lambda levels: levels.shape[1] / np.float64(4), {"half_size", "double_size"}),
    ],
)
def test_what_a_painter_depends_on_is_what_is_found(a_star: Callable[[NDArray[Any]], Any], unsteady: set[str]) -> None:
    paint = painter(a_star)
    found = chroma_distances(paint, GRAY, paint(GRAY), seed=0)
    assert list(found) == list(CHANGES)
    assert {name for name, distance in found.items() if distance > 0.45} == unsteady, found


def test_the_distance_is_that_in_a_and_b() -> None:
    paint = painter(left_half)
    assert chroma_distances(paint, GRAY, paint(GRAY), seed=0)["mirrored"] == pytest.approx(20, abs=0.7)
