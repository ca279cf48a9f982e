"""EXIF as it lies in files: directories whose fields are kept byte for byte, whatever they mean.

Pillow's own reading and writing of EXIF changes the types of fields that it does not know and every letter that is not
ASCII, and a field that it cannot interpret takes the others with it. Nothing is interpreted here but what has to change
because the picture is another one: its orientation, its size, its color space, its description.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import IO, NamedTuple

_HEADER = b"Exif\0\0"
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}  # bytes, by type
_NUMBERS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}  # bytes that are turned round together
_SIZES_64 = SIZES | {16: 8, 17: 8, 18: 8}  # in files with 64-bit offsets
ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG_64 = 2, 3, 4, 5, 7, 16

DESCRIPTION, ORIENTATION, SOFTWARE = 0x010E, 0x0112, 0x0131
RESOLUTION = X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
XMP, IPTC = 700, 33723
DETAILS, GPS = 0x8769, 0x8825  # directories within the directory
_INTEROPERABILITY, _INNER_PAGES, _KODAK = 0xA005, 330, 0xFE00
_SUBFILE_TYPE, _BITS, _PHOTOMETRIC, _MAKE, _DNG_VERSION = 254, 258, 262, 271, 0xC612
_MAKER_NOTE, _COLOR_SPACE, _WIDTH, _HEIGHT = 0x927C, 0xA001, 0xA002, 0xA003
_SRGB = 1

# What is about the source's bytes, not about the photo: how they are laid out (in a TIFF file EXIF is the file's own
# directory), which profile, thumbnails and layers come with them; and what Photo carries by itself.
_OF_THE_FILE = frozenset(
    {*range(254, 267), 273, ORIENTATION, *range(277, 282), 284, *range(288, 294), 301, *range(317, 348)}
    | {_KODAK}  # a directory of its own, whose pointer would lead nowhere
    | {*range(512, 533), XMP, IPTC, 33421, 33422, 34377, 34675, 37724, DETAILS, GPS, _INTEROPERABILITY}
    | {*range(_DNG_VERSION, 0xC800)}  # how a DNG is to be developed
)
_LARGEST = 1 << 24  # bytes of EXIF that are kept at all
_TOLERATED = 1 << 20  # bytes that fields may have twice: one that is damaged claims all that follows
_LARGEST_OFFSET = 65_535  # up to which a maker's note stays where it was: what JPEG can hold


class Field(NamedTuple):
    kind: int  # a TIFF type
    data: bytes  # in the byte order of the whole

    @property
    def values(self) -> int:
        """How many it has."""
        return len(self.data) // SIZES[self.kind]


Directory = dict[int, Field]


@dataclass
class Exif:
    """The EXIF of a photo, without what is only about its file."""

    order: str = "<"  # of bytes, as `struct` writes it
    main: Directory = field(default_factory=dict)
    details: Directory = field(default_factory=dict)  # the Exif directory proper
    gps: Directory = field(default_factory=dict)
    interoperability: Directory = field(default_factory=dict)  # within `details`
    maker_note_at: int = 0  # where it has to lie, if it matters: its pointers often count from the start of the whole
    orientation: int = field(default=1, compare=False)  # 1 to 8, of the pixels as they lie in the file; never written

    def copy(self) -> Exif:
        """One that can be changed without changing this one; an empty one is of the default order."""
        if not self:
            return Exif()
        return replace(
            self,
            main=dict(self.main),
            details=dict(self.details),
            gps=dict(self.gps),
            interoperability=dict(self.interoperability),
        )

    def __bool__(self) -> bool:
        return bool(self.main or self.details or self.gps)

    def text(self, tag: int) -> bytes:
        """A text of the main directory, without what fills it up; b"" if there is none."""
        value = self.main.get(tag)
        return value.data.strip(b"\0 ") if value and value.kind in (ASCII, 1, 7, 129) else b""

    def set_text(self, tag: int, text: bytes) -> None:
        """Put a text into the main directory.

        Args:
            tag: its number.
            text: without the zero at its end.
        """
        self.main[tag] = Field(ASCII, text + b"\0")

    def resolution(self) -> tuple[float, float] | None:
        """Pixels per inch of the main directory."""
        unit = self.main.get(RESOLUTION_UNIT)
        fields = [self.main.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION)]
        if not all(value and value.kind == RATIONAL and len(value.data) == 8 for value in fields):
            return None
        pairs = [struct.unpack(f"{self.order}2I", value.data) for value in fields if value]
        if not all(below for _, below in pairs):
            return None
        code = struct.unpack(f"{self.order}H", unit.data[:2])[0] if unit and unit.kind == SHORT else 2
        inch = {2: 1.0, 3: 2.54}.get(code)
        return (pairs[0][0] / pairs[0][1] * inch, pairs[1][0] / pairs[1][1] * inch) if inch else None

    def set_resolution(self, dpi: tuple[float, float]) -> None:
        """Put pixels per inch into the main directory."""
        for tag, value in zip((X_RESOLUTION, Y_RESOLUTION), dpi, strict=True):
            self.main[tag] = Field(RATIONAL, struct.pack(f"{self.order}2I", round(value * 1000), 1000))
        self.main[RESOLUTION_UNIT] = Field(SHORT, struct.pack(f"{self.order}H", 2))

    def set_size(self, width: int, height: int) -> None:
        """Correct the picture's size where EXIF has it, and its color space, which is sRGB.

        Args:
            width: in pixels.
            height: in pixels.
        """
        for tag, kind, value in ((_WIDTH, LONG, width), (_HEIGHT, LONG, height), (_COLOR_SPACE, SHORT, _SRGB)):
            if tag in self.details:
                self.details[tag] = Field(kind, struct.pack(f"{self.order}{'I' if kind == LONG else 'H'}", value))

    def drop_largest(self) -> bool:
        """Leave out the largest field; False if there is none any more."""
        sizes = [(len(each[tag].data), tag, each) for each in (self.main, self.details, self.gps) for tag in each]
        if not sizes:
            return False
        _, tag, directory = max(sizes, key=lambda size: size[:2])
        del directory[tag]
        return True

    def in_order(self, order: str) -> Exif:
        """The same with its numbers in another order of bytes."""
        if order == self.order:
            return self
        main, details, gps, interoperability = (
            {tag: _swapped(value) for tag, value in part.items()}
            for part in (self.main, self.details, self.gps, self.interoperability)
        )
        return Exif(order, main, details, gps, interoperability, orientation=self.orientation)

    def to_bytes(self) -> bytes:
        """The whole, as JPEG, PNG, WebP and AVIF files hold it (without "Exif" in front); b"" if it is empty."""
        if not self:
            return b""
        start = struct.pack(f"{self.order}2sHI", b"II" if self.order == "<" else b"MM", 42, 8)
        return start + self._directories(8, self.maker_note_at)

    def directory_at(self, directory: Directory, offset: int, *, wide: bool) -> bytes:
        """Lay out one of the inner directories for a TIFF file.

        Args:
            directory: `details` or `gps`.
            offset: where it will be in the file.
            wide: whether the file is BigTIFF.

        Returns:
            The bytes to put there.
        """
        layout = _Layout(self.order, offset, wide=wide)
        self._write_inner(layout, directory)
        return layout.to_bytes()

    def _write_inner(self, layout: _Layout, directory: Directory) -> int:
        """Lay out one of the inner directories, with the one that is within it, and give its offset."""
        within = self.interoperability if directory is self.details else {}
        whole = directory | {_INTEROPERABILITY: Field(LONG, bytes(4))} if within else directory
        at = layout.allocate_for(whole)
        if within:
            place = layout.allocate_for(within)
            layout.write(within, place)
            whole[_INTEROPERABILITY] = Field(LONG, struct.pack(f"{self.order}I", place))
        layout.write(whole, at)
        return at

    def _directories(self, offset: int, reserved: int) -> bytes:
        note = self.details.get(_MAKER_NOTE)
        layout = _Layout(self.order, offset)
        if note and reserved and len(note.data) > 4:
            layout.reserve(reserved, note.data)
        # The inner directories come after the main one, which has to know where.
        main = dict(self.main)
        inner = {tag: part for tag, part in ((DETAILS, self.details), (GPS, self.gps)) if part}
        for tag in inner:
            main[tag] = Field(LONG, bytes(4))
        place = layout.allocate_for(main)
        for tag, part in inner.items():
            main[tag] = Field(LONG, struct.pack(f"{self.order}I", self._write_inner(layout, part)))
        layout.write(main, place)
        return layout.to_bytes()


def _swapped(value: Field) -> Field:
    width = _NUMBERS.get(value.kind, 1)
    return Field(value.kind, b"".join(value.data[at : at + width][::-1] for at in range(0, len(value.data), width)))


class _Layout:
    """Directories and their data, laid out from `offset` on."""

    def __init__(self, order: str, offset: int, *, wide: bool = False) -> None:
        self._order = order
        self._number, self._offset = ("Q", "Q") if wide else ("H", "I")  # of fields; of offsets and values
        self._inside = struct.calcsize(self._offset)  # bytes that have room in the directory itself
        self._start = self._end = offset
        self._pieces: list[tuple[int, bytes]] = []
        self._reserved: tuple[int, bytes] = (0, b"")

    def reserve(self, at: int, data: bytes) -> None:
        """Keep the place for data that must lie at a certain offset, if it is free."""
        if at >= self._start:
            self._reserved = (at, data)
            self._pieces.append((at, data))

    def allocate_for(self, directory: Directory) -> int:
        """The offset of a place for a directory, without its data."""
        head, each = struct.calcsize(f"={self._number}"), struct.calcsize(f"=HH{self._offset * 2}")
        return self.allocate(head + each * len(directory) + self._inside)

    def allocate(self, size: int) -> int:
        """The offset of the next free place of this size."""
        at, reserved = self._reserved[0], self._reserved[1]
        start = self._end + self._end % 2
        if reserved and start < at + len(reserved) and start + size > at:
            start = at + len(reserved)
            start += start % 2
        self._end = start + size
        return start

    def write(self, directory: Directory, at: int) -> None:
        """Put a directory at a place that has been allocated, and its data behind."""
        entries = [struct.pack(self._order + self._number, len(directory))]
        for tag, value in sorted(directory.items()):
            if len(value.data) <= self._inside:
                where = value.data.ljust(self._inside, b"\0")
            else:
                data_at, reserved = self._reserved
                if value.data is not reserved:
                    data_at = self.allocate(len(value.data))
                    self._pieces.append((data_at, value.data))
                where = struct.pack(self._order + self._offset, data_at)
            entries.append(struct.pack(f"{self._order}HH{self._offset}", tag, value.kind, value.values) + where)
        self._pieces.append((at, b"".join(entries) + bytes(self._inside)))

    def to_bytes(self) -> bytes:
        result = bytearray(max(at + len(data) for at, data in self._pieces) - self._start)
        for at, data in self._pieces:
            result[at - self._start : at - self._start + len(data)] = data
        return bytes(result)


def parse(data: bytes) -> Exif:
    """EXIF out of a JPEG, PNG, WebP or AVIF file; what is damaged in it is left out."""
    reader = _Reader.of(io.BytesIO(data.removeprefix(_HEADER)))
    directory = reader and reader.directory(reader.first)
    return reader.exif(directory) if reader and directory else Exif()


def claims_too_much(data: bytes) -> bool:
    """Whether the fields of the first directory have more bytes together than there are.

    They may overlap; a few hundred bytes can so claim gigabytes, of which Pillow makes copies.
    """
    reader = _Reader.of(io.BytesIO(data.removeprefix(_HEADER)))
    directory = reader and reader.directory(reader.first)
    return bool(reader and directory and directory.claimed > reader.length + _TOLERATED)


def has_kodak_directory(data: bytes) -> bool:
    """Whether EXIF points to a directory of Kodak's, which is not read."""
    reader = _Reader.of(io.BytesIO(data.removeprefix(_HEADER)))
    main = reader.directory(reader.first) if reader else None
    if reader is None or main is None:
        return False
    details = reader.directory(reader.number(main, DETAILS))
    return any(_KODAK in part.entries for part in (main, details) if part is not None)


class Page(NamedTuple):
    """What the directory of a TIFF file's page says."""

    exif: Exif
    xmp: bytes
    iptc: bytes
    bits: int  # per sample
    white_is_zero: bool
    is_main: bool  # neither a small version nor a mask of another page
    is_raw: bool  # of a camera's raw file
    claims_too_much: bool  # as above


def read_pages(file: IO[bytes]) -> Iterator[Page]:
    """The pages of a TIFF file, up to the last one or the first that is not there. Raises `ValueError` for that one."""
    reader = _Reader.of(file)
    for directory in reader.directories() if reader else ():
        assert reader
        xmp, iptc = (reader.load(directory.entries.get(tag), _Budget(_LARGEST)) for tag in (XMP, IPTC))
        kind = reader.number(directory, _SUBFILE_TYPE)
        yield Page(
            reader.exif(directory),
            xmp.data if xmp else b"",
            iptc.data if iptc else b"",
            reader.number(directory, _BITS, 1),
            reader.number(directory, _PHOTOMETRIC, 1) == 0,
            _is_main(kind),
            # A DNG says what it is. In others the first directory is a small picture, and the large one further in.
            _DNG_VERSION in directory.entries or bool(kind & 1 and {_INNER_PAGES, _MAKE} <= directory.entries.keys()),
            directory.claimed > reader.length + _TOLERATED,
        )


def count_pages(file: IO[bytes], most: int) -> int:
    """Count the main pages of a TIFF file; one that is not there counts as well.

    Args:
        file: the file.
        most: where counting stops.

    Returns:
        How many there are, at most `most`.
    """
    reader, count = _Reader.of(file), 0
    try:
        for directory in reader.directories() if reader else ():
            assert reader
            count += _is_main(reader.number(directory, _SUBFILE_TYPE))
            if count == most:
                break
    except ValueError:  # `read_pages` will raise it
        count += 1
    return count


def _is_main(kind: int) -> bool:
    return not kind & (1 | 4)


class _Entry(NamedTuple):
    kind: int
    size: int  # in bytes
    value: bytes  # if it stands in the directory itself
    at: int  # where it is, if not


class _Directory(NamedTuple):
    entries: dict[int, _Entry]
    claimed: int  # bytes that they have elsewhere, those that several have counted as often
    following: int  # where the next one is


class _Budget:
    """So many bytes and no more: fields may claim the same bytes again and again."""

    def __init__(self, size: int) -> None:
        self._left = size

    def allows(self, size: int) -> bool:
        if size > self._left:
            return False
        self._left -= size
        return True


@dataclass
class _Reader:
    file: IO[bytes]
    length: int
    order: str
    wide: bool  # BigTIFF: offsets have 64 bit
    first: int

    @classmethod
    def of(cls, file: IO[bytes]) -> _Reader | None:
        """None if it is no TIFF file, nor EXIF."""
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 8:
            return None
        if struct.unpack(f"{order}H", head[2:4])[0] == 43:
            return cls(file, length, order, True, struct.unpack(f"{order}Q", head[8:])[0]) if len(head) == 16 else None
        return cls(file, length, order, False, struct.unpack(f"{order}I", head[4:8])[0])

    def directories(self) -> Iterator[_Directory]:
        seen = set()
        at = self.first
        while at and at not in seen and (directory := self.directory(at)):
            seen.add(at)
            yield directory
            at = directory.following
        if at and at not in seen:
            raise ValueError(f"page {len(seen) + 1} is not there")

    def directory(self, at: int) -> _Directory | None:
        head, each, link = (8, 20, 8) if self.wide else (2, 12, 4)
        if not at or len(counted := self._read(at, head)) < head:
            return None
        offset, sizes = ("Q", _SIZES_64) if self.wide else ("I", SIZES)
        count = struct.unpack(f"{self.order}{'Q' if self.wide else 'H'}", counted)[0]
        count = min(count, (self.length - at - head) // each, 65_535)
        table = self._read(at + head, count * each)
        entries: dict[int, _Entry] = {}
        claimed = 0
        for place in range(0, len(table), each):
            tag, kind, number = struct.unpack_from(f"{self.order}HH{offset}", table, place)
            value = table[place + each - link : place + each]
            size = sizes.get(kind, 0) * number
            inside = size <= len(value)
            there = 0 if inside else struct.unpack(f"{self.order}{offset}", value)[0]
            claimed += 0 if inside else min(size, max(0, self.length - there))
            if size:
                entries.setdefault(tag, _Entry(kind, size, value[:size] if inside else b"", there))
        following = self._read(at + head + count * each, link)
        return _Directory(entries, claimed, struct.unpack(f"{self.order}{offset}", following)[0] if following else 0)

    def exif(self, directory: _Directory) -> Exif:
        budget = _Budget(min(_LARGEST, self.length))
        result = Exif(self.order, self._fields(directory, budget))
        result.orientation = self.number(directory, ORIENTATION, 1)
        for tag, part in ((DETAILS, result.details), (GPS, result.gps)):
            inner = self.directory(self.number(directory, tag))
            if inner is None:
                continue
            part.update(self._fields(inner, budget))
            if part is result.details:
                within = self.directory(self.number(inner, _INTEROPERABILITY))
                result.interoperability.update(self._fields(within, budget) if within else {})
            if part is result.details and _MAKER_NOTE in part and inner.entries[_MAKER_NOTE].at <= _LARGEST_OFFSET:
                result.maker_note_at = inner.entries[_MAKER_NOTE].at
        return result

    def _fields(self, directory: _Directory, budget: _Budget) -> Directory:
        loaded = {tag: self.load(entry, budget) for tag, entry in directory.entries.items() if tag not in _OF_THE_FILE}
        return {tag: value for tag, value in loaded.items() if value is not None and value.kind in SIZES}

    def number(self, directory: _Directory, tag: int, default: int = 0) -> int:
        """The first number of a field."""
        value = self.load(directory.entries.get(tag), _Budget(_LARGEST))
        kinds = {1: "B", SHORT: "H", LONG: "I", 13: "I", 16: "Q", 18: "Q"}
        if value is None or value.kind not in kinds:
            return default
        return int(struct.unpack_from(self.order + kinds[value.kind], value.data)[0])

    def load(self, entry: _Entry | None, budget: _Budget) -> Field | None:
        """The field, if it is there whole."""
        if entry is None or not budget.allows(entry.size):
            return None
        data = entry.value or self._read(entry.at, entry.size)
        return Field(entry.kind, data) if len(data) == entry.size else None

    def _read(self, at: int, size: int) -> bytes:
        if not 0 <= at <= self.length - size:
            return b""
        self.file.seek(at)
        return self.file.read(size)
