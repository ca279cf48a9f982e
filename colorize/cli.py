"""The `colorize` command: parse, call, report. Results on stdout, one path per line; everything else on stderr."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colorize import __version__
from colorize.errors import ConfigError, DataError, WeightsError
from colorize.options import DEVICES, SIZE_RANGE, STRENGTH_RANGE, ColorizeOptions

if TYPE_CHECKING:
    from colorize.colorizer import Colorizer

_DEFAULTS = ColorizeOptions()
_OK, _SOME_FAILED, _MISUSED, _INTERRUPTED = 0, 1, 2, 130

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
        return _INTERRUPTED
    except (ConfigError, DataError, WeightsError) as error:
        _tell(str(error))
        return _MISUSED
    except Exception as error:
        format_message = getattr(error, "format_message", None)  # a usage error of the click inside typer
        if format_message is None:
            raise
        _tell(f"{format_message()} (see colorize --help)")
        return _MISUSED
    return status if isinstance(status, int) else _OK


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.command()
def colorize(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Grey photos, and folders of them (searched recursively).")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for the results. Without it: NAME-color.EXT beside each photo.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do photos again whose result is there.")] = False,
    strength: Annotated[
        float,
        typer.Option(metavar="X", help="How strong the colours are, {:g} (grey) to {:g}.".format(*STRENGTH_RANGE)),
    ] = _DEFAULTS.strength,
    size: Annotated[
        int, typer.Option(metavar="N", help="The network sees about N × N pixels, {} to {}.".format(*SIZE_RANGE))
    ] = _DEFAULTS.size,
    device: Annotated[str, typer.Option(metavar="NAME", help=f"{', '.join(DEVICES)}.")] = DEVICES[0],
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another model than the one that comes with the program.")
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> int:
    """Give grey photos colour. Lightness, size and EXIF data of the originals are kept.

    Prints the path of each result. Results that exist are left alone.

    Exit status: 0 all well, 1 some photos failed, 2 wrong use, 130 interrupted.
    """
    if device not in DEVICES:
        raise ConfigError(f"unknown device {device!r}: expected one of {', '.join(DEVICES)}")
    options = ColorizeOptions(strength=strength, size=size)

    from colorize.batch import Outcome, plan, run

    counts: Counter[Outcome] = Counter()
    try:
        jobs = plan(paths, output)
        with _progress(len(jobs)) as progress:
            for result in run(jobs, lambda: _load(model, device), options, overwrite=overwrite):
                counts[result.outcome] += 1
                if result.outcome is Outcome.DONE:
                    progress.result(str(result.job.target))
                elif result.outcome is Outcome.FAILED:
                    progress.tell(result.message)
                progress.advance()
    except KeyboardInterrupt:
        _tell(f"interrupted, {counts[Outcome.DONE]} colorized; the same command goes on from here")
        return _INTERRUPTED
    if len(jobs) > 1 or counts[Outcome.KEPT]:
        _tell(", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]))
    return _SOME_FAILED if counts[Outcome.FAILED] else _OK


def _load(model: Path | None, device: str) -> Colorizer:
    from colorize.colorizer import Colorizer
    from colorize.memory import keep_freed_memory

    keep_freed_memory()
    return Colorizer.load(model, device)


def _tell(text: str) -> None:
    print(f"colorize: {text}", file=sys.stderr, flush=True)


class _Plain:
    """No bar: lines only."""

    def result(self, path: str) -> None:
        print(path, flush=True)

    def tell(self, text: str) -> None:
        _tell(text)

    def advance(self) -> None:
        pass


class _Bar(_Plain):
    """A bar on stderr that lines on the same terminal do not disturb."""

    def __init__(self, progress: Any, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    def result(self, path: str) -> None:
        if sys.stdout.isatty():
            self._progress.console.print(path, highlight=False, markup=False, emoji=False, soft_wrap=True)
        else:
            print(path, flush=True)

    def tell(self, text: str) -> None:
        self._progress.console.print(f"colorize: {text}", highlight=False, markup=False, emoji=False, soft_wrap=True)

    def advance(self) -> None:
        self._progress.advance(self._task)


@contextmanager
def _progress(total: int) -> Iterator[_Plain]:
    if total == 1 or not sys.stderr.isatty():
        yield _Plain()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, total)
