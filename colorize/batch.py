"""Many photos: find them, plan where each result goes, skip what is done, colorize the rest, say how each went."""

from __future__ import annotations

import os
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
    that cannot be written in colour becomes PNG. Hidden files, earlier results and what lies in `output` are no
    sources. Nothing is read or written yet.

    Raises `DataError` for a path that does not exist and if there is no photo at all; `ConfigError` if `output` is a
    file, or two results, or a result and a source, would be the same file.
    """
    folder = None if output is None else Path(output)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder for the results, this is a file")
    jobs: dict[Path, Job] = {}  # by resolved source: a photo named twice is done once
    for path in map(Path, paths):
        for source, relative in _sources(path, folder):
            beside = source.with_name(f"{source.stem}{RESULT_MARK}{source.suffix}")
            target = beside if folder is None else folder / relative
            jobs.setdefault(source.resolve(), Job(source, target.with_suffix(photo.result_suffix(source))))
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
        if not overwrite and job.target.exists():
            yield Result(job, Outcome.KEPT)
            continue
        colorizer = colorizer or load()
        try:
            colorizer.colorize_file(job.source, job.target, strength=options.strength, size=options.size)
        except ColorizeError as error:
            yield Result(job, Outcome.FAILED, str(error))
        except MemoryError:
            yield Result(job, Outcome.FAILED, f"{job.source}: not enough memory for a photo of this size")
        else:
            yield Result(job, Outcome.DONE)


def _sources(path: Path, output: Path | None) -> Iterator[tuple[Path, Path]]:
    """The photos at `path`, each with its place in the tree below it."""
    if path.is_file():
        yield path, Path(path.name)
        return
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    results = None if output is None else output.resolve()
    for place, folders, names in os.walk(path, onerror=_told):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (Path(place) / name).resolve() != results
        )
        for name in sorted(names):
            source = Path(place) / name
            if _is_photo(name) and not _is_result(source, names):
                yield source, source.relative_to(path)


def _told(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be searched ({error.strerror})") from error


def _is_photo(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in photo.SUFFIXES


def _is_result(path: Path, neighbours: Sequence[str]) -> bool:
    """Whether this is NAME-color.EXT with a NAME photo beside it: then it is ours, not a source."""
    if not path.stem.endswith(RESULT_MARK):
        return False
    original = path.stem.removesuffix(RESULT_MARK)
    return any(os.path.splitext(name)[0] == original and _is_photo(name) for name in neighbours)


def _check_targets(jobs: dict[Path, Job]) -> None:
    taken: dict[Path, Path] = {}
    for job in jobs.values():
        target = job.target.resolve()
        if target in jobs:
            raise ConfigError(f"{job.target}: the result of {job.source} would replace a source; choose another folder")
        if target in taken:
            raise ConfigError(f"{taken[target]} and {job.source} would both become {job.target}; do them separately")
        taken[target] = job.source
