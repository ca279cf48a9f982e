"""The server: the page and its endpoints behind the guard, uploads and files, health and metrics, and how it ends."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request
from gradio.queueing import Event
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.types import Message

from colorize import __version__
from colorize.web.accounts import Accounts
from colorize.web.guard import API, CLIENT, Guard, Refusal
from colorize.web.limits import MB, Limits
from colorize.web.metrics import CONTENT_TYPE_LATEST
from colorize.web.page import LOOKS, build_page
from colorize.web.store import safe_name
from colorize.web.studio import Studio
from colorize.web.study import study_files
from colorize.web.texts import by_locale, in_language_of

_SWEPT_EVERY = 60  # seconds
_FORM_OVERHEAD = 100_000  # bytes of a form around its files
_MOST_CONNECTIONS = 1000
_SESSIONS = 500  # whose settings gradio remembers; each takes some 100 KB
_LAST_WORDS = 3  # seconds to hand out the last results
# Nothing is told to gradio's makers, and no statistics are made after each job, of all jobs before it.
_GRADIO = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
}
# What browsers show; anything else is for saving, so that nobody's upload runs as a page of this server.
_SHOWN = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class GradioJobs:
    """What gradio's queue holds. The one place that looks into it."""

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page
        self.closing = False

    def waiting(self) -> int:
        return len(self._page._queue)

    def running(self) -> int:
        return sum(len(events) for events in self._page._queue.active_jobs if events)

    def of(self, client: str) -> int:
        return Counter(event.request.scope.get(CLIENT) for event in self._events())[client]

    def _events(self) -> list[Event]:
        queue = self._page._queue
        waiting = [event for each in queue.event_queue_per_concurrency_id.values() for event in each.queue]
        return waiting + [event for events in queue.active_jobs if events for event in events]


class Service:
    """One server's parts, put together. `app` is what an ASGI server runs."""

    def __init__(
        self, studio: Studio, *, limits: Limits, accounts: Accounts | None = None, root_path: str | None = None
    ) -> None:
        self._studio = studio
        self._store = studio.store
        self._limits = limits
        self._metrics = studio.metrics
        self._uploading: Counter[str] = Counter()
        os.environ |= _GRADIO | {"GRADIO_TEMP_DIR": str(self._store.folder)}
        page = build_page(studio)
        page.state_session_capacity = _SESSIONS
        self.jobs = GradioJobs(page)
        self._metrics.watch(self.jobs.waiting, self.jobs.running)
        app = FastAPI(lifespan=self._lifespan, openapi_url=None)
        app.add_api_route("/healthz", self._health)
        app.add_api_route("/metrics", self._numbers)
        app.add_api_route("/study/{name}", self._study)
        app.add_api_route(f"{API}/upload", self._upload, methods=["POST"])
        app.add_api_route(f"{API}/file={{path:path}}", self._file, methods=["GET", "HEAD"])
        gr.mount_gradio_app(
            app,
            page,
            path="/",
            root_path=root_path,
            footer_links=["api"],
            run_history=False,
            show_error=False,  # what goes wrong by itself is told in the log; what is a user's to know, always
            ssr_mode=False,  # else it would look for Node.js
            mcp_server=False,
            i18n=gr.I18n(**by_locale()),
            **LOOKS,
        )
        self.app = Guard(
            app,
            store=self._store,
            limits=limits,
            metrics=self._metrics,
            jobs=self.jobs,
            accounts=accounts,
        )

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(self._sweep())
        yield
        sweeping.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.to_thread(self._store.sweep, self._limits.kept * 60)
            await asyncio.sleep(_SWEPT_EVERY)

    async def _health(self) -> dict[str, str]:
        """That the server is alive, and with which model."""
        return {"status": "closing" if self.jobs.closing else "ok", "version": __version__, "model": self._studio.model}

    async def _numbers(self) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def _study(self, name: str) -> Response:
        """The study of the learned loss, which "How it works" links to."""
        if name not in (files := study_files()):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        path, kind = files[name]
        if kind != "text/html":
            return FileResponse(path, media_type=kind)
        # Its numbers lie in a folder of the source, which is not brought along.
        page = path.read_text(encoding="utf-8").replace('<a href="data/">data</a>', "docs/learned-loss/data")
        return HTMLResponse(page)

    async def _file(self, path: str) -> Response:
        """An upload or a result, to whoever knows where it is."""
        found = self._store.find(path)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        kind = _SHOWN.get(found.suffix.lower())
        return FileResponse(
            found,
            media_type=kind or "application/octet-stream",
            filename=found.name,
            content_disposition_type="inline" if kind else "attachment",
            headers={"Cache-Control": "private, max-age=3600"},
        )

    async def _upload(self, request: Request) -> Response:
        """Take the files of a form; tell their paths, which nobody else knows."""
        texts = in_language_of(request.headers.get("accept-language", ""))
        client = request.scope[CLIENT]
        largest = self._limits.upload * MB
        too_large = Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, texts["upload_too_large"].format(size=self._limits.upload)
        )
        announced = int(request.headers.get("content-length", "0"))
        self._uploading[client] += 1
        try:
            if announced > largest + _FORM_OVERHEAD:
                refusal = too_large
            elif self._uploading[client] > self._limits.per_client:
                count = self._limits.per_client
                refusal = Refusal(HTTPStatus.TOO_MANY_REQUESTS, texts["too_many_uploads"].format(count=count))
            elif await asyncio.to_thread(self._store.used) + announced > self._limits.storage * MB:
                refusal = Refusal(HTTPStatus.INSUFFICIENT_STORAGE, texts["storage_full"])
            else:
                async with asyncio.timeout(self._limits.seconds):
                    return JSONResponse([str(path) for path in await self._taken(request, largest + _FORM_OVERHEAD)])
        except _TooLargeError:
            refusal = too_large
        except TimeoutError:
            refusal = Refusal(HTTPStatus.REQUEST_TIMEOUT, texts["upload_too_slow"])
        except HTTPException as error:  # starlette's, of a form that is none
            refusal = Refusal(error.status_code, texts["no_form"])
        finally:
            self._uploading[client] -= 1
            self._uploading += Counter()  # forget who has none
        self._metrics.refused.labels(refusal.status).inc()
        return refusal.response()

    async def _taken(self, request: Request, largest: int) -> list[Path]:
        received = 0
        receive = request.receive

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > largest:  # whatever its headers say
                raise _TooLargeError
            return message

        paths = []
        async with Request(request.scope, counted).form(max_files=self._limits.batch, max_fields=10) as form:
            for value in form.getlist("files"):
                if isinstance(value, UploadFile):
                    path = self._store.new_folder() / safe_name(value.filename or "")
                    with path.open("xb") as file:
                        await asyncio.to_thread(shutil.copyfileobj, value.file, file)
                    paths.append(path)
        if not paths:
            raise HTTPException(HTTPStatus.BAD_REQUEST)
        return paths


class _TooLargeError(Exception):
    """More bytes than an upload may have."""


class Server(uvicorn.Server):
    """Ends, at the first signal, when what is waiting and running is done, and takes nothing new meanwhile."""

    def __init__(self, service: Service, **settings: Any) -> None:
        super().__init__(
            uvicorn.Config(
                service.app,
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_graceful_shutdown=_LAST_WORDS,
                server_header=False,
                ws="none",
                **settings,
            )
        )
        self._jobs = service.jobs

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's own)
        if self._jobs.closing:  # the second signal: at once
            self.force_exit = True
            self.should_exit = True
        self._jobs.closing = True

    async def on_tick(self, counter: int) -> bool:
        if self._jobs.closing and not self._jobs.waiting() and not self._jobs.running():
            self.should_exit = True
        return await super().on_tick(counter)
