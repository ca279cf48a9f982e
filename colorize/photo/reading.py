"""Photos out of files: sRGB levels the right way up, or one line that says why not."""

from __future__ import annotations

import importlib
import io
import os
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from colorize.color.units import LAST_LEVEL, LAST_LEVEL_16, Levels
from colorize.errors import PhotoError
from colorize.photo import exif, extras, guards, profiles, silence, sixteen_bit, xmp
from colorize.photo.formats import MAX_PAGES, MAX_PIXELS, READERS, is_only_read, suffix_of
from colorize.photo.image import Photo, strips, to_array
from colorize.photo.metadata import is_result
from colorize.photo.salvage import decode_part, upright_box

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_PNG_CHUNK = 1 << 23
_PIXELS_AT_ONCE = 1 << 18
_HEADER = 1 << 22  # bytes of a JPEG in which its size has to stand
_LEAST_PAGE = 10_000  # pixels that a page counts for
_DEEP = 3  # pixels of 8 bit that one of more counts for: 16 bytes of memory where the other takes 5
_IPTC_RESOURCE = 0x0404  # of Photoshop's
_AVIF_EXIF = 4  # the place of EXIF in what Pillow's decoder knows


def open(
    source: str | os.PathLike[str] | IO[bytes], name: str = "", *, least_side: int = 0, salvage: bool = False
) -> Photo:
    """Read a photo; of several pages or frames, the first.

    Palettes are resolved, ICC profiles converted to sRGB and the orientation applied; what has more than 8 bit gets 16.

    Args:
        source: a path or a binary file.
        name: of the file, for messages; its path if it is not given.
        least_side: px; a JPEG may come out 2, 4 or 8 times smaller, as its decoder does that quickly, its short side
            not below this. 0: at full size.
        salvage: whether a JPEG that ends early is read as far as it goes; `Photo.readable` says how far.

    Returns:
        The photo.

    Raises:
        PhotoError: it is not a photo, is damaged or has more than `MAX_PIXELS` pixels.
    """
    with closing(pages(source, name, least_side=least_side, salvage=salvage)) as every_page:
        return next(every_page)


def pages(
    source: str | os.PathLike[str] | IO[bytes], name: str = "", *, least_side: int = 0, salvage: bool = False
) -> Generator[Photo]:
    """Read every page of a photo file, one at a time.

    Only TIFF files have pages; of an animation the first frame is the photo.

    Args:
        source: as of `open`.
        name: as of `open`.
        least_side: as of `open`.
        salvage: as of `open`.

    Returns:
        The pages.

    Raises:
        PhotoError: as `open`, when it comes to a page that is damaged.
    """
    name = name or (str(source) if isinstance(source, str | os.PathLike) else "photo")
    try:
        if isinstance(source, str | os.PathLike):
            # Not left to Pillow: it would map uncompressed files into memory, and mix up the rows of TIFF files that
            # lie on their side (12.3).
            with Path(source).open("rb") as file:
                yield from _pages(file, name, least_side, salvage)
        else:
            yield from _pages(source, name, least_side, salvage)
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
        reason = one_line(error)
        kind = "a kind of photo that cannot be read" if _NOT_KNOWN.search(reason) else "a damaged photo"
        raise PhotoError(f"{name}: {kind} ({reason})") from error


_NOT_KNOWN = re.compile("unsupported|not supported|not implemented|unknown", re.IGNORECASE)  # as decoders say it


def _pages(file: IO[bytes], name: str, least_side: int, salvage: bool) -> Iterator[Photo]:
    kind, file = guards.check(file, name)
    if extras.is_raw(file, name):
        yield extras.read_raw(file, name)
        return
    if kind == "HEIF":
        extras.register_heif(name)
    if kind == "TIFF":
        yield from _tiff_pages(file, name)
        return
    open_again = partial(_open_image, file, name, kind)
    with silence.suppress_pillow_warnings(), open_again() as image:
        _check_size(image, name)
        unread = tuple(_unread(image))
        if least_side:
            image.draft(None, (least_side, least_side))  # nothing happens to other formats
        content = cast(io.BytesIO, file).getvalue() if salvage and kind == "JPEG" else b""  # an error closes the file
        try:
            deep = sixteen_bit.load(image, open_again)
            photo = _photo(image, _file_metadata(image), deep)
        except OSError:
            if not content:
                raise
            photo = _salvaged(content)
        photo = _own(photo, image)
        is_lossless = kind == "WEBP" and guards.is_lossless_webp(file)
        photo = replace(photo, unread=photo.unread + unread, lossless=is_lossless)
    yield photo


def _salvaged(content: bytes) -> Photo:
    """What is there of a JPEG that ends early."""
    found = decode_part(content)
    metadata = _file_metadata(found.image)
    box = upright_box(found.image.size, found.rows, _TURNS.get(metadata.orientation))
    return replace(_photo(found.image, metadata), readable=box)


def _open_image(file: IO[bytes], name: str, kind: str) -> Image.Image:
    """Open a file of a format that is known, or not ("")."""
    try:
        return Image.open(file, formats=_readers(kind))
    except UnidentifiedImageError as error:
        if not kind:
            raise
        raise PhotoError(f"{name}: a damaged {kind} file, or of a kind that cannot be read") from error


def _unread(image: Image.Image) -> Iterator[str]:
    """What an image that has been opened, and is no TIFF file, has besides what is read."""
    with suppress(Exception):  # a damaged second picture is no reason to refuse the first
        if getattr(image, "is_animated", False):
            yield "the pictures after the first"
    packet = image.info.get("xmp", b"")
    if isinstance(packet, bytes) and b"HasExtendedXMP" in packet:
        yield "XMP in further segments"
    if isinstance(packet, bytes) and xmp.has_regions(packet) and _orientation(image) in _TURNS:
        yield "the places of faces in XMP, which are not turned with it"
    if exif.has_kodak_directory(_exif(image)):
        yield "Kodak's own EXIF directory"
    for name in sorted({_segment_name(name, content) for name, content in getattr(image, "applist", [])} - {""}):
        yield f"{name} data"
    resources = image.info.get("photoshop")
    if isinstance(resources, dict) and not _PHOTOSHOP_ABOUT.isdisjoint(resources):
        yield "Photoshop's URL and copyright flag"


_PHOTOSHOP_ABOUT = {0x040A, 0x040B}  # resources that are about the photo, and not about how it was edited
_KNOWN_SEGMENTS = {
    "APP0": (b"JFIF\0", b"JFXX\0"),
    "APP1": (b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"),
    "APP2": (b"ICC_PROFILE\0", b"MPF\0"),
    "APP13": (b"Photoshop 3.0\0",),
    "APP14": (b"Adobe",),
}
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]{2,}")


def _segment_name(name: str, content: bytes) -> str:
    """What a JPEG's application segment is called that is not read; "" for those that are."""
    if not name.startswith("APP") or content.startswith(_KNOWN_SEGMENTS.get(name, ())) or not content.strip(b"\0"):
        return ""
    found = _NAME.match(content)
    return found[0].decode() if found else name


def _orientation(image: Image.Image) -> int:
    return exif.parse(_exif(image)).orientation


def _open_page(file: IO[bytes], number: int) -> Image.Image:
    image = Image.open(file, formats=_readers("TIFF"))
    if number:
        image.seek(number)
    return image


def _own(photo: Photo, image: Image.Image) -> Photo:
    """With an image without metadata of its own, if its pixels are those of a file's."""
    if isinstance(photo.pixels, Image.Image):
        photo.pixels.info.clear()
        if photo.pixels is image:
            image.getexif().clear()  # what is upright is not to be turned again
    return photo


def _tiff_pages(file: IO[bytes], name: str) -> Iterator[Photo]:
    count = exif.count_pages(file, MAX_PAGES + 1)
    if count > MAX_PAGES:
        raise PhotoError(f"{name}: more than the {MAX_PAGES} pages accepted")
    with ExitStack() as opened:
        image = None
        for number, page in enumerate(exif.read_pages(file)):
            if count and not page.is_main:
                continue
            if page.claims_too_much:
                raise PhotoError(f"{name}: a damaged photo (its tags claim more bytes than the file has)")
            with silence.suppress_pillow_warnings():
                if image is None:
                    image = opened.enter_context(_open_image(file, name, "TIFF"))
                if number:
                    image.seek(number)
                _check_size(image, name)
                _check_strips(image)
                deep = sixteen_bit.load(image, partial(_open_page, file, number))
                metadata = FileMetadata(
                    page.exif.orientation,
                    page.exif,
                    xmp.of_picture(page.xmp, turned=page.exif.orientation in _TURNS),
                    page.iptc,
                    bits=page.bits,
                    white_is_zero=page.white_is_zero,
                )
                # Pillow applies the orientation of TIFF files by itself.
                photo = replace(_photo(image, metadata, deep, turned=True), pages=max(count, 1))
                if count > 1 and photo.pixels is image:
                    photo = replace(photo, pixels=image.copy())  # the next page takes the same memory
                photo = _own(photo, image)
            yield photo
            del photo
        if image is None:
            raise UnidentifiedImageError


@dataclass(frozen=True)
class Header:
    """What a photo file's header says."""

    pixels: int  # of its first page
    suffix: str  # of its results, whatever the file is called
    only_read: str = ""  # its format, where its results have another
    deep: bool = False  # whether it has more than 8 bit per channel
    is_result: bool = False  # whether its colors were generated by this program
    made_of: str = ""  # the SHA-256 of the file that the result was made of, if it says so


def header(source: str | os.PathLike[str] | IO[bytes]) -> Header | None:
    """Read only a photo's header; None if that cannot be read: `open` will raise."""
    name = str(source) if isinstance(source, str | os.PathLike) else ""
    try:
        with ExitStack() as opened:
            file = opened.enter_context(Path(source).open("rb")) if isinstance(source, str | os.PathLike) else source
            kind, file = guards.check(file, name, most=_HEADER)
            if extras.is_raw(file, name):
                return Header(extras.raw_pixels(file, name), ".jpg", "camera raw")
            if kind == "HEIF":
                extras.register_heif(name)
            page = next(exif.read_pages(file), None) if kind == "TIFF" else None
            if page and page.claims_too_much:
                return None
            with silence.suppress_pillow_warnings(), Image.open(file, formats=_readers(kind)) as image:
                kind = image.format or ""
                data, packet = (page.exif, page.xmp) if page else (exif.parse(_exif(image)), _xmp(image))
                return Header(
                    pixels=image.width * image.height,
                    suffix=suffix_of(kind),
                    only_read=kind if is_only_read(kind) else "",
                    deep=sixteen_bit.is_deep(image),
                    is_result=is_result(data),
                    made_of=xmp.made_of(packet),
                )
    except Exception:  # noqa: BLE001  # a damaged file makes decoders raise nearly anything, and nothing is lost yet
        return None


def count_pixels(source: str | os.PathLike[str], most: int) -> int:
    """Count the pixels of all pages together, by the headers alone: how much work a file will be.

    Args:
        source: the file's path.
        most: counting stops beyond this many.

    Returns:
        How many there are. A page counts for 10,000 or more, since even an empty one takes time, and a pixel of more
        than 8 bit for three, since it takes so much more time and memory. 0 if the file is no photo: `open` will raise.
    """
    first = header(source)
    total = max(first.pixels * (_DEEP if first.deep else 1), _LEAST_PAGE) if first else 0
    with suppress(Exception), Path(source).open("rb") as file:  # the last page, or a damaged one: `pages` will raise
        if guards.kind_of(file) == "TIFF" and not extras.is_raw(file, str(source)):
            with silence.suppress_pillow_warnings(), Image.open(file, formats=_readers("TIFF")) as image:
                every_page = exif.read_pages(file)
                next(every_page)
                while 0 < total <= most and not next(every_page).claims_too_much:
                    image.seek(image.tell() + 1)
                    weight = _DEEP if sixteen_bit.is_deep(image) else 1
                    total += max(image.width * image.height * weight, _LEAST_PAGE)
    return total


def to_photo(image: Image.Image) -> Photo:
    """What `open` makes of an image that is already in memory, which is left as it is.

    Of its metadata those go along that Pillow keeps in `image.info`. Raises `PhotoError` for an image without pixels.
    """
    if 0 in image.size:
        raise PhotoError(f"expected an image of 1×1 px or more, got {image.width}×{image.height}")
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001  # damaged metadata make Pillow raise nearly anything, and are no reason to refuse
        orientation = 1
    return _photo(image, replace(_file_metadata(image), orientation=orientation))


@dataclass(frozen=True)
class FileMetadata:
    """The metadata of a file, besides the pixels that Pillow reads."""

    orientation: int = 1
    exif: exif.Exif = field(default_factory=exif.Exif)
    xmp: bytes = b""
    iptc: bytes = b""
    text: Mapping[str, str] = field(default_factory=dict)
    bits: int = 16  # of those that have more than 8
    white_is_zero: bool = False


def _file_metadata(image: Image.Image) -> FileMetadata:
    """What Pillow has found, of any format but TIFF."""
    info = image.info
    resources = info.get("photoshop")
    iptc = resources.get(_IPTC_RESOURCE, b"") if isinstance(resources, dict) else b""
    text = {key: str(value) for key, value in getattr(image, "text", {}).items() if not _is_carried(key)}
    if isinstance(comment := info.get("comment"), bytes) and comment:
        text["Comment"] = comment.rstrip(b"\0").decode("utf-8", "surrogateescape")
    parsed = _own_exif(image, exif.parse(_exif(image)))
    turned = parsed.orientation in _TURNS
    return FileMetadata(
        parsed.orientation,
        parsed,
        xmp.of_picture(_xmp(image), turned=turned),
        iptc if isinstance(iptc, bytes) else b"",
        text,
    )


def _exif(image: Image.Image) -> bytes:
    data = image.info.get("exif", b"")
    if not data and isinstance(packed := image.info.get("Raw profile type exif"), str):  # ImageMagick's, in PNG
        with suppress(ValueError):
            data = bytes.fromhex("".join(packed.split("\n")[3:]))
    return data if isinstance(data, bytes) else b""


def _own_exif(image: Image.Image, parsed: exif.Exif) -> exif.Exif:
    """EXIF as it lies in the file. Of AVIF that is turned Pillow writes it anew, and every letter that is not ASCII is
    lost."""
    decoder = getattr(image, "_decoder", None)
    if image.format != "AVIF" or decoder is None:
        return parsed
    data = decoder.get_info()[_AVIF_EXIF]
    return replace(exif.parse(data), orientation=parsed.orientation) if isinstance(data, bytes) and data else parsed


def _xmp(image: Image.Image) -> bytes:
    packet = image.info.get("xmp", b"")
    return packet if isinstance(packet, bytes) else str(packet).encode()


def _is_carried(keyword: str) -> bool:
    """Whether a PNG text is what travels as EXIF, XMP or a profile."""
    return keyword == "XML:com.adobe.xmp" or keyword.startswith(("Raw profile type exif", "Raw profile type ic"))


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
_ON_ITS_SIDE = (5, 6, 7, 8)


def _photo(
    image: Image.Image, metadata: FileMetadata, deep: NDArray[np.uint16] | None = None, *, turned: bool = False
) -> Photo:
    """The photo in an image that is loaded, or of whose 16 bit per channel `deep` has them all.

    `turned` if Pillow has applied its orientation already.
    """
    dpi = _dpi(image, metadata.exif)
    if metadata.orientation in _ON_ITS_SIDE and dpi:
        dpi = dpi[::-1]
    for tag in exif.RESOLUTION:  # which is in `dpi` from now on
        metadata.exif.main.pop(tag, None)
    info = image.info
    if metadata.orientation in _TURNS and not turned:
        if deep is not None:
            deep = np.ascontiguousarray(_turned(deep, metadata.orientation))
        image = image.transpose(_TURNS[metadata.orientation])
        image.info = info
    pixels: Image.Image | NDArray[np.uint16]
    alpha: Levels | None
    found = sixteen_bit.to_srgb(deep, info.get("icc_profile")) if deep is not None else None
    if found is not None:
        pixels, alpha = found
    elif image.mode in (*_SIXTEEN_BIT, "I", "F"):
        pixels, alpha = _sixteen_bit_gray(image, metadata)
    else:
        pixels, alpha = _eight_bit(image)
    unread = ("more than 8 bit",) if deep is not None and found is None else ()
    return Photo(pixels, alpha, metadata.exif, metadata.xmp, metadata.iptc, metadata.text, dpi, unread=unread)


def _turned(values: NDArray[np.uint16], orientation: int) -> NDArray[np.uint16]:
    """What `Image.transpose` does for `_TURNS`, of an array (H, W, …)."""
    if orientation in _ON_ITS_SIDE:
        values = values.swapaxes(0, 1)
    down, right = (orientation in each for each in ((3, 4, 7, 8), (2, 3, 6, 7)))
    return values[:: -1 if down else 1, :: -1 if right else 1]


def _dpi(image: Image.Image, parsed: exif.Exif) -> tuple[float, float] | None:
    info = image.info
    is_jpeg = image.format in ("JPEG", "MPO")
    # For files without it, Pillow takes 72 in JPEG files and 1 in TIFF files. JFIF's is often nobody's choice, but a
    # program's default: EXIF's counts.
    told_by_file = image.format != "TIFF" and (not is_jpeg or info.get("jfif_unit") in (1, 2))
    by_exif = parsed.resolution()
    try:
        if told_by_file and "dpi" in info and not (is_jpeg and by_exif):
            x, y = (float(value) for value in info["dpi"])
        else:
            x, y = by_exif or (0, 0)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 1 <= x <= 1e5 and 1 <= y <= 1e5 else None


def _sixteen_bit_gray(image: Image.Image, metadata: FileMetadata) -> tuple[NDArray[np.uint16], Levels | None]:
    """Gray of more than 8 bit, as 16 bit."""
    width, height = image.size
    levels = np.empty((height, width), np.uint16)
    if image.mode in _SIXTEEN_BIT:
        low, high = 0.0, float((1 << metadata.bits) - 1 if metadata.bits in (10, 12, 14) else LAST_LEVEL_16)
    else:
        low, high = _range(image)
    for rows, values in strips(image):
        if (low, high) == (0, LAST_LEVEL_16):
            levels[rows] = values
        else:
            unit = (np.nan_to_num(values.astype(np.float32), nan=low, posinf=high, neginf=low) - low) / (high - low)
            levels[rows] = np.rint(np.clip(unit, 0, 1) * LAST_LEVEL_16)
    transparent = image.info.get("transparency")
    alpha = np.where(levels == transparent, 0, LAST_LEVEL_16).astype(np.uint16) if transparent is not None else None
    if metadata.white_is_zero:  # which Pillow leaves to us in these modes
        np.subtract(LAST_LEVEL_16, levels, out=levels)
    if profile := image.info.get("icc_profile"):
        levels = profiles.gray_to_srgb(levels, profile)
    return levels, None if alpha is None or alpha.min() == LAST_LEVEL_16 else alpha


def _range(image: Image.Image) -> tuple[float, float]:
    """Which values are black and white: those of 1, 8 or 16 bit if all values lie within, else the extremes."""
    low, high = np.inf, -np.inf
    for _, values in strips(image):
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    likely: tuple[int, ...] = (LAST_LEVEL_16,)  # of files: a dark scan of 16 bit is not one of 8
    if image.mode == "F":
        likely = (1, LAST_LEVEL, LAST_LEVEL_16)
    elif image.format is None:  # made in memory, such as of an array of int32
        likely = (LAST_LEVEL, LAST_LEVEL_16)
    for most in likely:
        if 0 <= low <= high <= most:
            return 0.0, float(most)
    return (low, high) if low < high else (0.0, 1.0)


def _eight_bit(image: Image.Image) -> tuple[Image.Image, Levels | None]:
    """Everything else, as L or RGB of 8 bit."""
    info = image.info
    image, alpha = _split_alpha(image)
    profile = info.get("icc_profile")
    if image.mode == "CMYK" and profile:  # which takes it to RGB better than Pillow does
        image, profile = profiles.to_srgb(image, profile), None
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if image.mode == "RGB" and _is_gray(image):
        gray = image.getchannel("G")
        if not profile:
            image = gray
        elif (table := profiles.neutral_table(profile)) is not None:
            image, profile = gray.point(table), None
    if profile:
        image = profiles.to_srgb(image, profile)
    elif (table := _gamma_table(info)) is not None:
        image = image.point(table * len(image.getbands()))
    return image, alpha


def _gamma_table(info: Mapping[Any, Any]) -> list[int] | None:
    """For PNG files that have a gamma which is not about sRGB's."""
    gamma = info.get("gamma")
    if "icc_profile" in info or "srgb" in info or not isinstance(gamma, float):
        return None
    return profiles.gamma_table(gamma)


def _is_gray(image: Image.Image) -> bool:
    """Whether red, green and blue are the same at every pixel: scanners often save gray so."""
    width, height = image.size
    rows = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        pixels = np.frombuffer(strip.tobytes("raw", "RGBX"), "<u4")  # as Pillow keeps them: copied, not repacked
        if ((pixels ^ (pixels >> 8)) & 0xFFFF).any():  # red against green, green against blue
            return False
    return True


def _split_alpha(image: Image.Image) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """The image without its alpha, and the alpha if any pixel is not opaque."""
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        if image.mode == "La" or image.mode in ("L", "1"):
            image = image.convert("LA")
        elif image.mode not in ("LA", "RGBA"):
            image = image.convert("RGBA")
        alpha = to_array(image.getchannel("A"))
        image = image.getchannel("L") if image.mode == "LA" else image.convert("RGB")
        return image, alpha if alpha.min() < LAST_LEVEL else None
    return image, None


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{name}: {width}×{height} px are more than the {MAX_PIXELS // 10**6} million accepted")


def _check_strips(image: Image.Image) -> None:
    """Raises `ValueError` if a TIFF file's strips or tiles do not make up the picture: Pillow leaves the rest black."""
    tiles: list[Any] = getattr(image, "tile", [])
    covered = sum((right - left) * (bottom - top) for left, top, right, bottom in (tile.extents for tile in tiles))
    if covered < image.width * image.height:
        raise ValueError("parts of the picture are not there")


@cache
def _readers(kind: str) -> tuple[str, ...]:
    """Pillow's readers of a format, or all that are allowed if it is not known which; imported, as far as there are."""
    if kind == "HEIF":  # registered already, if it is there
        return (kind,)
    # Of an unknown kind can only be what the guards do not know.
    wanted = [kind] if kind else [format_ for format_ in READERS if format_ not in guards.KNOWN]
    for format_ in wanted:
        with suppress(ImportError):
            importlib.import_module(f"PIL.{READERS[format_]}ImagePlugin")
    if kind == "TIFF":
        silence.libtiff()
    if kind == "PNG":  # whose limit for profiles and texts, unpacked, is too low for some scanners' profiles
        PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, _PNG_CHUNK)
    return tuple(format_ for format_ in wanted if format_ in Image.OPEN)


def one_line(error: BaseException) -> str:
    reason = error.strerror if isinstance(error, OSError) else None  # without the number and the name of our own file
    text = reason or str(error).strip() or type(error).__name__
    return text.splitlines()[0]
