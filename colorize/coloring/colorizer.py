"""`Colorizer`: one photo in, one color photo out, in the form in which it came."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize import photo
from colorize.color.lightness import levels_to_l
from colorize.color.units import LAST_LEVEL
from colorize.coloring.album import Album
from colorize.coloring.conditions import NO_CONDITIONS, Conditions, References
from colorize.coloring.engine import Engine
from colorize.coloring.engine.choice import open_engine
from colorize.coloring.hints import Hints
from colorize.coloring.inputs import FileLike, Input, PhotoLike, TensorT, take, take_one, take_path, take_several
from colorize.coloring.looks import develop
from colorize.coloring.painting import paint
from colorize.coloring.prediction import FeatureMemory, View, predict, stack, view
from colorize.coloring.reference import Match, Reference, match, read_reference
from colorize.coloring.regions import Region
from colorize.coloring.result import Colored
from colorize.coloring.variants import color_std
from colorize.errors import ColorizeError, ConfigError, PhotoError, WeightsError
from colorize.models.modelfile import SHIPPED_MODEL, ModelInfo
from colorize.options import VARIANTS_RANGE, ColorizeOptions, check_whole
from colorize.photo import Photo

_DEFAULTS = ColorizeOptions()
_KEPT_REFERENCES = 8  # prepared ones: a folder is colored like the same few
_VERY_UNSURE = 50.0  # ΔE; white in the map of uncertainty


class Colorizer:
    """Gives gray photographs color.

    >>> colorizer = Colorizer.load()
    >>> color = colorizer(gray)  # PIL image in, PIL image out

    The lightness of every pixel is that of the original: its L*, to the nearest gray level, is the same. The network
    decides only color. A photo that has color already gets new colors. Safe to share between threads. One that was
    loaded can be pickled: the other process loads it again.
    """

    def __init__(self, engine: Engine, info: ModelInfo | None = None) -> None:
        """Wrap an engine of one's own; `load` is the usual way.

        Args:
            engine: what runs the network.
            info: what its model file says of itself.
        """
        self.engine = engine
        self.info = info
        self._loaded: tuple[str | None, str, str] | None = None  # as of `load`
        # The last ones used, by the image's id, the newest at the end; each is gone with its image.
        self._references: dict[int, tuple[weakref.ref[Image.Image], Reference]] = {}
        self._features = FeatureMemory()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, device: str = "auto", engine: str = "auto") -> Colorizer:
        """Load a model. Needs no network.

        Args:
            model: a model file; None is the model that comes with the program.
            device: auto, cpu, cuda, cuda:1 and so on, or mps.
            engine: auto, torch or onnx. "auto" is the exported graph beside the model file on a CPU, if there is
                one, and otherwise torch.

        Returns:
            The colorizer.

        Raises:
            WeightsError: the file is not a model.
            ConfigError: the device or the engine is not there, or the model is no path.
        """
        if model is None and not SHIPPED_MODEL.is_file():
            raise WeightsError(f"{SHIPPED_MODEL}: the model that comes with the program is missing; install it again")
        file = SHIPPED_MODEL if model is None else take_path("model", model)
        loaded = cls(*open_engine(file, engine, device))
        loaded._loaded = (None if model is None else os.path.abspath(model), device, engine)
        return loaded

    def __reduce__(self) -> tuple[Callable[..., Colorizer], tuple[object, ...]]:
        """Pickled as what `load` was told, or else with its engine."""
        return (type(self), (self.engine, self.info)) if self._loaded is None else (type(self).load, self._loaded)

    @property
    def model(self) -> Path | None:
        """The model file, of one that was loaded."""
        return None if self._loaded is None else Path(self._loaded[0] or SHIPPED_MODEL)

    @property
    def takes_hints(self) -> bool:
        """Whether the model has learned to obey hints."""
        return "hints" in self.engine.takes

    @property
    def has_variants(self) -> bool:
        """Whether the model knows other colorings than its first, and where it is unsure."""
        return self.engine.bins is not None

    @overload
    def __call__(
        self,
        image: Image.Image | FileLike,
        *,
        strength: float = ...,
        size: int = ...,
        hints: Hints | None = ...,
        reference: References | None = ...,
        seed: int | None = ...,
        look: str | None = ...,
        regions: Sequence[Region] = ...,
    ) -> Image.Image: ...
    @overload
    def __call__(
        self,
        image: NDArray[Any],
        *,
        strength: float = ...,
        size: int = ...,
        hints: Hints | None = ...,
        reference: References | None = ...,
        seed: int | None = ...,
        look: str | None = ...,
        regions: Sequence[Region] = ...,
    ) -> NDArray[Any]: ...
    @overload
    def __call__(
        self,
        image: TensorT,
        *,
        strength: float = ...,
        size: int = ...,
        hints: Hints | None = ...,
        reference: References | None = ...,
        seed: int | None = ...,
        look: str | None = ...,
        regions: Sequence[Region] = ...,
    ) -> TensorT: ...
    def __call__(
        self,
        image: Any,
        *,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
        hints: Hints | None = None,
        reference: References | None = None,
        seed: int | None = None,
        look: str | None = _DEFAULTS.look,
        regions: Sequence[Region] = (),
    ) -> Any:
        """Color a photo, and give it back in the form in which it came.

        ======================================================  =============================================
        photo                                                   result
        ======================================================  =============================================
        PIL image of any mode                                   PIL image: RGB, or RGBA if it has an alpha
        path, bytes or binary file of a photo                   the same
        array (H, W), (H, W, 1), (H, W, 3)                      array (H, W, 3) of the same type
        array (H, W, 4)                                         array (H, W, 4) of the same type
        tensor (B, 1, H, W), (B, 3, H, W)                       tensor (B, 3, H, W), same type and device
        ======================================================  =============================================

        Arrays and tensors are sRGB: uint8, uint16, or floats in [0, 1]. The result is the caller's, to write into.

        Kept are every pixel, its lightness and its alpha. A PIL image comes in 8 bit, as PIL has no more in color; of
        a file with several pages or frames, the first. What PIL keeps beside the pixels (EXIF, XMP, resolution, texts)
        is left behind; the embedded profile and the EXIF orientation are applied. `colorize_file` keeps all that.

        Args:
            image: the photo, of any size from 1×1 px up.
            strength: factor on the chroma, 0 (gray) to 2.
            size: the network sees the photo at about size × size pixels, its aspect kept; 32 to 2048.
            hints: colors of some places: `Hint` points in pixels of the upright image, or an image of its size that is
                transparent elsewhere.
            reference: photos in color. What looks like something in them takes its color; hints come before that. Of an
                `Album`, the photo that is most alike.
            seed: another coloring that the model finds possible, the same one each time; where `has_variants` is false,
                under the network's own noise, if it has any.
            look: colors as a photographer would develop them: kodachrome, autochrome, hand-tinted or muted.
            regions: outlined parts of the photo, and their color or how much of it.

        Returns:
            The photo in color, of the same size. An image that its EXIF orientation turns by a quarter comes upright:
            its width and height are swapped.

        Raises:
            ConfigError: it is no photo in one of these forms, a value is outside its range, a reference is gray or
                smaller than 32 px, or the model has not learned what is asked for.
            PhotoError: it is a file that is no photo or is damaged.
        """
        options = ColorizeOptions(strength=strength, look=look, size=size)
        conditions = Conditions(hints, reference, seed, regions)
        given = take(image)
        return given.like(self.color(given.photos, options, [conditions] * len(given.photos)))

    def map(
        self,
        images: Iterable[PhotoLike],
        *,
        batch_size: int = 4,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
    ) -> Iterator[Colored]:
        """Color many photos, lazily and in order. One that fails does not stop the others.

        Args:
            images: each as of a call. So many are taken at a time as `batch_size` says.
            batch_size: how many are held at once; those that the network sees in one shape go through it together.
            strength: as of a call.
            size: as of a call.

        Returns:
            For each photo its result, or its error.

        Raises:
            ConfigError: a value is outside its range, or the images are not several.
        """
        check_whole("batch_size", batch_size, (1, 1024))
        return self._map(take_several(images), int(batch_size), ColorizeOptions(strength=strength, size=size))

    def _map(self, images: Iterator[PhotoLike], batch_size: int, options: ColorizeOptions) -> Iterator[Colored]:
        while batch := list(islice(images, batch_size)):
            taken = [_taken(image) for image in batch]
            given = [each for each in taken if isinstance(each, Input)]
            try:
                results = iter(self.color([page for each in given for page in each.photos], options))
            except (ColorizeError, MemoryError):
                results = None  # each by itself then
            for image, each in zip(batch, taken, strict=True):
                if not isinstance(each, Input):
                    yield Colored(image, error=each)
                    continue
                try:
                    colored = (
                        self.color(each.photos, options) if results is None else list(islice(results, len(each.photos)))
                    )
                except ColorizeError as error:
                    yield Colored(image, error=error)
                except MemoryError:
                    width, height = each.photos[0].size
                    yield Colored(image, error=PhotoError(f"not enough memory to color {width}×{height} px"))
                else:
                    yield Colored(image, each.like(colored), photos=(each.photos[0], colored[0]))

    @overload
    def variants(
        self,
        image: Image.Image | FileLike,
        n: int,
        *,
        strength: float = ...,
        size: int = ...,
        hints: Hints | None = ...,
    ) -> list[Image.Image]: ...
    @overload
    def variants(
        self, image: NDArray[Any], n: int, *, strength: float = ..., size: int = ..., hints: Hints | None = ...
    ) -> list[NDArray[Any]]: ...
    @overload
    def variants(
        self, image: TensorT, n: int, *, strength: float = ..., size: int = ..., hints: Hints | None = ...
    ) -> list[TensorT]: ...
    def variants(
        self,
        image: Any,
        n: int,
        *,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
        hints: Hints | None = None,
    ) -> list[Any]:
        """Color a photo in other ways.

        Args:
            image: as of a call.
            n: how many ways, 0 to 99.
            strength: as of a call.
            size: as of a call.
            hints: as of a call.

        Returns:
            The results of a call with the seeds 1 to `n`.

        Raises:
            ConfigError: as a call, and for a model without variants.
        """
        check_whole("n", n, VARIANTS_RANGE)
        self.check_can(variants=True)
        return [self(image, strength=strength, size=size, hints=hints, seed=seed) for seed in range(1, n + 1)]

    def uncertainty(self, image: PhotoLike, *, size: int = _DEFAULTS.size, hints: Hints | None = None) -> Image.Image:
        """Tell where the model is unsure of the colors.

        Args:
            image: as of a call, but one photo.
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
        original = take_one(image)
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
        reference: References | None = None,
        seed: int | None = None,
        look: str | None = _DEFAULTS.look,
        regions: Sequence[Region] = (),
        quality: int | None = None,
        format: str | None = None,  # noqa: A002  # as everywhere else
    ) -> Path:
        """Color a photo file. Alpha, EXIF and resolution go along where the format holds them.

        Args:
            source: any photo file.
            target: the result, in the format of its suffix, written whole or not at all; replaced if it exists.
            strength: as of a call.
            size: as of a call.
            hints: as of a call; of a file of several pages, they are the first one's.
            reference: as of a call.
            seed: as of a call.
            look: as of a call.
            regions: as of a call; of a file of several pages, they are the first one's.
            quality: of JPEG, WebP and AVIF, 1 to 100; None for the format's default.
            format: of the target, whatever it is called, such as "jpg"; None for what its suffix says.

        Returns:
            The target's path.

        Raises:
            PhotoError: the source is not a photo, or the target cannot be written.
            ConfigError: as a call.
        """
        options = ColorizeOptions(strength=strength, look=look, size=size, format=format, quality=quality)
        conditions = Conditions(hints, reference, seed, regions)
        source, target = take_path("source", source), take_path("target", target)
        if options.format is None:
            photo.writer(target)  # a wrong suffix is refused before the work
        self.check_can([conditions])
        colored = self.color_pages(photo.pages(source), options, conditions, name=str(source))
        photo.save(colored, target, options.quality, file_format=options.format)
        return target

    def color(
        self, photos: Sequence[Photo], options: ColorizeOptions = _DEFAULTS, conditions: Sequence[Conditions] = ()
    ) -> list[Photo]:
        """Color photos. Those that the network sees in the same shape go through it together.

        Args:
            photos: any.
            options: of which strength, look, shadows, lights, size and keep_colors matter here.
            conditions: one for each photo, or none at all.

        Returns:
            The photos in color, in their order.

        Raises:
            ConfigError: the model has not learned what is asked for, a hint is outside its photo, or a reference is
                gray or smaller than 32 px.
            MemoryError: the photos are too much.
        """
        conditions = conditions or [NO_CONDITIONS] * len(photos)
        self.check_can(conditions)
        views = [self._view(each, options, asked) for each, asked in zip(photos, conditions, strict=True)]
        return [
            paint(each, seen.levels, develop(ab, levels_to_l(seen.levels), options))
            for each, seen, ab in zip(photos, views, predict(self.engine, views, self._features), strict=True)
        ]

    def color_pages(
        self, pages: Iterable[Photo], options: ColorizeOptions, conditions: Conditions = NO_CONDITIONS, *, name: str
    ) -> Iterator[Photo]:
        """Color the pages of a file, one at a time, as `photo.pages` gives them and `photo.save` takes them.

        Args:
            pages: of one file.
            options: as of `color`.
            conditions: of which hints, regions and the match are the first page's.
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
            conditions = replace(conditions, hints=None, regions=(), match=None)
            yield colored

    def match(self, image: Image.Image, reference: References) -> Match:
        """Look for what an image shows in reference photos.

        Args:
            image: as of a call.
            reference: as of a call.

        Returns:
            What was found, and how sure it is, on a coarse grid.

        Raises:
            ConfigError: as a call.
        """
        conditions = Conditions(reference=reference)
        self.check_can([conditions])
        upright = photo.to_photo(image).image
        return match(self.engine, upright, self._references_for(upright, conditions))

    def _view(self, original: Photo, options: ColorizeOptions, conditions: Conditions) -> View:
        seen = view(original, options.size, conditions, keep_colors=options.keep_colors)
        if "reference" not in conditions.kinds:
            return seen
        if conditions.match is not None:
            return seen._replace(match=conditions.match)
        references = self._references_for(original.image, conditions)
        return seen._replace(match=match(self.engine, original.image, references))

    def _references_for(self, image: Image.Image, conditions: Conditions) -> list[Reference]:
        if isinstance(conditions.reference, Album):
            return [conditions.reference.most_alike(self.engine, image)[1]]
        return [self.prepare(each) for each in conditions.references]

    def prepare(self, image: Image.Image) -> Reference:
        """Look at a reference photo. What is found is kept as long as `image` is; a call does this by itself.

        Args:
            image: the photo in color.

        Returns:
            What photos are compared with.

        Raises:
            ConfigError: it is gray, or smaller than 32 px.
        """
        references, key = self._references, id(image)
        known, prepared = references.get(key, (None, None))
        if known is not None and prepared is not None and known() is image:
            return prepared
        prepared = read_reference(self.engine, image)
        with self._lock:
            references[key] = (weakref.ref(image, lambda _: references.pop(key, None)), prepared)
            for oldest in list(references)[:-_KEPT_REFERENCES]:
                references.pop(oldest, None)
        return prepared

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
                raise ConfigError(_CANNOT[kind])
        if variants and not self.has_variants:
            raise ConfigError("this model knows one coloring only: no variants, and no map of where it is unsure")


_CANNOT = {  # for `Conditions.kinds`
    "hints": "this model has not learned hints",
    "reference": "this model cannot follow a reference photo: it has no encoder, or no distribution of colors",
}


def _taken(image: PhotoLike) -> Input | ColorizeError:
    try:
        return take(image)
    except ColorizeError as error:
        return error
