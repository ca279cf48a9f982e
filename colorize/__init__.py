"""Photographs in color from photographs in gray.

>>> from colorize import Colorizer
>>> color = Colorizer.load()(gray)  # PIL image in, PIL image out
"""

from __future__ import annotations

# Not imported: until the command has seen to Ctrl-C, each millisecond counts. Type checkers know the name.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from colorize.coloring.album import Album
    from colorize.coloring.colorizer import Colorizer
    from colorize.coloring.conditions import Conditions
    from colorize.coloring.hints import Hint
    from colorize.coloring.regions import Region
    from colorize.coloring.result import Colored
    from colorize.errors import (
        ClusterError,
        ColorizeError,
        ConfigError,
        DataError,
        FilmError,
        MissingExtra,
        PhotoError,
        TrainingError,
        WeightsError,
    )
    from colorize.options import ColorizeOptions

__version__ = "0.1.0"

__all__ = [
    "Album",
    "ClusterError",
    "Colored",
    "ColorizeError",
    "ColorizeOptions",
    "Colorizer",
    "Conditions",
    "ConfigError",
    "DataError",
    "FilmError",
    "Hint",
    "MissingExtra",
    "PhotoError",
    "Region",
    "TrainingError",
    "WeightsError",
    "__version__",
]

_HOMES = {
    "Album": "colorize.coloring.album",
    "Colorizer": "colorize.coloring.colorizer",
    "ColorizeOptions": "colorize.options",
    "Colored": "colorize.coloring.result",
    "Conditions": "colorize.coloring.conditions",
    "Hint": "colorize.coloring.hints",
    "Region": "colorize.coloring.regions",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: torch takes seconds, and many uses do without."""
    import importlib

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "colorize.errors")), name)


def __dir__() -> list[str]:
    return __all__
