"""TIFF files, written page by page in 8 and 16 bit.

By tifffile, since Pillow writes neither 16-bit color nor EXIF's inner directories into compressed files, and wants all
pages at once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorize.photo.exif import ASCII, IPTC, RESOLUTION, SIZES, UNDEFINED, XMP, Exif
from colorize.photo.image import Photo, channels_of
from colorize.photo.metadata import Metadata
from colorize.photo.tiff_pointers import Tag, is_stand_in, next_place, restore_tags, write_directories

_LEVEL = 1  # of zlib
_STRIP = 1 << 18  # bytes
_CLASSIC = 1 << 31  # bytes, if nothing could be compressed; beyond, offsets have 64 bit (BigTIFF), to be safe


class TiffPage(NamedTuple):
    """A page as it is written."""

    photo: Photo  # with an alpha of the pixels' depth, if any
    metadata: Metadata
    icc: bytes


def write(file: IO[bytes], pages: Iterable[TiffPage]) -> None:
    """Write pages one after the other; nothing of one is kept when the next is asked for.

    Args:
        file: where to.
        pages: one or more.
    """
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
            at = next_place(file)
            _write(writer, page, tags, order)
            restore_tags(file, at, order, wide=large)
            del page
    finally:
        if writer is not None:
            writer.close()


def _tags(metadata: Metadata, exif: Exif, file: IO[bytes], *, large: bool) -> list[Tag]:
    """All but the layout's. EXIF's inner directories are written at once: the page has to know where they are."""
    tags: list[Tag] = [
        (tag, ASCII if value.kind not in SIZES else value.kind, value.values, value.data, False)
        for tag, value in exif.main.items()
        if tag not in RESOLUTION and not is_stand_in(tag)
    ]
    tags += write_directories(exif, file, wide=large)
    if metadata.xmp:
        tags.append((XMP, 1, len(metadata.xmp), metadata.xmp, False))
    if metadata.iptc:
        tags.append((IPTC, UNDEFINED, len(metadata.iptc), metadata.iptc, False))
    return tags


def _write(writer: Any, page: TiffPage, tags: list[Tag], order: str) -> None:
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
