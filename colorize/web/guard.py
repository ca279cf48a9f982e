"""The guard before gradio: it checks hosts, passwords, paths, bodies and limits.

gradio offers more than this page needs: it fetches URLs, serves uploads of others, and accepts any path of the machine
as an upload when it is mounted in another app. So only the requests listed here reach it, with paths of our own store.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from colorize.web.accounts import Accounts, TooManyTriesError
from colorize.web.addresses import network_of
from colorize.web.hosts import Hosts, is_cross_site
from colorize.web.limits import Limits
from colorize.web.monitoring import Metrics
from colorize.web.requests import API, Refusal, Requests
from colorize.web.store import Store, shown_name
from colorize.web.texts import Texts, texts_of
from colorize.web.turns import Jobs, QueuedJob
from colorize.web.work import JOB

CLIENT = "colorize.client"  # key in a request's scope: account name or network address

HEALTH = "/healthz"

_OPEN = frozenset({HEALTH, "/metrics"})  # need no password
_RATER = r"/trials/[0-9a-f]{16}"
_GET = re.compile(
    r"/|/healthz|/metrics|/favicon\.ico|/manifest\.json|/robots\.txt|/theme\.css|/config/?"
    r"|/(?:assets|static|svelte)/.*|/study/[\w.-]+"
    rf"|{_RATER}(?:/\w+/(?:left|right)\.png)?"
    rf"|{API}/(?:info/?|openapi\.json|startup-events|queue/data|heartbeat/[^/]+)"
    rf"|{API}/call/(?:v2/)?\w+/\w+"
    rf"|{API}/file=.*"
)
_JOB = re.compile(rf"{API}/(?:queue/join|call/(?:v2/)?\w+)/?")
_POST = re.compile(rf"{API}/(?:upload|cancel|reset)/?|{_JOB.pattern}|{_RATER}")
_UPLOAD = f"{API}/upload"
_MAX_BODY = 1_000_000  # bytes, except for uploads
_BODY_TIMEOUT_S = 30  # for a whole body
_MAX_REQUESTS_PER_ADDRESS = 200  # at a time, also behind a proxy
_TOO_LARGE, _TOO_SLOW = object(), object()
_JSON = (b"content-type", b"application/json")


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
        requests: Requests,
        hosts: Hosts,
        accounts: Accounts | None = None,
    ) -> None:
        """Put the guard around an app.

        Args:
            app: gets the requests that are not refused.
            store: where uploads and results lie; no path outside of it is taken.
            limits: of which queue and per_client matter here.
            metrics: count what is refused.
            jobs: all of the server, which are counted for the limits.
            requests: checks what gradio is asked for.
            hosts: the host names that are accepted.
            accounts: who may use the server; None is everybody.
        """
        self._app = app
        self._store = store
        self._limits = limits
        self._metrics = metrics
        self._jobs = jobs
        self._requests = requests
        self._hosts = hosts
        self._accounts = accounts
        self._one_by_one = asyncio.Lock()  # from counting a client's jobs to adding one
        self._under_way: Counter[str] = Counter()  # requests by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] != "http":
            return  # no websockets
        address = network_of(scope["client"][0] if scope.get("client") else "")
        self._under_way[address] += 1
        try:
            await self._answer(scope, receive, send, address)
        finally:
            self._under_way[address] -= 1
            self._under_way += Counter()  # forget who has none

    async def _answer(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        headers = Headers(scope=scope)
        texts = texts_of(headers)
        if scope["path"] != HEALTH and self._under_way[address] > _MAX_REQUESTS_PER_ADDRESS:
            refusal: Refusal | None = Refusal(HTTPStatus.TOO_MANY_REQUESTS, texts["too_many_requests"])
        else:
            refusal = self._check_host(scope, headers, texts)
            refusal = refusal or await self._check_password(scope, headers, texts, address)
        refusal = refusal or self._check_request(scope, headers, texts)
        if refusal is None and scope["method"] == "POST" and scope["path"].rstrip("/") != _UPLOAD:
            content = await _content(receive)
            async with self._one_by_one:
                refusal = self._check_content(scope, content, texts)
                if refusal is None:
                    # Pass on what was checked, not the raw body: JSON parsers differ in details. FastAPI takes
                    # it for text unless it is called JSON, as curl's -d does not.
                    scope["headers"] = [*(each for each in scope["headers"] if each[0] != b"content-type"), _JSON]
                    await self._app(scope, _replay(json.dumps(content).encode(), receive), send)
                    return
        if refusal is None:
            await self._app(scope, receive, send)
            return
        self._metrics.refused.labels(refusal.status).inc()
        await refusal.response()(scope, receive, send)

    def _check_host(self, scope: Scope, headers: Headers, texts: Texts) -> Refusal | None:
        """Refuse a request for a host name that is not this server's."""
        name = None if scope["path"] == HEALTH else self._hosts.refused(headers)
        if name is None:
            return None
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, texts["other_host"].format(name=shown_name(name)[:200]))

    async def _check_password(self, scope: Scope, headers: Headers, texts: Texts, address: str) -> Refusal | None:
        """Refuse a request without the password that it needs. Sets `CLIENT` in its scope."""
        scope[CLIENT] = address
        if self._accounts is None or scope["path"] in _OPEN:
            return None
        try:
            name = await self._accounts.authenticate(headers.get("authorization", ""), address)
        except TooManyTriesError as error:
            text = texts["too_many_tries"].format(seconds=error.seconds)
            return Refusal(HTTPStatus.TOO_MANY_REQUESTS, text, {"Retry-After": str(error.seconds)})
        if name is None:
            wanted = {"WWW-Authenticate": 'Basic realm="Colorize", charset="UTF-8"'}
            return Refusal(HTTPStatus.UNAUTHORIZED, texts["password_needed"], wanted)
        scope[CLIENT] = name
        return None

    def _check_request(self, scope: Scope, headers: Headers, texts: Texts) -> Refusal | None:
        """Refuse by method, path and headers, before the body is read."""
        method, path = scope["method"], scope["path"]
        allowed = {"GET": _GET, "HEAD": _GET, "POST": _POST}.get(method)
        if allowed is None or not allowed.fullmatch(path):
            return Refusal(HTTPStatus.NOT_FOUND, texts["not_found"])
        if method == "POST" and is_cross_site(headers):
            return Refusal(HTTPStatus.FORBIDDEN, texts["other_site"])
        if method != "POST":
            return self._requests.check_get(scope, texts)
        return None

    def _check_content(self, scope: Scope, content: object, texts: Texts) -> Refusal | None:
        """Refuse a wrong body, or a job beyond the limits. Sets `JOB` in the scope of a request for a job."""
        if content is _TOO_LARGE:
            return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, texts["body_too_large"])
        if content is _TOO_SLOW:
            return Refusal(HTTPStatus.REQUEST_TIMEOUT, texts["upload_too_slow"])
        if not isinstance(content, dict):
            return Refusal(HTTPStatus.BAD_REQUEST, texts["not_json"])
        wrong = self._requests.check_post(scope["path"], content, texts)
        if wrong or not _JOB.fullmatch(scope["path"]):
            return wrong
        if any(not isinstance(path, str) or self._store.find(path) is None for path in _paths(content)):
            return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, texts["no_such_upload"])
        soon = {"Retry-After": "10"}
        if self._jobs.closing:
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, texts["closing"], soon)
        if self._jobs.of(scope[CLIENT]) >= self._limits.per_client:
            return Refusal(
                HTTPStatus.TOO_MANY_REQUESTS, texts["too_many_jobs"].format(count=self._limits.per_client), soon
            )
        if self._jobs.is_full(self._limits.queue):
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, texts["queue_full"], soon)
        if self._store.is_full():
            return Refusal(HTTPStatus.INSUFFICIENT_STORAGE, texts["storage_full"], soon)
        scope[JOB] = QueuedJob(scope[CLIENT])
        return None


def _paths(content: object) -> Iterator[object]:
    """All values, at any depth, that gradio or this page would take for the path of a file."""
    rest = [content]
    while rest:
        each = rest.pop()
        if isinstance(each, dict):
            if "path" in each:
                yield each["path"]
            rest.extend(each.values())
        elif isinstance(each, list):
            rest.extend(each)


async def _content(receive: Receive) -> object:
    """Read and parse a JSON body. `_TOO_LARGE` or `_TOO_SLOW` if it is; None if it is not JSON."""
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            body = await _body(receive)
    except TimeoutError:
        return _TOO_SLOW
    if body is None:
        return _TOO_LARGE
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


async def _body(receive: Receive) -> bytes | None:
    """Read the whole body; None if it is too large."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > _MAX_BODY:
            return None
        if not message.get("more_body"):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give `body` as the next message, then whatever `receive` gives."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
