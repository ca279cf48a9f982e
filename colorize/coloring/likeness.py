"""What is alike to the network: cosines of its features, which are centered within each photo."""

from __future__ import annotations

import numpy as np
from PIL import Image

from colorize.color.units import FloatArray


def describe_places(features: FloatArray) -> FloatArray:
    """Features (C, h, w) of one photo as unit vectors (h · w, C), whose products tell how alike two places are."""
    return _rows(_centered(features))


def describe_things(features: FloatArray) -> FloatArray:
    """The same of features of half as many places each way: unit vectors (4 · h · w, C)."""
    return _rows(_doubled(_doubled(_centered(features), axis=1), axis=2))


def move(ab: FloatArray, wanted: FloatArray, how_far: FloatArray) -> FloatArray:
    """Move colors to others that are known for coarse cells.

    Args:
        ab: (2, h, w), on which the cells lie like a grid.
        wanted: (2, rows, columns), the colors of the cells.
        how_far: (rows, columns), from 0 for not at all to 1.

    Returns:
        `ab` (2, h, w), moved smoothly. What is finer in it than the cells stays.
    """
    moved = np.empty_like(ab)
    for channel, goal, result in zip(ab, wanted, moved, strict=True):
        change = (goal - to_cells(channel, how_far.shape)) * how_far
        result[:] = channel + from_cells(change, channel.shape)
    return moved


def to_cells(channel: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """The means (rows, columns) over cells of (h, w).

    Args:
        channel: (h, w), float32.
        shape: the number of rows and columns of cells; they need not divide h and w.

    Returns:
        (rows, columns), float32.
    """
    return np.asarray(Image.fromarray(channel).resize((shape[1], shape[0]), Image.Resampling.BOX))


def each_to_cells(channels: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """`to_cells` of each channel.

    Args:
        channels: (C, h, w), float32.
        shape: as of `to_cells`.

    Returns:
        (C, rows, columns), float32.
    """
    return np.stack([to_cells(channel, shape) for channel in channels])


def from_cells(cells: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Cells (rows, columns), interpolated to (h, w).

    Args:
        cells: (rows, columns).
        shape: h and w.

    Returns:
        (h, w), float32, bilinear between the cells' centers.
    """
    return np.asarray(Image.fromarray(cells.astype(np.float32)).resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def ramp(value: FloatArray | float, low: float, high: float) -> FloatArray:
    """0 up to `low`, 1 from `high` on.

    Args:
        value: one, or an array of any shape.
        low: where the ramp begins.
        high: where it ends, above `low`.

    Returns:
        Of the same shape, in [0, 1], linear between `low` and `high`.
    """
    ramped: FloatArray = np.clip((value - low) / (high - low), 0, 1)
    return ramped


def _centered(features: FloatArray) -> FloatArray:
    centered: FloatArray = features - features.mean(axis=(1, 2), keepdims=True)
    return np.asarray(centered / _lengths(centered, axis=0))


def _rows(features: FloatArray) -> FloatArray:
    """(C, h, w) as (h · w, C) of length 1."""
    rows = np.ascontiguousarray(features.reshape(len(features), -1).T)
    return np.asarray(rows / _lengths(rows, axis=1))


def _lengths(vectors: FloatArray, axis: int) -> FloatArray:
    lengths: FloatArray = np.linalg.norm(vectors, axis=axis, keepdims=True).clip(min=1e-6)
    return lengths


def _doubled(features: FloatArray, axis: int) -> FloatArray:
    """Twice as many along an axis, interpolated linearly."""
    moved = np.moveaxis(features, axis, 0)
    before, after = np.concatenate([moved[:1], moved[:-1]]), np.concatenate([moved[1:], moved[-1:]])
    near, far = np.float32(0.75), np.float32(0.25)
    doubled: FloatArray = np.stack([near * moved + far * before, near * moved + far * after], axis=1)
    return np.moveaxis(doubled.reshape(-1, *moved.shape[1:]), 0, axis)
