"""`colorize`, and `python -m colorize`."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing that of `typing` takes time in which Ctrl-C is a traceback

if TYPE_CHECKING:
    from typing import NoReturn


def run() -> NoReturn:
    """The command as a program: its exit status becomes the process's."""
    try:
        _let_interrupts_end_it()
    except KeyboardInterrupt:  # while what that needs is imported
        sys.exit(130)
    _open_closed_streams()
    from colorize.cli import main

    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if "torch" in sys.modules:
        os._exit(status)  # all files are written by now; for torch to unload itself takes 0.3 s and 130 MB
    sys.exit(status)


def _let_interrupts_end_it() -> None:
    """Until there is something to finish or to tell, Ctrl-C ends the process as the system does.

    So there is no traceback out of somebody's import. `command.py` turns it into `KeyboardInterrupt` when all is
    imported.
    """
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _open_closed_streams() -> None:
    """Put nothing in the place of standard streams that the caller has closed, such as with `>&-`.

    Otherwise the first file that is opened would get the number of a standard stream, and what is printed.
    """
    from contextlib import suppress

    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


if __name__ == "__main__":
    run()
