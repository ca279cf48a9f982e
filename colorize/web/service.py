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

import gradio as gr
from fastapi import FastAPI, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.types import Message

from colorize import __version__
from colorize.web.accounts import Accounts
from colorize.web.document import Documents
from colorize.web.gradio_internals import Queue
from colorize.web.guard import CLIENT, Guard
from colorize.web.hosts import Hosts
from colorize.web.limits import MB, Limits
from colorize.web.metrics import CONTENT_TYPE_LATEST
from colorize.web.page import LOOKS, build_page
from colorize.web.requests import API, Refusal, Requests
from colorize.web.store import Room, StoreFullError, safe_name
from colorize.web.studio import Studio
from colorize.web.study import study_files
from colorize.web.texts import by_locale, in_language_of
from colorize.web.work import BATCHES_AT_ONCE, JOB, PHOTOS_AT_ONCE, Work

_SWEPT_EVERY = 60  # seconds
_FORM_OVERHEAD = 100_000  # bytes of a form around its files
_SESSIONS = 500  # whose settings gradio remembers; each takes some 100 KB
# Nothing is told to gradio's makers, and no statistics are made after each job, of all jobs before it.
_GRADIO = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
}
# What browsers show; anything else is for saving, so that nobody's upload runs as a page of this server.
_SHOWN = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class Service:
    """One server's parts, put together. `app` is what an ASGI server runs."""

    def __init__(
        self,
        studio: Studio,
        *,
        limits: Limits,
        accounts: Accounts | None = None,
        hosts: Hosts | None = None,
        root_path: str | None = None,
    ) -> None:
        self._studio = studio
        self._store = studio.store
        self._limits = limits
        self._metrics = studio.metrics
        self._uploading: Counter[str] = Counter()
        os.environ |= _GRADIO | {"GRADIO_TEMP_DIR": str(self._store.folder)}
        work = Work(studio)
        page = build_page(studio, work)
        page.state_session_capacity = _SESSIONS
        self.queue = queue = Queue(page)
        queue.hold_at_once(limits.queue + PHOTOS_AT_ONCE + BATCHES_AT_ONCE)
        self.jobs = work.jobs
        self.jobs.asked_for = lambda: (scope[JOB] for scope in queue.scopes() if JOB in scope)
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
        guard = Guard(
            app,
            store=self._store,
            limits=limits,
            metrics=self._metrics,
            jobs=self.jobs,
            requests=Requests(page, queue),
            hosts=hosts or Hosts(),
            accounts=accounts,
        )
        self.app = Documents(guard)

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
        announced = int(request.headers.get("content-length", "0"))  # which h11 has seen to
        self._uploading[client] += 1
        try:
            if announced > largest + _FORM_OVERHEAD:
                refusal = too_large
            elif self._uploading[client] > self._limits.per_client:
                count = self._limits.per_client
                refusal = Refusal(HTTPStatus.TOO_MANY_REQUESTS, texts["too_many_uploads"].format(count=count))
            else:
                with self._store.room(announced) as room:
                    async with asyncio.timeout(self._limits.seconds):
                        paths = await self._taken(request, largest + _FORM_OVERHEAD, room)
                return JSONResponse([str(path) for path in paths])
        except StoreFullError:
            refusal = Refusal(HTTPStatus.INSUFFICIENT_STORAGE, texts["storage_full"])
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

    async def _taken(self, request: Request, largest: int, room: Room) -> list[Path]:
        received = 0
        receive = request.receive

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > largest:  # whatever its headers say
                raise _TooLargeError
            if received > room.size:
                room.take(received - room.size)
            return message

        paths = []
        async with Request(request.scope, counted).form(max_files=self._limits.batch, max_fields=10) as form:
            for value in form.getlist("files"):
                if isinstance(value, UploadFile):
                    path = self._store.new_folder() / safe_name(value.filename or "")
                    with path.open("xb") as file:
                        await asyncio.to_thread(shutil.copyfileobj, value.file, file)
                    self._store.count(path.parent)
                    paths.append(path)
        if not paths:
            raise HTTPException(HTTPStatus.BAD_REQUEST)
        return paths


class _TooLargeError(Exception):
    """More bytes than an upload may have."""
