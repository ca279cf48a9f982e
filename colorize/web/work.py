"""Runs the jobs of page and endpoints: each in its turn, within its time limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import gradio as gr

from colorize.errors import ConfigError, PhotoError
from colorize.requirements import install_command
from colorize.web.film_service import FilmProgress, FilmService, command_for
from colorize.web.gradio_internals import scope_of
from colorize.web.photo_service import ColoredPhoto, ColorRequest, Given, Others, PhotoService, Progress
from colorize.web.texts import Texts
from colorize.web.turns import Jobs, JobTimeoutError, QueuedJob, Turns

JOB = "colorize.job"  # key in the scope of a request for a job
PHOTOS_AT_ONCE = 2  # one decodes or encodes while the network runs on the other
BATCHES_AT_ONCE = 1  # beside single photos, so that no batch delays those
FILMS_AT_ONCE = 1  # beside both
_LARGE = 16.0  # million pixels
_EVERY_JOB = 1.0  # million pixels; what any photo costs at least
_VARIANTS = 3.0  # cost in colorings

_Result = TypeVar("_Result")


class Work:
    """Runs the photo service's jobs for all clients. Methods raise `ColorizeError` in the user's language."""

    def __init__(self, photo_service: PhotoService) -> None:
        self._photo_service = photo_service
        self.films = FilmService(photo_service)
        self.jobs = Jobs(
            Turns(PHOTOS_AT_ONCE, _LARGE), Turns(BATCHES_AT_ONCE, float("inf")), Turns(FILMS_AT_ONCE, float("inf"))
        )

    async def colorize(
        self,
        request: gr.Request,
        source: Path,
        strength: float,
        size: int,
        format_: str,
        texts: Texts,
        color_request: ColorRequest,
    ) -> ColoredPhoto:
        """Colorize one photo.

        Args:
            request: for the job, which the guard has put into its scope.
            source: path in the store.
            strength: of the colors, 0 to 2.
            size: px; the network sees about size × size pixels.
            format_: JPEG, PNG or TIFF.
            texts: of the user's language.
            color_request: hints, variant, references and regions.

        Returns:
            Its results.

        Raises:
            ColorizeError: the photo cannot be colored as asked for, or not in time.
            JobCanceledError: nobody waits any longer.
        """
        job = _job_of(request)
        return await self._run_single(
            job,
            [source, *(path for path, _ in color_request.references)],
            texts,
            lambda: self._photo_service.colorize(source, strength, size, format_, texts, color_request, job),
        )

    async def uncertainty(self, request: gr.Request, source: Path, size: int, texts: Texts) -> Path:
        """Find where the model is unsure of a photo.

        Args:
            request: for the job, which the guard has put into its scope.
            source: path in the store.
            size: px; the network sees about size × size pixels.
            texts: of the user's language.

        Returns:
            Path in the store of a PNG, black where the model is sure, white where it is not.

        Raises:
            ColorizeError: that cannot be found for this photo or with this model, or not in time.
            JobCanceledError: nobody waits any longer.
        """
        job = _job_of(request)
        return await self._run_single(
            job, [source], texts, lambda: self._photo_service.uncertainty(source, size, texts, job)
        )

    async def others(
        self,
        request: gr.Request,
        source: Path,
        strength: float,
        size: int,
        texts: Texts,
        color_request: ColorRequest,
        *,
        tiles: bool,
    ) -> AsyncGenerator[Others, None]:
        """Find where the model is unsure, and other colorings. Yields what there is after each.

        Args:
            request: for the job, which the guard has put into its scope.
            source: path in the store.
            strength: of the colors, 0 to 2.
            size: px; the network sees about size × size pixels.
            texts: of the user's language.
            color_request: hints, references and regions; its variant does not matter here.
            tiles: whether thumbnails of variants are made.

        Yields:
            As `PhotoService.others`.

        Raises:
            ColorizeError: the photo cannot be colored as asked for, or not in time.
            JobCanceledError: nobody waits any longer.
        """
        job = _job_of(request)
        cost = await self._cost([source]) * (_VARIANTS if tiles else 1)
        steps = self._photo_service.others(source, strength, size, texts, color_request, tiles=tiles, job=job)
        try:
            async with aclosing(self.jobs.photos.steps(job, cost, steps, self._photo_service.limits.seconds)) as each:
                async for others in each:
                    yield others
        except JobTimeoutError as error:
            raise self._too_long(texts) from error

    async def colorize_batch(
        self, request: gr.Request, given: Sequence[Given], strength: float, size: int, texts: Texts
    ) -> AsyncGenerator[Progress, None]:
        """Colorize many photos. Yields the progress after each.

        Args:
            request: for the job, which the guard has put into its scope.
            given: the uploads.
            strength: of the colors, 0 to 2.
            size: px; the network sees each photo at about size × size pixels.
            texts: of the user's language.

        Yields:
            As `PhotoService.colorize_batch`.

        Raises:
            ColorizeError: as `PhotoService.colorize_batch`. Photos that are not reached in time count as failed.
        """
        job = _job_of(request)
        steps = self._photo_service.colorize_batch(given, strength, size, texts, job)
        async with aclosing(self.jobs.batches.steps(job, len(given), steps, None)) as each:
            async for progress in each:
                yield progress

    async def colorize_film(
        self, request: gr.Request, given: Given, strength: float, size: int, texts: Texts
    ) -> AsyncGenerator[FilmProgress, None]:
        """Color a film. Yields the progress.

        Args:
            request: for the job, which the guard has put into its scope.
            given: the upload.
            strength: of the colors, 0 to 2.
            size: px, as of `ColorizeOptions`.
            texts: of the user's language.

        Yields:
            What there is, twice a second.

        Raises:
            ConfigError: the server takes no films.
            ColorizeError: the film cannot be colored as asked for, or not in time.
            JobCanceledError: nobody waits any longer.
        """
        job = _job_of(request)
        source, name = given
        if self.films.problem:
            raise ConfigError(
                texts[self.films.problem].format(command=command_for(name), install=install_command("video"))
            )
        cost = await asyncio.to_thread(self.films.millions_of_pixels, source, texts)
        steps = self.films.colorize(source, name, strength, size, texts, job)
        try:
            async with aclosing(self.jobs.films.steps(job, cost, steps, self._photo_service.limits.seconds)) as each:
                async for progress in each:
                    yield progress
        except JobTimeoutError as error:
            raise PhotoError(
                texts["film_took_too_long"].format(
                    seconds=self._photo_service.limits.seconds, command=command_for(name)
                )
            ) from error

    async def zip(self, request: gr.Request, given: Sequence[Given], texts: Texts) -> Path:
        """Put results into a ZIP file.

        Args:
            request: for the job, which the guard has put into its scope.
            given: the results, as paths in the store, and their names.
            texts: of the user's language.

        Returns:
            Path in the store of the ZIP file.

        Raises:
            ColorizeError: as `PhotoService.zip`, or it is not done in time.
        """
        job = _job_of(request)
        limit = self._photo_service.limits.seconds
        try:
            return await self.jobs.batches.run(job, 1, lambda: self._photo_service.zip(given, texts), limit)
        except JobTimeoutError as error:
            raise self._too_long(texts) from error

    def forget(self, paths: Sequence[str]) -> None:
        """Delete uploads and results."""
        for path in paths:
            self._photo_service.store.delete(path)

    async def _run_single(
        self, job: QueuedJob, sources: Sequence[Path], texts: Texts, work: Callable[[], _Result]
    ) -> _Result:
        cost = await self._cost(sources)
        try:
            return await self.jobs.photos.run(job, cost, work, self._photo_service.limits.seconds)
        except JobTimeoutError as error:
            raise self._too_long(texts) from error

    async def _cost(self, sources: Sequence[Path]) -> float:
        return _EVERY_JOB + await asyncio.to_thread(lambda: sum(map(self._photo_service.millions_of_pixels, sources)))

    def _too_long(self, texts: Texts) -> PhotoError:
        return PhotoError(texts["took_too_long"].format(seconds=self._photo_service.limits.seconds))


def _job_of(request: gr.Request) -> QueuedJob:
    """The job that the guard has put into the request's scope."""
    job = scope_of(request)[JOB]
    assert isinstance(job, QueuedJob)
    return job
