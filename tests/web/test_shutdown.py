"""How the page's program ends, in a process of its own: at a SIGTERM, at a second one, and killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from colorize.models.modelfile import GRAPH_SUFFIX, SHIPPED_MODEL
from colorize.web.folder import own_folder
from tests.web.conftest import FILE, LEAKS, gray

pytestmark = [
    pytest.mark.process,
    *LEAKS,
    pytest.mark.skipif(sys.platform == "win32", reason="no signals there"),
]
ROOT = Path(__file__).parents[2]

# Stands for a server: it holds its folder, and does not end.
HOLDS_A_FOLDER = """
import time
from colorize.web.folder import own_folder
with own_folder() as folder:
    (folder / "a.png").write_bytes(b"photo")
    print(folder / "a.png", flush=True)
    time.sleep(60)
"""


def test_photos_of_a_killed_server_are_deleted_at_the_next_start_and_those_of_a_running_one_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    call = [sys.executable, "-c", HOLDS_A_FOLDER]
    with subprocess.Popen(call, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        path = Path(process.stdout.readline().strip())
        with own_folder():  # another server starts beside it
            assert path.exists()
        process.kill()
    assert path.exists()
    (tmp_path / "colorize-app-other").mkdir()  # of somebody who is just about to lock it
    (tmp_path / "colorize-notes").mkdir()
    with own_folder() as own:
        assert not path.exists()
        assert sorted(each.name for each in tmp_path.glob("colorize-*")) == sorted(
            [own.name, "colorize-app-other", "colorize-notes"]
        )
        assert own.stat().st_mode & 0o077 == 0
    assert not own.exists()


def test_deleting_that_was_cut_short_goes_on_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rmtree = shutil.rmtree
    deleted: list[Path] = []

    def killed_soon(path: Path, **options: Any) -> None:
        if deleted:
            raise KeyboardInterrupt
        deleted.append(path)
        rmtree(path, **options)

    ending = own_folder()
    folder = ending.__enter__()
    for number in range(3):
        (folder / f"photo {number}").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed_soon)
        with pytest.raises(KeyboardInterrupt):
            ending.__exit__(None, None, None)
    assert len(list(folder.glob("photo *"))) == 2
    with own_folder() as own:
        assert list(tmp_path.iterdir()) == [own]


@contextlib.contextmanager
def program(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The program itself, at some port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port)]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert f":{port}" in process.stdout.readline()
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
                yield process, http
        finally:
            process.kill()


def test_at_a_second_sigterm_it_ends_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    with program(tmp_path) as (process, http):
        content = BytesIO()
        Image.new("L", (7000, 7000), 99).save(content, "PNG", compress_level=1)
        photo = {"path": http.post("/gradio_api/upload", files={"files": ("a.png", content)}).json()[0], "meta": FILE}
        http.post("/gradio_api/call/v2/colorize", json={"photo": photo, "format": "PNG"})
        time.sleep(1)  # it is in the middle of it
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 128 + signal.SIGTERM
    assert list(tmp_path.glob("colorize-*")) == []


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
