"""Photo files in and out: the one place that opens or writes them.

Whatever a file holds comes out as sRGB levels the right way up, with what has to travel along beside them.
"""

from __future__ import annotations

import io
import itertools
import os
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin, UnidentifiedImageError

from colorize import files
from colorize.errors import PhotoError

# Names under which photos are looked for in folders; what a file really is, its content decides.
_NAMES = (
    *("avif", "bmp", "dib", "gif", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "mpo", "pbm", "pcx", "pgm", "png"),
    *("pnm", "ppm", "psd", "qoi", "sgi", "tga", "tif", "tiff", "webp"),
)
SUFFIXES = frozenset(f".{name}" for name in _NAMES)
MAX_PIXELS = 175_000_000  # more is a mistake or an attack: half a gigabyte in RGB; Pillow itself stops a little above

# What is opened at all. Pillow knows more, among it formats that are programs: it has EPS run by Ghostscript.
_FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "PSD", "QOI", "SGI"),
    *("TGA", "TIFF", "WEBP"),
)

# What can be written in colour, by suffix: Pillow's format and its settings. Chroma is what this program adds, so
# JPEG keeps all of it (4:4:4). PNG at level 1 takes a quarter of the time of the default for a few per cent in size.
_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".png": ("PNG", {"compress_level": 1}),
    ".webp": ("WEBP", {"quality": 95}),
    ".avif": ("AVIF", {"quality": 90, "subsampling": "4:4:4"}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}),
    ".bmp": ("BMP", {}),
}
_FALLBACK_SUFFIX = ".png"
_HOLDS_ALPHA = {"PNG", "WEBP", "AVIF", "TIFF"}
_HOLDS_EXIF = {"JPEG", "PNG", "WEBP", "AVIF", "TIFF"}
_HOLDS_DPI = {"JPEG", "PNG", "TIFF", "BMP"}
_JPEG_EXIF_BYTES = 65_533  # what one JPEG segment holds

# EXIF tags that are about the source's bytes, not about the photo: how they are laid out (in a TIFF file EXIF is the
# file's own directory), which profile, thumbnail and layers come with them, and the orientation, which is applied.
_OF_THE_FILE = frozenset(
    {*range(254, 267), 273, 274, *range(277, 282), 284, *range(288, 294), 301, *range(317, 348), *range(512, 533)}
    | {700, 33723, 34377, 34675}
)
_POINTERS = frozenset({ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop})
_COLOR_SPACE, _SRGB_COLOR_SPACE = 0xA001, 1

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_LAST_LEVEL = 255
_LAST_LEVEL_16 = 65535
_LEVEL_16 = 257  # a level of 8 bit in 16 bit


@dataclass(frozen=True, eq=False)
class Photo:
    """One page of a photo file: its pixels, and what travels with them."""

    pixels: Image.Image | NDArray[np.uint16]  # mode L or RGB, or 16 bit (H, W) or (H, W, 3); sRGB, the right way up
    alpha: Image.Image | None = None  # mode L, of the same size
    exif: bytes = b""  # without its orientation, which has been applied
    dpi: tuple[float, float] | None = None
    more_pages: bool = False  # whether the file has others besides this one
    coloured: bool = False  # whether its colours are generated

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        if isinstance(self.pixels, Image.Image):
            return self.pixels.size
        height, width = self.pixels.shape[:2]
        return width, height

    @property
    def image(self) -> Image.Image:
        """In 8 bit: mode L or RGB, sRGB, the right way up."""
        return self.pixels if isinstance(self.pixels, Image.Image) else Image.fromarray(_halved(self.pixels))

    @property
    def levels(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """What is coloured: uint8 (H, W) of grey photos, (H, W, 3) of others; uint16 (H, W) of 16-bit grey."""
        return np.asarray(self.pixels)

    def with_colours(self, pixels: Image.Image | NDArray[np.uint16]) -> Photo:
        """The same photo with generated colours: mode RGB, or 16 bit (H, W, 3). Everything else is kept."""
        coloured = replace(self, pixels=pixels, coloured=True)
        assert coloured.size == self.size, f"expected colours for {self.size}, got {coloured.size}"
        return coloured


def open(source: str | os.PathLike[str] | IO[bytes], name: str = "") -> Photo:
    """Read a photo from a path or a binary file; of several pages or frames, the first.

    Any mode of Pillow's: palettes are resolved, float values scaled to 8 bit, ICC profiles converted to sRGB,
    orientation applied; 16-bit grey stays so. Raises `PhotoError`, naming the file (or `name`), if it is not a photo,
    is damaged or has more than `MAX_PIXELS` pixels.
    """
    with closing(pages(source, name)) as every_page:
        return next(every_page)


def pages(source: str | os.PathLike[str] | IO[bytes], name: str = "") -> Generator[Photo]:
    """Every page of a photo file, one at a time, as `open` gives the first.

    Only TIFF files have pages; of an animation the first frame is the photo. Raises `PhotoError` when it comes to a
    page that is damaged.
    """
    name = name or (str(source) if isinstance(source, str | os.PathLike) else "photo")
    try:
        if isinstance(source, str | os.PathLike):
            # Not left to Pillow: it would map uncompressed files into memory, and mix up the rows of TIFF files that
            # lie on their side (12.3).
            with Path(source).open("rb") as file:
                yield from _decode(file, name)
        else:
            yield from _decode(source, name)
    except PhotoError:
        raise
    except FileNotFoundError as error:
        raise PhotoError(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise PhotoError(f"{name}: expected a photo, this is a folder") from error
    except PermissionError as error:
        raise PhotoError(f"{name}: may not be read (permission denied)") from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: expected a photo, this is no image format that can be read") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name}: more than the {MAX_PIXELS // 10**6} million pixels accepted") from error
    except MemoryError as error:
        raise PhotoError(f"{name}: not enough memory for a photo of this size") from error
    except Exception as error:  # a damaged file makes decoders raise nearly anything
        raise PhotoError(f"{name}: a damaged photo ({_one_line(error)})") from error


def _decode(file: IO[bytes], name: str) -> Iterator[Photo]:
    with _no_warnings():
        image = Image.open(file, formats=_formats())
    with image:
        for page in itertools.count():
            with _no_warnings():
                if page:
                    try:
                        image.seek(page)
                    except EOFError:
                        return
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise PhotoError(
                        f"{name}: {width}×{height} px are more than the {MAX_PIXELS // 10**6} million accepted"
                    )
                several = image.format == "TIFF" and getattr(image, "n_frames", 1) > 1
                image.load()
                photo = to_photo(image)
                if several:
                    own = image.copy() if photo.pixels is image else photo.pixels  # the next page takes the same memory
                    photo = replace(photo, pixels=own, more_pages=True)
            yield photo
            if not several:
                return


def to_photo(image: Image.Image) -> Photo:
    """What `open` makes of an image that is already in memory, which is left as it is.

    Raises `PhotoError` for an image without pixels.
    """
    if 0 in image.size:
        raise PhotoError(f"expected an image of 1×1 px or more, got {image.width}×{image.height}")
    profile, dpi = image.info.get("icc_profile"), image.info.get("dpi")
    image, exif = _upright(image)
    image, alpha = _split_alpha(image)
    if image.mode in _SIXTEEN_BIT and not profile:
        return Photo(np.asarray(image).astype(np.uint16), alpha, exif, _plausible_dpi(dpi))
    if image.mode != "CMYK":  # whose profile takes it to RGB better than Pillow does
        image = _to_8_bit(image)
    if profile:
        image = _to_srgb(image, profile)
    return Photo(_to_8_bit(image), alpha, exif, _plausible_dpi(dpi))


def save(
    photo: Photo | Iterable[Photo],
    target: str | os.PathLike[str],
    quality: int | None = None,
    *,
    overwrite: bool = True,
) -> None:
    """Write a photo in the format of the target's suffix, whole or not at all.

    Alpha, EXIF and resolution go along as far as the format holds them, and so do further pages. `quality`, 1 to 100,
    is that of JPEG, WebP and AVIF files. Folders are made. Raises `PhotoError` if the suffix is unknown or the file
    cannot be written; a file that was there stays. Without `overwrite` it raises `FileExistsError` for it.
    """
    target = Path(target)
    format_, settings = writer(target)
    if quality is not None and "quality" in settings:
        settings = settings | {"quality": quality}
    every_page = iter([photo] if isinstance(photo, Photo) else photo)
    try:
        with files.atomic(target, overwrite=overwrite) as file:
            if format_ == "TIFF":
                with TiffImagePlugin.AppendingTiffWriter(file) as several:
                    for page in every_page:
                        _write(page, several, format_, settings)
                        several.newFrame()
            else:
                _write(next(every_page), file, format_, settings)
    except (PhotoError, FileExistsError):
        raise
    except Exception as error:  # encoders raise nearly anything, for instance for more pixels than the format holds
        raise PhotoError(f"{target}: cannot be written ({_one_line(error)})") from error


def _write(photo: Photo, file: IO[bytes], format_: str, settings: dict[str, Any]) -> None:
    """Write one page."""
    image, settings = photo.image, dict(settings)
    if photo.alpha is not None and format_ in _HOLDS_ALPHA:
        image = image.convert("RGB")
        image.putalpha(photo.alpha)
    if photo.exif and format_ in _HOLDS_EXIF and not (format_ == "JPEG" and len(photo.exif) > _JPEG_EXIF_BYTES):
        settings["exif"] = photo.exif
        if format_ == "TIFF":
            del settings["compression"]  # Pillow writes EXIF's inner directories only into uncompressed files
    if photo.dpi and format_ in _HOLDS_DPI:
        settings["dpi"] = photo.dpi
    image.save(file, format_, **settings)


def writer(target: Path) -> tuple[str, dict[str, Any]]:
    """Pillow's name of the format that `target` asks for, and how it is written. Raises `PhotoError`."""
    try:
        return _WRITERS[target.suffix.lower()]
    except KeyError:
        known = ", ".join(_WRITERS)
        raise PhotoError(
            f"{target}: cannot write {target.suffix or 'a file without suffix'}, expected {known}"
        ) from None


def result_suffix(source: Path, file_format: str | None = None) -> str:
    """The suffix of a source's result: its own, or .png where its format cannot be written in colour.

    With `file_format`, one of `options.FORMATS`, its own only if it stands for that one.
    """
    own = _WRITERS.get(source.suffix.lower())
    if file_format is None:
        return _FALLBACK_SUFFIX if own is None else source.suffix
    wanted = f".{file_format}"
    return source.suffix if own is not None and own[0] == _WRITERS[wanted][0] else wanted


@dataclass(frozen=True)
class Header:
    """What a photo file says of itself."""

    pixels: int  # of its first page
    suffix: str  # that its format has, whatever the file is called; .png if it cannot be written in colour


def header(source: str | os.PathLike[str] | IO[bytes]) -> Header | None:
    """Read no more than a photo's header; None if that is not to be had: `open` will tell why."""
    try:
        with _no_warnings(), Image.open(source, formats=_formats()) as image:
            format_ = "JPEG" if image.format == "MPO" else image.format  # several JPEGs in one: phones write them
            suffixes = (suffix for suffix, (each, _) in _WRITERS.items() if each == format_)
            return Header(image.width * image.height, next(suffixes, _FALLBACK_SUFFIX))
    except Exception:  # noqa: BLE001  # a damaged file makes decoders raise nearly anything, and nothing is lost yet
        return None


def _formats() -> list[str]:
    """Those of `_FORMATS` that this Pillow can read."""
    Image.init()
    return [format_ for format_ in _FORMATS if format_ in Image.OPEN]


_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet: warnings.catch_warnings[None] | None = None


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence Pillow: what is odd in a file becomes an error here, or is of no consequence.

    The filters are the whole process's. Several threads that each put them back as they found them would leave them
    wrong, so the first one in changes them and the last one out restores them; other modules' warnings go on.
    """
    global _quiet_depth, _quiet
    with _quiet_lock:
        if not _quiet_depth:
            _quiet = warnings.catch_warnings()
            _quiet.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if not _quiet_depth and _quiet is not None:
                _quiet.__exit__(None, None, None)


# What each EXIF orientation asks for. Not left to `ImageOps.exif_transpose`: it writes the EXIF anew, and where one tag
# of it is badly typed gives up, with the photo still on its side.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image: Image.Image) -> tuple[Image.Image, bytes]:
    """The image with its orientation applied, and what of its EXIF is true of the result as well."""
    try:
        exif = image.getexif()
        turn = _TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001  # damaged metadata make Pillow raise nearly anything, and are no reason to refuse
        return image, b""
    upright = image
    if turn is not None:
        upright = image.transpose(turn)
        upright.getexif().clear()  # what is upright is not to be turned again
        for stale in ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"):
            upright.info.pop(stale, None)
    try:
        return upright, _exif_bytes(exif)
    except Exception:  # noqa: BLE001  # the same
        with suppress(Exception):
            return upright, _exif_bytes(exif, _can_be_written)
        return upright, b""


def _can_be_written(tag: int, value: Any) -> bool:
    """Whether a single tag is well formed."""
    try:
        alone = Image.Exif()
        alone[tag] = value
        return bool(alone.tobytes())
    except Exception:  # noqa: BLE001  # the same
        return False


def _exif_bytes(exif: Image.Exif, good: Callable[[int, Any], bool] = lambda *_: True) -> bytes:
    kept = Image.Exif()
    kept.endian = exif.endian  # makers' notes are in the byte order of the whole
    for tag, value in exif.items():
        if tag not in _OF_THE_FILE and tag not in _POINTERS and good(tag, value):
            kept[tag] = value
    for pointer in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        values = {
            tag: value for tag, value in exif.get_ifd(pointer).items() if tag not in _POINTERS and good(tag, value)
        }
        if _COLOR_SPACE in values:
            values[_COLOR_SPACE] = _SRGB_COLOR_SPACE
        if values:
            kept.get_ifd(pointer).update(values)
    has_any = bool(kept) or any(kept.get_ifd(pointer) for pointer in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo))
    return kept.tobytes() if has_any else b""


def _plausible_dpi(dpi: Any) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 1 <= x <= 1e5 and 1 <= y <= 1e5 else None


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The image without its alpha, and the alpha if any pixel is not opaque."""
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        info = image.info
        if image.mode in _SIXTEEN_BIT or image.mode in ("I", "F"):
            return image, None  # a single transparent level: rare, and not worth an alpha of 8 bit
        rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        alpha = rgba.getchannel("A")
        grey = image.mode in ("L", "LA", "La", "1")
        image = rgba.convert("RGB").getchannel("R") if grey else rgba.convert("RGB")
        image.info = {key: value for key, value in info.items() if key != "transparency"}
        return image, alpha if np.asarray(alpha).min() < _LAST_LEVEL else None
    return image, None


_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert from the embedded profile; an unusable one is ignored, as viewers do."""
    if image.mode not in ("L", "RGB", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "L":  # by a table: lcms, left to itself, takes too few points in the darks for grey profiles
            return image.point(_to_rgb(_all_greys(), source).getchannel("G").tobytes())
        return _to_rgb(image, source)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _to_rgb(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    exactly = ImageCms.Flags.NOOPTIMIZE if image.mode == "L" else ImageCms.Flags.NONE
    converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB", flags=exactly)
    assert converted is not None  # it is None only when done in place
    return converted


def _all_greys() -> Image.Image:
    return Image.frombytes("L", (_LAST_LEVEL + 1, 1), bytes(range(_LAST_LEVEL + 1)))


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Mode L or RGB."""
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in _SIXTEEN_BIT or image.mode in ("I", "F"):
        values = np.asarray(image).astype(np.float32)
        return Image.fromarray(np.rint(_to_unit(values, image.mode) * _LAST_LEVEL).astype(np.uint8))
    return image.convert("RGB")


def _halved(levels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """16 bit to 8 bit."""
    return ((levels.astype(np.uint32) + _LEVEL_16 // 2) // _LEVEL_16).astype(np.uint8)


def _to_unit(values: NDArray[np.float32], mode: str) -> NDArray[np.float32]:
    """Scale to [0, 1]: by the mode's range where it has one, else by the range the values seem to use."""
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if mode in _SIXTEEN_BIT or (mode == "I" and low >= 0 and high <= _LAST_LEVEL_16):
        low, high = 0.0, float(_LAST_LEVEL_16)
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= _LAST_LEVEL:
        low, high = 0.0, float(_LAST_LEVEL)
    unit: NDArray[np.float32] = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    return unit


def _one_line(error: BaseException) -> str:
    reason = error.strerror if isinstance(error, OSError) else None  # without the number and the name of our own file
    text = reason or str(error).strip() or type(error).__name__
    return text.splitlines()[0]
