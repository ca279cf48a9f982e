"""Virtual environments that hold what an installation with some extras holds, and nothing else.

The packages are links to those that run the tests: it takes a moment, and no network.
"""

from __future__ import annotations

import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def declared(*extras: str) -> list[Requirement]:
    """What pyproject.toml lists for the core and `extras`; an extra that holds another brings the other's list."""
    found = [Requirement(line) for line in PROJECT["dependencies"]]
    for extra in extras:
        found += of_extra(extra)
    return found


def of_extra(extra: str) -> list[Requirement]:
    """What pyproject.toml lists for an extra alone."""
    found = []
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
        if requirement.name == PROJECT["name"]:
            found += [each for inner in sorted(requirement.extras) for each in of_extra(inner)]
        else:
            found.append(requirement)
    return found


def installed_with(requirements: Iterable[Requirement]) -> set[str]:
    """The canonical names of the distributions that pip would install for `requirements` on this machine."""
    done: set[tuple[str, str]] = set()  # name and extra
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), extra)
            if key in done:
                continue
            done.add(key)
            for line in distribution(requirement.name).requires or ():
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    waiting.append(needed)
    return {name for name, _ in done}


def make_environment(folder: Path, *extras: str) -> Path:
    """Make an environment with the core and `extras` in `folder`, and give the path of its Python.

    The project itself is the checkout, as if it were installed as editable.
    """
    venv.create(folder, symlinks=True)
    places = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", vars=places))
    (site / "project.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    for name in installed_with(declared(*extras)):
        for file in distribution(name).files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (site / top).is_symlink():
                (site / top).symlink_to(Path(str(file.locate())).parents[len(file.parts) - 1] / top)
    return Path(sysconfig.get_path("scripts", vars=places)) / Path(sys.executable).name
