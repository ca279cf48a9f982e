"""What is used of gradio and not promised, piece by piece: a test that fails names what another gradio has changed."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.events import api
from gradio.utils import get_function_description

from colorize.web import gradio_internals as internals
from tests.web.conftest import LEAKS, Running, gray

pytestmark = [pytest.mark.web, *LEAKS]
ROOT = Path(__file__).parents[2]
WEB = ROOT / "colorize" / "web"
ASSETS = Path(gr.__file__).parent / "templates" / "frontend"


@pytest.fixture
def page() -> Any:
    with gr.Blocks(analytics_enabled=False) as page:

        def first(photo: str, strength: float = 1.0) -> str:
            """Something.

            Parameters:
                photo: the photo
                strength: how much

            Returns:
                what comes out
            """
            return f"{photo}{strength}"

        api(first)
        internals.describe_endpoints(page)
        gr.Button().click(None, js="() => 1")
    return page


def test_gradio_is_bounded_above() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (bound,) = (each for each in extras["web"] if each.startswith("gradio"))
    assert re.fullmatch(r"gradio>=[\d.]+,<[\d.]+", bound)


def test_nothing_of_gradios_own_is_used_elsewhere() -> None:
    promised = {"gradio", "gradio.events"}
    for path in WEB.rglob("*.py"):
        if path.name == "gradio_internals.py":
            continue
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "gradio":
                assert node.module in promised, path
        assert not re.search(r"(?<!self)\._queue", text), path
    for path in (WEB / "parts").glob("*.js"):
        if path.name != "gradio.js":
            assert not re.search(
                r"gradio_config|window\.fetch|/queue/|tab-wrapper|show-api", path.read_text(encoding="utf-8")
            ), path


def test_the_queue_holds_as_many_jobs_as_it_is_told(page: gr.Blocks) -> None:
    internals.Queue(page).set_max_threads(7)
    assert page._queue.max_thread_count == 7


def test_the_queue_knows_jobs_sessions_and_the_requests_that_asked(server: Running) -> None:
    queue = server.service.queue
    server.engine.go.clear()
    try:
        call = server.call("colorize", photo=server.file(gray()))
        event = call.json()["event_id"]
        assert queue.knows_job(event)
        assert queue.knows_session(event)
        assert not queue.knows_job("other") and not queue.knows_session("other")
        assert [scope["path"] for scope in queue.scopes()] == ["/gradio_api/call/v2/colorize"]
    finally:
        server.engine.go.set()
    server.until(lambda: not list(queue.scopes()))
    assert queue.knows_job(event)  # its answer waits
    assert server.result("colorize", call)[0] == "complete"
    assert not queue.knows_job(event)


def test_endpoints_tell_their_parameters(page: gr.Blocks) -> None:
    assert internals.public_endpoints(page) == {"first": internals.Endpoint(("photo",), ("photo", "strength"))}


def test_functions_tell_how_many_values_they_take(page: gr.Blocks) -> None:
    assert internals.input_counts(page) == {0: 2}


def test_docstrings_are_read_and_become_labels(page: gr.Blocks) -> None:
    def documented(photo: str) -> None:
        """Does it.

        Parameters:
            photo: the photo
        """

    assert get_function_description(documented) == ("Does it.", {"photo": "the photo"}, [])
    endpoint = page.get_api_info()["named_endpoints"]["/first"]
    assert [each["label"] for each in endpoint["parameters"]] == ["the photo", "how much"]
    assert [each["label"] for each in endpoint["returns"]] == ["what comes out"]


def test_a_request_knows_its_scope() -> None:
    from starlette.requests import Request

    scope = {"type": "http", "headers": [], "own": object()}
    assert internals.scope_of(gr.Request(request=Request(scope))) is scope


def test_the_template_has_what_is_put_in_its_place() -> None:
    html = (ASSETS / "index.html").read_text(encoding="utf-8")
    assert "og:title" in html and "twitter:creator" in html
    own = internals.with_own_preview(html, "<title>Own</title>")
    assert "og:" not in own and "twitter:" not in own
    assert "<title>Own</title>" in own
    scripts = len(re.findall("<script", html))
    assert scripts >= 3
    assert internals.with_nonces(html, "abc").count('<script nonce="abc"') == scripts
    assert '<base href="' in html  # by which the parts know where they are


def test_the_client_asks_for_jobs_where_refusals_are_looked_for() -> None:
    scripts = [path.read_text(encoding="utf-8", errors="replace") for path in ASSETS.rglob("*.js")]
    assert scripts, f"gradio no longer has its scripts as files under {ASSETS}: look for these words where they are now"
    for used in ("queue/join", "queue/data", "process_completed", "close_stream", "show-api", "tab-wrapper"):
        assert any(used in text for text in scripts), used
