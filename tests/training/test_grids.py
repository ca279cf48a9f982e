"""Sample grids: every photo three times, each under its label."""

from __future__ import annotations

import numpy as np
import pytest

from colorize.training.grids import KINDS, sample_grid


@pytest.mark.parametrize(("count", "side", "zoom"), [(1, 96, 1), (6, 96, 1), (5, 16, 4)])
def test_a_grid_shows_all_pixels_of_all_photos_in_order_under_labels(count: int, side: int, zoom: int) -> None:
    rng = np.random.default_rng(0)
    samples = rng.integers(30, 220, (count, len(KINDS), side, side, 3), dtype=np.uint8)
    grid = np.asarray(sample_grid(samples))
    found = []
    labels = []
    for number in range(count):
        for kind in range(len(KINDS)):
            wanted = samples[number, kind].repeat(zoom, axis=0).repeat(zoom, axis=1)
            cell = len(wanted)
            corners = np.argwhere(
                (grid[: len(grid) - cell + 1, : grid.shape[1] - cell + 1] == wanted[0, 0]).all(axis=2)
            )
            places = [(y, x) for y, x in corners if np.array_equal(grid[y : y + cell, x : x + cell], wanted)]
            assert len(places) == 1
            y, x = places[0]
            found.append((number // 4, y, x))
            labels.append((grid[y - 13 : y - 1, x : x + cell] < 128).any())  # ink above it
    assert all(labels)
    assert found == sorted(found)
    assert len({y for _, y, _ in found}) == -(-count // 4)
