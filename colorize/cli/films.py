"""Films among what the command is given: which they are, where they go, and how one is told about."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from colorize.batch.plan import RESULT_MARK
from colorize.batch.report import Report, line_about
from colorize.batch.results import Outcome
from colorize.cli.terminal import Lines, print_status
from colorize.errors import ConfigError, DataError, FilmError, PhotoError
from colorize.options import FILM_SUFFIXES, ColorizeOptions, FilmOptions
from colorize.requirements import require
from colorize.system.program import FAILED, INTERRUPTED, OK

if TYPE_CHECKING:
    from colorize.coloring.colorizer import Colorizer
    from colorize.coloring.conditions import Conditions
    from colorize.video.film import FilmResult, Progress
    from colorize.video.survey import Estimate

_RESULT = ".mkv"
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)")
_TIME_IN_NAME = re.compile(r"(?:(?:(\d+)[-:_])?(\d+)[-:_](\d+(?:\.\d*)?))|(\d+\.\d+)")
_NUMBER_IN_NAME = re.compile(r"(?:.*\D)?(\d+)")
TOLD_EVERY = 600.0  # seconds from line to line of progress, where there is no terminal


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
    films = [path for path in paths if Path(path).suffix.lower() in FILM_SUFFIXES and not os.path.isdir(path)]
    if len(films) not in (0, len(paths)):
        other = next(path for path in paths if path not in films)
        raise ConfigError(f"films and photos are colored by calls of their own: {films[0]} is a film, {other} is not")
    for option in not_for_films if films else not_for_photos:
        raise ConfigError(f"{option} is for {'photos' if films else 'films'}")
    return bool(films)


def plan_films(paths: Sequence[str], output: str | os.PathLike[str] | None) -> list[FilmJob]:
    """Settle where each result goes: NAME-color.mkv beside the film, or NAME.mkv in the folder `output`.

    A film that is no Matroska keeps its whole name: old.mp4-color.mkv. Results of films that are named too are no
    sources.

    Args:
        paths: of films, as given on the command line; what is named twice is done once.
        output: the folder for the results, which need not exist; of one film also the result itself, where this is no
            folder and called like a film; None for each beside its film.

    Returns:
        A job for each film, in their order.

    Raises:
        DataError: a film does not exist.
        ConfigError: two results would be the same file, or would replace a film, or `output` is a file and there are
            several films, or a file that is no Matroska.
    """
    sources_named = list(dict.fromkeys(map(Path, paths)))
    result = None if output is None else _result_file(os.fspath(output), sources_named)
    folder = None if output is None else Path(output)
    jobs = [FilmJob(source, result or _target(source, folder)) for source in sources_named]
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


def _result_file(output: str, named: Sequence[Path]) -> Path | None:
    """`output`, if it is not a folder but the result of the only film."""
    path = Path(output)
    suffix = path.suffix.lower()
    is_called_like_one = suffix in FILM_SUFFIXES and not output.endswith(("/", os.sep))
    if path.is_dir() or not (is_called_like_one or path.exists()):
        return None
    if suffix != _RESULT:
        raise ConfigError(f"{path}: expected a name that ends in {_RESULT}, which films are written as, or a folder")
    if len(named) != 1:
        raise ConfigError(f"{path}: expected a folder for the results of several films, this names a file")
    return path


def _target(source: Path, folder: Path | None) -> Path:
    name = source.stem if source.suffix.lower() == _RESULT else source.name
    return source.with_name(f"{name}{RESULT_MARK}{_RESULT}") if folder is None else folder / f"{name}{_RESULT}"


def parse_time(option: str, text: str) -> float:
    """Seconds of a time like 75, 1:15 or 0:01:15.5.

    Args:
        option: what the time is given to, such as --start; an error's message begins with it.
        text: the time.

    Returns:
        Seconds, 0 or more.

    Raises:
        ConfigError: it is no such time.
    """
    match = _TIME.fullmatch(text)
    if not match:
        raise ConfigError(f"{option}: expected seconds, minutes:seconds or h:mm:ss, got {text!r}")
    hours, minutes, seconds = (float(each or 0) for each in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def read_cuts(path: Path) -> tuple[int | float, ...]:
    """Read a file of cuts: one per line, the number of a frame or a time; # begins a comment.

    Raises:
        DataError: it cannot be read.
        ConfigError: a line is neither a number nor a time.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a text file of cuts ({error})") from error
    cuts: list[int | float] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            cuts.append(int(text) if text.isdecimal() else parse_time(f"{path}, line {number}", text))
    return tuple(cuts)


def read_frames(hints: Path | None, pictures: Sequence[Path]) -> dict[int | float, Conditions]:
    """Read what is given for single frames of a film: images called by the number or the time of their frame.

    Args:
        hints: an image of hints or a JSON file of them, or a folder of such.
        pictures: folders of frames in color.

    Returns:
        Conditions by frame, as `colorize.video.colorize_film` takes them.

    Raises:
        DataError: a file cannot be read.
        ConfigError: a name tells no frame, or two the same, or a folder has no images, or an image of hints no alpha.
    """
    from colorize import photo
    from colorize.coloring.conditions import NO_CONDITIONS
    from colorize.coloring.hint_file import HINT_FILE, read_hint_file

    said: dict[int | float, Path] = {}
    if hints is not None:
        said = _by_moment(_images_in(hints, HINT_FILE) if hints.is_dir() else [hints])
    for folder in pictures:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: expected a folder of frames in color: for films, --reference takes no photo")
    colored = _by_moment([image for folder in pictures for image in _images_in(folder)])
    try:
        return {
            moment: replace(
                read_hint_file(said[moment]) if moment in said else NO_CONDITIONS,
                reference=photo.open(colored[moment]).image if moment in colored else None,
            )
            for moment in sorted({*said, *colored})
        }
    except PhotoError as error:
        raise DataError(str(error)) from error


def _images_in(folder: Path, *others: str) -> list[Path]:
    """The images in a folder, and files of other suffixes."""
    from colorize import photo

    known = {*photo.SUFFIXES, *others}
    try:
        images = sorted(path for path in folder.iterdir() if path.suffix.lower() in known and path.name[0] != ".")
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error
    if not images:
        raise ConfigError(f"{folder}: expected images called by the number or the time of their frame, there are none")
    return images


def _by_moment(paths: Sequence[Path]) -> dict[int | float, Path]:
    found: dict[int | float, Path] = {}
    for path in paths:
        if (other := found.setdefault(moment_of(path), path)) != path:
            raise ConfigError(f"{path}: {other} is for the same frame")
    return found


def moment_of(path: Path) -> int | float:
    """The frame that an image is called by: the number at the end of its name, or a time in all of it.

    120.png, frame-0120.png: frame 120, counted from 0. 83.2.png, 1-23.2.png, 0-01-23.2.png: seconds, minutes-seconds
    and hours-minutes-seconds. Raises `ConfigError`.
    """
    if time := _TIME_IN_NAME.fullmatch(path.stem):
        hours, minutes, seconds, alone = (float(each or 0) for each in time.groups())
        return hours * 3600 + minutes * 60 + seconds + alone
    if number := _NUMBER_IN_NAME.fullmatch(path.stem):
        return int(number[1])
    raise ConfigError(
        f"{path}: expected a name that ends in the number of a frame, like frame-0120, or is a time, like 1-23.2"
    )


class Films:
    """Does films one after another and prints what becomes of each."""

    def __init__(
        self,
        load: Callable[[], Colorizer],
        options: ColorizeOptions,
        film_options: FilmOptions,
        conditions: Mapping[int | float, Conditions] | None = None,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            load: gives the colorizer, when there is a film to do.
            options: of all films.
            film_options: of all films.
            conditions: of single frames, as of `colorize_film`.

        Raises:
            MissingExtra: what films need is not installed.
        """
        require("video", "Coloring films")
        self._load = cache(load)
        self._options = options
        self._film_options = film_options
        self._conditions = conditions or {}

    def color(self, jobs: Sequence[FilmJob], report: str | None = None) -> int:
        """Color films.

        Args:
            jobs: the films.
            report: a file that each result is appended to; "-" prints them in place of paths.

        Returns:
            The exit status.

        Raises:
            DataError: the report cannot be written.
        """
        prints = report == "-"
        lines = Report(report) if report and not prints else None
        try:
            return self._each(jobs, lambda job: self._color(job, lines, prints=prints))
        finally:
            if lines:
                lines.close()

    def preview(self, jobs: Sequence[FilmJob]) -> int:
        """Make a preview of each film, and give the exit status."""
        return self._each(jobs, self._preview)

    def estimate(self, jobs: Sequence[FilmJob]) -> int:
        """Print what would be done and about what it would take, and give the exit status."""
        return self._each(jobs, self._estimate)

    def _each(self, jobs: Sequence[FilmJob], work: Callable[[FilmJob], Iterator[str]]) -> int:
        """Do films. `work` gives lines for stdout."""
        shown = Lines()
        failed = 0
        for job in jobs:
            try:
                for line in work(job):
                    if not shown.result(line):
                        return FAILED
            except (FilmError, PhotoError) as error:
                print_status(str(error))
                failed += 1
            except KeyboardInterrupt:
                print_status(_interrupted(job))
                return INTERRUPTED
        return FAILED if failed else OK

    def _color(self, job: FilmJob, report: Report | None, *, prints: bool) -> Iterator[str]:
        from colorize.video.film import colorize_film

        def reported(line: str) -> list[str]:
            if report:
                report.append(line)
            return [line] if prints else []

        if os.path.lexists(job.target) and not self._options.overwrite:
            print_status(f"{job.target}: is there already; --overwrite colors it again")
            yield from reported(_line(job, Outcome.SKIPPED))
            return
        colorizer = self._load()
        began = time.monotonic()
        try:
            with _display(job.source.name) as progress, _memory_errors_told(job):
                result = colorize_film(
                    job.source,
                    job.target,
                    self._options,
                    self._film_options,
                    conditions=self._conditions,
                    colorizer=colorizer,
                    progress=progress,
                )
        except FilmError as error:
            yield from reported(_line(job, Outcome.FAILED, time.monotonic() - began, reason=str(error)))
            raise
        seconds = time.monotonic() - began
        line = reported(_line(job, Outcome.DONE, seconds, result))
        for each in _about(job, result, seconds):
            print_status(each)
        yield from line or [str(job.target)]

    def _preview(self, job: FilmJob) -> Iterator[str]:
        from colorize.video.preview import preview_film

        sheet, film = (job.target.with_name(f"{job.target.stem}-preview{suffix}") for suffix in (".jpg", _RESULT))
        for path in (sheet, film):
            if os.path.lexists(path) and not self._options.overwrite:
                print_status(f"{path}: is there already; --overwrite makes it again")
                return
        options, conditions = (self._options, self._film_options), self._conditions
        with _memory_errors_told(job):
            missing = preview_film(job.source, sheet, film, *options, conditions=conditions, colorizer=self._load())
        for what in missing:
            print_status(f"{job.source}: {what}")
        yield str(sheet)
        yield str(film)

    def _estimate(self, job: FilmJob) -> Iterator[str]:
        from colorize.video.survey import survey

        if os.path.lexists(job.target) and not self._options.overwrite:
            print_status(f"{job.target}: is there already")
            return
        with _memory_errors_told(job):
            estimate = survey(job.source, self._options, self._film_options, self._load())
        print_status(f"{job.source}: {_told(estimate)}")
        for what in estimate.left_out:
            print_status(f"{job.source}: would be written without {what}")
        yield f"{job.source} -> {job.target}"


def _told(estimate: Estimate) -> str:
    width, height = estimate.size
    about = "" if estimate.shots_are_exact else "about "
    shots = f"{about}{_counted(estimate.shots, 'shot')}"
    return (
        f"{width}×{height} px, {estimate.depth} bit, {_clock(estimate.seconds)}, {shots}; "
        f"about {_clock(estimate.work)} of work ({estimate.rate:.1f} frames/s) and {_bytes_in_words(estimate.bytes)}"
    )


def _bytes_in_words(count: float) -> str:
    unit, size = next((each for each in (("GB", 1e9), ("MB", 1e6)) if count >= each[1]), ("kB", 1e3))
    return f"{count / size:.3g} {unit}"


@contextmanager
def _memory_errors_told(job: FilmJob) -> Iterator[None]:
    """Within, a lack of memory is an error of this film alone."""
    try:
        yield
    except MemoryError as error:
        raise FilmError(f"{job.source}: not enough memory") from error


def _interrupted(job: FilmJob) -> str:
    from colorize.video.segments import folder_of

    if folder_of(job.target).is_dir():
        return f"interrupted; run the same command to go on with {job.target}"
    return f"interrupted; nothing of {job.target} is kept"


def _line(
    job: FilmJob,
    outcome: Outcome,
    seconds: float = 0.0,
    result: FilmResult | None = None,
    reason: str | None = None,
) -> str:
    """What became of a film, as a line of a report."""
    width, height = result.size if result else (None, None)
    return line_about(
        job.source,
        job.target,
        outcome,
        {
            "seconds": round(seconds, 3),
            "width": width,
            "height": height,
            "frames": result.frames if result else None,
            "shots": result.shots if result else None,
        },
        dropped_metadata=result.left_out if result else (),
        reason=reason,
    )


def _about(job: FilmJob, result: FilmResult, seconds: float) -> Iterator[str]:
    for what in result.left_out:
        yield f"{job.target}: written without {what}"
    if result.damaged:
        yield f"{job.source}: left out {_counted(result.damaged, 'damaged packet')} of the picture"
    rate = (result.frames - result.resumed) / max(seconds, 1e-3)
    before = f", {result.resumed} of them earlier" if result.resumed else ""
    counts = f"{_counted(result.frames, 'frame')} in {_counted(result.shots, 'shot')}"
    yield f"{counts}{before} ({rate:.1f} frames/s)"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


@contextmanager
def _display(name: str) -> Iterator[Progress]:
    """Frames, their rate and the time left: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _Log(name).print_progress
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
        begun = False

        def show(done: int, total: int | None) -> None:
            nonlocal begun
            if not begun:  # what was done before says nothing of the rate
                progress.reset(task, completed=done)
                begun = True
            progress.update(task, completed=done, total=total and max(done, total))

        yield show


class _Log:
    """A line of progress now and then, for a night's log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told = time.monotonic()
        self._began: tuple[float, int] | None = None

    def print_progress(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = (now, done)
        if now - self._told < TOLD_EVERY:
            return
        self._told = now
        began, before = self._began
        rate = (done - before) / max(now - began, 1e-3)
        left = f", {_clock((total - done) / rate)} left" if total and rate and total > done else ""
        of = f" of {total}" if total else ""
        print_status(f"{self._name}: {done}{of} frames, {rate:.1f} frames/s{left}")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
