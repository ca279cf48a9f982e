"""Train a colorizer on your own photos: `python train.py photos/ --run runs/first`, or `--help`."""

import sys

from colorize.training.cli import main

if __name__ == "__main__":
    sys.exit(main())
