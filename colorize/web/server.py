"""The HTTP server: limits and timeouts of connections, and a graceful shutdown."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from colorize.web.addresses import Proxies, network_of
from colorize.web.guard import HEALTH
from colorize.web.service import Service

_MAX_CONNECTIONS = 1000
_MAX_CONNECTIONS_PER_ADDRESS = 200  # a school may share one address; a browser opens six
_HEADER_TIMEOUT_S = 10.0  # from connecting, or the first byte of a request, to the end of its headers
_STALLED_TIMEOUT_S = 60.0  # without a client reading any of its answer
SHUTDOWN_GRACE_S = 3  # to send the last results


class Server(uvicorn.Server):
    """At the first signal, takes no new jobs and ends when all jobs are done. At the second, ends at once."""

    def __init__(self, service: Service, at_once: Callable[[int], None] | None = None, **settings: Any) -> None:
        """Nothing is served yet.

        Args:
            service: what is served.
            at_once: called with the number of a second signal; it ends the program.
            settings: further ones, as of `uvicorn.Config`.
        """
        super().__init__(
            _Config(
                service.app,
                http=_Protocol,
                timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
                server_header=False,
                ws="none",
                **settings,
            )
        )
        self._jobs = service.jobs
        self._at_once = at_once

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's own)
        if self._jobs.closing:  # the second signal
            self.force_exit = True
            self.should_exit = True
            if self._at_once:
                self._at_once(sig)
        self._jobs.closing = True

    async def on_tick(self, counter: int) -> bool:
        if self._jobs.closing and not self._jobs.waiting() and not self._jobs.running():
            self.should_exit = True
        return await super().on_tick(counter)


class _Config(uvicorn.Config):
    """uvicorn's settings, with the open connections of the server."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.open_connections = _Connections(Proxies(self.forwarded_allow_ips))


class _Connections:
    """The open connections. Where there are too many, the oldest idle one is closed."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies  # they carry requests of many clients, which the guard counts
        self._open: dict[_Protocol, str] = {}  # by age; the client that each counts for, "" for a proxy
        self._of: Counter[str] = Counter()

    def add(self, connection: _Protocol) -> bool:
        """Add a connection. False if there is no room: it may only ask for `/healthz`."""
        address = connection.client[0] if connection.client else ""
        whose = "" if address in self._proxies else network_of(address)
        self._open[connection] = whose
        self._of[whose] += 1
        fits = not whose or self._of[whose] <= _MAX_CONNECTIONS_PER_ADDRESS or self._drop_one_of(whose, connection)
        return fits and (len(self._open) <= _MAX_CONNECTIONS or self._drop_one_of(None, connection))

    def discard(self, connection: _Protocol) -> None:
        whose = self._open.pop(connection, None)
        if whose is not None:
            self._of[whose] -= 1
            self._of += Counter()  # drop zero counts

    def _drop_one_of(self, whose: str | None, new: _Protocol) -> bool:
        """Close the oldest idle connection of a client, or of all if `whose` is None. False if none is idle.

        Connections that never sent a request are closed before others.
        """
        idle = [each for each, of in self._open.items() if each is not new and whose in (None, of) and each.is_idle]
        dropped = next((each for each in idle if each.is_silent), None) or next(iter(idle), None)
        if dropped is None:
            return False
        self.discard(dropped)
        dropped.transport.abort()
        return True


class _Protocol(H11Protocol):
    """uvicorn's HTTP protocol with timeouts for headers and for stalled readers, and with limits of connections."""

    config: _Config

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._head = _Timer(self._abort)
        self._stalled = _Timer(self._abort)

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return not self._is_answering() and not self.transport.get_write_buffer_size()

    @property
    def is_silent(self) -> bool:
        """Whether no request ever came."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn says that it is always there
        return cycle is None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        if not self.config.open_connections.add(self):
            self.app = _only_health(self.app)
        self._head.start(_HEADER_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self.config.open_connections.discard(self)
        self._head.stop()
        self._stalled.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_answering():
            self._head.start(_HEADER_TIMEOUT_S)
        super().data_received(data)
        if self._is_answering():
            self._head.stop()

    def on_response_complete(self) -> None:
        self._head.stop()  # until the next request begins, uvicorn's own timer runs
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled.start(_STALLED_TIMEOUT_S)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stalled.stop()

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn says that it is always there
        return cycle is not None and not cycle.response_complete

    def _abort(self) -> None:
        self.transport.abort()


class _Timer:
    """Calls a function after a time, unless it is stopped."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> None:
        """Start the timer, unless it runs."""
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(seconds, self._call)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def _only_health(app: ASGIApp) -> ASGIApp:
    """An app that answers `/healthz` and refuses everything else as busy."""
    text = "Too many connections. Try again in a moment."
    body = json.dumps({"detail": text, "error": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"10"), (b"connection", b"close")]

    async def busy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == HEALTH:
            await app(scope, receive, send)
            return
        headers_ = [*headers, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 503, "headers": headers_})
        await send({"type": "http.response.body", "body": body})

    return busy
