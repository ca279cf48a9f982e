"""What stands before gradio: who may ask what, and how much of it.

Gradio offers more than this page needs: it fetches addresses, serves what others uploaded, and mounted in another app
it takes any path of the machine for an upload. So only what is listed here reaches it, with paths of our own store.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from colorize.web.accounts import Accounts
from colorize.web.limits import Limits
from colorize.web.metrics import Metrics
from colorize.web.store import Store
from colorize.web.texts import Texts, in_language_of

API = "/gradio_api"
CLIENT = "colorize.client"  # in a request's scope: whose it is

_OPEN = frozenset({"/healthz", "/metrics"})  # also without a password: they tell numbers only
_GET = re.compile(
    r"/|/healthz|/metrics|/favicon\.ico|/manifest\.json|/robots\.txt|/theme\.css|/config/?"
    r"|/(?:assets|static|svelte)/.*|/study/[\w.-]+"
    rf"|{API}/(?:info/?|openapi\.json|startup-events|queue/data|heartbeat/[^/]+)"
    rf"|{API}/call/(?:v2/)?\w+/\w+"
    rf"|{API}/file=.*"
)
_JOB = re.compile(rf"{API}/(?:queue/join|call/(?:v2/)?\w+)/?")
_POST = re.compile(rf"{API}/(?:upload|cancel|reset)/?|{_JOB.pattern}")
_UPLOAD = f"{API}/upload"
_LARGEST_BODY = 1_000_000  # bytes of anything but an upload
_TOO_LARGE = object()
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # The page's own scripts are inline and made at run time; that nothing comes from elsewhere is what this is for.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self'",
}


class Jobs(Protocol):
    """What is going on, by client."""

    closing: bool  # no new ones are taken

    def waiting(self) -> int: ...

    def of(self, client: str) -> int: ...


class Refusal(NamedTuple):
    """An answer that is not what was asked for, in the asker's language."""

    status: int
    text: str
    headers: dict[str, str] | None = None

    def response(self) -> Response:
        # Both names: gradio's clients look for the one, FastAPI's for the other.
        return JSONResponse({"detail": self.text, "error": self.text}, self.status, self.headers)


class Guard:
    """ASGI middleware around the whole server."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        store: Store,
        limits: Limits,
        metrics: Metrics,
        jobs: Jobs,
        accounts: Accounts | None = None,
    ) -> None:
        self._app = app
        self._store = store
        self._limits = limits
        self._metrics = metrics
        self._jobs = jobs
        self._accounts = accounts
        self._one_by_one = asyncio.Lock()  # between counting a client's jobs and taking another one

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no websockets
        headers = Headers(scope=scope)
        texts = in_language_of(headers.get("accept-language", ""))
        send = _with_headers(send)
        refusal = self._asked_wrongly(scope, headers, texts)
        if refusal is None and scope["method"] == "POST" and scope["path"].rstrip("/") != _UPLOAD:
            content = _parsed(await _body(receive))
            async with self._one_by_one:
                refusal = self._content_refused(scope, content, texts)
                if refusal is None:
                    # What has been looked at, not what came: no two readers of JSON agree on everything.
                    await self._app(scope, _again(json.dumps(content).encode(), receive), send)
                    return
        if refusal is None:
            await self._app(scope, receive, send)
            return
        self._metrics.refused.labels(refusal.status).inc()
        await refusal.response()(scope, receive, send)

    def _asked_wrongly(self, scope: Scope, headers: Headers, texts: Texts) -> Refusal | None:
        """What is wrong with a request before its body is read. Notes whose it is."""
        scope[CLIENT] = scope["client"][0] if scope.get("client") else ""
        method, path = scope["method"], scope["path"]
        if self._accounts is not None and path not in _OPEN:
            who = self._accounts.who(headers.get("authorization", ""))
            if who is None:
                wanted = {"WWW-Authenticate": 'Basic realm="Colorize", charset="UTF-8"'}
                return Refusal(HTTPStatus.UNAUTHORIZED, texts["password_needed"], wanted)
            scope[CLIENT] = who
        allowed = {"GET": _GET, "HEAD": _GET, "POST": _POST}.get(method)
        if allowed is None or not allowed.fullmatch(path):
            return Refusal(HTTPStatus.NOT_FOUND, texts["not_found"])
        if method == "POST" and headers.get("sec-fetch-site") == "cross-site":
            return Refusal(HTTPStatus.FORBIDDEN, texts["other_site"])
        return None

    def _content_refused(self, scope: Scope, content: object, texts: Texts) -> Refusal | None:
        """What is wrong with a body, and whether there is room for the job that it asks for."""
        if content is _TOO_LARGE:
            return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, texts["body_too_large"])
        if not isinstance(content, dict):
            return Refusal(HTTPStatus.BAD_REQUEST, texts["not_json"])
        if not _JOB.fullmatch(scope["path"]):
            return None
        if any(not isinstance(path, str) or self._store.find(path) is None for path in _paths(content)):
            return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, texts["no_such_upload"])
        soon = {"Retry-After": "10"}
        if self._jobs.closing:
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, texts["closing"], soon)
        if self._jobs.of(scope[CLIENT]) >= self._limits.per_client:
            return Refusal(
                HTTPStatus.TOO_MANY_REQUESTS, texts["too_many_jobs"].format(count=self._limits.per_client), soon
            )
        if self._jobs.waiting() >= self._limits.queue:
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, texts["queue_full"], soon)
        return None


def _paths(content: object) -> Iterator[object]:
    """Whatever gradio, or this page, would take for the path of a file, however deep it lies."""
    rest = [content]
    while rest:
        each = rest.pop()
        if isinstance(each, dict):
            if "path" in each:
                yield each["path"]
            rest.extend(each.values())
        elif isinstance(each, list):
            rest.extend(each)


def _parsed(body: bytes | None) -> object:
    """What a body says; `_TOO_LARGE` for None, None if it is no JSON."""
    if body is None:
        return _TOO_LARGE
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None if it is too large."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > _LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """What has been received, once more; then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_headers(send: Send) -> Callable[[Any], Any]:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            ours = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
            message["headers"] = [*message["headers"], *(each for each in ours if each[0] not in there)]
        await send(message)

    return with_headers
