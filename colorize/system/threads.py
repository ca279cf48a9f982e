"""How many threads libraries compute with, how they wait for each other, and how urgent they are."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from colorize.errors import ConfigError


def wait_passively() -> None:
    """Let threads sleep while they wait for each other, unless the environment says otherwise.

    By default they spin, and on a machine that does other things as well they take from each other the time that they
    wait for (docs/speed.md). OpenMP reads the variable when it is loaded: call this before torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def use_threads(count: int) -> None:
    """Compute with so many threads, in this process and those that it starts; 0 leaves it to the environment.

    Without OMP_NUM_THREADS in the environment, torch uses all cores. Raises `ConfigError` for a number below 0.
    """
    if count < 0:
        raise ConfigError(f"threads must be at least 1, or 0 for all cores, got {count}")
    if count:
        os.environ["OMP_NUM_THREADS"] = str(count)
        if "torch" in sys.modules:  # which has read the variable already
            sys.modules["torch"].set_num_threads(count)


def add_threads_option(parser: argparse.ArgumentParser) -> None:
    """Add `--threads`, as `use_threads` takes it."""
    parser.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="threads to compute with; 0: OMP_NUM_THREADS, else all cores [0]",
    )


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Make the threads that a library made real-time inside the block as urgent as the calling one was before.

    SVT-AV1, run as root (as containers are), gives the thread that opens it and its own the highest real-time priority.
    They, and every process that is started afterwards, then keep the rest of the machine from running.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                if os.sched_getscheduler(int(thread.name)) in {os.SCHED_FIFO, os.SCHED_RR}:
                    os.sched_setscheduler(int(thread.name), policy, parameters)
