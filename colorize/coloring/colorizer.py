"""`Colorizer`: one photo in, one color photo out. PIL images, arrays and files are three ways into one call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize import photo
from colorize.color.units import LAST_LEVEL
from colorize.coloring.conditions import NO_CONDITIONS, Conditions
from colorize.coloring.engine import Engine
from colorize.coloring.engine.choice import open_engine
from colorize.coloring.hints import Hints
from colorize.coloring.painting import paint
from colorize.coloring.prediction import predict, stack, view
from colorize.coloring.variants import color_std
from colorize.errors import ConfigError, PhotoError, WeightsError
from colorize.models.modelfile import SHIPPED_MODEL, ModelInfo
from colorize.options import ColorizeOptions
from colorize.photo import Photo

_DEFAULTS = ColorizeOptions()
_VERY_UNSURE = 50.0  # ΔE; white in the map of uncertainty


class Colorizer:
    """Gives gray photographs color.

    >>> colorizer = Colorizer.load()
    >>> color = colorizer(gray)  # PIL image in, PIL image out

    The lightness of every pixel is that of the original: its L*, to the nearest gray level, is the same. The network
    decides only color. A photo that has color already gets new colors. Safe to share between threads.
    """

    def __init__(self, engine: Engine, info: ModelInfo | None = None) -> None:
        """Wrap an engine of one's own; `load` is the usual way.

        Args:
            engine: what runs the network.
            info: what its model file says of itself.
        """
        self.engine = engine
        self.info = info

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, device: str = "auto", engine: str = "auto") -> Colorizer:
        """Load a model. Needs no network.

        Args:
            model: a model file; None is the model that comes with the program.
            device: auto, cpu, cuda or mps.
            engine: auto, torch or onnx. "auto" is the exported graph beside the model file on a CPU, if there is
                one, and otherwise torch.

        Returns:
            The colorizer.

        Raises:
            WeightsError: the file is not a model.
            ConfigError: the device or the engine is not there.
        """
        if model is None and not SHIPPED_MODEL.is_file():
            raise WeightsError(f"{SHIPPED_MODEL}: the model that comes with the program is missing; install it again")
        return cls(*open_engine(SHIPPED_MODEL if model is None else Path(model), engine, device))

    @property
    def takes_hints(self) -> bool:
        """Whether the model has learned to obey hints."""
        return "hints" in self.engine.takes

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
        """Color an image.

        Args:
            image: of any mode and size from 1×1 up.
            strength: factor on the chroma, 0 (gray) to 2.
            size: the network sees the photo at about size × size pixels, its aspect kept; 32 to 2048.
            hints: colors of some places: `Hint` points in pixels of the upright image, or an image of its size that is
                transparent elsewhere.
            seed: another coloring that the model finds possible, the same one each time; where `has_variants` is false,
                under the network's own noise, if it has any.

        Returns:
            RGB of the same size, the right way up.

        Raises:
            ConfigError: a value is outside its range, or the model has not learned what is asked for.
        """
        options, conditions = ColorizeOptions(strength=strength, size=size), Conditions(hints, seed=seed)
        (colored,) = self.color([photo.to_photo(image)], options, [conditions])
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
        """Color an image in other ways.

        Args:
            image: as of a call.
            n: how many ways.
            strength: as of a call.
            size: as of a call.
            hints: as of a call.

        Returns:
            The results of a call with the seeds 1 to `n`.

        Raises:
            ConfigError: as a call, and for a model without variants.
        """
        self.check_can(variants=True)
        return [self(image, strength=strength, size=size, hints=hints, seed=seed) for seed in range(1, n + 1)]

    def uncertainty(self, image: Image.Image, *, size: int = _DEFAULTS.size, hints: Hints | None = None) -> Image.Image:
        """Tell where the model is unsure of the colors.

        Args:
            image: as of a call.
            size: as of a call.
            hints: as of a call.

        Returns:
            An image of mode L and of the same size, black where the model is sure. A gray level g means that the
            colors it finds possible have a standard deviation of g · 50/255 in a* and b*, white 50 and more.

        Raises:
            ConfigError: as a call, and for a model without variants.
        """
        conditions = Conditions(hints)
        self.check_can([conditions], variants=True)
        original = photo.to_photo(image)
        seen = view(original, ColorizeOptions(size=size).size, conditions)
        l, stacked = stack([seen], self.engine.stride)
        assert self.engine.bins is not None
        probabilities = self.engine.predict_distribution(l, stacked)[0]
        deviation = color_std(probabilities.astype(np.float64), self.engine.bins)  # (h', w')
        unsure = deviation * (LAST_LEVEL / _VERY_UNSURE)
        whole = Image.fromarray(unsure.clip(0, LAST_LEVEL).astype(np.float32))
        height, width = (
            side * shown / padded
            for side, shown, padded in zip(unsure.shape, seen.levels.shape, l.shape[2:], strict=True)
        )
        # Without the edges that were continued.
        return whole.resize(original.size, Image.Resampling.BILINEAR, box=(0, 0, width, height)).convert("L")

    def colorize_array(
        self, array: NDArray[Any], *, strength: float = _DEFAULTS.strength, size: int = _DEFAULTS.size
    ) -> NDArray[np.uint8]:
        """Color an array.

        Args:
            array: (H, W) or (H, W, 3): uint8 in [0, 255], or floats in [0, 1].
            strength: as of a call.
            size: as of a call.

        Returns:
            uint8 (H, W, 3), sRGB.

        Raises:
            ConfigError: as a call, and for other shapes, types or values.
        """
        original = Photo(Image.fromarray(_as_bytes(array)))
        (colored,) = self.color([original], ColorizeOptions(strength=strength, size=size))
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
        """Color photos as `photo.open` gives them: with their 16 bit, and with what travels along.

        Args:
            photos: any.
            strength: as of a call.
            size: as of a call.
            hints: as of a call, one for each photo.
            seed: as of a call.

        Returns:
            The photos in color, in their order.

        Raises:
            ConfigError: as a call.
            MemoryError: the photos are too much.
        """
        conditions = [Conditions(each, seed=seed) for each in hints or [None] * len(photos)]
        return self.color(photos, ColorizeOptions(strength=strength, size=size), conditions)

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
        """Color a photo file. Alpha, EXIF and resolution go along where the format holds them.

        Args:
            source: any photo file.
            target: the result, in the format of its suffix, written whole or not at all; replaced if it exists.
            strength: as of a call.
            size: as of a call.
            hints: as of a call; of a file of several pages, they are the first one's.
            seed: as of a call.

        Returns:
            The target's path.

        Raises:
            PhotoError: the source is not a photo, or the target cannot be written.
            ConfigError: as a call.
        """
        options, conditions = ColorizeOptions(strength=strength, size=size), Conditions(hints, seed=seed)
        target = Path(target)
        photo.writer(target)  # a wrong suffix is refused before the work
        self.check_can([conditions])
        photo.save(self.color_pages(photo.pages(source), options, conditions, name=str(source)), target)
        return target

    def color(
        self, photos: Sequence[Photo], options: ColorizeOptions = _DEFAULTS, conditions: Sequence[Conditions] = ()
    ) -> list[Photo]:
        """Color photos. Those that the network sees in the same shape go through it together.

        Args:
            photos: any.
            options: of which strength and size matter here.
            conditions: one for each photo, or none at all.

        Returns:
            The photos in color, in their order.

        Raises:
            ConfigError: the model has not learned what is asked for, or a hint is outside its photo.
            MemoryError: the photos are too much.
        """
        conditions = conditions or [NO_CONDITIONS] * len(photos)
        self.check_can(conditions)
        views = [view(each, options.size, asked) for each, asked in zip(photos, conditions, strict=True)]
        strength = np.float32(options.strength)
        return [
            paint(each, seen.levels, ab * strength)
            for each, seen, ab in zip(photos, views, predict(self.engine, views), strict=True)
        ]

    def color_pages(
        self, pages: Iterable[Photo], options: ColorizeOptions, conditions: Conditions = NO_CONDITIONS, *, name: str
    ) -> Iterator[Photo]:
        """Color the pages of a file, one at a time, as `photo.pages` gives them and `photo.save` takes them.

        Args:
            pages: of one file.
            options: as of `color`.
            conditions: of which hints and reference are the first page's.
            name: of the file, for messages.

        Returns:
            The pages in color.

        Raises:
            PhotoError: there is not enough memory for a page.
            ConfigError: as `color`.
        """
        for page in pages:
            try:
                (colored,) = self.color([page], options, [conditions])
            except MemoryError as error:
                width, height = page.size
                raise PhotoError(
                    f"{name}: not enough memory to color {width}×{height} px at size {options.size}; "
                    "a smaller size needs less"
                ) from error
            conditions = Conditions(seed=conditions.seed)
            yield colored

    def check_can(self, conditions: Iterable[Conditions] = (), *, variants: bool = False) -> None:
        """Check that the model has learned what is asked for.

        Args:
            conditions: what the colors of photos have to obey.
            variants: whether other colorings, or where the model is unsure, are asked for.

        Raises:
            ConfigError: it has not.
        """
        for each in conditions:
            for kind in sorted(each.kinds - self.engine.takes):
                raise ConfigError(f"this model has not learned {_CALLED[kind]}")
        if variants and not self.has_variants:
            raise ConfigError("this model knows one coloring only: no variants, and no map of where it is unsure")


_CALLED = {"hints": "hints", "reference": "to follow a reference photo"}  # what `Conditions.kinds` are called


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
        array = np.rint(array * LAST_LEVEL)
    elif array.dtype != np.uint8:
        raise ConfigError(expected)
    return np.ascontiguousarray(array, dtype=np.uint8)
