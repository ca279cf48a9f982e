"""Who may import what: the rooms of the house, read out of the source with `ast`.

Imports inside functions and under TYPE_CHECKING count as well. A new module fails until it has a room here.
"""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "colorize"


class Room(NamedTuple):
    rooms: set[str]  # of the package that it may import, besides itself
    libraries: set[str]  # third-party packages that it may import


ROOMS = {
    "errors": Room(set(), set()),
    "memory": Room(set(), set()),
    "machine": Room(set(), set()),
    "modelfile": Room({"errors"}, {"safetensors"}),
    "options": Room({"errors"}, set()),
    "units": Room(set(), {"numpy"}),
    "color": Room({"units"}, {"torch", "kornia"}),
    "lightness": Room({"units"}, {"numpy"}),
    "files": Room(set(), set()),
    "photo": Room({"errors", "files", "units"}, {"PIL", "numpy", "tifffile", "pillow_heif", "rawpy"}),
    "hints": Room({"errors", "lightness", "photo", "units"}, {"numpy", "PIL"}),
    "variants": Room({"engine", "hints", "units"}, {"numpy"}),
    "upsample": Room({"units"}, {"numpy", "PIL"}),
    "fidelity": Room({"errors", "lightness", "photo"}, {"numpy"}),
    "metrics": Room({"color"}, {"torch", "kornia"}),
    "models": Room({"errors", "color", "files", "modelfile", "units"}, {"torch", "torchvision", "safetensors"}),
    "engine": Room({"errors", "machine", "modelfile", "models", "options", "units"}, {"torch", "numpy", "onnxruntime"}),
    "export": Room(
        {"color", "errors", "engine", "files", "metrics", "modelfile", "models", "options", "training", "units"},
        {"torch", "numpy", "onnx", "onnx_ir", "onnxruntime", "onnxscript"},
    ),
    "colorizer": Room(
        {
            *("errors", "engine", "hints", "lightness", "modelfile", "options"),
            *("photo", "units", "upsample", "variants"),
        },
        {"numpy", "PIL"},
    ),
    "tint": Room({"lightness", "photo", "units"}, {"numpy", "PIL"}),
    "plan": Room({"errors", "photo"}, set()),
    "batch": Room({"errors", "files", "machine", "options", "photo", "plan", "tint"}, set()),
    "report": Room({"errors", "batch"}, set()),
    "check": Room({"errors", "batch", "fidelity", "photo", "plan"}, set()),
    "watch": Room({"errors", "batch", "plan"}, set()),
    "terminal": Room(set(), {"rich"}),
    "session": Room({"errors", "batch", "check", "files", "options", "plan", "report", "terminal", "tint"}, set()),
    "cli": Room(
        {"errors", "colorizer", "hints", "memory", "options", "plan", "session", "terminal", "watch"}, {"typer"}
    ),
    "web": Room(
        {"errors", "batch", "colorizer", "hints", "memory", "options", "photo", "plan", "tint"},
        {"gradio", "fastapi", "starlette", "uvicorn", "prometheus_client"},
    ),
    "training": Room(
        {"errors", "color", "files", "lightness", "memory", "metrics", "models", "photo"},
        {"torch", "torchvision", "kornia", "numpy", "PIL", "accelerate", "webdataset", "rich"},
    ),
    "evaluation": Room(
        {
            "errors",
            "color",
            "colorizer",
            "engine",
            "files",
            "hints",
            "lightness",
            "memory",
            "metrics",
            "models",
            "options",
            "photo",
            "tint",
            "training",
            "units",
        },
        {"torch", "torchvision", "numpy", "PIL", "accelerate", "rich", "matplotlib", "jinja2", "markdown_it"},
    ),
    # colorize/__init__.py: names, imported when asked for
    "package": Room({"errors", "colorizer", "hints", "options"}, set()),
    "train.py": Room({"training"}, set()),
    "app.py": Room({"web"}, set()),
}
HOUSE_OF = {"__init__": "package", "__main__": "cli"}  # modules that are not called like their room

# What takes a noticeable time to import, and so must not be imported before it is needed.
HEAVY = (
    *("torch", "torchvision", "kornia", "gradio", "PIL", "numpy", "tifffile", "accelerate", "webdataset"),
    *("skimage", "pandas", "matplotlib", "onnxruntime"),
)

# Import names that are not those of the package index, and what comes along with a declared dependency for certain.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "pillow_heif": "pillow-heif",
    "prometheus_client": "prometheus-client",
    "markdown_it": "markdown-it-py",
    "onnx_ir": "onnxscript",
    "fastapi": "gradio",
    "starlette": "gradio",
    "uvicorn": "gradio",
}


class Import(NamedTuple):
    line: int
    module: str  # absolute, e.g. colorize.models.weights or torch.nn


def room_of(module: str) -> str:
    """colorize.models.unet → models; colorize itself → package."""
    _, _, rest = module.partition(".")
    first = rest.split(".")[0] or "__init__"
    return HOUSE_OF.get(first, first)


def module_of(path: Path) -> str:
    """Dotted name of a source file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def imports_of(source: str) -> Iterator[Import]:
    """Every import statement, wherever it stands; `from colorize import photo` counts as colorize.photo."""
    for node in ast.walk(ast.parse(source)):
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


def objections(room: str, source: str) -> list[str]:
    """One line per import that the room may not have."""
    allowed = ROOMS[room]
    found = []
    for line, module in imports_of(source):
        first = module.split(".")[0]
        if first == "colorize":
            if (other := room_of(module)) != room and other not in allowed.rooms:
                found.append(f"line {line}: {room} may not import {other}")
        elif first not in sys.stdlib_module_names and first not in allowed.libraries:
            found.append(f"line {line}: {room} may not import {first}")
    return found


def sources() -> dict[Path, str]:
    """Every source file of the program and its room."""
    files = {path: room_of(module_of(path)) for path in sorted(PACKAGE.rglob("*.py"))}
    return files | {ROOT / name: name for name in ("train.py", "app.py")}


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_has_a_room_and_imports_only_what_the_room_may(path: Path) -> None:
    room = sources()[path]
    assert room in ROOMS, f"{path.name}: give this module a room in ROOMS"
    assert objections(room, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("cli", "import torch"),
        ("cli", "def f():\n    from PIL import Image"),
        ("cli", "if TYPE_CHECKING:\n    import numpy as np"),
        ("web", "from torch.nn import functional"),
        ("colorizer", "from colorize.training import losses"),
        ("colorizer", "from colorize import training"),
        ("colorizer", "import colorize.training.losses"),
        ("models", "from colorize.colorizer import Colorizer"),
        ("models", "from colorize import Colorizer"),
        ("training", "import typer"),
        ("training", "import gradio"),
        ("errors", "import numpy"),
        ("app.py", "from colorize.training import cli"),
    ],
)
def test_a_forbidden_import_is_found_wherever_it_stands(room: str, source: str) -> None:
    assert len(objections(room, source)) == 1


def test_no_two_rooms_depend_on_each_other() -> None:
    graphlib.TopologicalSorter({name: room.rooms for name, room in ROOMS.items()}).prepare()


def test_every_room_of_the_table_exists() -> None:
    assert set(ROOMS) == set(sources().values())


def test_every_library_that_is_imported_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["heic"], *extras["raw"], *extras["study"], *extras["export"]]
    declared = {re.split(r"[<>=!~\[ ]", requirement)[0].lower() for requirement in wanted}
    for path in sources():
        for line, module in imports_of(path.read_text(encoding="utf-8")):
            first = module.split(".")[0]
            if first != "colorize" and first not in sys.stdlib_module_names:
                assert DISTRIBUTIONS.get(first, first) in declared, f"{path.name}, line {line}: {first}"


def test_importing_the_package_and_its_programs_imports_nothing_heavy() -> None:
    code = (
        "import colorize, colorize.cli, colorize.options, colorize.training.cli, train, app, sys;"
        f"print(*sorted({set(HEAVY)!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_colouring_a_photo_on_a_cpu_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    Image.new("L", (40, 40), 99).save(tmp_path / "photo.png")
    code = (
        "import sys; from colorize.cli import main; status = main(sys.argv[1:]);"
        "print(*sorted({'torch', 'torchvision', 'kornia', 'onnx'} & set(sys.modules))); sys.exit(status)"
    )
    call = [sys.executable, "-c", code, str(tmp_path / "photo.png"), "--device", "cpu"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "photo-color.png")]
    assert done.stderr == ""


def test_torch_as_the_engine_imports_no_more_than_it_needs() -> None:
    code = (
        "import sys; from PIL import Image; from colorize import Colorizer;"
        "Colorizer.load(device='cpu', engine='torch')(Image.new('L', (40, 40)));"
        "print(*sorted({'torchvision', 'kornia', 'torch._dynamo', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
