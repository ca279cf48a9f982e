"""`Colorizer`: one photo in, one color photo out. PIL images, arrays and files are three ways into one call."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize import photo
from colorize.color.lightness import Merger, levels_to_l, steps_of, to_8_bit, to_levels
from colorize.color.units import FloatArray, Levels
from colorize.color.upsample import Upsampler
from colorize.coloring.engine import Engine
from colorize.coloring.engine.choice import open_engine
from colorize.coloring.hints import Hints, enforce_hints, hint_array
from colorize.coloring.variants import color_std, draw_hints
from colorize.errors import ConfigError, PhotoError, WeightsError
from colorize.models.modelfile import SHIPPED_MODEL, ModelInfo
from colorize.options import ColorizeOptions
from colorize.photo import Photo

_DEFAULTS = ColorizeOptions()
_LAST_LEVEL = 255
_VERY_UNSURE = 50.0  # ΔE; white in the map of uncertainty
_LONGEST = 4  # the network sees at most this many times `size` on the long side
_LARGEST_ZOOM = 2.0  # and a small photo enlarged by this at most
_STRIP = 1 << 18  # pixels merged at once, in whole rows: fewer cost more calls, more need more memory


class Colorizer:
    """Gives gray photographs color.

    >>> colorizer = Colorizer.load()
    >>> color = colorizer(gray)  # PIL image in, PIL image out

    The lightness of every pixel is that of the original: its L*, to the nearest gray level, is the same. The network
    decides only color. A photo that has color already gets new one. Safe to share between threads.
    """

    def __init__(self, engine: Engine, info: ModelInfo | None = None) -> None:
        """For an engine of one's own; `load` is the usual way."""
        self.engine = engine
        self.info = info

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, device: str = "auto", engine: str = "auto") -> Colorizer:
        """The shipped model, or one in a file, on a device: auto, cpu, cuda or mps; by an engine: auto, torch, onnx
        or int8.

        "auto" chooses as `open_engine` tells: on a CPU the exported graph that is beside the model file, if there is
        one. Needs no network. Raises `WeightsError` for a file that is not a model, `ConfigError` for a device or an
        engine that is not there.
        """
        if model is None and not SHIPPED_MODEL.is_file():
            raise WeightsError(f"{SHIPPED_MODEL}: the model that comes with the program is missing; install it again")
        return cls(*open_engine(SHIPPED_MODEL if model is None else Path(model), engine, device))

    @property
    def takes_hints(self) -> bool:
        """Whether the model has learned to obey hints."""
        return self.engine.takes_hints

    @property
    def has_variants(self) -> bool:
        """Whether the model knows other colorings than its first, and where it is unsure."""
        return self.engine.bins is not None

    def __call__(
        self,
        image: Image.Image,
        *,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
        hints: Hints | None = None,
        seed: int | None = None,
    ) -> Image.Image:
        """Color an image of any mode and size from 1×1 up; gives RGB of the same size, the right way up.

        `strength` is a factor on the chroma, 0 (gray) to 2. `size`: the network sees the photo at about size × size
        pixels, its aspect kept. `hints`: colors of some places, `Hint` points in pixels of the upright image, or an
        image of its size that is transparent elsewhere. `seed`: another coloring that the model finds possible, the
        same one each time; where `has_variants` is false, under the network's own noise, if it has any. Raises
        `ConfigError` for values outside their range, and for hints to a model that does not take them.
        """
        original = photo.to_photo(image)
        (colored,) = self.colorize_photos([original], strength=strength, size=size, hints=[hints], seed=seed)
        return colored.image

    def variants(
        self,
        image: Image.Image,
        n: int,
        *,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
        hints: Hints | None = None,
    ) -> list[Image.Image]:
        """`n` other colorings of an image, those of the seeds 1 to `n`. Raises `ConfigError` as a call does."""
        self.check_can(variants=True)
        return [self(image, strength=strength, size=size, hints=hints, seed=seed) for seed in range(1, n + 1)]

    def uncertainty(self, image: Image.Image, *, size: int = _DEFAULTS.size, hints: Hints | None = None) -> Image.Image:
        """Where the model is unsure of the colors: an image of mode L and of the same size, black where it is sure.

        A gray level g means that the colors it finds possible have a standard deviation of g · 50/255 in a* and b*,
        white 50 and more. Raises `ConfigError` for a model without variants.
        """
        self.check_can(hints=[hints], variants=True)
        original = photo.to_photo(image)
        levels = _shrink(original, ColorizeOptions(size=size).size)
        l, given = self._stack([levels], _hint_arrays([hints], [original], [levels]))
        assert self.engine.bins is not None
        probabilities = self.engine.predict_distribution(l, given)[0]
        deviation = color_std(probabilities.astype(np.float64), self.engine.bins)  # (h', w')
        unsure = deviation * (_LAST_LEVEL / _VERY_UNSURE)
        whole = Image.fromarray(unsure.clip(0, _LAST_LEVEL).astype(np.float32))
        seen = (whole.width * levels.shape[1] / l.shape[3], whole.height * levels.shape[0] / l.shape[2])
        # Without the edges that were continued.
        return whole.resize(original.size, Image.Resampling.BILINEAR, box=(0, 0, *seen)).convert("L")

    def colorize_array(
        self, array: NDArray[Any], *, strength: float = _DEFAULTS.strength, size: int = _DEFAULTS.size
    ) -> NDArray[np.uint8]:
        """The same for an array (H, W) or (H, W, 3): uint8 in [0, 255], or floats in [0, 1]. Gives uint8 (H, W, 3).

        Raises `ConfigError` for other shapes, types or values.
        """
        original = Photo(Image.fromarray(_as_bytes(array)))
        (colored,) = self.colorize_photos([original], strength=strength, size=size)
        return np.asarray(colored.image)

    def colorize_photos(
        self,
        photos: Sequence[Photo],
        *,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
        hints: Sequence[Hints | None] | None = None,
        seed: int | None = None,
    ) -> list[Photo]:
        """The same for photos as `photo.open` gives them: with their 16 bit, and with what travels along.

        `hints` are one for each photo. Those photos that the network sees in the same shape go through it together.
        Raises `MemoryError` if they are too much.
        """
        options = ColorizeOptions(strength=strength, size=size)
        hints = [None] * len(photos) if hints is None else hints
        self.check_can(hints=hints)
        small_levels = [_shrink(each, options.size) for each in photos]
        small_ab = self._predict(small_levels, _hint_arrays(hints, photos, small_levels), seed)
        return [
            each.with_colors(_paint(each, small, ab * np.float32(options.strength)))
            for each, small, ab in zip(photos, small_levels, small_ab, strict=True)
        ]

    def colorize_file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
        hints: Hints | None = None,
        seed: int | None = None,
    ) -> Path:
        """Color the photo at `source` into `target`, in the format of the target's suffix, and give its path.

        `hints` and `seed` are those of a call; of a file of several pages, the hints are the first one's. Alpha, EXIF
        and resolution go along where the format holds them. The target is written whole or not at all, and replaced if
        it exists. Raises `PhotoError` if the source is not a photo or the target cannot be written, `ConfigError` as a
        call does.
        """
        options = ColorizeOptions(strength=strength, size=size)
        target = Path(target)
        photo.writer(target)  # a wrong suffix is told before the work
        self.check_can(hints=[hints])
        photo.save(self._colored_pages(source, options, hints, seed), target)
        return target

    def _colored_pages(
        self, source: str | os.PathLike[str], options: ColorizeOptions, hints: Hints | None, seed: int | None
    ) -> Iterator[Photo]:
        strength, size = options.strength, options.size
        for page in photo.pages(source):
            try:
                (colored,) = self.colorize_photos([page], strength=strength, size=size, hints=[hints], seed=seed)
                hints = None
            except MemoryError as error:
                width, height = page.size
                raise PhotoError(
                    f"{source}: not enough memory to color {width}×{height} px at size {options.size}; "
                    "a smaller size needs less"
                ) from error
            yield colored

    def check_can(self, hints: Sequence[Hints | None] = (), variants: bool = False) -> None:
        """Raise `ConfigError` if the model cannot do what is asked for."""
        if any(each is not None for each in hints) and not self.takes_hints:
            raise ConfigError("this model has not learned hints")
        if variants and not self.has_variants:
            raise ConfigError(
                "this model knows one coloring only: it has no variants and cannot tell where it is unsure"
            )

    def _predict(
        self,
        small_levels: Sequence[NDArray[np.uint8]],
        hints: Sequence[FloatArray | None] | None = None,
        seed: int | None = None,
    ) -> list[FloatArray]:
        """`ab` (2, h, w) for each of the gray levels (h, w) and its hints (3, h, w)."""
        hints = [None] * len(small_levels) if hints is None else hints
        alike: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, levels in enumerate(small_levels):
            alike[self._padded(levels.shape)].append(index)
        results: dict[int, FloatArray] = {}
        for indices in alike.values():
            l, given = self._stack([small_levels[index] for index in indices], [hints[index] for index in indices])
            predicted = self._answer(l, given, seed)
            for index, ab, photo_l in zip(indices, predicted, l[:, 0], strict=True):
                height, width = small_levels[index].shape
                ab = ab[:, :height, :width]
                wanted = hints[index]
                results[index] = ab if wanted is None else enforce_hints(ab, wanted, photo_l[:height, :width])
        return [results[index] for index in range(len(small_levels))]

    def _answer(self, l: FloatArray, hints: FloatArray | None, seed: int | None) -> FloatArray:
        """What the engine predicts; under a seed, with hints drawn from what it finds possible."""
        if seed is None or not self.has_variants:
            return self.engine.predict(l, hints, seed)
        given = [None] * len(l) if hints is None else list(hints)
        drawn = [draw_hints(self.engine, each, mine, seed) for each, mine in zip(l[:, 0], given, strict=True)]
        return self.engine.predict(l, np.stack(drawn))

    def _padded(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape with both sides up to the engine's stride."""
        return tuple(side + -side % self.engine.stride for side in shape)

    def _stack(
        self, small_levels: Sequence[NDArray[np.uint8]], hints: Sequence[FloatArray | None]
    ) -> tuple[FloatArray, FloatArray | None]:
        """`l` (B, 1, h', w') and `hints` (B, 3, h', w'), if there are any, of photos whose padded shapes are alike.

        Edges are continued, without hints.
        """
        shape = self._padded(small_levels[0].shape)
        beyond = [[(0, whole - side) for side, whole in zip(each.shape, shape, strict=True)] for each in small_levels]
        padded = [np.pad(each, edges, mode="edge") for each, edges in zip(small_levels, beyond, strict=True)]
        l = levels_to_l(np.stack(padded))[:, None]
        if all(each is None for each in hints):
            return l, None
        given = np.zeros((len(l), 3, *shape), np.float32)
        for array, each in zip(given, hints, strict=True):
            if each is not None:
                array[:, : each.shape[1], : each.shape[2]] = each
        return l, given


class HintedColorizer:
    """A `Colorizer` for one photo of which some colors are known, as `pipeline.run` takes it."""

    def __init__(self, colorizer: Colorizer, hints: Hints) -> None:
        """Raises `ConfigError` if the model has not learned hints."""
        colorizer.check_can(hints=[hints])
        self._colorizer, self._hints = colorizer, hints

    def colorize_photos(
        self, photos: Sequence[Photo], *, strength: float, size: int, seed: int | None = None
    ) -> list[Photo]:
        """As `Colorizer.colorize_photos`. Raises `ConfigError` for a page of several: which one is meant?"""
        for each in photos:
            if each.more_pages:
                raise ConfigError(f"hints belong to a single photo, this file has {each.pages} pages")
        hints = [self._hints] * len(photos)
        return self._colorizer.colorize_photos(photos, strength=strength, size=size, hints=hints, seed=seed)


def _hint_arrays(
    hints: Sequence[Hints | None], photos: Sequence[Photo], small_levels: Sequence[NDArray[np.uint8]]
) -> list[FloatArray | None]:
    """Each photo's hints (3, h, w) as the network takes them."""
    return [
        None if given is None else hint_array(given, each.size, levels.shape)
        for given, each, levels in zip(hints, photos, small_levels, strict=True)
    ]


def _shrink(page: Photo, size: int) -> NDArray[np.uint8]:
    """Gray levels (h, w) with h · w ≈ size² in the photo's aspect, as the network sees it."""
    width, height = page.size
    scale = min(size / math.sqrt(width * height), _LONGEST * size / max(width, height), _LARGEST_ZOOM)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = page.image.resize(small, Image.Resampling.BILINEAR, reducing_gap=3.0)
    return to_8_bit(to_levels(np.asarray(resized)))


def _paint(page: Photo, small_levels: NDArray[np.uint8], ab: FloatArray) -> Image.Image | NDArray[np.uint16]:
    """A page's pixels in color, of 8 or 16 bit as they are, from small `ab` (2, h, w)."""
    width, height = page.size
    if not isinstance(page.pixels, Image.Image):
        deep = np.empty((height, width, 3), np.uint16)
        for top, rgbx in _strips(page, small_levels, ab):
            deep[top : top + len(rgbx)] = rgbx[..., :3]
        return deep
    image = Image.new("RGB", page.size, None)  # not black first
    for top, rgbx in _strips(page, small_levels, ab):
        # Four bytes a pixel is how Pillow itself keeps RGB: they are copied as they are.
        image.paste(Image.frombytes("RGB", (width, len(rgbx)), rgbx, "raw", "RGBX"), (0, top))
    return image


def _strips(page: Photo, small_levels: NDArray[np.uint8], ab: FloatArray) -> Iterator[tuple[int, Levels]]:
    """The colored page from top to bottom: a row's number, and (n, W, 4) from there."""
    width, height = page.size
    merger = Merger(ab)
    upsampler = Upsampler(steps_of(ab), np.divide(small_levels, _LAST_LEVEL, dtype=np.float32), height, width)
    for place, pixels in photo.strips(page.pixels, max(1, _STRIP // width)):
        levels = to_levels(pixels)
        yield place.start, merger.merge(levels, upsampler.rows(levels, place.start))


def _as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 (H, W) or (H, W, 3) of what `colorize_array` takes."""
    expected = (
        f"expected an array (H, W) or (H, W, 3) of uint8 or of floats in [0, 1], got {array.shape} of {array.dtype}"
    )
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] != 3):
        raise ConfigError(expected)
    if np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):  # also wrong for NaN
            raise ConfigError(f"{expected} with values from {array.min():g} to {array.max():g}")
        array = np.rint(array * _LAST_LEVEL)
    elif array.dtype != np.uint8:
        raise ConfigError(expected)
    return np.ascontiguousarray(array, dtype=np.uint8)
