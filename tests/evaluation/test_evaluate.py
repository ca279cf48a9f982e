"""The numbers of a model, against what can be worked out by hand."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from colorize.evaluation.evaluate import main
from colorize.evaluation.tables import Gallery
from colorize.models.architectures import build_generator
from colorize.models.imagenet import BACKBONES
from colorize.models.tensorfile import write_tensors
from colorize.models.unet import UNet
from colorize.models.weights import save_generator


def value(report: dict[str, Any], row: str, measure: str) -> float:
    number: float = report["rows"][row]["measures"][measure]["value"]
    return number


def save_model(path: Path, a: float, b: float, *, hints: bool = False) -> Path:
    """A real model file that gives every pixel the same color, in units of `ab`; with `hints`, it takes them."""
    generator = build_generator("unet", {"ngf": 2, "depth": 3})
    assert isinstance(generator, UNet)
    last = generator.last[1]
    assert isinstance(last, torch.nn.ConvTranspose2d)
    assert last.bias is not None
    torch.nn.init.zeros_(last.weight)
    last.bias.data = torch.atanh(torch.tensor([a, b]))
    if hints:
        nn.init.ones_(generator.hint.weight)
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


def test_a_model_that_stays_gray_scores_as_gray_and_gray_as_worked_out_by_hand(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, report_file = save_model(tmp_path / "gray.safetensors", 0, 0), tmp_path / "report.json"
    assert main([str(photos), "--model", str(model), "--size", "32", "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    assert (report["photos"], report["skipped"]["unreadable"], report["rows"]["model"]["size"]) == (3, 1, 32)
    assert value(report, "model", "psnr") == pytest.approx(value(report, "gray", "psnr"), abs=0.02)
    assert value(report, "model", "psnr_gain") == pytest.approx(0, abs=0.02)
    assert value(report, "model", "cf") < 1
    assert value(report, "gray", "histogram_a") == pytest.approx(value(report, "model", "histogram_a"), abs=0.02)

    expected = []
    for path in sorted(photos.glob("[0-9].png")):
        r, g, b = (np.asarray(Image.open(path)).astype(float)[..., c] for c in range(3))
        rg, yb = r - g, (r + g) / 2 - b
        expected.append(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))
    assert value(report, "truth", "cf") == pytest.approx(float(np.mean(expected)), rel=1e-4)
    assert value(report, "gray", "delta_cf") == pytest.approx(value(report, "truth", "cf"), abs=0.1)
    assert value(report, "truth", "stains") == pytest.approx(0, abs=1e-6)
    assert value(report, "gray", "stains") < 0.01
    assert value(report, "model", "stains") < 0.05
    assert {each["target"]: each["met"] for each in report["targets"]}["|ΔCF| ≤ 4"] is False

    printed = capsys.readouterr().out
    assert "3 photos (1 unreadable left out), model gray.safetensors, size 32, strength 1" in printed
    assert "signed" in printed  # the protocol stands with the numbers
    assert "FD: left out" in printed  # and what there is not
    assert str(tmp_path) not in report_file.read_text()


def test_strength_and_model_reach_the_result(photos: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / "orange.safetensors", 0.2, 0.3)
    report_file = tmp_path / "report.json"
    cf = []
    for strength in ("0", "0.5", "1"):
        arguments = [str(photos), "--model", str(model), "--size", "32", "--strength", strength]
        assert main([*arguments, "--json", str(report_file)]) == 0
        cf.append(value(json.loads(report_file.read_text()), "model", "cf"))
    assert cf[0] < 1 < cf[1] < cf[2]


def test_a_sweep_and_baselines_are_rows_that_score_as_those_models_do_alone(photos: Path, tmp_path: Path) -> None:
    orange, blue = save_model(tmp_path / "o.safetensors", 0.2, 0.3), save_model(tmp_path / "b.safetensors", 0, -0.2)
    together, alone = tmp_path / "together.json", tmp_path / "alone.json"
    options = ["--size", "32", "--baseline", f"blue={blue}", "--sweep", "strength=0.5,1", "size=32,64"]
    assert main([str(photos), "--model", str(orange), *options, "--json", str(together)]) == 0
    assert main([str(photos), "--model", str(blue), "--size", "32", "--json", str(alone)]) == 0
    report = json.loads(together.read_text())
    swept = [f"size {size}, strength {strength}" for size in (32, 64) for strength in ("0.5", "1")]
    assert list(report["rows"]) == ["model", *swept, "blue", "gray", "truth"]
    assert report["rows"]["blue"]["measures"] == json.loads(alone.read_text())["rows"]["model"]["measures"]
    assert report["rows"]["size 32, strength 1"]["measures"] == report["rows"]["model"]["measures"]
    assert value(report, "size 64, strength 0.5", "cf") < value(report, "model", "cf")


def test_true_colors_as_hints_are_a_row_that_gains(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, report_file = save_model(tmp_path / "orange.safetensors", 0.2, 0.3, hints=True), tmp_path / "report.json"
    options = ["--model", str(model), "--size", "32", "--hints", "20"]
    assert main([str(photos), *options, "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    assert list(report["rows"]) == ["model", "20 hints", "gray", "truth"]
    assert report["rows"]["20 hints"]["hints"] == 20
    gain = value(report, "20 hints", "hints_gain")
    assert gain == pytest.approx(value(report, "20 hints", "psnr") - value(report, "model", "psnr"), rel=1e-3)
    assert gain > 1  # hints are obeyed where they are given
    assert ("PSNR with hints ≥ without + 3 dB", gain) in [(t["target"], t["value"]) for t in report["targets"]]
    capsys.readouterr()
    unable = save_model(tmp_path / "unable.safetensors", 0.2, 0.3)
    assert main([str(photos), "--model", str(unable), "--hints", "5"]) == 2
    assert "has not learned hints" in capsys.readouterr().err


def test_every_source_has_numbers_of_its_own_and_all_together_are_their_mean(photos: Path, tmp_path: Path) -> None:
    shard, report_file = tmp_path / "shard.tar", tmp_path / "report.json"
    with tarfile.open(shard, "w") as archive:
        for i, source in enumerate(("flowers", "coco", "flowers")):
            archive.add(photos / f"{i}.png", f"{source}-00{i}.png")
    model = save_model(tmp_path / "orange.safetensors", 0.2, 0.3)
    assert main([str(shard), "--model", str(model), "--size", "32", "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    sources = report["sources"]
    assert {name: source["photos"] for name, source in sources.items()} == {"flowers": 2, "coco": 1}
    for measure in ("psnr", "cf_difference", "histogram_a"):
        flowers, coco = (value(sources[name], "model", measure) for name in ("flowers", "coco"))
        if measure != "histogram_a":
            assert value(report, "model", measure) == pytest.approx((2 * flowers + coco) / 3, rel=1e-4)
        one = sources["coco"]["rows"]["model"]["measures"][measure]
        assert one["low"] == pytest.approx(one["value"]) == pytest.approx(one["high"])  # there is nothing to draw
    for row in report["rows"].values():
        assert all(measure["low"] <= measure["high"] for measure in row["measures"].values())


def save_features(path: Path, network: str) -> Path:
    """Random weights in a file that looks like one of ImageNet's."""
    backbone = BACKBONES[network]
    state = nn.Sequential(*backbone.build(3)).state_dict()
    write_tensors(path, {backbone.file_key(key): value for key, value in state.items()}, {})
    return path


@pytest.mark.parametrize("network", ["mobilenet_v2", "efficientnet_lite0"])
def test_the_frechet_distance_and_consistency_are_measured_where_asked_for(
    network: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(3, 9):
        shutil.copy(photos / f"{i % 3}.png", photos / f"{i}.png")
    features, report_file = save_features(tmp_path / "features.safetensors", network), tmp_path / "report.json"
    model = save_model(tmp_path / "orange.safetensors", 0.2, 0.3)
    options = ["--model", str(model), "--size", "32", "--features", str(features), "--consistency"]
    assert main([str(photos), *options, "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    assert (report["frechet"]["photos"], report["frechet"]["network"]) == (9, network)
    assert f"ImageNet's {network} (features.safetensors)" in report["protocol"]["FD"]
    for row in ("model", "gray"):
        assert value(report, row, "frechet") > 0
    assert value(report, "truth", "frechet_across_halves") > 0
    assert value(report, "model", "mirrored") < 1  # one color is the same everywhere
    assert "FD ≤ 0.55 of gray's" in capsys.readouterr().out
    assert main([str(photos), "--model", str(model), "--features", str(model)]) == 2
    assert "mobilenet_v2" in capsys.readouterr().err


def test_the_page_shows_the_numbers_and_photos_and_fetches_nothing(photos: Path, tmp_path: Path) -> None:
    model, page = save_model(tmp_path / "orange.safetensors", 0.2, 0.3), tmp_path / "page.html"
    (photos / "0.png").rename(photos / "<b>.png")
    assert main([str(photos), "--model", str(model), "--size", "32", "--html", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<figure>") == 6  # each of three is among the best and among the worst
    assert "&lt;b&gt;.png" in text
    assert "<b>.png" not in text
    assert "signed" in text
    assert not re.findall(r"(?:src|href)=\"(?!data:image/jpeg;base64,)", text)


def test_a_gallery_keeps_the_best_and_the_worst_in_order() -> None:
    gallery, picture = Gallery(), Image.new("RGB", (6, 2))
    scores = list(np.random.default_rng(0).permutation(100))
    for score in scores:
        gallery.add(str(score), float(score), picture)
    assert [name for _, name, _ in gallery.worst] == [str(i) for i in range(40)]
    assert [name for _, name, _ in gallery.best] == [str(i) for i in range(99, 87, -1)]


def test_pictures_show_gray_result_and_truth_side_by_side(photos: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / "orange.safetensors", 0.2, 0.3)
    options = ["--model", str(model), "--size", "32", "--limit", "1", "--pictures", str(tmp_path / "pictures")]
    assert main([str(photos), *options]) == 0
    (picture,) = (tmp_path / "pictures").iterdir()
    with Image.open(picture) as sheet, Image.open(photos / "0.png") as truth:
        assert sheet.size == (3 * truth.width, truth.height)
        shown = np.asarray(sheet)
        np.testing.assert_array_equal(shown[:, 2 * truth.width :], np.asarray(truth))
        assert np.ptp(shown[:, : truth.width].astype(int), axis=2).max() <= 1  # gray


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{missing}"], "no such file or folder"),
        (["{photos}/bad.png", "--model", "{model}"], "no photo to measure on"),
        (["{photos}", "--strength", "9"], "strength must be"),
        (["{photos}", "--model", "{missing}"], "no such model file"),
        (["{photos}", "--features", "{missing}"], "no such model file"),
        (["{photos}", "--sweep", "strengths=1"], "expected one of strength, size"),
        (["{photos}", "--sweep", "strength=1,x"], "expected numbers"),
        (["{photos}", "--sweep", "strength=1,9"], "strength must be"),
        (["{photos}", "--baseline", "{model}"], "expected NAME=VALUE"),
        (["{photos}", "--baseline", "gray={model}"], "which is taken"),
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


def test_gray_photos_are_counted_and_left_out(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, report_file = save_model(tmp_path / "gray.safetensors", 0, 0), tmp_path / "report.json"
    Image.new("L", (40, 30), 90).save(photos / "gray.png")
    assert main([str(photos), "--model", str(model), "--size", "32", "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    assert (report["photos"], report["skipped"]["gray"]) == (3, 1)
    capsys.readouterr()
    assert main([str(photos / "gray.png"), "--model", str(model)]) == 2
    assert "no photo to measure on" in (told := capsys.readouterr().err)
    assert "(0 unreadable, 0 tiny, 1 gray)" in told
    assert main([str(photos), "--model", str(model), "--json", str(tmp_path / "nowhere/report.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main([str(photos), "--model", str(model), "--html", str(tmp_path)]) == 2
    assert "expected a file to write, this is a folder" in capsys.readouterr().err


def test_pictures_of_photos_with_the_same_name_do_not_replace_each_other(photos: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / "gray.safetensors", 0, 0)
    (tmp_path / "more").mkdir()
    (photos / "0.png").rename(tmp_path / "more/1.png")
    folders = [str(photos), str(tmp_path / "more")]
    assert main([*folders, "--model", str(model), "--size", "32", "--pictures", str(tmp_path / "pictures")]) == 0
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {"photos_1.png.png", "photos_2.png.png", "more_1.png.png"}
