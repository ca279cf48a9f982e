"""The hues that a faded photo still has, kept where they are sure; the model's colors where they are faded or gone."""

from __future__ import annotations

import numpy as np

from colorize.color.units import AB_RANGE, FloatArray

_NOTHING, _SURE = 4.0, 12.0  # ΔE beyond the cast: below the one it may be noise, above the other it is color
_MOST = 2.5  # times as strong as it is, at most, that a faded color becomes
_ROUNDS = 10  # of reweighting: more change nothing that is seen
_NEAR = 1.0  # ΔE within which all pixels count the same


def keep_own_colors(ab: FloatArray, own: FloatArray, l: FloatArray) -> FloatArray:
    """Blend a photo's own hues with the model's colors.

    A color is sure where it is strong beside the photo's cast, and has about the same hue with the cast and without:
    then it does not matter whether the cast was told right. Its hue is kept; its chroma is raised to the model's where
    it has faded, as far as that is likely.

    Args:
        ab: (2, h, w), predicted.
        own: (2, h, w), of the photo.
        l: (h, w), of the photo.

    Returns:
        The blend (2, h, w).
    """
    left = own - _cast(own, l)
    chroma = np.hypot(left[0], left[1])
    agreement = (left * own).sum(axis=0) / np.maximum(chroma * np.hypot(own[0], own[1]), 1e-6)  # cosine of the angle
    certain = np.clip((chroma * AB_RANGE - _NOTHING) / (_SURE - _NOTHING), 0, 1)
    weight = certain * certain * (3 - 2 * certain) * np.clip(agreement, 0, 1)  # smoothstep: no edge where it begins
    fresh = left * np.clip(np.hypot(ab[0], ab[1]) / np.maximum(chroma, 1e-6), 1, _MOST)
    blend: FloatArray = (ab + weight * (fresh - ab)).astype(np.float32)
    return blend


def _cast(own: FloatArray, l: FloatArray) -> FloatArray:
    """What most of the photo has in common: a line over lightness, with the least sum of distances, so that strongly
    colored things do not bend it (iteratively reweighted least squares)."""
    points = own.reshape(2, -1).T.astype(np.float64)  # (N, 2)
    base = np.stack([np.ones(l.size), l.ravel()], axis=1)  # (N, 2)
    weights = np.ones(l.size)
    fitted = np.zeros_like(points)
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)[:, None]
        line, *_ = np.linalg.lstsq(base * root, points * root, rcond=None)
        fitted = base @ line
        weights = 1 / np.maximum(np.hypot(*(points - fitted).T) * AB_RANGE, _NEAR)
    return np.asarray(fitted.T.reshape(own.shape), np.float32)
