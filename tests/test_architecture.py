"""Who may import what: the rooms of the house, read out of the source with `ast`.

Imports inside functions and under TYPE_CHECKING count as well. A new room fails until it has a place here.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from colorize.requirements import EXTRAS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "colorize"

# From the top floor down: a room imports only rooms that stand below it.
FLOORS = (
    *("train.py", "app.py", "package", "cli", "web", "study", "evaluation", "export", "cluster", "video"),
    *("batch", "coloring", "training", "models", "photo", "color", "system", "options", "former_names"),
    *("requirements", "errors"),
)

# Rooms below that a room still may not import: coloring a photo needs nothing of training.
FOR_TRAINING = {"training", "export", "evaluation", "study"}
NOT_FOR = {
    "app.py": set(FLOORS) - {"web"},
    "train.py": set(FLOORS) - {"training"},
    "package": FOR_TRAINING,
    "cli": FOR_TRAINING | {"web"},
    "cluster": {*FOR_TRAINING, "video"},
    "web": FOR_TRAINING,
    "batch": FOR_TRAINING,
    "video": FOR_TRAINING,
    "coloring": FOR_TRAINING,
    "photo": {"options", "former_names"},  # it could be a package of its own
}

# Third-party packages that a room, or a module or folder of it, may import. The longest name counts.
LIBRARIES: dict[str, set[str]] = {
    "train.py": set(),
    "app.py": set(),
    "package": set(),
    "cli": set(),
    "cli.archives": {"typer"},
    "cli.arguments": {"typer"},
    "cli.command": {"typer"},
    "cli.defaults": {"typer"},
    "cli.films": {"rich"},
    "cli.reports": {"typer"},
    "cli.terminal": {"rich"},
    "web": {"bcrypt", "gradio", "fastapi", "starlette", "uvicorn", "prometheus_client"},
    "study": {"torch", "accelerate", "numpy", "PIL", "rich", "matplotlib", "jinja2", "markdown_it"},
    "study.play": {"torch", "gradio", "PIL"},
    "evaluation": {"torch", "torchvision", "numpy", "PIL", "jinja2"},
    "evaluation.stains": {"torch", "skimage"},
    "export": {"torch", "numpy", "onnx", "onnx_ir", "onnxruntime", "onnxscript"},
    "cluster.driver": {"ray"},
    "cluster.inventory": {"numpy", "pyarrow"},
    "cluster.storage": {"fsspec"},
    "cluster.worker": {"pyarrow", "ray"},
    "cluster": set(),
    "video": {"av", "cv2", "numpy"},
    "video.preview": {"av", "numpy", "PIL"},
    "video.guidance": {"numpy", "PIL"},
    "batch": set(),
    "coloring": {"numpy", "PIL"},
    "coloring.engine": {"numpy"},
    "coloring.engine.choice": {"torch"},
    "coloring.engine.torch_engine": {"torch", "numpy"},
    "coloring.engine.graph_engine": {"onnxruntime", "numpy"},
    "training.remote_shards": {"braceexpand"},
    "training": {"torch", "torchvision", "kornia", "numpy", "PIL", "accelerate", "webdataset", "rich"},
    "models": {"torch", "torchvision", "safetensors"},
    "models.modelfile": {"safetensors"},
    "photo": {"PIL", "numpy", "tifffile", "pillow_heif", "rawpy"},
    "color": {"numpy", "PIL"},
    "color.tensors": {"torch", "kornia"},
    "color.metrics": {"torch", "kornia"},
    "system": set(),
    "system.remote": {"fsspec"},
    "options": set(),
    "former_names": set(),
    "requirements": set(),
    "errors": set(),
}

# A module's name says one thing in the whole house, but for these: Python's own, and the options of a program.
COMMON_NAMES = {"__init__", "__main__", "cli"}

# Import names that are not those of the package index, and what comes along with a declared dependency for certain.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "skimage": "scikit-image",
    "cv2": "opencv-python-headless",
    "pillow_heif": "pillow-heif",
    "prometheus_client": "prometheus-client",
    "markdown_it": "markdown-it-py",
    "onnx_ir": "onnxscript",
    "braceexpand": "webdataset",
    "fastapi": "gradio",
    "starlette": "gradio",
    "uvicorn": "gradio",
}


class Import(NamedTuple):
    line: int
    module: str  # absolute, e.g. colorize.models.weights or torch.nn


def room_of(module: str) -> str:
    """colorize.models.unet → models; colorize itself → package; colorize.__main__ → cli, whose program it is."""
    parts = module.split(".")
    first = parts[1] if len(parts) > 1 else "package"
    return {"__init__": "package", "__main__": "cli"}.get(first, first)


def libraries_of(module: str) -> set[str]:
    """What a module may import of other projects, by the longest name in LIBRARIES that it begins with."""
    parts = module.removeprefix("colorize.").split(".")
    for length in range(len(parts), 0, -1):
        if (name := ".".join(parts[:length])) in LIBRARIES:
            return LIBRARIES[name]
    return LIBRARIES[room_of(module)]


def module_of(path: Path) -> str:
    """Dotted name of a source file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


@cache
def nodes_of(source: str) -> tuple[ast.AST, ...]:
    """Its imports and classes, wherever they stand: several tests read the same files."""
    kinds = (ast.Import, ast.ImportFrom, ast.ClassDef)
    return tuple(node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds))


def imports_of(source: str) -> Iterator[Import]:
    """Every import statement, wherever it stands; `from colorize import photo` counts as colorize.photo."""
    for node in nodes_of(source):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            module = node.module or ""
            if module != "colorize":
                yield Import(node.lineno, module)
                continue
            for alias in node.names:
                if alias.name != "__version__":
                    is_module = (PACKAGE / alias.name).is_dir() or (PACKAGE / f"{alias.name}.py").is_file()
                    yield Import(node.lineno, f"colorize.{alias.name}" if is_module else "colorize")


def objections(module: str, source: str) -> list[str]:
    """One line per import that the module may not have."""
    room = module if module in FLOORS else room_of(module)
    below = set(FLOORS[FLOORS.index(room) + 1 :]) - NOT_FOR.get(room, set())
    libraries = LIBRARIES[module] if module in FLOORS else libraries_of(module)
    found = []
    for line, imported in imports_of(source):
        first = imported.split(".")[0]
        if first == "colorize":
            if (other := room_of(imported)) != room and other not in below:
                found.append(f"line {line}: {room} may not import {other}")
        elif first not in sys.stdlib_module_names and first not in libraries:
            found.append(f"line {line}: {module} may not import {first}")
    return found


@cache
def sources() -> dict[Path, str]:
    """Every source file of the program, and what it is called."""
    files = {path: module_of(path) for path in sorted(PACKAGE.rglob("*.py"))}
    return files | {ROOT / name: name for name in ("train.py", "app.py")}


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_has_a_room_and_imports_only_what_stands_below(path: Path) -> None:
    module = sources()[path]
    room = module if module in FLOORS else room_of(module)
    assert room in FLOORS, f"{path.name}: give this room a place in FLOORS"
    assert objections(module, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("colorize.cli.session", "import torch"),
        ("colorize.cli.command", "def f():\n    from PIL import Image"),
        ("colorize.cli.command", "if TYPE_CHECKING:\n    import numpy as np"),
        ("colorize.cli.session", "from colorize.web import service"),
        ("colorize.web.page", "from torch.nn import functional"),
        ("colorize.coloring.colorizer", "from colorize.training import losses"),
        ("colorize.coloring.colorizer", "from colorize import training"),
        ("colorize.coloring.colorizer", "import colorize.training.losses"),
        ("colorize.coloring.colorizer", "from colorize.batch import plan"),
        ("colorize.coloring.colorizer", "import torch"),
        ("colorize.models.unet", "from colorize.coloring.colorizer import Colorizer"),
        ("colorize.models.unet", "from colorize import Colorizer"),
        ("colorize.models.modelfile", "import torch"),
        ("colorize.photo.reading", "from colorize.models import weights"),
        ("colorize.system.files", "from colorize.color import units"),
        ("colorize.training.loop", "import typer"),
        ("colorize.training.loop", "from colorize.coloring import hints"),
        ("colorize.requirements", "from colorize import options"),
        ("colorize.errors", "import numpy"),
        ("app.py", "from colorize.training import cli"),
    ],
)
def test_a_forbidden_import_is_found_wherever_it_stands(module: str, source: str) -> None:
    assert len(objections(module, source)) == 1


def test_every_room_of_the_order_exists() -> None:
    there = {module if module in FLOORS else room_of(module) for module in sources().values()}
    assert set(FLOORS) == there


def test_every_library_entry_names_a_module_that_exists() -> None:
    for name in set(LIBRARIES) - set(FLOORS):
        place = PACKAGE / name.replace(".", "/")
        assert place.is_dir() or place.with_suffix(".py").is_file(), name


def test_one_module_name_means_one_thing() -> None:
    homes = defaultdict(set)
    for module in sources().values():
        parts = module.split(".")
        for name in parts[1:]:
            homes[name].add(parts[1])
    several = {name: rooms for name, rooms in homes.items() if len(rooms) > 1 and name not in COMMON_NAMES}
    assert several == {}


def test_one_class_name_means_one_thing() -> None:
    homes = defaultdict(list)
    for path in sources():
        for node in nodes_of(path.read_text(encoding="utf-8")):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(path.name)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_every_library_that_is_imported_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name in EXTRAS for line in extras[name])]
    declared = {re.split(r"[<>=!~\[ ]", requirement)[0].lower() for requirement in wanted}
    for path in sources():
        for line, module in imports_of(path.read_text(encoding="utf-8")):
            first = module.split(".")[0]
            if first != "colorize" and first not in sys.stdlib_module_names:
                assert DISTRIBUTIONS.get(first, first) in declared, f"{path.name}, line {line}: {first}"
