"""The study in its quick form: trained, stopped, gone on with, measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import nn

from colorize.models.imagenet import BACKBONES
from colorize.models.tensorfile import write_tensors
from colorize.study import arms
from colorize.study.arms import ARMS, COMMON, MAIN, SHORT, Run, Study, all_runs
from colorize.study.claims import CLAIMS
from colorize.study.run_study import main
from colorize.training import loop
from colorize.training.data import Sources

pytestmark = pytest.mark.study


@pytest.fixture(autouse=True)
def quiet_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training sets the allocator for the whole process; tests do not need that."""
    monkeypatch.setattr("colorize.system.memory.keep_freed_memory", lambda: False)
    monkeypatch.setattr(loop, "keep_freed_memory", lambda: False)


def save_features(path: Path, network: str) -> Path:
    """Random weights in a file that looks like one of ImageNet's."""
    backbone = BACKBONES[network]
    state = nn.Sequential(*backbone.build(3)).state_dict()
    write_tensors(path, {backbone.file_key(key): value for key, value in state.items()}, {})
    return path


def quick(out: Path, *more: str) -> list[str]:
    return ["--quick", "--out", str(out), "--steps", "2", "--seeds", "1", *more]


def test_two_arms_are_trained_measured_and_shown_and_what_is_done_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"
    trained: list[str] = []
    train_arm = arms.train_arm

    def interrupted_in_the_second(given: Any, run: Run) -> None:
        trained.append(run.name)
        if trained == ["mse-0", "l1+gan-0"]:
            raise loop.Interrupted
        train_arm(given, run)

    monkeypatch.setattr(arms, "train_arm", interrupted_in_the_second)
    # Two steps make no colors that are as strong as the truth's at any strength.
    monkeypatch.setattr("colorize.study.measurement.leveling_strength", lambda *_: 1.5)
    monkeypatch.setattr("colorize.study.measurement.STRENGTHS", (1.0, 1.5))  # the others take as long each
    network = save_features(tmp_path / "network.safetensors", "efficientnet_lite0")
    command = quick(out, "--arms", "mse", "l1+gan", "--features", str(network))
    assert main(command) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not (out / "study.json").exists()
    assert main(command) == 0
    assert trained == ["mse-0", "l1+gan-0", "l1+gan-0"]
    printed, told = capsys.readouterr()
    assert "mse-0 is done" in told
    pages = [str(out / "report" / name) for name in ("README.md", "README.zh.md", "index.html")]
    assert printed.splitlines()[-4:] == [str(out / "study.json"), *pages]
    assert "| MSE, seed 0 |" in Path(pages[0]).read_text()

    result = json.loads((out / "study.json").read_text())
    assert result["format"] == 1
    assert [run["name"] for run in result["runs"]] == ["mse-0", "l1+gan-0"]
    assert result["arms"] == {"mse": ARMS["mse"], "l1+gan": {}}
    for run in result["runs"]:
        assert run["seconds"] > 0
        assert run["command"].startswith("python train.py DATA --run RUN --generator-settings")
        leveled = {name for name in run["measures"] if name.startswith("leveled_")}
        assert run["measures"].keys() - leveled == {
            *("histogram_a", "histogram_b", "kl_a", "kl_b", "cf", "cf_difference", "delta_cf", "psnr", "ssim"),
            *("sharpness_1", "sharpness_2", "sharpness_4", "sharpness_8", "stains", "taken_for_real"),
            *("taken_for_real_half", "taken_for_real_own", "frechet"),
        }
        for measure in run["measures"].values():
            assert measure["low"] <= measure["value"] + 1e-9 and measure["value"] <= measure["high"] + 1e-9
        assert sum(run["histograms"]["a"]) == pytest.approx(1, abs=1e-5)
        assert [point["strength"] for point in run["frontier"]] == [1.0, 1.5]
        by_strength = {point["strength"]: point["measures"]["psnr"] for point in run["frontier"]}
        assert by_strength[1.0] == run["measures"]["psnr"]
        assert by_strength[1.5] == run["measures"]["leveled_psnr"]
        assert {"leveled_taken_for_real_own", "leveled_kl_a"} <= leveled
    for arm, row in result["arms_pooled"].items():
        alone = next(run for run in result["runs"] if run["arm"] == arm)
        assert row == {"seeds": 1, "measures": alone["measures"]}
    assert set(result["leads"]) == {claim.key for claim in CLAIMS}
    psnr = {arm: row["measures"]["psnr"]["value"] for arm, row in result["arms_pooled"].items()}
    assert result["leads"]["psnr: mse, l1+gan"]["value"] == pytest.approx(psnr["mse"] - psnr["l1+gan"])
    assert result["gray"]["measures"]["cf"]["value"] < 1
    assert result["mean_color"]["measures"]["psnr"] != result["gray"]["measures"]["psnr"]
    assert result["mean_color"]["measures"]["taken_for_real_own"]["value"] <= 0.5
    assert result["shipped"]["measures"]["frechet"]["value"] > 0
    distance = result["protocol"]["frechet"]
    assert distance.pop("floor") > 0
    assert distance == {
        "features": 1280,
        "network": "efficientnet_lite0",
        "file": "network.safetensors",
        "is_apart": True,
    }

    # λ was chosen once, and is what the arms were trained with.
    assert [each["weight"] for each in result["lambda"]["tried"]] == [2.0, 5.0]
    assert result["settings"]["reconstruction_weight"] == result["lambda"]["chosen"]
    assert told.count("is chosen") == 0
    assert str(tmp_path) not in json.dumps(result)

    assert result["strips"]["arms"] == ["truth", "gray", "mse", "l1+gan"]
    for name in result["strips"]["arms"]:
        for photo in result["strips"]["photos"]:
            with Image.open(out / "strips" / name / photo["file"]) as strip:
                assert max(strip.size) <= 256


def test_an_arm_of_two_seeds_is_their_mean_and_a_study_without_the_main_claim_has_a_report_too(
    tmp_path: Path, toy_results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("colorize.study.measurement.STRENGTHS", (1.0,))
    out = shutil.copytree(toy_results, tmp_path / "study")
    command = ["--quick", "--out", str(out), "--arms", "mse", "--lambda", "5"]
    assert main([*command, "--steps", "1", "--seeds", "2"]) == 0
    result = json.loads((out / "study.json").read_text())
    assert [run["name"] for run in result["runs"]] == ["mse-0", "mse-1"]
    pooled = result["arms_pooled"]["mse"]
    assert pooled["seeds"] == 2
    for name, measure in pooled["measures"].items():
        seeds = [run["measures"][name]["value"] for run in result["runs"]]
        assert measure["value"] == pytest.approx(sum(seeds) / 2), name
    assert result["lambda"] is None
    assert "| **MSE, 2 seeds** |" in (out / "report" / "README.md").read_text()

    capsys.readouterr()
    assert main([*command, "--steps", "2", "--seeds", "2"]) == 2  # finished, but of another study
    assert "begun with other settings" in capsys.readouterr().err


def test_arms_differ_in_their_loss_alone_and_the_most_telling_come_first(tmp_path: Path) -> None:
    losses = {"losses", "adversarial_weight", "discriminators", "objective", "spectral_norm"}
    assert all(set(changes) <= losses for changes in ARMS.values())
    names = [run.name for run in all_runs()]
    assert names[:3] == ["mse-0", "l1+gan-0", "l1-0"]
    assert sorted(names) == sorted([*(f"{arm}-0" for arm in ARMS), *(f"{arm}-{s}" for arm in MAIN for s in (1, 2))])
    for run in all_runs():
        config = Study(tmp_path, Sources((), ()), Sources((), ()), COMMON, ()).config(run)  # which checks it
        assert config.adversarial_steps * config.batch_size >= 3000 * 16
    assert COMMON["generator_steps"] == COMMON["discriminator_steps"] == 0


def test_short_trains_as_the_first_study_did() -> None:
    assert {name: value for name, value in {**COMMON, **SHORT}.items() if name != "losses"} == {  # it had another name
        "generator_settings": {"widths": [128, 96, 64, 32]},
        "discriminators": ("patch",),
        "ndf": 32,
        "spectral_norm": True,
        "reconstruction_weight": 5.0,
        "generator_steps": 0,
        "discriminator_steps": 0,
        "adversarial_steps": 400,
        "batch_size": 16,
        "g_lr": 1e-3,
        "d_lr": 4e-4,
        "encoder_lr": 0.15,
        "ema": 0.98,
        "size": 96,
        "workers": 1,
        "validation_photos": 64,
        "validate_interval": 250,
        "checkpoint_interval": 100,
    }


def test_a_folder_begun_with_other_settings_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "runs/mse-0"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"size": 64}')
    assert main(quick(tmp_path, "--arms", "mse")) == 2
    assert "begun with other settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--quick", "--arms", "wgan"], "unknown arm 'wgan': expected some of mse, l1, cross-entropy"),
        (["--validation", "x"], "--data is missing"),
        (["--data", "x"], "--validation is missing"),
        (["--quick", "--lambda", "-1"], "reconstruction_weight must be at least 0"),
        (["--quick", "--seeds", "0"], "seeds must be at least 1, got 0"),
        (["--data", "{missing}", "--validation", "{missing}"], "no such file or folder"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "missing")
    assert main(["--out", str(tmp_path / "out"), *(a.format(missing=missing) for a in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_the_quick_form_runs_every_arm(tmp_path: Path) -> None:
    assert main(["--quick", "--out", str(tmp_path)]) == 0
    assert len(json.loads((tmp_path / "study.json").read_text())["runs"]) == len(all_runs())
