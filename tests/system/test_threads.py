"""Threads wait asleep, and are as many as were asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from colorize.errors import ConfigError
from colorize.system.threads import ordinary_priority, use_threads

ROOT = Path(__file__).parents[2]
OPENMP = [*Path(torch.__file__).parent.glob("lib/libgomp*.so*")]
UNTOLD = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}

# In the place of torch: says what OpenMP will find when torch loads it, and ends the program.
TELLS_THE_POLICY = "import os; raise SystemExit(f'waits {os.environ[\"OMP_WAIT_POLICY\"]}')"


@pytest.mark.parametrize(
    "program",
    [
        ["train.py", "nowhere", "--dry-run"],
        ["-m", "colorize.study", "--out", "nowhere", "--data", "nowhere", "--validation", "nowhere"],
        ["-m", "colorize.evaluation.evaluate", "nowhere"],
    ],
)
def test_threads_are_told_to_sleep_while_they_wait_before_torch_is_imported(program: list[str], tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(TELLS_THE_POLICY)
    environment = {**UNTOLD, "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, ROOT)))}
    call = [sys.executable, *program, "--threads", "3"]
    done = subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "waits PASSIVE"


@pytest.mark.skipif(not OPENMP, reason="asks GNU's OpenMP, which torch has on Linux")
def test_torchs_openmp_lets_threads_sleep_where_it_is_told_to() -> None:
    code = (
        "import ctypes, sys; from colorize.system.threads import wait_passively;"
        "wait_passively(); ctypes.CDLL(sys.argv[1])"
    )
    call = [sys.executable, "-c", code, str(OPENMP[0])]
    environment = {**UNTOLD, "OMP_DISPLAY_ENV": "TRUE"}
    done = subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr


def test_as_many_threads_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    try:
        use_threads(0)
        assert torch.get_num_threads() == before
        use_threads(3)
        assert torch.get_num_threads() == 3
        assert os.environ["OMP_NUM_THREADS"] == "3"
    finally:
        torch.set_num_threads(before)
    with pytest.raises(ConfigError, match="threads must be at least 1, or 0 for all cores, got -1"):
        use_threads(-1)


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="only root may make threads real-time, on Linux"
)
def test_threads_that_a_library_makes_real_time_become_ordinary_again() -> None:
    until = threading.Event()
    other = threading.Thread(target=until.wait)
    try:
        with ordinary_priority():
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
            other.start()  # inherits it
        assert other.native_id is not None
        assert os.sched_getscheduler(0) == os.sched_getscheduler(other.native_id) == os.SCHED_OTHER
    finally:
        until.set()
        other.join()
