"""A run of a few steps for tests, and what is looked at in its folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colorize.models.tensorfile import read_tensors

ROOT = Path(__file__).parents[2]
SMALL = [
    *("--architecture", "unet", "--generator-settings", '{"ngf": 2, "depth": 4}', "--ndf", "2", "--n-layers", "1"),
    *("--size", "16", "--min-side", "16", "--batch-size", "2", "--workers", "0", "--holdout", "5"),
    *("--generator-steps", "4", "--discriminator-steps", "2", "--adversarial-steps", "5", "--d-steps", "2"),
    *("--log-interval", "2", "--validate-interval", "4", "--checkpoint-interval", "3", "--device", "cpu"),
    *("--precision", "fp32"),
]
STEPS = 11
# A run for those who ask whether it runs, not what becomes of it.
SHORTEST = [*SMALL, "--generator-steps", "1", "--discriminator-steps", "1", "--adversarial-steps", "1"]


def weights(path: Path) -> dict[str, Tensor]:
    return read_tensors(path)[0]


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def same(one: Path, other: Path) -> bool:
    mine, theirs = weights(one), weights(other)
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def train_together(processes: int, program: str, options: Sequence[str]) -> tuple[list[int], list[str]]:
    """What `accelerate launch` starts: processes that find each other by variables of the environment.

    Returns:
        Of each, its exit status and what it says on stderr.
    """
    common = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    common["OMP_NUM_THREADS"] = "1"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, *options],
            cwd=ROOT,
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    told = [process.communicate(timeout=240)[1] for process in started]
    return [process.returncode for process in started], told
