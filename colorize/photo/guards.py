"""What is looked at before a decoder is: files that are small and would take gigabytes, or hours."""

from __future__ import annotations

import io
import itertools
import re
import struct
from collections.abc import Iterator
from typing import IO

from colorize.errors import PhotoError
from colorize.photo import exif

_SCANS = 200  # of a progressive JPEG, which has about ten: each costs a pass over the whole picture
_HEADERS = 64  # of EXIF in one file, which has one
_CHUNK = 1 << 20

KNOWN = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF")  # formats that are told by their first bytes, here as in Pillow
_START = 64  # bytes by which a format is known
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def check(file: IO[bytes], name: str) -> str:
    """The format of a file as far as its first bytes tell, by Pillow's name, or "" if they do not.

    Raises `PhotoError` for a file that would take its reader too long or too much memory.
    """
    file.seek(0)
    start = file.read(_START)
    kind = _kind(start)
    if kind == "JPEG":
        _check_jpeg(file, name)
    elif kind in ("AVIF", "HEIF"):
        _check_boxes(file, name)
    file.seek(0)
    return kind


def _kind(start: bytes) -> str:
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp":
        brands = [start[at : at + 4] for at in (8, *range(16, _START, 4))]
        if b"avif" in brands:
            return "AVIF"
        if not {*_HEIF}.isdisjoint(brands):
            return "HEIF"
    return ""


def _check_jpeg(file: IO[bytes], name: str) -> None:
    """Its EXIF must not claim more than there is, and it must not have more scans than make sense."""
    told, progressive = b"", False
    for marker, segment in _segments(file):
        if marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            told += segment[6:]  # Pillow joins them
        elif marker == 0xE2 and segment.startswith(b"MPF\0") and exif.claims_too_much(segment[4:]):
            raise PhotoError(f"{name}: a damaged photo (its tags claim more bytes than the file has)")
        progressive = progressive or marker == 0xC2
    if exif.claims_too_much(told):
        raise PhotoError(f"{name}: a damaged photo (its EXIF claims more bytes than it has)")
    if progressive and (scans := _count(file, b"\xff\xda")) > _SCANS:
        raise PhotoError(f"{name}: a damaged photo ({scans} scans, where about ten are usual)")


def _segments(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Marker and content of a JPEG file's segments, up to its first scan."""
    file.seek(2)
    while len(head := file.read(2)) == 2:
        if head[0] != 0xFF:
            file.seek(-1, io.SEEK_CUR)  # as Pillow does: it looks for the next marker
            continue
        marker = head[1]
        if marker == 0xFF:
            file.seek(-1, io.SEEK_CUR)
        elif marker in (0xDA, 0xD9):
            return
        elif marker and not 0xD0 <= marker <= 0xD8:
            length = file.read(2)
            if len(length) < 2:
                return
            yield marker, file.read(max(0, struct.unpack(">H", length)[0] - 2))


def _count(file: IO[bytes], pattern: bytes) -> int:
    file.seek(0)
    found, rest = 0, b""
    while chunk := file.read(_CHUNK):
        found += (rest + chunk).count(pattern)
        rest = chunk[-1:]
    return found


def _check_boxes(file: IO[bytes], name: str) -> None:
    """No EXIF in it must claim more than there is. Where it lies is left to the decoder: every beginning is tried."""
    file.seek(0)
    content = file.read()
    starts = [match.start() for match in itertools.islice(re.finditer(rb"II\*\0|MM\0\*", content), _HEADERS + 1)]
    if len(starts) > _HEADERS or any(exif.claims_too_much(content[start:]) for start in starts):
        raise PhotoError(f"{name}: a damaged photo (its EXIF claims more bytes than it has)")
