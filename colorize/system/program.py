"""How a program ends: what went wrong in one line on stderr, and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable

from colorize.errors import ColorizeError, ConfigError, DataError, WeightsError

OK, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130  # exit statuses


def run_program(
    name: str,
    work: Callable[[], int | None],
    *,
    also: tuple[type[Exception], ...] = (),
    interrupted: str = "interrupted",
) -> int:
    """Do a program's work, and tell in one line what went wrong.

    Args:
        name: of the program, in front of the line.
        work: gives the exit status; None is 0.
        also: exceptions beside `ColorizeError` that are told in a line; others are raised.
        interrupted: what is told after Ctrl-C.

    Returns:
        The exit status of `work`; 2 for options, models or data that are wrong, 1 for everything else that failed, 130
        after Ctrl-C.
    """
    told: tuple[type[Exception], ...] = (ColorizeError, *also)
    try:
        return work() or OK
    except told as error:
        print(f"{name}: {error}", file=sys.stderr)
        return MISUSED if isinstance(error, ConfigError | DataError | WeightsError) else FAILED
    except KeyboardInterrupt:
        print(f"{name}: {interrupted}", file=sys.stderr)
        return INTERRUPTED
