"""JPEGs that end early: what is there gets colors, what is missing stays gray, and how much that is is told."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize import photo
from colorize.cli import main
from colorize.errors import PhotoError
from tests.photo import corpus
from tests.photo.corpus import encoded


def cut(part: float, orientation: int = 1, **settings: object) -> bytes:
    """A JPEG of 300 × 200 px of which so much is there of what comes after its headers."""
    image = corpus.cat().convert("L").resize((300, 200))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(image, "JPEG", exif=exif, **settings)
    scan = content.index(b"\xff\xda") + 14
    return content[: scan + round((len(content) - scan) * part)]


@pytest.mark.parametrize("ending", [b"", b"\xff\xd9"])
def test_what_is_there_is_the_photo_and_the_rest_is_even(ending: bytes) -> None:
    content = cut(0.6) + ending
    with pytest.raises(PhotoError, match="a damaged photo"):
        photo.open(io.BytesIO(content))
    salvaged = photo.open(io.BytesIO(content), salvage=True)
    assert salvaged.readable
    left, top, right, bottom = salvaged.readable
    assert (left, top, right) == (0, 0, 300)
    assert 80 <= bottom <= 160
    assert bottom % 8 == 0
    whole = photo.open(io.BytesIO(cut(1.0)))
    np.testing.assert_array_equal(salvaged.levels[:bottom], whole.levels[:bottom])
    assert photo.open(io.BytesIO(cut(1.0)), salvage=True).readable is None


def test_a_photo_on_its_side_misses_its_side() -> None:
    salvaged = photo.open(io.BytesIO(cut(0.6, orientation=6)), salvage=True)
    assert salvaged.size == (200, 300)
    assert salvaged.readable
    left, top, right, bottom = salvaged.readable  # turned to the right: the lower edge is the left one
    assert (top, right, bottom) == (0, 200, 300)
    assert 40 <= left <= 120


def test_a_progressive_one_is_there_as_a_whole() -> None:
    salvaged = photo.open(io.BytesIO(cut(0.7, progressive=True)), salvage=True)
    assert salvaged.readable == (0, 0, 300, 200)


@pytest.mark.parametrize("content", [cut(0.02), encoded(corpus.cat(), "PNG")[:-5000]], ids=["too little", "no JPEG"])
def test_what_cannot_be_salvaged_is_damaged_all_the_same(content: bytes) -> None:
    with pytest.raises(PhotoError, match="a damaged photo"):
        photo.open(io.BytesIO(content), salvage=True)


def test_the_command_colors_what_is_there_and_tells_how_much_that_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(cut(0.6))
    arguments = [str(tmp_path / "a.jpg"), "--device", "cpu", "-o", str(tmp_path / "out.png")]
    assert main(arguments) == 1
    assert main([*arguments, "--salvage"]) == 0
    told = capfd.readouterr().err.splitlines()[-1]
    assert "a.jpg: ends early: " in told
    assert told.endswith("% of the picture are there, the rest is left gray")
    salvaged = photo.open(tmp_path / "a.jpg", salvage=True)
    assert salvaged.readable
    below = salvaged.readable[3]
    with Image.open(tmp_path / "out.png") as result:
        chroma = np.ptp(np.asarray(result).astype(int), axis=2)
    assert chroma[below:].max() == 0
    assert chroma[:below].max() > 0
