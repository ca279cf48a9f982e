"""The program that serves the page: options, environment and addresses."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from colorize.web.cli import OPTIONS, main

pytestmark = pytest.mark.web

ROOT = Path(__file__).parents[2]


def test_help_names_every_option_and_imports_nothing_that_takes_time() -> None:
    code = "import sys, app; sys.argv = ['app.py', '--help']; app.main()"
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert {f"--{option.name}" for option in OPTIONS} <= set(re.findall(r"--[\w-]+", done.stdout))
    assert not {"torch", "gradio", "numpy", "PIL"} & set(re.findall(r"\| +(\w+)$", done.stderr, re.MULTILINE))


def test_the_table_in_the_documentation_is_that_of_the_program() -> None:
    rows = re.findall(
        r"^\| `--([a-z-]+) [^`]*` \| `(\w+)` \| ([^|]*) \|",
        (ROOT / "docs" / "web.md").read_text(encoding="utf-8"),
        re.M,
    )
    documented = {name: (variable, default.strip()) for name, variable, default in rows}
    assert documented == {
        option.name: (option.variable, "" if option.default is None else str(option.default)) for option in OPTIONS
    }


def test_a_port_in_use_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"colorize-app: cannot listen on 127.0.0.1:{port} (")
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["--port", "70000"], {}, "--port must be from 1 to 65535, got 70000"),
        (["--host", "no.such.host.invalid"], {}, "--host no.such.host.invalid: is no address of a computer"),
        (["--host", "192.0.2.1"], {}, "cannot listen on 192.0.2.1 ("),
        (["--model", "missing.safetensors"], {}, "missing.safetensors: "),
        (["--engine", "fast"], {}, "unknown engine 'fast': expected one of auto, torch, onnx"),
        (["--queue", "0"], {}, "queue must be 1 or more, got 0"),
        (["--max-pixels", "300"], {}, "--max-pixels must be 175 at most: larger photos are not opened, got 300"),
        ([], {"COLORIZE_MAX_UPLOAD": "much"}, "COLORIZE_MAX_UPLOAD must be a whole number, got 'much'"),
        ([], {"COLORIZE_HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1 ("),
        (["--model", "other.safetensors"], {"COLORIZE_MODEL": "missing.safetensors"}, "other.safetensors: "),
        (
            ["--auth-file", "none"],
            {},
            "none: expected lines of NAME:BCRYPT-HASH (No such file or directory); make it",
        ),
    ],
)
def test_wrong_options_are_one_line_and_exit_2(
    arguments: list[str],
    environment: dict[str, str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"colorize-app: {expected}")
    assert error.count("\n") == 1
