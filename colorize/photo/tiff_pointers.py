"""The pointers from a TIFF page to EXIF's inner directories, which tifffile refuses to write.

tifffile keeps these two tags for itself. So the pages are written with the next number in place of each: nobody uses
it, and it stands at the same place in the order of tags. Afterwards the tags get their own numbers in the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Any

from colorize.photo.exif import DETAILS, GPS, LONG, LONG_64, Exif

_STAND_INS = {DETAILS: DETAILS + 1, GPS: GPS + 1}
_MEANT = {stand_in: tag for tag, stand_in in _STAND_INS.items()}

Tag = tuple[int, int, int, Any, bool]  # number, type, count, value, whether only the first page has it: as of tifffile


def is_stand_in(tag: int) -> bool:
    """Whether a tag has the number of a stand-in, and so cannot be written itself."""
    return tag in _MEANT


def write_directories(exif: Exif, file: IO[bytes], *, wide: bool) -> Iterator[Tag]:
    """Write EXIF's inner directories to the end of a TIFF file.

    Args:
        exif: of a page that is written next.
        file: the TIFF file.
        wide: whether it is BigTIFF.

    Returns:
        The page's pointers to them, under the numbers of the stand-ins.
    """
    for tag, directory in ((DETAILS, exif.details), (GPS, exif.gps)):
        if directory:
            at = next_place(file)
            file.write(exif.directory_at(directory, at, wide=wide))
            yield (_STAND_INS[tag], LONG_64 if wide else LONG, 1, at, False)


def restore_tags(file: IO[bytes], at: int, order: str, *, wide: bool) -> None:
    """Give the pointers of a page that has been written their own tags.

    Args:
        file: the TIFF file.
        at: where the page's directory is.
        order: of bytes, as `struct` writes it.
        wide: whether the file is BigTIFF.
    """
    head, each, form = (8, 20, "Q") if wide else (2, 12, "H")
    file.seek(at)
    (count,) = struct.unpack(order + form, file.read(head))
    table = file.read(count * each)
    for place in range(0, count * each, each):
        (tag,) = struct.unpack_from(f"{order}H", table, place)
        if tag in _MEANT:
            file.seek(at + head + place)
            file.write(struct.pack(f"{order}H", _MEANT[tag]))
    file.seek(0, 2)


def next_place(file: IO[bytes]) -> int:
    """Where the next directory will be: at the end of the file, at an even place."""
    if file.tell() % 2:
        file.write(b"\0")
    return file.tell()
