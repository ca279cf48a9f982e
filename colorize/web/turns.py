"""Fair queueing: jobs of many clients share few cores.

gradio considers a job ended as soon as nobody waits for it, though its thread goes on. So jobs are queued here, and a
job counts until its thread has ended.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from colorize.errors import ColorizeError

_Result = TypeVar("_Result")
_END = object()


class JobCanceledError(ColorizeError):
    """Raised inside a job when nobody waits for it any longer."""


class JobTimeoutError(Exception):
    """A job took longer than allowed."""


class QueuedJob:
    """A job that a client asked for, until its thread has ended."""

    def __init__(self, client: str = "") -> None:
        self.client = client
        self.stop = threading.Event()  # set when nobody waits any longer; the job ends at its next `check`

    def check(self) -> None:
        """Raise `JobCanceledError` if nobody waits for the job any longer."""
        if self.stop.is_set():
            raise JobCanceledError("the job was canceled")

    def checking(self, items: Iterable[_Result]) -> Iterator[_Result]:
        """Yield the items, with a `check` after each is made."""
        for item in items:
            self.check()
            yield item


@dataclass(eq=False)
class _Waiting:
    job: QueuedJob
    cost: float
    order: int
    since: float  # virtual time of its arrival
    ready: asyncio.Future[None]


class Turns:
    """Runs some jobs at a time, and one large job less, so that there is a place for a small one.

    This is fair queueing by client with virtual finish times. A job's finish time is its cost plus the later of its
    arrival and its client's previous finish time. The smallest goes first. So small jobs go before large ones, many
    jobs of one client do not delay few of another, and no job waits forever.
    """

    def __init__(self, at_once: int, large: float) -> None:
        """Begin without a job.

        Args:
            at_once: so many jobs run at a time.
            large: the cost from which on a job is large, in any unit.
        """
        self._at_once, self._large = at_once, large
        self._line: list[_Waiting] = []
        self._running: dict[QueuedJob, float] = {}  # cost of each
        self._served: dict[str, float] = {}  # virtual finish time of each client's latest job that began
        self._clock = 0.0
        self._order = itertools.count()
        self._threads = ThreadPoolExecutor(2 * at_once, "job")  # as many again close canceled generators

    @property
    def waiting(self) -> list[QueuedJob]:
        return [each.job for each in self._line]

    @property
    def running(self) -> list[QueuedJob]:
        return list(self._running)

    @property
    def free(self) -> int:
        """Number of jobs that can begin at once."""
        return self._at_once - len(self._running)

    async def run(self, job: QueuedJob, cost: float, work: Callable[[], _Result], seconds: float) -> _Result:
        """Run `work` in a thread when it is the job's turn.

        Args:
            job: the job; its `stop` is set when nobody waits any longer.
            cost: of the work, in the unit of `large`.
            work: function to call.
            seconds: time limit, counted from the job's turn.

        Returns:
            What the function returns.

        Raises:
            JobTimeoutError: the work took longer. It still counts until it has noticed `stop` and ended.
        """
        await self._take(job, cost)
        loop = asyncio.get_running_loop()
        running = self._threads.submit(work)
        running.add_done_callback(lambda _: self._leave_from_thread(job, loop))
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(running)
        except TimeoutError as error:
            raise JobTimeoutError from error
        finally:
            job.stop.set()

    async def steps(
        self, job: QueuedJob, cost: float, work: Generator[_Result, None, None], seconds: float | None
    ) -> AsyncGenerator[_Result, None]:
        """Like `run`, for a generator. It is closed in the end, in a thread.

        Args:
            job: as of `run`.
            cost: as of `run`, for all steps together.
            work: the generator; each step of it runs in a thread.
            seconds: time limit of all steps, counted from the job's turn; None if the work limits its own time.

        Yields:
            What the generator yields.

        Raises:
            JobTimeoutError: as `run`.
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
            raise JobTimeoutError from error
        finally:
            job.stop.set()
            ended = self._threads.submit(_close, work, step)
            ended.add_done_callback(lambda _: self._leave_from_thread(job, loop))

    async def _take(self, job: QueuedJob, cost: float) -> None:
        """Wait for the turn of a job."""
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
        # A client without waiting jobs starts from the clock again.
        self._served = {client: self._served[client] for client in self._served.keys() & self._clients_in_line()}

    def _clients_in_line(self) -> set[str]:
        return {each.job.client for each in self._line}

    def _next(self) -> _Waiting | None:
        if len(self._running) >= self._at_once:
            return None
        large = sum(cost >= self._large for cost in self._running.values())
        room_for_large = large < max(1, self._at_once - 1)
        wanted = [each for each in self._line if not each.ready.cancelled()]  # its task takes it out of the line
        may = [each for each in wanted if each.cost < self._large or room_for_large]
        return min(may, key=lambda each: (self._due(each), each.order), default=None)

    def _due(self, waiting: _Waiting) -> float:
        return max(self._served.get(waiting.job.client, 0.0), waiting.since) + waiting.cost

    def _leave(self, job: QueuedJob) -> None:
        self._running.pop(job, None)
        self._begin_next()

    def _leave_from_thread(self, job: QueuedJob, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the event loop has ended meanwhile
            loop.call_soon_threadsafe(self._leave, job)


def _close(work: Generator[Any, None, None], step: Future[Any] | None) -> None:
    """Close a generator once its last step has ended."""
    if step is not None:
        wait([step])
    work.close()


class Jobs:
    """All jobs of a server."""

    def __init__(self, photos: Turns, batches: Turns, films: Turns) -> None:
        """Hold the turns of each kind of job.

        Args:
            photos: those of single photos.
            batches: those of many photos.
            films: those of films.
        """
        self.photos, self.batches, self.films = photos, batches, films
        self.closing = False  # no new jobs are taken
        self.gradio_jobs: Callable[[], Iterable[QueuedJob]] = list  # jobs in gradio's queue, in any state

    def waiting(self) -> int:
        return len(self._all() - set(self._running()))

    def running(self) -> int:
        return len(self._running())

    def is_full(self, most: int) -> bool:
        """Whether `most` jobs wait already. Jobs that can begin at once do not count."""
        return self.waiting() >= most + self.photos.free

    def of(self, client: str) -> int:
        """Number of waiting and running jobs of a client."""
        return sum(job.client == client for job in self._all())

    def _running(self) -> list[QueuedJob]:
        return [job for each in self._turns() for job in each.running]

    def _turns(self) -> tuple[Turns, ...]:
        return self.photos, self.batches, self.films

    def _all(self) -> set[QueuedJob]:
        return {*self.gradio_jobs(), *self._running(), *(job for each in self._turns() for job in each.waiting)}
