"""`python -m colorize.study.toy_problems NAME --out FOLDER`: problems whose right answer is known.

    distribution   noise becomes N(μ, σ) by the alternating game: `distribution.py`
    saturation     why the original game stalls: `saturation.py`
    boltzmann      a machine of bars and stripes, and what its negative phase shares with D: `boltzmann.py`
    approximation  one hidden layer, ever wider, against the two-colored function: `approximation.py`
    two-colors     gray shapes that are red or blue, and nobody can tell which: `two_colors.py`

Each writes FOLDER/NAME.json, the numbers, and the figures drawn from it. On one CPU core the first two take about a
minute, the last about twelve; the same seed gives the same numbers on the same machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colorize.errors import ConfigError
from colorize.evaluation.rounding import rounded
from colorize.requirements import EXTRAS, require
from colorize.system import files
from colorize.system.program import run_program
from colorize.system.threads import wait_passively

TOY_PROBLEMS = ("distribution", "saturation", "boltzmann", "approximation", "two-colors")
_DIGITS = 4  # significant ones in the file


def run_toy_problem(name: str, seed: int = 0, *, quick: bool = False) -> dict[str, Any]:
    """The numbers of one problem, as they stand in its file.

    Args:
        name: one of `TOY_PROBLEMS`.
        seed: of all that is random; at least 0.
        quick: whether only a few steps are made, to see that it all runs.

    Returns:
        A JSON object of format 1, its numbers with four significant digits.

    Raises:
        MissingExtra: torch, or something else that training needs, is not installed.
    """
    require("study", "training", *EXTRAS["train"])
    from colorize.study import approximation, boltzmann, distribution, saturation, two_colors

    modules = (distribution, saturation, boltzmann, approximation, two_colors)
    run = dict(zip(TOY_PROBLEMS, modules, strict=True))[name].run
    command = f"python -m colorize.study.toy_problems {name} --seed {seed}{' --quick' if quick else ''} --out FOLDER"
    result = rounded({"format": 1, "command": command, "seed": seed, "quick": quick, **run(seed, quick=quick)}, _DIGITS)
    assert isinstance(result, dict)
    return result


def write_json(target: Path, result: dict[str, Any]) -> None:
    """Whole or not at all; one entry a line at the top, so that changes can be read.

    Args:
        target: the file, which is replaced if it is there. Its folder is made if it is not.
        result: the object, of what JSON can hold.
    """
    entries = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in result.items())
    with files.atomic(target) as file:
        file.write(f"{{\n{entries}\n}}\n".encode())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m colorize.study.toy_problems", description="Run a problem whose right answer is known."
    )
    parser.add_argument("name", choices=TOY_PROBLEMS, metavar="NAME", help=", ".join(TOY_PROBLEMS))
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for NAME.json and its figures")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="[%(default)s]")
    parser.add_argument("--quick", action="store_true", help="a few seconds: does it all run?")
    given = parser.parse_args(arguments)
    wait_passively()
    return run_program("toy_problems", lambda: _run(given))


def _run(given: argparse.Namespace) -> None:
    from colorize.study import figures

    figures.require_matplotlib()  # told before the work
    if given.seed < 0:
        raise ConfigError(f"seed must be at least 0, got {given.seed}")
    write_json(given.out / f"{given.name}.json", run_toy_problem(given.name, given.seed, quick=given.quick))
    for path in figures.draw_from(given.out, figures.of_source(given.name), given.out):
        print(path)


if __name__ == "__main__":
    sys.exit(main())
