"""Photo files in: whatever they hold comes out as sRGB levels the right way up."""

from __future__ import annotations

import io
import os
import struct
import threading
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from colorize import photo
from colorize.errors import PhotoError
from colorize.photo import tiff
from colorize.photo.formats import PNG, READERS, TIFF
from colorize.photo.metadata import of_result
from tests.photo import corpus
from tests.photo.corpus import DESCRIPTION, ORIENTATION, SRGB, encoded, from_linear, linear_profile

_TURNS = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}  # how the camera held it: what undoes the orientation


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    return corpus.whole()


def test_every_format_and_mode_is_read_as_pillow_shows_it(whole: dict[str, bytes]) -> None:
    """Against Pillow's own conversion to 8-bit RGB, with the orientation applied by hand where there is one."""
    for name, content in whole.items():
        opened = photo.open(io.BytesIO(content), name)
        with Image.open(io.BytesIO(content)) as image:
            orientation = 6 if name in ("gray.jpg", "color.jpg", "gray.webp", "gray.avif") else 1
            image.load()
            shown = image.transpose(Image.Transpose.ROTATE_270) if orientation == 6 else image.copy()
        if shown.mode in ("I;16", "I", "F"):
            expected = np.asarray(shown) / (1 if shown.mode == "F" else 65535) * 255
        elif shown.mode == "LA":
            expected = np.asarray(shown.getchannel("L"), float)
        else:
            expected = np.asarray(shown.convert("RGB" if opened.levels.ndim == 3 else "L"), float)
        if name == "gray.png":  # whose profile is linear
            expected = from_linear(expected / 255) * 255
        if name == "lab.tif":  # Pillow goes over 8-bit Lab, and so do we
            continue
        tolerance = 1.6 if name in ("gray.png", "color.png", "color.jpg") else 0.51
        assert np.abs(np.asarray(opened.image) - expected).max() <= tolerance, name
        assert opened.size == (shown.width, shown.height), name


def test_gray_is_held_in_one_byte_per_pixel_and_color_in_three(whole: dict[str, bytes]) -> None:
    for name, content in whole.items():
        levels = photo.open(io.BytesIO(content), name).levels
        if name.startswith(("sixteen", "float", "integer", "deep")):
            assert (levels.ndim, levels.itemsize) == (2, 2), name
        elif name.startswith(("gray", "one-bit", "animated", "restarts", "lzw", "group4", "tiles", "large", "plain")):
            assert (levels.ndim, levels.itemsize) == (2, 1), name


def test_gray_that_is_saved_in_three_channels_or_a_palette_is_gray() -> None:
    gray = corpus.cat().convert("L")
    for image in (gray.convert("RGB"), gray.convert("P"), gray.convert("RGBA"), gray.convert("RGB").convert("RGBX")):
        np.testing.assert_array_equal(photo.to_photo(image).levels, np.asarray(gray))
    nearly = gray.convert("RGB")
    nearly.putpixel((112, 74), (1, 2, 3))
    assert photo.to_photo(nearly).levels.ndim == 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_orientation_is_applied_and_not_passed_on(orientation: int, suffix: str, tmp_path: Path) -> None:
    upright = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10)
    stored = upright
    for step in _TURNS[orientation]:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[DESCRIPTION] = "levels"
    stored.save(tmp_path / f"a{suffix}", exif=exif, dpi=(300, 150))
    opened = photo.open(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(opened.levels, np.asarray(upright))
    assert opened.dpi == pytest.approx((150, 300) if orientation > 4 else (300, 150), abs=0.1)
    kept = Image.Exif()
    kept.load(opened.exif.to_bytes())
    assert dict(kept) == {DESCRIPTION: "levels"}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_what_is_upright_is_not_turned_again(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.new("L", (6, 4)).save(tmp_path / f"a{suffix}", exif=exif)
    opened = photo.open(tmp_path / f"a{suffix}")
    assert opened.size == photo.to_photo(opened.image).size == (4, 6)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_scans_in_tiff_files_that_lie_on_their_side_come_out_right(
    compression: str | None, depth: type[np.unsignedinteger], tmp_path: Path
) -> None:
    """Pillow 12.3 mixes up the rows of uncompressed ones that it opens by their path."""
    upright = np.arange(240, dtype=np.uint8).reshape(12, 20).astype(depth) * (257 if depth is np.uint16 else 1)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save(
        tmp_path / "a.tif", exif=exif, compression=compression
    )
    np.testing.assert_array_equal(photo.open(tmp_path / "a.tif").levels, upright)
    with (tmp_path / "a.tif").open("rb") as file:
        np.testing.assert_array_equal(photo.open(file).levels, upright)


def test_the_callers_image_is_left_alone() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((20, 10)).save(buffer, "PNG", exif=exif, icc_profile=SRGB)
    with Image.open(buffer) as image:
        image.load()
        before = image.tobytes()
        assert photo.to_photo(image).size == (10, 20)
        assert (image.size, image.tobytes(), image.getexif()[ORIENTATION]) == ((20, 10), before, 6)
        assert photo.to_photo(image).size == (10, 20)


def test_an_image_without_pixels_is_told() -> None:
    with pytest.raises(PhotoError, match=r"^expected an image of 1×1 px or more, got 0×5$"):
        photo.to_photo(Image.new("L", (0, 5)))


def test_a_header_tells_what_the_photo_will_be(whole: dict[str, bytes]) -> None:
    for name, content in whole.items():
        header = photo.header(io.BytesIO(content))
        width, height = photo.open(io.BytesIO(content)).size
        assert header is not None
        assert header.pixels == width * height
        suffix = os.path.splitext(name)[1]
        assert header.suffix == photo.result_suffix(Path(f"a{suffix}")), name
    assert photo.header(io.BytesIO(b"hello")) is None
    assert photo.header(Path("missing.png")) is None


# Depth


def test_sixteen_bit_and_float_levels_are_scaled_not_cut_off(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 256).reshape(16, 16)
    contents: dict[str, NDArray[Any]] = {
        "16.png": (ramp * 65535).astype(np.uint16),
        "16.tif": (ramp * 65535).astype(np.uint16),
        "unit.tif": ramp.astype(np.float32),
        "bytes.tif": (ramp * 255).astype(np.float32),
        "any.tif": (ramp * 4000 - 1000).astype(np.float32),
        "32.tif": (ramp * 65535).astype(np.int32),
        "signed.tif": (ramp * 65535 - 32768).astype(np.int32),
    }
    for name, levels in contents.items():
        Image.fromarray(levels).save(tmp_path / name)
        opened = photo.open(tmp_path / name)
        assert opened.levels.dtype == np.uint16
        assert np.abs(opened.levels - ramp * 65535).max() <= 1, name
        assert np.abs(np.asarray(opened.image) - ramp * 255).max() <= 0.51, name


def test_sixteen_bit_gray_is_kept_to_the_last_bit(tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 65536, (40, 30)).astype(np.uint16)
    for name, content in (
        ("a.png", encoded(Image.fromarray(levels), "PNG")),
        ("a.tif", corpus.tiff(levels)),
        ("big-endian.tif", corpus.tiff(levels, byteorder=">", compression="zlib", predictor=True)),
        ("white-is-zero.tif", corpus.tiff(65535 - levels, photometric="miniswhite")),
    ):
        np.testing.assert_array_equal(photo.open(io.BytesIO(content), name).levels, levels, err_msg=name)


NOISE = np.random.default_rng(1).integers(0, 65536, (40, 30, 4)).astype(np.uint16)


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"byteorder": ">"},
        {"compression": "zlib", "predictor": True},
        {"byteorder": ">", "compression": "zlib"},
        {"tile": (16, 16), "compression": "zlib"},
        {"rowsperstrip": 7},
        {"iccprofile": SRGB},
    ],
)
def test_sixteen_bit_color_in_tiff_files_is_kept_to_the_last_bit(layout: dict[str, Any]) -> None:
    color = NOISE[..., :3]
    opened = photo.open(io.BytesIO(corpus.tiff(color, photometric="rgb", **layout)))
    np.testing.assert_array_equal(opened.levels, color)
    opened = photo.open(io.BytesIO(corpus.tiff(NOISE, photometric="rgb", extrasamples=["UNASSALPHA"], **layout)))
    np.testing.assert_array_equal(opened.levels, color)
    np.testing.assert_array_equal(opened.alpha, NOISE[..., 3])


def test_planes_are_read_right_or_refused() -> None:
    planes = np.ascontiguousarray(np.moveaxis(NOISE[..., :3], 2, 0))
    packed = corpus.tiff(planes, photometric="rgb", planarconfig="separate", compression="zlib")
    assert np.abs(photo.open(io.BytesIO(packed)).levels - NOISE[..., :3] / 257).max() < 1
    with pytest.raises(PhotoError, match="planes of 16 bit that are not compressed cannot be read"):
        photo.open(io.BytesIO(corpus.tiff(planes, photometric="rgb", planarconfig="separate")))


def test_sixteen_bit_gray_that_is_saved_in_three_channels_is_gray_also_by_its_profile() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    three = np.repeat(levels[..., None], 3, axis=2)
    np.testing.assert_array_equal(photo.open(io.BytesIO(corpus.tiff(three, photometric="rgb"))).levels, levels)
    linear = photo.open(io.BytesIO(corpus.tiff(three, photometric="rgb", iccprofile=linear_profile(b"RGB "))))
    assert np.abs(linear.levels - from_linear(levels / 65535) * 65535).max() <= 1
    # Color with such a profile is converted in 8 bit: lcms has no more for it, by way of Pillow.
    colored = corpus.tiff(NOISE[..., :3], photometric="rgb", iccprofile=linear_profile(b"RGB "))
    assert photo.open(io.BytesIO(colored)).levels.dtype == np.uint8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bit_color_is_turned_as_8_bit_is(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    told = photo.Photo(np.ascontiguousarray(NOISE[..., :3]), NOISE[..., 3])
    buffer = io.BytesIO()
    photo.png.write(buffer, told, photo.metadata.of_result(told, PNG), b"")
    png = corpus.with_chunk(buffer.getvalue(), b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    shallow = Image.fromarray((NOISE[..., :3] >> 8).astype(np.uint8))
    expected = photo.to_photo(Image.open(io.BytesIO(encoded(shallow, "PNG", exif=exif)))).levels
    opened = photo.open(io.BytesIO(png))
    np.testing.assert_array_equal(opened.levels >> 8, expected)
    assert opened.alpha is not None
    assert opened.alpha.shape == opened.levels.shape[:2]


def test_scans_of_twelve_bit_are_as_bright_as_they_should_be() -> None:
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16) * 16 + 15  # up to 4095
    packed = np.unpackbits(levels.astype(">u2").view(np.uint8).reshape(-1, 2), axis=1)[:, 4:]
    rows = np.packbits(packed.reshape(16, -1), axis=1).tobytes()
    whole = corpus.tiff(np.full((16, 16), 0xABAB, np.uint16))
    at = whole.index(b"\xab" * 512)
    content = whole[:at] + rows + whole[at + len(rows) :]
    content = content.replace(b"\x02\x01\x03\0\x01\0\0\0\x10\0", b"\x02\x01\x03\0\x01\0\0\0\x0c\0")  # bits per sample
    np.testing.assert_allclose(photo.open(io.BytesIO(content)).levels, levels / 4095 * 65535, atol=1)


def test_values_that_are_no_numbers_do_no_harm() -> None:
    levels = np.array([[0.0, 0.5], [np.nan, np.inf]], np.float32)
    assert np.asarray(photo.to_photo(Image.fromarray(levels)).image).tolist() == [[0, 128], [0, 255]]
    assert photo.to_photo(Image.fromarray(np.full((2, 2), np.nan, np.float32))).levels.max() == 0


# Profiles


def test_an_embedded_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    """With a profile whose red and green are exchanged, they come back exchanged."""
    exchanged = bytearray(SRGB)
    red, green = exchanged.index(b"rXYZ"), exchanged.index(b"gXYZ")
    exchanged[red : red + 4], exchanged[green : green + 4] = b"gXYZ", b"rXYZ"
    color = corpus.cat()
    levels = np.asarray(color)
    Image.fromarray(levels[..., [1, 0, 2]]).save(tmp_path / "a.png", icc_profile=bytes(exchanged))
    assert np.abs(photo.open(tmp_path / "a.png").levels.astype(int) - levels).max() <= 3
    for profile in (SRGB, b"not a profile", linear_profile(b"GRAY")):  # which changes nothing, is none, is one of gray
        color.save(tmp_path / "b.png", icc_profile=profile)
        np.testing.assert_array_equal(photo.open(tmp_path / "b.png").levels, levels)


@pytest.mark.parametrize("mode", ["L", "I;16", "P", "RGB", "gray RGB"])
def test_levels_that_are_proportional_to_light_become_srgb(mode: str, tmp_path: Path) -> None:
    light = np.arange(256).reshape(16, 16) / 255
    expected = from_linear(light) * 255
    levels = np.rint(light * 255).astype(np.uint8)
    if mode == "I;16":
        image = Image.fromarray(levels.astype(np.uint16) * 257)
    elif mode == "P":
        image = Image.fromarray(levels).convert("P")
    else:
        image = Image.fromarray(levels).convert(mode.removeprefix("gray "))
    if mode == "RGB":  # so that it is not gray
        image.putpixel((0, 0), (0, 0, 1))
    image.save(tmp_path / "a.png", icc_profile=linear_profile(b"GRAY" if mode in ("L", "I;16") else b"RGB "))
    opened = photo.open(tmp_path / "a.png")
    assert opened.levels.ndim == (3 if mode == "RGB" else 2)
    result = opened.levels / (257 if mode == "I;16" else 1)
    bound = {"L": 0.51, "I;16": 0.01}.get(mode, 1.5)
    assert np.abs(result.reshape(16, 16, -1) - expected[..., None])[1:].max() <= bound


def test_cmyk_is_seen_through_its_profile() -> None:
    """Against what Pillow, that is lcms, makes of sRGB's Lab: any profile of four channels would do, none is free."""
    image = corpus.cat().convert("CMYK")
    with pytest.raises(ImageCms.PyCMSError):
        ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("sRGB"))
    image.info["icc_profile"] = SRGB  # of three channels: unusable, and so ignored
    np.testing.assert_array_equal(photo.to_photo(image).levels, np.asarray(image.convert("RGB")))


def test_a_pngs_gamma_is_respected_unless_something_better_is_told() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    plain = encoded(Image.fromarray(ramp), "PNG")
    linear = corpus.with_chunk(plain, b"gAMA", (100_000).to_bytes(4, "big"))
    expected = from_linear(ramp / 255) * 255
    assert np.abs(photo.open(io.BytesIO(linear)).levels - expected).max() <= 0.51
    usual = corpus.with_chunk(plain, b"gAMA", (45_455).to_bytes(4, "big"))
    for content in (usual, corpus.with_chunk(linear, b"sRGB", b"\0")):
        np.testing.assert_array_equal(photo.open(io.BytesIO(content)).levels, ramp)


# Transparency


def test_transparency_in_any_form_becomes_alpha_and_leaves_the_colors_alone() -> None:
    color = corpus.cat()
    gradient = Image.linear_gradient("L").resize(color.size)
    rgba, la = color.convert("RGBA"), color.convert("LA")
    rgba.putalpha(gradient)
    la.putalpha(gradient)
    for image, expected in ((rgba, np.asarray(color)), (la, np.asarray(color.convert("L")))):
        opened = photo.to_photo(image)
        np.testing.assert_array_equal(opened.levels, expected)
        np.testing.assert_array_equal(opened.alpha, np.asarray(gradient))
    rgba.putalpha(255)
    assert photo.to_photo(rgba).alpha is None


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "I;16"])
def test_a_transparent_level_becomes_alpha(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.array([[7, 9]], np.uint16))
    else:
        image = Image.new("L", (2, 1), 0).convert(mode)
        image.putpixel((1, 0), (255, 255, 255) if mode == "RGB" else 1 if mode == "P" else 255)
    transparent = {"RGB": (255, 255, 255), "I;16": 9, "P": 1}.get(mode, 255)
    opened = photo.open(io.BytesIO(encoded(image, "PNG", transparency=transparent)))
    assert opened.alpha is not None
    assert (opened.alpha == 0).tolist() == [[False, True]]
    assert opened.alpha.dtype == opened.levels.dtype


# Pages


def test_of_several_frames_the_first_is_taken_but_the_pages_of_a_tiff_file_are_all_there(tmp_path: Path) -> None:
    frames = [Image.new("L", (5 + page, 4), 10 * page) for page in range(1, 4)]
    for name, levels in (("a.gif", [10]), ("a.tif", [10, 20, 30])):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert set(photo.open(tmp_path / name).levels.flatten()) == {10}
        pages = list(photo.pages(tmp_path / name))
        assert [int(page.levels.max()) for page in pages] == levels
        assert [page.more_pages for page in pages] == [len(levels) > 1] * len(levels)


def test_what_is_left_behind_in_a_file_is_said(tmp_path: Path) -> None:
    frames = [Image.new("L", (5, 4), level) for level in (10, 20)]
    frames[0].save(tmp_path / "a.mpo", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "one.gif")
    frames[0].save(tmp_path / "a.jpg", xmp=b'<x xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="1"/>')
    deep = np.arange(300, dtype=np.uint16).reshape(10, 10, 3)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", iccprofile=linear_profile(b"RGB "))
    for name, unread in {
        "a.mpo": ("the pictures after the first",),
        "a.gif": ("the pictures after the first",),
        "one.gif": (),
        "a.jpg": ("XMP in further segments",),
        "a.tif": ("more than 8 bit",),
    }.items():
        read = photo.open(tmp_path / name)
        assert read.unread == unread, name
        assert photo.dropped_metadata(read, tmp_path / "result.tif") == unread, name


def test_every_page_has_its_own_orientation_and_description(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for number in range(3):
            tags: list[Any] = [(ORIENTATION, 3, 1, 6 if number == 1 else 1, False)]
            writer.write(
                np.full((4, 6), number, np.uint8),
                photometric="minisblack",
                description=f"page {number}",
                software=False,
                extratags=tags,
                metadata=None,
            )
    for number, page in enumerate(photo.pages(tmp_path / "a.tif")):
        assert page.size == ((4, 6) if number == 1 else (6, 4))
        assert page.levels.max() == number
        kept = Image.Exif()
        kept.load(page.exif.to_bytes())
        assert dict(kept) == {DESCRIPTION: f"page {number}"}


def test_small_versions_and_masks_are_no_pages() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for level, kind in ((1, 1), (2, 0), (None, 4), (4, 2)):
            values = np.zeros((8, 8), bool) if level is None else np.full((8, 8), level, np.uint8)
            writer.write(values, photometric="minisblack", subfiletype=kind, metadata=None)
    found = [(int(page.levels.max()), page.pages) for page in photo.pages(buffer)]
    assert found == [(2, 2), (4, 2)]


def test_a_scan_of_many_pages_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    page = Image.linear_gradient("L").resize((800, 600))
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page] * 19)
    tracemalloc.start()
    try:
        pages = photo.pages(tmp_path / "a.tif")
        photo.save(map(corpus.in_color, pages), tmp_path / "b.tif")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10e6  # 20 pages of color are 29 MB; Pillow's own memory, a page or two, is not counted
    assert photo.open(tmp_path / "b.tif").pages == 20


# What is no photo


def test_what_is_no_photo_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"missing\.png: no such file$"):
        photo.open(tmp_path / "missing.png")
    with pytest.raises(PhotoError, match=r": expected a photo, this is a folder$"):
        photo.open(tmp_path)
    with pytest.raises(PhotoError, match=r"^upload\.jpg: expected a photo, this is no image format that can be read$"):
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


# Warnings


def odd_photo() -> bytes:
    """A photo at which Pillow warns: more pixels than it thinks decent."""
    return encoded(Image.new("1", (12_000, 8_000)), "TIFF", compression="group4")


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

        slow = threading.Thread(target=photo.open, args=(Slow(encoded(Image.new("L", (3, 3)), "PNG")),))
        slow.start()
        assert entered.wait(10)
        photo.open(io.BytesIO(odd))  # begins and ends within the other
        warnings.warn("somebody else's", UserWarning, stacklevel=1)
        leave.set()
        slow.join()
        assert [str(each.message) for each in caught] == ["somebody else's"]
        assert list(warnings.filters) == filters


# Extras


def test_heic_is_read_with_what_it_tells() -> None:
    pytest.importorskip("pillow_heif", reason="needs the extra heic")
    exif = Image.Exif()
    exif[DESCRIPTION] = "from a telephone"
    packet = corpus.PACKET.replace(b' tiff:Orientation="6"', b"")  # which the encoder would apply
    color = corpus.cat()
    opened = photo.open(io.BytesIO(corpus.heic(color, exif=exif.tobytes(), xmp=packet)), "a.jpg")
    assert np.abs(opened.levels.astype(int) - np.asarray(color)).mean() < 3
    assert b"from a telephone" in opened.exif.to_bytes()
    assert "Müllers Hof" in opened.xmp.decode()


def test_camera_raw_is_developed() -> None:
    pytest.importorskip("rawpy", reason="needs the extra raw")
    opened = photo.open(io.BytesIO(corpus.dng()), "a.dng")
    assert (opened.levels.shape, opened.levels.itemsize) == ((64, 96, 3), 1)
    red, _, blue = opened.levels[20:40, 20:70].mean((0, 1))
    assert red > blue + 20
    assert b"negative 17" in opened.exif.to_bytes()
    assert photo.header(io.BytesIO(corpus.dng())) == photo.Header(64 * 96, ".jpg", "camera raw")
    buffer = io.BytesIO()
    tiff.write(buffer, [tiff.TiffPage(opened, of_result(opened, TIFF), b"")])
    again = photo.open(buffer, "a.tif")  # a photo now, and no raw any more
    np.testing.assert_array_equal(again.levels, opened.levels)
    broken = bytearray(corpus.dng())
    del broken[3000:]
    with pytest.raises(PhotoError, match=r"^a\.dng: a damaged photo \("):
        photo.open(io.BytesIO(bytes(broken)), "a.dng")


@pytest.mark.parametrize(
    ("package", "extra", "make"),
    [("pillow_heif", "heic", lambda: corpus.heic(corpus.cat())), ("rawpy", "raw", corpus.dng)],
)
def test_without_the_extra_the_hint_is_one_line(
    package: str, extra: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package, reason=f"needs the extra {extra}")
    content = make()
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(PhotoError, match=rf"^a\.xyz: .*one package more: pip install 'colorize-photos\[{extra}\]'$"):
        photo.open(io.BytesIO(content), "a.xyz")


def test_photos_are_looked_for_under_the_names_that_can_be_read() -> None:
    """Also those that want an extra: they are told, not passed over in silence."""
    Image.init()
    pillows = {suffix for suffix, format_ in Image.EXTENSION.items() if format_ in READERS}
    assert (
        pillows
        - {
            ".apng",
            ".avifs",
            ".jpc",
            ".jpf",
            ".jpx",
            ".j2c",
            ".pfm",
            ".icb",
            ".vda",
            ".vst",
            ".bw",
            ".rgb",
            ".rgba",
            ".pnm",
        }
        <= photo.SUFFIXES
    )
    assert {".heic", ".nef", ".dng"} <= photo.SUFFIXES
    assert os.path.splitext("scan.TIF")[1].lower() in photo.SUFFIXES


def test_pixels_are_counted_over_all_pages_and_no_further_than_needed(tmp_path: Path) -> None:
    pages = [Image.new("L", (200, 100)) for _ in range(5)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "page.png")
    Image.new("L", (1, 1)).save(tmp_path / "tiny.png")
    (tmp_path / "none.png").write_bytes(b"no photo")
    assert photo.count_pixels(tmp_path / "pages.tif", 10**9) == 100_000
    assert photo.count_pixels(tmp_path / "pages.tif", 50_000) == 60_000
    assert photo.count_pixels(tmp_path / "page.png", 10**9) == 20_000
    assert photo.count_pixels(tmp_path / "tiny.png", 10**9) == 10_000
    assert photo.count_pixels(tmp_path / "none.png", 10**9) == 0


def test_counting_does_not_load_pages_that_claim_more_than_there_is(tmp_path: Path) -> None:
    page = bytearray(corpus.encoded(Image.new("L", (200, 100)), "TIFF"))
    first = struct.unpack_from("<I", page, 4)[0]
    struct.pack_into("<I", page, first + 2 + 12 * struct.unpack_from("<H", page, first)[0], len(page))
    claims = b"".join(struct.pack("<HHII", 0x5000 + tag, 7, 15_000, 8) for tag in range(3_000))  # 45 MB
    (tmp_path / "a.tif").write_bytes(page + struct.pack("<H", 3_000) + claims + bytes(4))
    tracemalloc.start()
    try:
        assert photo.count_pixels(tmp_path / "a.tif", 10**9) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_what_is_no_damage_is_not_called_so(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PhotoError, match=r"empty\.jpg: an empty file, expected a photo$"):
        photo.open(tmp_path / "empty.jpg")
    levels = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    tifffile.imwrite(tmp_path / "big.tif", levels, bigtiff=True, byteorder=">")
    with pytest.raises(PhotoError, match=r"big\.tif: a BigTIFF file in big-endian order, which cannot be read"):
        photo.open(tmp_path / "big.tif")
    tifffile.imwrite(tmp_path / "half.tif", levels.astype(np.float16))
    with pytest.raises(PhotoError, match=r"half\.tif: a damaged TIFF file, or of a kind that cannot be read"):
        photo.open(tmp_path / "half.tif")
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "BMP")
    bitmap = bytearray(content.getvalue())
    bitmap[30] = 4  # a JPEG inside, as printers get it
    (tmp_path / "a.bmp").write_bytes(bitmap)
    with pytest.raises(PhotoError, match=r"a\.bmp: a kind of photo that cannot be read \(Unsupported BMP compression"):
        photo.open(tmp_path / "a.bmp")
