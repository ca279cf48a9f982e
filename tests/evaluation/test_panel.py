"""Two models side by side, and what a person says of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize.evaluation.panel import DEFECTS, MODELS, SIDES, main, tally
from tests.evaluation.test_evaluate import save_model

PHOTOS = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, a red and a blue model, and a panel of them."""
    folder = tmp_path_factory.mktemp("panel")
    (folder / "photos").mkdir()
    for i in range(PHOTOS):
        color = (90, 120, 60) if i % 2 else (110, 110, 110)  # photos in gray are shown as well
        Image.new("RGB", (60 + 10 * i, 50), color).save(folder / f"photos/{i}.png")
    (folder / "photos/broken.png").write_text("no photo")
    red, blue = save_model(folder / "red.safetensors", 0.5, 0.2), save_model(folder / "blue.safetensors", 0, -0.5)
    assert main([str(red), str(blue), str(folder / "photos"), "--out", str(folder / "out"), "--seed", "3"]) == 0
    return folder


def key_of(made: Path) -> dict[str, Any]:
    key: dict[str, Any] = json.loads((made / "out.key.json").read_text(encoding="utf-8"))
    return key


def fill(made: Path, target: Path, cells: dict[tuple[str, int], dict[str, str]]) -> Path:
    """The form with what is said of a model's colors of a photo, and 0 for a stain elsewhere."""
    sides = {(placing[side], placing["photo"]): side for placing in key_of(made)["photos"] for side in SIDES}
    told = {(str(photo), sides[model, photo]): each for (model, photo), each in cells.items()}
    with (made / "out/form.csv").open(encoding="utf-8", newline="") as file:
        rows = [row | told.get((row["photo"], row["side"]), {"stain": "0"}) for row in csv.DictReader(file)]
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return target


def test_the_folder_has_sheets_and_a_form_and_tells_nobody_which_model_is_which(made: Path) -> None:
    assert {path.name for path in (made / "out").iterdir()} == {"form.csv", "sheet-001.jpg", "sheet-002.jpg"}
    form = (made / "out/form.csv").read_text(encoding="utf-8")
    assert form.splitlines()[0] == "photo,side," + ",".join(DEFECTS)
    assert form.splitlines()[1:3] == ["1,left,,,,,,", "1,right,,,,,,"]
    assert len(form.splitlines()) == 1 + 2 * PHOTOS
    assert "red" not in form
    assert not any(b"red." in path.read_bytes() for path in (made / "out").iterdir())
    with Image.open(made / "out/sheet-001.jpg") as sheet:
        assert not sheet.getexif()


def test_the_key_tells_where_each_models_colors_stand(made: Path) -> None:
    key = key_of(made)
    assert key["models"] == ["red.safetensors", "blue.safetensors"]
    assert key["seed"] == 3
    assert [placing["name"] for placing in key["photos"]] == [f"photos/{i}.png" for i in range(PHOTOS)]
    assert {placing["left"] for placing in key["photos"]} == set(MODELS)  # drawn for each
    with Image.open(made / "out/sheet-001.jpg") as image:
        sheet = np.asarray(image).astype(int)
    for placing, row in zip(key["photos"], np.array_split(sheet, 4), strict=False):
        middle = row[row.shape[0] // 2]
        gray, left, right = middle[100], middle[588], middle[1076]
        assert np.ptp(gray) <= 3
        for side, pixel in (("left", left), ("right", right)):
            assert (pixel[0] > pixel[2]) == (placing[side] == "A"), placing


def test_the_same_seed_gives_the_same_panel_and_another_one_another(made: Path, tmp_path: Path) -> None:
    arguments = [str(made / "red.safetensors"), str(made / "blue.safetensors"), str(made / "photos")]
    for seed in ("3", "4"):
        assert main([*arguments, "--out", str(tmp_path / seed), "--seed", seed]) == 0
    assert json.loads((tmp_path / "3.key.json").read_text())["photos"] == key_of(made)["photos"]
    assert json.loads((tmp_path / "4.key.json").read_text())["photos"] != key_of(made)["photos"]
    for name in ("sheet-001.jpg", "form.csv"):
        assert (tmp_path / "3" / name).read_bytes() == (made / "out" / name).read_bytes()


def test_the_tally_counts_what_was_said_of_each_model(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = {
        ("A", 1): {"stain": "1", "green skin": "1"},
        ("A", 2): {"stain": "1"},
        ("B", 2): {"stain": "0", "other": "a yellow haze"},
        ("B", 3): {"stain": ""},  # not judged: photo 3 counts for neither
        ("A", 3): {"stain": "1"},
    }
    form = fill(made, tmp_path / "form.csv", cells)
    counts = tally(form, made / "out.key.json")
    assert (counts["photos"], counts["judged"]) == (PHOTOS, PHOTOS - 1)
    a, b = counts["models"]["A"], counts["models"]["B"]
    assert (a["file"], b["file"]) == ("red.safetensors", "blue.safetensors")
    assert {name: count for name, count in a["defects"].items() if count} == {"stain": 2, "green skin": 1}
    assert {name: count for name, count in b["defects"].items() if count} == {"other": 1}
    assert (a["clean"], b["clean"]) == (PHOTOS - 3, PHOTOS - 2)

    assert main(["--tally", str(form), "--key", str(made / "out.key.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "5 of 6 photos judged"
    assert next(line for line in lines if line.startswith("stain")).split() == ["stain", "2", "0"]


def test_the_key_is_found_beside_the_forms_folder(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tally", str(made / "out/form.csv")]) == 0
    assert capsys.readouterr().out.startswith("0 of 6 photos judged")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("1,left,", "1,left,2", 1), "line 2: stain: expected 0, 1 or nothing, got '2'"),
        (lambda text: text.replace("1,left", "1,up", 1), "line 2: expected a photo's number and left or right"),
        (lambda text: text.replace("1,left,,,,,,\n", "", 1), "photo 1, left, is missing"),
        (lambda text: text + "99,left,,,,,,\n", "photo 99, left, is not in"),
        (lambda text: text.replace("stain", "patch", 1), "expected a column 'stain'"),
    ],
)
def test_a_form_that_does_not_fit_is_one_line_and_exit_2(
    change: Any, told: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = tmp_path / "form.csv"
    form.write_text(change((made / "out/form.csv").read_text(encoding="utf-8")), encoding="utf-8")
    assert main(["--tally", str(form), "--key", str(made / "out.key.json")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{red}", "{red}"], "expected MODEL_A MODEL_B PHOTOS… --out FOLDER"),
        (["{red}", "{red}", "{photos}"], "--out FOLDER"),
        (["{red}", "{red}", "{photos}", "--out", "{photos}"], "expected a new or empty folder"),
        (["{red}", "{red}", "{photos}", "--out", "{out}"], "there is a key already"),
        (["{red}", "{red}", "{photos}/broken.png", "--out", "{new}"], "no photo to show"),
        (["{red}", "{new}", "{photos}", "--out", "{new}"], "no such model file"),
        (["{red}", "{red}", "{photos}", "--out", "{new}", "--seed", "-1"], "--seed: expected a whole number"),
        (["--tally", "{new}", "--key", "{out}.key.json"], "cannot be read"),
        (["--tally", "{out}/form.csv", "--key", "{new}"], "the panel's key cannot be read"),
        (["--tally", "{out}/form.csv", "--key", "{out}/form.csv"], "this is no key of a panel"),
        (["{red}", "--tally", "{out}/form.csv"], "expected nothing beside the form"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    arguments: list[str], told: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"red": made / "red.safetensors", "photos": made / "photos", "out": made / "out", "new": tmp_path / "new"}
    assert main([argument.format(**places) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1
