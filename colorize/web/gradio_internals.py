"""All uses of gradio's private parts. No other module uses any, and each use has a test.

`pyproject.toml` bounds gradio's version. Before you raise the bound, run `tests/web/test_gradio_internals.py`: it shows
which of these broke.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any, NamedTuple

import gradio as gr
from gradio.queueing import Event
from gradio.utils import get_function_description

__all__ = [
    "Endpoint",
    "Queue",
    "describe_endpoints",
    "input_counts",
    "public_endpoints",
    "scope_of",
    "with_nonces",
    "with_own_preview",
]


class Queue:
    """gradio's queue: waiting jobs, running jobs, and answers that nobody has fetched."""

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page

    def set_max_threads(self, count: int) -> None:
        """Let `count` jobs start at once: `turns` decides which run. (`launch(max_threads=…)` does the same.)"""
        self._page._queue.max_thread_count = count

    def knows_session(self, session: str) -> bool:
        """Whether a session has asked for a job."""
        return session in self._page._queue.pending_messages_per_session

    def knows_job(self, name: str) -> bool:
        """Whether a job waits, runs, or has an answer that nobody has fetched."""
        return any(name in names for names in self._page._queue.pending_event_ids_session.values())

    def scopes(self) -> Iterator[MutableMapping[str, Any]]:
        """The ASGI scopes of the requests that asked for waiting and running jobs."""
        for event in self._events():
            yield event.request.scope

    def _events(self) -> list[Event]:
        queue = self._page._queue
        waiting = [event for each in queue.event_queue_per_concurrency_id.values() for event in each.queue]
        return waiting + [event for events in queue.active_jobs if events for event in events]


class Endpoint(NamedTuple):
    """The parameters of an endpoint."""

    required: tuple[str, ...]
    parameters: tuple[str, ...]


def public_endpoints(page: gr.Blocks) -> dict[str, Endpoint]:
    """The endpoints for programs, by name."""
    found = {}
    for name, description in page.get_api_info()["named_endpoints"].items():
        required = [each["parameter_name"] for each in description["parameters"] if not each["parameter_has_default"]]
        every = [each["parameter_name"] for each in description["parameters"]]
        found[name.removeprefix("/")] = Endpoint(tuple(required), tuple(every))
    return found


def input_counts(page: gr.Blocks) -> dict[int, int]:
    """Number of inputs of each function that runs on the server, by its `fn_index`."""
    return {index: len(each.inputs) for index, each in page.fns.items() if each.fn is not None}


_OF_GRADIO = re.compile(r'[ \t]*<meta\s+(?:property="og:|name="twitter:)[^>]*/>\n?')
_FIRST_META = '<meta charset="utf-8" />'
_SCRIPT = re.compile(r"<script(?=[\s>])")


def with_own_preview(html: str, preview: str) -> str:
    """Replace gradio's link preview in the page's head by `preview`.

    `Blocks(head=…)` does not work for this: gradio adds it by script, and programs that make previews run no scripts.

    Args:
        html: the page, as gradio makes it.
        preview: elements of the head, which come after the one that gives the charset.

    Returns:
        The page with them.
    """
    return _OF_GRADIO.sub("", html).replace(_FIRST_META, f"{_FIRST_META}{preview}", 1)


def with_nonces(html: str, nonce: str) -> str:
    """Add a nonce to each script in gradio's template.

    Args:
        html: the page.
        nonce: the one that the page's Content-Security-Policy names.

    Returns:
        The page with it.
    """
    return _SCRIPT.sub(f'<script nonce="{nonce}"', html)


def scope_of(request: gr.Request) -> MutableMapping[str, Any]:
    """The ASGI scope of the request that asked for a job. (`request.scope` is only a copy as JSON.)"""
    assert request.request is not None
    scope: MutableMapping[str, Any] = request.request.scope
    return scope


def describe_endpoints(page: gr.Blocks) -> None:
    """Label inputs and outputs of endpoints by their docstrings. gradio would call them "1st", "2nd" …

    Call it inside `with page`; afterwards it has no effect.
    """
    for endpoint in page.fns.values():
        if endpoint.fn is None:  # it runs in the browser alone
            continue
        _, parameters, returned = get_function_description(endpoint.fn)
        taken = [text for name, text in parameters.items() if name != "request"]
        for component, text in zip([*endpoint.inputs, *endpoint.outputs], [*taken, *returned], strict=False):
            setattr(component, "label", text)  # noqa: B010 (which not every block has)
