"""The `colorize` command: parse, call, report. Results on stdout, one path per line; everything else on stderr."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from colorize.cli.arguments import STREAM, Arguments, Command, taking_arguments
from colorize.cli.terminal import Interrupt, Lines, print_log, print_status
from colorize.errors import ConfigError, DataError, PhotoError, WeightsError
from colorize.system.program import FAILED, INTERRUPTED, MISUSED, OK

if TYPE_CHECKING:
    from colorize.batch.plan import Job, Plan
    from colorize.coloring.album import Album
    from colorize.coloring.colorizer import Colorizer
    from colorize.coloring.conditions import Conditions
    from colorize.options import ColorizeOptions

app = typer.Typer(pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names go out as the bytes they are
    program, name, rest = _program(sys.argv[1:] if arguments is None else list(arguments))
    try:
        status = program(args=rest, prog_name=name, standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return INTERRUPTED
    except (ConfigError, DataError, WeightsError) as error:
        print_status(str(error))
        return MISUSED
    except Exception as error:
        format_message = getattr(error, "format_message", None)  # a usage error of the click inside typer
        if format_message is None:
            raise
        variable = getattr(getattr(error, "param", None), "envvar", None)
        is_set = bool(variable) and variable in os.environ
        source = f", from the environment or the command line ({variable})" if is_set else ""
        advice = "see colorize --help"
        if file := _file_taken_for_option(error, rest):
            advice = f"for the file, write {os.path.join(os.curdir, file)}"
        print_status(f"{format_message().rstrip('.')}{source} ({advice})")
        return MISUSED
    return status if isinstance(status, int) else OK


def _file_taken_for_option(error: Exception, arguments: list[str]) -> str | None:
    """The file, if any, whose name begins like the option that is not known."""
    option = getattr(error, "option_name", None)
    return next((each for each in arguments if option and each.startswith(option) and os.path.lexists(each)), None)


def _program(arguments: list[str]) -> tuple[typer.Typer, str, list[str]]:
    """What is called, its name, and what it is given. A folder of a command's name is colored as ever."""
    if arguments[:1] == ["report"] and (arguments[1:2] == ["merge"] or not os.path.lexists("report")):
        from colorize.cli import reports

        return reports.app, "colorize report", arguments[1:]
    has_url = any("://" in each for each in arguments)
    if arguments[:1] == ["cluster"] and (has_url or not os.path.lexists("cluster")):
        from colorize.cli import archives

        return archives.app, "colorize cluster", arguments[1:]
    return app, "colorize", arguments


@app.command(cls=Command)
@taking_arguments
def colorize(arguments: Arguments) -> int:
    """Color gray photos and films. The lightness, size and EXIF data of photos, the luma and sound of films are kept.

    Prints the path of each result. Existing results are kept unless --overwrite is given or their photo has changed.

    Commands of their own: `colorize cluster --help` (many machines), `colorize report merge --help` (their reports).

    Exit status: 0 success, 1 some photos failed, 2 wrong usage, 130 interrupted.
    """
    arguments.options()  # what is wrong is told before anything is read
    if arguments.show_config:
        shown = Lines()
        return OK if all(map(shown.result, arguments.show_settings())) else FAILED
    try:
        _check_no_result_is_named_last(arguments)
        arguments = arguments.with_listed_paths()
        return _run(arguments, arguments.options())
    except KeyboardInterrupt:
        print_status("interrupted")
        return INTERRUPTED


def _check_no_result_is_named_last(arguments: Arguments) -> None:
    """Raises `ConfigError` at `colorize a.jpg b.jpg` where only the first is there, as other programs are called."""
    match arguments.named:
        case [source, result] if os.path.lexists(source) and not os.path.lexists(result) and not arguments.stream:
            raise ConfigError(f"{result}: no such file or folder; to call the result so, write -o {result}")


def _run(arguments: Arguments, options: ColorizeOptions) -> int:
    """Do what was asked for, and give the exit status."""
    from colorize.cli.films import Films, are_films, plan_films, read_frames
    from colorize.cli.session import Session
    from colorize.coloring.conditions import NO_CONDITIONS
    from colorize.system.memory import keep_freed_memory

    _let_interrupts_raise()
    film_options = arguments.film_options()
    is_film = are_films(arguments.named, arguments.not_for_films, arguments.not_for_photos)
    keep_freed_memory()
    print_log(arguments.verbose)
    if is_film:
        if arguments.goes_to_stdout:
            raise ConfigError("-o -: expected a folder for the results of films")
        frames = read_frames(arguments.hints, arguments.reference or ())
        jobs = plan_films(arguments.named, arguments.output)
        if frames and len(jobs) != 1:
            raise ConfigError(f"hints and frames in color belong to one film, these are {len(jobs)}")
        without = replace(arguments, reference=None)
        films = Films(lambda: _load(without, NO_CONDITIONS), options, film_options, frames)
        if arguments.dry_run:
            check_model(arguments)
            return films.estimate(jobs)
        if arguments.preview:
            return films.preview(jobs)
        return films.color(jobs, arguments.report)
    conditions = _conditions(arguments)
    interrupt = Interrupt()
    session = Session(
        lambda: _load(arguments, conditions),
        options,
        conditions,
        interrupt,
        results_too=arguments.is_one_photo,
        end="\0" if arguments.print0 else "\n",
    )
    if arguments.stream:
        return session.stream(None if arguments.stream == STREAM else Path(arguments.stream), arguments.stream_target)
    if arguments.watch:
        return session.run(_arrivals(arguments, options, interrupt.stop), None, arguments.report)
    photos = _plan(arguments, options, conditions)
    if arguments.dry_run:
        check_model(arguments)
        return session.preview(photos)
    if arguments.verify:
        return session.verify(photos)
    return session.run([photos], len(photos), arguments.report)


def _let_interrupts_raise() -> None:
    """Ctrl-C raises `KeyboardInterrupt` from now on, where `colorize.__main__` has left it to the system."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def check_model(arguments: Arguments) -> None:
    """Raises `WeightsError` if the model is not there or is none, without loading it."""
    from colorize.models.modelfile import SHIPPED_MODEL, read_info

    read_info(arguments.model or SHIPPED_MODEL)


def _conditions(arguments: Arguments) -> Conditions:
    from colorize import photo
    from colorize.coloring.conditions import Conditions
    from colorize.coloring.hint_file import parse_region, read_hint_file
    from colorize.coloring.hints import parse_hint

    try:
        references = _album(arguments.reference_dir) or [photo.open(path).image for path in arguments.reference or ()]
        said = read_hint_file(arguments.hints) if arguments.hints else Conditions()
        if arguments.hint:
            said = replace(said, hints=[parse_hint(point) for point in arguments.hint])
        regions = [*said.regions, *map(parse_region, arguments.region or ())]
        return replace(said, reference=references, regions=regions)
    except PhotoError as error:
        raise DataError(str(error)) from error  # wrong usage: there is nothing to begin with


def _album(folder: Path | None) -> Album | None:
    from colorize.batch.plan import plan
    from colorize.coloring.album import Album

    if folder is None:
        return None
    if folder.is_file():
        raise ConfigError(f"--reference-dir: expected a folder, {folder} is a file")
    return Album([job.source for job in plan([folder])])


def _arrivals(arguments: Arguments, options: ColorizeOptions, stop: threading.Event) -> Iterator[list[Job]]:
    from colorize.batch.plan import plan
    from colorize.batch.watch import arrivals

    for path in filter(os.path.isfile, arguments.named):
        raise ConfigError(f"{path}: expected a folder to watch, this is a file")
    plan(arguments.named, arguments.output, options, may_be_empty=True)  # wrong use is told before anything is said
    print_status(f"watching {', '.join(arguments.named)}; Ctrl-C ends it")
    return arrivals(arguments.named, arguments.output, options, stop)


def _plan(arguments: Arguments, options: ColorizeOptions, conditions: Conditions) -> Plan:
    from colorize.batch.plan import plan

    jobs = plan(arguments.named, arguments.output, options)
    if conditions.is_of_one_photo and (photos := len({job.source for job in jobs})) != 1:
        raise ConfigError(f"hints belong to one photo, these are {photos}")
    for line in jobs.left_out:
        print_status(line)
    chosen = arguments.chosen_part()
    if chosen is None:
        return jobs
    part = jobs.part(chosen)
    print_status(f"part {arguments.part}: {len(part)} of {len(jobs)}")
    return part


def _load(arguments: Arguments, conditions: Conditions) -> Colorizer:
    from colorize.coloring.album import Album
    from colorize.coloring.colorizer import Colorizer

    try:
        colorizer = Colorizer.load(arguments.model, arguments.device, arguments.engine)
    except ImportError as error:  # what ONNX Runtime makes of a Ctrl-C while it is imported
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise error.__cause__ from None
        raise
    if arguments.variants and not colorizer.has_variants:
        raise ConfigError("--variants: this model knows one coloring only")
    colorizer.check_can([conditions])
    if isinstance(conditions.reference, Album):
        conditions.reference.prepare(colorizer.engine)
        for line in conditions.reference.left_out:
            print_status(f"no reference: {line}")
    for path, reference in zip(arguments.reference or (), conditions.references, strict=True):
        try:
            colorizer.prepare(reference)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
    return colorizer
