"""What a caller can choose when photos are colored: every default and every range, stated here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TypeGuard

from colorize.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda", "mps")
ENGINES = ("auto", "torch", "onnx")  # what runs the network
FORMATS = ("jpg", "jpeg", "png", "webp", "avif", "tif", "tiff")
STRENGTH_RANGE = (0.0, 2.0)
SIZE_RANGE = (32, 2048)
QUALITY_RANGE = (1, 100)
VARIANTS_RANGE = (0, 99)
LOOKS = ("kodachrome", "autochrome", "hand-tinted", "muted")
NEUTRAL = (0.0, 1.0)  # of shadows and lights: temperature and saturation as they are
TEMPERATURE_RANGE = (-50.0, 50.0)  # units of b*, from blue to yellow
SATURATION_RANGE = (0.0, 3.0)
CODECS = ("x264", "av1", "ffv1")  # of colored films
CRF_RANGE = (0, 63)
FILM_SUFFIXES = (
    *(".mkv", ".mp4", ".m4v", ".mov", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".vob", ".ogv", ".3gp"),
)
REACH = 16  # frames that the colors of a film's key frame are carried, both ways
EVERY_RANGE = (1, REACH)
FILM_SHARE = 0.75  # of `size`, at which the network sees a film's frames: there, grain and motion move colors less


def check_device(name: str) -> None:
    """Raise `ConfigError` if `name` is none of `DEVICES`, nor one of several cards, such as cuda:1."""
    kind, _, number = str(name).partition(":")
    is_numbered = kind == "cuda" and number.isdecimal()
    check_known("device", kind if is_numbered else name, DEVICES)


def check_known(kind: str, given: str, known: Sequence[str]) -> None:
    """Check a name that a person chose.

    Args:
        kind: what the name stands for, for the message.
        given: the name.
        known: the names that exist.

    Raises:
        ConfigError: `given` is none of those known.
    """
    if given not in known:
        raise ConfigError(f"unknown {kind} {given!r}: expected one of {', '.join(known)}")


@dataclass(frozen=True)
class ColorizeOptions:
    """How photos are colored and their results written. Raises `ConfigError` for a value outside its range."""

    strength: float = 1.0  # factor on the chroma, 0 (gray) to 2
    look: str | None = None  # one of LOOKS
    shadows: tuple[float, float] = NEUTRAL  # their temperature, −50 (blue) to 50 (yellow), and factor on their chroma
    lights: tuple[float, float] = NEUTRAL  # likewise
    size: int = 256  # the network sees a photo at about size × size pixels, its aspect kept; a film at `film_size`
    format: str | None = None  # one of FORMATS; None is the source's, where that can be written in color
    quality: int | None = None  # of JPEG, WebP and AVIF, 1 to 100; None is the format's default
    variants: int = 0  # further colorings of each photo, beside the first
    keep_colors: bool = False  # whether a photo's own hues are kept where they are sure
    overwrite: bool = False  # whether existing results are replaced
    salvage: bool = False  # whether a JPEG that ends early is colored as far as it goes
    skip_color: bool = False  # whether photos that are in color already are skipped

    def __post_init__(self) -> None:
        low, high = STRENGTH_RANGE
        if not is_finite(self.strength) or not low <= self.strength <= high:
            raise ConfigError(f"strength must be a number from {low:g} to {high:g}, got {self.strength!r}")
        if self.look is not None:
            check_known("look", self.look, LOOKS)
        _check_tone("shadows", self.shadows)
        _check_tone("lights", self.lights)
        check_whole("size", self.size, SIZE_RANGE)
        if self.format is not None:
            spelled = str(self.format).lower().removeprefix(".")  # JPG and .jpg are meant as jpg
            check_known("format", spelled if spelled in FORMATS else self.format, FORMATS)
            object.__setattr__(self, "format", spelled)
        if self.quality is not None:
            check_whole("quality", self.quality, QUALITY_RANGE)
        check_whole("variants", self.variants, VARIANTS_RANGE)

    @property
    def film_size(self) -> int:
        """The `size` at which the network sees a film's frames."""
        return round(FILM_SHARE * self.size)


@dataclass(frozen=True)
class FilmOptions:
    """How films are colored and written. Raises `ConfigError` for a value outside its range."""

    codec: str = "x264"  # one of CODECS; ffv1 loses nothing
    crf: int | None = None  # constant rate factor, 0 (best) to 63, of x264 to 51; None is the codec's default
    every: int = 4  # frames from one that the network sees to the next, 1 to 16
    start: float = 0.0  # seconds of the film from which on it is colored
    end: float | None = None  # seconds of the film up to which it is colored; None is all of it
    cuts: tuple[int | float, ...] | None = None  # first frames of shots: whole numbers count frames from 0, others are
    # seconds; None finds them
    force: bool = False  # whether films are colored that are refused otherwise: HDR, wide gamut, interlaced, large

    def __post_init__(self) -> None:
        check_known("codec", self.codec, CODECS)
        if self.crf is not None:
            check_whole("crf", self.crf, CRF_RANGE)
        check_whole("every", self.every, EVERY_RANGE)
        _check_not_negative("start", self.start)
        if self.end is not None:
            _check_not_negative("end", self.end)
            if self.end <= self.start:
                raise ConfigError(f"end must be after start, got {self.start:g} s to {self.end:g} s")
        for each in self.cuts or ():
            _check_not_negative("a cut", each)
            if self.start and isinstance(each, int):
                raise ConfigError(f"cuts must be seconds for a part of a film, got the number {each} of a frame")


def _check_tone(name: str, tone: object) -> None:
    ranges = (TEMPERATURE_RANGE, SATURATION_RANGE)
    numbers = tone if isinstance(tone, tuple | list) and len(tone) == len(ranges) else (None, None)
    for number, (low, high) in zip(numbers, ranges, strict=True):
        if not is_finite(number) or not low <= number <= high:
            wanted = "a temperature from {:g} to {:g} and a saturation from {:g} to {:g}".format(*ranges[0], *ranges[1])
            raise ConfigError(f"{name} must be {wanted}, got {tone!r}")


def _check_not_negative(name: str, value: float) -> None:
    if not is_finite(value) or value < 0:
        raise ConfigError(f"{name} must be a number from 0 up, got {value!r}")


def check_whole(name: str, value: float, allowed: tuple[int, int]) -> None:
    """Check a whole number that a person chose.

    Args:
        name: what it is, for the message.
        value: the number.
        allowed: the least and the most.

    Raises:
        ConfigError: it is something else.
    """
    low, high = allowed
    if not is_finite(value) or value != int(value) or not low <= value <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, got {value!r}")


def is_finite(value: object) -> TypeGuard[float]:
    """Whether something is a number that is finite as a float. True and False are no numbers."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False
