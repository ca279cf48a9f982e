"""How many threads numeric libraries compute with, and how they wait for each other."""

from __future__ import annotations

import os
import sys

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
