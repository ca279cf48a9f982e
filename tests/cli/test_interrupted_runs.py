"""Kills, Ctrl-C, full disks and second runs: the command in a process of its own, and what it leaves behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from PIL import Image

from colorize import photo

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="uses signals, limits and rights of POSIX"),
]

# The command with a stand-in for the model: it starts in half a second. `before` runs when all is imported.
COMMAND = """
import os, resource, sys, time
from colorize.cli import command, session
from colorize.batch import watch
from tests.stand_ins import StandInColorizer, held_after
command._load = lambda *_: StandInColorizer(lambda *_: time.sleep({seconds}))
{before}
sys.exit(command.main(sys.argv[1:]))
"""

# `python -m colorize`, but for the wait on the way.
REAL_COMMAND = """
from colorize import __main__
from colorize.cli import command
from tests.stand_ins import held_after
{before}
__main__.run()
"""

# Holds the run after `count` photos until `finish` ends its stdin.
HELD = "command._load = held_after({count}, command._load)"

# Who may do all would prove nothing. Given up as late as possible: Python itself may lie where only root may look.
NO_LONGER_ROOT = """
from PIL import Image
from colorize.batch import plan
Image.init()
def planned(*arguments, planned=plan.plan):
    if os.geteuid() == 0:
        os.setgid(65534); os.setuid(65534)
    return planned(*arguments)
plan.plan = planned
"""

SAYS_WHEN_IT_THINKS = (
    "command._load = lambda *_: StandInColorizer(lambda *_: (os.write(1, b'thinking\\n'), time.sleep(30)))"
)


def command(*arguments: str | Path, seconds: float = 0.0, before: str = "") -> subprocess.Popen[bytes]:
    code = COMMAND.format(seconds=seconds, before=before)
    return started([sys.executable, "-c", code, *map(str, arguments)])


def started(words: list[str]) -> subprocess.Popen[bytes]:
    """Without a buffer on this side: what a line is read from keeps the lines after it for `finish`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)


def assert_interrupted(stderr: str, start: str) -> None:
    """One line: how far it came, and how to continue."""
    assert stderr.startswith(f"{start}; ")
    assert stderr.count("\n") == 1
    assert "same command" in stderr


def next_line(stream: IO[bytes] | None) -> str:
    assert stream is not None
    return stream.readline().decode()


def finish(process: subprocess.Popen[bytes], timeout: float = 60) -> tuple[str, str]:
    """End its stdin and wait for it; the rest of stdout and stderr."""
    stdout, stderr = process.communicate(timeout=timeout)
    return (stdout or b"").decode(), stderr.decode()


def photos(folder: Path, count: int, size: tuple[int, int] = (40, 30)) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:03}.{('jpg', 'png')[number % 2]}" for number in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, size[::-1], dtype=np.uint8)).save(path)
    return paths


def results(folder: Path) -> list[str]:
    """Names in `folder` without temporaries; each is a whole photo, or this raises."""
    found = sorted(path.name for path in folder.glob("[!.]*"))
    for name in found:
        assert photo.open(folder / name).image.mode == "RGB"
    return found


def temporaries(folder: Path) -> list[Path]:
    return list(folder.glob(".*"))


def report(path: Path) -> dict[str, set[str]]:
    """Names of the sources by status."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    statuses = {line["status"] for line in lines}
    return {status: {Path(line["source"]).name for line in lines if line["status"] == status} for status in statuses}


def kill_again_and_again(start: list[str], folder: Path, out: Path, count: int, kills: int, longest: float) -> None:
    """Kill the command at random moments; then let it finish, and see that it did only the rest.

    A run that is to be killed must not get through all that are left, however quick the machine.
    """
    moments = random.Random(0)
    for turn in range(kills):
        words = [*start, str(folder), "-o", str(out), "--report", str(folder.parent / f"{turn}.jsonl")]
        done_before = set(results(out))
        process = started(words)
        while Path(next_line(process.stdout).rstrip("\n")).name in done_before:
            pass  # what is done is printed, too
        time.sleep(moments.uniform(0, longest))
        process.kill()
        finish(process)
        done = set(results(out))  # no damaged file
        assert done_before < done
        told = report(folder.parent / f"{turn}.jsonl")
        assert told.get("skipped", set()) <= done_before
        assert told["done"] <= done - done_before
    assert len(done) < count
    words = [*start, str(folder), "-o", str(out), "--report", str(folder.parent / "last.jsonl")]
    stdout, _ = finish(started(words), timeout=600)
    every = {path.name for path in folder.iterdir()}
    assert report(folder.parent / "last.jsonl") == {"skipped": done, "done": every - done}
    assert {Path(line).name for line in stdout.splitlines()} == every
    assert set(results(out)) == every
    assert temporaries(out) == []


def test_a_run_that_is_killed_again_and_again_damages_nothing_and_the_last_one_does_only_the_rest(
    tmp_path: Path,
) -> None:
    photos(tmp_path / "in", 200)
    start = [sys.executable, "-c", COMMAND.format(seconds=0.002, before=HELD.format(count=60))]
    kill_again_and_again(start, tmp_path / "in", tmp_path / "out", 200, kills=3, longest=0.05)


@pytest.mark.slow
def test_the_same_with_the_real_model(tmp_path: Path) -> None:
    photos(tmp_path / "in", 400, (500, 375))
    start = [sys.executable, "-c", REAL_COMMAND.format(before=HELD.format(count=60)), "--device", "cpu"]
    kill_again_and_again(start, tmp_path / "in", tmp_path / "out", 400, kills=5, longest=1.0)


def test_two_runs_at_once_do_no_harm(tmp_path: Path) -> None:
    photos(tmp_path / "in", 60)
    both = [command(tmp_path / "in", "-o", tmp_path / "out", "--report", tmp_path / "report") for _ in range(2)]
    told = [finish(process) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert len(results(tmp_path / "out")) == 60
    assert temporaries(tmp_path / "out") == []
    for stdout, _ in told:
        assert len(set(stdout.splitlines())) == 60
    lines = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert len(lines) == 120
    made = [line["target"] for line in lines if line["status"] == "done"]
    assert len(made) == len(set(made)) == 60  # each by one of them


def test_ctrl_c_finishes_the_photo_at_hand_and_the_same_command_goes_on(tmp_path: Path) -> None:
    photos(tmp_path / "in", 120)
    process = command(tmp_path / "in", "-o", tmp_path / "out", before=HELD.format(count=40))
    line = next_line(process.stdout)
    process.send_signal(signal.SIGINT)
    finishing = next_line(process.stderr)
    stdout, stderr = finish(process)
    done = results(tmp_path / "out")
    assert process.returncode == 130
    assert [Path(each).name for each in [line, *stdout.splitlines(keepends=True)]] == [f"{name}\n" for name in done]
    assert finishing.startswith("colorize: finishing")
    assert "Ctrl-C again" in finishing
    assert_interrupted(stderr, f"colorize: interrupted, {len(done)} colorized")
    assert 0 < len(done) < 120
    assert temporaries(tmp_path / "out") == []
    again = command(tmp_path / "in", "-o", tmp_path / "out")
    stdout, stderr = finish(again)
    assert again.returncode == 0
    assert len(stdout.splitlines()) == 120
    assert f"{120 - len(done)} colorized, {len(done)} already done" in stderr


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    photos(tmp_path / "in", 9)
    process = command(tmp_path / "in", "-o", tmp_path / "out", before=SAYS_WHEN_IT_THINKS)
    assert next_line(process.stdout) == "thinking\n"
    process.send_signal(signal.SIGINT)
    assert "Ctrl-C again" in next_line(process.stderr)
    process.send_signal(signal.SIGINT)
    _, stderr = finish(process)
    assert process.returncode == -signal.SIGINT  # which a shell tells as 130
    assert_interrupted(stderr, "colorize: interrupted, 0 colorized")
    assert temporaries(tmp_path / "out") == []


def test_ctrl_c_while_the_model_is_loaded_needs_no_second(tmp_path: Path) -> None:
    photos(tmp_path / "in", 2)
    load = "command._load = lambda *_: (print('loading', flush=True), time.sleep(30))"
    process = command(tmp_path / "in", before=load)
    assert next_line(process.stdout) == "loading\n"
    process.send_signal(signal.SIGINT)
    _, stderr = finish(process)
    assert process.returncode == 130
    assert_interrupted(stderr, "colorize: interrupted, 0 colorized")


def test_a_full_disk_costs_only_the_photos_that_do_not_fit(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: nobody needs to be root for it."""
    photos(tmp_path / "in", 6)
    photos(tmp_path / "large", 2, (400, 300))
    (tmp_path / "large/001.png").rename(tmp_path / "in/large.png")
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
    process = command(tmp_path / "in", "-o", tmp_path / "out", before=limit)
    stdout, stderr = finish(process)
    assert process.returncode == 1
    assert len(stdout.splitlines()) == len(results(tmp_path / "out")) == 6
    assert f"{tmp_path / 'out/large.png'}: cannot be written (File too large)" in stderr
    assert temporaries(tmp_path / "out") == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that users without rights may look into, which `tmp_path` is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_folders_that_may_not_be_read_or_written_are_told_and_the_rest_is_done(open_folder: Path) -> None:
    photos(open_folder / "in", 2)
    photos(open_folder / "in/locked", 1)
    photos(open_folder / "in/sub", 1)
    (open_folder / "in/001.png").chmod(0)
    (open_folder / "in/locked").chmod(0)
    (open_folder / "out/sub").mkdir(parents=True)
    (open_folder / "out").chmod(0o777)
    (open_folder / "out/sub").chmod(0o555)
    process = command(open_folder / "in", "-o", open_folder / "out", before=NO_LONGER_ROOT)
    stdout, stderr = finish(process)
    assert process.returncode == 1, stderr
    assert stdout == f"{open_folder / 'out/000.jpg'}\n"
    assert stderr.splitlines() == [
        f"colorize: {open_folder / 'in/001.png'}: may not be read (permission denied)",
        f"colorize: {open_folder / 'in/locked'}: cannot be searched (Permission denied)",
        f"colorize: {open_folder / 'out/sub/000.jpg'}: cannot be written (its folder is write-protected)",
        "colorize: 1 colorized, 3 failed",
    ]
    for path in ("in/locked", "out/sub"):
        (open_folder / path).chmod(0o755)


def test_a_reader_that_goes_away_ends_the_run_without_a_traceback(tmp_path: Path) -> None:
    photos(tmp_path / "in", 120)
    process = command(tmp_path / "in", "-o", tmp_path / "out", seconds=0.005, before=HELD.format(count=40))
    next_line(process.stdout)
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    _, stderr = finish(process)
    assert process.returncode == 1
    assert "standard output cannot be written" in stderr
    assert "Traceback" not in stderr
    assert 0 < len(results(tmp_path / "out")) < 120


def test_a_folder_is_watched_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    quick = "watch._PAUSE = 0.05; watch.arrivals.__kwdefaults__['pause'] = 0.05"
    process = command("--watch", tmp_path / "in", "-o", tmp_path / "out", before=quick)
    for name in ("a.png", "b.png"):
        Image.new("L", (12, 9)).save(tmp_path / name)
        (tmp_path / name).rename(tmp_path / "in" / name)
        assert next_line(process.stdout) == f"{tmp_path / 'out' / name}\n"
    process.send_signal(signal.SIGINT)
    stdout, stderr = finish(process)
    assert process.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[0] == f"colorize: watching {tmp_path / 'in'}; Ctrl-C ends it"
    assert_interrupted(stderr.splitlines()[-1] + "\n", "colorize: interrupted, 2 colorized")
