"""Whose turn it is, and what counts until it has stopped."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from colorize.web.limits import Limits
from colorize.web.turns import JobTimeoutError, QueuedJob, Turns
from tests.web.conftest import LEAKS, Running, finish, gray, running

pytestmark = [pytest.mark.web, *LEAKS]


# -- order -----------------------------------------------------------------------------------------------------------


def begun(jobs: Sequence[tuple[str, float]], at_once: int = 1) -> list[tuple[str, float]]:
    """In which order jobs begin, of clients and with costs, that have all been asked for while another one runs."""
    order: list[tuple[str, float]] = []

    async def ask() -> None:
        turns = Turns(at_once, large=100)
        go = threading.Event()
        first = [asyncio.create_task(turns.run(QueuedJob("first"), 1, go.wait, 60)) for _ in range(at_once)]
        await asyncio.sleep(0)
        tasks = [
            asyncio.create_task(turns.run(QueuedJob(client), cost, lambda each=(client, cost): order.append(each), 60))  # type: ignore[misc]
            for client, cost in jobs
        ]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*first, *tasks)

    finish(ask())
    return order


def test_a_clients_small_job_goes_before_its_large_ones() -> None:
    assert begun([("a", 50), ("a", 50), ("a", 2)]) == [("a", 2), ("a", 50), ("a", 50)]


def test_one_clients_many_do_not_keep_anothers_few_waiting() -> None:
    assert begun([("a", 5)] * 8 + [("b", 5)] * 2)[:4] == [("a", 5), ("b", 5), ("a", 5), ("b", 5)]


def test_a_large_job_does_not_wait_for_ever_behind_small_ones() -> None:
    order = begun([("large", 20)] + [(f"small {number}", 1) for number in range(5)] * 20)
    assert order.index(("large", 20)) > 20
    order = begun([("large", 20)] + [("other", 1)] * 100)
    assert 15 <= order.index(("large", 20)) <= 25


def test_large_jobs_leave_a_place_for_a_small_one() -> None:
    async def ask() -> None:
        turns = Turns(2, large=100)
        go = threading.Event()
        large = [asyncio.create_task(turns.run(QueuedJob(client), 120, go.wait, 60)) for client in "abc"]
        await asyncio.sleep(0)
        assert len(turns.running) == 1
        await turns.run(QueuedJob("d"), 5, lambda: None, 60)
        go.set()
        await asyncio.gather(*large)

    finish(ask())


# -- ends ------------------------------------------------------------------------------------------------------------


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def test_a_canceled_job_counts_until_its_thread_has_ended() -> None:
    async def ask() -> None:
        turns = Turns(1, large=100)
        go, job = threading.Event(), QueuedJob("a")
        task = asyncio.create_task(turns.run(job, 1, go.wait, 60))
        await until(lambda: turns.running)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert job.stop.is_set()
        assert turns.running == [job]
        other = asyncio.create_task(turns.run(QueuedJob("b"), 1, lambda: "done", 60))
        await asyncio.sleep(0.05)
        assert not other.done()
        go.set()
        assert await other == "done"
        await until(lambda: not turns.running)

    finish(ask())


def test_a_job_that_is_canceled_just_when_its_turn_comes_keeps_nobody_from_beginning() -> None:
    async def ask() -> None:
        errors: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
        turns = Turns(1, large=100)
        go = threading.Event()
        first = asyncio.create_task(turns.run(QueuedJob("a"), 1, go.wait, 60))
        await until(lambda: turns.running)
        second = asyncio.create_task(turns.run(QueuedJob("b"), 1, lambda: "second", 60))
        third = asyncio.create_task(turns.run(QueuedJob("c"), 2, lambda: "third", 60))
        await until(lambda: len(turns.waiting) == 2)
        go.set()
        time.sleep(0.2)  # the first one's thread ends, which the event loop does not see before the cancellation
        second.cancel()
        await asyncio.wait([second])
        assert second.cancelled()
        assert await first and await third == "third"
        assert not errors
        await until(lambda: not turns.running)

    finish(ask())


def test_a_job_that_is_canceled_while_it_waits_never_begins() -> None:
    async def ask() -> None:
        turns = Turns(1, large=100)
        go, ran = threading.Event(), threading.Event()
        first = asyncio.create_task(turns.run(QueuedJob("a"), 1, go.wait, 60))
        await until(lambda: turns.running)
        second = asyncio.create_task(turns.run(QueuedJob("a"), 1, ran.set, 60))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        go.set()
        await first
        await until(lambda: not turns.running)
        assert not turns.waiting and not ran.is_set()

    finish(ask())


def test_work_in_steps_is_closed_when_nobody_takes_the_next_one() -> None:
    async def ask() -> None:
        turns = Turns(1, large=100)
        go, closed = threading.Event(), threading.Event()

        def work() -> Any:
            try:
                yield 1
                go.wait(10)
                yield 2
            finally:
                time.sleep(0.05)
                closed.set()

        steps = turns.steps(QueuedJob("a"), 1, work(), None)
        assert await anext(steps) == 1
        second = asyncio.create_task(anext(steps))
        await asyncio.sleep(0.02)
        second.cancel()
        await asyncio.wait([second])
        assert len(turns.running) == 1
        go.set()
        await until(lambda: not turns.running)
        assert closed.is_set()

    finish(ask())


def test_what_takes_too_long_is_told_at_once_and_counts_until_it_has_stopped() -> None:
    async def ask() -> None:
        turns = Turns(1, large=100)
        job = QueuedJob("a")

        def work() -> None:
            job.stop.wait(10)
            time.sleep(0.1)

        with pytest.raises(JobTimeoutError):
            await turns.run(job, 1, work, 0.05)
        assert turns.running == [job]
        await until(lambda: not turns.running)

    finish(ask())


# -- on a server -----------------------------------------------------------------------------------------------------


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, Limits(per_client=3, queue=8, seconds=1)) as there:
        yield there


def join(server: Running, endpoint: int, data: list[Any], session: str = "s") -> str:
    """Ask for a job as the page does; gives its name."""
    body = {"data": data, "fn_index": endpoint, "session_hash": session}
    answer = server.http.post("/gradio_api/queue/join", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["event_id"])


def index_of(server: Running, name: str) -> int:
    config = server.http.get("/config").json()
    return next(int(each["id"]) for each in config["dependencies"] if each["api_name"] == name)


def test_join_and_cancel_over_and_over_evades_no_limit(strict: Running) -> None:
    photo = strict.file(gray())
    index = index_of(strict, "colorize")
    jobs = strict.service.jobs
    strict.engine.go.clear()
    try:
        data = [photo, 1.0, 192, "JPEG", None, 0, None, None]
        for number in range(2):
            event = join(strict, index, data)
            strict.until(lambda number=number: strict.engine.begun == number + 1)  # which cannot be stopped
            body = {"session_hash": "s", "fn_index": index, "event_id": event}
            assert strict.http.post("/gradio_api/cancel", json=body).status_code == 200
        assert (jobs.running(), jobs.of("127.0.0.1")) == (2, 2)
        assert "colorize_running 2.0" in strict.http.get("/metrics").text
        event = join(strict, index, data)  # waits behind those that run on
        assert strict.call("colorize", photo=photo).status_code == 429
        strict.until(lambda: (jobs.running(), jobs.waiting()) == (2, 1))
    finally:
        strict.engine.go.set()
    strict.until(lambda: not jobs.of("127.0.0.1"))


def test_a_canceled_batch_counts_until_it_has_stopped(strict: Running) -> None:
    photo = strict.file(gray())
    index = index_of(strict, "colorize_batch")
    jobs = strict.service.jobs
    strict.engine.go.clear()
    try:
        event = join(strict, index, [[photo] * 20, 1.0, 192])
        strict.until(lambda: strict.engine.begun)
        body = {"session_hash": "s", "fn_index": index, "event_id": event}
        assert strict.http.post("/gradio_api/cancel", json=body).status_code == 200
        assert jobs.running() == jobs.of("127.0.0.1") == 1
    finally:
        strict.engine.go.set()
    strict.until(lambda: not jobs.of("127.0.0.1"))


def test_a_single_photo_has_the_time_limit_too(strict: Running) -> None:
    call = None
    strict.engine.go.clear()
    try:
        call = strict.call("colorize", photo=strict.file(gray()))
        start = time.monotonic()
        strict.until(lambda: strict.engine.begun)
        event, answer = strict.result("colorize", call)
        assert time.monotonic() - start < 5
        assert (event, answer["error"]) == ("error", "not done within 1 seconds; try again with a smaller photo")
        assert strict.service.jobs.running() == 1
    finally:
        strict.engine.go.set()
    strict.until(lambda: not strict.service.jobs.running())
