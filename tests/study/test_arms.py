"""The study in its quick form: trained, stopped, gone on with, measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from colorize.study import arms
from colorize.study.arms import ARMS, COMMON, TWICE, Run, all_runs
from colorize.study.run_study import main
from colorize.training import loop

pytestmark = pytest.mark.study


@pytest.fixture(autouse=True)
def quiet_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training sets the allocator for the whole process; tests do not need that."""
    monkeypatch.setattr("colorize.system.memory.keep_freed_memory", lambda: False)
    monkeypatch.setattr(loop, "keep_freed_memory", lambda: False)


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
    command = quick(out, "--arms", "mse", "l1+gan")
    assert main(command) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not (out / "study.json").exists()
    assert main(command) == 0
    assert trained == ["mse-0", "l1+gan-0", "l1+gan-0"]
    printed, told = capsys.readouterr()
    assert "mse-0 is done" in told
    pages = [str(out / "report" / name) for name in ("README.md", "index.html")]
    assert printed.splitlines()[-3:] == [str(out / "study.json"), *pages]
    assert "| MSE, seed 0 |" in Path(pages[0]).read_text()

    result = json.loads((out / "study.json").read_text())
    assert result["format"] == 1
    assert [run["name"] for run in result["runs"]] == ["mse-0", "l1+gan-0"]
    assert result["arms"] == {"mse": ARMS["mse"], "l1+gan": {}}
    for run in result["runs"]:
        assert run["seconds"] > 0
        assert run["command"].startswith("python train.py DATA --run RUN --generator-settings")
        assert set(run["measures"]) == {
            *("histogram_a", "histogram_b", "kl_a", "kl_b", "cf", "cf_difference", "delta_cf", "psnr", "ssim"),
            *("sharpness_1", "sharpness_2", "sharpness_4", "sharpness_8", "taken_for_real"),
            *("taken_for_real_half", "taken_for_real_own"),
        }
        for measure in run["measures"].values():
            assert measure["low"] <= measure["value"] + 1e-9 and measure["value"] <= measure["high"] + 1e-9
        assert sum(run["histograms"]["a"]) == pytest.approx(1, abs=1e-5)
    assert result["gray"]["measures"]["cf"]["value"] < 1
    assert str(tmp_path) not in json.dumps(result)

    assert result["strips"]["arms"] == ["truth", "gray", "mse", "l1+gan"]
    for name in result["strips"]["arms"]:
        for photo in result["strips"]["photos"]:
            with Image.open(out / "strips" / name / photo["file"]) as strip:
                assert max(strip.size) <= 256


def test_arms_differ_in_their_loss_alone_and_the_most_telling_come_first(tmp_path: Path) -> None:
    losses = {"losses", "adversarial_weight", "discriminators"}
    assert all(set(changes) <= losses for changes in ARMS.values())
    names = [run.name for run in all_runs()]
    assert names[:3] == ["mse-0", "l1-0", "l1+gan-0"]
    assert sorted(names) == sorted([*(f"{arm}-0" for arm in ARMS), *(f"{arm}-1" for arm in TWICE)])
    assert COMMON["generator_steps"] == COMMON["discriminator_steps"] == 0


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
