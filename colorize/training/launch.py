"""The processes of one run, as `accelerate launch` or torchrun start them: by variables of the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colorize.errors import ConfigError, TrainingError

# How many processes there are, as torchrun and the MPIs that accelerate knows tell it.
_WORLD_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_LOST = ("gloo", "nccl", "connection closed", "connection reset", "socket timeout")  # in what torch says then


def world_size() -> int:
    """How many processes the launcher has started for this run; 1 without a launcher."""
    return next((int(os.environ[name]) for name in _WORLD_SIZES if os.environ.get(name, "").isdecimal()), 1)


def is_first_process() -> bool:
    """Whether this is the process that talks and writes."""
    return os.environ.get("RANK", "0") == "0"


def check_world() -> None:
    """Raise `ConfigError` where `accelerate launch` was asked for several processes and has started one.

    It does so on CPUs, unless its configuration says otherwise: all that is left of the wish is the meeting point.
    """
    by_accelerate = "ACCELERATE_MIXED_PRECISION" in os.environ
    if by_accelerate and "MASTER_PORT" in os.environ and not any(name in os.environ for name in _WORLD_SIZES):
        raise ConfigError(
            "accelerate launch was asked for several processes and has started one, as it does on CPUs; "
            "there, use: torchrun --nproc-per-node 2 train.py PHOTOS --folder RUN --device cpu"
        )


def check_all_there(processes: int) -> None:
    """Raise `ConfigError` if so many processes have found each other, and the launcher started others."""
    if processes != world_size():
        raise ConfigError(f"{processes} of {world_size()} processes that were started train together")


def share_of_batch(batch_size: int, processes: int) -> int:
    """The photos of a batch that each process gets: this alone decides it.

    Args:
        batch_size: photos of a batch, of all processes together.
        processes: how many there are.

    Returns:
        Photos of each.

    Raises:
        ConfigError: they cannot be shared out evenly.
    """
    if batch_size % processes:
        raise ConfigError(
            f"batch-size must be a multiple of the number of processes, {processes}, which share each batch, "
            f"got {batch_size}"
        )
    return batch_size // processes


@contextmanager
def lost_process_in_one_line(run: Path) -> Iterator[None]:
    """Within, what torch raises when another process of the run has ended is a `TrainingError`."""
    try:
        yield
    except RuntimeError as error:
        if world_size() > 1 and any(sign in str(error).lower() for sign in _LOST):
            rank = os.environ.get("RANK", "0")
            raise TrainingError(
                f"process {rank} of {world_size()} lost another one, which was killed or says why itself; "
                f"go on with the same command and --resume ({run})"
            ) from error
        raise
