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
    interrupted: str = "interrupted",
) -> int:
    """Do a program's work, and tell `ColorizeError` and `OSError` in one line; other exceptions are raised.

    Args:
        name: of the program, in front of the line.
        work: gives the exit status; None is 0.
        interrupted: what is told after Ctrl-C.

    Returns:
        The exit status of `work`; 2 for options, models or data that are wrong, 1 for everything else that failed, 130
        after Ctrl-C.
    """
    try:
        return work() or OK
    except ColorizeError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return MISUSED if isinstance(error, ConfigError | DataError | WeightsError) else FAILED
    except OSError as error:  # a folder that cannot be made, a full disk
        what = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error
        print(f"{name}: {what}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"{name}: {interrupted}", file=sys.stderr)
        return INTERRUPTED
