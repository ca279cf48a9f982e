"""The result of each photo."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum

from colorize.batch.plan import Job
from colorize.coloring.tint import Original


class Outcome(Enum):
    DONE = "colorized"
    SKIPPED = "already done"
    LEFT = "skipped because they are in color"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    job: Job
    outcome: Outcome
    message: str = ""  # why it failed, or how it was not done as asked for
    seconds: float = 0.0  # of reading, thinking and writing
    size: tuple[int, int] | None = None  # width and height in pixels; of several pages, the first one's
    original: Original | None = None  # what it was; of several pages, the first one
    dropped_metadata: tuple[str, ...] = ()  # what of the photo is not kept
    disk_full: bool = False  # why it failed


def is_done(job: Job) -> bool:
    """Whether the target exists; False if that cannot be found out: writing will raise."""
    return os.path.lexists(job.target)
