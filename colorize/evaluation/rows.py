"""What stands in the rows of an evaluation: models at settings."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from colorize.coloring.colorizer import Colorizer
from colorize.errors import ConfigError
from colorize.evaluation import SHIPPED
from colorize.evaluation.scores import GRAY, TRUTH
from colorize.options import ColorizeOptions

if TYPE_CHECKING:
    from PIL import Image

    from colorize.color.units import FloatArray
    from colorize.coloring.engine import Engine, NetworkConditions
    from colorize.coloring.hints import Hint

MODEL = "model"  # the first row
_SWEPT = {"strength": float, "size": int}


@dataclass(frozen=True)
class Row:
    """A model at one setting."""

    name: str
    colorizer: Colorizer
    options: ColorizeOptions
    file: str  # of the model
    hints: int = 0  # so many true colors are given at random places

    def paint(self, image: Image.Image, hints: Sequence[Hint] | None = None) -> Image.Image:
        """Color a grayscale image.

        Args:
            image: what is colored.
            hints: points in its pixels, with their colors; None for none.

        Returns:
            The image in color, of the same size, at this row's strength and size.

        Raises:
            ConfigError: there are hints, and the model takes none or one lies outside the image.
        """
        return self.colorizer(image, strength=self.options.strength, size=self.options.size, hints=hints)

    def settings(self) -> dict[str, Any]:
        """What a report says of this row beside its measures."""
        options = {name: getattr(self.options, name) for name in _SWEPT}
        return {"model": self.file, **options, "hints": self.hints}


def build_rows(
    model: str | None, options: ColorizeOptions, *, sweep: Sequence[str], hints: int, baselines: Sequence[str]
) -> list[Row]:
    """The rows of an evaluation: the model, what sweep and hints make of it, the baselines.

    Args:
        model: a model file; None for the shipped one.
        options: of the model and the baselines.
        sweep: settings of further rows of the model, "strength=0.8,1.2": each with each.
        hints: so many true colors in a further row of the model; 0 for no such row.
        baselines: further models, "NAME=FILE".

    Raises:
        ConfigError: a word is malformed, a name is there twice, or the model takes no hints.
        WeightsError: a model file cannot be read.
    """
    settings = {MODEL: options} | _swept(sweep, options)
    named = [_named(each, "--baseline") for each in baselines]
    hinted = f"{hints} hints"
    names = Counter([*settings, hinted, GRAY, TRUTH, *(name for name, _ in named)])
    for name in (name for name, count in names.items() if count > 1):
        raise ConfigError(f"--baseline: expected another name than {name!r}, which is taken")
    loaded = Colorizer.load(model)
    if hints and not loaded.takes_hints:
        raise ConfigError("--hints: this model has not learned hints")
    colorizer = Colorizer(cast("Engine", _Remembering(loaded.engine)), loaded.info)
    file = Path(model).name if model else SHIPPED
    rows = [Row(name, colorizer, each, file) for name, each in settings.items()]
    if hints:
        rows.append(Row(hinted, colorizer, options, file, hints))
    return rows + [Row(name, Colorizer.load(path), options, Path(path).name) for name, path in named]


def _swept(words: Sequence[str], options: ColorizeOptions) -> dict[str, ColorizeOptions]:
    """By the name of its row each combination of what `--sweep` was told. Raises `ConfigError` for a bad word."""
    values = dict(_swept_values(word) for word in words)
    # Strengths of the same size follow each other, for `_Remembering`.
    order = sorted(values)
    combinations = itertools.product(*(values[name] for name in order)) if values else ()
    swept = [dict(zip(order, combination, strict=True)) for combination in combinations]
    return {
        ", ".join(f"{name} {value:g}" for name, value in each.items()): dataclasses.replace(options, **each)
        for each in swept
    }


def _swept_values(word: str) -> tuple[str, list[Any]]:
    """strength=0.8,1.2 → strength, [0.8, 1.2]."""
    name, listed = _named(word, "--sweep")
    if name not in _SWEPT:
        raise ConfigError(f"--sweep: expected one of {', '.join(_SWEPT)}, got {name!r}")
    try:
        return name, [_SWEPT[name](value) for value in listed.split(",")]
    except ValueError as error:
        raise ConfigError(f"--sweep: expected numbers with commas between them, got {word!r}") from error


def _named(word: str, option: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (name and equals and value):
        raise ConfigError(f"{option}: expected NAME=VALUE, got {word!r}")
    return name, value


class _Remembering:
    """An engine that is not asked the same twice in a row: rows that differ in strength share one prediction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: tuple[FloatArray, FloatArray] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def predict(self, l: FloatArray, conditions: NetworkConditions) -> FloatArray:
        if not conditions.is_automatic:
            return self._engine.predict(l, conditions)
        if self._last is None or not np.array_equal(self._last[0], l):
            self._last = l, self._engine.predict(l, conditions)
        return self._last[1]
