"""The real server on the loopback, in a thread of the tests' own process, with an engine whose answer is known."""

from __future__ import annotations

import asyncio
import base64
import faulthandler
import gc
import io
import json
import os
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import bcrypt
import httpx
import numpy as np
import pytest
import uvicorn
from gradio_client import Client
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from colorize.color.units import FloatArray
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.engine import AUTOMATIC, NetworkConditions
from colorize.web.accounts import Accounts
from colorize.web.hosts import Hosts
from colorize.web.limits import MB, Limits
from colorize.web.photo_service import PhotoService
from colorize.web.rating import Trials
from colorize.web.server import Server
from colorize.web.service import Service
from colorize.web.store import Store
from tests.stand_ins import StandInEngine, TwoHalves, one_color
from tests.web.visits import CHROMIUM, DEVICES, FLAGS, Visit, visiting

# gradio's client and server leave event loops and connections open.
LEAKS = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Result = TypeVar("Result")
FILE = {"_type": "gradio.FileData"}


class Held(StandInEngine):
    """Answers as soon as `go` is set."""

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self.go = threading.Event()
        self.go.set()
        self.begun = 0  # predictions

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        self.begun += 1
        assert self.go.wait(200)
        return super().predict(l, conditions)


class RedEngine(Held):
    """Everything red."""

    def __init__(self) -> None:
        super().__init__(one_color(0.5, 0.3))


class HeldHalves(Held, TwoHalves):
    """Two halves, each purple unless it is told a color."""


class Running:
    """A server that runs, and what a program needs to talk to it."""

    def __init__(self, url: str, service: Service, engine: Held, store: Store) -> None:
        self.url = url
        self.service = service
        self.engine = engine
        self.store = store
        self.http = httpx.Client(base_url=url, timeout=200, trust_env=False)

    def upload(self, content: bytes, name: str = "photo.png", **headers: str) -> httpx.Response:
        return self.http.post("/gradio_api/upload", files={"files": (name, content)}, headers=headers)

    def file(self, content: bytes, name: str = "photo.png") -> dict[str, Any]:
        """An upload, as an endpoint takes it."""
        answer = self.upload(content, name)
        assert answer.status_code == 200, answer.text
        return {"path": answer.json()[0], "meta": FILE}

    def call(self, endpoint: str, **parameters: object) -> httpx.Response:
        """Ask for a job, as curl would."""
        return self.http.post(f"/gradio_api/call/v2/{endpoint}", json=parameters)

    def result(self, endpoint: str, call: httpx.Response) -> tuple[str, Any]:
        """How a job ended, "complete" or "error", and its answer."""
        assert call.status_code == 200, call.text
        answer = self.http.get(f"/gradio_api/call/{endpoint}/{call.json()['event_id']}").text
        event, data = answer.strip().split("\n\n")[-1].split("\n")
        return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def download(self, file: dict[str, Any]) -> bytes:
        answer = self.http.get(file["url"] if file.get("url") else f"/gradio_api/file={file['path']}")
        assert answer.status_code == 200, answer.text
        return answer.content

    def until(self, condition: Any, seconds: float = 200) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.01)


@contextmanager
def running(
    folder: Path,
    limits: Limits | None = None,
    accounts: Accounts | None = None,
    root_path: str | None = None,
    colorizer: Colorizer | None = None,
    hosts: Hosts | None = None,
    trials: Trials | None = None,
) -> Iterator[Running]:
    engine = RedEngine()
    before = dict(os.environ)
    limits = limits or Limits()
    store = Store(folder, limits.storage * MB)
    photo_service = PhotoService(colorizer or Colorizer(engine), store, limits)
    service = Service(photo_service, limits=limits, accounts=accounts, hosts=hosts, root_path=root_path, trials=trials)
    engine.begun = 0  # the page's example does not count
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(service, log_config=None)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)  # one that hangs fails, no more
    thread.start()
    there = Running(f"http://127.0.0.1:{listener.getsockname()[1]}", service, engine, store)
    try:
        there.until(lambda: server.started)
        yield there
    finally:
        engine.go.set()
        there.http.close()
        server.should_exit = True
        thread.join(60)  # seconds on a quiet machine are a minute on a busy one
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ |= before
        gc.collect()
        if thread.is_alive():
            faulthandler.dump_traceback(2)  # where it hangs, past what pytest captures
        assert not thread.is_alive()


@contextmanager
def behind_a_proxy(server: Running, place: str) -> Iterator[str]:
    """The address of a reverse proxy that shows the server at `place`, as nginx does with proxy_pass and a Host."""
    http = httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=None)

    async def pass_on(request: Request) -> Response:
        path = request.scope["raw_path"].decode().removeprefix(place) or "/"
        url = http.base_url.copy_with(raw_path=f"{path}?{request.url.query}".encode())
        headers = {"host": request.headers["host"], **request.headers}
        answer = await http.send(
            http.build_request(request.method, url, headers=headers, content=request.stream()), stream=True
        )
        return StreamingResponse(answer.aiter_raw(), answer.status_code, dict(answer.headers))

    app = Starlette(routes=[Route(f"{place}{{path:path}}", pass_on, methods=["GET", "HEAD", "POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=proxy.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{place}/"
    finally:
        proxy.should_exit = True
        thread.join(15)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests that need no limits of their own."""
    with running(tmp_path_factory.mktemp("server")) as there:
        yield there


def gray(width: int = 60, height: int = 40, format_: str = "PNG", **settings: Any) -> bytes:
    """A photo."""
    image = Image.fromarray(np.linspace(20, 235, width * height).reshape(height, width).astype(np.uint8))
    content = io.BytesIO()
    image.save(content, format_, **settings)
    return content.getvalue()


@contextmanager
def gradio_client(server: Running, **headers: str) -> Iterator[Client]:
    """gradio's client leaves its event loop and connections open: collected here, where that is known."""
    client = Client(server.url, headers=headers, verbose=False, analytics_enabled=False)
    yield client
    client.close()
    del client
    gc.collect()


def finish(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """What a coroutine gives. Not `asyncio.run`, after which gradio would make event loops that nobody closes."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def account(name: str, password: str) -> tuple[str, str]:
    """A name and the hash of its password, as quick as bcrypt can be."""
    return name, bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


# -- the page in a browser -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Per module: while it runs, no test can run an event loop of its own."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: Debian, Ubuntu: apt install chromium; else CHROMIUM=/path/to/it")
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    pytest.importorskip("axe_playwright_python", reason="no axe: pip install axe-playwright-python")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def contexts(browser: Any) -> dict[str, Any]:
    """One for each device, so that what gradio's page loads is loaded once."""
    return {name: browser.new_context(**device, locale="en-GB") for name, device in DEVICES.items()}


@pytest.fixture(scope="module")
def visits(contexts: dict[str, Any], server: Running) -> dict[str, Visit]:
    """One page for each device, on which most tests go on where the last one ended, as people do."""
    return {name: Visit(context, server, name) for name, context in contexts.items()}


@pytest.fixture(params=["desk", "phone"])
def visit(request: pytest.FixtureRequest, visits: dict[str, Visit]) -> Iterator[Visit]:
    yield visits[request.param]
    visits[request.param].check()


@pytest.fixture
def desk(visits: dict[str, Visit]) -> Iterator[Visit]:
    yield visits["desk"]
    visits["desk"].check()


@pytest.fixture(params=["desk", "phone"])
def fresh(request: pytest.FixtureRequest, contexts: dict[str, Any], server: Running) -> Iterator[Visit]:
    """Someone who has just come."""
    with visiting(contexts[request.param], server, request.param) as there:
        yield there


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose model takes hints and has variants."""
    halves = HeldHalves()
    with running(tmp_path_factory.mktemp("guided"), colorizer=Colorizer(halves)) as there:
        there.engine = halves
        yield there


@pytest.fixture(params=DEVICES)
def guide(request: pytest.FixtureRequest, contexts: dict[str, Any], guided: Running) -> Iterator[Visit]:
    with visiting(contexts[request.param], guided, f"hints-{request.param}") as there:
        there.choose(("halves.png", gray(600, 400)))
        there.result("halves.png")
        yield there
