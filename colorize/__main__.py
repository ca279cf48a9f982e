"""`colorize`, and `python -m colorize`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from colorize.cli import main


def run() -> NoReturn:
    """The command as a program: its exit status becomes the process's."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if "torch" in sys.modules:
        os._exit(status)  # all files are written by now; for torch to unload itself takes 0.3 s and 130 MB
    sys.exit(status)


if __name__ == "__main__":
    run()
