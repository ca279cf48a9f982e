"""`python -m colorize.export [MODEL] [-o DIR]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from colorize.models.modelfile import SHIPPED_MODEL
from colorize.requirements import require
from colorize.system.program import run_program


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
    given = parser.parse_args(arguments)
    return run_program("export", lambda: _export(given.model, given.output or given.model.parent))


def _export(model: Path, folder: Path) -> None:
    require("export", "exporting a model")
    from colorize.export.export import export  # torch: not for --help

    for line in export(model, folder):
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
