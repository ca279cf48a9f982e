"""The options of the command: each with its help, its default, and what it does not go with."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from colorize import __version__
from colorize.errors import ConfigError
from colorize.options import (
    CODECS,
    CRF_RANGE,
    DEVICES,
    ENGINES,
    FORMATS,
    QUALITY_RANGE,
    SIZE_RANGE,
    STRENGTH_RANGE,
    VARIANTS_RANGE,
    ColorizeOptions,
    FilmOptions,
    check_known,
)

STREAM = "-"  # as a path: standard input

_DEFAULTS = ColorizeOptions()
_FILM_DEFAULTS = FilmOptions()
_OF_ONE_PHOTO = ("--hint", "--hints")
_FOR_FILMS_TOO = {"--dry-run", "--overwrite", "--output"}
_NOT_TOGETHER = {
    "--watch": ("--dry-run", "--verify", "--variants", *_OF_ONE_PHOTO),
    "--dry-run": ("--verify", "--report", "--skip-color", *_OF_ONE_PHOTO),
    "--verify": ("--report", "--overwrite", "--skip-color", *_OF_ONE_PHOTO),
    "--hint": ("--hints",),
}


def _range(least_and_most: tuple[float, float]) -> str:
    return "{:g} to {:g}".format(*least_and_most)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@dataclass(frozen=True)
class Arguments:
    """What was asked for on the command line."""

    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Gray photos, and folders of them (searched recursively), or gray films. "
            "Or - alone: a photo from standard input, its result to standard output.",
        ),
    ]
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for the results. Without it: NAME-color.EXT beside each photo.",
        ),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Overwrite existing results.")] = False
    skip_color: Annotated[bool, typer.Option("--skip-color", help="Skip photos that are in color already.")] = False
    skip_colour: Annotated[bool, typer.Option("--skip-colour", hidden=True)] = False  # for one version
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Format of the results: {', '.join(FORMATS)}. "
            "Without it: each photo's own, or another if that format can only be read.",
        ),
    ] = None
    quality: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"Quality of JPEG, WebP and AVIF results, {_range(QUALITY_RANGE)}."),
    ] = None
    strength: Annotated[
        float, typer.Option(metavar="X", help="Strength of the colors, {:g} (gray) to {:g}.".format(*STRENGTH_RANGE))
    ] = _DEFAULTS.strength
    size: Annotated[
        int, typer.Option(metavar="N", help=f"The network sees about N × N pixels, {_range(SIZE_RANGE)}.")
    ] = _DEFAULTS.size
    variants: Annotated[
        int,
        typer.Option(
            metavar="N",
            help=f"Number of further colorings of each photo, {_range(VARIANTS_RANGE)}: "
            "NAME-color-variant-1.EXT and so on.",
        ),
    ] = _DEFAULTS.variants
    hint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,#RRGGBB",
            help="Color of a place in the photo, which spreads over the object there. X and Y are pixels from the left "
            "and the top. Can be given several times, for one photo.",
        ),
    ] = None
    hints: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Hints as an image of the photo's size, transparent where there is no hint."),
    ] = None
    codec: Annotated[
        str,
        typer.Option(metavar="NAME", help=f"Codec of colored films: {', '.join(CODECS)}. ffv1 loses nothing."),
    ] = _FILM_DEFAULTS.codec
    crf: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"Constant rate factor of colored films, {_range(CRF_RANGE)}: less is better."),
    ] = None
    device: Annotated[
        str, typer.Option(metavar="NAME", help=f"Device that the network runs on: {', '.join(DEVICES)}.")
    ] = DEVICES[0]
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=f"Engine that runs the network: {', '.join(ENGINES)}. onnx is the fast one on a CPU.",
        ),
    ] = ENGINES[0]
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Model file to use instead of the one that comes with the program."),
    ] = None
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append the result of each photo to a file, one JSON object per line."),
    ] = None
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep running, and color photos that arrive in the folders.")
    ] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, without doing it.")] = False
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that existing results have kept the lightness; color nothing.")
    ] = False
    verbose: Annotated[bool, typer.Option("--verbose", help="Print which engine and device the network runs on.")] = (
        False
    )
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False

    @property
    def is_stream(self) -> bool:
        """Whether one photo comes from standard input."""
        return STREAM in self.paths

    @property
    def is_one_photo(self) -> bool:
        """Whether one file is named, and no folder."""
        return len(self.paths) == 1 and not os.path.isdir(self.paths[0])

    def options(self) -> ColorizeOptions:
        """Check all values, and give those that are about coloring. Raises `ConfigError`."""
        check_known("device", self.device, DEVICES)
        check_known("engine", self.engine, ENGINES)
        options = ColorizeOptions(
            strength=self.strength,
            size=self.size,
            format=self.format,
            quality=self.quality,
            variants=self.variants,
            overwrite=self.overwrite,
            skip_color=self.skip_color or self.skip_colour,
        )
        given = self._given(options)
        if self.is_stream:
            self._check_stream(given)
        for one, others in _NOT_TOGETHER.items():
            for other in others:
                if given[one] and given[other]:
                    raise ConfigError(f"{one} and {other} do not go together")
        return options

    def film_options(self) -> FilmOptions:
        """Check and give how films are written. Raises `ConfigError`."""
        return FilmOptions(self.codec, self.crf)

    @property
    def not_for_films(self) -> list[str]:
        """Options that were given and are for photos alone."""
        given = self._given(self.options()) | {
            "--format": self.format is not None,
            "--quality": self.quality is not None,
        }
        return [option for option, wanted in given.items() if wanted and option not in _FOR_FILMS_TOO]

    @property
    def not_for_photos(self) -> list[str]:
        """Options that were given and are for films alone."""
        given = {"--codec": self.codec != _FILM_DEFAULTS.codec, "--crf": self.crf is not None}
        return [option for option, wanted in given.items() if wanted]

    def _given(self, options: ColorizeOptions) -> dict[str, bool]:
        """Which of the options were given that do not go with all others."""
        return {
            "--variants": options.variants > 0,
            "--hint": bool(self.hint),
            "--hints": self.hints is not None,
            "--watch": self.watch,
            "--dry-run": self.dry_run,
            "--verify": self.verify,
            "--report": self.report is not None,
            "--overwrite": options.overwrite,
            "--skip-color": options.skip_color,
            "--output": self.output is not None,
        }

    def _check_stream(self, given: dict[str, bool]) -> None:
        if len(self.paths) > 1 or list(self._not_for_streams(given)):
            others = " ".join(self._not_for_streams(given)) or "another one"
            raise ConfigError(f"{STREAM} stands for one photo: it does not go with {others}")

    def _not_for_streams(self, given: dict[str, bool]) -> Iterator[str]:
        yield from (option for option, wanted in given.items() if wanted and option not in _OF_ONE_PHOTO)
        yield from (path for path in self.paths if path != STREAM)


def taking_arguments(run: Callable[[Arguments], int]) -> Callable[..., int]:
    """`run` with a parameter for each field of `Arguments`: from a function's parameters typer makes its options."""

    def command(**values: object) -> int:
        return run(Arguments(**values))  # type: ignore[arg-type]  # typer has checked them

    command.__doc__ = run.__doc__
    command.__signature__ = inspect.signature(Arguments, eval_str=True)  # type: ignore[attr-defined]
    return command
