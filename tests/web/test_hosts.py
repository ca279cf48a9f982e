"""Which names a server answers to, and whose pages may ask."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers

from colorize.web.hosts import Hosts
from tests.web.conftest import LEAKS, Running, gradio_client, gray, running

pytestmark = [pytest.mark.web, *LEAKS]


def answers(hosts: Hosts, **headers: str) -> bool:
    return hosts.refused(Headers({name.replace("_", "-"): value for name, value in headers.items()})) is None


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST:7860", "127.0.0.1", "127.0.0.1:80", "[::1]:7860", "localhost."]
)
def test_this_computers_own_names_are_answered(name: str) -> None:
    assert answers(Hosts(), host=name)


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "evil.example:7860",
        "127.0.0.1.evil.example",
        "192.0.2.1",
        "",
        "a@localhost",
        "localhost/x",
        "[::1",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    assert not answers(Hosts(), host=name)
    assert not answers(Hosts(), host="localhost", x_forwarded_host=name or "x")
    assert not answers(Hosts(), host="localhost", x_forwarded_host=f"localhost, {name or 'x'}")


def test_names_that_are_given_are_answered() -> None:
    hosts = Hosts("127.0.0.1", ["photos.example.org", " Other.example "])
    assert answers(hosts, host="photos.example.org:8443", x_forwarded_host="other.example")
    assert not answers(hosts, host="sub.photos.example.org")
    assert answers(Hosts("192.0.2.1"), host="192.0.2.1:7860")


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_who_listens_on_all_addresses_is_asked_by_any_of_them_and_by_its_own_name(address: str) -> None:
    hosts = Hosts(address)
    for name in ("192.0.2.1:7860", "[2001:db8::1]", "localhost", socket.gethostname(), f"{socket.gethostname()}.local"):
        assert answers(hosts, host=name)
    assert not answers(hosts, host="evil.example")


def test_a_site_whose_name_is_turned_to_this_server_reads_nothing(server: Running) -> None:
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}):
        for path in ("/", "/config", "/metrics", "/gradio_api/info"):
            answer = server.http.get(path, headers=headers)
            assert answer.status_code == 421
            assert answer.json()["detail"].startswith(
                "This server is not called evil.example: start it with --allowed-h"
            )
        assert server.upload(gray(), **headers).status_code == 421
        assert server.http.get("/healthz", headers=headers).status_code == 200  # of those who look after it


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1"},
    ],
)
def test_another_sites_page_changes_nothing(server: Running, headers: dict[str, str]) -> None:
    assert server.upload(gray(), **headers).status_code == 403
    photo = server.file(gray())
    ask = server.http.post("/gradio_api/call/v2/colorize", json={"photo": photo}, headers=headers)
    assert ask.status_code == 403
    assert ask.json()["detail"] == "Only the page itself may ask this."


def test_the_page_itself_and_programs_may(server: Running, tmp_path: Path) -> None:
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": server.url}):
        assert server.upload(gray(), **headers).status_code == 200
    with gradio_client(server) as client:
        assert client.view_api(return_format="dict")


def test_behind_a_proxy_the_page_is_asked_by_the_proxys_name(tmp_path: Path) -> None:
    with running(tmp_path, hosts=Hosts("127.0.0.1", ["photos.example.org"])) as there, contextlib.closing(there.http):
        forwarded = {"X-Forwarded-Host": "photos.example.org:8443", "X-Forwarded-Proto": "https"}
        config = there.http.get("/config", headers=forwarded).json()
        assert config["root"] == "https://photos.example.org:8443"
        ours = forwarded | {"Origin": "https://photos.example.org:8443"}
        assert there.upload(gray(), **ours).status_code == 200
        theirs = forwarded | {"Origin": "https://photos.example.org"}
        assert there.upload(gray(), **theirs).status_code == 403
        host = {"Host": "photos.example.org", "X-Forwarded-Proto": "https", "Origin": "https://photos.example.org"}
        assert httpx.get(f"{there.url}/config", headers=host, trust_env=False).status_code == 200
        assert there.upload(gray(), **host).status_code == 200
