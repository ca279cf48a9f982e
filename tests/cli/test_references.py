"""Reference photos on the command line: for all photos, and refused in one line before any is colored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data

from colorize import Album, Colorizer
from colorize.cli import main
from colorize.color.units import FloatArray
from colorize.coloring.engine import Features


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two gray photos, and beside their folder the first in color, turned round."""
    (tmp_path / "old").mkdir()
    coffee = Image.fromarray(data.coffee()).resize((240, 160))
    coffee.convert("L").save(tmp_path / "old/coffee.png")
    Image.fromarray(data.chelsea()).convert("L").resize((150, 100)).save(tmp_path / "old/chelsea.png")
    ImageOps.mirror(coffee).save(tmp_path / "color.png")
    return tmp_path


def test_every_photo_is_colored_like_the_reference(folder: Path) -> None:
    out = folder / "out"
    assert main([str(folder / "old"), "-o", str(out), "--reference", str(folder / "color.png"), "--device", "cpu"]) == 0
    colorizer = Colorizer.load(device="cpu")
    with Image.open(folder / "color.png") as reference:
        for name in ("coffee.png", "chelsea.png"):
            with Image.open(folder / "old" / name) as gray, Image.open(out / name) as result:
                np.testing.assert_array_equal(np.asarray(result), np.asarray(colorizer(gray, reference=reference)))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("old/coffee.png", "must have colors, this one is gray (mean chroma 0.0)"),
        ("missing.png", "missing.png"),
        ("text.png", "text.png"),
    ],
)
def test_a_reference_that_cannot_be_followed_is_one_line_and_nothing_is_colored(
    folder: Path, reference: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "text.png").write_text("no photo")
    out = folder / "out"
    given = [str(folder / "old"), "-o", str(out), "--device", "cpu", "--reference", str(folder / reference)]
    assert main(given) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"colorize: {folder / reference}: ")
    assert message in told
    assert told.count("\n") == 1
    assert not list(out.rglob("*.png"))


def test_every_page_is_colored_like_the_reference(folder: Path) -> None:
    with Image.open(folder / "old/coffee.png") as page:
        page.save(folder / "pages.tif", save_all=True, append_images=[ImageOps.mirror(page)])
    reference = ["--reference", str(folder / "color.png"), "--device", "cpu"]
    assert main([str(folder / "pages.tif"), "-o", str(folder / "out"), *reference]) == 0
    colorizer = Colorizer.load(device="cpu")
    with (
        Image.open(folder / "color.png") as color,
        Image.open(folder / "pages.tif") as grays,
        Image.open(folder / "out/pages.tif") as results,
    ):
        for number in range(2):
            grays.seek(number)
            results.seek(number)
            expected = colorizer(grays.copy(), reference=color)
            np.testing.assert_array_equal(np.asarray(results.convert("RGB")), np.asarray(expected))


@pytest.fixture
def album(folder: Path) -> Path:
    """Two photos in color, and three that cannot be references."""
    colors = folder / "colors"
    colors.mkdir()
    Image.open(folder / "color.png").save(colors / "coffee.png")
    ImageOps.mirror(Image.fromarray(data.chelsea()).resize((150, 100))).save(colors / "cat.png")
    Image.fromarray(data.chelsea()).convert("L").save(colors / "gray.png")
    Image.new("RGB", (9, 9), "red").save(colors / "tiny.png")
    (colors / "broken.png").write_bytes(b"no photo")
    return colors


def test_each_photo_of_a_folder_follows_the_most_alike_of_another(
    folder: Path, album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "out"
    given = [str(folder / "old"), "-o", str(out), "--reference-dir", str(album), "--device", "cpu"]
    assert main(given) == 0
    told = capsys.readouterr().err
    assert [name for name in ("gray", "tiny", "broken") if f"no reference: {album / name}.png: " in told] == [
        *("gray", "tiny", "broken")
    ]
    colorizer = Colorizer.load(device="cpu")
    for name, reference in (("coffee.png", "coffee.png"), ("chelsea.png", "cat.png")):
        with (
            Image.open(album / reference) as color,
            Image.open(folder / "old" / name) as gray,
            Image.open(out / name) as result,
        ):
            np.testing.assert_array_equal(np.asarray(result), np.asarray(colorizer(gray, reference=color)))


def test_each_reference_of_an_album_is_looked_at_once(album: Path) -> None:
    colorizer = Colorizer.load(device="cpu")
    looks = []
    predict_features = colorizer.engine.predict_features

    def counted(l: FloatArray) -> Features:
        looks.append(l)
        return predict_features(l)

    colorizer.engine.predict_features = counted  # type: ignore[method-assign]
    choice = Album([album / "coffee.png", album / "cat.png"])
    gray = Image.fromarray(data.coffee()).resize((96, 64)).convert("L")
    colorizer(gray, reference=choice)
    before = len(looks)
    for _ in range(3):
        colorizer(gray, reference=choice)
    assert len(looks) - before == 3 * 2  # to choose, and to compare


def test_a_folder_without_a_photo_in_color_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(folder / "color.png"), "--device", "cpu", "--reference-dir", str(folder / "old")]
    assert main(given) == 2
    told = capsys.readouterr().err
    assert told == "colorize: expected photos in color to choose references from, none of these 2 is one\n"
