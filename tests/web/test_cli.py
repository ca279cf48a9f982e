"""The program that serves the page: options, environment, addresses, and how it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from colorize.models.modelfile import GRAPH_SUFFIX, SHIPPED_MODEL
from colorize.web.cli import OPTIONS, main
from tests.web.conftest import FILE, gray

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


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_at_sigterm_it_finishes_what_runs_takes_nothing_new_and_leaves_nothing(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    shutil.copy(SHIPPED_MODEL, model)
    shutil.copy(SHIPPED_MODEL.with_suffix(GRAPH_SUFFIX), model.with_suffix(GRAPH_SUFFIX))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    proxies = {"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9"}  # nothing answers there
    environment = os.environ | proxies | {"TMPDIR": str(temporary), "COLORIZE_MODEL": str(model)}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--root-path", "/photos"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout and process.stderr
            url = f"http://127.0.0.1:{port}"
            said = process.stdout.readline()
            assert url in said, process.stderr.read()
            (folder,) = temporary.glob("colorize-*")  # its own, that nobody else may look into
            assert folder.stat().st_mode & 0o077 == 0
            with httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
                assert http.get("/config").json()["root"].endswith("/photos")  # where a proxy shows it
                content = gray(1600, 1200)
                photo = {"path": http.post("/gradio_api/upload", files={"files": ("a.png", content)}).json()[0]}
                ask = {"photo": photo | {"meta": FILE}}
                calls = [http.post("/gradio_api/call/v2/colorize", json=ask) for _ in range(4)]
                ends = []

                def listen(event_id: str) -> None:
                    ends.append(
                        httpx.get(f"{url}/gradio_api/call/colorize/{event_id}", trust_env=False, timeout=30).text
                    )

                (upload,) = temporary.rglob("a.png")
                assert upload.is_relative_to(folder)
                threads = [threading.Thread(target=listen, args=(call.json()["event_id"],)) for call in calls]
                for thread in threads:
                    thread.start()
                process.send_signal(signal.SIGTERM)
                refused = http.post("/gradio_api/call/v2/colorize", json=ask)
                assert refused.status_code == 503
                assert refused.json()["detail"] == "The server is closing. Try again in a moment."
                for thread in threads:
                    thread.join()
            assert ["event: complete" in end for end in ends] == [True] * 4
            assert process.wait(30) == 0
            assert "Traceback" not in process.stderr.read()
            assert [path for path in temporary.rglob("*") if path.is_file()] == []
        finally:
            process.kill()
