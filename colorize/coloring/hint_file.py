"""Files of hints and regions: what a person says about one photo, as an image or as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from colorize import photo
from colorize.coloring.conditions import Conditions
from colorize.coloring.hints import Hint, read_mask
from colorize.coloring.regions import Region
from colorize.errors import ConfigError, DataError

HINT_FILE = ".json"
_KINDS = ("hints", "regions")


def read_hint_file(path: str | os.PathLike[str]) -> Conditions:
    """Read an image of hints, or a file such as {"hints": [{"x": 9, "y": 7, "color": "red"}], "regions": […]}.

    Args:
        path: of the file; one of JSON ends in .json.

    Returns:
        Its hints, and its regions.

    Raises:
        DataError: it cannot be read as JSON.
        PhotoError: it, or a mask that it names, is no image.
        ConfigError: it says something else.
    """
    path = Path(path)
    if path.suffix.lower() != HINT_FILE:
        return Conditions(read_mask(path))
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a JSON file of hints and regions ({error})") from error
    if not isinstance(said, dict) or not said or set(said) - set(_KINDS):
        raise ConfigError(f"{path}: expected an object of hints and regions, got {_short(said)}")
    hints, regions = (_read(path, name, said.get(name, [])) for name in _KINDS)
    return Conditions(hints or None, regions=regions)


def parse_region(text: str) -> Region:
    """The region that "X,Y X,Y X,Y COLOR" or "MASK.png COLOR" stands for, with xN for N times the color that is there.

    Raises `ConfigError`, and `PhotoError` for a mask that is no image.
    """
    *corners, what = text.split() or [""]
    if not corners:
        raise ConfigError(f"a region must be X,Y X,Y X,Y COLOR or MASK COLOR, got {text!r}")
    try:
        outline: Any = [tuple(map(float, corner.split(","))) for corner in corners]
    except ValueError:
        outline = _open_mask(Path(text.rpartition(what)[0].strip()))
    said: dict[str, Any] = {"color": what}
    if what[0] in "x×":
        try:
            said = {"strength": float(what[1:])}
        except ValueError as error:
            raise ConfigError(f"a region's strength must be a number after x, such as x1.4, got {what}") from error
    return Region(outline, **said)


def _read(path: Path, name: str, given: object) -> list[Any]:
    if not isinstance(given, list):
        raise ConfigError(f"{path}: {name} must be a list, got {_short(given)}")
    made = []
    for number, each in enumerate(given, 1):
        try:
            made.append(Hint(**each) if name == "hints" else _region(path.parent, each))
        except (ConfigError, TypeError) as error:
            why = error if isinstance(error, ConfigError) else f"got {_short(each)}"
            raise ConfigError(f"{path}: {name}, number {number}: {why}") from error
    return made


def _region(folder: Path, values: Mapping[str, Any]) -> Region:
    """With "mask" in the place of "outline": the path of an image, seen from the file's folder."""
    if "mask" not in values:
        return Region(**values)
    others = {name: value for name, value in values.items() if name != "mask"}
    return Region(outline=_open_mask(folder / values["mask"]), **others)


def _open_mask(path: Path) -> Image.Image:
    return photo.open(path).image.convert("L")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else f"{text[:77]}…"
