"""The `colorize` command as a shell sees it: streams, exit statuses, one line for every mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import colorize
from colorize import cli, memory
from colorize.cli import main
from colorize.models import build_generator
from colorize.models.weights import save_generator


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model file, if a small one that learned nothing."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_generator(path, build_generator("unet", {"ngf": 4, "depth": 3}))
    return path


@pytest.fixture(autouse=True)
def default_malloc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: False)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    levels = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    Image.fromarray(levels).save(folder / "a.png")
    Image.fromarray(levels[:20]).save(folder / "sub" / "b.jpg")
    return folder


def test_results_on_stdout_the_rest_on_stderr(
    photos: Path, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = [str(photos), "-o", str(out), "--model", str(model), "--size", "64", "--device", "cpu"]
    assert main(arguments) == 0
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{out / 'a.png'}\n{out / 'sub' / 'b.jpg'}\n"
    assert stderr == "colorize: 2 colorized\n"
    with Image.open(out / "a.png") as result:
        assert (result.mode, result.size) == ("RGB", (60, 40))

    assert main(arguments) == 0  # a second call leaves what is there
    assert capfd.readouterr() == ("", "colorize: 2 already there\n")
    assert main([*arguments, "--overwrite"]) == 0
    assert capfd.readouterr().out == stdout


def test_a_bad_photo_is_one_line_and_exit_1_and_the_rest_is_done(
    photos: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (photos / "bad.png").write_text("no photo")
    assert main([str(photos), "--model", str(model), "--size", "64"]) == 1
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{photos / 'a-color.png'}\n{photos / 'sub' / 'b-color.jpg'}\n"
    assert stderr.splitlines()[0].startswith(f"colorize: {photos / 'bad.png'}: expected a photo")
    assert stderr.splitlines()[1:] == ["colorize: 2 colorized, 1 failed"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing argument 'PATH'"),
        (["{missing}"], "missing: no such file or folder"),
        (["{empty}"], "no photos in"),
        (["{in}", "-o", "{in}/a.png"], "expected a folder for the results"),
        (["{in}", "--strength", "3"], "strength must be a number from 0 to 2, got 3.0"),
        (["{in}", "--strength", "nan"], "strength must be a number from 0 to 2, got nan"),
        (["{in}", "--strength", "much"], "Invalid value for '--strength'"),
        (["{in}", "--size", "1"], "size must be a whole number from 32 to 2048, got 1"),
        (["{in}", "--device", "abacus"], "unknown device 'abacus': expected one of auto, cpu, cuda, mps"),
        (["{in}", "--model", "{missing}"], "missing: no such model file"),
        (["{in}", "--model", "{in}/a.png"], "expected a safetensors file"),
        (["{in}", "--no-such-option"], "No such option: --no-such-option"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    arguments: list[str], told: str, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    names = {name: str(tmp_path / name) for name in ("in", "missing", "empty")}
    assert main([argument.format(**names) for argument in arguments]) == 2
    stdout, stderr = capfd.readouterr()
    assert stdout == ""
    assert stderr.startswith("colorize: ")
    assert told in stderr
    assert stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_ctrl_c_is_one_line_and_exit_130(
    photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_load", interrupted)
    assert main([str(photos), "--model", str(model)]) == 130
    assert capfd.readouterr().err == "colorize: interrupted, 0 colorized; the same command goes on from here\n"


def test_version_and_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"{colorize.__version__}\n"
    assert main(["--help"]) == 0
    told = capfd.readouterr().out
    for option in ("--output", "--overwrite", "--strength", "--size", "--device", "--model"):
        assert option in told


def test_help_and_mistakes_in_options_import_nothing_heavy() -> None:
    script = (
        "import sys; from colorize.cli import main; main(['--help']); main(['x.jpg', '--strength', '9'])\n"
        "heavy = {'torch', 'torchvision', 'kornia', 'gradio', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr


def test_python_m_colorize_is_the_same_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "colorize", str(tmp_path / "missing.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 2
    assert done.stderr == f"colorize: {tmp_path / 'missing.jpg'}: no such file or folder\n"
