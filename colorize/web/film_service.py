"""The film service behind the page: colors short films of the store."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from colorize import photo
from colorize.batch.plan import RESULT_MARK
from colorize.errors import PhotoError
from colorize.options import ColorizeOptions, FilmOptions
from colorize.photo import Photo
from colorize.requirements import EXTRAS, is_installed
from colorize.web.photo_service import PhotoService
from colorize.web.texts import Texts
from colorize.web.turns import QueuedJob

_STILL = 960  # px, the most for the width of the frame that is shown
_EVERY_S = 0.5  # seconds from one progress to the next
_BYTES_A_PIXEL = 0.25  # upper bound for a film of x264, whose segments are there twice for a moment
_UNKNOWN_RATE = 30  # frames a second of a film that does not tell


class FilmProgress(NamedTuple):
    """A film while it is colored. Paths are in the store."""

    before: Path  # its middle frame, as JPEG
    after: Path
    size: tuple[int, int]  # of the film, in pixels
    done: int  # frames
    total: int | None
    result: Path | None = None  # once all is done


def command_for(name: str) -> str:
    """The command that colors a film on the user's own computer."""
    return f"colorize {shlex.quote(name)}"


class FilmService:
    """Colors films, within the limits of a photo service, and reports errors as it does."""

    def __init__(self, photo_service: PhotoService) -> None:
        self._photos = photo_service
        self._longest = photo_service.limits.film
        if self._longest == 0:
            self.problem = "films_off"  # key of the words why no films are taken
        elif not all(map(is_installed, EXTRAS["video"])):
            self.problem = "films_missing"
        else:
            self.problem = ""

    def millions_of_pixels(self, source: Path, texts: Texts) -> float:
        """Pixels of all frames of a film, in millions.

        Args:
            source: path in the store.
            texts: of the user's language.

        Returns:
            Their number, as far as the file tells; of a film of unknown length, as of the longest one that is taken.

        Raises:
            PhotoError: in the user's language, the film cannot be read or colored.
        """
        with self._photos.user_errors(texts):
            size, _, frames = self._look(source)
            return size[0] * size[1] * frames / 1e6

    def colorize(
        self, source: Path, name: str, strength: float, size: int, texts: Texts, job: QueuedJob
    ) -> Generator[FilmProgress, None, None]:
        """Color a film: first the frame in its middle, then all of it.

        Args:
            source: path in the store
            name: of the film, as the user has it
            strength: of the colors, 0 to 2
            size: px, as of `ColorizeOptions`
            texts: of the user's language
            job: its `stop` ends the work at the next frame

        Yields:
            What there is, twice a second.

        Raises:
            ColorizeError: in the user's language
            JobCanceledError: nobody waits any longer
        """
        with self._photos.counted("film"):
            options = self._photos.options(strength, size, texts)
            with self._photos.user_errors(texts):
                frame, seconds, frames = self._look(source)
                most = self._photos.limits.pixels * 1_000_000
                if frame[0] * frame[1] > most:
                    raise PhotoError(
                        texts["too_many_pixels"].format(
                            count=f"{frame[0] * frame[1] / 1e6:.0f}", most=self._photos.limits.pixels
                        )
                    )
                if seconds is None or seconds > self._longest:
                    raise PhotoError(
                        texts["film_too_long"].format(name=name, most=self._longest, command=command_for(name))
                    )
                with self._photos.results(texts) as (folder, room):
                    room.take(int(2 * _BYTES_A_PIXEL * frame[0] * frame[1] * frames + source.stat().st_size))
                    try:
                        yield from self._color(source, frame, folder, options, job)
                    except BaseException:
                        shutil.rmtree(folder, ignore_errors=True)  # pieces of it
                        raise

    def _color(
        self, source: Path, frame: tuple[int, int], folder: Path, options: ColorizeOptions, job: QueuedJob
    ) -> Generator[FilmProgress, None, None]:
        from colorize.video.film import colorize_film
        from colorize.video.preview import middle_still

        film_options, colorizer = FilmOptions(), self._photos.colorizer
        job.check()
        stills = middle_still(source, options, film_options, colorizer=colorizer, width=min(_STILL, frame[0]))
        before, after = folder / "before.jpg", folder / "after.jpg"
        for still, path in zip(stills, (before, after), strict=True):
            photo.save_preview(Photo(still), path)
        now = FilmProgress(before, after, frame, 0, None)
        yield now

        def note(done: int, total: int | None) -> None:
            nonlocal now
            job.check()
            now = now._replace(done=done, total=total)

        target = folder / f"{source.stem}{RESULT_MARK}.mkv"
        with ThreadPoolExecutor(1, "film") as threads:
            running = threads.submit(
                colorize_film, source, target, options, film_options, colorizer=colorizer, progress=note
            )
            try:
                while not wait([running], _EVERY_S).done:
                    yield now
                running.result()
            finally:
                job.stop.set()  # if nobody wants the next one
        yield now._replace(result=target)

    def _look(self, source: Path) -> tuple[tuple[int, int], Fraction | None, int]:
        """Width and height, seconds, about how many frames. Raises `FilmError` if it cannot be colored."""
        from colorize.video.decoding import open_film
        from colorize.video.encoding import check_codec

        with open_film(source, FilmOptions()) as film:
            check_codec(film, FilmOptions())
            frames = film.expected_frames or _UNKNOWN_RATE * self._longest
            return (film.layout.width, film.layout.height), film.length, frames
