"""`train.py` as a person meets it: its run folder, resuming, stopping, and every wrong option in one line."""

from __future__ import annotations

import json
import multiprocessing
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from colorize.models.weights import load_generator
from colorize.training import loop
from colorize.training.building import build
from colorize.training.cli import main
from colorize.training.config import TrainConfig
from colorize.training.losses import OBJECTIVES, Objective
from colorize.training.measuring import measure
from colorize.training.phases import Phase, build_phases, parameter_groups
from tests.training.runs import SHORTEST, SMALL, STEPS, log, same, weights


def test_a_run_explains_itself_from_its_folder(shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main([str(shard), "--run", str(run), *SMALL]) == 0
    out, err = capfd.readouterr()
    assert out == f"{run / 'last.safetensors'}\n"
    assert "generator 4/11" in err
    assert "adversarial 11/11" in err
    assert "\r" not in err  # plain lines when nobody watches

    names = {path.name.split(".")[0] if path.name.startswith("events") else path.name for path in run.iterdir()}
    assert names == {
        *(".lock", "config.json", "data.json", "log.jsonl", "skipped.jsonl", "starts.jsonl", "samples", "events"),
        *("last.safetensors", "best.safetensors", "generator.safetensors", "state.safetensors"),
    }
    assert json.loads((run / "config.json").read_text())["adversarial_steps"] == 5
    assert [p.name for p in sorted((run / "samples").iterdir())][-1] == "step-0000011.png"

    entries = log(run)
    train = [entry for entry in entries if entry["kind"] == "train"]
    assert [entry["phase"] for entry in train] == ["generator"] * 2 + ["discriminator"] + ["adversarial"] * 3
    losses = {"d", "adversarial", "l1"}
    assert [losses & set(entry) for entry in train] == [{"l1"}] * 2 + [{"d"}] + [losses] * 3  # what is idle is not told
    assert all(train[-1][name] > 0 for name in (*losses, "g_lr", "d_lr", "photos_per_s"))
    # 4 steps of G and 2 of D take one batch each; 5 alternations with 2 updates of D take two.
    assert train[-1]["photos_seen"] == 2 * (4 + 2 + 5 * 2)
    skipped = [json.loads(line) for line in (run / "skipped.jsonl").read_text().splitlines()]
    assert {entry["name"]: entry["reason"] for entry in skipped} == {
        f"{shard}/bad.png": "unreadable",
        f"{shard}/gray.png": "gray",
    }  # tiny.png is among those that are held out
    assert [train[-1][f"skipped_{reason}"] for reason in ("unreadable", "gray")] == [1, 1]
    measured = [entry for entry in entries if entry["kind"] == "validation"]
    assert [entry["step"] for entry in measured] == [0, 4, 6, 8, 11]

    generator, info = load_generator(run / "last.safetensors")
    assert generator.architecture == "unet"
    assert info.training["steps"] == STEPS
    assert not same(run / "last.safetensors", run / "generator.safetensors")  # the adversarial phase did something


def test_a_pretrained_generator_keeps_its_batchnorm_statistics_against_d(
    finished: Path, shard: Path, tmp_path: Path
) -> None:
    assert main([str(shard), "--run", str(tmp_path / "fresh"), *SHORTEST, "--generator-steps", "0"]) == 0
    before, after = weights(finished / "generator.safetensors"), weights(finished / "last.safetensors")
    fresh = weights(tmp_path / "fresh/last.safetensors")
    statistics = [name for name in before if name.endswith("running_var")]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert all(not torch.equal(fresh[name], torch.ones_like(fresh[name])) for name in statistics)


def test_cross_entropy_brings_its_own_head_and_a_prior_that_travels(
    shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    options = [str(shard), "--run", str(run), *SHORTEST, "--log-interval", "1", "--losses", '{"cross-entropy": 1}']
    assert main([*options, "--generator-settings", '{"ngf": 2, "depth": 4, "head": "ab"}']) == 2
    assert "head to be 'bins', got 'ab'" in capfd.readouterr().err
    assert main(options) == 0
    generator, info = load_generator(run / "last.safetensors")
    assert info.settings["head"] == "bins"
    assert generator.bins is not None
    prior = generator.bins.prior
    assert prior.sum().item() == pytest.approx(1, abs=1e-4)
    assert prior.max() > 3 * prior.mean()  # measured, not uniform
    train = [entry for entry in log(run) if entry["kind"] == "train"]
    assert [entry.get("cross-entropy", 0) > 0 for entry in train] == [e["phase"] != "discriminator" for e in train]


def test_step_0_is_logged_once_however_often_a_run_is_stopped_there(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop._Trainer, "_update", killed)
        assert main([str(shard), "--run", str(run), *SMALL]) == 130
        assert main([str(shard), "--run", str(run), "--resume"]) == 130
    assert [entry["step"] for entry in log(run)] == [0]
    assert main([str(shard), "--run", str(run), "--resume"]) == 0
    assert [entry["step"] for entry in log(run) if entry["kind"] == "validation"] == [0, 4, 6, 8, 11]


def test_a_run_has_its_own_precision_whatever_the_process_did_before(shard: Path, tmp_path: Path) -> None:
    AcceleratorState._reset_state(reset_partial_state=True)  # of a test before
    Accelerator(cpu=True, mixed_precision="bf16")  # accelerate remembers it
    assert main([str(shard), "--run", str(tmp_path / "fp32"), *SHORTEST]) == 0
    Accelerator(cpu=True)
    assert main([str(shard), "--run", str(tmp_path / "bf16"), *SHORTEST, "--precision", "bf16"]) == 0
    assert not same(tmp_path / "fp32" / "last.safetensors", tmp_path / "bf16" / "last.safetensors")


def test_ctrl_c_saves_says_how_to_go_on_and_the_rest_is_the_same(
    finished: Path, shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "stopped"
    update = loop._Trainer._update

    def interrupted(self: Any, phase: Phase) -> Any:
        if self.steps_done == 6:  # in the middle of step 7, the first adversarial one
            signal.raise_signal(signal.SIGINT)
        return update(self, phase)

    monkeypatch.setattr(loop._Trainer, "_update", interrupted)
    capfd.readouterr()
    assert main([str(shard), "--run", str(run), *SMALL]) == 130
    assert "stopped and saved; go on with the same command and --resume" in capfd.readouterr().err
    assert log(run)[-1]["step"] <= 7
    monkeypatch.setattr(loop._Trainer, "_update", update)
    assert main([str(shard), "--run", str(run), "--resume"]) == 0  # the settings come from the run
    assert same(finished / "last.safetensors", run / "last.safetensors")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_last_good_checkpoint(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    good = OBJECTIVES["bce"]

    def poisoned(logits: Tensor) -> Tensor:
        return good.generator(logits) * float("nan")

    monkeypatch.setitem(OBJECTIVES, "bce", Objective(good.discriminator, poisoned))
    run = tmp_path / "run"
    assert main([str(shard), "--run", str(run), *SMALL]) == 1
    err = capfd.readouterr().err.splitlines()[-1]
    assert "adversarial step 7: a loss is not a number" in err
    assert "last.safetensors is the last good generator" in err
    _, info = load_generator(run / "last.safetensors")  # refuses weights that are not finite
    assert info.training["steps"] == 6
    monkeypatch.undo()
    assert main([str(shard), "--run", str(run), "--resume"]) == 0  # with the cause mended, the run goes on


def test_dry_run_prints_the_config_and_the_data_and_writes_nothing(
    shard: Path, photo_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main([str(shard), str(photo_folder), "--run", str(run), "--dry-run", "--g-lr", "0.001"]) == 0
    out = capfd.readouterr().out
    config, end = json.JSONDecoder().raw_decode(out)
    assert config["g_lr"] == 0.001
    assert config["objective"] == "bce"
    assert "data: 46 photos (1 shards, 23 files)" in out[end:]
    assert "validation: one in 50 of them" in out[end:]
    assert not run.exists()
    shard.write_bytes(shard.read_bytes()[:5000])
    assert main([str(shard), "--dry-run"]) == 2
    assert "photos.tar breaks off after" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--losses", '{"l3": 1}'], "unknown loss 'l3': expected one of l1, "),
        (["--losses", '{"perceptual": 1}'], "the loss perceptual needs --feature-network"),
        (["--losses", '{"distribution": 1}'], "need a generator with the head 'bins' or 'ab+bins'"),
        (["--augmentations", "flop"], "unknown augmentation 'flop': expected one of flip, "),
        (["--start", "missing.safetensors"], "missing.safetensors: no such model file"),
    ],
)
def test_a_dry_run_tells_what_the_run_would_fail_on(
    given: list[str], told: str, shard: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(shard), "--dry-run", *given]) == 2
    line = capfd.readouterr().err
    assert told in line
    assert line.count("\n") == 1


def test_options_go_before_the_recipe_and_the_recipe_before_the_defaults(
    shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"batch_size": 3, "ndf": 5, "discriminators": ["pixel"]}')
    assert main([str(shard), "--config", str(recipe), "--ndf", "7", "--no-spectral-norm", "--dry-run"]) == 0
    config, _ = json.JSONDecoder().raw_decode(capfd.readouterr().out)
    assert (config["batch_size"], config["ndf"], config["discriminators"]) == (3, 7, ["pixel"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{missing}", "--run", "{run}"], "missing: no such file or folder"),
        (["{empty}", "--run", "{run}"], "no photos and no tar shards"),
        (["{shard}"], "--run is missing"),
        (["{shard}", "--run", "{full}"], "not empty; go on with it by --resume"),
        (["{shard}", "--run", "{run}", "--resume"], "nothing to resume"),
        (["{shard}", "--resume"], "--resume needs --run"),
        (["{shard}", "--run", "{run}", "--objective", "magic"], "objective must be one of bce"),
        (["{shard}", "--run", "{run}", "--size", "100"], "size must be a multiple of 32 for mobile-unet, got 100"),
        (["{shard}", "--run", "{run}", "--generator-settings", '{"ngf": 2}'], "mobile-unet has no setting 'ngf'"),
        (["{shard}", "--run", "{run}", "--config", "{missing}"], "missing: cannot be read"),
        (["{shard}", "--run", "{run}", "--validation", "{empty}"], "no photos and no tar shards"),
    ],
)
def test_wrong_options_and_empty_data_are_one_line_and_exit_2(
    arguments: list[str], told: str, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something.txt").write_text("kept")
    places = {name: str(tmp_path / name) for name in ("missing", "empty", "full", "run")} | {"shard": str(shard)}
    filled = [places.get(a[1:-1], a) if a.startswith("{") and a.endswith("}") else a for a in arguments]
    assert main(filled) == 2
    err = capfd.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["something.txt"]
    assert not (tmp_path / "run").exists()  # a run that cannot begin leaves nothing behind


def test_options_argparse_refuses_exit_2(shard: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--batch-size", "many"], ["--generator-settings", "[1"], ["--no-such-option"]):
        with pytest.raises(SystemExit) as stop:
            main([str(shard), *wrong])
        assert stop.value.code == 2
        assert wrong[0] in capfd.readouterr().err


def test_a_resumed_run_refuses_other_settings(
    finished: Path, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    assert main([str(shard), "--run", str(run), "--resume", "--batch-size", "9"]) == 2
    assert "--batch-size 9: the run began with 2, and goes on as it began" in capfd.readouterr().err
    assert main([str(shard), "--run", str(run), "--resume", *SMALL]) == 0  # the same ones are no difference
    assert same(finished / "last.safetensors", run / "last.safetensors")


def test_a_finished_run_goes_on_with_more_steps_as_if_it_had_had_them_from_the_beginning(
    shard: Path, tmp_path: Path
) -> None:
    alone = [*SMALL, "--discriminator-steps", "0", "--adversarial-steps", "0", "--schedule", "constant"]
    assert main([str(shard), "--run", str(tmp_path / "whole"), *alone, "--generator-steps", "7"]) == 0
    run = tmp_path / "longer"
    assert main([str(shard), "--run", str(run), *alone]) == 0
    more = ["--generator-steps", "7", "--keep-every", "3"]
    assert main([str(shard), "--run", str(run), "--resume", *more]) == 0
    assert same(tmp_path / "whole/last.safetensors", run / "last.safetensors")
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-0000006.safetensors"]
    assert load_generator(run / "checkpoints/step-0000006.safetensors")[1].training["steps"] == 6
    assert json.loads((run / "config.json").read_text())["generator_steps"] == 7
    assert {"step": 4, "kind": "changed", "generator_steps": 7, "keep_every": 3} in log(run)
    starts = [json.loads(line) for line in (run / "starts.jsonl").read_text().splitlines()]
    assert [(start["step"], start["torch"]) for start in starts] == [(0, torch.__version__), (4, torch.__version__)]
    assert main([str(shard), "--run", str(run), "--resume", "--adversarial-steps", "1"]) == 0  # a phase that it had not
    assert log(run)[-1]["phase"] == "adversarial"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--generator-steps", "6"], "generator-steps 6: that phase is over, and what came after was made from it"),
        (["--adversarial-steps", "3"], "adversarial-steps 3: the run began with 5; expected as many or more"),
    ],
)
def test_a_phase_that_is_over_gets_no_more_steps_and_none_gets_fewer(
    more: list[str], told: str, finished: Path, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    before = {path: path.read_bytes() for path in run.rglob("*.json*")}
    capfd.readouterr()
    assert main([str(shard), "--run", str(run), "--resume", *more]) == 2
    assert told in capfd.readouterr().err
    assert {path: path.read_bytes() for path in run.rglob("*.json*")} == before


def test_a_resumed_run_refuses_other_photos_wherever_they_lie(
    photo_folder: Path, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main([str(photo_folder), "--run", str(run), *SHORTEST]) == 0
    moved = photo_folder.rename(tmp_path / "photos")
    assert main([str(moved), "--run", str(run), "--resume"]) == 0
    capfd.readouterr()
    assert main([str(shard), "--run", str(run), "--resume"]) == 2
    told = capfd.readouterr().err
    assert re.search(r"began with other photos, data 0 shards and 23 files .*, now 1 shards and 0", told)
    assert main([str(moved), "--validation", str(shard), "--run", str(run), "--resume"]) == 2
    assert "began with other photos, validation none, now 1 shards" in capfd.readouterr().err


def test_validation_photos_are_not_trained_on(
    photo_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = photo_folder / "deeper"
    assert main([str(photo_folder), "--validation", str(kept), "--dry-run", *SMALL]) == 0
    out = capfd.readouterr().out
    whole, part = len(list(photo_folder.rglob("*.png"))), len(list(kept.glob("*.png")))
    assert f"data: {whole - part} photos" in out
    assert f"validation: {part} photos" in out
    assert main([str(kept), "--validation", str(photo_folder), "--dry-run", *SMALL]) == 2
    assert "no photos to train on: all of them are --validation's" in capfd.readouterr().err


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(
    finished: Path, shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [str(shard), *SHORTEST, "--start", str(finished / "last.safetensors")]
    assert main([*options, "--run", str(tmp_path / "whole")]) == 0
    run = tmp_path / "killed"

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop._Trainer, "_checkpoint", killed)
        assert main([*options, "--run", str(run)]) == 130
    assert not (run / "state.safetensors").exists()
    assert main([str(shard), "--run", str(run), "--resume"]) == 0
    assert same(tmp_path / "whole/last.safetensors", run / "last.safetensors")


def test_to_resume_needs_no_more_than_the_run_folder_and_the_photos(
    finished: Path, shard: Path, tmp_path: Path
) -> None:
    start, run = tmp_path / "start.safetensors", tmp_path / "run"
    shutil.copy(finished / "last.safetensors", start)
    assert main([str(shard), "--run", str(run), *SHORTEST, "--start", str(start)]) == 0
    start.unlink()
    assert main([str(shard), "--run", str(run), "--resume"]) == 0


def test_a_state_that_does_not_fit_the_settings_is_one_line(
    finished: Path, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "ndf": 4}))
    capfd.readouterr()
    assert main([str(shard), "--run", str(run), "--resume"]) == 1
    assert capfd.readouterr().err.startswith(f"train.py: {run}: its state does not fit its settings (")


def test_the_best_generator_is_that_of_the_best_measurement(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([9.0, 0.5, 0.2, 0.4, 0.3, 0.1])

    def staged(*arguments: Any, **named: Any) -> dict[str, float]:
        return {**measure(*arguments, **named), "l1": next(scores)}

    monkeypatch.setattr(loop, "measure", staged)
    alone = ["--generator-steps", "8", "--discriminator-steps", "2", "--adversarial-steps", "0"]
    assert main([str(shard), "--run", str(tmp_path / "run"), *SMALL, *alone, "--validate-interval", "2"]) == 0
    assert load_generator(tmp_path / "run/best.safetensors")[1].training["steps"] == 4


def test_an_error_that_nobody_expects_leaves_no_worker_behind(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> dict[str, float]:
        raise ZeroDivisionError

    monkeypatch.setattr(loop, "measure", broken)
    with pytest.raises(ZeroDivisionError) as caught:
        main([str(shard), "--run", str(tmp_path / "run"), *SMALL, "--workers", "1"])
    assert caught.tb is not None  # it keeps all that it has passed through alive
    assert not multiprocessing.active_children()


def test_alternating_ends_when_patience_does_and_the_best_is_kept(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    scores = iter([9.0, 9.0, 5.0, 3.0, 4.0, 3.5, 1.0])

    def staged(*arguments: Any, **named: Any) -> dict[str, float]:
        return {**measure(*arguments, **named), "delta_cf": next(scores)}

    monkeypatch.setattr(loop, "measure", staged)
    steps = ["--generator-steps", "0", "--discriminator-steps", "1", "--adversarial-steps", "9", "--d-steps", "1"]
    given = [str(shard), "--run", str(tmp_path / "run"), *SMALL, *steps, "--validate-interval", "1", "--patience", "2"]
    assert main(given) == 0
    assert "no better colors in 2 measurements" in capfd.readouterr().err
    assert load_generator(tmp_path / "run/best.safetensors")[1].training["steps"] == 3
    assert log(tmp_path / "run")[-1]["step"] == 5
    ended = weights(tmp_path / "run/last.safetensors")
    assert main([*given, "--resume"]) == 0  # there is nothing more to do
    assert next(scores) == 1.0
    assert all(torch.equal(ended[name], each) for name, each in weights(tmp_path / "run/last.safetensors").items())


def test_hints_wear_and_the_distribution_are_learned_and_a_model_without_them_can_go_on_to_them(
    shard: Path, tmp_path: Path
) -> None:
    mobile = [
        *SMALL,
        *("--architecture", "mobile-unet", "--size", "32", "--generator-steps", "1", "--discriminator-steps", "0"),
        *("--adversarial-steps", "0", "--validate-interval", "2"),
    ]
    plain = ["--generator-settings", '{"widths": [4, 4, 4, 4]}']
    assert main([str(shard), "--run", str(tmp_path / "plain"), *mobile, *plain]) == 0
    start = tmp_path / "plain/last.safetensors"
    settings = '{"widths": [4, 4, 4, 4], "head": "ab+bins", "guided": true}'
    both = ["--generator-settings", settings, "--start", str(start)]
    more = ["--hints", "1", "--degraded", "1"]
    assert main([str(shard), "--run", str(tmp_path / "guided"), *mobile, *both, *more]) == 0
    before, after = weights(start), weights(tmp_path / "guided/last.safetensors")
    distribution = {"distribution.weight", "distribution.bias", "bins.centres", "bins.prior"}
    guides = {f"ups.{index}.hint.weight" for index in range(4)}
    assert set(after) - set(before) == distribution | guides
    assert not before["hint.weight"].any()
    assert all(after[name].any() for name in ("hint.weight", *guides))
    assert after["distribution.bias"].any()
    assert "psnr_hints" in log(tmp_path / "guided")[-1]


def test_the_average_follows_slowly_and_faster_at_first() -> None:
    update = loop._moving_average(0.9)
    average, current = [torch.zeros(1)], [torch.ones(1)]
    update(average, current, 0)
    assert average[0].item() == pytest.approx(0.9)  # 1 − (1 + 0)/(10 + 0)
    average = [torch.zeros(1)]
    update(average, current, 1000)
    assert average[0].item() == pytest.approx(0.1)  # 1 − 0.9


@pytest.mark.parametrize(("start", "share"), [("trained.safetensors", TrainConfig.encoder_lr), ("", 1.0)])
def test_a_trained_encoder_learns_more_slowly_than_the_rest_and_a_fresh_one_as_fast(start: str, share: float) -> None:
    config = TrainConfig(start=start)
    generator = build(config, fresh=False)
    groups = parameter_groups(generator, config, 1.0)
    rate = {p: group["peak"] for group in groups for p in group["params"]}  # type: ignore[attr-defined]
    trained = [(name, p) for name, p in generator.named_parameters() if p.requires_grad]
    assert {rate[p] for name, p in trained if name.startswith("encoder.")} == {share}
    assert {rate[p] for name, p in trained if not name.startswith("encoder.")} == {1.0}


def test_a_run_can_start_from_a_model_file(
    finished: Path, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start = str(finished / "last.safetensors")
    alone = ["--generator-steps", "0", "--adversarial-steps", "0"]  # D alone: G stays as it was given
    assert main([str(shard), "--run", str(tmp_path / "second"), *SHORTEST, *alone, "--start", start]) == 0
    assert same(finished / "last.safetensors", tmp_path / "second" / "last.safetensors")
    capfd.readouterr()
    other = ["--start", start, "--architecture", "mobile-unet"]
    assert main([str(shard), "--run", str(tmp_path / "third"), *other]) == 2
    assert "the run wants mobile-unet" in capfd.readouterr().err


def test_a_run_has_the_architecture_and_settings_of_the_model_that_it_starts_from(
    finished: Path, shard: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    began = json.loads((finished / "config.json").read_text())
    start = ["--start", str(finished / "last.safetensors"), "--dry-run"]
    for settings in ([], ["--generator-settings", "{}"], ["--architecture", "unet"]):
        assert main([str(shard), *start, *settings]) == 0
        config = json.loads(capfd.readouterr().out.partition("\ndata:")[0])
        assert config["architecture"] == began["architecture"]
        assert began["generator_settings"].items() <= config["generator_settings"].items()
    assert main([str(shard), *start, "--generator-settings", '{"ngf": 8}']) == 2  # what is given goes before it
    assert "the run wants unet {'ngf': 8" in capfd.readouterr().err


def test_without_enough_photos_to_keep_one_out_it_says_so(
    shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(shard), "--run", str(tmp_path / "run"), *SHORTEST, "--holdout", "100000"]) == 0
    assert "also trained on (too few to keep one out)" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("phase", "schedule", "index", "expected"),
    [
        ("generator", "cosine", 0, 0.2),
        ("generator", "cosine", 4, 1.0),
        ("generator", "cosine", 99, 0.0),
        ("generator", "linear", 52, 0.505),
        ("generator", "constant", 2, 0.6),
        ("generator", "constant", 99, 1.0),
        ("discriminator", "cosine", 50, 1.0),
        ("adversarial", "cosine", 0, 1.0),
        ("adversarial", "cosine", 50, 1.0),
        ("adversarial", "cosine", 75, 0.5),
    ],
)
def test_learning_rates_follow_the_schedule(phase: str, schedule: str, index: int, expected: float) -> None:
    steps = {"generator_steps": 100, "discriminator_steps": 100, "adversarial_steps": 100}
    (found,) = [each for each in build_phases(TrainConfig(schedule=schedule, **steps)) if each.name == phase]  # type: ignore[arg-type]
    assert found.lr_factor(index) == pytest.approx(expected, abs=1e-3)
