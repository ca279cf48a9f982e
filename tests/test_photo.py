"""Photo files in and out: whatever they hold comes out right, and nothing is ever half-written."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin
from skimage import data

from colorize import photo
from colorize.errors import PhotoError

_ORIENTATION = 0x0112
_DESCRIPTION = 0x010E
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def colour() -> Image.Image:
    return Image.fromarray(data.chelsea()[::4, ::4])


def coloured(opened: photo.Photo) -> photo.Photo:
    """With its own greys for colours."""
    return opened.with_colours(opened.image.convert("RGB"))


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".webp", ".avif", ".tif", ".tiff", ".bmp"])
def test_what_is_saved_is_what_is_opened(suffix: str, colour: Image.Image, tmp_path: Path) -> None:
    target = tmp_path / "folder" / f"cat{suffix}"
    photo.save(photo.Photo(colour), target)
    opened = photo.open(target)
    assert (opened.image.mode, opened.size, opened.alpha) == ("RGB", colour.size, None)
    difference = np.abs(np.asarray(opened.image).astype(int) - np.asarray(colour)).mean()
    assert difference < (3 if suffix.lower() in (".jpg", ".jpeg", ".webp", ".avif") else 1e-9)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_jpegs_keep_all_of_the_colour(colour: Image.Image, tmp_path: Path) -> None:
    photo.save(photo.Photo(colour), tmp_path / "cat.jpg")
    with Image.open(tmp_path / "cat.jpg") as saved:
        assert [layer[1:3] for layer in saved.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]  # 4:4:4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_not_passed_on(orientation: int, tmp_path: Path) -> None:
    turned = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }  # how the camera held it: what undoes the orientation
    upright = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10)
    stored = upright
    for step in turned[orientation]:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    exif[_DESCRIPTION] = "levels"
    stored.save(tmp_path / "a.png", exif=exif)
    opened = photo.open(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(opened.image), np.asarray(upright))
    photo.save(coloured(opened), tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as saved:
        assert saved.size == upright.size
        assert dict(saved.getexif()) == {_DESCRIPTION: "levels"}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_what_is_upright_is_not_turned_again(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.new("L", (6, 4)).save(tmp_path / f"a{suffix}", exif=exif)
    opened = photo.open(tmp_path / f"a{suffix}")
    assert opened.size == photo.to_photo(opened.image).size == (4, 6)


def test_a_badly_typed_tag_leaves_neither_the_photo_on_its_side_nor_the_other_tags_behind(tmp_path: Path) -> None:
    """ResolutionUnit as text, which Pillow reads but does not write; viewers turn such photos all the same."""
    image = Image.new("L", (6, 4))
    image.putpixel((0, 0), 255)
    exif = b"".join(
        (
            b"Exif\0\0II*\0\x08\0\0\0\x03\0",
            b"\x0f\x01\x02\0\x04\0\0\0Abc\0",  # Make: "Abc"
            b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0",  # Orientation: 6
            b"\x28\x01\x02\0\x02\0\0\0x\0\0\0",  # ResolutionUnit: "x"
            b"\0\0\0\0",
        )
    )
    image.save(tmp_path / "a.jpg", exif=exif)
    opened = photo.open(tmp_path / "a.jpg")
    assert opened.size == (4, 6)
    kept = Image.Exif()
    kept.load(opened.exif)
    assert dict(kept) == {271: "Abc"}


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_scans_in_tiff_files_that_lie_on_their_side_come_out_right(
    compression: str | None, depth: type[np.unsignedinteger], tmp_path: Path
) -> None:
    """Pillow 12.3 mixes up the rows of uncompressed ones that it opens by their path."""
    upright = np.arange(240, dtype=np.uint8).reshape(12, 20)
    stored = np.rot90(upright).astype(depth) * (257 if depth is np.uint16 else 1)
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.tif", exif=exif, compression=compression)
    np.testing.assert_array_equal(np.asarray(photo.open(tmp_path / "a.tif").image), upright)
    with (tmp_path / "a.tif").open("rb") as file:
        np.testing.assert_array_equal(np.asarray(photo.open(file).image), upright)


@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".avif", ".tif"])
def test_exif_travels_whole_but_for_what_is_not_true_any_more(target: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[_ORIENTATION], exif[_DESCRIPTION], exif[0x013B] = 8, "a square", "somebody"
    exif.get_ifd(ExifTags.IFD.Exif).update({0x9003: "1951:02:03 04:05:06", 0x927C: b"maker" * 9, 0xA001: 65535})
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (48.0, 12.0, 3.5)})
    Image.new("L", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    opened = photo.open(tmp_path / "a.jpg")
    photo.save(coloured(opened), tmp_path / f"b{target}")
    with Image.open(tmp_path / f"b{target}") as saved:
        assert saved.size == (4, 6)
        result = saved.getexif()
        assert [result.get(tag) for tag in (_ORIENTATION, _DESCRIPTION, 0x013B)] == [None, "a square", "somebody"]
        inner = {0x9003: "1951:02:03 04:05:06", 0x927C: b"maker" * 9, 0xA001: 1}  # the colours are sRGB now
        assert dict(result.get_ifd(ExifTags.IFD.Exif)) == inner
        assert dict(result.get_ifd(ExifTags.IFD.GPSInfo)) == {1: "N", 2: (48.0, 12.0, 3.5)}


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif"])
def test_of_a_tiff_file_the_description_travels_and_the_layout_stays(target: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[_DESCRIPTION] = "a scan"
    levels = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    Image.fromarray(levels).save(tmp_path / "a.tif", exif=exif, dpi=(600, 600))
    opened = photo.open(tmp_path / "a.tif")
    photo.save(coloured(opened), tmp_path / f"b{target}")
    with Image.open(tmp_path / f"b{target}") as saved:
        assert saved.getexif()[_DESCRIPTION] == "a scan"
        assert saved.info["dpi"] == pytest.approx((600, 600), abs=0.1)
        assert target == ".tif" or 0x0102 not in saved.getexif()  # bits per sample, of the scan
        assert np.abs(np.asarray(saved)[..., 0] - levels / 257).max() < (5 if target == ".jpg" else 0.6)


def test_exif_that_jpeg_cannot_hold_is_no_reason_to_lose_the_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[_DESCRIPTION] = "with much to say"
    exif.get_ifd(ExifTags.IFD.Exif)[0x927C] = b"x" * 70_000
    Image.new("L", (6, 4)).save(tmp_path / "a.png", exif=exif)
    opened = photo.open(tmp_path / "a.png")
    assert len(opened.exif) > 70_000
    photo.save(coloured(opened), tmp_path / "b.jpg")
    assert photo.open(tmp_path / "b.jpg").exif == b""


def test_the_callers_image_is_left_alone() -> None:
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((20, 10)).save(buffer, "PNG", exif=exif, icc_profile=SRGB)
    with Image.open(buffer) as image:
        image.load()
        before = image.tobytes()
        assert photo.to_photo(image).size == (10, 20)
        assert (image.size, image.tobytes(), image.getexif()[_ORIENTATION]) == ((20, 10), before, 6)
        assert photo.to_photo(image).size == (10, 20)


def test_an_image_without_pixels_is_told() -> None:
    with pytest.raises(PhotoError, match=r"^expected an image of 1×1 px or more, got 0×5$"):
        photo.to_photo(Image.new("L", (0, 5)))


def test_sixteen_bit_and_float_levels_are_scaled_not_cut_off(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 256).reshape(16, 16)
    expected = np.rint(ramp * 255)
    contents: dict[str, NDArray[Any]] = {
        "16.png": (ramp * 65535).astype(np.uint16),
        "16.tif": (ramp * 65535).astype(np.uint16),
        "unit.tif": ramp.astype(np.float32),
        "bytes.tif": (ramp * 255).astype(np.float32),
        "any.tif": (ramp * 4000 - 1000).astype(np.float32),
        "32.tif": (ramp * 65535).astype(np.int32),
    }
    for name, levels in contents.items():
        Image.fromarray(levels).save(tmp_path / name)
        opened = photo.open(tmp_path / name)
        assert opened.image.mode == "L"
        assert np.abs(np.asarray(opened.image) - expected).max() <= 1, name


def test_values_that_are_no_numbers_do_no_harm() -> None:
    levels = np.array([[0.0, 0.5], [np.nan, np.inf]], np.float32)
    assert np.asarray(photo.to_photo(Image.fromarray(levels)).image).tolist() == [[0, 128], [0, 0]]


def test_an_embedded_profile_is_converted_to_srgb(colour: Image.Image, tmp_path: Path) -> None:
    """With a profile whose red and green are exchanged, they come back exchanged."""
    exchanged = bytearray(SRGB)
    red, green = exchanged.index(b"rXYZ"), exchanged.index(b"gXYZ")
    exchanged[red : red + 4], exchanged[green : green + 4] = b"gXYZ", b"rXYZ"
    levels = np.asarray(colour)
    Image.fromarray(levels[..., [1, 0, 2]]).save(tmp_path / "a.png", icc_profile=bytes(exchanged))
    opened = photo.open(tmp_path / "a.png")
    assert np.abs(np.asarray(opened.image).astype(int) - levels).max() <= 3
    colour.save(tmp_path / "b.png", icc_profile=SRGB)
    assert np.abs(np.asarray(photo.open(tmp_path / "b.png").image).astype(int) - levels).max() <= 1
    colour.save(tmp_path / "c.png", icc_profile=b"not a profile")
    np.testing.assert_array_equal(np.asarray(photo.open(tmp_path / "c.png").image), levels)


def linear_profile(space: bytes) -> bytes:
    """A profile whose levels are proportional to light: sRGB's with straight curves, or the same for grey."""
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


@pytest.mark.parametrize("mode", ["L", "I;16", "P", "RGB"])
def test_levels_that_are_proportional_to_light_become_srgb(mode: str, tmp_path: Path) -> None:
    light = np.arange(256).reshape(16, 16) / 255
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    levels = np.rint(light * 255).astype(np.uint8)
    if mode == "I;16":
        image = Image.fromarray(levels.astype(np.uint16) * 257)
    elif mode == "P":
        image = Image.fromarray(levels).convert("P")
    else:
        image = Image.fromarray(levels).convert(mode)
    assert image.mode == mode
    image.save(tmp_path / "a.png", icc_profile=linear_profile(b"RGB " if mode in ("P", "RGB") else b"GRAY"))
    result = np.asarray(photo.open(tmp_path / "a.png").image.convert("RGB"))
    assert np.abs(result - expected[..., None]).max() <= 1.5


def test_alpha_travels_where_the_format_holds_it(colour: Image.Image, tmp_path: Path) -> None:
    alpha = Image.linear_gradient("L").resize(colour.size)
    transparent = colour.copy()
    transparent.putalpha(alpha)
    opened = photo.to_photo(transparent)
    np.testing.assert_array_equal(np.asarray(opened.image), np.asarray(colour))
    for suffix in (".png", ".webp", ".tif"):
        photo.save(opened, tmp_path / f"a{suffix}")
        with Image.open(tmp_path / f"a{suffix}") as saved:
            assert saved.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(saved.getchannel("A")), np.asarray(alpha))
    photo.save(opened, tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as saved:
        assert saved.mode == "RGB"
    opaque = colour.copy()
    opaque.putalpha(255)
    assert photo.to_photo(opaque).alpha is None


def test_of_several_frames_the_first_is_taken_but_the_pages_of_a_tiff_file_are_all_there(tmp_path: Path) -> None:
    frames = [Image.new("L", (5 + page, 4), 10 * page) for page in range(1, 4)]
    for name, levels in (("a.gif", [10]), ("a.tif", [10, 20, 30])):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert set(photo.open(tmp_path / name).levels.flatten()) == {10}
        pages = list(photo.pages(tmp_path / name))
        assert [int(page.levels.max()) for page in pages] == levels
        assert [page.more_pages for page in pages] == [len(levels) > 1] * len(levels)
    photo.save((coloured(page) for page in photo.pages(tmp_path / "a.tif")), tmp_path / "b.tif")
    assert [page.size for page in photo.pages(tmp_path / "b.tif")] == [(6, 4), (7, 4), (8, 4)]


def test_every_page_has_its_own_orientation_and_description(tmp_path: Path) -> None:
    with (tmp_path / "a.tif").open("w+b") as file, TiffImagePlugin.AppendingTiffWriter(file) as several:
        for number in range(3):
            exif = Image.Exif()
            exif[_DESCRIPTION] = f"page {number}"
            exif[_ORIENTATION] = 6 if number == 1 else 1
            Image.new("L", (6, 4), number).save(several, "TIFF", exif=exif)
            several.newFrame()
    for number, page in enumerate(photo.pages(tmp_path / "a.tif")):
        assert page.size == ((4, 6) if number == 1 else (6, 4))
        assert page.levels.max() == number
        kept = Image.Exif()
        kept.load(page.exif)
        assert dict(kept) == {_DESCRIPTION: f"page {number}"}


def test_sixteen_bit_grey_is_kept(tmp_path: Path) -> None:
    levels = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    Image.fromarray(levels).save(tmp_path / "a.png")
    opened = photo.open(tmp_path / "a.png")
    np.testing.assert_array_equal(opened.levels, levels)
    assert (opened.size, opened.image.mode) == ((30, 20), "L")
    np.testing.assert_allclose(np.asarray(opened.image), levels / 257, atol=0.5)


def encoded(image: Image.Image, format_: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises more than it holds."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return start + struct.pack(">I", 1000) + b"IDAT"


def test_what_is_no_photo_is_one_line_that_names_the_file(colour: Image.Image, tmp_path: Path) -> None:
    contents = {
        "empty.jpg": (b"", "no image format"),
        "text.jpg": (b"hello\nworld", "no image format"),
        "cut.jpg": (encoded(colour, "JPEG")[:700], "a damaged photo"),
        "cut.png": (encoded(colour, "PNG")[:700], "a damaged photo"),
        "hollow.png": (png_header(10, 10), "a damaged photo"),
        "bomb.png": (png_header(100_000, 100_000), "million"),
        "large.png": (png_header(17_600, 10_001), "17600×10001 px are more than the 175 million accepted"),
    }
    for name, (content, told) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PhotoError) as raised:
            photo.open(tmp_path / name)
        message = str(raised.value)
        assert message.startswith(f"{tmp_path / name}: "), message
        assert told in message
        assert "\n" not in message
    with pytest.raises(PhotoError, match=r"missing\.png: no such file"):
        photo.open(tmp_path / "missing.png")
    with pytest.raises(PhotoError, match=r"expected a photo, this is a folder"):
        photo.open(tmp_path)
    with pytest.raises(PhotoError, match=r"^upload\.jpg: "):
        photo.open(io.BytesIO(b"hello"), name="upload.jpg")


def test_a_drawing_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "EPS"  # Pillow would have Ghostscript run it
    with pytest.raises(PhotoError, match=r"a\.jpg: expected a photo, this is no image format that can be read"):
        photo.open(tmp_path / "a.jpg")


def test_a_photo_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # who runs the tests may be somebody who may read everything
    with pytest.raises(PhotoError, match=r"a\.png: may not be read \(permission denied\)"):
        photo.open(tmp_path / "a.png")


def odd_photo() -> bytes:
    """A photo at which Pillow warns: more pixels than it thinks decent."""
    buffer = io.BytesIO()
    Image.new("1", (12_000, 8_000)).save(buffer, "TIFF", compression="group4")
    return buffer.getvalue()


def test_pillows_warnings_go_nowhere_and_the_filters_are_afterwards_as_they_were() -> None:
    """Also when threads come and go, each in the middle of another's work."""
    odd = odd_photo()
    with warnings.catch_warnings(record=True, action="always") as caught:
        with Image.open(io.BytesIO(odd)):
            pass
        assert [each.category for each in caught] == [Image.DecompressionBombWarning]
        caught.clear()
        filters = list(warnings.filters)
        entered, leave = threading.Event(), threading.Event()

        class Slow(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                entered.set()
                leave.wait(10)
                return super().read(size)

        small = encoded(Image.new("L", (3, 3)), "PNG")
        slow = threading.Thread(target=photo.open, args=(Slow(small),))
        slow.start()
        assert entered.wait(10)
        photo.open(io.BytesIO(odd))  # begins and ends within the other
        warnings.warn("somebody else's", UserWarning, stacklevel=1)
        leave.set()
        slow.join()
        assert [str(each.message) for each in caught] == ["somebody else's"]
        assert list(warnings.filters) == filters


def test_damaged_metadata_is_left_behind_and_the_photo_is_read(colour: Image.Image, tmp_path: Path) -> None:
    colour.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff broken")
    opened = photo.open(tmp_path / "a.jpg")
    assert opened.size == colour.size
    photo.save(opened, tmp_path / "b.jpg")
    assert photo.open(tmp_path / "b.jpg").size == colour.size


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing_behind(
    colour: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.png"
    photo.save(photo.Photo(colour), target)
    before = target.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", disk_full)
    with pytest.raises(PhotoError, match=r"a\.png: cannot be written \(.*No space left on device"):
        photo.save(photo.Photo(Image.new("RGB", (3, 3))), target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    monkeypatch.undo()

    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PhotoError, match="cannot be written"):
        photo.save(photo.Photo(colour), tmp_path / "file" / "a.png")
    with pytest.raises(PhotoError, match="cannot be written"):
        photo.save(photo.Photo(Image.new("RGB", (70_000, 1))), tmp_path / "wide.jpg")  # JPEG ends at 65,535
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "file"]


def test_formats_that_cannot_be_written_in_colour_become_png() -> None:
    assert photo.result_suffix(Path("a.JPG")) == ".JPG"
    assert photo.result_suffix(Path("a.gif")) == ".png"
    assert photo.result_suffix(Path("scan")) == ".png"
