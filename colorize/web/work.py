"""The studio's work as the page and the endpoints ask for it: each job in its turn, within its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import gradio as gr

from colorize.errors import PhotoError
from colorize.web.gradio_internals import scope_of
from colorize.web.studio import Coloured, Given, Others, Progress, Studio, Wish
from colorize.web.texts import Texts
from colorize.web.turns import Jobs, OutOfTimeError, QueuedJob, Turns

JOB = "colorize.job"  # in the scope of a request that asks for one
PHOTOS_AT_ONCE = 2  # one decodes or encodes while the other is in the network
BATCHES_AT_ONCE = 1  # apart from single photos, which no batch keeps waiting
_LARGE = 16.0  # million pixels
_EVERY_JOB = 1.0  # million pixels, which even an empty photo takes the time of
_VARIANTS = 3.0  # times the cost of one colouring

_Result = TypeVar("_Result")


class Work:
    """One studio's work for everybody. Of each method, what a request asks for; `ColorizeError` in the user's words."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.jobs = Jobs(Turns(PHOTOS_AT_ONCE, _LARGE), Turns(BATCHES_AT_ONCE, float("inf")))

    async def colorize(
        self, request: gr.Request, source: Path, strength: float, size: int, format_: str, texts: Texts, wish: Wish
    ) -> Coloured:
        """One photo."""
        job = _job_of(request)
        return await self._alone(
            job, source, texts, lambda: self._studio.colorize(source, strength, size, format_, texts, wish, job)
        )

    async def uncertainty(self, request: gr.Request, source: Path, size: int, texts: Texts) -> Path:
        """Where the model is unsure of a photo."""
        job = _job_of(request)
        return await self._alone(job, source, texts, lambda: self._studio.uncertainty(source, size, texts, job))

    async def others(
        self, request: gr.Request, source: Path, strength: float, size: int, texts: Texts, wish: Wish, *, tiles: bool
    ) -> AsyncGenerator[Others, None]:
        """What else a photo's colors may be: what there is, again after each."""
        job = _job_of(request)
        cost = await self._cost(source) * (_VARIANTS if tiles else 1)
        steps = self._studio.others(source, strength, size, texts, wish, tiles=tiles, job=job)
        try:
            async with aclosing(self.jobs.photos.steps(job, cost, steps, self._studio.limits.seconds)) as each:
                async for others in each:
                    yield others
        except OutOfTimeError as error:
            raise self._too_long(texts) from error

    async def colorize_batch(
        self, request: gr.Request, given: Sequence[Given], strength: float, size: int, texts: Texts
    ) -> AsyncGenerator[Progress, None]:
        """Many photos: how far it is, after each."""
        job = _job_of(request)
        steps = self._studio.colorize_batch(given, strength, size, texts, job)
        async with aclosing(self.jobs.batches.steps(job, len(given), steps, None)) as each:
            async for progress in each:
                yield progress

    async def _alone(self, job: QueuedJob, source: Path, texts: Texts, work: Callable[[], _Result]) -> _Result:
        cost = await self._cost(source)
        try:
            return await self.jobs.photos.run(job, cost, work, self._studio.limits.seconds)
        except OutOfTimeError as error:
            raise self._too_long(texts) from error

    async def _cost(self, source: Path) -> float:
        return _EVERY_JOB + await asyncio.to_thread(self._studio.millions_of_pixels, source)

    def _too_long(self, texts: Texts) -> PhotoError:
        return PhotoError(texts["took_too_long"].format(seconds=self._studio.limits.seconds))


def _job_of(request: gr.Request) -> QueuedJob:
    """That the guard has counted."""
    job = scope_of(request)[JOB]
    assert isinstance(job, QueuedJob)
    return job
