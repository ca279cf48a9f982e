"""`python -m colorize.study`: train and measure the arms of the study, see `run_study.py`."""

from __future__ import annotations

import sys

from colorize.study.run_study import main

if __name__ == "__main__":
    sys.exit(main())
