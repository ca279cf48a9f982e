"""Which formats are read and written, and what each of them holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from colorize.errors import PhotoError

MAX_PIXELS = 175_000_000  # more is a mistake or an attack: half a gigabyte in RGB; Pillow itself stops a little above
MAX_PAGES = 10_000  # of a TIFF file
LONGEST_JPEG = 65_500  # px, what the format holds

# What is opened at all, by the module of Pillow that does it. Pillow knows more, among it formats that are programs: it
# has EPS run by Ghostscript.
READERS = {
    "AVIF": "Avif",
    "BMP": "Bmp",
    "DIB": "Bmp",
    "GIF": "Gif",
    "JPEG": "Jpeg",
    "JPEG2000": "Jpeg2K",
    "PCX": "Pcx",
    "PNG": "Png",
    "PPM": "Ppm",
    "PSD": "Psd",
    "QOI": "Qoi",
    "SGI": "Sgi",
    "TGA": "Tga",
    "TIFF": "Tiff",
    "WEBP": "WebP",
}

# Names by which photos are found in folders; the content of a file decides what it is.
_NAMES = "avif bmp dib gif j2k jfif jp2 jpe jpeg jpg mpo pbm pcx pgm png pnm ppm psd qoi sgi tga tif tiff webp"
# Those that need one package more are looked for all the same: a photo that cannot be read fails, and is not ignored.
_HEIF_NAMES = "heic heif hif"
_RAW_NAMES = "3fr arw cr2 cr3 crw dcr dng erf fff iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f"

HEIF_SUFFIXES = frozenset(f".{name}" for name in _HEIF_NAMES.split())
RAW_SUFFIXES = frozenset(f".{name}" for name in _RAW_NAMES.split())
SUFFIXES = frozenset(f".{name}" for name in _NAMES.split()) | HEIF_SUFFIXES | RAW_SUFFIXES


_ANY = 1 << 62  # bytes: as many as there are
_SEGMENT = 65_533  # bytes of a JPEG segment


@dataclass(frozen=True)
class Format:
    """A format that photos are written in."""

    name: str
    quality: int | None = None  # the default, 1 to 100; None where there is nothing to choose
    sixteen_bit: bool = False
    alpha: bool = False
    pages: bool = False
    # Bytes for which there is room; 0 where the format does not hold this at all.
    exif: int = _ANY
    xmp: int = _ANY
    iptc: int = 0
    text: int = 0  # each text
    texts: str = ""  # which of the photo's texts: "Comment", or "all"
    longest: int = 1 << 31  # px of a side


JPEG = Format(
    "JPEG",
    quality=95,
    exif=_SEGMENT - len(b"Exif\0\0"),
    xmp=_SEGMENT - len(b"http://ns.adobe.com/xap/1.0/\0"),
    iptc=_SEGMENT - 64,
    text=_SEGMENT - 1,
    texts="Comment",
    longest=LONGEST_JPEG,
)
PNG = Format("PNG", sixteen_bit=True, alpha=True, text=_ANY, texts="all")
TIFF = Format("TIFF", sixteen_bit=True, alpha=True, pages=True, iptc=_ANY)
WEBP = Format("WebP", quality=95, alpha=True, longest=16_383)
AVIF = Format("AVIF", quality=90, alpha=True, longest=65_536)

WRITERS: dict[str, Format] = {
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".jpe": JPEG,
    ".jfif": JPEG,
    ".png": PNG,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".webp": WEBP,
    ".avif": AVIF,
}


def writer(target: Path) -> Format:
    """The format that `target` asks for. Raises `PhotoError`."""
    try:
        return WRITERS[target.suffix.lower()]
    except KeyError:
        known = ", ".join(WRITERS)
        raise PhotoError(
            f"{target}: cannot write {target.suffix or 'a file without suffix'}, expected {known}"
        ) from None


def result_suffix(source: Path, file_format: str | None = None) -> str:
    """Choose the suffix of a source's result.

    Args:
        source: the photo's path.
        file_format: a format by its suffix without the dot; None for the source's own, where that can be written in
            color. Otherwise JPEG for photos of cameras and telephones, and PNG for the rest.

    Returns:
        The source's own suffix if it stands for the format, else the format's.
    """
    suffix = source.suffix.lower()
    if file_format is not None:
        wanted = f".{file_format}"
        return source.suffix if WRITERS.get(suffix) is WRITERS[wanted] else wanted
    if suffix in WRITERS:
        return source.suffix
    return ".jpg" if suffix in HEIF_SUFFIXES | RAW_SUFFIXES | {".mpo"} else ".png"


def is_only_read(kind: str) -> bool:
    """Whether results of photos in a format, by Pillow's name of it, are in another one."""
    return kind != "MPO" and _own_suffix(kind) is None  # MPO: JPEGs in a row


def suffix_of(kind: str) -> str:
    """The suffix for results of photos in a format, by Pillow's name of it."""
    return _own_suffix(kind) or (".jpg" if kind in ("HEIF", "MPO") else ".png")


def _own_suffix(kind: str) -> str | None:
    return next((suffix for suffix, format_ in WRITERS.items() if format_.name.upper() == kind), None)
