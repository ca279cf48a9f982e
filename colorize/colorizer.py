"""`Colorizer`: one photo in, one colour photo out. PIL images, arrays and files are three ways into one call."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from colorize import photo
from colorize.color import merge, rgb_to_lab
from colorize.engine import Engine, TorchEngine, memory_errors, resolve_device
from colorize.errors import ConfigError, PhotoError, WeightsError
from colorize.models.weights import ModelInfo, load_generator
from colorize.options import ColorizeOptions
from colorize.upsample import Upsampler

SHIPPED_MODEL = Path(__file__).parent / "weights" / "colorize.safetensors"

_DEFAULTS = ColorizeOptions()
_LAST_LEVEL = 255
_LONGEST = 4  # the network sees at most this many times `size` on the long side
_LARGEST_ZOOM = 2.0  # and a small photo enlarged by this at most
_STRIP = 64  # rows merged at once: the temporaries of a 12-megapixel photo stay small


class Colorizer:
    """Gives grey photographs colour.

    >>> colorizer = Colorizer.load()
    >>> colour = colorizer(grey)  # PIL image in, PIL image out

    The lightness of every pixel is that of the original, within 1 L*: the network decides only colour. A photo that has
    colour already gets new one. Safe to share between threads.
    """

    def __init__(self, engine: Engine, info: ModelInfo | None = None) -> None:
        """For an engine of one's own; `load` is the usual way."""
        self.engine = engine
        self.info = info

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, device: str = "auto") -> Colorizer:
        """The shipped model, or one in a file, on a device: auto, cpu, cuda or mps.

        Needs no network. Raises `WeightsError` for a file that is not a model, `ConfigError` for a device that is not
        there.
        """
        place = resolve_device(device)
        if model is None and not SHIPPED_MODEL.is_file():
            raise WeightsError(f"{SHIPPED_MODEL}: the model that comes with the program is missing; install it again")
        generator, info = load_generator(SHIPPED_MODEL if model is None else model)
        return cls(TorchEngine(generator, place), info)

    def __call__(
        self, image: Image.Image, *, strength: float = _DEFAULTS.strength, size: int = _DEFAULTS.size
    ) -> Image.Image:
        """Colour an image of any mode and size from 1×1 up; gives RGB of the same size, the right way up.

        `strength` is a factor on the chroma, 0 (grey) to 2. `size`: the network sees the photo at about size × size
        pixels, its aspect kept. Raises `ConfigError` for values outside their range.
        """
        options = ColorizeOptions(strength=strength, size=size)
        rgb = np.asarray(photo.to_photo(image).image.convert("RGB"))  # (H, W, 3)
        return Image.fromarray(self._colorize(rgb, options))

    def colorize_array(
        self, array: NDArray[Any], *, strength: float = _DEFAULTS.strength, size: int = _DEFAULTS.size
    ) -> NDArray[np.uint8]:
        """The same for an array (H, W) or (H, W, 3): uint8 in [0, 255], or floats in [0, 1]. Gives uint8 (H, W, 3).

        Raises `ConfigError` for other shapes, types or values.
        """
        options = ColorizeOptions(strength=strength, size=size)
        return self._colorize(_as_rgb_bytes(array), options)

    def colorize_file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
    ) -> Path:
        """Colour the photo at `source` into `target`, in the format of the target's suffix, and give its path.

        Alpha, EXIF and resolution go along where the format holds them. The target is written whole or not at all, and
        replaced if it exists. Raises `PhotoError` if the source is not a photo or the target cannot be written.
        """
        options = ColorizeOptions(strength=strength, size=size)
        target = Path(target)
        photo.writer(target)  # a wrong suffix is told before the work
        photo.save(self._coloured_pages(source, options), target)
        return target

    def _coloured_pages(self, source: str | os.PathLike[str], options: ColorizeOptions) -> Iterator[photo.Photo]:
        for page in photo.pages(source):
            try:
                yield page.with_levels(self._colorize(np.asarray(page.image.convert("RGB")), options))
            except MemoryError as error:
                width, height = page.size
                raise PhotoError(
                    f"{source}: not enough memory to colour {width}×{height} px at size {options.size}; "
                    "a smaller size needs less"
                ) from error

    def _colorize(self, rgb: NDArray[np.uint8], options: ColorizeOptions) -> NDArray[np.uint8]:
        """uint8 (H, W, 3) in and out. Raises `MemoryError`."""
        height, width = rgb.shape[:2]
        small_l = _shrink(rgb, options.size)  # (1, 1, h, w)
        small_ab = self._predict(small_l) * options.strength  # (1, 2, h, w)
        result = np.empty_like(rgb)
        with memory_errors(), torch.inference_mode():
            upsampler = Upsampler(small_ab, small_l, height, width)
            for top in range(0, height, _STRIP):
                l = _lightness(rgb[top : top + _STRIP])  # (1, 1, n, W)
                colour = merge(l, upsampler.rows(l, top))  # (1, 3, n, W)
                levels = colour[0].permute(1, 2, 0).mul(_LAST_LEVEL).round_().to(torch.uint8)
                result[top : top + _STRIP] = levels.numpy()
        return result

    def _predict(self, l: Tensor) -> Tensor:
        """`ab` (1, 2, h, w) for `l` (1, 1, h, w) of any size: edges are continued up to the engine's stride."""
        height, width = l.shape[2:]
        padding = (0, -width % self.engine.stride, 0, -height % self.engine.stride)
        padded = F.pad(l, padding, mode="replicate")
        ab = torch.from_numpy(self.engine.predict(padded.numpy()))
        return ab[:, :, :height, :width]


def _shrink(rgb: NDArray[np.uint8], size: int) -> Tensor:
    """`l` (1, 1, h, w) with h · w ≈ size² in the photo's aspect, as the network sees it."""
    height, width = rgb.shape[:2]
    scale = min(size / math.sqrt(width * height), _LONGEST * size / max(width, height), _LARGEST_ZOOM)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = Image.fromarray(rgb).resize(small, Image.Resampling.BILINEAR, reducing_gap=3.0)
    return _lightness(np.asarray(resized))


def _lightness(rgb: NDArray[np.uint8]) -> Tensor:
    """`l` (1, 1, H, W) of uint8 (H, W, 3)."""
    if (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all():
        return _grey_levels()[torch.from_numpy(rgb[..., 0].astype(np.int64))][None, None]
    levels = torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None]  # (1, 3, H, W)
    l, _ = rgb_to_lab(levels / _LAST_LEVEL)
    return l


@cache
def _grey_levels() -> Tensor:
    """`l` of the 256 greys (256,): most photos here are grey, and looking up is fast."""
    greys = torch.arange(_LAST_LEVEL + 1) / _LAST_LEVEL
    return rgb_to_lab(greys.expand(1, 3, 1, -1))[0].flatten().clone()


def _as_rgb_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) of what `colorize_array` takes."""
    told = f"expected an array (H, W) or (H, W, 3) of uint8 or of floats in [0, 1], got {array.shape} of {array.dtype}"
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] != 3):
        raise ConfigError(told)
    if np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):  # also wrong for NaN
            raise ConfigError(f"{told} with values from {array.min():g} to {array.max():g}")
        array = np.rint(array * _LAST_LEVEL)
    elif array.dtype != np.uint8:
        raise ConfigError(told)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    return np.ascontiguousarray(array, dtype=np.uint8)
