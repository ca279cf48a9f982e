"""What an installation holds: the core colors photos alone, and everything else says which extra it needs.

In environments and interpreters of their own.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest
from PIL import Image

from colorize.models.modelfile import SHIPPED_MODEL
from colorize.requirements import EXTRAS, install_command
from tests.environments import ROOT, make_environment
from tests.photo import corpus

pytestmark = pytest.mark.process

SAMPLE = ROOT / "colorize" / "samples" / "chelsea.jpg"
SHORT = (  # a run of three steps
    *("--generator-steps", "1", "--discriminator-steps", "1", "--adversarial-steps", "1"),
    *("--batch-size", "2", "--size", "64", "--workers", "0"),
)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The Python of an environment with the core and some extras; each is made once."""
    made: dict[tuple[str, ...], Path] = {}

    def python(*extras: str) -> Path:
        if extras not in made:
            made[extras] = make_environment(tmp_path_factory.mktemp("environment") / "venv", *extras)
        return made[extras]

    return python


@pytest.fixture
def run(pythons: Callable[..., Path], tmp_path: Path) -> Run:
    """Run Python with `arguments` in the environment with the core and `extras`."""

    def call(arguments: Sequence[str | Path], *extras: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(
            [pythons(*extras), *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return call


# The core


def test_the_core_alone_colors_photos_by_command(run: Run, tmp_path: Path) -> None:
    done = run(["-m", "colorize", SAMPLE, "-o", tmp_path, "--hint", "200,150,#3050a0", "--variants", "1"])
    assert done.returncode == 0, done.stderr
    results = [tmp_path / "chelsea.jpg", tmp_path / "chelsea-variant-1.jpg"]
    assert done.stdout.splitlines() == [str(path) for path in results]
    for path in results:
        with Image.open(path) as result:
            assert result.mode == "RGB"


def test_the_core_alone_colors_photos_from_python(run: Run) -> None:
    code = (
        "import sys; from importlib.util import find_spec; from PIL import Image; from colorize import Colorizer, Hint;"
        "colorizer = Colorizer.load(); photo = Image.open(sys.argv[1]);"
        "assert colorizer(photo, hints=[Hint(200, 150, '#3050a0')]).size == photo.size;"
        "assert len(list(colorizer.variants(photo, 2))) == 2;"
        "assert colorizer.uncertainty(photo).size == photo.size;"
        "print(*(name for name in sys.argv[2:] if find_spec(name)))"
    )
    modules = {module for extra in EXTRAS.values() for module in extra}
    done = run(["-c", code, SAMPLE, *modules])
    assert done.returncode == 0, done.stderr
    # rich brings this one, and nothing else of the extras is there.
    assert done.stdout.split() == ["markdown_it"]


# What needs an extra says so


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        ([ROOT / "train.py", "photos", "--run", "run"], "train"),
        ([ROOT / "train.py", "--help"], "train"),
        (["-m", "colorize.training.shards", "photos", "--out", "out"], "train"),
        ([ROOT / "app.py"], "web"),
        (["-m", "colorize.export"], "export"),
        (["-m", "colorize.evaluation.evaluate", "photos"], "study"),
        (["-m", "colorize.evaluation.panel", "shipped", "shipped", "photos", "--out", "out"], "train"),
        (["-m", "colorize.evaluation.tints", "photos"], "train"),
        (["-m", "colorize.study", "--out", "out", "--quick"], "study"),
        (["-m", "colorize.study.toy_problems", "saturation", "--out", "out"], "study"),
        (["-m", "colorize.study.choices", "prepare", "m=shipped", "--photos", "photos", "--out", "out"], "study"),
        (["-m", "colorize.study.publish", ROOT / "docs" / "learned-loss" / "data", "--out", "out"], "study"),
        (["-m", "colorize", "cluster", "photos", "out"], "ray"),
        (["-m", "colorize", SAMPLE, "-o", "out", "--engine", "torch"], "torch"),
        (["-m", "colorize", SAMPLE, "-o", "out", "--device", "cuda"], "torch"),
        (["-m", "colorize", SAMPLE, "-o", "out", "--model", "bare.safetensors"], "torch"),
    ],
    ids=lambda value: value if isinstance(value, str) else Path(value[1 if value[0] == "-m" else 0]).name,
)
def test_without_its_extra_a_program_says_in_one_line_how_to_install_it(
    run: Run, tmp_path: Path, arguments: list[str | Path], extra: str
) -> None:
    shutil.copy(SHIPPED_MODEL, tmp_path / "bare.safetensors")  # a model without a graph
    done = run(arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(rf"[\w.-]+: .+ needs \w+, which is not installed: {re.escape(install_command(extra))}", line)
    assert not (tmp_path / "out").exists()


def test_photos_that_need_an_extra_say_so_and_the_rest_goes_on(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(corpus.heic(corpus.cat()))
    (tmp_path / "b.dng").write_bytes(corpus.dng())
    shutil.copy(SAMPLE, tmp_path / "c.jpg")
    done = run(["-m", "colorize", "a.heic", "b.dng", "c.jpg"])
    assert done.returncode == 1  # as for any photos that cannot be read
    assert done.stdout.splitlines() == ["c-color.jpg"]
    heic, raw, *_ = done.stderr.splitlines()
    assert re.fullmatch(rf"colorize: a\.heic: .+: {re.escape(install_command('heic'))}", heic)
    assert re.fullmatch(rf"colorize: b\.dng: .+: {re.escape(install_command('raw'))}", raw)
    assert "Traceback" not in done.stderr


# With its extra it works


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("heic", ["-m", "colorize", "a.heic"]),
        ("raw", ["-m", "colorize", "b.dng"]),
        ("torch", ["-m", "colorize", SAMPLE, "-o", "out", "--engine", "torch", "--model", "bare.safetensors"]),
        ("train", [ROOT / "train.py", "photos", "--run", "run", *SHORT]),
        ("train", ["-m", "colorize.evaluation.panel", "shipped", "shipped", "photos", "--out", "out"]),
        ("train", ["-m", "colorize.evaluation.tints", "photos"]),
        ("export", ["-m", "colorize.export", "bare.safetensors"]),
        ("study", ["-m", "colorize.study.toy_problems", "saturation", "--quick", "--out", "out"]),
        ("study", ["-m", "colorize.study.publish", ROOT / "docs" / "learned-loss" / "data", "--out", "out"]),
        ("study", ["-m", "colorize.evaluation.evaluate", "photos", "--html", "page.html"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_extra_brings_all_that_its_program_needs(
    run: Run, tmp_path: Path, extra: str, arguments: list[str | Path]
) -> None:
    shutil.copy(SHIPPED_MODEL, tmp_path / "bare.safetensors")
    (tmp_path / "a.heic").write_bytes(corpus.heic(corpus.cat()))
    (tmp_path / "b.dng").write_bytes(corpus.dng())
    (tmp_path / "photos").mkdir()
    for i in range(60):
        content = io.BytesIO()
        corpus.cat().rotate(6 * i).save(content, "PNG")
        (tmp_path / "photos" / f"{i}.png").write_bytes(content.getvalue())
    done = run(arguments, extra)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_extra_web_brings_all_that_the_page_needs(pythons: Callable[..., Path], tmp_path: Path) -> None:
    call = [pythons("web"), ROOT / "app.py"]
    with subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            (url,) = re.findall(r"http://\S+", process.stdout.readline())
            assert httpx.get(url, trust_env=False).status_code == 200
            assert httpx.get(f"{url}healthz", trust_env=False).json()["status"] == "ok"
        finally:
            process.terminate()
        assert process.wait(30) == 0
