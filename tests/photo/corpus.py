"""Photo files of every kind, whole and broken, made from a photograph (Chelsea, by Stéfan van der Walt, CC0)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms
from skimage import data

from colorize import photo
from colorize.errors import PhotoError
from colorize.photo import Photo

DESCRIPTION, ORIENTATION, ARTIST = 0x010E, 0x0112, 0x013B
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="A Scanner">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="uuid:17" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6">'
    '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Müllers Hof &amp; Garten</rdf:li></rdf:Alt></dc:title>'
    "</rdf:Description></rdf:RDF></x:xmpmeta>\n" + 20 * " " + '<?xpacket end="w"?>'
).encode()
IPTC = b"\x1c\x02\x78\x00\x0cGrandmother." + b"\x1c\x02\x5a\x00\x06Vienna"  # caption and city


def cat(step: int = 4) -> Image.Image:
    """RGB, 112 × 75 px at the step given."""
    return Image.fromarray(np.ascontiguousarray(data.chelsea()[::step, ::step]))


def in_color(page: Photo) -> Photo:
    """With colors that are its own grays: what went in can be found in what comes out."""
    if isinstance(page.pixels, Image.Image):
        return page.with_colors(page.pixels.convert("RGB"))
    return page.with_colors(np.repeat(page.pixels[..., None], 3, axis=2).astype(np.uint16))


def encoded(image: Image.Image, format_: str, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **settings)
    return buffer.getvalue()


def described(orientation: int = 1) -> Image.Exif:
    """EXIF with something in each directory."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[DESCRIPTION], exif[ARTIST] = orientation, "a square", "somebody"
    exif.get_ifd(ExifTags.IFD.Exif).update({0x9003: "1951:02:03 04:05:06", 0x927C: b"maker" * 9, 0xA001: 65535})
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (48.0, 12.0, 3.5)})
    return exif


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG file."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def photoshop(iptc: bytes) -> bytes:
    """What a JPEG's APP13 segment holds."""
    return b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises more than it holds."""
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return start + struct.pack(">I", 1000) + b"IDAT"


def with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    """A PNG with one chunk more, behind its header."""
    return png[:33] + chunk(name, content) + png[33:]


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """A JPEG with more segments, at its beginning."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def greedy_exif(size: int, fields: int) -> bytes:
    """EXIF whose fields all claim the same `size` bytes."""
    entries = b"".join(struct.pack("<HHII", 0x5000 + field, 7, size, 8) for field in range(fields))
    directory = b"II*\0" + struct.pack("<IH", 8, fields) + entries + bytes(4)
    return directory + bytes(max(0, size + 8 - len(directory)))


def linear_profile(space: bytes) -> bytes:
    """A profile whose levels are proportional to light: sRGB's with straight curves, or the same for gray."""
    tags = {b"wtpt": struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061), b"curv": struct.pack(">4s4xI", b"curv", 0)}
    if space == b"RGB ":
        columns = {b"rXYZ": (28578, 14582, 912), b"gXYZ": (25241, 46981, 6362), b"bXYZ": (9378, 3973, 46786)}
        tags |= {name: struct.pack(">4s4x3i", b"XYZ ", *column) for name, column in columns.items()}
        curves = [b"rTRC", b"gTRC", b"bTRC"]
    else:
        curves = [b"kTRC"]
    curve = tags.pop(b"curv")
    tags |= dict.fromkeys(curves, curve)
    offset = 132 + 12 * len(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        directory += struct.pack(">4sII", name, offset + len(body), len(content))
        body += content
    size = 128 + len(directory) + len(body)
    header = struct.pack(">I4xI4s4s4s", size, 0x02400000, b"mntr", space, b"XYZ ").ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + directory + body


def from_linear(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB's level, 0 to 1, of light (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def tiff(levels: NDArray[Any], **settings: Any) -> bytes:
    """A TIFF file of an array, as other programs write it."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, levels, metadata=None, software=False, **settings)
    return buffer.getvalue()


def pages(*images: Image.Image) -> bytes:
    return encoded(images[0], "TIFF", save_all=True, append_images=list(images[1:]), compression="tiff_lzw")


def whole(step: int = 4) -> dict[str, bytes]:
    """Small photos of every format and mode that is read, by a name for each."""
    color = cat(step)
    gray = color.convert("L")
    deep = np.asarray(gray).astype(np.uint16) * 257
    transparent = color.copy()
    transparent.putalpha(Image.linear_gradient("L").resize(color.size))
    told: dict[str, Any] = {"exif": described(6), "xmp": PACKET, "icc_profile": SRGB}
    jpeg = encoded(gray, "JPEG", quality=90, dpi=(300, 300), **told)
    return {
        "gray.jpg": with_segments(jpeg, segment(0xED, photoshop(IPTC))),
        "color.jpg": encoded(color, "JPEG", **told),
        "progressive.jpg": encoded(color, "JPEG", progressive=True),
        "restarts.jpg": encoded(gray, "JPEG", restart_marker_rows=1),
        "cmyk.jpg": encoded(color.convert("CMYK"), "JPEG"),
        "gray.png": encoded(gray, "PNG", dpi=(300, 300), exif=described(), icc_profile=linear_profile(b"GRAY")),
        "color.png": encoded(color, "PNG", icc_profile=SRGB),
        "palette.png": encoded(color.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
        "one-bit.png": encoded(gray.convert("1"), "PNG"),
        "sixteen.png": encoded(Image.fromarray(deep), "PNG"),
        "alpha.png": encoded(transparent, "PNG"),
        "gray-alpha.png": encoded(transparent.convert("LA"), "PNG"),
        "gray.webp": encoded(gray, "WEBP", lossless=True, **told),
        "alpha.webp": encoded(transparent, "WEBP"),
        "gray.avif": encoded(gray, "AVIF", **told),
        "gray.tif": encoded(gray, "TIFF", exif=described(6), dpi=(300, 300)),
        "lzw.tif": encoded(gray, "TIFF", compression="tiff_lzw"),
        "jpeg.tif": encoded(color, "TIFF", compression="jpeg"),
        "group4.tif": encoded(gray.convert("1"), "TIFF", compression="group4"),
        "sixteen.tif": encoded(Image.fromarray(deep), "TIFF"),
        "float.tif": encoded(Image.fromarray(deep.astype(np.float32) / 65535), "TIFF"),
        "integer.tif": encoded(Image.fromarray(deep.astype(np.int32)), "TIFF"),
        "cmyk.tif": encoded(color.convert("CMYK"), "TIFF", compression="tiff_lzw"),
        "lab.tif": encoded(_lab(color), "TIFF"),
        "ycbcr.tif": encoded(color.convert("YCbCr"), "TIFF", compression="tiff_lzw"),
        "tiles.tif": tiff(np.asarray(gray), tile=(16, 16), compression="zlib", predictor=True),
        "forty-eight.tif": tiff(np.asarray(color).astype(np.uint16) * 257, photometric="rgb"),
        "large.tif": tiff(np.asarray(gray), bigtiff=True),
        "pages.tif": pages(gray, color, gray.convert("1")),
        "animated.gif": encoded(gray, "GIF", save_all=True, append_images=[gray.rotate(180)]),
        "animated.webp": encoded(gray, "WEBP", save_all=True, append_images=[gray.rotate(180)], lossless=True),
        "animated.png": encoded(gray, "PNG", save_all=True, append_images=[gray.rotate(180)]),
        "gray.bmp": encoded(gray, "BMP"),
        "color.tga": encoded(color, "TGA", compression="tga_rle"),
        "gray.pgm": encoded(gray, "PPM"),
        "deep.pgm": encoded(Image.fromarray(deep.astype(np.int32)), "PPM"),
        "plain.pgm": b"P2\n3 2\n255\n0 50 100\n150 200 250\n",
        "gray.pcx": encoded(gray, "PCX"),
        "color.sgi": encoded(color, "SGI"),
        "gray.jp2": encoded(gray, "JPEG2000"),
        "color.mpo": encoded(color, "MPO", save_all=True, append_images=[color]),
        "color.qoi": encoded(color, "QOI"),
    }


def _lab(image: Image.Image) -> Image.Image:
    lab = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    return lab


def heic(image: Image.Image, **settings: Any) -> bytes:
    """A photo of a telephone. Needs pillow-heif."""
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, chroma=444, **settings)
    return buffer.getvalue()


def dng() -> bytes:
    """Camera raw as simple as it can be: a mosaic of light, red twice as bright as blue."""
    mosaic = np.zeros((64, 96), np.uint16)
    mosaic[0::2, 0::2], mosaic[0::2, 1::2], mosaic[1::2, 0::2], mosaic[1::2, 1::2] = 30_000, 20_000, 20_000, 15_000
    identity = [value for row in np.eye(3, dtype=int).tolist() for each in row for value in (each, 1)]
    tags: list[Any] = [
        (50706, "B", 4, (1, 4, 0, 0), True),  # DNG version
        (50708, "s", 0, "A Camera", True),
        (33421, "H", 2, (2, 2), True),  # the mosaic's pattern: red, green, green, blue
        (33422, "B", 4, (0, 1, 1, 2), True),
        (50717, "I", 1, 65535, True),  # white
        (50721, "2i", 9, identity, True),  # XYZ to camera
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),  # neutral
        (271, "s", 0, "A Maker", True),
        (DESCRIPTION, "s", 0, "negative 17", True),
    ]
    return tiff(mosaic, photometric=32803, subfiletype=0, extratags=tags)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that want much."""
    zeros = zlib.compress(bytes(70_000_000), 9)
    small = encoded(Image.new("L", (8, 8), 100), "PNG")
    jpeg = encoded(Image.new("L", (8, 8), 100), "JPEG")
    yield "pixels.png", png_header(100_000, 100_000)
    yield "more-pixels.png", png_header(17_600, 10_001)
    yield "pixels.tif", encoded(Image.new("1", (17_600, 10_000)), "TIFF", compression="group4")
    yield "data.png", small[:33] + chunk(b"IDAT", zeros) + chunk(b"IEND", b"")
    yield "profile.png", with_chunk(small, b"iCCP", b"x\0\0" + zeros)
    yield "text.png", with_chunk(small, b"zTXt", b"x\0\0" + zeros)
    yield "international.png", with_chunk(small, b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zeros)
    yield "many-texts.png", small[:33] + chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(1_000_000))) * 100 + small[33:]
    yield "exif.png", with_chunk(small, b"eXIf", greedy_exif(5_000_000, 20_000))
    greedy = greedy_exif(400_000, 30_000)
    parts = (greedy[at : at + 60_000] for at in range(0, len(greedy), 60_000))
    yield "exif.jpg", with_segments(jpeg, *(segment(0xE1, b"Exif\0\0" + part) for part in parts))
    yield "pictures.jpg", with_segments(jpeg, segment(0xE2, b"MPF\0" + greedy_exif(60_000, 4_900)))
    yield "tags.tif", greedy_exif(5_000_000, 20_000)
    yield "circle.tif", _circle()
    yield "pages.tif", empty_pages(50_000)
    yield "scans.jpg", _scans(5_000)
    yield "entities.png", with_chunk(small, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _laughs())
    # Made harmless first: Pillow itself falls for it when it writes one.
    greedy = greedy_exif(1_000_000, 20_000)
    harmless = b"II*\0" + struct.pack("<IHI", 8, 0, 0).ljust(len(greedy) - 4, b"\0")
    yield "exif.avif", encoded(Image.new("L", (8, 8)), "AVIF", exif=b"Exif\0\0" + harmless).replace(harmless, greedy)
    yield "exif.webp", encoded(Image.new("L", (8, 8)), "WEBP", exif=b"Exif\0\0" + greedy_exif(5_000_000, 20_000))


def _circle() -> bytes:
    """A TIFF file whose only page is followed by itself."""
    page = bytearray(encoded(Image.new("L", (8, 8), 100), "TIFF"))
    at = struct.unpack_from("<I", page, 4)[0]
    count = struct.unpack_from("<H", page, at)[0]
    struct.pack_into("<I", page, at + 2 + 12 * count, at)
    return bytes(page)


def empty_pages(count: int) -> bytes:
    """A TIFF file of so many pages without anything."""
    directories = (struct.pack("<HI", 0, 8 + 6 * (number + 1)) for number in range(count - 1))
    return b"II*\0" + struct.pack("<I", 8) + b"".join(directories) + struct.pack("<HI", 0, 0)


def _scans(count: int) -> bytes:
    """A progressive JPEG of 120 megapixels that is gone over again and again: minutes of work in a few kilobytes."""
    jpeg = encoded(Image.new("L", (16, 16), 100), "JPEG", progressive=True)
    frame = jpeg.index(b"\xff\xc2")
    jpeg = jpeg[: frame + 5] + struct.pack(">HH", 12_000, 10_000) + jpeg[frame + 9 :]
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + scan * count + jpeg[-2:]


def _laughs() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return f'<!DOCTYPE x [<!ENTITY l0 "ha">{entities}]><x>&l11;</x>'.encode()


# What is promised of any file


def attempt(content: bytes, name: str) -> list[photo.Photo] | None:
    """The pages of a file, or None for one that is refused as it should be."""
    try:
        pages = list(photo.pages(io.BytesIO(content), name))
    except PhotoError as error:
        message = str(error)
        assert message.startswith(f"{name}: "), message
        assert len(message) > len(name) + 10
        assert "\n" not in message
        return None
    assert pages
    for page in pages:
        check(page)
    return pages


def check(page: photo.Photo) -> None:
    """It is what `Photo` says that it is, and can be written."""
    width, height = page.size
    assert width * height <= photo.MAX_PIXELS
    assert page.levels.shape[:2] == (height, width)
    assert page.levels.ndim == 2 or page.levels.shape[2] == 3
    assert page.levels.dtype in (np.uint8, np.uint16)
    assert page.alpha is None or page.alpha.shape == (height, width)
    if width * height < 100_000:
        buffer = io.BytesIO()
        told = photo.metadata.of_result(in_color(page), photo.formats.PNG)
        photo.png.write(buffer, page, told, b"")
