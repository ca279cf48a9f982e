"""Checks before a decoder runs: small files that would take gigabytes or hours, and JPEGs that end early."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from typing import IO

from colorize.errors import PhotoError
from colorize.photo import exif

# Of JPEG: a byte behind FF that is neither FF's own nor one between two blocks; and some of them.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SEQUENTIAL = (0xC0, 0xC1)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END, _SCAN, _ALONE = 0xD9, 0xDA, (0x01, 0xD8, 0xD9)
_NOTHING = 16  # bytes
_SCANS = 200  # of a progressive JPEG, which has about ten: each costs a pass over the whole picture
_WEBP_HEADER = 1 << 20  # bytes in which the first picture of a WebP file begins
_HEADERS = 64  # of EXIF in one file, which has one

KNOWN = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF")  # formats known by their first bytes, here as in Pillow
_START = 64  # bytes by which a format is known
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def check(file: IO[bytes], name: str, most: int = -1) -> tuple[str, IO[bytes]]:
    """Look at a file before a decoder does.

    Args:
        file: the file.
        name: of the file, for messages.
        most: bytes of a JPEG that are looked at; all if it is negative.

    Returns:
        Its format, as of `kind_of`, and what is to be decoded.

    Raises:
        PhotoError: the file would take its reader too long or too much memory.
    """
    file.seek(0)
    start = file.read(4)
    if not start:
        raise PhotoError(f"{name}: an empty file, expected a photo")
    if start == b"MM\0+":
        raise PhotoError(f"{name}: a BigTIFF file in big-endian order, which cannot be read; little-endian ones can")
    kind = kind_of(file)
    if kind == "JPEG":
        file = io.BytesIO(_checked_jpeg(file.read(most), name))
    elif kind in ("AVIF", "HEIF"):
        _check_boxes(file.read(), name)
    file.seek(0)
    return kind, file


def kind_of(file: IO[bytes]) -> str:
    """The format of a file by its first bytes, by Pillow's name; "" if they do not decide it."""
    file.seek(0)
    start = file.read(_START)
    file.seek(0)
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


def is_lossless_webp(file: IO[bytes]) -> bool:
    """Whether a WebP file holds its first picture without loss: which of the two kinds of chunk comes first."""
    if file.closed:
        return False
    file.seek(0)
    found = re.search(rb"VP8[L ]", file.read(_WEBP_HEADER)[12:])
    return found is not None and found[0] == b"VP8L"


def _checked_jpeg(content: bytes, name: str) -> bytes:
    """What of a JPEG to decode.

    Where a picture is cut off and ended properly all the same, libjpeg fills up with gray and says nothing that Pillow
    would hear. So it does not get to see the end, but a little of nothing: enough to finish its last block, and not
    enough to go on. (Progressive ones it wants to see whole; where they end early they are only less sharp.)
    """
    packets, frame, scans, end = b"", 0, 0, None
    for marker, place, segment in _segments(content):
        if marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            packets += segment[6:]  # Pillow joins them
        elif marker == 0xE2 and segment.startswith(b"MPF\0") and exif.claims_too_much(segment[4:]):
            raise PhotoError(f"{name}: a damaged photo (its tags claim more bytes than the file has)")
        elif marker in _FRAMES:
            frame = marker
        elif marker == _SCAN:
            scans += 1
        elif marker == _END:
            end = place
    if exif.claims_too_much(packets):
        raise PhotoError(f"{name}: a damaged photo (its EXIF claims more bytes than it has)")
    if scans > _SCANS:
        raise PhotoError(f"{name}: a damaged photo ({scans} scans, where about ten are usual)")
    if frame in _SEQUENTIAL and scans == 1 and end is not None:
        return b"".join((memoryview(content)[:end], bytes(_NOTHING)))  # copied once
    return content


def _segments(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker, place and content of a JPEG's segments, up to its picture's end; what is between them is passed over."""
    at = 2
    while found := _MARKER.search(content, at):
        place, marker = found.start(), content[found.end() - 1]
        at = place + 2
        segment = b""
        if marker not in _ALONE:
            length = int.from_bytes(content[at : at + 2], "big")
            segment = content[at + 2 : at + length]
            at += length
        yield marker, place, segment
        if marker == _END:
            return


def _check_boxes(content: bytes, name: str) -> None:
    """No EXIF in it must claim more than there is. Where it lies is left to the decoder: every beginning is tried."""
    starts = [match.start() for match in itertools.islice(re.finditer(rb"II\*\0|MM\0\*", content), _HEADERS + 1)]
    if len(starts) > _HEADERS or any(exif.claims_too_much(content[start:]) for start in starts):
        raise PhotoError(f"{name}: a damaged photo (its EXIF claims more bytes than it has)")
