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
import venv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import colorize
from colorize import errors
from colorize.errors import MissingExtra
from colorize.requirements import install_command
from colorize.study import samples
from tests.conftest import STEPS, is_wanted, step_of

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "colorize" / "samples"
TARGETS = {"run": ".", "app": ".[web]", "test": ".[dev]", "check": ".[dev]"}  # and what pip installs for them


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
    assert {name for name, each in vars(errors).items() if isinstance(each, type)} <= set(colorize.__all__)
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


def test_the_wheel_is_as_large_as_the_documentation_says(wheel: Path) -> None:
    documentation = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"wheel\s+itself\s+is\s+([\d.]+)\s+MB", documentation)
    assert abs(wheel.stat().st_size / 1e6 - float(said)) < 0.5


def test_the_wheel_says_what_it_is(wheel: Path, project: dict[str, Any]) -> None:
    assert wheel.name == f"colorize_photos-{colorize.__version__}-py3-none-any.whl"
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


def installed(clone: Path, target: str, seconds_after: int = 1) -> None:
    """Let the stamps that a target leaves be that much newer than pyproject.toml."""
    changed = (clone / "pyproject.toml").stat().st_mtime
    (clone / ".venv").mkdir()
    for stamp in re.findall(r"^touch (.*)", would_do(clone, target), re.MULTILINE)[0].split():
        (clone / stamp).touch()
        os.utime(clone / stamp, (changed + seconds_after, changed + seconds_after))


def installs(clone: Path, target: str) -> list[str]:
    """What a target would have pip install."""
    return re.findall(r"pip install .*'(.+)'", would_do(clone, target))


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_sets_up_a_fresh_clone_first(clone: Path, target: str) -> None:
    commands = would_do(clone, target)
    assert commands.index("-m venv") < commands.index("pip install")
    assert "Python 3.11 or later" in commands
    assert installs(clone, target) == [TARGETS[target]]


@pytest.mark.parametrize("target", TARGETS)
def test_a_second_call_installs_nothing(clone: Path, target: str) -> None:
    installed(clone, target)
    commands = would_do(clone, target)
    assert "pip" not in commands
    assert "venv/bin/python" in commands


def test_a_changed_list_of_dependencies_is_installed(clone: Path) -> None:
    installed(clone, "test", seconds_after=-1)
    for target, wanted in TARGETS.items():
        assert installs(clone, target) == [wanted]


@pytest.mark.parametrize(
    ("first", "then"),
    [("run", ["app", "test"]), ("app", ["test"]), ("test", [])],
)
def test_a_target_adds_what_is_missing_and_nothing_else(clone: Path, first: str, then: list[str]) -> None:
    installed(clone, first)
    assert [target for target in ("run", "app", "test") if installs(clone, target)] == then


def test_make_test_runs_every_step_and_with_arguments_what_they_say(clone: Path) -> None:
    installed(clone, "test")

    def steps(*arguments: str) -> list[str]:
        return re.findall(r"-m pytest ?(.*)", would_do(clone, "test", *arguments))

    parallel = "--numprocesses auto --maxprocesses 4 --dist loadfile"
    assert steps() == [
        parallel,
        f'-m "web and not slow" {parallel}',
        f'-m "process and not slow" {parallel}',
        f'-m "film and not slow" {parallel}',
        f'-m "study and not slow" {parallel}',
        f'-m "browser and not slow" {parallel}',
    ]
    assert steps("ARGS=-m slow") == ["-m slow"]


def test_a_file_is_left_out_where_none_of_its_tests_can_be_chosen(tmp_path: Path) -> None:
    for step in ("", *STEPS):
        mark = f"pytestmark = [\n    pytest.mark.{step},\n    pytest.mark.slow,\n]\n" if step else ""
        (tmp_path / f"test_{step}.py").write_text(f"import pytest\n{mark}", encoding="utf-8")

    def wanted(expression: str) -> set[str]:
        return {step for step in ("", *STEPS) if is_wanted(tmp_path / f"test_{step}.py", expression)}

    assert wanted("") == wanted("slow") == wanted("not gpu") == {"", *STEPS}
    assert wanted("not slow and not study") == {"", *STEPS} - {"study"}
    assert wanted("film and not slow") == {"film"}
    assert wanted("film or study or slow") == {"", *STEPS}
    options = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert wanted(re.findall(r'"-m", "(.*)"\]', options)[0]) == {""}


def test_whole_folders_of_tests_are_in_their_steps() -> None:
    """Else they run in the default suite, which has to be quick."""
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    del texts[Path(__file__)]
    browser = [path for path, text in texts.items() if "playwright" in text or path.name.startswith("test_browser")]
    folders = {
        "browser": browser,
        "study": [path for path in texts if path.parent.name == "study"],
        "film": [
            path
            for path, text in texts.items()
            if path not in browser and (path.parent.name == "video" or "from tests.video.films import" in text)
        ],
    }
    for marker, paths in folders.items():
        assert paths
        for path in paths:
            assert step_of(texts[path]) == marker, path.name


@pytest.mark.slow
@pytest.mark.parametrize("where", ["the test", "its end"])
def test_a_test_that_hangs_fails_with_its_stack(tmp_path: Path, where: str) -> None:
    settings = tmp_path / "pyproject.toml"
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in ("timeout", "faulthandler_timeout"):
        text, count = re.subn(rf"^{name} = \d+", f"{name} = 2", text, flags=re.MULTILINE)
        assert count == 1
    settings.write_text(text.replace("faulthandler_timeout = 2", "faulthandler_timeout = 4"), encoding="utf-8")
    deaf = "    try:\n        time.sleep(60)\n    finally:\n        time.sleep(60)\n" if where == "its end" else ""
    (tmp_path / "test_hang.py").write_text(f"import time\n\ndef test_hang():\n{deaf or '    time.sleep(60)'}\n")
    call = [sys.executable, "-m", "pytest", "-c", str(settings), "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 1
    assert re.search(r'test_hang\.py(:|", line )[4-7]\b', done.stdout + done.stderr)


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
    assert [line for line in lines if line.startswith("make ")] == ["make check", "make docs", "make test"]


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


def test_sample_photos_are_grayscale_and_those_of_scikit_image() -> None:
    """Their license is known by where they are from."""
    origins = {"chelsea.jpg": "chelsea.png", "eileen-collins.jpg": "astronaut.png", "falcon-9.jpg": "rocket.jpg"}
    assert {path.name for path in SAMPLES.iterdir()} == {*origins, "README.md"}
    for name, origin in origins.items():
        with Image.open(SAMPLES / name) as sample, Image.open(samples.sample_folder() / origin) as photo:
            assert sample.mode == "L"
            assert sample.size == photo.size
            difference = np.asarray(sample, float) - np.asarray(photo.convert("L"), float)
            assert np.abs(difference).mean() < 2  # of 255 levels, by JPEG


def test_sample_photos_are_credited_beside_them_and_in_the_readme() -> None:
    beside = (SAMPLES / "README.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in SAMPLES.glob("*.jpg"):
        assert f"`{path.name}`" in beside
    for author in ("NASA", "SpaceX", "Stéfan van der Walt"):
        assert author in beside
        assert author in readme


def test_sample_photos_without_scikit_image_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in color, which the study shows."""
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtra, match=r"skimage.*pip install 'colorize-photos\[study\]'$"):
        samples.sample_folder()


@pytest.mark.slow
def test_the_core_in_a_fresh_environment_is_small_and_colors_the_sample_photos(wheel: Path, tmp_path: Path) -> None:
    """It downloads the core's packages."""
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    programs = environment / "bin"
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", wheel], check=True)
    call = [str(programs / "colorize"), str(SAMPLES), "-o", str(tmp_path / "out")]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in SAMPLES.glob("*.jpg")}
    done = subprocess.run([programs / "colorize-app"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"colorize-app: the page needs gradio, which is not installed: {install_command('web')}\n"
    used = subprocess.run(["du", "-sm", environment], capture_output=True, text=True, check=True).stdout
    assert int(used.split()[0]) <= 350  # MB
