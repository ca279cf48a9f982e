"""The ASGI application: page and API behind the guard, uploads, files, health and metrics."""

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
from colorize.web.monitoring import CONTENT_TYPE_LATEST
from colorize.web.page import LOOKS, build_page, build_rating_page, tab_names
from colorize.web.photo_service import PhotoService
from colorize.web.rating import Trials
from colorize.web.requests import API, Refusal, Requests
from colorize.web.store import Room, StoreFullError, safe_name
from colorize.web.study_files import study_files
from colorize.web.texts import texts_of
from colorize.web.work import BATCHES_AT_ONCE, FILMS_AT_ONCE, JOB, PHOTOS_AT_ONCE, Work

_SWEEP_INTERVAL_S = 60  # seconds
_FORM_OVERHEAD = 100_000  # bytes of a form around its files
_MAX_SESSIONS = 500  # sessions whose state gradio keeps; each takes about 100 kB
# Nothing is sent to gradio's makers. No statistics of all earlier jobs are computed after each job.
_GRADIO = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
}
# Files that browsers may show. Others are sent as downloads, so that no upload runs as a page of this server.
_SHOWN = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class Service:
    """Puts the parts of one server together. `app` is the ASGI application."""

    def __init__(
        self,
        photo_service: PhotoService,
        *,
        limits: Limits,
        accounts: Accounts | None = None,
        hosts: Hosts | None = None,
        root_path: str | None = None,
        trials: Trials | None = None,
    ) -> None:
        """Build the page and the app.

        Args:
            photo_service: colors the photos; its store and metrics are those of the server.
            limits: of uploads, jobs and storage.
            accounts: who may use the server; None is everybody.
            hosts: the host names that are accepted; None is localhost alone.
            root_path: where a reverse proxy shows the page, such as /colorize; None is the root.
            trials: what people are asked in the place of the page; None shows the page.
        """
        self._photo_service = photo_service
        self._store = photo_service.store
        self._limits = limits
        self._metrics = photo_service.metrics
        self._uploading: Counter[str] = Counter()
        os.environ |= _GRADIO | {"GRADIO_TEMP_DIR": str(self._store.folder)}
        work = Work(photo_service)
        self._trials = trials
        page = build_rating_page() if trials else build_page(photo_service, work)
        page.state_session_capacity = _MAX_SESSIONS
        self.queue = queue = Queue(page)
        queue.set_max_threads(limits.queue + PHOTOS_AT_ONCE + BATCHES_AT_ONCE + FILMS_AT_ONCE)
        self.jobs = work.jobs
        self.jobs.gradio_jobs = lambda: (scope[JOB] for scope in queue.scopes() if JOB in scope)
        self._metrics.watch(self.jobs.waiting, self.jobs.running)
        app = FastAPI(lifespan=self._lifespan, openapi_url=None)
        app.add_api_route("/healthz", self._health)
        app.add_api_route("/metrics", self._metrics_text)
        app.add_api_route("/study/{name}", self._study)
        if trials:
            app.add_api_route("/trials/{rater}", self._next_trial)
            app.add_api_route("/trials/{rater}", self._answer_trial, methods=["POST"])
            app.add_api_route("/trials/{rater}/{trial}/{side}.png", self._trial_picture)
        app.add_api_route(f"{API}/upload", self._upload, methods=["POST"])
        app.add_api_route(f"{API}/file={{path:path}}", self._file, methods=["GET", "HEAD"])
        gr.mount_gradio_app(
            app,
            page,
            path="/",
            root_path=root_path,
            footer_links=["api"],  # pressed by gradio.js; page.css hides the footer
            run_history=False,
            show_error=False,  # unexpected errors go to the log alone; `gr.Error` is always shown
            ssr_mode=False,  # it needs Node.js
            mcp_server=False,
            i18n=gr.I18n(**tab_names()),
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
            await asyncio.sleep(_SWEEP_INTERVAL_S)

    async def _health(self) -> dict[str, str]:
        """Status, version and model."""
        return {
            "status": "closing" if self.jobs.closing else "ok",
            "version": __version__,
            "model": self._photo_service.model,
        }

    async def _metrics_text(self) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def _study(self, name: str) -> Response:
        """A file of the study that "How it works" links to."""
        if name not in (files := study_files()):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        path, kind = files[name]
        if kind != "text/html":
            return FileResponse(path, media_type=kind)
        # The data is in the repository only.
        page = path.read_text(encoding="utf-8").replace("<code>data/</code>", "<code>docs/learned-loss/data/</code>")
        return HTMLResponse(page)

    async def _next_trial(self, rater: str) -> Response:
        """What a rater is asked next; which picture is which is not told."""
        assert self._trials is not None
        done, total, trial = self._trials.next_of(rater)
        told: dict[str, object] = {"done": done, "total": total, "trial": trial.id if trial else None}
        told |= {"question": self._trials.question, "exposure": self._trials.exposure}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    async def _trial_picture(self, rater: str, trial: str, side: str) -> Response:
        assert self._trials is not None
        if (path := self._trials.picture(rater, trial, side)) is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return FileResponse(path, media_type="image/png", headers={"Cache-Control": "no-store"})

    async def _answer_trial(self, rater: str, request: Request) -> Response:
        """Write a rater's answer down. One that was given before stays as it is."""
        assert self._trials is not None
        given = await request.json()  # the guard has seen that it is an object
        counts = await asyncio.to_thread(self._trials.answer, rater, str(given.get("trial")), str(given.get("chosen")))
        return JSONResponse({"counts": counts})

    async def _file(self, path: str) -> Response:
        """Send an upload or a result to whoever knows its path."""
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
        """Save the files of a form. Answers with their paths, which only this client learns."""
        texts = texts_of(request.headers)
        client = request.scope[CLIENT]
        largest = self._limits.upload * MB
        too_large = Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, texts["upload_too_large"].format(size=self._limits.upload)
        )
        announced = int(request.headers.get("content-length", "0"))  # h11 has checked that it is a number
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
                        paths = await self._receive_files(request, largest + _FORM_OVERHEAD, room)
                return JSONResponse([str(path) for path in paths])
        except StoreFullError:
            refusal = Refusal(HTTPStatus.INSUFFICIENT_STORAGE, texts["storage_full"])
        except _TooLargeError:
            refusal = too_large
        except TimeoutError:
            refusal = Refusal(HTTPStatus.REQUEST_TIMEOUT, texts["upload_too_slow"])
        except HTTPException as error:  # starlette's, for a malformed form
            refusal = Refusal(error.status_code, texts["no_form"])
        finally:
            self._uploading[client] -= 1
            self._uploading += Counter()  # forget who has none
        self._metrics.refused.labels(refusal.status).inc()
        return refusal.response()

    async def _receive_files(self, request: Request, largest: int, room: Room) -> list[Path]:
        received = 0
        receive = request.receive

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > largest:  # whatever the Content-Length says
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
    """An upload is larger than allowed."""
