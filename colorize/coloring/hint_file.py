"""Files of hints and regions: what a person says about one photo, as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from colorize.coloring.hints import Hint
from colorize.coloring.regions import Region
from colorize.errors import ConfigError, DataError

_KINDS: dict[str, type[Any]] = {"hints": Hint, "regions": Region}


def read_hint_file(path: str | os.PathLike[str]) -> tuple[list[Hint], list[Region]]:
    """Read a file such as {"hints": [{"x": 9, "y": 7, "color": "red"}], "regions": [{"outline": [[0, 0], …], …}]}.

    Args:
        path: of the file.

    Returns:
        Its hints, and its regions.

    Raises:
        DataError: it cannot be read.
        ConfigError: it says something else.
    """
    try:
        said = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a JSON file of hints and regions ({error})") from error
    if not isinstance(said, dict) or not said or set(said) - set(_KINDS):
        raise ConfigError(f"{path}: expected an object of hints and regions, got {_short(said)}")
    hints, regions = (_read(path, name, said.get(name, [])) for name in _KINDS)
    return hints, regions


def _read(path: str | os.PathLike[str], name: str, given: object) -> list[Any]:
    if not isinstance(given, list):
        raise ConfigError(f"{path}: {name} must be a list, got {_short(given)}")
    made = []
    for number, each in enumerate(given, 1):
        try:
            made.append(_KINDS[name](**each))
        except (ConfigError, TypeError) as error:
            why = error if isinstance(error, ConfigError) else f"got {_short(each)}"
            raise ConfigError(f"{path}: {name}, the {number}. one: {why}") from error
    return made


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else f"{text[:77]}…"
