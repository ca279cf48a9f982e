"""Runs that are killed, run into each other or are several: in processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from colorize.models.weights import load_generator
from colorize.training.cli import main
from tests.training.runs import SHORTEST, SMALL, STEPS, log, same, train_together

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.process


def test_a_killed_run_resumes_to_the_same_weights_as_an_uninterrupted_one(photo_folder: Path, tmp_path: Path) -> None:
    options = [str(photo_folder), *SMALL, "--workers", "1", "--accumulation", "2"]
    assert main([*options, "--run", str(tmp_path / "whole")]) == 0

    killer = (
        "import os, signal, sys; import torch; torch.set_num_threads(1)\n"
        # What a machine that only trains has not got; the run does without.
        "sys.modules.update(dict.fromkeys(['gradio', 'typer', 'rich', 'tensorboard']))\n"
        "from colorize.system import files; from colorize.training import cli, loop\n"
        "checkpoint = loop._Trainer._checkpoint\n"
        "def die_at_step_9(self):\n"
        "    assert 'torchvision' not in sys.modules\n"  # which takes seconds
        "    if self.steps_done == 9: files._sync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    checkpoint(self)\n"
        "loop._Trainer._checkpoint = die_at_step_9\n"
        "cli.main(sys.argv[1:])\n"
    )
    run = tmp_path / "killed"
    command = [sys.executable, "-c", killer, *options, "--run", str(run)]
    result = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True)
    assert result.returncode == -signal.SIGKILL
    assert log(run)[-1]["step"] == 8  # two steps beyond the last checkpoint
    assert list(run.glob(".colorize-*.tmp"))  # the one that it was writing
    assert main([*options, "--run", str(run), "--resume"]) == 0
    assert not list(run.glob(".colorize-*.tmp"))

    for name in ("last", "generator", "best", "state"):
        assert same(tmp_path / "whole" / f"{name}.safetensors", run / f"{name}.safetensors"), name
    steps = [(entry["step"], entry["kind"]) for entry in log(run)]
    assert steps == [(entry["step"], entry["kind"]) for entry in log(tmp_path / "whole")]


def test_a_folder_that_another_process_trains_in_is_refused(
    finished: Path, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    resumed, fresh = shutil.copytree(finished, tmp_path / "resumed"), tmp_path / "fresh"
    fresh.mkdir()
    program = (
        "import pathlib, sys, time; from contextlib import ExitStack; from colorize.system import files\n"
        "with ExitStack() as held:\n"
        "    for path in sys.argv[1:]: held.enter_context(files.claim(path))\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    locks = [str(folder / ".lock") for folder in (resumed, fresh)]
    with subprocess.Popen([sys.executable, "-c", program, *locks], cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        for folder, extra in ((resumed, ["--resume"]), (fresh, SMALL)):
            assert main([str(shard), "--run", str(folder), *extra]) == 2
            told = capfd.readouterr().err
            assert (
                told == f"train.py: {folder}: process {other.pid} is training in it; choose another folder, or wait\n"
            )
        other.kill()
    assert [path.name for path in fresh.iterdir()] == [".lock"]
    assert main([str(shard), "--run", str(fresh), *SHORTEST]) == 0  # the other one is dead


@pytest.mark.slow
def test_when_one_of_two_processes_is_killed_the_other_ends_with_one_line(shard: Path, tmp_path: Path) -> None:
    program = (
        "import os, signal; from colorize.training import cli, loop; update = loop._Trainer._update\n"
        "def mortal(self, phase):\n"
        "    if self.steps_done == 7 and os.environ['RANK'] == '1': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return update(self, phase)\n"
        "loop._Trainer._update = mortal; cli.run()"
    )
    options = [str(shard), "--folder", str(tmp_path / "run"), *SMALL, "--holdout", "4"]
    codes, told = train_together(2, program, options)
    assert codes == [1, -signal.SIGKILL], told
    assert "Traceback" not in told[0]
    assert told[0].splitlines()[-1].startswith("train.py: process 0 of 2 lost another one")


@pytest.mark.slow
def test_two_processes_train_one_model_and_resume(shard: Path, tmp_path: Path) -> None:
    """What `accelerate launch` starts: processes that find each other by these variables, and exchange gradients."""
    run = tmp_path / "run"

    def launch(*extra: str, kill_at: int = 0) -> list[str]:
        """What each of two processes says on stderr; with `kill_at`, both are killed before the step after that one."""
        program = (
            "import os, signal; from colorize.training import cli, loop; update = loop._Trainer._update\n"
            "def mortal(self, phase):\n"
            f"    if self.steps_done == {kill_at or -1}: os.kill(os.getpid(), signal.SIGKILL)\n"
            "    return update(self, phase)\n"
            "loop._Trainer._update = mortal; cli.run()"
        )
        options = [str(shard), "--run", str(run), *SMALL, "--holdout", "4", *extra]
        codes, told = train_together(2, program, options)
        expected = -signal.SIGKILL if kill_at else 0
        assert codes == [expected] * 2, told
        return told

    first, second = launch()
    assert "on 2 × cpu" in first
    assert "adversarial" not in second  # the first talks for both
    entries = log(run)
    assert entries[-1]["step"] == STEPS
    photos = [entry["photos_seen"] for entry in entries if entry["kind"] == "train"]
    assert photos[-1] == 2 * (4 + 2 + 5 * 2)  # as by one process
    whole = run.rename(tmp_path / "whole")
    launch(kill_at=8)
    assert load_generator(run / "last.safetensors")[1].training["steps"] == 6
    first, _ = launch("--resume")
    assert "from step 6 of 11" in first
    assert same(whole / "last.safetensors", run / "last.safetensors")
