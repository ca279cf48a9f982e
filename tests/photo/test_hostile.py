"""Broken and hostile files: a correct photo or one line, in bounded time and memory, and nothing left behind."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize import photo
from colorize.errors import PhotoError
from colorize.photo import silence
from tests.photo import corpus
from tests.photo.corpus import attempt, encoded

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    return corpus.whole()


def same(one: photo.Photo, other: photo.Photo) -> bool:
    return np.array_equal(one.levels, other.levels) and (one.alpha is None) == (other.alpha is None)


def test_a_file_that_is_cut_off_is_an_error_and_no_half_gray_photo(whole: dict[str, bytes]) -> None:
    """At every sixteenth: unless all of the picture is there, and what is missing came after it."""
    read = 0
    for name, content in whole.items():
        if name == "plain.pgm":  # a text, whose last number is just a shorter one
            continue
        intact = list(photo.pages(io.BytesIO(content), name))
        for sixteenth in range(16):
            pages = attempt(content[: len(content) * sixteenth // 16], name)
            if pages is not None:
                read += 1
                assert sixteenth > 7, (name, sixteenth)
                assert len(pages) == len(intact), (name, sixteenth)
                assert all(map(same, pages, intact)), (name, sixteenth)
    assert read < 30


@pytest.mark.parametrize("settings", [{}, {"restart_marker_blocks": 3}, {"subsampling": 2, "optimize": True}])
def test_a_jpeg_that_is_cut_off_and_ended_properly_is_damaged_as_well(settings: dict[str, Any]) -> None:
    """Pillow takes it: half of it is gray."""
    for image in (corpus.cat(), corpus.cat().convert("L")):
        content = encoded(image, "JPEG", **settings)
        scan = content.index(b"\xff\xda") + 14
        for part in range(1, 16):
            cut = content[: scan + (len(content) - scan) * part // 16].rstrip(b"\xff") + b"\xff\xd9"
            with Image.open(io.BytesIO(cut)) as half:
                half.load()
            with pytest.raises(PhotoError, match=r"^a\.jpg: a damaged photo \("):
                photo.open(io.BytesIO(cut), "a.jpg")
        opened = photo.open(io.BytesIO(content + b"and something behind it \xff\xd9"))
        np.testing.assert_array_equal(opened.levels, np.asarray(Image.open(io.BytesIO(content))))


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """With up to eight bits turned round, or a few bytes exchanged for zeros, ones or others of the file."""
    broken = np.frombuffer(content, np.uint8).copy()
    # As often as not near the beginning, where the structure is.
    reach = len(broken) if rng.random() < 0.5 else min(len(broken), 400)
    for place in rng.integers(0, reach, rng.integers(1, 9)):
        broken[place] ^= 1 << rng.integers(0, 8)
    if rng.random() < 0.3:
        place = rng.integers(0, reach)
        broken[place : place + 4] = rng.choice([0, 255, 127, 1])
    return broken.tobytes()


def flip(whole: dict[str, bytes], seed: int, count: int) -> int:
    """How many of so many broken files are photos all the same."""
    rng = np.random.default_rng(seed)
    names = sorted(whole)
    read = 0
    for number in range(count):
        name = names[number % len(names)]
        read += attempt(flipped(whole[name], rng), name) is not None
    return read


def test_flipped_bits_give_a_photo_or_one_line(whole: dict[str, bytes], capfd: pytest.CaptureFixture[str]) -> None:
    assert 0 < flip(whole, 0, 430) < 430
    if silence.libtiff():
        assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_thousands_of_flipped_bits_give_a_photo_or_one_line(whole: dict[str, bytes], seed: int) -> None:
    assert 0 < flip(whole, seed, 2_000) < 2_000


def test_the_name_does_not_matter_but_the_content_does(whole: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in whole.items():
        for wrong in (".jpg", ".tif"):
            path = tmp_path / f"wrong{wrong}"
            path.write_bytes(content)
            assert same(photo.open(path), photo.open(io.BytesIO(content), name)), (name, wrong)


def test_what_is_no_photo_at_all_is_refused() -> None:
    told = "expected a photo, this is no image format that can be read"
    rng = np.random.default_rng(0)
    contents = {
        "zeros.jpg": bytes(100_000),
        "text.jpg": b"hello\nworld\n" * 1000,
        "noise.jpg": rng.bytes(10_000),
        "page.jpg": b"<!DOCTYPE html><html><svg xmlns='http://www.w3.org/2000/svg'/></html>",
        "paper.jpg": b"%PDF-1.7\n1 0 obj\n",
        "archive.jpg": b"PK\3\4" + bytes(100),
    }
    for name, content in contents.items():
        with pytest.raises(PhotoError, match=f"^{name}: {told}$"):
            photo.open(io.BytesIO(content), name)
    for start in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x20ftypavif"):
        for rest in (b"", bytes(1000), rng.bytes(1000)):
            assert attempt(start + rest, "a.jpg") is None


HARMLESS = {"data.png", "circle.tif", "entities.png", "exif.png", "exif.webp"}  # once it is known what not to believe
MEASURE = """
import io, pickle, sys, time
from colorize import photo
from colorize.errors import PhotoError
from colorize.photo import silence
def peak(): return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
bombs = pickle.load(sys.stdin.buffer)
list(photo.pages(io.BytesIO(bombs.pop("first"))))  # what is imported now is not the bombs'
before = peak()
for name, content in bombs.items():
    start = time.process_time()
    try:
        told = " ".join(f"{page.size[0]}x{page.size[1]}" for page in photo.pages(io.BytesIO(content), name))
    except PhotoError as error:
        told = str(error)
    print(name, round(time.process_time() - start, 2), round(peak() - before), told, sep="|")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory was used")
def test_bombs_do_not_go_off() -> None:
    """All of them in one process that starts small: its memory is that of the largest."""
    import pickle

    bombs = dict(corpus.bombs())
    given = pickle.dumps({"first": encoded(corpus.cat(), "TIFF"), **bombs})
    done = subprocess.run([sys.executable, "-c", MEASURE], cwd=ROOT, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    lines = [line.split("|", 3) for line in done.stdout.decode().splitlines()]
    assert [name for name, *_ in lines] == list(bombs)
    for name, seconds, megabytes, told in lines:
        assert float(seconds) < 3, name
        assert int(megabytes) < 120, name
        assert told == "8x8" if name in HARMLESS else told.startswith(f"{name}: "), told


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_scan_that_is_said_to_be_higher_than_its_strips_is_damaged(compression: str | None) -> None:
    """Pillow leaves the rest black."""
    content = corpus.tiff(np.full((40, 30), 7, np.uint8), rowsperstrip=8, compression=compression)
    height = content.index(b"\x01\x01\x04\0\x01\0\0\0\x28\0")
    taller = content[: height + 8] + b"\x58\x02" + content[height + 10 :]
    with pytest.raises(PhotoError, match=r"a\.tif: a damaged photo"):
        photo.open(io.BytesIO(taller), "a.tif")
    assert photo.open(io.BytesIO(content)).size == (30, 40)


@pytest.mark.parametrize(("width", "height"), [(1, 100_000), (100_000, 1), (1, 1), (65_500, 3)])
def test_odd_shapes_are_photos(width: int, height: int) -> None:
    for format_ in ("JPEG", "PNG", "TIFF"):
        if max(width, height) > 65_500 and format_ == "JPEG":
            continue
        opened = photo.open(io.BytesIO(encoded(Image.new("L", (width, height), 100), format_)))
        assert (opened.size, int(opened.levels.min()), int(opened.levels.max())) == ((width, height), 100, 100)


def test_damaged_metadata_are_left_behind_and_the_photo_is_read(whole: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever is done to EXIF, XMP, IPTC and the profile, every pixel is there."""
    rng = np.random.default_rng(0)
    gray = corpus.cat().convert("L")
    levels = np.asarray(gray)
    for number in range(60):
        exif, packet, profile, iptc = (
            flipped(each, rng)
            for each in (corpus.described().tobytes(), corpus.PACKET, corpus.linear_profile(b"GRAY"), corpus.IPTC)
        )
        jpeg = encoded(gray, "PNG", exif=exif, icc_profile=b"" if number % 2 else profile)
        opened = photo.open(io.BytesIO(jpeg))
        if number % 2 and opened.size == gray.size:  # the orientation may be what was hit
            assert sorted(opened.levels.ravel()) == sorted(levels.ravel())
        photo.save(corpus.in_color(opened), tmp_path / "a.jpg")
        content = encoded(gray, "JPEG", exif=exif[:65_000], xmp=packet)
        opened = photo.open(io.BytesIO(corpus.with_segments(content, corpus.segment(0xED, corpus.photoshop(iptc)))))
        photo.save(corpus.in_color(opened), tmp_path / "b.tif")
        assert photo.open(tmp_path / "b.tif").size == opened.size


def test_huge_exif_is_carried_or_told(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[corpus.DESCRIPTION] = "x" * 3_000_000
    opened = photo.open(io.BytesIO(encoded(corpus.cat(), "PNG", exif=exif)))
    assert len(opened.exif.to_bytes()) > 3_000_000
    photo.save(opened, tmp_path / "a.tif")
    assert len(photo.open(tmp_path / "a.tif").exif.to_bytes()) > 3_000_000
    photo.save(opened, tmp_path / "a.jpg")
    assert photo.dropped_metadata(opened, "a.jpg") == ("EXIF fields for which JPEG has no room",)


def test_a_scan_with_too_many_pages_is_told() -> None:
    content = corpus.empty_pages(10_001)
    with pytest.raises(PhotoError, match=r"^a\.tif: more than the 10000 pages accepted$"):
        photo.open(io.BytesIO(content), "a.tif")


def test_warnings_go_nowhere_whatever_is_read(whole: dict[str, bytes]) -> None:
    """Pillow warns of much; `filterwarnings = error` of the tests would make errors of it all, so it is asked for."""
    rng = np.random.default_rng(1)
    with warnings.catch_warnings(record=True, action="always") as caught:
        for name, content in whole.items():
            attempt(content, name)
            attempt(flipped(content, rng), name)
            attempt(content[: len(content) * 2 // 3], name)
    assert [str(each.message) for each in caught] == []


def test_nothing_is_left_of_photos_that_fail(whole: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in whole.items():
        for suffix in (".jpg", ".png", ".tif"):
            try:
                photo.save(
                    map(corpus.in_color, photo.pages(io.BytesIO(content[: len(content) // 2]))),
                    tmp_path / f"a{suffix}",
                )
            except PhotoError:
                assert list(tmp_path.iterdir()) == [], name
            else:
                (tmp_path / f"a{suffix}").unlink()
