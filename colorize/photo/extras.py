"""Formats that need one package more: HEIC (the extra `heic`) and camera raw (the extra `raw`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, cast

from PIL import Image

from colorize.color.units import SRGB_GAMMA, SRGB_SLOPE
from colorize.errors import PhotoError
from colorize.photo import exif
from colorize.photo.formats import MAX_PIXELS, RAW_SUFFIXES
from colorize.photo.image import Photo
from colorize.requirements import install_command

_RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"FOVb", b"\0MRM")
_CRW, _CR2 = b"HEAPCCDR", b"CR"  # behind six bytes; behind eight


def register_heif(name: str) -> None:
    """Have Pillow read HEIC. Raises `PhotoError` if the package is missing."""
    try:
        import pillow_heif
    except ImportError as error:
        raise PhotoError(f"{name}: HEIC photos need one package more: {install_command('heic')}") from error
    pillow_heif.register_heif_opener(thumbnails=False)


def is_raw(file: IO[bytes], name: str) -> bool:
    """Tell whether a file is a camera's raw data.

    Args:
        file: the file, whose content decides.
        name: of the file, which decides where the content is a TIFF file's.

    Returns:
        Whether it is.
    """
    file.seek(0)
    start = file.read(16)
    if start.startswith(_RAW_STARTS) or start[6:14] == _CRW or start[4:12] == b"ftypcrx ":
        return True
    if start[:4] not in (b"II*\0", b"MM\0*"):
        return False
    if os.path.splitext(name)[1].lower() in RAW_SUFFIXES or start[8:10] == _CR2:
        return True
    page = next(exif.read_pages(file), None)
    return page is not None and page.is_raw


def read_raw(file: IO[bytes], name: str) -> Photo:
    """Develop camera raw as the camera would have: its white balance, sRGB, 8 bit.

    Args:
        file: the file.
        name: of the file, for messages.

    Returns:
        The photo, with EXIF where the file is built like a TIFF file, as most are.

    Raises:
        PhotoError: the package is missing, or the file is damaged.
    """
    file.seek(0)
    page = next(exif.read_pages(file), None)
    with _opened(file, name) as raw:
        # sRGB's own curve; LibRaw's default is that of television (BT.709).
        levels = raw.postprocess(use_camera_wb=True, gamma=(SRGB_GAMMA, SRGB_SLOPE))
    return Photo(Image.fromarray(levels), exif=page.exif if page else exif.Exif())


def raw_pixels(file: IO[bytes], name: str) -> int:
    """Count the pixels of camera raw.

    Args:
        file: the file.
        name: of the file, for messages.

    Returns:
        How many there are.

    Raises:
        PhotoError: as `read_raw`.
    """
    with _opened(file, name) as raw:
        return int(raw.sizes.width * raw.sizes.height)


@contextmanager
def _opened(file: IO[bytes], name: str) -> Iterator[Any]:
    try:
        import rawpy
    except ImportError as error:
        raise PhotoError(f"{name}: camera raw needs one package more: {install_command('raw')}") from error
    file.seek(0)
    try:
        with rawpy.imread(cast("BinaryIO", file)) as raw:
            width, height = raw.sizes.width, raw.sizes.height
            if width * height > MAX_PIXELS:
                raise PhotoError(
                    f"{name}: {width}×{height} px are more than the {MAX_PIXELS // 10**6} million accepted"
                )
            yield raw
    except rawpy.LibRawError as error:
        raise PhotoError(f"{name}: a damaged photo ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    message = error.args[0] if error.args else error
    return (message.decode(errors="replace") if isinstance(message, bytes) else str(message)).splitlines()[0]
