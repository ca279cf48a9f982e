"""The project around the code: packaging, versions, make targets, sample photos."""

from __future__ import annotations

import fnmatch
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import colorize
from colorize.study import samples
from scripts import sample_photos

ROOT = Path(__file__).parents[1]
TARGETS = ("run", "app", "test", "check")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return found


# Names and versions


def test_the_version_is_the_changelogs_newest() -> None:
    entries = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert entries[0] == colorize.__version__


def test_every_public_name_can_be_imported_and_is_listed() -> None:
    for name in colorize.__all__:
        assert getattr(colorize, name) is not None
    assert dir(colorize) == colorize.__all__
    with pytest.raises(AttributeError, match="no attribute 'colorise'"):
        colorize.colorise  # noqa: B018 (the look-up itself is tested)


def test_every_command_leads_to_a_function(project: dict[str, Any]) -> None:
    commands = project["project"]["scripts"]
    assert set(commands) == {"colorize", "colorize-app"}
    for place in commands.values():
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_syntax_is_checked_against_the_oldest_python_that_is_supported(project: dict[str, Any]) -> None:
    oldest = project["project"]["requires-python"].removeprefix(">=")
    assert project["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    supported = [line.rsplit(" ", 1)[1] for line in project["project"]["classifiers"] if ":: 3." in line]
    assert supported[0] == oldest


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip would build, from a copy of the source and without the network."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "colorize", copy / "colorize", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "learned-loss", copy / "docs" / "learned-loss")
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", build, "out"], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = (copy / "out").glob("*.whl")
    return path


def test_the_wheel_carries_every_file_of_the_package(wheel: Path) -> None:
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "colorize").rglob("*") if path.is_file()}
    ours = {name for name in ours if "__pycache__" not in name}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    study = {name for name in names if ".data/data/share/colorize/learned-loss/" in name}
    assert names - study == ours
    assert {Path(name).name for name in study} >= {"index.html", "shapes.jpg"}  # which the page shows
    assert {"colorize/py.typed", "colorize/weights/colorize.safetensors", "colorize/weights/colorize.onnx"} <= names
    assert fnmatch.filter(names, "colorize/weights/*.md"), "the model comes with its card"


def test_the_wheel_says_what_it_is(wheel: Path, project: dict[str, Any]) -> None:
    assert wheel.name == f"colorize-{colorize.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        information = {Path(name).name: name for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(information["METADATA"]).decode()
        entry_points = archive.read(information["entry_points.txt"]).decode()
        assert archive.read(information["LICENSE"]) == (ROOT / "LICENSE").read_bytes()
    assert "License-Expression: Apache-2.0" in metadata
    assert f"Requires-Python: {project['project']['requires-python']}" in metadata
    assert (ROOT / "README.md").read_text(encoding="utf-8").strip() in metadata
    assert "colorize = colorize.__main__:run" in entry_points


# make


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder as after git clone, as far as make looks at it."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def would_do(clone: Path, *arguments: str) -> str:
    """The commands that make would run."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", "--dry-run", *arguments], cwd=clone, env=environment, capture_output=True, text=True, check=True
    ).stdout


def installed(clone: Path, seconds_after: int) -> None:
    """Let the stamp of a finished set-up be that much newer than pyproject.toml."""
    stamp = clone / ".venv" / ".installed"
    stamp.parent.mkdir()
    stamp.touch()
    changed = (clone / "pyproject.toml").stat().st_mtime
    os.utime(stamp, (changed + seconds_after, changed + seconds_after))


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_sets_up_a_fresh_clone_first(clone: Path, target: str) -> None:
    commands = would_do(clone, target)
    assert commands.index("-m venv") < commands.index("pip install")
    assert "Python 3.11 or later" in commands


@pytest.mark.parametrize("target", TARGETS)
def test_a_second_call_installs_nothing(clone: Path, target: str) -> None:
    installed(clone, seconds_after=1)
    commands = would_do(clone, target)
    assert "pip" not in commands
    assert "venv/bin/python" in commands


def test_a_changed_list_of_dependencies_is_installed(clone: Path) -> None:
    installed(clone, seconds_after=-1)
    assert "pip install" in would_do(clone, "test")


def test_make_alone_lists_the_targets(clone: Path) -> None:
    listed = subprocess.run(["make"], cwd=clone, capture_output=True, text=True, check=True).stdout
    for target in TARGETS:
        assert re.search(rf"^make {target} +\w", listed, re.MULTILINE)


def test_a_machine_without_a_fitting_python_is_told_so(clone: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "make"):
        place = shutil.which(tool)
        assert place is not None
        (tools / tool).symlink_to(place)
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")  # a Python that says it is not recent enough
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "test", "SHELL=" + str(tools / "sh")],
        cwd=clone,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Python 3.11 or later with its venv module is needed" in done.stderr
    assert not (clone / ".venv").exists()


def test_continuous_integration_only_calls_what_anybody_can_call() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make check", "make test"]


def test_hooks_before_a_commit_are_the_commands_of_make_check() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"entry: \.venv/bin/python (-m .*)", hooks)
    rule = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ncheck:")[1].split("\n\n")[0]
    assert entries == re.findall(r"\$\(PY\) (-m .*)", rule)


def test_what_is_made_is_not_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for made in (".venv/", "/runs/", "/colorized/", "/build/", "/dist/", "__pycache__/"):
        assert made in ignored
    assert not any(fnmatch.fnmatch("colorize/weights/colorize.safetensors", pattern) for pattern in ignored)


# The sample photos


def test_sample_photos_are_gray_and_whole(tmp_path: Path) -> None:
    assert sample_photos.main([str(tmp_path / "gray")]) == 0
    written = sorted((tmp_path / "gray").iterdir())
    assert [path.name for path in written] == sorted(samples.SAMPLES)
    for path in written:
        with Image.open(path) as gray, Image.open(samples.sample_folder() / path.name) as color:
            assert gray.mode == "L"
            assert color.mode == "RGB"
            assert gray.size == color.size
            gray.load()


def test_sample_photos_without_scikit_image_say_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(samples, "find_spec", lambda _name: None)
    assert sample_photos.main([str(tmp_path / "gray")]) == 1
    assert capsys.readouterr().err == (
        "error: the sample photos are part of scikit-image: pip install 'colorize[samples]'\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["--help"], ["one", "two"]])
def test_sample_photos_misused_say_how_to_use_them(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert sample_photos.main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: ")
