"""The `colorize` command: parse, call, report. Results on stdout, one path per line; everything else on stderr."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from colorize.cli.arguments import Arguments, taking_arguments
from colorize.cli.terminal import INTERRUPTED, MISUSED, OK, Interrupt, print_log, print_status
from colorize.errors import ConfigError, DataError, PhotoError, WeightsError

if TYPE_CHECKING:
    from colorize.batch.plan import Job, Plan
    from colorize.coloring.colorizer import Colorizer
    from colorize.coloring.conditions import Conditions
    from colorize.options import ColorizeOptions

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names go out as the bytes they are
    try:
        status = app(args=None if arguments is None else list(arguments), prog_name="colorize", standalone_mode=False)
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
        print_status(f"{format_message()} (see colorize --help)")
        return MISUSED
    return status if isinstance(status, int) else OK


@app.command()
@taking_arguments
def colorize(arguments: Arguments) -> int:
    """Color gray photos and films. The lightness, size and EXIF data of photos, the luma and sound of films are kept.

    Prints the path of each result. Existing results are kept unless --overwrite is given.

    Exit status: 0 success, 1 some photos failed, 2 wrong usage, 130 interrupted.
    """
    options = arguments.options()
    try:
        return _run(arguments, options)
    except KeyboardInterrupt:
        print_status("interrupted")
        return INTERRUPTED


def _run(arguments: Arguments, options: ColorizeOptions) -> int:
    """Do what was asked for, and give the exit status."""
    from colorize.cli.films import are_films, color_films, plan_films, preview_films
    from colorize.cli.session import Session
    from colorize.system.memory import keep_freed_memory

    film_options = arguments.film_options()
    is_film = are_films(arguments.paths, arguments.not_for_films, arguments.not_for_photos)
    conditions = _conditions(arguments)
    keep_freed_memory()
    print_log(arguments.verbose)
    if is_film:
        films = plan_films(arguments.paths, arguments.output)
        if arguments.dry_run:
            return preview_films(films, options)
        return color_films(films, lambda: _load(arguments, conditions), options, film_options)
    interrupt = Interrupt()
    session = Session(
        lambda: _load(arguments, conditions), options, conditions, interrupt, results_too=arguments.is_one_photo
    )
    if arguments.is_stream:
        return session.stream()
    if arguments.watch:
        return session.run(_arrivals(arguments, options, interrupt.stop), None, arguments.report)
    jobs = _plan(arguments, options, conditions)
    if arguments.dry_run:
        return session.preview(jobs)
    if arguments.verify:
        return session.verify(jobs)
    return session.run([jobs], len(jobs), arguments.report)


def _conditions(arguments: Arguments) -> Conditions:
    from colorize.coloring.conditions import Conditions
    from colorize.coloring.hints import parse_hint, read_mask

    try:
        if arguments.hints:
            return Conditions(read_mask(arguments.hints))
        return Conditions([parse_hint(point) for point in arguments.hint] if arguments.hint else None)
    except PhotoError as error:
        raise DataError(str(error)) from error  # wrong usage: there is nothing to begin with


def _arrivals(arguments: Arguments, options: ColorizeOptions, stop: threading.Event) -> Iterator[list[Job]]:
    from colorize.batch.watch import arrivals

    for path in filter(os.path.isfile, arguments.paths):
        raise ConfigError(f"{path}: expected a folder to watch, this is a file")
    return arrivals(arguments.paths, arguments.output, options, stop)


def _plan(arguments: Arguments, options: ColorizeOptions, conditions: Conditions) -> Plan:
    from colorize.batch.plan import plan

    jobs = plan(arguments.paths, arguments.output, options)
    if conditions.kinds and (photos := len({job.source for job in jobs})) != 1:
        raise ConfigError(f"hints belong to one photo, these are {photos}")
    for line in jobs.left_out:
        print_status(line)
    return jobs


def _load(arguments: Arguments, conditions: Conditions) -> Colorizer:
    from colorize.coloring.colorizer import Colorizer

    colorizer = Colorizer.load(arguments.model, arguments.device, arguments.engine)
    if arguments.variants and not colorizer.has_variants:
        raise ConfigError("--variants: this model knows one coloring only")
    colorizer.check_can([conditions])
    return colorizer
