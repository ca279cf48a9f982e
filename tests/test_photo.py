"""Photo files in and out: whatever they hold comes out right, and nothing is ever half-written."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from skimage import data

from colorize import photo
from colorize.errors import PhotoError

_ORIENTATION = 0x0112
_DESCRIPTION = 0x010E


@pytest.fixture
def colour() -> Image.Image:
    return Image.fromarray(data.chelsea()[::4, ::4])


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".webp", ".avif", ".tif", ".tiff", ".bmp"])
def test_what_is_saved_is_what_is_opened(suffix: str, colour: Image.Image, tmp_path: Path) -> None:
    target = tmp_path / "folder" / f"cat{suffix}"
    photo.save(colour, target)
    opened = photo.open(target)
    assert (opened.image.mode, opened.size, opened.alpha) == ("RGB", colour.size, None)
    difference = np.abs(np.asarray(opened.image).astype(int) - np.asarray(colour)).mean()
    assert difference < (3 if suffix.lower() in (".jpg", ".jpeg", ".webp", ".avif") else 1e-9)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_jpegs_keep_all_of_the_colour(colour: Image.Image, tmp_path: Path) -> None:
    photo.save(colour, tmp_path / "cat.jpg")
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
    photo.save(opened.image.convert("RGB"), tmp_path / "b.jpg", like=opened)
    with Image.open(tmp_path / "b.jpg") as saved:
        assert saved.size == upright.size
        assert dict(saved.getexif()) == {_DESCRIPTION: "levels"}


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
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = bytearray(srgb)
    red, green = exchanged.index(b"rXYZ"), exchanged.index(b"gXYZ")
    exchanged[red : red + 4], exchanged[green : green + 4] = b"gXYZ", b"rXYZ"
    levels = np.asarray(colour)
    Image.fromarray(levels[..., [1, 0, 2]]).save(tmp_path / "a.png", icc_profile=bytes(exchanged))
    opened = photo.open(tmp_path / "a.png")
    assert np.abs(np.asarray(opened.image).astype(int) - levels).max() <= 3
    colour.save(tmp_path / "b.png", icc_profile=srgb)
    assert np.abs(np.asarray(photo.open(tmp_path / "b.png").image).astype(int) - levels).max() <= 1
    colour.save(tmp_path / "c.png", icc_profile=b"not a profile")
    np.testing.assert_array_equal(np.asarray(photo.open(tmp_path / "c.png").image), levels)


def test_alpha_travels_where_the_format_holds_it(colour: Image.Image, tmp_path: Path) -> None:
    alpha = Image.linear_gradient("L").resize(colour.size)
    transparent = colour.copy()
    transparent.putalpha(alpha)
    opened = photo.to_photo(transparent)
    np.testing.assert_array_equal(np.asarray(opened.image), np.asarray(colour))
    for suffix in (".png", ".webp", ".tif"):
        photo.save(colour, tmp_path / f"a{suffix}", like=opened)
        with Image.open(tmp_path / f"a{suffix}") as saved:
            assert saved.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(saved.getchannel("A")), np.asarray(alpha))
    photo.save(colour, tmp_path / "a.jpg", like=opened)
    with Image.open(tmp_path / "a.jpg") as saved:
        assert saved.mode == "RGB"
    opaque = colour.copy()
    opaque.putalpha(255)
    assert photo.to_photo(opaque).alpha is None


def test_of_several_frames_the_first_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("L", (5, 4), level) for level in (10, 200)]
    for name in ("a.gif", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert set(np.asarray(photo.open(tmp_path / name).image.convert("L")).flatten()) == {10}


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


def test_damaged_metadata_is_left_behind_and_the_photo_is_read(colour: Image.Image, tmp_path: Path) -> None:
    colour.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff broken")
    opened = photo.open(tmp_path / "a.jpg")
    assert opened.size == colour.size
    photo.save(opened.image, tmp_path / "b.jpg", like=opened)
    assert photo.open(tmp_path / "b.jpg").size == colour.size


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing_behind(
    colour: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.png"
    photo.save(colour, target)
    before = target.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", disk_full)
    with pytest.raises(PhotoError, match=r"a\.png: cannot be written \(.*No space left on device"):
        photo.save(Image.new("RGB", (3, 3)), target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    monkeypatch.undo()

    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PhotoError, match="cannot be written"):
        photo.save(colour, tmp_path / "file" / "a.png")
    with pytest.raises(PhotoError, match="cannot be written"):
        photo.save(Image.new("RGB", (70_000, 1)), tmp_path / "wide.jpg")  # JPEG ends at 65,535
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "file"]


def test_formats_that_cannot_be_written_in_colour_become_png() -> None:
    assert photo.result_suffix(Path("a.JPG")) == ".JPG"
    assert photo.result_suffix(Path("a.gif")) == ".png"
    assert photo.result_suffix(Path("scan")) == ".png"
