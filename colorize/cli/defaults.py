"""Defaults of a person's own: `colorize.toml` and the environment (COLORIZE_SIZE for --size).

Click does the work: it takes a value from the command line, else from the environment, else from `Context.default_map`,
which is filled here, else the program's own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from colorize.errors import ConfigError

FILE_NAME = "colorize.toml"
PREFIX = "COLORIZE_"

# What may be set, and its type. The rest is about one call.
SETTINGS: dict[str, type] = {
    "output": str,
    "overwrite": bool,
    "skip_color": bool,
    "keep_colors": bool,
    "salvage": bool,
    "format": str,
    "quality": int,
    "strength": float,
    "look": str,
    "shadows": str,
    "lights": str,
    "size": int,
    "variants": int,
    "codec": str,
    "crf": int,
    "every": int,
    "device": str,
    "engine": str,
    "model": str,
    "verbose": bool,
}
_PATHS = ("output", "model")  # relative ones are meant from the file's folder
_CALLED = {str: "a text in quotes", bool: "true or false", int: "a whole number", float: "a number"}


def variable(name: str) -> str:
    """The environment variable for a setting."""
    return f"{PREFIX}{name.upper()}"


def use_file(context: typer.Context, named: Path | None) -> Path | None:
    """Take defaults from a file: the one that is named, else `colorize.toml` here, else the user's.

    Args:
        context: of the call; its `default_map` is filled.
        named: the file; None to look for one.

    Returns:
        The file, if there is one.

    Raises:
        ConfigError: it cannot be read, or holds what is no setting.
    """
    if context.resilient_parsing:  # completion
        return named
    path = named or next(filter(Path.is_file, (Path(FILE_NAME), Path(typer.get_app_dir("colorize"), FILE_NAME))), None)
    context.default_map = read(path) if path else {}
    return path


def read(path: Path) -> dict[str, Any]:
    """Read a file of settings: names of long options, with - or _. Raises `ConfigError`."""
    import tomllib  # which compiles expressions for 10 ms: only where there is a file

    try:
        with path.open("rb") as file:
            given = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: the configuration cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a configuration in TOML ({error})") from error
    return {key.replace("-", "_"): _checked(path, key, value) for key, value in given.items()}


def _checked(path: Path, key: str, value: object) -> object:
    name = key.replace("-", "_")
    wanted = SETTINGS.get(name)
    if wanted is None:
        known = ", ".join(each.replace("_", "-") for each in SETTINGS)
        raise ConfigError(f"{path}: unknown setting {key!r}: expected one of {known}")
    if isinstance(value, int) and wanted is float and not isinstance(value, bool):
        value = float(value)
    if type(value) is not wanted:
        raise ConfigError(f"{path}: {key} must be {_CALLED[wanted]}, got {value!r}")
    return os.path.join(path.parent, value) if name in _PATHS and isinstance(value, str) else value


def shown(values: Mapping[str, Any], sources: Mapping[str, str], file: Path | None) -> Iterator[str]:
    """Show settings as such a file would hold them.

    Args:
        values: of all options, by name.
        sources: where each is from: the name of click's `ParameterSource`.
        file: where defaults are from.

    Returns:
        The lines.
    """
    called = {
        "COMMANDLINE": "command line",
        "ENVIRONMENT": "environment",
        "DEFAULT_MAP": str(file),
        "DEFAULT": "default",
    }
    for name in SETTINGS:
        source = called[sources[name]] + (f", {variable(name)}" if sources[name] == "ENVIRONMENT" else "")
        value = values[name]
        if value is None:
            yield f"# {name.replace('_', '-')} is not set"
        else:
            value = value if isinstance(value, bool | int | float) else str(value)
            yield f"{name.replace('_', '-')} = {json.dumps(value, ensure_ascii=False)}  # {source}"
