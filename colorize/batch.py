"""Many photos: find them, plan where each result goes, skip what is done, colorize the rest, say how each went."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from colorize import photo
from colorize.errors import ColorizeError, ConfigError, DataError
from colorize.options import ColorizeOptions

if TYPE_CHECKING:
    from colorize.colorizer import Colorizer

RESULT_MARK = "-color"  # NAME-color.EXT beside NAME.EXT


@dataclass(frozen=True)
class Job:
    source: Path
    target: Path
    problem: str = ""  # why it cannot be done, where that is known before


class Outcome(Enum):
    DONE = "colorized"
    KEPT = "already there"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    job: Job
    outcome: Outcome
    message: str = ""  # why it failed


def plan(paths: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str] | None = None) -> list[Job]:
    """One job per photo in `paths`, files and folders (recursive), in a fixed order.

    With `output` the results go there, a folder's tree kept; without, beside their sources as NAME-color.EXT. A format
    that cannot be written in colour becomes PNG under its whole name: old.gif-color.png. Hidden files, earlier results
    and what lies in `output` are no sources. A folder that may not be searched is a job with a `problem`. Nothing is
    read or written yet.

    Raises `DataError` for a path that does not exist and if there is no photo at all; `ConfigError` for an empty path,
    if `output` is a file, or if two results, or a result and a source, would be the same file.
    """
    folder = None if output is None else Path(output)
    if folder is not None and os.path.exists(folder) and not os.path.isdir(folder):
        raise ConfigError(f"{folder}: expected a folder for the results, this is a file")
    if not all(map(os.fspath, paths)):
        raise ConfigError("an empty path: expected photos and folders")  # Path("") would be the current folder
    jobs: dict[Path, Job] = {}  # by resolved source: a photo named twice is done once
    named = [Path(path) for path in paths]
    beside: defaultdict[Path, list[str]] = defaultdict(list)
    for path in named:
        beside[path.parent].append(path.name)
    neighbours = {parent: _Names(names) for parent, names in beside.items()}
    results = None if folder is None else folder.resolve()
    for path in named:
        if len(named) > 1 and results is not None and path.resolve().is_relative_to(results):
            continue  # a wildcard took the results in
        for source, relative, problem in _sources(path, results):
            if source == path and neighbours[path.parent].has_result(path):
                continue  # an earlier call with the same wildcard made it
            target = source.parent if folder is None else (folder / relative).parent
            job = Job(source, target / _result_name(source, marked=folder is None), problem)
            jobs.setdefault(source.resolve(), job)
    if not jobs:
        raise DataError(f"no photos in {', '.join(map(str, paths)) or 'nothing: no paths were given'}")
    _check_targets(jobs)
    return list(jobs.values())


def run(
    jobs: Iterable[Job], load: Callable[[], Colorizer], options: ColorizeOptions, *, overwrite: bool = False
) -> Iterator[Result]:
    """Do the jobs one by one, each result given as soon as it is written.

    A target that exists is kept unless `overwrite`. A photo that fails is told in its result, and the next one is
    tried. `load` is called when there is a photo to do, once; what it raises is not caught.
    """
    colorizer = None
    for job in jobs:
        if job.problem:
            yield Result(job, Outcome.FAILED, job.problem)
            continue
        if not overwrite and os.path.exists(job.target):  # False where even that cannot be asked: writing will tell
            yield Result(job, Outcome.KEPT)
            continue
        colorizer = colorizer or load()
        try:
            colorizer.colorize_file(job.source, job.target, strength=options.strength, size=options.size)
        except ColorizeError as error:
            yield Result(job, Outcome.FAILED, str(error))
        else:
            yield Result(job, Outcome.DONE)


class _Names:
    """The photos among the files of one folder."""

    def __init__(self, names: Iterable[str]) -> None:
        self._photos = {name for name in names if _is_photo(name)}
        self._stems = {os.path.splitext(name)[0] for name in self._photos}

    def has_result(self, path: Path) -> bool:
        """Whether `path` is NAME-color.EXT and NAME one of these photos: then it is ours, not a source."""
        original = path.stem.removesuffix(RESULT_MARK)
        return original != path.stem and (original in self._stems or original in self._photos)


def _sources(path: Path, results: Path | None) -> Iterator[tuple[Path, Path, str]]:
    """The photos at `path`, each with its place in the tree below it, and folders with why they cannot be searched.

    The folder `results`, resolved, is passed over.
    """
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file or folder") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not is_folder:
        yield path, Path(path.name), ""
        return
    refused: list[OSError] = []
    for place, folders, names in os.walk(path, onerror=refused.append):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (Path(place) / name).resolve() != results
        )
        beside = _Names(names)
        for name in sorted(names):
            source = Path(place) / name
            if _is_photo(name) and not beside.has_result(source):
                yield source, source.relative_to(path), ""
    for refusal in refused:
        folder = Path(refusal.filename)
        yield folder, folder.relative_to(path), f"{folder}: cannot be searched ({refusal.strerror})"


def _is_photo(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in photo.SUFFIXES


def _result_name(source: Path, *, marked: bool) -> str:
    """NAME.EXT or NAME-color.EXT. Where EXT cannot be written it stays in the name, so that a.gif and a.png differ."""
    mark = RESULT_MARK if marked else ""
    suffix = photo.result_suffix(source)
    return f"{source.stem if suffix == source.suffix else source.name}{mark}{suffix}"


def _check_targets(jobs: dict[Path, Job]) -> None:
    taken: dict[Path, Path] = {}
    for job in jobs.values():
        if job.problem:
            continue
        target = job.target.resolve()
        if target in jobs:
            raise ConfigError(f"{job.target}: the result of {job.source} would replace a source; choose another folder")
        if target in taken:
            raise ConfigError(
                f"{taken[target]} and {job.source} would both become {job.target}; "
                "choose another folder for one of them"
            )
        taken[target] = job.source
