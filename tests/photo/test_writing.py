"""Photo files out: everything that the format holds, whole or not at all."""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from skimage import io as skimage_io

from colorize import photo
from colorize.errors import PhotoError
from tests.photo import corpus
from tests.photo.corpus import in_color

SUFFIXES = [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".tif", ".tiff"]
LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif")


@pytest.fixture
def color() -> photo.Photo:
    return photo.Photo(corpus.cat())


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".JPEG", ".Png"])
def test_what_is_saved_is_what_is_opened(suffix: str, color: photo.Photo, tmp_path: Path) -> None:
    target = tmp_path / "folder" / f"cat{suffix}"
    photo.save(color, target)
    opened = photo.open(target)
    assert (opened.levels.ndim, opened.size, opened.alpha, opened.pages) == (3, color.size, None, 1)
    difference = np.abs(opened.levels.astype(int) - color.levels).mean()
    assert difference < (3 if suffix.lower() in LOSSY else 1e-9)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 7), (63, 65), (200, 300)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", ["gray", "gray alpha", "color", "color alpha"])
def test_what_loses_nothing_gives_back_every_bit(
    kind: str, depth: int, suffix: str, shape: tuple[int, int], tmp_path: Path
) -> None:
    """Read by tifffile and, in 8 bit, by Pillow; Pillow reads only the upper half of 16-bit color."""
    rng = np.random.default_rng(sum(shape))
    dtype = np.dtype(f"u{depth // 8}")
    levels = rng.integers(0, 1 << depth, (*shape, 3)[: 3 if "color" in kind else 2], dtype)
    alpha = rng.integers(0, 1 << depth, shape, dtype) if "alpha" in kind else None
    target = tmp_path / f"a{suffix}"
    photo.save(photo.Photo(levels if depth == 16 else Image.fromarray(levels), alpha), target)
    expected = levels.reshape(*shape, -1)
    expected = expected if alpha is None else np.concatenate([expected, alpha[..., None]], axis=2)
    if suffix == ".tif":
        np.testing.assert_array_equal(tifffile.imread(target).reshape(expected.shape), expected)
    elif depth == 16 and shape[0] < 100:
        np.testing.assert_array_equal(png_rows(target, expected.shape[2]), expected)
    if depth == 8:
        with Image.open(target) as image:
            np.testing.assert_array_equal(np.asarray(image).reshape(expected.shape), expected)
    if (kind, depth, suffix) != ("gray alpha", 16, ".tif"):  # which Pillow does not read
        opened = photo.open(target)
        is_gray_after_all = opened.levels.ndim < levels.ndim  # as a single pixel may be
        np.testing.assert_array_equal(opened.levels, levels[..., 0] if is_gray_after_all else levels)


def png_rows(path: Path, channels: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """A 16-bit PNG read by its specification: filter 3, row by row."""
    content = path.read_bytes()
    packed, at = b"", 8
    width, height = (int.from_bytes(content[place : place + 4], "big") for place in (16, 20))
    while at < len(content):
        size, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        packed += content[at + 8 : at + 8 + size] if name == b"IDAT" else b""
        assert corpus.chunk(name, content[at + 8 : at + 8 + size]) == content[at : at + 12 + size]
        at += size + 12
    step, stride = 2 * channels, 2 * channels * width
    filtered = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, stride + 1)
    assert (filtered[:, 0] == 3).all()
    rows = np.zeros((height + 1, stride + step), int)
    for y in range(height):
        for x in range(stride):
            rows[y + 1, x + step] = (filtered[y, x + 1] + (rows[y + 1, x] + rows[y, x + step]) // 2) % 256
    samples = rows[1:, step:].astype(np.uint8)
    return samples.reshape(height, width, channels, 2).view(">u2")[..., 0].astype(np.uint16)


def test_sixteen_bit_gray_becomes_sixteen_bit_color(tmp_path: Path) -> None:
    levels = np.arange(60_000, dtype=np.uint16).reshape(200, 300)
    corpus_png = corpus.encoded(Image.fromarray(levels), "PNG")
    result = in_color(photo.open(io.BytesIO(corpus_png)))
    for suffix in (".tif", ".png"):
        photo.save(result, tmp_path / f"a{suffix}")
        assert photo.dropped_metadata(result, tmp_path / f"a{suffix}") == ()
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), result.levels)
    assert (tmp_path / "a.png").read_bytes()[24:26] == b"\x10\x02"  # 16 bit, RGB
    photo.save(result, tmp_path / "a.jpg")
    assert photo.dropped_metadata(result, "a.jpg") == ("more than 8 bit",)
    assert np.abs(photo.open(tmp_path / "a.jpg").levels - levels[..., None].squeeze() / 257).max() < 4


def test_jpegs_keep_all_of_the_color(color: photo.Photo, tmp_path: Path) -> None:
    photo.save(color, tmp_path / "cat.jpg")
    with Image.open(tmp_path / "cat.jpg") as saved:
        assert [layer[1:3] for layer in saved.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]  # 4:4:4
        reference = corpus.encoded(corpus.cat(), "JPEG", quality=95)
        with Image.open(io.BytesIO(reference)) as expected:
            assert saved.quantization == expected.quantization  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_quality_decides_the_size(suffix: str, color: photo.Photo, tmp_path: Path) -> None:
    sizes = []
    for quality in (20, None, 100):
        photo.save(color, tmp_path / f"a{suffix}", quality)
        sizes.append((tmp_path / f"a{suffix}").stat().st_size)
    assert sizes == sorted(set(sizes))
    for wrong in (0, 101):
        with pytest.raises(PhotoError, match=rf"expected a quality of 1 to 100, got {wrong}$"):
            photo.save(color, tmp_path / f"b{suffix}", wrong)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_color_managed_viewer_sees_what_it_saw(suffix: str, tmp_path: Path) -> None:
    """A photo with its own profile and its result, both shown on another screen than sRGB's."""
    light = corpus.linear_profile(b"RGB ")
    source = corpus.cat()
    source.save(tmp_path / "a.png", icc_profile=light)
    photo.save(in_color(photo.open(tmp_path / "a.png")), tmp_path / f"b{suffix}")
    screen = bytearray(corpus.SRGB)  # one with other primaries
    red, blue = screen.index(b"rXYZ"), screen.index(b"bXYZ")
    screen[red : red + 4], screen[blue : blue + 4] = b"bXYZ", b"rXYZ"
    shown = []
    for name in ("a.png", f"b{suffix}"):
        with Image.open(tmp_path / name) as image:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            there = ImageCms.profileToProfile(image, profile, ImageCms.ImageCmsProfile(io.BytesIO(bytes(screen))))
            shown.append(np.asarray(there).astype(int))
    difference = np.abs(shown[0] - shown[1])
    assert difference.mean() < (3 if suffix in LOSSY else 0.6)


def test_results_say_that_they_are_srgb_and_are_the_same_each_time(color: photo.Photo, tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        for name in ("a", "b"):
            photo.save(color, tmp_path / f"{name}{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
        with Image.open(tmp_path / f"a{suffix}") as saved:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(saved.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile)
    photo.save(photo.Photo(corpus.cat().convert("L")), tmp_path / "gray.jpg")
    with Image.open(tmp_path / "gray.jpg") as saved:
        assert (saved.mode, saved.info.get("icc_profile")) == ("L", None)


def test_alpha_travels_where_the_format_holds_it(tmp_path: Path) -> None:
    color = corpus.cat()
    alpha = Image.linear_gradient("L").resize(color.size)
    transparent = color.copy()
    transparent.putalpha(alpha)
    opened = photo.to_photo(transparent)
    for suffix in (".png", ".webp", ".tif", ".avif"):
        photo.save(in_color(opened), tmp_path / f"a{suffix}")
        assert photo.dropped_metadata(opened, f"a{suffix}") == ()
        with Image.open(tmp_path / f"a{suffix}") as saved:
            assert saved.mode == "RGBA"
            found = np.asarray(saved.getchannel("A")).astype(int)
            assert np.abs(found - np.asarray(alpha)).max() <= (8 if suffix == ".avif" else 0)
    photo.save(in_color(opened), tmp_path / "a.jpg")
    assert photo.dropped_metadata(opened, "a.jpg") == ("transparency",)
    with Image.open(tmp_path / "a.jpg") as saved:
        assert saved.mode == "RGB"


def test_alpha_of_one_depth_meets_colors_of_another(tmp_path: Path) -> None:
    deep = np.full((4, 6, 3), 40_000, np.uint16)
    photo.save(photo.Photo(deep, np.full((4, 6), 100, np.uint8)), tmp_path / "a.tif")
    assert tifffile.imread(tmp_path / "a.tif")[0, 0].tolist() == [40_000, 40_000, 40_000, 25_700]
    photo.save(
        photo.Photo(Image.fromarray((deep >> 8).astype(np.uint8)), np.full((4, 6), 25_700, np.uint16)),
        tmp_path / "b.tif",
    )
    assert tifffile.imread(tmp_path / "b.tif")[0, 0].tolist() == [156, 156, 156, 100]


# Pages


def test_the_pages_of_a_scan_come_out_one_by_one(tmp_path: Path) -> None:
    gray = corpus.cat().convert("L")
    content = corpus.pages(gray, gray.rotate(90, expand=True), Image.fromarray(np.full((9, 5), 7_000, np.uint16)))
    photo.save(map(in_color, photo.pages(io.BytesIO(content))), tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as saved:
        assert [page.shape for page in saved.pages] == [(75, 113, 3), (113, 75, 3), (9, 5, 3)]
        assert [page.dtype for page in saved.pages] == [np.uint8, np.uint8, np.uint16]
        np.testing.assert_array_equal(saved.pages[1].asarray()[..., 1], np.asarray(gray.rotate(90, expand=True)))
    first = photo.open(io.BytesIO(content))
    assert photo.dropped_metadata(first, "a.png") == ("the pages after the first",)
    photo.save(map(in_color, photo.pages(io.BytesIO(content))), tmp_path / "a.png")
    assert photo.open(tmp_path / "a.png").size == gray.size


def test_a_page_that_is_damaged_spoils_the_whole_file(tmp_path: Path) -> None:
    gray = corpus.cat().convert("L")
    content = corpus.pages(gray, gray)
    with pytest.raises(PhotoError, match=r"^scan: a damaged photo"):
        photo.save(map(in_color, photo.pages(io.BytesIO(content[:-5_000]), "scan")), tmp_path / "a.tif")
    assert list(tmp_path.iterdir()) == []


def test_very_large_files_get_offsets_that_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colorize.photo.tiff._CLASSIC", 10_000)
    opened = photo.open(io.BytesIO(corpus.encoded(corpus.cat(), "JPEG", exif=corpus.described())))
    assert opened.exif.order == ">"
    photo.save(in_color(opened), tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_bytes()[:4] == b"II\x2b\0"
    again = photo.open(tmp_path / "a.tif")
    np.testing.assert_array_equal(again.levels, opened.levels)
    with tifffile.TiffFile(tmp_path / "a.tif") as saved:
        tags = saved.pages.first.tags
        assert tags["ExifTag"].value["DateTimeOriginal"] == "1951:02:03 04:05:06"
        assert tags["GPSTag"].value["GPSLatitude"] == (48, 1, 12, 1, 7, 2)


# What goes wrong


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing_behind(
    color: photo.Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.png"
    photo.save(color, target)
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
        photo.save(color, tmp_path / "file" / "a.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "file"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit for the size of files")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".tif"])
def test_a_disk_that_gets_full_at_the_last_byte_is_no_photo_without_its_end(
    suffix: str, color: photo.Photo, tmp_path: Path
) -> None:
    import resource

    target = tmp_path / f"a{suffix}"
    photo.save(color, target)
    size = target.stat().st_size
    target.unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As with a full disk, the system writes what there is room for, and fails at the next call.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, before[1]))
    try:
        with pytest.raises(PhotoError, match="cannot be written"):
            photo.save(color, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pages_that_fail_leave_nothing_behind(suffix: str, tmp_path: Path) -> None:
    def pages() -> Iterator[photo.Photo]:
        if suffix in (".tif", ".tiff"):
            yield photo.Photo(corpus.cat())
        raise MemoryError

    with pytest.raises(PhotoError, match=r"not enough memory to write it$"):
        photo.save(pages(), tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("suffix", "side"), [(".jpg", 65_501), (".webp", 16_384), (".avif", 65_537)])
def test_a_photo_that_is_too_long_for_the_format_is_told(suffix: str, side: int, tmp_path: Path) -> None:
    with pytest.raises(
        PhotoError, match=rf"holds {side - 1} px a side at most, the photo has {side}×1; choose another"
    ):
        photo.save(photo.Photo(Image.new("RGB", (side, 1))), tmp_path / f"wide{suffix}")
    if suffix != ".avif":
        photo.save(photo.Photo(Image.new("RGB", (side - 1, 1))), tmp_path / f"wide{suffix}")
        assert photo.open(tmp_path / f"wide{suffix}").size == (side - 1, 1)


def test_an_unknown_suffix_is_told() -> None:
    known = r"\.jpg, \.jpeg, \.jpe, \.jfif, \.png, \.tif, \.tiff, \.webp, \.avif"
    with pytest.raises(PhotoError, match=rf"^a\.gif: cannot write \.gif, expected {known}$"):
        photo.writer(Path("a.gif"))
    with pytest.raises(PhotoError, match=r"^a: cannot write a file without suffix, expected"):
        photo.writer(Path("a"))


def test_formats_that_cannot_hold_a_result_become_another() -> None:
    for source, suffix in (
        ("a.JPG", ".JPG"),
        ("a.gif", ".png"),
        ("scan", ".png"),
        ("a.bmp", ".png"),
        ("a.heic", ".jpg"),
    ):
        assert photo.result_suffix(Path(source)) == suffix
    for suffix in photo.SUFFIXES:
        photo.writer(Path(f"a{photo.result_suffix(Path(f'a{suffix}'))}"))


def test_a_format_that_is_asked_for_keeps_a_name_that_stands_for_it() -> None:
    for source, format_, suffix in (("a.JPEG", "jpg", ".JPEG"), ("a.png", "jpg", ".jpg"), ("a.gif", "tif", ".tif")):
        assert photo.result_suffix(Path(source), format_) == suffix


def test_what_is_written_can_be_read_by_others(color: photo.Photo, tmp_path: Path) -> None:
    for suffix in (".png", ".tif"):
        photo.save(color, tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(skimage_io.imread(tmp_path / f"a{suffix}"), color.levels)


def test_a_preview_is_a_jpeg_of_the_wanted_size(tmp_path: Path) -> None:
    given = photo.to_photo(Image.linear_gradient("L").resize((300, 200)).convert("RGBA"))
    photo.save_preview(given, tmp_path / "whole.jpg")
    photo.save_preview(given, tmp_path / "small.jpg", longest=30)
    with Image.open(tmp_path / "whole.jpg") as whole, Image.open(tmp_path / "small.jpg") as small:
        assert (whole.format, whole.size) == ("JPEG", (300, 200))
        assert small.size == (30, 20)


def test_a_preview_of_a_photo_longer_than_a_jpeg_can_be_is_a_shorter_one(tmp_path: Path) -> None:
    photo.save_preview(photo.to_photo(Image.new("L", (70_000, 2))), tmp_path / "long.jpg")
    with Image.open(tmp_path / "long.jpg") as preview:
        assert preview.size == (65_500, 2)
