"""The options of the command: each with its help, its default, and what it does not go with."""

from __future__ import annotations

import inspect
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from colorize import __version__
from colorize.batch.part import Part
from colorize.cli import defaults
from colorize.errors import ConfigError
from colorize.options import (
    CODECS,
    CRF_RANGE,
    DEVICES,
    ENGINES,
    EVERY_RANGE,
    FILM_SHARE,
    FORMATS,
    LOOKS,
    NEUTRAL,
    QUALITY_RANGE,
    SATURATION_RANGE,
    SIZE_RANGE,
    STRENGTH_RANGE,
    TEMPERATURE_RANGE,
    VARIANTS_RANGE,
    ColorizeOptions,
    FilmOptions,
    check_device,
    check_known,
)

STREAM = "-"  # as a path: standard input, or output

_DEFAULTS = ColorizeOptions()
_FILM_DEFAULTS = FilmOptions()
_NEUTRAL = "{:g},{:g}".format(*NEUTRAL)
_OF_ONE_PHOTO = ("--hint", "--hints", "--region")
_REFERENCES = ("--reference", "--reference-dir")
_FOR_FILMS = {"--preview", "--dry-run", "--overwrite", "--output", "--report", "--hints", "--reference"}
_DEVICE_FOLDERS = ("/dev", "/dev/fd", "/proc/self/fd")
_NOT_TOGETHER = {
    "--watch": ("--dry-run", "--verify", "--variants", "--part", *_OF_ONE_PHOTO),
    "--part": _OF_ONE_PHOTO,
    "--dry-run": ("--verify", "--report", "--skip-color", *_REFERENCES, *_OF_ONE_PHOTO),
    "--verify": ("--report", "--overwrite", "--skip-color", *_REFERENCES, *_OF_ONE_PHOTO),
    "--reference": ("--reference-dir",),
    "--hint": ("--hints",),
    "--preview": ("--dry-run", "--report"),
}


def _range(least_and_most: tuple[float, float]) -> str:
    return "{:g} to {:g}".format(*least_and_most)


def _setting(*names: str, **others: Any) -> Any:
    """An option that the environment and `colorize.toml` can set, too."""
    name = max(names, key=len).lstrip("-").replace("-", "_")
    return typer.Option(*names, envvar=defaults.variable(name), show_envvar=False, **others)


def _tone(option: str, text: str) -> tuple[float, float]:
    """The temperature and the saturation that a text gives. Raises `ConfigError`."""
    try:
        temperature, saturation = map(float, text.split(","))
    except ValueError as error:
        raise ConfigError(f"{option}: expected a temperature and a saturation, such as 10,1.2, got {text!r}") from error
    return temperature, saturation


def _one_of(*known: str) -> Callable[[], list[str]]:
    """What a shell completes a value with."""
    return lambda: list(known)


class Command(TyperCommand):
    """A command whose help says nothing of the type of an option that takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        parameters = super().get_params(ctx)
        for each in parameters:
            if getattr(each, "is_flag", False):
                each.metavar = ""
        return parameters


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@dataclass(frozen=True)
class Arguments:
    """What was asked for on the command line."""

    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Gray photos, and folders of them (searched recursively), or gray films. "
            "Or - alone, or a pipe: a photo from it, its result to standard output.",
        ),
    ] = None
    output: Annotated[
        str | None,
        _setting(
            "-o",
            "--output",
            metavar="PATH",
            help="Folder for the results; of one photo or film also the result itself, by the suffix of a format, or - "
            "for standard output. Without it: NAME-color.EXT beside each photo.",
        ),
    ] = None
    files_from: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Color what a file names, too, one path per line. - is standard input."),
    ] = None
    null: Annotated[
        bool, typer.Option("-0", "--null", help="Paths of --files-from end in a zero byte, as of find -print0.")
    ] = False
    print0: Annotated[
        bool, typer.Option("--print0", help="Results are printed with a zero byte in place of the line's end.")
    ] = False
    overwrite: Annotated[bool, _setting("--overwrite", help="Overwrite existing results.")] = False
    skip_color: Annotated[bool, _setting("--skip-color", help="Skip photos that are in color already.")] = False
    keep_colors: Annotated[
        bool,
        _setting("--keep-colors", help="Keep the hues of faded color photos where they are sure, and color the rest."),
    ] = False
    salvage: Annotated[
        bool, _setting("--salvage", help="Color JPEGs that end early as far as they go; the rest is left gray.")
    ] = False
    skip_colour: Annotated[bool, typer.Option("--skip-colour", hidden=True)] = False  # for one version
    format: Annotated[
        str | None,
        _setting(
            "--format",
            autocompletion=_one_of(*FORMATS),
            metavar="NAME",
            help=f"Format of the results: {', '.join(FORMATS)}. "
            "Without it: each photo's own, or another if that format can only be read.",
        ),
    ] = None
    quality: Annotated[
        int | None,
        _setting("--quality", metavar="N", help=f"Quality of JPEG, WebP and AVIF results, {_range(QUALITY_RANGE)}."),
    ] = None
    strength: Annotated[
        float,
        _setting(
            "--strength", metavar="X", help="Strength of the colors, {:g} (gray) to {:g}.".format(*STRENGTH_RANGE)
        ),
    ] = _DEFAULTS.strength
    look: Annotated[
        str | None,
        _setting(
            "--look",
            autocompletion=_one_of(*LOOKS),
            metavar="NAME",
            help=f"Colors as a photographer would develop them: {', '.join(LOOKS)}.",
        ),
    ] = _DEFAULTS.look
    shadows: Annotated[
        str,
        _setting(
            "--shadows",
            metavar="TEMP,SAT",
            help="Tone of dark places, two numbers: warmer (to {:g}) or colder (to {:g}), and a factor on their color, "
            "{:g} to {:g}.".format(*reversed(TEMPERATURE_RANGE), *SATURATION_RANGE),
        ),
    ] = _NEUTRAL
    lights: Annotated[str, _setting("--lights", metavar="TEMP,SAT", help="Tone of light places, likewise.")] = _NEUTRAL
    size: Annotated[
        int,
        _setting(
            "--size",
            metavar="N",
            help=f"The network sees about N × N pixels, {_range(SIZE_RANGE)}; of films {FILM_SHARE:g} · N a side.",
        ),
    ] = _DEFAULTS.size
    variants: Annotated[
        int,
        _setting(
            "--variants",
            metavar="N",
            help=f"Number of further colorings of each photo, {_range(VARIANTS_RANGE)}: "
            "NAME-color-variant-1.EXT and so on.",
        ),
    ] = _DEFAULTS.variants
    hint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,COLOR[,REACH]",
            help="Color of a place in the photo, which spreads over the object there. X and Y are pixels from the left "
            "and the top, the color is #RRGGBB, #RGB or a name. Beyond REACH pixels nothing changes. Can be given "
            "several times, for one photo.",
        ),
    ] = None
    hints: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Hints as an image of the photo's size, transparent where there is no hint; or as JSON, with regions. "
            "For a film: such a file, called by its frame (120.png, 1-23.2.json), or a folder of them.",
        ),
    ] = None
    region: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OUTLINE COLOR",
            help="Color of an outlined part of the photo, in quotes: 'X,Y X,Y X,Y COLOR', or the path of a mask in "
            "place of the corners. The color gray keeps it gray, x1.4 gives it 1.4 times the color that it gets. Can "
            "be given several times, for one photo.",
        ),
    ] = None
    reference: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="A photo in color: what looks like something in it takes its color. Can be given several times; holds "
            "for all photos. For a film: a folder of frames in color, called by their frame.",
        ),
    ] = None
    reference_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="A folder of photos in color: each photo follows the one of them that is most alike."
        ),
    ] = None
    codec: Annotated[
        str,
        _setting(
            "--codec",
            autocompletion=_one_of(*CODECS),
            metavar="NAME",
            help=f"Codec of colored films: {', '.join(CODECS)}. ffv1 loses nothing.",
        ),
    ] = _FILM_DEFAULTS.codec
    crf: Annotated[
        int | None,
        _setting(
            "--crf", metavar="N", help=f"Constant rate factor of colored films, {_range(CRF_RANGE)}: less is better."
        ),
    ] = None
    every: Annotated[
        int,
        _setting("--every", metavar="N", help=f"The network sees every Nth frame of a film, {_range(EVERY_RANGE)}."),
    ] = _FILM_DEFAULTS.every
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Color a film from here on: seconds, or minutes:seconds, or h:mm:ss."),
    ] = None
    end: Annotated[str | None, typer.Option(metavar="TIME", help="Color a film up to here.")] = None
    cuts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Cuts of a film, instead of those that are found: one per line, the number of a shot's first frame "
            "(from 0) or its time with a colon or a point.",
        ),
    ] = None
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="Color three stills of each shot of a film as a contact sheet, and ten seconds: "
            "NAME-color-preview.jpg and NAME-color-preview.mkv. Of long films some shots.",
        ),
    ] = False
    force: Annotated[
        bool,
        typer.Option("--force", help="Color films that are refused otherwise: HDR, wide gamut, interlaced, large."),
    ] = False
    device: Annotated[
        str,
        _setting(
            "--device",
            autocompletion=_one_of(*DEVICES),
            metavar="NAME",
            help=f"Device that the network runs on: {', '.join(DEVICES)}.",
        ),
    ] = DEVICES[0]
    engine: Annotated[
        str,
        _setting(
            "--engine",
            autocompletion=_one_of(*ENGINES),
            metavar="NAME",
            help=f"Engine that runs the network: {', '.join(ENGINES)}. onnx is the fast one on a CPU.",
        ),
    ] = ENGINES[0]
    model: Annotated[
        Path | None,
        _setting("--model", metavar="FILE", help="Model file to use instead of the one that comes with the program."),
    ] = None
    report: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Append the result of each photo or film to a file, one JSON object per line. "
            "- prints them instead of paths.",
        ),
    ] = None
    part: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Color part I of N only. Which photo is in which part is decided by its name: N machines, or N jobs "
            "of an array, share a folder so.",
        ),
    ] = None
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep running, and color photos that arrive in the folders.")
    ] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, without doing it.")] = False
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that existing results have kept the lightness; color nothing.")
    ] = False
    verbose: Annotated[bool, _setting("--verbose", help="Print which engine and device the network runs on.")] = False
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar=defaults.variable("config"),
            show_envvar=False,
            is_eager=True,
            callback=defaults.use_file,
            help=f"Defaults of these options. Without it: {defaults.FILE_NAME} here, or the user's.",
        ),
    ] = None
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print the defaults in force, where each is from, and exit.")
    ] = False
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False

    sources: Mapping[str, str] = field(default_factory=dict)  # where each value is from, as click calls it

    @property
    def named(self) -> list[str]:
        """The paths that were given."""
        return self.paths or []

    @property
    def stream(self) -> str | None:
        """The path, if any, of one photo that comes or goes as a stream: standard input, a pipe, a device; any with
        `-o -`."""
        return next((path for path in self.named if self.goes_to_stdout or _is_stream(path)), None)

    @property
    def goes_to_stdout(self) -> bool:
        """Whether the result is asked for on standard output."""
        return self.output == STREAM and self._is_given("output")

    @property
    def is_one_photo(self) -> bool:
        """Whether one file is named, and no folder."""
        return len(self.named) == 1 and not os.path.isdir(self.named[0])

    def with_listed_paths(self) -> Arguments:
        """With the paths that `--files-from` lists.

        Raises:
            ConfigError: there are no paths at all, or the list cannot be read.
        """
        if self.null and self.files_from is None:
            raise ConfigError("--null is about the paths of --files-from")
        listed = [] if self.files_from is None else _listed(self.files_from, b"\0" if self.null else b"\n")
        if not self.named and not listed:
            where = "" if self.files_from is None else f" in {_called(self.files_from)}"
            raise ConfigError(f"expected paths of photos, folders or films, got none{where} (see colorize --help)")
        return replace(self, paths=[*self.named, *listed])

    def show_settings(self) -> Iterator[str]:
        """The settings in force, line by line."""
        return defaults.shown(vars(self), self.sources, self.config)

    def chosen_part(self) -> Part | None:
        """What `--part` says. Raises `ConfigError`."""
        return None if self.part is None else Part.parse(self.part)

    def options(self) -> ColorizeOptions:
        """Check all values, and give those that are about coloring. Raises `ConfigError`."""
        if self.output == "":
            raise ConfigError("-o is empty: expected a folder for the results, or the result of one photo")
        check_device(self.device)
        check_known("engine", self.engine, ENGINES)
        self.chosen_part()  # one that does not exist is told before the work
        options = ColorizeOptions(
            strength=self.strength,
            look=self.look,
            shadows=_tone("--shadows", self.shadows),
            lights=_tone("--lights", self.lights),
            size=self.size,
            format=self.format if self._is_given("format") or not self._names_a_format else None,
            quality=self.quality,
            variants=self.variants,
            overwrite=self.overwrite,
            salvage=self.salvage,
            keep_colors=self.keep_colors,
            skip_color=self.skip_color or self.skip_colour,
        )
        given = self._given(options)
        if self.stream:
            self._check_stream(given)
        for one, others in _NOT_TOGETHER.items():
            for other in others:
                if given[one] and given[other]:
                    raise ConfigError(f"{one} and {other} do not go together")
        # What does not go with this call can only be from the environment or a file by now: it is meant for others.
        if self.watch or self.stream:
            options = replace(options, variants=0)
        return replace(options, skip_color=False) if self.stream else options

    def film_options(self) -> FilmOptions:
        """Check and give how films are colored. Raises `ConfigError`, and `DataError` for the file of cuts."""
        from colorize.cli.films import parse_time, read_cuts

        return FilmOptions(
            self.codec,
            self.crf,
            self.every,
            0.0 if self.start is None else parse_time("--start", self.start),
            None if self.end is None else parse_time("--end", self.end),
            None if self.cuts is None else read_cuts(self.cuts),
            self.force,
        )

    @property
    def not_for_films(self) -> list[str]:
        """Options that were given and are for photos alone."""
        given = self._given(self.options()) | {
            "--format": self._is_given("format") and self.format is not None,
            "--quality": self._is_given("quality") and self.quality is not None,
            "--print0": self.print0,
            "--keep-colors": self._is_given("keep_colors") and self.keep_colors,
            "--salvage": self._is_given("salvage") and self.salvage,
        }
        return [option for option, wanted in given.items() if wanted and option not in _FOR_FILMS]

    @property
    def not_for_photos(self) -> list[str]:
        """Options that were given and are for films alone."""
        given = {
            "--codec": self._is_given("codec") and self.codec != _FILM_DEFAULTS.codec,
            "--crf": self._is_given("crf") and self.crf is not None,
            "--every": self._is_given("every") and self.every != _FILM_DEFAULTS.every,
            "--start": self.start is not None,
            "--end": self.end is not None,
            "--cuts": self.cuts is not None,
            "--preview": self.preview,
            "--force": self.force,
        }
        return [option for option, wanted in given.items() if wanted]

    def _given(self, options: ColorizeOptions) -> dict[str, bool]:
        """Which of the options were given that do not go with all others."""
        return {
            "--variants": options.variants > 0 and self._is_given("variants"),
            "--hint": bool(self.hint),
            "--hints": self.hints is not None,
            "--region": bool(self.region),
            "--reference": bool(self.reference),
            "--reference-dir": self.reference_dir is not None,
            "--watch": self.watch,
            "--part": self.part is not None,
            "--dry-run": self.dry_run,
            "--preview": self.preview,
            "--verify": self.verify,
            "--report": self.report is not None,
            "--overwrite": options.overwrite and self._is_given("overwrite"),
            "--skip-color": options.skip_color and self._is_given("skip_color"),
            "--output": self.output is not None and self._is_given("output"),
        }

    @property
    def _names_a_format(self) -> bool:
        """Whether `-o` names a result whose suffix says its format."""
        name = self.output or ""
        is_folder = os.path.isdir(name) or name.endswith(("/", os.sep))
        return not is_folder and Path(name).suffix.lower().removeprefix(".") in FORMATS

    def _is_given(self, name: str) -> bool:
        """Whether a value is from the command line, and not a default of any kind."""
        return self.sources.get(name, "COMMANDLINE") == "COMMANDLINE"

    def _check_stream(self, given: dict[str, bool]) -> None:
        if len(self.named) > 1 or list(self._not_for_streams(given)):
            others = " ".join(self._not_for_streams(given)) or "another one"
            what = f"-o {STREAM}" if self.goes_to_stdout else self.stream
            raise ConfigError(f"{what} stands for one photo: it does not go with {others}")

    def _not_for_streams(self, given: dict[str, bool]) -> Iterator[str]:
        suited = {*_REFERENCES, *_OF_ONE_PHOTO, *(("--output", "--overwrite") if self.stream_target else ())}
        if self.goes_to_stdout:
            suited.add("--output")
        yield from (option for option, wanted in given.items() if wanted and option not in suited)
        yield from (path for path in self.named if path != self.stream)

    @property
    def stream_target(self) -> Path | None:
        """The file that a photo from a stream is written to; None for standard output."""
        if self.output is None or not self._is_given("output") or os.path.isdir(self.output):
            return None
        return Path(self.output) if Path(self.output).suffix else None


def _is_stream(path: str) -> bool:
    if path == STREAM or os.path.dirname(path) in _DEVICE_FOLDERS:
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def _called(path: str) -> str:
    return "standard input" if path == STREAM else path


def _listed(file: str, end: bytes) -> list[str]:
    """The paths in a file, each with its end. Raises `ConfigError`."""
    try:
        content = sys.stdin.buffer.read() if file == STREAM else Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(f"{_called(file)}: the list of paths cannot be read ({error.strerror})") from error
    return [os.fsdecode(path) for path in content.split(end) if path]


def taking_arguments(run: Callable[[Arguments], int]) -> Callable[..., int]:
    """`run` with a parameter for each field of `Arguments`: from a function's parameters typer makes its options."""

    def command(context: typer.Context, **values: Any) -> int:
        sources = {name: source.name for name in values if (source := context.get_parameter_source(name))}
        return run(Arguments(**values, sources=sources))

    command.__doc__ = run.__doc__
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    options = list(inspect.signature(Arguments, eval_str=True).parameters.values())[:-1]  # without `sources`
    command.__signature__ = inspect.Signature([context, *options])  # type: ignore[attr-defined]
    return command
