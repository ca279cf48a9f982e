"""Every part of gradio that is used and not promised: here and nowhere else, each with a test of its own.

`pyproject.toml` bounds gradio's version; before the bound is raised, `tests/web/test_gradio_internals.py` says which of
these broke.
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
    "as_given",
    "describe_endpoints",
    "input_counts",
    "public_endpoints",
    "scope_of",
    "with_nonces",
    "with_own_preview",
]


class Queue:
    """What gradio holds: jobs that wait for it, and those for which somebody waits."""

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page

    def hold_at_once(self, count: int) -> None:
        """Let so many jobs begin: whose turn it is, is not decided by gradio. (`launch(max_threads=…)` does this.)"""
        self._page._queue.max_thread_count = count

    def knows_session(self, session: str) -> bool:
        """Whether somebody has asked for anything in a session."""
        return session in self._page._queue.pending_messages_per_session

    def knows_job(self, name: str) -> bool:
        """Whether a job waits, runs, or has an answer that nobody has fetched."""
        queue = self._page._queue
        pending = queue.pending_event_ids_session.values()
        return name in queue.event_ids_to_events or any(name in names for names in pending)

    def scopes(self) -> Iterator[MutableMapping[str, Any]]:
        """Of the requests that have asked for these jobs."""
        for event in self._events():
            yield event.request.scope

    def _events(self) -> list[Event]:
        queue = self._page._queue
        waiting = [event for each in queue.event_queue_per_concurrency_id.values() for event in each.queue]
        return waiting + [event for events in queue.active_jobs if events for event in events]


class Endpoint(NamedTuple):
    """What a job may be asked for with."""

    required: tuple[str, ...]
    parameters: tuple[str, ...]


def public_endpoints(page: gr.Blocks) -> dict[str, Endpoint]:
    """Those for programs, by name."""
    found = {}
    for name, told in page.get_api_info()["named_endpoints"].items():
        required = [each["parameter_name"] for each in told["parameters"] if not each["parameter_has_default"]]
        every = [each["parameter_name"] for each in told["parameters"]]
        found[name.removeprefix("/")] = Endpoint(tuple(required), tuple(every))
    return found


def input_counts(page: gr.Blocks) -> dict[int, int]:
    """How many values each function that runs on the server takes, by gradio's number of it."""
    return {index: len(each.inputs) for index, each in page.fns.items() if each.fn is not None}


def as_given(component: gr.Slider | gr.Radio) -> None:
    """Have a component hand on whatever it is given: what is wrong with it is told in this program's words.

    gradio would tell it by a traceback. (A class of one's own would have gradio write a .pyi file beside this one.)
    """
    component.preprocess = lambda payload: payload  # type: ignore[method-assign]


_OF_GRADIO = re.compile(r'[ \t]*<meta\s+(?:property="og:|name="twitter:)[^>]*/>\n?')
_FIRST_META = '<meta charset="utf-8" />'
_SCRIPT = re.compile(r"<script(?=[\s>])")


def with_own_preview(html: str, preview: str) -> str:
    """The page with `preview` in its head, in place of what it tells of gradio to whom it is sent as a link.

    `Blocks(head=…)` would not do: gradio's script writes that into the page, which nobody runs to make a preview.
    """
    return _OF_GRADIO.sub("", html).replace(_FIRST_META, f"{_FIRST_META}{preview}", 1)


def with_nonces(html: str, nonce: str) -> str:
    """The page with a nonce on each script that gradio's template has in it."""
    return _SCRIPT.sub(f'<script nonce="{nonce}"', html)


def scope_of(request: gr.Request) -> MutableMapping[str, Any]:
    """The ASGI scope of the request that asked for a job. (`request.scope` would be a copy of it as JSON.)"""
    assert request.request is not None
    scope: MutableMapping[str, Any] = request.request.scope
    return scope


def describe_endpoints(page: gr.Blocks) -> None:
    """Label what endpoints take and give by their docstrings; gradio would call them "1st", "2nd" …

    Within the page's `with`: afterwards it is too late.
    """
    for endpoint in page.fns.values():
        if endpoint.fn is None:  # it runs in the browser alone
            continue
        _, parameters, returned = get_function_description(endpoint.fn)
        taken = [text for name, text in parameters.items() if name != "request"]
        for component, text in zip([*endpoint.inputs, *endpoint.outputs], [*taken, *returned], strict=False):
            setattr(component, "label", text)  # noqa: B010 (which not every block has)
