"""PNG files, written by strips in 8 and 16 bit.

Pillow writes no 16-bit color, needs a copy of the whole and takes twice the time for the same number of bytes. (PNG
specification, third edition: https://www.w3.org/TR/png-3/)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from colorize.photo.image import Photo, channels_of
from colorize.photo.metadata import Metadata

_LEVEL = 1  # of zlib: a quarter of the time of its default for a few per cent in size
_STRIP = 1 << 20  # bytes compressed at a time
_AVERAGE = 3  # the filter that leaves least of photographs, of those that need no decision for every row
_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of color, by the number of channels: gray and RGB, without and with alpha


def write(file: IO[bytes], photo: Photo, metadata: Metadata, icc: bytes) -> None:
    """Write a PNG file.

    Args:
        file: where to.
        photo: of 8 or 16 bit; its alpha has to be of the same depth.
        metadata: what is written beside the pixels.
        icc: the profile; b"" for none.
    """
    width, height = photo.size
    exif = metadata.exif.to_bytes()
    file.write(b"\x89PNG\r\n\x1a\n")
    _chunk(
        file, b"IHDR", struct.pack(">2I5B", width, height, 16 if photo.is_deep else 8, _TYPES[photo.channels], 0, 0, 0)
    )
    if icc:
        _chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    if metadata.dpi:
        per_meter = (round(value / 0.0254) for value in metadata.dpi)
        _chunk(file, b"pHYs", struct.pack(">2IB", *per_meter, 1))
    if exif:
        _chunk(file, b"eXIf", exif)
    if metadata.xmp:
        _chunk(file, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    for keyword, value in metadata.text.items():
        _text(file, keyword, value)
    for packed in _compressed(photo):
        _chunk(file, b"IDAT", packed)
    _chunk(file, b"IEND", b"")


def _chunk(file: IO[bytes], name: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + name)
    file.write(data)
    file.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(name))))


def _text(file: IO[bytes], keyword: str, value: str) -> None:
    name = keyword.encode("latin-1", "replace").replace(b"\0", b"")[:79]
    if not name:
        return
    value = value.replace("\0", "")
    try:
        _chunk(file, b"tEXt", name + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        content = value.encode("utf-8", "surrogateescape")
        is_utf_8 = content.decode("utf-8", "replace") == value  # and not a JPEG's comment in some older code
        _chunk(file, b"iTXt" if is_utf_8 else b"tEXt", name + (b"\0\0\0\0\0" if is_utf_8 else b"\0") + content)


def _compressed(photo: Photo) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL)
    above = None
    for samples in channels_of(photo, max(1, _STRIP // photo.row_size)):  # (n, W, C)
        step = samples.shape[2] * samples.itemsize
        big_endian = np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder(">"))
        rows = big_endian.view(np.uint8).reshape(len(samples), -1)  # (n, bytes of a row)
        if above is None:
            above = np.zeros_like(rows[:1])
        yield packer.compress(_filtered(rows, above, step).data)
        above = rows[-1:]
    yield packer.flush()


def _filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Each byte less the average of the one to the left, `step` bytes away, and the one above; a row's filter first."""
    up = np.concatenate([above, rows[:-1]])
    result = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    result[:, 0] = _AVERAGE
    np.subtract(rows[:, :step], up[:, :step] >> 1, out=result[:, 1 : step + 1])
    left, up = rows[:, :-step], up[:, step:]
    average = (left & up) + ((left ^ up) >> 1)  # half of the sum, which would be too large for a byte
    np.subtract(rows[:, step:], average, out=result[:, step + 1 :])
    return result
