"""What is sent along with every answer, and how much is sent."""

from __future__ import annotations

import re

import pytest

from tests.web.conftest import LEAKS, Running, gray

pytestmark = [pytest.mark.web, *LEAKS]


def policy(server: Running, path: str) -> dict[str, str]:
    header = server.http.get(path).headers["content-security-policy"]
    return {part.split()[0]: part.partition(" ")[2] for part in re.split(r"; ", header)}


def test_in_the_page_only_its_own_scripts_run_and_it_is_framed_by_nobody(server: Running) -> None:
    directives = policy(server, "/")
    assert directives["default-src"] == directives["form-action"] == directives["frame-ancestors"] == "'none'"
    assert "'unsafe-inline'" not in directives["script-src"]
    for value in directives.values():
        assert not re.search(r"https?:|\*", value)
    nonces = {re.findall(r"'nonce-(\S+)'", policy(server, "/")["script-src"])[0] for _ in range(3)}
    assert len(nonces) == 3  # each is for once
    page = server.http.get("/")
    (nonce,) = re.findall(r"'nonce-(\S+)'", page.headers["content-security-policy"])
    scripts = re.findall(r"<script[^>]*>", page.text)
    assert scripts and all(f'nonce="{nonce}"' in script for script in scripts)


def test_no_other_answer_runs_a_script(server: Running) -> None:
    upload = server.file(b"<script>alert(1)</script>", "a.html")["path"]
    for path in ("/config", "/study/index.html", "/healthz", "/nothing", f"/gradio_api/file={upload}"):
        directives = policy(server, path)
        assert directives["default-src"] == "'none'"
        assert "script-src" not in directives
        headers = server.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_what_is_text_is_sent_compressed_and_photos_as_they_are(server: Running) -> None:
    for path in ("/", "/config", "/study/index.html", "/gradio_api/info"):
        answer = server.http.get(path, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.num_bytes_downloaded < len(answer.content) / 3
        plain = server.http.get(path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
    for path in ("/study/shapes.jpg", f"/gradio_api/file={server.file(gray(300, 300))['path']}"):
        assert "content-encoding" not in server.http.get(path, headers={"Accept-Encoding": "gzip"}).headers
    assert server.http.get("/", headers={"Accept-Encoding": "gzip"}).num_bytes_downloaded < 50_000


def test_a_link_to_it_is_previewed_as_this_program(server: Running) -> None:
    head = server.http.get("/").text.partition("</head>")[0].partition("<script")[0]
    assert "<title>Colorize</title>" in head
    preview = dict(re.findall(r'<meta (?:property|name)="((?:og|twitter):\w+)" content="([^"]*)"', head))
    assert preview["og:title"] == "Colorize"
    assert preview["og:description"] == "Believable color for grayscale photographs"
    assert not re.search("gradio", "".join(re.findall(r"<meta[^>]*>", server.http.get("/").text)), re.IGNORECASE)


def test_head_tells_what_get_would(server: Running) -> None:
    head, page = server.http.head("/"), server.http.get("/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == page.headers["content-type"]
