"""The service under load: `python benchmarks/web_load.py [--clients 32] [--photos 500] [--row 2000]`

Starts the server on the loopback and sends it photos, one in ten of them hostile, from clients of different addresses
(127.0.1.1, 127.0.1.2 …, so that each has limits of its own; on Linux all of them are this computer). Meanwhile others
ask for large photos and cancel them over and over, and hold connections open without a word. Every result is checked
against the lightness of its own photo, level by level: none is lost, none is another's. Before, one client alone sends
a few: its times are what the others are measured against. Afterwards, one client sends many small photos in a row: the
server's memory after 100 of them and after the last. Prints a table, as in docs/web.md; ends with status 1 if a photo
was lost or mixed up, or a hostile one was answered otherwise than with its refusal.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
from PIL import Image

from colorize import photo
from colorize.coloring.fidelity import compare
from colorize.options import ColorizeOptions

_ROOT = Path(__file__).parents[1]
_UPLOAD_MB = 4
_LONGEST_WAIT = 600  # seconds for one photo, its refusals among them
_FILE = {"_type": "gradio.FileData"}


class TimedResponse(NamedTuple):
    kind: str  # of photo
    seconds: float  # from the first byte sent to the last received
    problem: str = ""
    refused: int = 0  # how often there was no room, before there was


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--alone", type=int, default=30, help="photos that one client alone sends first")
    parser.add_argument("--row", type=int, default=2000, help="small photos that one client sends one after the other")
    parser.add_argument("--cancelers", type=int, default=2, help="clients that only ask and cancel")
    parser.add_argument("--silent", type=int, default=600, help="connections that say nothing")
    parser.add_argument("--model", type=Path, help="model file; without it the one that comes with the program")
    options = parser.parse_args()
    with tempfile.TemporaryFile() as log, served(options.model, log) as (url, process):
        memory = Memory(process.pid)
        started = memory.now()
        alone = run(url, kinds(options.alone, seed=1), clients=1)
        one = memory.most()
        with canceling(url, options.cancelers) as canceled, silence(url, options.silent) as opened:
            many = run(url, kinds(options.photos, seed=2), clients=options.clients)
        most = memory.most()
        begin = run(url, small(min(100, options.row), seed=3), clients=1)
        early = memory.now()
        rest = run(url, small(max(0, options.row - 100), seed=4), clients=1)
        late = memory.now()
        in_a_row = begin[0] + rest[0], begin[1] + rest[1]
        print(f"{options.photos} photos of {options.clients} clients, a tenth of them hostile; milliseconds a photo\n")
        print("| | photos | p50 | p95 | photos a second |\n|---|---|---|---|---|")
        row("one client alone", *alone)
        row(f"{options.clients} clients", *many)
        row("small ones in a row", *in_a_row)
        print(f"\nserver's memory: {started:.0f} MB started, {one:.0f} MB after one client, at most {most:.0f} MB")
        print(
            f"after 100 small ones in a row {early:.0f} MB, after {options.row} {late:.0f} MB ({late / early - 1:+.1%})"
        )
        print(f"canceled: {canceled.count}; connections that said nothing: {opened.count}")
        responses = many[0] + alone[0] + in_a_row[0]
        print("responses:", dict(sorted(Counter(response.kind for response in responses).items())))
        print(f"told to wait and tried again: {sum(response.refused for response in responses)}")
        problems = [response for response in responses if response.problem]
        for response in problems[:20]:
            print(f"{response.kind}: {response.problem}", file=sys.stderr)
        print(f"lost, mixed up or answered wrongly: {len(problems)} of {len(responses)}")
        health = httpx.get(f"{url}/healthz", trust_env=False).json()["status"]
        print(f"the server afterwards: {health}")
        sent = options.photos + options.alone + options.row
        return 0 if not problems and health == "ok" and len(responses) == sent else 1


class served:  # noqa: N801 (a context manager, written as a function is)
    def __init__(self, model: Path | None, log: Any) -> None:
        command = [sys.executable, "app.py", "--max-upload", str(_UPLOAD_MB), "--max-pixels", "20"]
        self._command = command + ([] if model is None else ["--model", str(model.resolve())])
        self._log = log

    def __enter__(self) -> tuple[str, subprocess.Popen[str]]:
        self._process = subprocess.Popen(self._command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout
        said = self._process.stdout.readline()
        url = next(word for word in said.split() if word.startswith("http")).rstrip("/")
        return url, self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(300)  # on a busy disk, deleting thousands of results takes a minute


class Memory:
    """Of a process, in megabytes (Linux)."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")

    def now(self) -> float:
        return self._read("VmRSS")

    def most(self) -> float:
        return self._read("VmHWM")

    def _read(self, name: str) -> float:
        lines = self._status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def kinds(count: int, seed: int) -> list[tuple[str, int]]:
    """What is sent, and a number that makes each different from all others: every tenth is hostile, in turn."""
    hostile = list(HOSTILE)
    found = [
        (hostile[number // 10 % len(hostile)] if number % 10 == 9 else "photo", 1_000_000 * seed + number)
        for number in range(count)
    ]
    random.Random(seed).shuffle(found)
    return found


def small(count: int, seed: int) -> list[tuple[str, int]]:
    """Small photos, and a number that makes each different from all others."""
    return [("small", 1_000_000 * seed + number) for number in range(count)]


def run(url: str, work: list[tuple[str, int]], clients: int) -> tuple[list[TimedResponse], float]:
    """Send it all; the responses, and the seconds that it took together."""
    left: Iterator[tuple[str, int]] = iter(work)
    lock = threading.Lock()
    responses: list[TimedResponse] = []

    def client(number: int) -> None:
        transport = httpx.HTTPTransport(local_address=f"127.0.1.{number + 1}")
        with httpx.Client(base_url=url, transport=transport, trust_env=False, timeout=_LONGEST_WAIT) as http:
            while True:
                with lock:
                    task = next(left, None)
                if task is None:
                    return
                kind, seed = task
                start = time.perf_counter()
                try:
                    response = HOSTILE[kind](http) if kind in HOSTILE else colorize(http, kind, seed)
                except (httpx.HTTPError, KeyError, ValueError, IndexError) as error:
                    response = TimedResponse(kind, 0, repr(error))
                responses.append(response._replace(kind=kind, seconds=response.seconds or time.perf_counter() - start))

    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(client, number) for number in range(clients)]:
            done.result()
    return responses, time.perf_counter() - start


def row(name: str, responses: list[TimedResponse], seconds: float) -> None:
    times = sorted(1000 * response.seconds for response in responses if response.kind in SIDES)
    p50, p95 = statistics.median(times), times[int(0.95 * (len(times) - 1))]
    print(f"| {name} | {len(times)} | {p50:.0f} | {p95:.0f} | {len(times) / seconds:.1f} |")


# -- those who are in the way ------------------------------------------------------------------------------------------


class Count:
    """How often something was done."""

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def canceling(url: str, clients: int) -> Iterator[Count]:
    """Clients that ask for large photos as the page does, and cancel each at once."""
    done, end = Count(), threading.Event()

    def client(number: int) -> None:
        transport = httpx.HTTPTransport(local_address=f"127.0.2.{number + 1}")
        with httpx.Client(base_url=url, transport=transport, trust_env=False, timeout=_LONGEST_WAIT) as http:
            dependencies = http.get("/config").json()["dependencies"]
            index = next(int(each["id"]) for each in dependencies if each["api_name"] == "colorize")
            path = http.post("/gradio_api/upload", files={"files": ("large.png", large())}).json()[0]
            job = {"fn_index": index, "session_hash": f"canceler{number}"}
            data = [{"path": path, "meta": _FILE}, 1.0, ColorizeOptions().size, "PNG", None, 0, None]
            while not end.wait(0.2):
                joined = http.post("/gradio_api/queue/join", json={"data": data, **job})
                if joined.status_code == 200:  # else it has too many jobs under way: those that it canceled count
                    http.post("/gradio_api/cancel", json={"event_id": joined.json()["event_id"], **job})
                    done.count += 1

    with ThreadPoolExecutor(max(1, clients)) as pool:
        running = [pool.submit(client, number) for number in range(clients)]
        try:
            yield done
        finally:
            end.set()
            for each in running:
                each.result()


@contextmanager
def silence(url: str, count: int) -> Iterator[Count]:
    """Connections that say nothing, or begin a request and never end it; closed ones are opened again."""
    opened, end = Count(), threading.Event()
    host, port = url.removeprefix("http://").split(":")

    def connect(number: int) -> socket.socket | None:
        with suppress(OSError):
            made = socket.create_connection((host, int(port)), 10, (f"127.0.3.{number % 200 + 1}", 0))
            if number % 2:
                made.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
            made.setblocking(False)
            opened.count += 1
            return made
        return None

    def is_closed(each: socket.socket | None) -> bool:
        if each is None:
            return True
        try:
            return each.recv(1000) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def keep() -> None:
        held = [connect(number) for number in range(count)]
        while not end.wait(1):
            for number, each in enumerate(held):
                if is_closed(each):
                    if each is not None:
                        each.close()
                    held[number] = connect(number)
        for each in held:
            if each is not None:
                each.close()

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield opened
    finally:
        end.set()
        thread.join()


# -- photos ----------------------------------------------------------------------------------------------------------


SIDES = {"photo": (320, 1000), "small": (160, 320)}  # px, the shortest and the longest


def large() -> bytes:
    """A PNG of 20 megapixels and few bytes."""
    content = io.BytesIO()
    Image.new("L", (5000, 3999), 128).save(content, "PNG", compress_level=1)
    return content.getvalue()


def made_up(seed: int, kind: str = "photo") -> bytes:
    """A PNG that is like no other: soft shapes with grain. A "photo" has 0.1 to 1 megapixels."""
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in rng.integers(*SIDES[kind], 2))
    shapes = Image.fromarray(rng.integers(30, 225, (7, 9), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    grain = rng.integers(-6, 7, (height, width), dtype=np.int16)
    levels = np.clip(np.asarray(shapes, np.int16) + grain, 0, 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(levels).save(content, "PNG", compress_level=1)
    return content.getvalue()


def colorize(http: httpx.Client, kind: str, seed: int) -> TimedResponse:
    """Upload, ask, wait, download; and see whether it is this photo in color."""
    content = made_up(seed, kind)
    start = time.perf_counter()
    uploaded, first = patiently(http, "/gradio_api/upload", files={"files": (f"{seed}.png", content)})
    ask = {"photo": {"path": uploaded.json()[0], "meta": _FILE}, "format": "PNG"}
    asked, second = patiently(http, "/gradio_api/call/v2/colorize", json=ask)
    event, data = ended(http, asked.json()["event_id"])
    if event != "complete":
        return TimedResponse(kind, 0, f"{seed}: {data}")
    result = http.get(f"/gradio_api/file={data[0]['path']}").content
    seconds = time.perf_counter() - start
    if data[0]["orig_name"] != f"{seed}-color.png":
        return TimedResponse(kind, seconds, f"{seed}: got {data[0]['orig_name']}")
    own = compare(photo.open(io.BytesIO(content)), photo.open(io.BytesIO(result)))
    return TimedResponse(kind, seconds, "" if own.kept else f"{seed}: another lightness, {own}", first + second)


def patiently(http: httpx.Client, path: str, **content: Any) -> tuple[httpx.Response, int]:
    """The response to a POST, asked again as long as there is no room; and how often that was."""
    end = time.monotonic() + _LONGEST_WAIT
    for refused in range(_LONGEST_WAIT):
        response = http.post(path, **content)
        if response.status_code not in (429, 503) or time.monotonic() > end:
            response.raise_for_status()
            return response, refused
        time.sleep(1)
    raise ValueError("no room")


def ended(http: httpx.Client, event_id: str) -> tuple[str, Any]:
    text = http.get(f"/gradio_api/call/colorize/{event_id}").text
    event, data = text.strip().split("\n\n")[-1].split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


# -- hostile ones: each with what the server has to answer -------------------------------------------------------------


def refuses(status: int, response: httpx.Response) -> TimedResponse:
    right = response.status_code == status and "Traceback" not in response.text and "root:" not in response.text
    return TimedResponse(
        "", 0, "" if right else f"expected {status}, got {response.status_code}: {response.text[:200]}"
    )


def fails(http: httpx.Client, name: str, content: bytes, told: str) -> TimedResponse:
    """It is taken, and its error names what is wrong."""
    path = patiently(http, "/gradio_api/upload", files={"files": (name, content)})[0].json()[0]
    asked, refused = patiently(http, "/gradio_api/call/v2/colorize", json={"photo": {"path": path, "meta": _FILE}})
    event, data = ended(http, asked.json()["event_id"])
    right = event == "error" and told in str(data) and str(Path(path).parent) not in str(data)
    return TimedResponse("", 0, "" if right else f"expected {told!r}, got {event} {data}", refused)


def bomb(width: int = 30_000, depth: int = 8) -> bytes:
    """A PNG of a few bytes that says it has many pixels, by default 900 million."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 30_000, depth, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


HOSTILE = {
    "text": lambda http: fails(http, "notes.png", b"this is no photo" * 100, "expected a photo"),
    "cut off": lambda http: fails(http, "cut.png", made_up(3)[:5000], "damaged photo"),
    "bomb": lambda http: fails(http, "bomb.png", bomb(), "million"),
    "bomb of 16 bit": lambda http: fails(http, "bomb.png", bomb(300, 16), "million"),  # 9 of them, which count as 27
    "too large": lambda http: refuses(
        413, http.post("/gradio_api/upload", files={"files": ("large.png", bytes(1_000_000 * _UPLOAD_MB + 200_000))})
    ),
    "path": lambda http: refuses(
        422, http.post("/gradio_api/call/v2/colorize", json={"photo": {"path": "/etc/passwd", "meta": _FILE}})
    ),
    "address": lambda http: refuses(
        422, http.post("/gradio_api/call/v2/colorize", json={"photo": {"path": "http://127.0.0.1:9/", "meta": _FILE}})
    ),
    "no JSON": lambda http: refuses(400, http.post("/gradio_api/call/colorize", content=b"{" * 1000)),
    "elsewhere": lambda http: refuses(404, http.get("/gradio_api/file=/etc/passwd")),
}


if __name__ == "__main__":
    sys.exit(main())
