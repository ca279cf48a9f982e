"""The numbers of a model, against what can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorize.evaluation.evaluate import main
from colorize.models import build_generator
from colorize.models.unet import UNet
from colorize.models.weights import save_generator


def save_model(path: Path, a: float, b: float) -> Path:
    """A real model file that gives every pixel the same colour, in units of `ab`."""
    generator = build_generator("unet", {"ngf": 2, "depth": 3})
    assert isinstance(generator, UNet)
    last = generator.last[1]
    assert isinstance(last, torch.nn.ConvTranspose2d)
    assert last.bias is not None
    torch.nn.init.zeros_(last.weight)
    last.bias.data = torch.atanh(torch.tensor([a, b]))
    save_generator(path, generator)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        small = Image.fromarray(rng.integers(60, 200, (3, 4, 3), dtype=np.uint8))
        small.resize((40 + i, 30), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    (folder / "bad.png").write_text("no photo")
    return folder


def test_a_model_that_stays_grey_scores_as_grey_and_grey_as_worked_out_by_hand(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, report_file = save_model(tmp_path / "grey.safetensors", 0, 0), tmp_path / "report.json"
    assert main([str(photos), "--model", str(model), "--size", "32", "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    assert (report["photos"], report["unreadable"], report["size"]) == (3, 1, 32)
    assert report["model"]["psnr"] == pytest.approx(report["grey"]["psnr"], abs=0.02)  # one is rounded to 8 bit
    assert report["model"]["cf"] < 1
    assert report["grey"]["histogram_a"] == pytest.approx(report["model"]["histogram_a"], abs=0.02)

    expected = []
    for path in sorted(photos.glob("[0-9].png")):
        r, g, b = (np.asarray(Image.open(path)).astype(float)[..., c] for c in range(3))
        rg, yb = r - g, (r + g) / 2 - b
        expected.append(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))
    assert report["truth_cf"] == pytest.approx(float(np.mean(expected)), rel=1e-4)
    assert report["grey"]["delta_cf"] == pytest.approx(report["truth_cf"], abs=0.1)

    printed = capsys.readouterr().out
    assert "3 photos, size 32, strength 1" in printed
    assert "signed" in printed  # the protocol stands with the numbers


def test_strength_and_model_reach_the_result(photos: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / "orange.safetensors", 0.2, 0.3)
    report_file = tmp_path / "report.json"
    cf = []
    for strength in ("0", "0.5", "1"):
        arguments = [str(photos), "--model", str(model), "--size", "32", "--strength", strength]
        assert main([*arguments, "--json", str(report_file)]) == 0
        cf.append(json.loads(report_file.read_text())["model"]["cf"])
    assert cf[0] < 1 < cf[1] < cf[2]


def test_pictures_show_grey_result_and_truth_side_by_side(photos: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / "orange.safetensors", 0.2, 0.3)
    options = ["--model", str(model), "--size", "32", "--limit", "1", "--pictures", str(tmp_path / "pictures")]
    assert main([str(photos), *options]) == 0
    (picture,) = (tmp_path / "pictures").iterdir()
    with Image.open(picture) as sheet, Image.open(photos / "0.png") as truth:
        assert sheet.size == (3 * truth.width, truth.height)
        shown = np.asarray(sheet)
        np.testing.assert_array_equal(shown[:, 2 * truth.width :], np.asarray(truth))
        assert np.ptp(shown[:, : truth.width].astype(int), axis=2).max() <= 1  # grey


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{missing}"], "no such file or folder"),
        (["{photos}/bad.png", "--model", "{model}"], "no photo to measure on"),
        (["{photos}", "--strength", "9"], "strength must be"),
        (["{photos}", "--model", "{missing}"], "no such model file"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    arguments: list[str], told: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_model(tmp_path / "model.safetensors", 0, 0)
    names = {"photos": str(photos), "missing": str(tmp_path / "missing"), "model": str(model)}
    assert main([argument.format(**names) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


def test_grey_photos_are_counted_and_left_out(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, report_file = save_model(tmp_path / "grey.safetensors", 0, 0), tmp_path / "report.json"
    Image.new("L", (40, 30), 90).save(photos / "grey.png")
    assert main([str(photos), "--model", str(model), "--size", "32", "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    assert (report["photos"], report["skipped_as_grey"]) == (3, 1)
    capsys.readouterr()
    assert main([str(photos / "grey.png"), "--model", str(model)]) == 2
    assert "no photo to measure on" in (told := capsys.readouterr().err)
    assert "(0 unreadable, 1 grey)" in told
    assert main([str(photos), "--model", str(model), "--json", str(tmp_path / "nowhere/report.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_pictures_of_photos_with_the_same_name_do_not_replace_each_other(photos: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / "grey.safetensors", 0, 0)
    (tmp_path / "more").mkdir()
    (photos / "0.png").rename(tmp_path / "more/1.png")
    folders = [str(photos), str(tmp_path / "more")]
    assert main([*folders, "--model", str(model), "--size", "32", "--pictures", str(tmp_path / "pictures")]) == 0
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {"photos_1.png.png", "photos_2.png.png", "more_1.png.png"}
