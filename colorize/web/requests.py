"""Checks of requests that gradio would answer with a traceback. They are refused with a clear message."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, NamedTuple

import gradio as gr
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from colorize.web.gradio_internals import Queue, input_counts, public_endpoints
from colorize.web.texts import Texts

API = "/gradio_api"

_CALL = re.compile(rf"{API}/call/(?P<v2>v2/)?(?P<name>\w+)/?")
_ANSWER = re.compile(rf"{API}/call/(?:v2/)?(?P<name>\w+)/(?P<job>\w+)")
_JOIN, _DATA = f"{API}/queue/join", f"{API}/queue/data"
_LEAVE = (f"{API}/cancel", f"{API}/reset")


class Refusal(NamedTuple):
    """An answer that says why a request is refused, in the user's language."""

    status: int
    text: str
    headers: dict[str, str] | None = None

    def response(self) -> Response:
        # gradio's clients read one of the two, FastAPI's the other.
        return JSONResponse({"detail": self.text, "error": self.text}, self.status, self.headers)


class Requests:
    """Checks requests against the inputs that the page's functions take."""

    def __init__(self, page: gr.Blocks, queue: Queue) -> None:
        """Look up what the page's functions take.

        Args:
            page: with all its endpoints.
            queue: that of the page, which knows sessions and jobs.
        """
        self._queue = queue
        self._endpoints = public_endpoints(page)
        self._counts = input_counts(page)

    def check_get(self, scope: Scope, texts: Texts) -> Refusal | None:
        """Check a GET request. Removes its query unless the page needs it.

        Args:
            scope: of the request; its query is removed in place.
            texts: of the user's language.

        Returns:
            Why it is refused; None if it is not.
        """
        path, query = scope["path"], scope["query_string"]
        gone = Refusal(HTTPStatus.NOT_FOUND, texts["no_such_job"])
        if path == _DATA:
            return None if self._queue.knows_session(QueryParams(query).get("session_hash", "")) else gone
        scope["query_string"] = b""  # gradio would read the name of a page or of a state from it
        if match := _ANSWER.fullmatch(path):
            if match["name"] not in self._endpoints:
                return self._no_such_endpoint(match["name"], texts)
            return None if self._queue.knows_job(match["job"]) else gone
        return None

    def check_post(self, path: str, content: dict[str, Any], texts: Texts) -> Refusal | None:
        """Check the JSON body of a POST request.

        Args:
            path: of the request.
            content: its body, parsed.
            texts: of the user's language.

        Returns:
            Why it is refused; None if it is not.
        """
        path = path.rstrip("/")
        if path in _LEAVE:
            return self._wrong_cancel(content, texts)
        if path == _JOIN:
            return self._wrong_join(content, texts)
        if match := _CALL.fullmatch(path):
            if match["name"] not in self._endpoints:
                return self._no_such_endpoint(match["name"], texts)
            check = self._wrong_parameters if match["v2"] else self._wrong_data
            return check(match["name"], content, texts)
        return None

    def _wrong_parameters(self, name: str, content: dict[str, Any], texts: Texts) -> Refusal | None:
        endpoint = self._endpoints[name]
        unknown = [each for each in content if each not in endpoint.parameters]
        missing = [each for each in endpoint.required if each not in content]
        if not unknown and not missing:
            return None
        key, wrong = ("unknown_parameter", unknown) if unknown else ("missing_parameter", missing)
        text = texts[key].format(name=wrong[0][:80], expected=", ".join(endpoint.parameters))
        return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, text)

    def _wrong_data(self, name: str, content: dict[str, Any], texts: Texts) -> Refusal | None:
        return _wrong_values(content.get("data"), len(self._endpoints[name].parameters), texts)

    def _wrong_join(self, content: dict[str, Any], texts: Texts) -> Refusal | None:
        index = content.get("fn_index")
        if type(index) is not int or index not in self._counts:
            return self._no_such_endpoint(f"fn_index {str(index)[:80]}", texts)
        if not _is_name(content.get("session_hash")):
            return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, texts["wrong_request"])
        return _wrong_values(content.get("data"), self._counts[index], texts)

    def _wrong_cancel(self, content: dict[str, Any], texts: Texts) -> Refusal | None:
        names = [content.get("session_hash", ""), content.get("event_id", "")]
        if all(isinstance(each, str) for each in names) and type(content.get("fn_index", 0)) is int:
            return None
        return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, texts["wrong_request"])

    def _no_such_endpoint(self, name: str, texts: Texts) -> Refusal:
        text = texts["no_such_endpoint"].format(name=name, expected=", ".join(self._endpoints))
        return Refusal(HTTPStatus.NOT_FOUND, text)


def _wrong_values(data: object, count: int, texts: Texts) -> Refusal | None:
    if isinstance(data, list) and len(data) == count:
        return None
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, texts["wrong_data"].format(count=count))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100
