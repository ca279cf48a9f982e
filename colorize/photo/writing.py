"""Photos into files: in the format of the file's suffix, whole or not at all."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast

from PIL import Image, features

from colorize.errors import ColorizeError, PhotoError
from colorize.photo import metadata, png, profiles, tiff
from colorize.photo.formats import AVIF, JPEG, LONGEST_JPEG, PNG, TIFF, WEBP, Format, writer
from colorize.photo.image import Photo, to_8_bit, to_16_bit
from colorize.photo.reading import one_line
from colorize.system import files

_MOST_JPEG_DPI = 65_535
_WEBP_EFFORT = 50  # 0 to 100: the larger, the smaller the file that loses nothing


def save(
    photo: Photo | Iterable[Photo],
    target: str | os.PathLike[str],
    quality: int | None = None,
    *,
    file_format: str | None = None,
    overwrite: bool = True,
) -> None:
    """Write a photo, whole or not at all. Folders are made.

    Its metadata go along as far as the format holds them (`dropped_metadata` names the rest); where its colors are
    generated, EXIF and XMP say so.

    Args:
        photo: a photo, or the pages of one.
        target: the file, whose suffix decides the format.
        quality: 1 to 100, of JPEG, WebP and AVIF files; None for the format's default.
        file_format: the format by its suffix without the dot, whatever the target is called; None for its suffix.
        overwrite: whether an existing file is replaced.

    Raises:
        PhotoError: the suffix is unknown, or the file cannot be written; an existing file stays.
        FileExistsError: the file exists and is not to be replaced.
    """
    target = Path(target)
    format_ = writer(Path(f"{target}.{file_format}") if file_format else target)
    if quality is not None and not 1 <= quality <= 100:
        raise PhotoError(f"{target}: expected a quality of 1 to 100, got {quality}")
    pages = iter([photo] if isinstance(photo, Photo) else photo)
    try:
        with files.atomic(target, overwrite=overwrite) as file:
            if format_ is TIFF:
                tiff.write(file, _tiff_pages(pages))
            else:
                _write(next(pages), file, format_, quality, target)
    except (ColorizeError, FileExistsError):
        raise
    except MemoryError as error:
        raise PhotoError(f"{target}: not enough memory to write it") from error
    except Exception as error:  # encoders raise nearly anything
        raise PhotoError(f"{target}: cannot be written ({one_line(error)})") from error


def preview(photo: Photo, longest: int) -> bytes:
    """Make a small JPEG, without any metadata.

    Args:
        photo: of any kind.
        longest: px of the long side, at most.

    Returns:
        The file's content.
    """
    content = io.BytesIO()
    _shrunk(photo.image, longest).save(content, "JPEG", quality=90)
    return content.getvalue()


def save_preview(photo: Photo, target: str | os.PathLike[str], longest: int = LONGEST_JPEG) -> None:
    """Write a JPEG that every browser shows, without any metadata.

    Args:
        photo: of any kind.
        target: the file.
        longest: px of the long side, at most.

    Raises:
        PhotoError: the file cannot be written.
    """
    save(Photo(_shrunk(photo.image, min(longest, LONGEST_JPEG))), target, quality=90)


def _shrunk(image: Image.Image, longest: int) -> Image.Image:
    """The image itself, if its long side has no more than `longest` px."""
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    return image.resize([max(1, round(side * scale)) for side in image.size], reducing_gap=3.0)


def dropped_metadata(photo: Photo, target: str | os.PathLike[str]) -> tuple[str, ...]:
    """Tell what of a photo is not kept.

    Args:
        photo: the photo.
        target: the file that it is to be written to, whose suffix decides the format.

    Returns:
        What is not read, or not held by the format, in words; empty if all is kept.

    Raises:
        PhotoError: the suffix is unknown.
    """
    return metadata.of_result(photo, writer(Path(target))).dropped_metadata


def _tiff_pages(pages: Iterable[Photo]) -> Iterator[tiff.TiffPage]:
    for page in pages:
        photo = _of_one_depth(page)
        yield tiff.TiffPage(photo, metadata.of_result(photo, TIFF), _profile(photo))


def _of_one_depth(photo: Photo) -> Photo:
    """With its alpha in as many bit as the pixels."""
    if photo.alpha is None:
        return photo
    return replace(photo, alpha=to_16_bit(photo.alpha) if photo.is_deep else to_8_bit(photo.alpha))


def _profile(photo: Photo) -> bytes:
    """sRGB's, for color: without one, some programs show colors as the screen happens to have them."""
    return profiles.srgb() if photo.is_color else b""


def _write(photo: Photo, file: IO[bytes], format_: Format, asked_quality: int | None, target: Path) -> None:
    if max(photo.size) > format_.longest:
        raise PhotoError(
            f"{target}: {format_.name} holds {format_.longest} px a side at most, the photo has "
            f"{photo.size[0]}×{photo.size[1]}; choose another format"
        )
    written, icc = metadata.of_result(photo, format_), _profile(photo)
    if format_ is PNG:
        png.write(file, _of_one_depth(photo), written, icc)
        return
    settings: dict[str, Any] = {"quality": asked_quality or format_.quality, "icc_profile": icc or None}
    if exif := written.exif.to_bytes():
        settings["exif"] = b"Exif\0\0" + exif
    if written.xmp:
        settings["xmp"] = written.xmp
    if format_ is JPEG:
        # All of the color (4:4:4): it is what this program adds.
        dpi = written.dpi if written.dpi and max(written.dpi) <= _MOST_JPEG_DPI else (0, 0)  # EXIF has it, too
        settings |= {"subsampling": 0, "dpi": dpi, "extra": _photoshop_segment(written.iptc)}
        settings["comment"] = written.text.get("Comment", "").encode("utf-8", "surrogateescape")
        photo.image.save(cast(IO[bytes], _ThroughPython(file)), "JPEG", **settings)
        return
    image = photo.image
    if photo.alpha is not None:
        image = image.convert("RGB")
        image.putalpha(Image.fromarray(to_8_bit(photo.alpha)))
    if format_ is AVIF:
        if not features.check("avif"):
            raise PhotoError(f"{target}: cannot be written (this Pillow has no AVIF)")
        image.save(file, "AVIF", subsampling="4:4:4", **settings)
    else:
        assert format_ is WEBP
        if photo.lossless and not asked_quality:  # what came without loss goes without
            settings |= {"lossless": True, "quality": _WEBP_EFFORT}
        image.save(file, "WEBP", exact=True, **settings)  # the colors of what is transparent are kept, too


class _ThroughPython:
    """A file without a handle, so that Pillow writes its JPEG data through Python.

    By itself it hands them to the system, which on a disk that gets full takes a part of them: Pillow notices that only
    if there is more to come, and the end of the file would be missing without an error.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.write = file.write


def _photoshop_segment(iptc: bytes) -> bytes:
    """IPTC records as JPEG files hold them: a resource in an APP13 segment."""
    if not iptc:
        return b""
    resource = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    return b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource
