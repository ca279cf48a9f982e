"""The states that a job goes through on its way: what is going on in each, and what may follow it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import Future
from enum import Enum
from typing import Any, NamedTuple

from colorize.batch.plan import Job
from colorize.batch.results import Outcome, Result
from colorize.coloring.tint import Original
from colorize.errors import ColorizeError, ConfigError
from colorize.photo import Header, Photo


class State(Enum):
    NEW = "nothing has been done"
    MEASURING = "its header is being read"
    MEASURED = "there has been no room for it"
    READING = "it is being read"
    READ = "its turn has not come"
    COLORIZING = "it is being colorized, perhaps with others"
    WRITING = "it is being written, and if it has several pages, they are colorized meanwhile"
    RETRY_ALONE = "memory ran out: it is to be done alone"
    FINISHED = "its result is known"


# What may follow a state. A job that fails is FINISHED, or RETRY_ALONE if memory ran out.
NEXT: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.MEASURING, State.FINISHED}),
    State.MEASURING: frozenset({State.MEASURED, State.RETRY_ALONE, State.FINISHED}),
    State.MEASURED: frozenset({State.READING}),
    State.READING: frozenset({State.READ, State.RETRY_ALONE, State.FINISHED}),
    State.READ: frozenset({State.COLORIZING, State.WRITING}),
    State.COLORIZING: frozenset({State.COLORIZING, State.WRITING, State.RETRY_ALONE, State.FINISHED}),
    State.WRITING: frozenset({State.RETRY_ALONE, State.FINISHED}),
    State.RETRY_ALONE: frozenset({State.FINISHED}),
    State.FINISHED: frozenset(),
}

# A thread works on it.
AT_WORK = frozenset({State.MEASURING, State.READING, State.COLORIZING, State.WRITING})
# It is not known yet whether there will be something to colorize.
AWAITED = frozenset({State.MEASURING, State.MEASURED, State.READING})
# Its pixels are in memory.
IN_MEMORY = frozenset({State.READING, State.READ, State.COLORIZING, State.WRITING})
# It is finished even if the run is to stop.
HAS_COLORS = frozenset({State.COLORIZING, State.WRITING})


class Opened(NamedTuple):
    """A photo that has been read."""

    first: Photo
    original: Original
    rest: Iterator[Photo] | None  # further pages, read when they are asked for
    seconds: float  # that reading took

    def pages(self) -> Iterator[Photo]:
        """All of them."""
        yield self.first
        if self.rest:
            yield from self.rest

    def result(self, job: Job, outcome: Outcome, **others: Any) -> Result:
        """Tell of the photo what is known of it.

        Args:
            job: whose photo it is.
            outcome: what became of it.
            others: further fields of the result.

        Returns:
            The result.
        """
        return Result(job, outcome, size=self.first.size, original=self.original, **others)


class Flight:
    """A job under way."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.state = State.NEW
        self.future: Future[Any] | None = None  # of the thread that works on it
        self.header: Header | None = None
        self.opened: Opened | None = None
        self.place: int | None = None  # among several that are colorized together
        self.result: Result | None = None
        self.replaces = False  # whether there is a result of what its source was before

    @property
    def pixels(self) -> int:
        """As its header has them."""
        return self.header.pixels if self.header else 0

    def transition(self, state: State, future: Future[Any] | None = None) -> None:
        """Enter a state.

        Args:
            state: one that may follow.
            future: of the thread that works on it, if the state is one of those.
        """
        assert state in NEXT[self.state], f"{self.state} is not followed by {state}"
        assert (future is not None) == (state in AT_WORK)
        self.state, self.future = state, future

    def finish(self, result: Result) -> None:
        """Its result is known."""
        self.result = result
        self.transition(State.FINISHED)

    def fail(self, error: ColorizeError | MemoryError) -> None:
        """Try again where memory ran out, else give up."""
        if is_out_of_memory(error):
            self.opened = None
            self.transition(State.RETRY_ALONE)
        else:
            self.finish(failure(self.job, error))


def failure(job: Job, error: ColorizeError | MemoryError) -> Result:
    """Tell why a job failed.

    Args:
        job: the job.
        error: what was raised.

    Returns:
        The result, whose message names the photo.
    """
    message = f"{job.source}: {error}" if isinstance(error, ConfigError) else str(error)  # which does not know the name
    full = any(isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT) for cause in _causes(error))
    return Result(job, Outcome.FAILED, message, disk_full=full)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or what caused it, is a lack of memory."""
    return any(isinstance(cause, MemoryError) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
