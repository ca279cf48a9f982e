"""The result of each photo, appended to a file: one JSON object per line."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from colorize.batch.results import Entry, Outcome, bytes_of
from colorize.errors import DataError

_START = b'{"source": '
_LONGEST_LINE = 100_000  # bytes: two paths with every character escaped


class Report:
    """A file that results are appended to, run after run: of several lines about a photo, the last one holds.

    Each line is written at once, so that a kill leaves whole lines. What a power cut or a full disk left of one is
    removed when the file is opened next. Raises `DataError` for a file that is something else or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        try:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise self._cannot_be_written(error) from error
        if stat.S_ISREG(os.fstat(self._handle).st_mode):
            try:
                self._remove_torn_line()
            except BaseException:
                os.close(self._handle)
                raise

    def close(self) -> None:
        os.close(self._handle)

    def add(self, entry: Entry) -> None:
        """Append what became of a photo."""
        self.append(line_of(entry))

    def append(self, line: str) -> None:
        """Append a line as `line_of` or `line_about` makes it."""
        text = line.encode("ascii") + b"\n"
        try:
            if os.write(self._handle, text) < len(text):
                raise OSError(None, "the disk is full")
        except OSError as error:
            raise self._cannot_be_written(error) from error

    def _remove_torn_line(self) -> None:
        with os.fdopen(os.dup(self._handle), "rb") as file:
            if file.read(len(_START)) not in (b"", _START):
                raise DataError(f"{self._path}: expected a report of earlier runs (JSON lines), this is something else")
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LONGEST_LINE))
            last = file.read()
        os.ftruncate(self._handle, size - len(last) + last.rfind(b"\n") + 1)

    def _cannot_be_written(self, error: OSError) -> DataError:
        return DataError(f"{self._path}: the report cannot be written ({error.strerror})")


@dataclass(frozen=True)
class Merged:
    """What several reports say together."""

    statuses: Mapping[str, int]  # how many files there are of each status
    torn: Sequence[str]  # of which reports the last line is not whole, one sentence each


def merge(reports: Sequence[str | os.PathLike[str]], out: BinaryIO) -> Merged:
    """Write one report out of several, such as those of the parts of a folder: a line for each result.

    Of several lines about a result the last one holds, in the order of the reports. Memory is taken by a few bytes per
    result, not by the lines.

    Args:
        reports: files as `Report` writes them.
        out: where the lines go.

    Returns:
        What they say.

    Raises:
        DataError: one of them cannot be read, or is no report.
    """
    last: dict[bytes, int] = {}  # the number of the last line about a result, by a digest of its path
    statuses: dict[int, str] = {}  # by the number of a line that holds
    torn = []
    for number, (line, at) in enumerate(chain.from_iterable(map(_lines, reports)), 1):
        about = _about(line, at)
        if about is None:
            torn.append(f"{at}: this line is not whole, it is left out")
            continue
        target, status = about
        digest = hashlib.blake2b(target.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        statuses.pop(last.get(digest, 0), None)
        last[digest] = number
        statuses[number] = sys.intern(status)
    for number, (line, _) in enumerate(chain.from_iterable(map(_lines, reports)), 1):
        if number in statuses:
            out.write(line + b"\n")
    return Merged(Counter(statuses.values()), torn)


def _lines(path: str | os.PathLike[str]) -> Iterator[tuple[bytes, str]]:
    """The lines of a report, without their ends, and where each stands. Raises `DataError`."""
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # they are read twice
                raise DataError(f"{os.fspath(path)}: expected a file, this is a pipe or a device")
            for number, line in enumerate(file, 1):
                yield line.rstrip(b"\r\n"), f"{os.fspath(path)}, line {number}"
    except OSError as error:
        raise DataError(f"{os.fspath(path)}: the report cannot be read ({error.strerror})") from error


def _about(line: bytes, at: str) -> tuple[str, str] | None:
    """The target and the status in a line; None for a line that begins like a report's and was never ended."""
    try:
        values = json.loads(line)
        return str(values["target"]), str(values["status"])
    except (ValueError, KeyError, TypeError) as error:
        if line.startswith(_START[: max(1, len(line))]) and not line.endswith(b"}"):
            return None
        raise DataError(
            f"{at}: expected a line of a report (JSON with target and status), got {line[:60]!r}"
        ) from error


def line_of(entry: Entry) -> str:
    """What became of a photo, as a line of a report."""
    width, height = entry.size or (None, None)
    numbers = {
        "seconds": round(entry.seconds, 3),
        "width": width,
        "height": height,
        "original": entry.original.value if entry.original else None,
        "source_bytes": entry.source_bytes,
        "target_bytes": entry.target_bytes,
    }
    return _line(
        entry.source, entry.target, entry.outcome, numbers, entry.dropped_metadata, reason=entry.message or None
    )


def line_about(
    source: Path,
    target: Path,
    outcome: Outcome,
    numbers: Mapping[str, object],
    *,
    dropped_metadata: Sequence[str] = (),
    reason: str | None = None,
) -> str:
    """What became of any file, as a line of a report.

    Args:
        source: what was colored.
        target: the result.
        outcome: what became of it.
        numbers: further values, before the sizes of both files.
        dropped_metadata: what of the source is not kept.
        reason: why it was not colored.

    Returns:
        The line, without its end.
    """
    told = {**numbers, **bytes_of(source, target, outcome)}
    return _line(str(source), str(target), outcome, told, dropped_metadata, reason=reason)


def _line(
    source: str,
    target: str,
    outcome: Outcome,
    numbers: Mapping[str, object],
    dropped_metadata: Sequence[str],
    *,
    reason: str | None,
) -> str:
    """JSON in one line of ASCII: a name that is not UTF-8 is no different from others."""
    line = {
        "source": source,
        "target": target,
        "status": outcome.name.lower(),  # done, skipped, left, result, failed
        **numbers,
        "dropped_metadata": dropped_metadata,
        "lost": dropped_metadata,  # its former name, for one version
        "reason": reason,
    }
    return json.dumps(line)
