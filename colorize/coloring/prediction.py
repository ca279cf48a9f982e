"""From photos to small `ab`: what the network sees of each photo, and its answers, several photos at once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.color.lightness import ab_of, levels_to_l, to_levels
from colorize.color.units import FloatArray
from colorize.coloring.conditions import Conditions
from colorize.coloring.engine import Engine, Features, NetworkConditions
from colorize.coloring.filling import fill
from colorize.coloring.hints import enforce_hints, hint_array
from colorize.coloring.own_colors import keep_own_colors
from colorize.coloring.reference import Match, follow
from colorize.coloring.regions import Region, cover, obey
from colorize.coloring.variants import draw_hints
from colorize.photo import Photo

_LONGEST = 4  # the network sees at most this many times `size` on the long side
_LARGEST_ZOOM = 2.0  # and a small photo enlarged by this at most


class View(NamedTuple):
    """A photo and its conditions, as the network sees them."""

    levels: NDArray[np.uint8]  # (h, w), gray
    hints: FloatArray | None  # (3, h, w)
    seed: int | None
    own: FloatArray | None = None  # (2, h, w), the photo's own ab, if it is to be kept where it is sure
    match: Match | None = None  # what references have of it
    regions: Sequence[tuple[Region, FloatArray]] = ()  # and how far each pixel (h, w) is within them


def view(photo: Photo, size: int, conditions: Conditions, *, keep_colors: bool = False) -> View:
    """Shrink a photo, and what is said about its colors, to the network's size.

    Args:
        photo: any photo.
        size: of the view, in pixels: h · w ≈ size², in the photo's aspect.
        conditions: what the colors have to obey.
        keep_colors: whether the photo's own hues are kept where they are sure.

    Returns:
        The view.

    Raises:
        ConfigError: a hint outside the photo, or a mask of hints or of a region of another size, or one of hints
            without transparency.
    """
    resized = photo.image.resize(size_of_view(*photo.size, size), Image.Resampling.BILINEAR, reducing_gap=3.0)
    levels = to_levels(np.asarray(resized)).astype(np.uint8, copy=False)
    hints = None if conditions.hints is None else hint_array(conditions.hints, photo.size, levels.shape)
    own = ab_of(np.asarray(resized)).transpose(2, 0, 1) if keep_colors and photo.is_color else None
    regions = [(region, cover(region, photo.size, levels.shape)) for region in conditions.regions]
    return View(levels, hints, conditions.seed, own, regions=regions)


def size_of_view(width: float, height: float, size: int) -> tuple[int, int]:
    """Width and height of what the network sees of a picture of this width and height: about `size`² pixels."""
    scale = min(size / math.sqrt(width * height), _LONGEST * size / max(width, height), _LARGEST_ZOOM)
    return max(1, round(width * scale)), max(1, round(height * scale))


def predict(engine: Engine, views: Sequence[View]) -> list[FloatArray]:
    """Predict the colors of photos; views of one shape and seed go through the network together.

    Args:
        engine: what runs the network.
        views: what it sees of each photo.

    Returns:
        `ab` (2, h, w) for each view, which follows its references and has the hints' colors at their places.

    Raises:
        MemoryError: there is not enough memory.
    """
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, each in enumerate(views):
        groups[_padded(each.levels.shape, engine.stride), each.seed].append(index)
    results: dict[int, FloatArray] = {}
    for indices in groups.values():
        results.update(zip(indices, _predict_alike(engine, [views[index] for index in indices]), strict=True))
    return [results[index] for index in range(len(views))]


def _predict_alike(engine: Engine, views: Sequence[View]) -> Iterator[FloatArray]:
    l, conditions = stack(views, engine.stride)
    hints = conditions.hints  # of a person
    is_variant = conditions.seed is not None and engine.bins is not None
    if is_variant:
        conditions = draw_hints(engine, l, conditions)
    answers = engine.predict(l, conditions)
    if hints is not None and "reference" in engine.takes:  # then it has features
        features = engine.predict_features(l)
        plain = answers if is_variant else features.ab  # a variant without its hints is another one
        answers = _filled(answers, plain, hints, l[:, 0], features)
    for each, ab, its_l in zip(views, answers, l[:, 0], strict=True):
        height, width = each.levels.shape
        ab, its_l = ab[:, :height, :width], its_l[:height, :width]
        if each.match is not None:
            ab = follow(ab, each.match)
        if each.own is not None:
            ab = keep_own_colors(ab, each.own, its_l)
        if each.hints is not None:
            ab = enforce_hints(ab, each.hints, its_l)
        yield obey(ab, each.regions)


def _filled(answers: FloatArray, plain: FloatArray, hints: FloatArray, l: FloatArray, features: Features) -> FloatArray:
    """`fill` of each photo that has hints."""
    each_photo = zip(answers, plain, hints, l, features.things, features.places, strict=True)
    return np.stack([fill(*its) if its[2][2].any() else its[0] for its in each_photo])


def stack(views: Sequence[View], stride: int) -> tuple[FloatArray, NetworkConditions]:
    """Join views of one seed, whose sides are alike once they are padded, into a batch.

    Args:
        views: one or more.
        stride: what both sides are padded to a multiple of: edges are continued, without hints.

    Returns:
        `l` (B, 1, h', w'), and the conditions, with hints (B, 3, h', w') if there are any.
    """
    shape = _padded(views[0].levels.shape, stride)
    padded = []
    for each in views:
        beyond = [(0, whole - side) for side, whole in zip(each.levels.shape, shape, strict=True)]
        padded.append(np.pad(each.levels, beyond, mode="edge"))
    l = levels_to_l(np.stack(padded))[:, None]  # (B, 1, h', w')
    if all(each.hints is None for each in views):
        return l, NetworkConditions(seed=views[0].seed)
    hints = np.zeros((len(l), 3, *shape), np.float32)
    for array, each in zip(hints, views, strict=True):
        if each.hints is not None:
            array[:, : each.hints.shape[1], : each.hints.shape[2]] = each.hints
    return l, NetworkConditions(hints, views[0].seed)


def _padded(shape: tuple[int, ...], stride: int) -> tuple[int, ...]:
    """A shape with both sides up to the next multiple."""
    return tuple(side + -side % stride for side in shape)
