"""Colorize in the browser: `python app.py`, or `--help`."""

import sys

from colorize.web.cli import main

if __name__ == "__main__":
    sys.exit(main())
