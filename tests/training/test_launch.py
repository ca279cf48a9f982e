"""Runs of several processes: what a launcher swallows, what it does not start, and what is left when one is lost."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

from colorize.errors import ConfigError
from colorize.training import cli, launch, runlog
from tests.training.runs import SMALL

ROOT = Path(__file__).parents[2]


def passes(option: str) -> bool:
    """Whether torchrun hands an option behind the program on to it."""
    try:
        given = get_args_parser().parse_args(["train.py", "photos", option, "1"])
    except SystemExit:
        return False
    arguments: list[str] = given.training_script_args
    return arguments == ["photos", option, "1"]


def test_every_option_has_a_name_that_torchrun_hands_on() -> None:
    assert not passes("--run")  # or the aliases can go
    actions: list[argparse.Action] = cli._parser()._actions
    lost = [action.option_strings for action in actions if action.option_strings and action.dest != "help"]
    assert [names for names in lost if not any(map(passes, names))] == []


def test_one_process_where_several_were_asked_for_is_refused(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The variables that `accelerate launch --num_processes 2` leaves on a machine without a GPU."""
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    launch.check_world()  # one was asked for
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert cli.main([str(shard), "--run", str(tmp_path / "run"), *SMALL]) == 2
    told = capfd.readouterr().err
    assert told.count("\n") == 1
    assert "started one, as it does on CPUs; there, use: torchrun --nproc-per-node 2" in told
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("WORLD_SIZE", "2")
    launch.check_world()
    with pytest.raises(ConfigError, match="1 of 2"):
        launch.check_all_there(1)


@pytest.mark.parametrize(("batch_size", "processes", "each"), [(16, 1, 16), (16, 4, 4), (3, 3, 1)])
def test_a_batch_is_shared_by_all_processes(batch_size: int, processes: int, each: int) -> None:
    assert launch.share_of_batch(batch_size, processes) == each


def test_a_batch_that_cannot_be_shared_evenly_is_refused_before_there_is_a_folder(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 3)
    monkeypatch.setattr(launch, "check_all_there", lambda processes: None)
    assert cli.main([str(shard), "--run", str(tmp_path / "run"), *SMALL]) == 2
    told = capfd.readouterr().err
    assert told == (
        "train.py: batch-size must be a multiple of the number of processes, 3, which share each batch, got 2\n"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("starts", ["", "\n", '{"step": 0, "proc', '{"step": 0, {"step": 2}\n'])
def test_a_run_whose_starts_were_cut_off_goes_on(starts: str, tmp_path: Path) -> None:
    (tmp_path / "starts.jsonl").write_text(starts)
    assert runlog.processes_with_batches_of_their_own(tmp_path) == 1


def test_a_run_whose_batches_were_of_each_process_says_what_is_the_same_now(
    finished: Path, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    started = json.loads((run / "starts.jsonl").read_text())
    assert started.pop("photos_per_step") == 2
    (run / "starts.jsonl").write_text(json.dumps(started | {"processes": 2}) + "\n")
    with (run / "starts.jsonl").open("a") as file:
        file.write('{"step": 8, "proc')  # cut off by a kill
    command = [str(shard), "--run", str(run), "--resume", "--adversarial-steps", "6"]
    assert cli.main(command) == 2
    told = capfd.readouterr().err
    assert told == (
        f"train.py: {run}: was begun with --batch-size 2 for each of 2 processes; by now it is that of all together: "
        "expected --batch-size 4, which is the same\n"
    )
    (run / "starts.jsonl").write_text(json.dumps(started | {"processes": 2}) + "\n")
    assert cli.main([*command, "--batch-size", "4"]) == 0
    assert json.loads((run / "config.json").read_text())["batch_size"] == 4
    assert cli.main([*command, "--batch-size", "2"]) == 2  # from now on it is as of any other run
    assert "--batch-size 2: the run began with 4" in capfd.readouterr().err
