"""TIFF files, written page by page in 8 and 16 bit.

By tifffile, since Pillow writes neither 16-bit color nor EXIF's inner directories into compressed files, and wants all
pages at once.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorize.photo.exif import ASCII, DETAILS, GPS, IPTC, LONG, LONG_64, RESOLUTION, SIZES, UNDEFINED, XMP, Exif
from colorize.photo.image import Photo, channels_of
from colorize.photo.metadata import Metadata

_LEVEL = 1  # of zlib
_STRIP = 1 << 18  # bytes
_CLASSIC = 1 << 31  # bytes, if nothing could be compressed; beyond, offsets have 64 bit (BigTIFF), to be safe

# tifffile keeps the pointers to EXIF's inner directories for itself. They are written under the next numbers, which
# nobody uses and which stand at the same place in the order, and get their own afterwards.
_STAND_INS = {DETAILS + 1: DETAILS, GPS + 1: GPS}

_Tag = tuple[int, int, int, Any, bool]  # number, type, count, value, whether only the first page has it


class TiffPage(NamedTuple):
    """A page as it is written."""

    photo: Photo  # with an alpha of the pixels' depth, if any
    metadata: Metadata
    icc: bytes


def write(file: IO[bytes], pages: Iterable[TiffPage]) -> None:
    """Write the pages one after the other; nothing of one is kept when the next is asked for."""
    from tifffile import TiffWriter

    writer, order, large = None, "<", False
    try:
        for page in pages:
            exif = page.metadata.exif
            if writer is None:
                large = page.photo.row_size * page.photo.size[1] * page.photo.pages > _CLASSIC
                order = "<" if large else exif.order  # big-endian BigTIFF is not read by everybody: not by Pillow
                writer = TiffWriter(file, bigtiff=large, byteorder=order)  # type: ignore[arg-type]
            tags = _tags(page.metadata, exif.in_order(order), file, large=large)
            at = _pad(file)
            _write(writer, page, tags, order)
            _name(file, at, order, large)
            del page
    finally:
        if writer is not None:
            writer.close()


def _tags(metadata: Metadata, exif: Exif, file: IO[bytes], *, large: bool) -> list[_Tag]:
    """All but the layout's. EXIF's inner directories are written at once: the page has to know where they are."""
    tags: list[_Tag] = [
        (tag, ASCII if value.kind not in SIZES else value.kind, value.values, value.data, False)
        for tag, value in exif.main.items()
        if tag not in RESOLUTION and tag not in _STAND_INS
    ]
    for stand_in, directory in zip(_STAND_INS, (exif.details, exif.gps), strict=True):
        if directory:
            at = _pad(file)
            file.write(exif.directory_at(directory, at, wide=large))
            tags.append((stand_in, LONG_64 if large else LONG, 1, at, False))
    if metadata.xmp:
        tags.append((XMP, 1, len(metadata.xmp), metadata.xmp, False))
    if metadata.iptc:
        tags.append((IPTC, UNDEFINED, len(metadata.iptc), metadata.iptc, False))
    return tags


def _write(writer: Any, page: TiffPage, tags: list[_Tag], order: str) -> None:
    photo, dpi = page.photo, page.metadata.dpi
    width, height = photo.size
    several = photo.channels > 1
    dtype = np.dtype(f"{order}u{2 if photo.is_deep else 1}")
    rows = max(1, _STRIP // photo.row_size)
    writer.write(
        (_compressed(samples, dtype) for samples in channels_of(photo, rows)),
        shape=(height, width, photo.channels) if several else (height, width),
        dtype=dtype,
        rowsperstrip=rows,
        compression="zlib",
        predictor=True,
        photometric="RGB" if photo.is_color else "MINISBLACK",
        planarconfig="CONTIG" if several else None,
        extrasamples=["UNASSALPHA"] if photo.alpha is not None else None,
        resolution=dpi,
        resolutionunit="INCH" if dpi else None,
        iccprofile=page.icc or None,
        extratags=tags,
        software=False,
        metadata=None,
        contiguous=False,
    )


def _compressed(samples: NDArray[Any], dtype: np.dtype[Any]) -> bytes:
    """A strip (n, W, C) with each sample less the one to its left, deflated."""
    differences = samples.astype(dtype)
    differences[:, 1:] -= samples[:, :-1]
    return zlib.compress(differences.data, _LEVEL)


def _pad(file: IO[bytes]) -> int:
    """Where the next directory will be: at the end of the file, at an even place."""
    if file.tell() % 2:
        file.write(b"\0")
    return file.tell()


def _name(file: IO[bytes], at: int, order: str, large: bool) -> None:
    """Give the pointers of the directory at this place their own numbers."""
    head, each, form = (8, 20, "Q") if large else (2, 12, "H")
    file.seek(at)
    (count,) = struct.unpack(order + form, file.read(head))
    table = file.read(count * each)
    for place in range(0, count * each, each):
        (tag,) = struct.unpack_from(f"{order}H", table, place)
        if tag in _STAND_INS:
            file.seek(at + head + place)
            file.write(struct.pack(f"{order}H", _STAND_INS[tag]))
    file.seek(0, 2)
