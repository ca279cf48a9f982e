"""What a caller can choose when a photo is colorized, with the defaults: stated here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

from colorize.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda", "mps")
ENGINES = ("auto", "torch", "onnx", "int8")  # what runs the network
STRENGTH_RANGE = (0.0, 2.0)
SIZE_RANGE = (32, 2048)
FORMATS = ("jpg", "jpeg", "png", "webp", "avif", "tif", "tiff")
QUALITY_RANGE = (1, 100)
VARIANTS_RANGE = (0, 99)


def check_known(kind: str, given: str, known: Sequence[str]) -> None:
    """Raise `ConfigError` for a name that is none of those known."""
    if given not in known:
        raise ConfigError(f"unknown {kind} {given!r}: expected one of {', '.join(known)}")


@dataclass(frozen=True)
class ColorizeOptions:
    """Raises `ConfigError` for a value outside its range."""

    strength: float = 1.0  # factor on the chroma, 0 (gray) to 2
    size: int = 192  # the network sees the photo at about size × size pixels, its aspect kept

    def __post_init__(self) -> None:
        low, high = STRENGTH_RANGE
        if not _is_number(self.strength) or not low <= self.strength <= high:
            raise ConfigError(f"strength must be a number from {low:g} to {high:g}, got {self.strength!r}")
        smallest, largest = SIZE_RANGE
        if not _is_number(self.size) or self.size != int(self.size) or not smallest <= self.size <= largest:
            raise ConfigError(f"size must be a whole number from {smallest} to {largest}, got {self.size!r}")


@dataclass(frozen=True)
class ResultOptions:
    """How results are written. Raises `ConfigError` for a value outside its range."""

    format: str | None = None  # one of FORMATS; None is the source's, where that can be written in color
    quality: int | None = None  # of JPEG, WebP and AVIF, 1 to 100; None is `photo`'s choice for each
    variants: int = 0  # further colorings of each photo, beside the first

    def __post_init__(self) -> None:
        if self.format is not None:
            check_known("format", self.format, FORMATS)
        lowest, highest = QUALITY_RANGE
        quality = self.quality
        if quality is not None and not (_is_number(quality) and lowest <= quality <= highest):
            raise ConfigError(f"quality must be a whole number from {lowest} to {highest}, got {quality!r}")
        fewest, most = VARIANTS_RANGE
        if not fewest <= self.variants <= most:
            raise ConfigError(f"variants must be a whole number from {fewest} to {most}, got {self.variants!r}")


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(float(value))
