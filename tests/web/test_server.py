"""Connections that ask nothing, and how many of them there may be."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from colorize.web.addresses import Proxies, network_of
from tests.web.conftest import LEAKS, Running, gray, running

pytestmark = [pytest.mark.web, *LEAKS]
ROOT = Path(__file__).parents[2]


# -- connections -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def sockets(server: Running, count: int, source: str, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections from an address of the loopback, which send no more than the beginning of a request."""
    address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    with contextlib.ExitStack() as opened:
        made = []
        for _ in range(count):
            made.append(opened.enter_context(socket.create_connection(address, 5, (source, 0))))
            made[-1].sendall(sent)
        yield made


def is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def from_address(server: Running, source: str) -> httpx.Client:
    transport = httpx.HTTPTransport(local_address=source)
    return httpx.Client(base_url=server.url, transport=transport, trust_env=False, timeout=5)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server for few connections at a time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("colorize.web.server._MAX_CONNECTIONS", 40)
        patched.setattr("colorize.web.server._MAX_CONNECTIONS_PER_ADDRESS", 10)
        with running(tmp_path_factory.mktemp("few")) as there:
            yield there


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: local"])
@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])  # the first is trusted as a proxy
def test_silent_connections_keep_nobody_out(few: Running, source: str, sent: bytes) -> None:
    with sockets(few, 60, source, sent), from_address(few, source) as same, from_address(few, "127.0.0.3") as other:
        for http in (same, other):
            assert http.get("/healthz").status_code == 200
            assert http.get("/config").status_code == 200


def test_a_browser_keeps_its_connection_when_silent_ones_come_after_it(few: Running) -> None:
    address = ("127.0.0.1", int(few.url.rsplit(":", 1)[1]))
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(address, 5) as browser:
        browser.sendall(ask)
        assert b'"ok"' in answer(browser)
        with sockets(few, 60, "127.0.0.1"):
            time.sleep(0.2)
            browser.sendall(ask)
            assert b'"ok"' in answer(browser)


def answer(browser: socket.socket) -> bytes:
    """Headers and a JSON object, which may come in pieces; less if the connection is closed before."""
    received = b""
    while not received.endswith(b"}") and (piece := browser.recv(4096)):
        received += piece
    return received


def test_what_is_being_answered_is_not_closed_for_others_and_health_is_told_all_the_same(few: Running) -> None:
    stream = b"GET /gradio_api/heartbeat/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with sockets(few, 10, "127.0.0.2", stream) as streams:
        for each in streams:
            assert each.recv(9) == b"HTTP/1.1 "
        with from_address(few, "127.0.0.2") as same, from_address(few, "127.0.0.3") as other:
            busy = same.get("/config")
            assert busy.status_code == 503
            assert busy.headers["Retry-After"]
            assert same.get("/healthz").status_code == 200
            assert other.get("/config").status_code == 200
        assert all(each.recv(1) for each in streams)  # still the answer that it was


def test_headers_have_to_come_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colorize.web.server._HEADER_TIMEOUT_S", 0.3)
    with running(tmp_path) as there:
        started = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
        with sockets(there, 3, "127.0.0.1") as silent, sockets(there, 3, "127.0.0.1", started) as slow:
            for _ in range(10):  # bytes now and then do not help
                time.sleep(0.1)
                for each in slow:
                    with contextlib.suppress(ConnectionError):
                        each.sendall(b"X: y\r\n")
            assert all(map(is_closed, silent + slow))
        there.engine.go.clear()  # what has been asked in time takes as long as it takes
        call = there.call("colorize", photo=there.file(gray()))
        threading.Timer(0.8, there.engine.go.set).start()
        assert there.result("colorize", call)[0] == "complete"


def test_a_body_has_to_come_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colorize.web.guard._BODY_TIMEOUT_S", 0.3)
    ask = b"POST /gradio_api/call/colorize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
    with running(tmp_path) as there, sockets(there, 1, "127.0.0.1", ask) as (slow,):
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")


def test_an_answer_that_nobody_takes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colorize.web.server._STALLED_TIMEOUT_S", 0.3)
    with running(tmp_path) as there:
        path = there.file(bytes(50_000_000))["path"]
        ask = f"GET /gradio_api/file={path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with sockets(there, 1, "127.0.0.1", ask) as (deaf,):
            deaf.recv(1, socket.MSG_PEEK)  # it has begun
            time.sleep(1)
            taken = 0
            with contextlib.suppress(ConnectionError):
                while some := deaf.recv(1 << 20):
                    taken += len(some)
            assert taken < 50_000_000


def test_requests_of_one_address_behind_a_proxy_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colorize.web.guard._MAX_REQUESTS_PER_ADDRESS", 5)
    stream = b"GET /gradio_api/heartbeat/x HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    with running(tmp_path) as there, sockets(there, 5, "127.0.0.1", stream) as streams:
        for each in streams:
            assert each.recv(12) == b"HTTP/1.1 200"
        assert there.http.get("/config", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 429
        assert there.http.get("/healthz", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200
        assert there.http.get("/config", headers={"X-Forwarded-For": "192.0.2.2"}).status_code == 200
        with from_address(there, "127.0.0.2") as stranger:  # who is not believed
            assert stranger.get("/config", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200


def test_a_client_is_its_address_or_its_ipv6_network() -> None:
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8::1") == network_of("2001:db8::2:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("") == ""


def test_proxies_are_told_by_address_network_or_name() -> None:
    proxies = Proxies("127.0.0.1, 10.0.0.0/8,caddy")
    for name in ("127.0.0.1", "10.1.2.3", "caddy"):
        assert name in proxies
    for name in ("127.0.0.2", "11.0.0.1", "", "nginx"):
        assert name not in proxies
    assert "192.0.2.1" in Proxies("*")


# -- folders ---------------------------------------------------------------------------------------------------------
