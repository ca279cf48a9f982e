"""The `colorize` command: parse, call, report. Results on stdout, one path per line; everything else on stderr."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorize import __version__
from colorize.cli.terminal import INTERRUPTED, MISUSED, OK, Interrupt, print_log, print_status
from colorize.errors import ConfigError, DataError, PhotoError, WeightsError
from colorize.options import (
    DEVICES,
    ENGINES,
    FORMATS,
    QUALITY_RANGE,
    SIZE_RANGE,
    STRENGTH_RANGE,
    VARIANTS_RANGE,
    ColorizeOptions,
    ResultOptions,
    check_known,
)

if TYPE_CHECKING:
    from colorize.coloring.colorizer import Colorizer, HintedColorizer
    from colorize.coloring.hints import Hints

_DEFAULTS = ColorizeOptions()
_STREAM = "-"
_OF_A_PHOTO = ("--hint", "--hints")
_NOT_TOGETHER = {
    "--watch": ("--dry-run", "--verify", "--variants", *_OF_A_PHOTO),
    "--dry-run": ("--verify", "--report", "--skip-color", *_OF_A_PHOTO),
    "--verify": ("--report", "--overwrite", "--skip-color", *_OF_A_PHOTO),
    "--hint": ("--hints",),
}

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


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.command()
def colorize(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Gray photos, and folders of them (searched recursively). "
            "Or - alone: a photo from standard input, its result to standard output.",
        ),
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
    skip_color: Annotated[
        bool,
        typer.Option("--skip-color", help="Leave photos alone that are in color already."),
    ] = False,
    skip_colour: Annotated[bool, typer.Option("--skip-colour", hidden=True)] = False,  # for one version
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help=f"Of the results: {', '.join(FORMATS)}. "
            "Without it: each photo's own, or another where that is only read.",
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(metavar="N", help="Of JPEG, WebP and AVIF results, {} to {}.".format(*QUALITY_RANGE)),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(metavar="X", help="How strong the colors are, {:g} (gray) to {:g}.".format(*STRENGTH_RANGE)),
    ] = _DEFAULTS.strength,
    size: Annotated[
        int, typer.Option(metavar="N", help="The network sees about N × N pixels, {} to {}.".format(*SIZE_RANGE))
    ] = _DEFAULTS.size,
    variants: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Further colorings of each photo, NAME-color-variant-1.EXT and so on, {} to {}.".format(
                *VARIANTS_RANGE
            ),
        ),
    ] = 0,
    hint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,#RRGGBB",
            help="The color of a place of the photo, which spreads over what lies there. X and Y are pixels from its "
            "left and its top. May be given several times, for one photo.",
        ),
    ] = None,
    hints: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The same as an image of the photo's size, painted on and transparent elsewhere."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help=f"Where the network runs: {', '.join(DEVICES)}.")
    ] = DEVICES[0],
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=f"What runs the network: {', '.join(ENGINES)}. "
            "onnx is the quick one on a CPU, int8 quicker and not quite the same.",
        ),
    ] = ENGINES[0],
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another model than the one that comes with the program.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append what became of each photo, a JSON object per line.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with what arrives in the folders.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Colorize nothing: check that results have kept the lightness.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say which engine and device the network runs on.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> int:
    """Give gray photos color. Lightness, size and EXIF data of the originals are kept.

    Prints the path of each result. Results that exist are left alone.

    Exit status: 0 all well, 1 some photos failed, 2 wrong use, 130 interrupted.
    """
    skip_color = skip_color or skip_colour
    check_known("device", device, DEVICES)
    check_known("engine", engine, ENGINES)
    options = ColorizeOptions(strength=strength, size=size)
    written = ResultOptions(format=file_format, quality=quality, variants=variants)
    _refuse_together(
        paths,
        {
            "--variants": variants > 0,
            "--hint": bool(hint),
            "--hints": hints is not None,
            "--watch": watch,
            "--dry-run": dry_run,
            "--verify": verify,
            "--report": report is not None,
            "--overwrite": overwrite,
            "--skip-color": skip_color,
            "--output": output is not None,
        },
    )
    try:
        from colorize.batch.plan import plan
        from colorize.batch.watch import arrivals
        from colorize.cli.session import Session
        from colorize.system.memory import keep_freed_memory

        known = _known_colors(hint, hints) if hint or hints else None
        keep_freed_memory()
        print_log(verbose)
        interrupt = Interrupt()
        work = Session(
            lambda: _load(model, device, engine, variants, known),
            options,
            written,
            interrupt,
            overwrite=overwrite,
            skip_color=skip_color,
        )
        if paths == [_STREAM]:
            return work.stream()
        if watch:
            for path in filter(os.path.isfile, paths):
                raise ConfigError(f"{path}: expected a folder to watch, this is a file")
            batches = arrivals(paths, output, file_format, interrupt.stop, overwrite=overwrite)
            return work.run(batches, None, report)
        jobs = plan(paths, output, file_format, variants)
        if known and (photos := len({job.source for job in jobs})) != 1:
            raise ConfigError(f"hints belong to one photo, these are {photos}")
        for line in jobs.left_out:
            print_status(line)
        if dry_run:
            return work.preview(jobs)
        if verify:
            return work.verify(jobs)
        return work.run([jobs], len(jobs), report)
    except KeyboardInterrupt:
        print_status("interrupted")
        return INTERRUPTED


def _refuse_together(paths: Sequence[str], given: Mapping[str, bool]) -> None:
    """Tell what does not go together, rather than leave part of it undone."""
    if _STREAM in paths:
        rest = [option for option, wanted in given.items() if wanted and option not in _OF_A_PHOTO]
        rest += [path for path in paths if path != _STREAM]
        if rest or len(paths) > 1:
            raise ConfigError(f"{_STREAM} stands for one photo: it does not go with {' '.join(rest) or 'another one'}")
    for one, others in _NOT_TOGETHER.items():
        for other in others:
            if given[one] and given[other]:
                raise ConfigError(f"{one} and {other} do not go together")


def _known_colors(points: Sequence[str] | None, mask: Path | None) -> Hints:
    from colorize.coloring.hints import parse_hint, read_mask

    try:
        return read_mask(mask) if mask else [parse_hint(point) for point in points or ()]
    except PhotoError as error:
        raise DataError(str(error)) from error  # wrong use: there is nothing to begin with


def _load(
    model: Path | None, device: str, engine: str, variants: int, known: Hints | None = None
) -> Colorizer | HintedColorizer:
    from colorize.coloring.colorizer import Colorizer, HintedColorizer

    colorizer = Colorizer.load(model, device, engine)
    if variants and not colorizer.has_variants:
        raise ConfigError("--variants: this model knows one coloring only")
    return HintedColorizer(colorizer, known) if known else colorizer
