"""XMP packets: kept as they are, but for what is not true of the colored photo any more.

A packet is XML that many programs have written into. It is not taken apart and built again, which would rename its
prefixes and reorder it: the few places that change are found by the parser and replaced in the text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from xml.parsers import expat

# "Edited using Generative AI": augmentation, correction or enhancement using a generative AI model. (Not
# `algorithmicallyEnhanced`, which is without generative AI, nor `trainedAlgorithmicMedia`, which is all made by it.)
# IPTC Photo Metadata Standard, "Digital Source Type"; http://cv.iptc.org/newscodes/digitalsourcetype/
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_REGIONS = "http://www.metadataworkinggroup.com/schemas/regions/"
_OURS = "urn:colorize:photo:"
_LARGEST = 1 << 24  # bytes of a packet that is kept at all
_SEPARATOR = " "  # between namespace and name, as expat gives them

_ROOT = f"{_RDF}{_SEPARATOR}RDF"
_ABOUT = (f"{_RDF}{_SEPARATOR}about", "about")

# Properties that are not true of the picture as it is read: left out wherever they stand.
_OF_THE_FILE = frozenset(
    {
        f"{_TIFF}{_SEPARATOR}Orientation",
        f"{_NOTE}{_SEPARATOR}HasExtendedXMP",  # further segments of a JPEG file, which do not come along
        f"{_XMP}{_SEPARATOR}Thumbnails",  # gray ones
        # The result is in sRGB, whatever the photo was in.
        f"{_PHOTOSHOP}{_SEPARATOR}ICCProfile",
        f"{_PHOTOSHOP}{_SEPARATOR}ColorMode",
        f"{_EXIF}{_SEPARATOR}ColorSpace",
        f"{_TIFF}{_SEPARATOR}PhotometricInterpretation",
        f"{_TIFF}{_SEPARATOR}SamplesPerPixel",
        f"{_TIFF}{_SEPARATOR}BitsPerSample",
    }
)
# And those that are not once it is turned.
_OF_THE_SIDE = frozenset(
    {
        f"{_TIFF}{_SEPARATOR}ImageWidth",
        f"{_TIFF}{_SEPARATOR}ImageLength",
        f"{_TIFF}{_SEPARATOR}ImageHeight",
        f"{_EXIF}{_SEPARATOR}PixelXDimension",
        f"{_EXIF}{_SEPARATOR}PixelYDimension",
        f"{_REGIONS}{_SEPARATOR}Regions",  # where faces are
    }
)
# And those that the statement about its colors takes the place of.
_OF_THE_SOURCE = frozenset(
    {
        f"{_IPTC}{_SEPARATOR}DigitalSourceType",
        f"{_IPTC}{_SEPARATOR}DigitalSourcefileType",  # its name in older versions of the standard
        f"{_OURS}{_SEPARATOR}SourceSHA256",
    }
)


def of_picture(packet: bytes, *, turned: bool = False) -> bytes:
    """Leave out of a packet what is only true of the file it is from.

    Args:
        packet: of the file.
        turned: whether the picture was put upright.

    Returns:
        The packet; b"" if it is no XMP or damaged.
    """
    if len(packet) > _LARGEST:
        return b""
    text = _as_utf8(packet)
    try:
        return _replaced(text, _find(text, _OF_THE_FILE | _OF_THE_SIDE if turned else _OF_THE_FILE).pieces)
    except (expat.ExpatError, ValueError):
        return b""


def has_regions(packet: bytes) -> bool:
    """Whether a packet says where things are in the picture."""
    return _REGIONS.encode() in packet


_MADE_OF = re.compile(rb"""SourceSHA256\s*(?:=\s*["']|>)\s*([0-9a-f]{64})""")  # as we, or others, write it


def made_of(packet: bytes) -> str:
    """The SHA-256 of the file that a result was made of, in hexadecimal; "" if the packet does not say."""
    found = _MADE_OF.search(packet)
    return found[1].decode() if found else ""


def with_source_type(packet: bytes, sha256: str = "") -> bytes:
    """Say in a packet that the colors are generated (`SOURCE_TYPE`), and of which file.

    Args:
        packet: of the photo; b"" if it has none.
        sha256: of the photo's file, in hexadecimal; "" if it is not known.

    Returns:
        The packet, or a new one.
    """
    text = of_picture(packet)
    if text:
        found = _find(text, _OF_THE_SOURCE)
        statement = _statement(found.about, sha256)
        if statement in text:
            return text
        if found.end:
            return _replaced(text, [*found.pieces, (found.end, found.end, statement)])
    return (
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="%s">%s</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
        % (_RDF.encode(), _statement("", sha256))
    )


def without_padding(packet: bytes) -> bytes:
    """The packet without the room that is left in it for others to write into."""
    head, mark, tail = packet.rpartition(b"<?xpacket end=")
    return head.rstrip() + mark + tail if mark else packet


def _statement(about: str, sha256: str) -> bytes:
    origin = f' xmlns:colorize="{_OURS}" colorize:SourceSHA256="{sha256}"' if sha256 else ""
    # XMP wants the same `about` in all of a packet's descriptions.
    return (
        f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about="{escape(about)}" xmlns:Iptc4xmpExt="{_IPTC}" '
        f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"{origin}/>'
    ).encode("ascii", "xmlcharrefreplace")


@dataclass
class _Found:
    pieces: list[tuple[int, int, bytes]] = field(default_factory=list)  # from, to, what instead
    about: str = ""  # what the packet's descriptions are about
    end: int = 0  # where the last RDF element ends, before its end tag; 0 if there is none


def _find(text: bytes, stale: frozenset[str]) -> _Found:
    """Raises `ExpatError` or `ValueError` for what is no XMP."""
    found = _Found()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.namespace_prefixes = True  # names are: namespace, name, prefix
    stale_from: list[int] = []  # the stale element that is open, if any
    depth = 0  # of the elements open within it
    root_at = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, root_at
        if stale_from:
            depth += 1
            return
        if _without_prefix(name) in stale:
            stale_from.append(parser.CurrentByteIndex)
            return
        if _without_prefix(name) == _ROOT:
            root_at = parser.CurrentByteIndex
        if _without_prefix(name) == f"{_RDF}{_SEPARATOR}Description" and not found.about:
            found.about = next((value for key, value in attributes.items() if _without_prefix(key) in _ABOUT), "")
        gone = {_as_written(key) for key in attributes if _without_prefix(key) in stale}
        if gone:
            spans = _attributes(text, parser.CurrentByteIndex)
            found.pieces += [(begin, until, b"") for written, begin, until in spans if written in gone]

    def end(name: str) -> None:
        nonlocal depth
        if depth:
            depth -= 1
        elif stale_from:
            begin = stale_from.pop()
            until = _end_of_tag(text, begin)
            if not _is_empty(text, until):
                until = _end_of_tag(text, parser.CurrentByteIndex)
            found.pieces.append((begin, until, b""))
        elif _without_prefix(name) == _ROOT and not _is_empty(text, _end_of_tag(text, root_at)):
            found.end = parser.CurrentByteIndex

    def refuse(*_: object) -> None:
        raise ValueError("a document type, which XMP has none of")  # and so no entities that grow

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(text, True)
    return found


def _without_prefix(name: str) -> str:
    return _SEPARATOR.join(name.split(_SEPARATOR)[:2])


def _as_written(name: str) -> bytes:
    parts = name.split(_SEPARATOR)
    return (f"{parts[2]}:{parts[1]}" if len(parts) == 3 else parts[-1]).encode()


_TAG_NAME = re.compile(rb"</?[^\s/>]+")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=]+)\s*=\s*(?:"[^"]*"|'[^']*')""")


def _attributes(text: bytes, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Name and place of every attribute of the well-formed tag that begins at `at`."""
    name = _TAG_NAME.match(text, at)
    until = name.end() if name else at
    while attribute := _ATTRIBUTE.match(text, until):
        until = attribute.end()
        yield attribute[1], attribute.start(), until


def _end_of_tag(text: bytes, at: int) -> int:
    inside = max((until for _, _, until in _attributes(text, at)), default=at)
    return text.index(b">", inside) + 1


def _is_empty(text: bytes, until: int) -> bool:
    """Whether the tag that ends there is of the kind <such/>."""
    return text[until - 2 : until] == b"/>"


def _replaced(text: bytes, pieces: list[tuple[int, int, bytes]]) -> bytes:
    result, done = [], 0
    for begin, until, instead in sorted(pieces):
        result += [text[done:begin], instead]
        done = until
    return b"".join([*result, text[done:]])


_UTF_16 = (
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


def _as_utf8(packet: bytes) -> bytes:
    """What files hold is UTF-8; the standard knows others, too."""
    for start, encoding in _UTF_16:
        if packet.startswith(start):
            packet = packet.decode(encoding, "replace").lstrip("\ufeff").encode()
    return packet.removeprefix(codecs.BOM_UTF8).rstrip(b"\0 ")
