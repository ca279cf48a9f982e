"""Jobs of many clients on few cores: who waits, whose turn it is, and what counts until it has really stopped.

gradio takes a job for ended as soon as nobody waits for it, though its thread goes on. So turns are taken here, and a
turn ends with its thread.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

_Result = TypeVar("_Result")
_END = object()


class StoppedError(Exception):
    """Within a job: nobody waits for it any longer."""


class OutOfTimeError(Exception):
    """A job took longer than it may."""


class QueuedJob:
    """Work that a request has asked for, until it has stopped."""

    def __init__(self, client: str = "") -> None:
        self.client = client
        self.stop = threading.Event()  # nobody waits for it any longer: it ends at the next chance

    def check(self) -> None:
        """Raise `StoppedError` if nobody waits for it any longer."""
        if self.stop.is_set():
            raise StoppedError


@dataclass(eq=False)
class _Waiting:
    job: QueuedJob
    cost: float
    order: int
    since: float  # on the clock of what has been served
    ready: asyncio.Future[None]


class Turns:
    """So many jobs at a time, and of large ones one less, so that a small one finds a place.

    Fair queueing, by clients: a client's next job is due when what it has been served already, and this job's cost, are
    no more than others have been served. So small jobs go before large ones, one client's many do not keep another's
    few waiting, and none waits for ever.
    """

    def __init__(self, at_once: int, large: float) -> None:
        """A job of the cost `large` is a large one."""
        self._at_once, self._large = at_once, large
        self._line: list[_Waiting] = []
        self._running: dict[QueuedJob, float] = {}  # their costs
        self._served: dict[str, float] = {}  # cost of what each client has begun
        self._clock = 0.0
        self._order = itertools.count()
        self._threads = ThreadPoolExecutor(2 * at_once, "job")  # as many again close what was left

    @property
    def waiting(self) -> list[QueuedJob]:
        return [each.job for each in self._line]

    @property
    def running(self) -> list[QueuedJob]:
        return list(self._running)

    @property
    def free(self) -> int:
        """How many more may run."""
        return self._at_once - len(self._running)

    async def run(self, job: QueuedJob, cost: float, work: Callable[[], _Result], seconds: float) -> _Result:
        """Do `work` in a thread when it is the job's turn.

        Args:
            job: what asks; its `stop` is set as soon as nobody waits any longer
            cost: of the work, compared to that of other jobs
            work: what to do
            seconds: how long it may take, from its turn on

        Raises:
            OutOfTimeError: it takes longer; it goes on, and counts, until it has noticed
        """
        await self._take(job, cost)
        loop = asyncio.get_running_loop()
        running = self._threads.submit(work)
        running.add_done_callback(lambda _: self._leave_from_thread(job, loop))
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(running)
        except TimeoutError as error:
            raise OutOfTimeError from error
        finally:
            job.stop.set()

    async def steps(
        self, job: QueuedJob, cost: float, work: Generator[_Result, None, None], seconds: float | None
    ) -> AsyncGenerator[_Result, None]:
        """The same for work that gives results one by one. It is closed in the end, however it ends.

        Args and raises as `run`; without `seconds` it sees to its time itself.
        """
        await self._take(job, cost)
        loop = asyncio.get_running_loop()
        deadline = None if seconds is None else loop.time() + seconds
        step: Future[Any] | None = None
        try:
            while True:
                step = self._threads.submit(next, cast("Any", work), _END)
                async with asyncio.timeout_at(deadline):
                    result = await asyncio.wrap_future(step)
                if result is _END:
                    return
                yield result
        except TimeoutError as error:
            raise OutOfTimeError from error
        finally:
            job.stop.set()
            ended = self._threads.submit(_close, work, step)
            ended.add_done_callback(lambda _: self._leave_from_thread(job, loop))

    async def _take(self, job: QueuedJob, cost: float) -> None:
        """Wait for the job's turn."""
        ready = asyncio.get_running_loop().create_future()
        waiting = _Waiting(job, cost, next(self._order), self._clock, ready)
        self._line.append(waiting)
        self._begin_next()
        try:
            await ready
        except asyncio.CancelledError:
            job.stop.set()
            if waiting in self._line:
                self._line.remove(waiting)
            else:
                self._leave(job)
            raise

    def _begin_next(self) -> None:
        while (next_ := self._next()) is not None:
            self._line.remove(next_)
            client = next_.job.client
            self._clock = max(self._clock, self._due(next_))
            self._served[client] = self._due(next_)
            self._running[next_.job] = next_.cost
            next_.ready.set_result(None)
        # Who has nothing in line starts from the clock again.
        self._served = {client: self._served[client] for client in self._served.keys() & self._clients_in_line()}

    def _clients_in_line(self) -> set[str]:
        return {each.job.client for each in self._line}

    def _next(self) -> _Waiting | None:
        if len(self._running) >= self._at_once:
            return None
        large = sum(cost >= self._large for cost in self._running.values())
        room_for_large = large < max(1, self._at_once - 1)
        may = [each for each in self._line if each.cost < self._large or room_for_large]
        return min(may, key=lambda each: (self._due(each), each.order), default=None)

    def _due(self, waiting: _Waiting) -> float:
        return max(self._served.get(waiting.job.client, 0.0), waiting.since) + waiting.cost

    def _leave(self, job: QueuedJob) -> None:
        self._running.pop(job, None)
        self._begin_next()

    def _leave_from_thread(self, job: QueuedJob, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the server has ended meanwhile
            loop.call_soon_threadsafe(self._leave, job)


def _close(work: Generator[Any, None, None], step: Future[Any] | None) -> None:
    """Once its last step has ended."""
    if step is not None:
        wait([step])
    work.close()


class Jobs:
    """All jobs of a server, by client."""

    def __init__(self, photos: Turns, batches: Turns) -> None:
        self.photos, self.batches = photos, batches
        self.closing = False  # no new ones are taken
        self.asked_for: Callable[[], Iterable[QueuedJob]] = list  # of gradio: before, in and after their turn

    def waiting(self) -> int:
        return len(self._all() - set(self._running()))

    def running(self) -> int:
        return len(self._running())

    def is_full(self, most: int) -> bool:
        """Whether another one would make more than `most` wait; those whose turn is about to come do not wait."""
        return self.waiting() >= most + self.photos.free

    def of(self, client: str) -> int:
        """How many of a client wait or run."""
        return sum(job.client == client for job in self._all())

    def _running(self) -> list[QueuedJob]:
        return self.photos.running + self.batches.running

    def _all(self) -> set[QueuedJob]:
        return {*self.asked_for(), *self._running(), *self.photos.waiting, *self.batches.waiting}
