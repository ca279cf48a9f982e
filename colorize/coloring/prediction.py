"""From photos to small `ab`: what the network sees of each photo, and its answers, several photos at once."""

from __future__ import annotations

import hashlib
import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize.color.lightness import ab_of, levels_to_l, to_levels
from colorize.color.units import FloatArray
from colorize.coloring.conditions import Conditions
from colorize.coloring.engine import Engine, Features, NetworkConditions
from colorize.coloring.filling import fill, has_limits, limit
from colorize.coloring.hints import enforce_hints, hint_array
from colorize.coloring.own_colors import keep_own_colors
from colorize.coloring.reference import Match, follow
from colorize.coloring.regions import Region, color_regions, cover
from colorize.coloring.variants import vary
from colorize.photo import Photo

_LONGEST = 4  # the network sees at most this many times `size` on the long side
_REMEMBERED = 4  # batches whose features are kept: 5 MB of single photos at the usual size
_LARGEST_ZOOM = 2.0  # and a small photo enlarged by this at most


class View(NamedTuple):
    """A photo and its conditions, as the network sees them."""

    levels: NDArray[np.uint8]  # (h, w), gray
    hints: FloatArray | None  # (4, h, w), as of `hint_array`
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
    """Width and height of what the network sees of a picture of this width and height: about `size`² pixels.

    Args:
        width: of the picture as it is looked at, in pixels.
        height: of the picture, in pixels.
        size: the side of a square with as many pixels as the network sees.

    Returns:
        Width and height in pixels, in the picture's aspect, at least 1 each. They hold fewer than `size`² pixels where
        the longer one would be more than 4 · `size`, or more than twice the picture's.
    """
    scale = min(size / math.sqrt(width * height), _LONGEST * size / max(width, height), _LARGEST_ZOOM)
    return max(1, round(width * scale)), max(1, round(height * scale))


class FeatureMemory:
    """The features of the last photos: from hint to hint a photo stays the same. Safe to share between threads."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Features] = {}  # the newest at the end
        self._lock = threading.Lock()

    def features(self, engine: Engine, l: FloatArray) -> Features:
        """As of `Engine.predict_features`.

        Args:
            engine: the same one at each call: what is known is found by `l` alone.
            l: as of `Engine.predict`.

        Returns:
            The features of `l`, remembered if it was among the last 4.

        Raises:
            MemoryError: as `Engine.predict_features`.
            ValueError: as `Engine.predict_features`.
        """
        key = l.shape, hashlib.blake2b(l.data).digest()
        known = self._known.get(key) or engine.predict_features(l)
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = known
            while len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        return known


def predict(engine: Engine, views: Sequence[View], memory: FeatureMemory | None = None) -> list[FloatArray]:
    """Predict the colors of photos; views of one shape and seed go through the network together.

    Args:
        engine: what runs the network.
        views: what it sees of each photo.
        memory: of features, which are those of this engine.

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
        results.update(zip(indices, _predict_alike(engine, [views[index] for index in indices], memory), strict=True))
    return [results[index] for index in range(len(views))]


def _predict_alike(engine: Engine, views: Sequence[View], memory: FeatureMemory | None) -> Iterator[FloatArray]:
    l, conditions = stack(views, engine.stride)
    memory = memory or FeatureMemory()
    is_variant = conditions.seed is not None and engine.bins is not None
    features = memory.features(engine, l) if is_variant and "reference" in engine.takes else None
    answers = features.ab if features and conditions.hints is None else engine.predict(l, conditions)
    change = vary(engine, l, conditions, features) if is_variant else np.zeros_like(answers)
    answers = answers + change
    hints = _stack_hints(views, l.shape[2:])
    if hints is not None:
        answers = _enforced(engine, l, hints, conditions, answers, change, memory)
    for each, ab, its_l in zip(views, answers, l[:, 0], strict=True):
        height, width = each.levels.shape
        ab, its_l = ab[:, :height, :width], its_l[:height, :width]
        if each.match is not None:
            ab = follow(ab, each.match)
        if each.own is not None:
            ab = keep_own_colors(ab, each.own, its_l)
        if each.hints is not None:
            ab = enforce_hints(ab, each.hints, its_l)
        yield color_regions(ab, each.regions)


def _enforced(
    engine: Engine,
    l: FloatArray,
    hints: FloatArray,
    conditions: NetworkConditions,
    answers: FloatArray,
    change: FloatArray,
    memory: FeatureMemory,
) -> FloatArray:
    """Answers (B, 2, h, w) to conditions, with a person's hints (B, 4, h, w) filled in, within their reach.

    `change` is what makes a variant of the answers, and so of what the network says without hints.
    """
    if "reference" not in engine.takes:  # it has no features
        if not any(map(has_limits, hints)):
            return answers
        return _each_hinted(limit, answers, engine.predict(l, NetworkConditions(None, conditions.seed)) + change, hints)
    plain, things, places = memory.features(engine, l)
    return _each_hinted(fill, answers, plain + change, hints, l[:, 0], things, places)


def _each_hinted(obey: Callable[..., FloatArray], answers: FloatArray, *others: FloatArray) -> FloatArray:
    """`obey` of the answers (B, 2, h, w) of photos that have hints; of the other arrays, the second is the hints."""
    each_photo = zip(answers, *others, strict=True)
    return np.stack([obey(*its) if its[2][2].any() else its[0] for its in each_photo])


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
    hints = _stack_hints(views, shape)
    return l, NetworkConditions(None if hints is None else hints[:, :3], views[0].seed)


def _stack_hints(views: Sequence[View], shape: tuple[int, ...]) -> FloatArray | None:
    """Hints (B, 4, *shape), as of `hint_array`, if there are any."""
    if all(each.hints is None for each in views):
        return None
    hints = np.zeros((len(views), 4, *shape), np.float32)
    for array, each in zip(hints, views, strict=True):
        if each.hints is not None:
            array[:, : each.hints.shape[1], : each.hints.shape[2]] = each.hints
    return hints


def _padded(shape: tuple[int, ...], stride: int) -> tuple[int, ...]:
    """A shape with both sides up to the next multiple."""
    return tuple(side + -side % stride for side in shape)
