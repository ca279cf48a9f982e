"""Behind Caddy as compose.yaml has it, behind nginx as the documentation tells: with TLS, on another port than 443."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from colorize.web.hosts import Hosts
from tests.web.conftest import FILE, LEAKS, Running, gray, running

pytestmark = [pytest.mark.web, *LEAKS]
ROOT = Path(__file__).parents[2]


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def program(command: list[str], port: int, folder: Path, **environment: str) -> Iterator[str]:
    """A proxy that runs; gives its address as browsers ask for it."""
    log = folder / "log"
    own = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), **environment}
    with log.open("wb") as file, subprocess.Popen(command, env=own, stdout=file, stderr=file) as process:
        try:
            end = time.monotonic() + 15
            while True:
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                # Caddy listens before it has made its certificate.
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as plain:
                    unchecked().wrap_socket(plain, server_hostname="localhost").close()
                    break
                time.sleep(0.05)
            yield f"https://localhost:{port}"
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def caddy(server: Running, folder: Path) -> Iterator[str]:
    if shutil.which("caddy") is None:
        pytest.skip("no Caddy: apt install caddy")
    port, plain = free_ports(2)
    command = ["caddy", "run", "--config", str(ROOT / "Caddyfile"), "--adapter", "caddyfile"]
    environment = {
        "DOMAIN": "localhost",
        "HTTPS_PORT": str(port),
        "HTTP_PORT": str(plain),
        "UPSTREAM": server.url.removeprefix("http://"),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    with program(command, port, folder, **environment) as url:
        yield url


@contextlib.contextmanager
def nginx(server: Running, folder: Path) -> Iterator[str]:
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        pytest.skip("no nginx, or no openssl: apt install nginx-light openssl")
    (port,) = free_ports(1)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    document = (ROOT / "docs" / "web.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```nginx\n(.*?)```", document, re.DOTALL)
    location = textwrap.dedent(block).replace("http://127.0.0.1:7860", server.url)
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"""daemon off; pid {folder}/pid; error_log {folder}/error; user root;
        events {{}}
        http {{ access_log off; {temporary}
        server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
        {location} }} }}""",
        encoding="utf-8",
    )
    with program(["nginx", "-e", f"{folder}/error", "-c", f"{folder}/nginx.conf"], port, folder) as url:
        yield url


@pytest.fixture(params=[caddy, nginx], ids=["caddy", "nginx"])
def proxied(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Running, str]]:
    store, folder = tmp_path / "store", tmp_path / "proxy"
    store.mkdir()
    folder.mkdir()
    with running(store, hosts=Hosts("127.0.0.1", ["localhost"])) as there, request.param(there, folder) as url:
        yield there, url


def unchecked() -> ssl.SSLContext:
    """For certificates that nobody vouches for."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_a_photo_gets_color_through_the_proxy(proxied: tuple[Running, str]) -> None:
    _, url = proxied
    with httpx.Client(base_url=url, verify=unchecked(), trust_env=False, timeout=30) as http:
        page = http.get("/", headers={"Accept-Encoding": "gzip"})
        assert page.status_code == 200
        assert page.headers["content-encoding"] == "gzip"
        assert http.get("/config").json()["root"] == url
        own = {"Origin": url}  # as browsers send it
        (path,) = http.post("/gradio_api/upload", files={"files": ("a.png", gray())}, headers=own).json()
        ask = {"photo": {"path": path, "meta": FILE}}
        job = http.post("/gradio_api/call/v2/colorize", json=ask, headers=own).json()["event_id"]
        start = time.monotonic()
        answer = http.get(f"/gradio_api/call/colorize/{job}").text
        assert "event: complete" in answer
        assert time.monotonic() - start < 20
        (result,) = re.findall(r'"url": "([^"]*)"', answer)
        assert result.startswith(url)
        assert http.get(result).headers["content-type"] == "image/jpeg"
        elsewhere = http.post("/gradio_api/upload", files={"files": gray()}, headers={"Origin": "https://localhost"})
        assert elsewhere.status_code == 403


def test_limits_go_by_the_clients_address_not_by_the_proxys(
    proxied: tuple[Running, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = proxied
    seen: list[Any] = []
    of = server.service.jobs.of

    def noted(client: str) -> int:
        seen.append(client)
        return of(client)

    monkeypatch.setattr(server.service.jobs, "of", noted)
    transport = httpx.HTTPTransport(local_address="127.0.0.9", verify=unchecked())
    with httpx.Client(base_url=url.replace("localhost", "127.0.0.1"), transport=transport, timeout=30) as http:
        headers = {"Host": url.removeprefix("https://"), "X-Forwarded-For": "192.0.2.1"}  # which is not believed
        extensions = {"sni_hostname": "localhost"}
        photo = server.file(gray())
        asked = http.post("/gradio_api/call/v2/colorize", json={"photo": photo}, headers=headers, extensions=extensions)
        assert asked.status_code == 200
    assert seen == ["127.0.0.9"]
