"""The result of each photo."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from colorize import photo
from colorize.batch.plan import Job
from colorize.coloring.tint import Original
from colorize.system import files


class Outcome(Enum):
    DONE = "colorized"
    SKIPPED = "already done"
    LEFT = "skipped because they are in color"
    RESULT = "skipped because they are results themselves"
    FAILED = "failed"

    @property
    def has_result(self) -> bool:
        """Whether there is a result, whoever made it."""
        return self in (Outcome.DONE, Outcome.SKIPPED)


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
    only_read: str = ""  # the photo's format, where nothing is written in it
    again: bool = False  # whether it replaces a result of what its source was before


@dataclass(frozen=True)
class Entry:
    """A result as it is told and counted: by the names of its files, wherever they lie."""

    source: str
    target: str
    outcome: Outcome
    message: str = ""
    seconds: float = 0.0
    size: tuple[int, int] | None = None
    original: Original | None = None
    dropped_metadata: tuple[str, ...] = ()
    disk_full: bool = False
    only_read: str = ""
    again: bool = False
    is_variant: bool = False
    source_bytes: int | None = None
    target_bytes: int | None = None

    @classmethod
    def of(cls, result: Result, *, with_bytes: bool = True) -> Entry:
        """What is told of a result of files on this machine.

        Args:
            result: of one photo.
            with_bytes: whether the files are asked for their sizes, which only reports tell.

        Returns:
            The same by names.
        """
        job = result.job
        sizes = bytes_of(job.source, job.target, result.outcome) if with_bytes else {}
        return cls(
            str(job.source),
            str(job.target),
            result.outcome,
            result.message,
            result.seconds,
            result.size,
            result.original,
            result.dropped_metadata,
            result.disk_full,
            result.only_read,
            result.again,
            job.seed is not None,
            **sizes,
        )


def bytes_of(source: Path, target: Path, outcome: Outcome) -> dict[str, int | None]:
    """The sizes of the files of one photo.

    Args:
        source: what was colored.
        target: the result.
        outcome: what became of it.

    Returns:
        "source_bytes" and "target_bytes"; None of a file that cannot be seen, or that is no result.
    """
    return {"source_bytes": _bytes(source), "target_bytes": _bytes(target) if outcome.has_result else None}


def _bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def exists(job: Job) -> bool:
    """Whether the target exists; False if that cannot be found out: writing will raise."""
    return os.path.lexists(job.target)


def is_outdated(job: Job) -> bool:
    """Tell whether an existing result was made of what its source was before.

    A result says which bytes it was made of. They are compared where the source, or the folder's entry for it, was
    changed after the result was written. A result that does not say it, such as one of another program, is not
    outdated.

    Args:
        job: whose target exists.

    Returns:
        Whether it is; False if that cannot be found out.
    """
    try:
        source, target = job.source.stat(), job.target.stat()
        # ctime: a file that was replaced by an older one has that one's mtime.
        if not job.has_changed and max(source.st_mtime_ns, source.st_ctime_ns) < target.st_mtime_ns:
            return False
        header = photo.header(job.target)
        return header is not None and header.made_of not in ("", files.sha256(job.source))
    except OSError:
        return False


def is_done(job: Job) -> bool:
    """Whether the target exists and is the result of its source as that is now."""
    return exists(job) and not is_outdated(job)


def is_result(job: Job) -> bool:
    """Whether the source is a result of this program itself."""
    header = photo.header(job.source)
    return header is not None and header.is_result
