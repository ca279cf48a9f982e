"""`python -m colorize.export [MODEL] [-o DIR] [--int8 --calibration PHOTOS… --validation PHOTOS…]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from colorize.errors import ColorizeError, MissingExtra
from colorize.models.modelfile import SHIPPED_MODEL
from colorize.requirements import require

DOES_NOT_PASS = 3  # the exit status where a graph in 8 bits fails its gate


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m colorize.export",
        description="Write a model's graph, with which `colorize` runs it on a CPU without torch, beside its weights.",
    )
    parser.add_argument(
        "model", nargs="?", type=Path, default=SHIPPED_MODEL, metavar="MODEL", help="model file [the shipped one]"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder for the graph and a copy of the model [MODEL's own]"
    )
    parser.add_argument("--int8", action="store_true", help="write a graph that partly computes in 8 bits, too")
    for name, what in (("calibration", "that tell what numbers to expect"), ("validation", "that tell if it is good")):
        parser.add_argument(
            f"--{name}", nargs="+", type=Path, metavar="PHOTOS", help=f"folders and tar shards of color photos {what}"
        )
    given = parser.parse_args(arguments)
    if given.int8 != bool(given.calibration) or given.int8 != bool(given.validation):
        parser.error("--int8, --calibration PHOTOS and --validation PHOTOS go together")
    try:
        require("export", "exporting a model")
        from colorize.export.export import GateError, PhotoPaths, export  # torch: not for --help

        paths = PhotoPaths(given.calibration, given.validation) if given.int8 else None
        for line in export(given.model, given.output or given.model.parent, paths):
            print(line, flush=True)
    except MissingExtra as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    except ColorizeError as error:
        print(f"export: {error}", file=sys.stderr)
        return DOES_NOT_PASS if isinstance(error, GateError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
