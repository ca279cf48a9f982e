"""What shells do with a command: pipes, closed streams, lists of names, Ctrl-C before anything has begun."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from colorize.cli import command, main
from tests.stand_ins import StandInColorizer

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="uses signals and shells of POSIX"),
]

# `colorize` as it is installed, with a stand-in for the model.
PROGRAM = """
import sys
from colorize import __main__
{before}
from colorize.cli import command
from tests.stand_ins import StandInColorizer
command._load = lambda *_: StandInColorizer()
__main__.run()
"""

# Sends itself Ctrl-C when a module begins to be imported.
INTERRUPTED_AT_IMPORT = """
import _signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == {module!r}:
            _signal.raise_signal(_signal.SIGINT)
sys.modules.pop("signal", None)
sys.meta_path.insert(0, Finder())
from colorize.__main__ import run
run()
"""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_load", lambda *_: StandInColorizer())


def gray(path: Path) -> Path:
    Image.new("L", (12, 9), 100).save(path)
    return path


def shell(line: str, tmp_path: Path, **others: str) -> subprocess.CompletedProcess[str]:
    """A line of bash, in which `$colorize` stands for the command."""
    (tmp_path / "program.py").write_text(PROGRAM.format(before=others.get("before", "")))
    environment = os.environ | {"colorize": f"{sys.executable} program.py", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_costs_nothing_and_what_is_printed_is_in_no_file(tmp_path: Path, closed: str) -> None:
    gray(tmp_path / "a.png")
    done = shell(f"$colorize a.png --report report.jsonl {closed}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == ("" if ">&-" in closed.split() else "a-color.png\n")
    with Image.open(tmp_path / "a-color.png") as result:
        assert result.mode == "RGB"
    assert json.loads((tmp_path / "report.jsonl").read_text())["status"] == "done"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("cat a.png | $colorize /dev/stdin > out", "PNG"),
        ("$colorize <(cat a.png) > out", "PNG"),
        ("$colorize /dev/stdin < a.png > out", "PNG"),
        ("cat a.png | $colorize - --format jpg > out", "JPEG"),
    ],
)
def test_a_photo_comes_out_of_any_kind_of_pipe(tmp_path: Path, line: str, kind: str) -> None:
    gray(tmp_path / "a.png")
    done = shell(line, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "out") as result:
        assert (result.format, result.mode, result.size) == (kind, "RGB", (12, 9))


def test_a_photo_out_of_a_pipe_goes_into_the_file_that_is_named(tmp_path: Path) -> None:
    gray(tmp_path / "a.png")
    assert shell("$colorize <(cat a.png) -o new/out.jpg", tmp_path).stdout == "new/out.jpg\n"
    with Image.open(tmp_path / "new/out.jpg") as result:
        assert (result.format, result.mode) == ("JPEG", "RGB")
    again = shell("$colorize - -o new/out.jpg < a.png", tmp_path)
    assert again.returncode == 0
    assert again.stderr == "colorize: new/out.jpg: is there already; --overwrite colors it again\n"
    two = shell("$colorize <(cat a.png) <(cat a.png) -o new", tmp_path)
    assert two.returncode == 2
    assert "stands for one photo: it does not go with" in two.stderr


@pytest.mark.parametrize(
    "module", ["signal", "colorize.cli", "typer", "colorize.cli.session", "numpy", "PIL.Image", "tifffile"]
)
def test_ctrl_c_while_the_program_starts_is_no_traceback(tmp_path: Path, module: str) -> None:
    gray(tmp_path / "a.png")
    code = INTERRUPTED_AT_IMPORT.format(module=module)
    words = [sys.executable, "-c", code, str(tmp_path / "a.png"), "--format", "tif"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode in (130, -signal.SIGINT), done.stderr


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="sees in /proc which library is loaded")
def test_ctrl_c_while_a_library_of_cpp_is_imported_is_no_traceback(tmp_path: Path) -> None:
    """Which turns `KeyboardInterrupt` into an `ImportError`."""
    gray(tmp_path / "a.png")
    words = [sys.executable, "-m", "colorize", str(tmp_path / "a.png")]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr
        while run.poll() is None and "onnxruntime_pybind" not in Path(f"/proc/{run.pid}/maps").read_text():
            time.sleep(0.001)
        time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        told = run.stderr.read()
    assert "Traceback" not in told
    assert (run.returncode, "interrupted" in told) == (130, True), told


def test_nothing_that_takes_time_is_imported_before_ctrl_c_is_seen_to() -> None:
    code = "import os, sys; before = set(sys.modules); import colorize.__main__; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) == {"__future__", "colorize", "colorize.__main__"}


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("end", ["\n", "\0"])
def test_paths_come_from_a_list_and_results_go_into_one(
    tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["-o.png", " a b.png"] + (["line\nbreak.png"] if end == "\0" else [])
    for name in names:
        gray(tmp_path / name)
    listed = "".join(f"{name}{end}" for name in names).encode()
    (tmp_path / "list").write_bytes(listed)
    monkeypatch.chdir(tmp_path)
    zero = ["-0", "--print0"] if end == "\0" else []
    expected = "".join(f"{name.removesuffix('.png')}-color.png{end}" for name in names)
    assert main(["--files-from", "list", *zero]) == 0
    assert capfd.readouterr().out == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(listed)))
    assert main(["--files-from", "-", *zero]) == 0  # what is done is printed, too
    assert capfd.readouterr().out == expected
    (tmp_path / "list").write_bytes(listed + b"-" + end.encode())
    assert main(["--files-from", "list", *zero]) == 2
    assert "- stands for one photo: it does not go with" in capfd.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert main(["--files-from", "-"]) == 2
    assert "got none in standard input" in capfd.readouterr().err


@pytest.mark.usefixtures("stand_in")
def test_what_stands_behind_two_dashes_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    gray(tmp_path / "--watch.png")
    assert main(["--", "--watch.png"]) == 0
    assert (tmp_path / "--watch-color.png").exists()


@pytest.mark.usefixtures("stand_in")
def test_a_report_on_standard_output_takes_the_place_of_paths(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gray(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no photo")
    assert main([str(tmp_path), "--report", "-"]) == 1
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(line["status"], Path(line["target"]).name) for line in lines] == [
        ("done", "a-color.png"),
        ("failed", "b-color.png"),
    ]
    assert not (ROOT / "-").exists()


@pytest.mark.parametrize(
    ("words", "completed"),
    [("colorize --for", "--format"), ("colorize --format a", "avif"), ("colorize --dev", "--device")],
)
def test_a_shell_completes_options_and_their_values(words: str, completed: str) -> None:
    environment = os.environ | {
        "_COLORIZE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from colorize.__main__ import run; run()"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed in done.stdout.split(), done.stderr
