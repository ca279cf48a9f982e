"""Reference photos: a photo takes the colors that what looks alike to the network has in another photo.

Exemplar-based colorization (He et al. 2018, arXiv 1807.06587) without a network of its own: the features of ours tell
what looks alike, the encoder's what a thing is and the decoder's where it ends. Of another scene of the same kind
colors are taken in part, and the histograms of all colors move toward the reference's. The numbers below were chosen
on validation photos (docs/evaluation.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from colorize import photo
from colorize.color.lightness import ab_of, levels_to_l, to_levels
from colorize.color.units import AB_RANGE, FloatArray
from colorize.coloring.engine import Engine
from colorize.coloring.likeness import describe_places, describe_things, move, ramp
from colorize.errors import ConfigError

_SIZE = 256  # both photos are compared at about so many pixels squared
_CELL = 8  # px; the stride of the decoder's features
SHORTEST = 32  # px; a smaller photo tells too little
_GRAY = 3.0  # mean chroma, in units of a* and b*, below which a reference is taken for gray

_TEMPERATURE = 0.04  # of the softmax over places: colors of the few most alike are averaged
# How sure a place is, from the mean likeness of its best match: cosines of features centered within their photo.
_UNLIKE, _ALIKE = 0.3, 0.55
# Whether two photos show the same scene, from the mean over places of the encoder's best cosine: other photos have
# .35 to .5, those of the same kind of scene to .6, the same shot turned, cropped and lit otherwise .65 to .85.
_ANOTHER_SCENE, _SAME_SCENE = 0.5, 0.64
# Whether they show the same kind of scene: that likeness over the root of the spread of cosines within the photo, for
# what is all alike in itself finds its like anywhere. Other photos have .79 to .98, the most alike of many .96 to 1.2.
_OTHER_KIND, _SAME_KIND = 0.93, 1.0
_LEAST_SPREAD = 1e-3
_KIND_SHARE = 0.5  # how far colors of the same kind of scene are taken at most
_KIND_PALETTE = 0.2  # and how far histograms move to its
_DOUBTFUL_SPREAD = 22 / AB_RANGE  # standard deviation of the matches' colors: of another scene, they do not agree


class Reference(NamedTuple):
    """A photo in color, as photos are compared with it."""

    things: FloatArray  # (places, C), unit vectors
    places: FloatArray  # (places, C'), unit vectors
    ab: FloatArray  # (places, 2)
    scene: FloatArray  # (places / 4, C), unit vectors: `things` as coarse as they come, to choose references by


class Match(NamedTuple):
    """What a photo finds of itself in references."""

    ab: FloatArray  # (2, h/8, w/8) of about 256 × 256 px
    confidence: FloatArray  # (h/8, w/8), from 0 to 1
    likenesses: tuple[float, ...]  # with each reference: the mean over places of the encoder's best cosine
    same_scenes: tuple[float, ...]  # of each: from 0, something else, over .5, the same kind of scene, to 1, the same
    palette: FloatArray  # (n, 2), the colors of the most alike one
    palette_share: float  # how far histograms move to its

    @property
    def likeness(self) -> float:
        """With the most alike reference."""
        return max(self.likenesses)

    @property
    def same_scene(self) -> float:
        """Of the most alike reference; so far its colors are taken at most."""
        return max(self.same_scenes)


def read_reference(engine: Engine, image: Image.Image) -> Reference:
    """Prepare a reference for any number of photos.

    Args:
        engine: what runs the network; it takes a "reference".
        image: of any mode.

    Returns:
        The reference.

    Raises:
        ConfigError: it is gray, or smaller than 32 px.
    """
    upright = photo.to_photo(image).image.convert("RGB")
    if min(upright.size) < SHORTEST:
        raise ConfigError(
            f"a reference photo must have at least {SHORTEST} px on each side, got {upright.width}×{upright.height}"
        )
    small = _shrunk(upright)
    ab = ab_of(np.asarray(small))  # (h, w, 2)
    chroma = float(np.hypot(ab[..., 0], ab[..., 1]).mean()) * AB_RANGE
    if chroma < _GRAY:
        raise ConfigError(f"a reference photo must have colors, this one is gray (mean chroma {chroma:.1f})")
    things, places, scene, _ = _describe(engine, small)
    height, width, _ = ab.shape
    cells = ab.reshape(height // _CELL, _CELL, width // _CELL, _CELL, 2).mean(axis=(1, 3))
    return Reference(things, places, cells.reshape(-1, 2), scene)


def match(engine: Engine, image: Image.Image, references: Sequence[Reference]) -> Match:
    """Look for what a photo shows in references.

    Args:
        engine: what runs the network.
        image: the photo, RGB or gray.
        references: one or more. Each place takes its colors from the one in which it is surest.

    Returns:
        The colors found, and how sure they are.
    """
    things, places, _, shape = _describe(engine, _shrunk(image))
    spread = _spread(things)
    found = [_match(things, places, spread, each) for each in references]
    surest = np.argmax([each.confidence for each in found], axis=0)  # (places,)
    each_place = np.arange(len(surest))
    ab = np.stack([each.ab for each in found])[surest, each_place]
    confidence = np.stack([each.confidence for each in found])[surest, each_place]
    nearest = max(found, key=lambda each: each.likeness)
    return nearest._replace(
        ab=ab.T.reshape(2, *shape),
        confidence=confidence.reshape(shape),
        likenesses=tuple(each.likeness for each in found),
        same_scenes=tuple(each.same_scene for each in found),
    )


def follow(ab: FloatArray, found: Match) -> FloatArray:
    """Move predicted colors (2, h, w) to those found in references, as far as they are sure.

    Args:
        ab: (2, h, w), predicted, of the whole photo.
        found: what references have of it.

    Returns:
        `ab` (2, h, w), moved place by place, and then as a whole toward how often the reference has each color.
    """
    ab = move(ab, found.ab, found.confidence)
    if not found.palette_share:
        return ab
    alike = [_as_often(channel, wanted) for channel, wanted in zip(ab, found.palette.T, strict=True)]
    return ab + (np.stack(alike) - ab) * np.float32(found.palette_share)


def _as_often(channel: FloatArray, wanted: FloatArray) -> FloatArray:
    """Values (h, w) in their order, each as often as in others (n,): histogram matching."""
    order = np.argsort(channel, axis=None, kind="stable")
    matched = np.empty(channel.size, np.float32)
    matched[order] = np.interp(np.linspace(0, 1, channel.size), np.linspace(0, 1, len(wanted)), np.sort(wanted))
    return matched.reshape(channel.shape)


def _match(things: FloatArray, places: FloatArray, spread: float, reference: Reference) -> Match:
    """What one reference has, with colors (places, 2) and confidence (places,)."""
    # Products of 1,000 × 1,000 places: what counts is how often all of them are gone through, and how many there are.
    same_thing = things @ reference.things.T  # (places, places of the reference), cosines
    best_thing = same_thing.max(axis=1)
    weights = np.matmul(places, reference.places.T)
    weights += same_thing
    best = weights.max(axis=1)
    weights -= best[:, None]
    weights *= np.float32(1 / (2 * _TEMPERATURE))
    np.exp(weights, out=weights)
    best /= 2  # the mean of both cosines
    ones = np.ones((len(reference.ab), 1), np.float32)
    sums = weights @ np.concatenate([reference.ab, np.square(reference.ab), ones], axis=1)  # (places, 5)
    ab, squares = np.split(sums[:, :4] / sums[:, 4:], 2, axis=1)
    variance = (squares - np.square(ab)).sum(axis=1).clip(min=0)
    alike = float(best_thing.mean())
    same_scene = float(ramp(alike, _ANOTHER_SCENE, _SAME_SCENE))
    same_kind = float(ramp(alike / math.sqrt(spread), _OTHER_KIND, _SAME_KIND))
    share = max(same_scene, same_kind * _KIND_SHARE)
    confidence = ramp((best + best_thing) * np.float32(0.5), _UNLIKE, _ALIKE) * share
    confidence *= np.exp(variance / -(_DOUBTFUL_SPREAD**2) * (1 - same_scene))
    palette_share = same_kind * _KIND_PALETTE * (1 - same_scene)
    return Match(ab, confidence.astype(np.float32), (alike,), (share,), reference.ab, palette_share)


def _spread(vectors: FloatArray) -> float:
    """The standard deviation of the cosines of unit vectors (n, C) with each other."""
    square = np.square(vectors.T @ vectors).sum() / len(vectors) ** 2
    mean = np.square(vectors.mean(axis=0)).sum()
    return math.sqrt(max(float(square - mean**2), _LEAST_SPREAD**2))


def describe_scene(engine: Engine, image: Image.Image) -> FloatArray:
    """What a photo, RGB or gray, shows, as `Reference.scene`.

    Args:
        engine: what runs the network; it takes a "reference".
        image: the photo, upright, of any size.

    Returns:
        Unit vectors (h/16 · w/16, C) of its places, at about 256 × 256 px.
    """
    return _describe(engine, _shrunk(image))[2]


def _describe(engine: Engine, image: Image.Image) -> tuple[FloatArray, FloatArray, FloatArray, tuple[int, int]]:
    """Things and places (h/8 · w/8, C), and the scene: unit vectors, centered within the photo; and (h/8, w/8)."""
    levels = to_levels(np.asarray(image)).astype(np.uint8, copy=False)
    _, things, places = engine.predict_features(levels_to_l(levels)[None, None])
    _, height, width = places.shape[1:]
    return describe_things(things[0]), describe_places(places[0]), describe_places(things[0]), (height, width)


def _shrunk(image: Image.Image) -> Image.Image:
    return image.resize(_compared_size(*image.size), Image.Resampling.BOX, reducing_gap=3.0)


def _compared_size(width: int, height: int) -> tuple[int, int]:
    """Multiples of 32 near `_SIZE`² pixels in the photo's aspect, so that nothing has to be padded."""
    scale = _SIZE / math.sqrt(width * height)
    across, down = (max(1, min(4 * _SIZE // 32, round(side * scale / 32))) * 32 for side in (width, height))
    return across, down
