"""Train a colorizer on your own photos: `python train.py photos/ --run runs/first`, or `--help`."""

from colorize.training.cli import run

if __name__ == "__main__":
    run()
