"""The work on a film: its segments, each written whole or not at all, and a journal that ties them to the settings.

They lie in a folder beside the target until the film is done. A kill costs the segment that was being written.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from colorize.errors import FilmError
from colorize.system.files import atomic, claim, clean_stale
from colorize.video.drift import Memory
from colorize.video.guidance import Layer, Points
from colorize.video.steady import GuidanceState, ShotState

_VERSION = 4  # of the journal, and of how frames get their colors: what older code began is not gone on with
_JOURNAL = "journal.json"
_CLAIM = "claim"
_SAMPLE = 1 << 20  # bytes of each piece of the source that is looked at
_SAMPLES = 16
_FAST = 1  # zlib's level: maps of places hardly get smaller


@dataclass(frozen=True)
class Place:
    """A frame at which the film can be gone on with, and what is known there."""

    pts: int | None  # of the frame; None is the end
    frames: int  # before it
    shots: int  # begun before it
    damaged: int  # packets before it that could not be decoded
    # Timestamp and checksum of the frames before it, by which it is found again.
    before: tuple[tuple[int, int], ...] = ()
    state: ShotState | None = None  # None where a shot begins


@dataclass(frozen=True)
class Segment:
    file: str
    first: int  # timestamp of its first frame
    size: int  # bytes
    following: Place


class FilmWork:
    """The segments that are done."""

    def __init__(self, folder: Path, tied_to: Mapping[str, Any], segments: list[Segment]) -> None:
        """Hold what is done so far.

        Args:
            folder: where the segments and their journal lie.
            tied_to: what they depend on, as of `work_on`.
            segments: those that are done, in their order.
        """
        self._folder = folder
        self._tied_to = tied_to
        self._segments = segments

    @property
    def place(self) -> Place | None:
        """Where to go on; None is the beginning."""
        return self._segments[-1].following if self._segments else None

    @property
    def pieces(self) -> list[tuple[Path, int]]:
        """The files, with the timestamp of the first frame of each."""
        return [(self._folder / each.file, each.first) for each in self._segments]

    @contextmanager
    def segment(self) -> Iterator[BinaryIO]:
        """A file for the next segment. It counts when it has been added."""
        with atomic(self._folder / self._next_name) as file:
            yield file

    def add(self, first: int, following: Place) -> None:
        """Enter the segment that was just written into the journal.

        Args:
            first: timestamp of its first frame.
            following: where the film can be gone on with after it.
        """
        name = self._next_name
        self._segments.append(Segment(name, first, (self._folder / name).stat().st_size, following))
        content = {"version": _VERSION, **self._tied_to, "segments": [asdict(each) for each in self._segments]}
        with atomic(self._folder / _JOURNAL) as file:
            file.write(json.dumps(content, default=_in_json).encode())

    @property
    def _next_name(self) -> str:
        return f"{len(self._segments) + 1:05}.nut"


@contextmanager
def work_on(target: Path, tied_to: Mapping[str, Any], *, anew: bool) -> Iterator[FilmWork]:
    """Begin or go on with the work on a film. When the block ends well, nothing is left of it.

    Args:
        target: the result, beside which the work lies.
        tied_to: what the segments depend on, in groups of names and values for JSON.
        anew: whether work that depends on something else is thrown away.

    Yields:
        The work, with the segments of an earlier call that are whole.

    Raises:
        FilmError: another process is at it, or the work that is there depends on something else.
        OSError: the folder cannot be made.
    """
    folder = folder_of(target)
    folder.mkdir(parents=True, exist_ok=True)
    is_done = False
    work = None
    try:
        try:
            with claim(folder / _CLAIM):
                for place in (folder, target.parent):  # a kill while the segments were joined leaves the latter
                    clean_stale(place)
                work = FilmWork(folder, tied_to, _segments_of(folder, tied_to, target, anew))
                yield work
                is_done = True
        except BlockingIOError as error:
            process = f"process {error}" if str(error) else "another process"
            raise FilmError(f"{target}: {process} is coloring this film") from error
    finally:
        if is_done or (work is not None and not work.pieces):
            shutil.rmtree(folder, ignore_errors=True)


def folder_of(target: Path) -> Path:
    """Where the work on a film lies: a short name, whatever the target is called."""
    return target.parent / f".colorize-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}.film"


def identity_of(source: Path) -> dict[str, Any]:
    """What tells a film file from others: its size, when it was changed, and pieces of it."""
    status = source.stat()
    digest = hashlib.sha256()
    with source.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek(number * max(0, status.st_size - _SAMPLE) // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE))
    return {"size": status.st_size, "changed": status.st_mtime_ns, "pieces": digest.hexdigest()}


def _segments_of(folder: Path, tied_to: Mapping[str, Any], target: Path, anew: bool) -> list[Segment]:
    """What can be gone on with."""
    try:
        content = json.loads((folder / _JOURNAL).read_bytes())
        segments = [_segment(each) for each in content.pop("segments")]
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or a power cut has damaged it
        return []
    if changed := _differences(content, {"version": _VERSION, **tied_to}):
        if not anew:
            raise FilmError(
                f"{target}: is half done with {changed}; give the same again to go on, or --overwrite to begin anew"
            )
        return []
    whole = []
    for each in segments:
        path = folder / each.file
        if not path.is_file() or path.stat().st_size != each.size:
            break
        whole.append(each)
    return whole


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What the work that is there was begun with, in words; nothing if with the same as now."""
    now = json.loads(json.dumps(now))
    if before.get("version") != now["version"]:
        return "another version of the program"
    if before.get("source") != now["source"]:
        return "another content of the source"
    old, new = before.get("settings", {}), now["settings"]
    return ", ".join(f"{name} {old.get(name)}" for name in new if old.get(name) != new[name])


def _segment(values: Mapping[str, Any]) -> Segment:
    place = Place(**values["following"])
    state = place.state
    if state is not None:
        given: dict[str, Any] = dict(state)  # type: ignore[call-overload]
        given["memory"] = Memory(np.array(given["memory"]["weights"], np.float64), given["memory"]["level"])
        given["corrections"] = tuple(np.array(each, np.float64) for each in given["corrections"])
        given["guided"] = _guidance_state(given["guided"])
        state = ShotState(**given)
    place = replace(place, before=tuple((pts, checksum) for pts, checksum in place.before), state=state)
    return Segment(values["file"], values["first"], values["size"], place)


def _in_json(array: NDArray[Any]) -> object:
    """An array as numbers, or one of a picture (C, h, w) as its bytes."""
    if array.ndim < 3:
        return array.tolist()
    packed = base64.b64encode(zlib.compress(array.astype("<f4").tobytes(), _FAST)).decode()
    return {"shape": array.shape, "float32": packed}


def _picture_of(values: Mapping[str, Any]) -> NDArray[np.float32]:
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(values["float32"])), "<f4")
    return numbers.reshape(values["shape"]).astype(np.float32)


def _guidance_state(values: Mapping[str, Any]) -> GuidanceState:
    names = ("places", "ab", "reach", "levels")
    places, ab, reach, levels = (np.array(values["points"][name], np.float32) for name in names)
    points = Points(places.reshape(-1, 2), ab.reshape(-1, 2), reach, levels)
    layers = tuple(Layer(*(_picture_of(each[name]) for name in ("change", "way"))) for each in values["layers"])
    numbers = {name: values[name] for name in ("settled", "faded", "times")}
    return GuidanceState(points=points, pictures=tuple(values["pictures"]), layers=layers, **numbers)
