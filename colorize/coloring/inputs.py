"""Photos in the forms that Python has them in, and results in the same forms."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol, TypeGuard, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize import photo
from colorize.color.units import LAST_LEVEL_16
from colorize.errors import ConfigError
from colorize.photo import Photo, to_8_bit, to_16_bit

_EXPECTED = (
    "expected a photo: a PIL image, a path, bytes, a binary file, an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) "
    "of uint8, uint16 or floats in [0, 1], or a tensor (B, 1 or 3, H, W) of the same"
)


class TensorLike(Protocol):
    """A tensor of torch, which is not imported here."""

    @property
    def shape(self) -> Any: ...
    @property
    def dtype(self) -> Any: ...
    def is_floating_point(self) -> bool: ...
    def detach(self) -> Any: ...
    def new_tensor(self, data: Any) -> Any: ...


TensorT = TypeVar("TensorT", bound=TensorLike)
FileLike = str | os.PathLike[str] | bytes | IO[bytes]
PhotoLike = Image.Image | FileLike | NDArray[Any] | TensorLike


class Input(NamedTuple):
    """What a caller has given."""

    photos: list[Photo]  # one, but of a tensor as many as it holds
    like: Callable[[Sequence[Photo]], Any]  # makes of results what was given


def take(given: object) -> Input:
    """Take a photo in any form.

    Args:
        given: the photo, or a tensor of several.

    Returns:
        The photos.

    Raises:
        ConfigError: it is nothing of that kind.
        PhotoError: it is a file that is no photo, or an image without pixels.
    """
    if isinstance(given, Image.Image):
        has_alpha = given.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in given.info
        return Input([photo.to_photo(given)], lambda results: _image(results[0], has_alpha=has_alpha))
    if isinstance(given, np.ndarray):
        alpha = given[..., 3] if given.shape[2:] == (4,) else None
        return Input([_of_array(given, _described(given))], lambda results: _array(results[0], given.dtype, alpha))
    if _is_tensor(given):
        return _of_tensor(given)
    file: str | os.PathLike[str] | IO[bytes]
    if isinstance(given, bytes | bytearray | memoryview):
        file = io.BytesIO(given)
    elif isinstance(given, str | os.PathLike) or hasattr(given, "read"):
        file = cast("str | os.PathLike[str] | IO[bytes]", given)
    else:
        raise ConfigError(f"{_EXPECTED}; got {_described(given)}")
    if isinstance(given, io.TextIOBase):
        raise ConfigError(f"{_EXPECTED}; got a file opened as text")
    opened = photo.open(file)
    return Input([opened], lambda results: _image(results[0], has_alpha=opened.alpha is not None))


def take_path(name: str, given: object) -> Path:
    """Take a path.

    Args:
        name: what it is of, for the message.
        given: the path.

    Returns:
        The path.

    Raises:
        ConfigError: it is none.
    """
    if not isinstance(given, str | os.PathLike):
        raise ConfigError(f"{name} must be a path, got {_described(given)}")
    return Path(given)


def take_several(given: object) -> Iterator[PhotoLike]:
    """One photo after the other. Raises `ConfigError` if it is one photo only, or nothing that holds several."""
    if isinstance(given, str | bytes | os.PathLike) or not isinstance(given, Iterable):
        raise ConfigError(f"images must be several photos, such as a list of them, got {_described(given)}")
    return iter(given)


def take_one(given: object) -> Photo:
    """Take a single photo in any form. Raises as `take`, and `ConfigError` for a tensor of several."""
    photos = take(given).photos
    if len(photos) != 1:
        raise ConfigError(f"expected one photo, got a tensor of {len(photos)}")
    return photos[0]


def _is_tensor(given: object) -> TypeGuard[TensorLike]:
    return hasattr(given, "new_tensor") and hasattr(given, "is_floating_point")


def _of_tensor(tensor: TensorLike) -> Input:
    shape = tuple(tensor.shape)
    described = f"a tensor {shape} of {str(tensor.dtype).removeprefix('torch.')}"
    if len(shape) != 4 or 0 in shape or shape[1] not in (1, 3):
        raise ConfigError(f"{_EXPECTED}; got {described}")
    values = tensor.detach().cpu()
    arrays = (values.float() if tensor.is_floating_point() else values).numpy()  # also of bfloat16
    photos = [_of_array(each.transpose(1, 2, 0), described) for each in arrays]

    def like(results: Sequence[Photo]) -> Any:
        return tensor.new_tensor(np.stack([_array(each, arrays.dtype) for each in results]).transpose(0, 3, 1, 2))

    return Input(photos, like)


def _of_array(array: NDArray[Any], described: str) -> Photo:
    """The photo in an array; what was given is `described` in messages."""
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ConfigError(f"{_EXPECTED}; got {described}")
    if np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):  # also wrong for NaN
            raise ConfigError(f"{_EXPECTED}; got {described} from {array.min():g} to {array.max():g}")
        levels = np.rint(array.astype(np.float32, copy=False) * np.float32(LAST_LEVEL_16)).astype(np.uint16)
    elif (native := array.dtype.newbyteorder("=")) in (np.uint8, np.uint16):
        levels = array.astype(native, copy=False)
    else:
        raise ConfigError(f"{_EXPECTED}; got {described}")
    alpha = np.ascontiguousarray(levels[..., 3]) if levels.shape[2:] == (4,) else None
    pixels = np.ascontiguousarray(
        levels[..., 0] if levels.shape[2:] == (1,) else levels[..., :3] if levels.ndim == 3 else levels
    )
    return Photo(Image.fromarray(pixels) if pixels.dtype == np.uint8 else pixels, alpha)


def _image(result: Photo, *, has_alpha: bool) -> Image.Image:
    """RGB, or RGBA."""
    image = result.image
    if has_alpha:
        alpha = result.alpha
        image.putalpha(255 if alpha is None else Image.fromarray(to_8_bit(alpha)))
    return image


def _array(result: Photo, dtype: np.dtype[Any], alpha: NDArray[Any] | None = None) -> NDArray[Any]:
    """(H, W, 3) of a type, or (H, W, 4) with this alpha (H, W); the caller's own, to write into."""
    levels = to_8_bit(result.levels) if dtype == np.uint8 else to_16_bit(result.levels)
    array = np.empty((*levels.shape[:2], 3 if alpha is None else 4), dtype)
    array[..., :3] = levels / np.float64(LAST_LEVEL_16) if np.issubdtype(dtype, np.floating) else levels
    if alpha is not None:
        array[..., 3] = alpha
    return array


def _described(given: object) -> str:
    if isinstance(given, np.ndarray):
        return f"an array {given.shape} of {given.dtype}"
    return f"{type(given).__name__}" if given is not None else "None"
