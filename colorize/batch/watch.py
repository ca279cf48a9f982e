"""Photos that arrive in folders, found by looking again and again.

Network drives, on which scanners put their files, do not report changes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from colorize.batch.plan import Job, plan
from colorize.batch.results import exists
from colorize.errors import ConfigError, DataError
from colorize.options import ColorizeOptions

_PAUSE = 1.0  # seconds between two looks, at least
_LOOKING = 0.1  # the share of the time that may go into looking
_AT_REST = 10.0  # seconds since its last change after which a file counts as complete at the first look

_Signature = tuple[int, int]  # bytes and time of the last change of a file


def arrivals(
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None,
    options: ColorizeOptions,
    stop: threading.Event,
    *,
    pause: float = _PAUSE,
) -> Iterator[list[Job]]:
    """Look for new photos again and again.

    A photo is given once it is complete: not empty, and the same at two looks. It is given again when it has changed.

    Args:
        paths: as of `plan`.
        output: as of `plan`.
        options: as of `plan`.
        stop: ends it.
        pause: seconds between two looks, at least.

    Returns:
        The jobs of each look.

    Raises:
        ConfigError: as `plan`, at the first look.
        DataError: as `plan`, at the first look.
    """
    given: dict[Path, _Signature | None] = {}
    before: dict[Path, _Signature | None] | None = None
    problems: set[str] = set()
    while not stop.is_set():
        start = time.monotonic()
        try:
            jobs = list(plan(paths, output, options, may_be_empty=True))
        except (ConfigError, DataError) as error:
            if before is None:
                raise
            jobs = [Job(Path(paths[0]), Path(paths[0]), str(error))]
        ready = [job for job in jobs if job.problem and job.problem not in problems]
        problems.update(job.problem for job in ready)
        now: dict[Path, _Signature | None] = {}
        for job in jobs:
            if job.problem:
                continue
            now[job.source] = signature = _signature(job.source)
            if not signature or given.get(job.source) == signature:
                continue
            is_new = job.source not in given
            if is_new and exists(job):  # of an earlier run; `run` finds out whether it is of this photo
                complete = True
            else:
                complete = _is_at_rest(signature) if before is None else before.get(job.source) == signature
            if complete:
                ready.append(job if is_new else replace(job, has_changed=True))
                given[job.source] = signature
        before = now
        took = time.monotonic() - start
        if ready:
            yield ready
        stop.wait(max(pause, took / _LOOKING))


def _signature(path: Path) -> _Signature | None:
    """None for a file that is empty or gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if status.st_size else None


def _is_at_rest(signature: _Signature | None) -> bool:
    return signature is not None and time.time() - signature[1] / 1e9 > _AT_REST
