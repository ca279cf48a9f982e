"""Films among what the command is given: which they are, where they go, and how one is told about."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colorize.cli.terminal import INTERRUPTED, OK, SOME_FAILED, Lines, print_status
from colorize.errors import ConfigError, DataError, FilmError
from colorize.options import ColorizeOptions, FilmOptions
from colorize.requirements import require
from colorize.system import files

if TYPE_CHECKING:
    from colorize.coloring.colorizer import Colorizer
    from colorize.video.film import FilmResult, Progress

SUFFIXES = (
    *(".mkv", ".mp4", ".m4v", ".mov", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".vob", ".ogv", ".3gp"),
)
_RESULT = ".mkv"
_MARK = "-color"


@dataclass(frozen=True)
class FilmJob:
    source: Path
    target: Path


def are_films(paths: Sequence[str], not_for_films: Sequence[str], not_for_photos: Sequence[str]) -> bool:
    """Whether what was named are films, by their suffixes, and not photos or folders of them.

    Args:
        paths: as given on the command line.
        not_for_films: options that were given and do not go with films.
        not_for_photos: the same of photos.

    Raises:
        ConfigError: films and others together, or with options that are not for them.
    """
    films = [path for path in paths if Path(path).suffix.lower() in SUFFIXES and not os.path.isdir(path)]
    if len(films) not in (0, len(paths)):
        other = next(path for path in paths if path not in films)
        raise ConfigError(f"films and photos are colored by calls of their own: {films[0]} is a film, {other} is not")
    for option in not_for_films if films else not_for_photos:
        raise ConfigError(f"{option} is for {'photos' if films else 'films'}")
    return bool(films)


def plan_films(paths: Sequence[str], output: Path | None) -> list[FilmJob]:
    """Settle where each result goes: NAME-color.mkv beside the film, or NAME.mkv in the folder `output`.

    A film that is no Matroska keeps its whole name: old.mp4-color.mkv. Results of films that are named too are no
    sources.

    Raises:
        DataError: a film does not exist.
        ConfigError: two results would be the same file, or would replace a film, or `output` is a file.
    """
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"{output}: expected a folder for the results, this is a file")
    jobs = [FilmJob(source, _target(source, output)) for source in dict.fromkeys(map(Path, paths))]
    results = {job.target for job in jobs if job.target != job.source}
    jobs = [job for job in jobs if job.source not in results]
    sources: dict[str, Path] = {}
    for job in jobs:
        if not job.source.exists():
            raise DataError(f"{job.source}: there is no such file")
        if job.target.exists() and any(job.target.samefile(each.source) for each in jobs):
            raise ConfigError(f"{job.target}: the result of {job.source} would replace a film that is to be colored")
        if (other := sources.setdefault(os.path.realpath(job.target).casefold(), job.source)) != job.source:
            raise ConfigError(f"{job.target}: would be the result of both {other} and {job.source}")
    return jobs


def _target(source: Path, output: Path | None) -> Path:
    name = source.stem if source.suffix.lower() == _RESULT else source.name
    return source.with_name(f"{name}{_MARK}{_RESULT}") if output is None else output / f"{name}{_RESULT}"


def preview_films(jobs: Sequence[FilmJob], options: ColorizeOptions) -> int:
    """Print what would be done, and give the exit status."""
    require("video", "Coloring films")
    from colorize.video.decoding import open_film

    failed = 0
    for job in jobs:
        if job.target.exists() and not options.overwrite:
            print_status(f"{job.target}: is there already")
            continue
        try:
            with open_film(job.source) as film:
                size = f"{film.layout.width}×{film.layout.height} px, {film.layout.code.depth} bit"
                length = "" if film.seconds is None else f", {_clock(float(film.seconds))}"
                print_status(f"{job.source}: {size}{length}")
                for what in film.left_out:
                    print_status(f"{job.source}: would be written without {what}")
        except FilmError as error:
            print_status(str(error))
            failed += 1
            continue
        if not Lines().result(f"{job.source} -> {job.target}"):
            return SOME_FAILED
    return SOME_FAILED if failed else OK


def color_films(
    jobs: Sequence[FilmJob], load: Callable[[], Colorizer], options: ColorizeOptions, film_options: FilmOptions
) -> int:
    """Color films one after another, tell about each, and give the exit status.

    Args:
        jobs: the films.
        load: gives the colorizer, when there is a film to do.
        options: of all films.
        film_options: of all films.
    """
    require("video", "Coloring films")
    from colorize.video.film import colorize_film

    colorizer = None
    failed = 0
    for job in jobs:
        if os.path.lexists(job.target) and not options.overwrite:
            print_status(f"{job.target}: is there already; --overwrite colors it again")
            continue
        files.clean_stale(job.target.parent)
        try:
            colorizer = colorizer or load()
            began = time.monotonic()
            with _display(job.source.name) as progress:
                result = colorize_film(
                    job.source, job.target, options, film_options, colorizer=colorizer, progress=progress
                )
        except KeyboardInterrupt:
            print_status(f"interrupted; nothing of {job.target} is kept")
            return INTERRUPTED
        except FilmError as error:
            print_status(str(error))
            failed += 1
            continue
        for line in _about(job, result, time.monotonic() - began):
            print_status(line)
        if not Lines().result(str(job.target)):
            return SOME_FAILED
    return SOME_FAILED if failed else OK


def _about(job: FilmJob, result: FilmResult, seconds: float) -> Iterator[str]:
    for what in result.left_out:
        yield f"{job.target}: written without {what}"
    if result.damaged:
        yield f"{job.source}: {result.damaged} packets of the picture are damaged and were left out"
    rate = result.frames / max(seconds, 1e-3)
    shots = "1 shot" if result.shots == 1 else f"{result.shots} shots"
    yield f"{result.frames} frames in {shots} ({rate:.1f} frames/s)"


@contextmanager
def _display(name: str) -> Iterator[Progress | None]:
    """A bar with frames, their rate and the time left, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(TextColumn):
        def render(self, task: object) -> Text:
            return Text(f"{getattr(task, 'speed', None) or 0:.1f} frames/s")

    columns = (BarColumn(), MofNCompleteColumn(), Rate(""), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=60) as progress:
        task = progress.add_task("", total=None)
        progress.update(task, description=name.replace("[", r"\["))
        yield lambda done, total: progress.update(task, completed=done, total=total and max(done, total))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
