"""Many photos: skip what is done, colorize the rest in a bounded pipeline, give the result of each.

Reading, colorizing and writing have threads of their own; Pillow's codecs, the network and the arithmetic on arrays run
side by side in them. What is under way is bounded by number and by pixels, so that memory does not depend on how many
photos there are. The caller's thread only decides what is next: `flights.py` has the states of a job.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from colorize import photo
from colorize.batch.flights import (
    AWAITED,
    HAS_COLORS,
    IN_MEMORY,
    Flight,
    Opened,
    State,
    failure,
    is_out_of_memory,
)
from colorize.batch.plan import Job
from colorize.batch.results import Outcome, Result, exists, is_outdated
from colorize.coloring.conditions import NO_CONDITIONS, Conditions
from colorize.coloring.tint import Original, recognize
from colorize.errors import ColorizeError, ConfigError, PhotoError
from colorize.options import SIZE_RANGE, ColorizeOptions
from colorize.photo import Photo
from colorize.system import files
from colorize.system.cores import CORES

__all__ = ["Outcome", "PhotoColorizer", "Result", "run", "run_stream"]

_READERS = min(4, CORES)
_COLORIZERS = min(4, CORES)  # torch takes them one by one, a graph side by side: meanwhile others paint at full size
_WRITERS = min(8, CORES)
_PHOTOS_UNDER_WAY = 32
_PIXELS_UNDER_WAY = 16_000_000 * min(10, 1 + CORES)  # at 4 bytes each and more; a larger photo goes alone
_PHOTOS_TOGETHER = 4  # small ones, seen by the network at once; more take more memory, and on a CPU as much time
_PIXELS_TOGETHER = 4_000_000


class PhotoColorizer(Protocol):
    """What `run` needs of a `Colorizer`."""

    def color(
        self, photos: Sequence[Photo], options: ColorizeOptions, conditions: Sequence[Conditions]
    ) -> Sequence[Photo]:
        """As `Colorizer.color`.

        Args:
            photos: any.
            options: of all of them.
            conditions: one for each photo.

        Returns:
            The photos in color, in their order.
        """


def run(
    jobs: Iterable[Job],
    load: Callable[[], PhotoColorizer],
    options: ColorizeOptions,
    conditions: Conditions = NO_CONDITIONS,
    *,
    stop: threading.Event | None = None,
    results_too: bool = False,
) -> Iterator[Result]:
    """Do the jobs, and give each one's result, in their order, once it is written.

    An existing target is kept unless `options.overwrite` or its source has changed since, also if another program makes
    it meanwhile. A photo that is in color already gets new colors, or is skipped with `options.skip_color`. A photo
    that fails does not stop the others: its result says why. If memory runs out, a photo is tried again alone, then at
    half and at a quarter of the size; its result says so. Temporary files of killed runs are removed from the target
    folders.

    Args:
        jobs: from `plan`.
        load: gives the colorizer; called once, when there is a photo to do. What it raises is not caught.
        options: of all photos.
        conditions: of all photos, but for the seed, which is each job's own.
        stop: when it is set, no further photo is begun, and those that have their colors are written. A full disk sets
            it.
        results_too: whether photos that are results of this program themselves are colored again; they are skipped
            otherwise.

    Returns:
        The results.
    """
    return _Pipeline(load, options, conditions, stop or threading.Event(), results_too).run(iter(jobs))


def run_stream(
    source: BinaryIO,
    name: str,
    load: Callable[[], PhotoColorizer],
    options: ColorizeOptions,
    conditions: Conditions = NO_CONDITIONS,
    *,
    suffix: str = "",
) -> tuple[Result, bytes]:
    """Colorize the photo that a stream holds.

    Args:
        source: the stream.
        name: what it is called in messages.
        load: as of `run`.
        options: as of `run`.
        conditions: as of `run`.
        suffix: of the result, which decides its format; "" for what `options` say.

    Returns:
        How it went, and the bytes of a file in the photo's own format, or in the one asked for.

    Raises:
        PhotoError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="colorize-") as folder:
        path = Path(folder, "photo")
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(source, file)
        except OSError as error:
            raise PhotoError(f"{name}: cannot be read ({error.strerror})") from error
        header = photo.header(path)
        own = suffix or (f".{options.format}" if options.format else "")
        suffix = own or (header.suffix if header else "")
        job = Job(path, Path(folder, f"result{suffix or '.png'}"))
        (result,) = run([job], load, options, conditions, results_too=True)
        message = result.message.replace(str(path), name)
        if result.outcome is not Outcome.DONE:
            raise PhotoError(message)
        if header and header.only_read and not own:
            only_read = f"written as {job.target.suffix}: {header.only_read} can only be read"
            message = f"{message}; {only_read}" if message else only_read
        return replace(result, message=message), job.target.read_bytes()


class _Pipeline:
    def __init__(
        self,
        load: Callable[[], PhotoColorizer],
        options: ColorizeOptions,
        conditions: Conditions,
        stop: threading.Event,
        results_too: bool,
    ) -> None:
        self._colorizer = cache(load)
        self._options = options
        self._conditions = conditions
        self._stop = stop
        self._results_too = results_too
        self._line: deque[Flight] = deque()  # in the order of the jobs
        self._folders: dict[Path, bool] = {}  # of targets: whether they may be written to
        self._readers = ThreadPoolExecutor(_READERS, "read")
        self._colorizers = ThreadPoolExecutor(_COLORIZERS, "colorize")
        self._writers = ThreadPoolExecutor(_WRITERS, "write")
        # What is done with what a thread gives, by the state in which it worked.
        self._take: dict[State, Callable[[Flight, Any], None]] = {
            State.MEASURING: self._take_header,
            State.READING: self._take_opened,
            State.COLORIZING: self._take_colored,
            State.WRITING: Flight.finish,
        }

    def run(self, jobs: Iterator[Job]) -> Iterator[Result]:
        try:
            while not self._stop.is_set():
                self._line.extend(self._begin(job) for job in islice(jobs, _PHOTOS_UNDER_WAY - len(self._line)))
                if not self._line:
                    return
                self._gather()
                while self._line and (result := self._line[0].result):
                    self._line.popleft()
                    yield result
                self._read_next()
                if not (self._colorize_next() or self._do_one_alone()):
                    self._wait()
            while self._are_any(HAS_COLORS):
                self._wait()
                self._gather()
            yield from (flight.result for flight in self._line if flight.result)
        finally:
            for threads in (self._readers, self._colorizers, self._writers):
                threads.shutdown(wait=False, cancel_futures=True)

    def _are_any(self, states: Iterable[State]) -> bool:
        return any(flight.state in states for flight in self._line)

    def _begin(self, job: Job) -> Flight:
        flight = Flight(job)
        if job.problem:
            flight.finish(Result(job, Outcome.FAILED, job.problem))
        elif self._is_skipped(flight):
            flight.finish(Result(job, Outcome.SKIPPED))
        elif not self._folders[job.target.parent]:  # before the work, not after it
            advice = "; -o names another one" if job.target.parent == job.source.parent else ""
            message = f"{job.target}: cannot be written (its folder is write-protected{advice})"
            flight.finish(Result(job, Outcome.FAILED, message))
        else:
            flight.transition(State.MEASURING, self._readers.submit(photo.header, job.source))
        return flight

    def _is_skipped(self, flight: Flight) -> bool:
        """Whether its result exists and is to stay; its folder is looked at first."""
        job = flight.job
        folder = job.target.parent
        if folder not in self._folders:
            files.clean_stale(folder)
            self._folders[folder] = files.may_write(folder)
        if self._options.overwrite or not exists(job):
            return False
        flight.replaces = is_outdated(job)
        return not flight.replaces

    def _gather(self) -> None:
        """Take what the threads have finished."""
        for flight in self._line:
            if not (flight.future and flight.future.done()):
                continue
            try:
                done = flight.future.result()
            except (ColorizeError, MemoryError) as error:
                self._take_error(flight, error)
            else:
                self._take[flight.state](flight, done)

    def _take_header(self, flight: Flight, header: photo.Header | None) -> None:
        if header and header.is_result and not self._results_too:
            flight.finish(Result(flight.job, Outcome.RESULT))
            return
        flight.header = header
        flight.transition(State.MEASURED)

    def _take_opened(self, flight: Flight, opened: Opened) -> None:
        if self._is_left(opened):
            flight.finish(opened.result(flight.job, Outcome.LEFT, seconds=opened.seconds))
        else:
            flight.opened = opened
            flight.transition(State.READ)

    def _take_colored(self, flight: Flight, colored: tuple[Sequence[Photo], float]) -> None:
        photos, seconds = colored
        self._write_later(flight, [photos[flight.place or 0]], seconds)

    def _take_error(self, flight: Flight, error: ColorizeError | MemoryError) -> None:
        if flight.place is not None:  # it was colorized with others, and is perhaps not to blame
            self._colorize([flight])
            return
        flight.fail(error)
        self._stop_if_disk_full(flight)

    def _stop_if_disk_full(self, flight: Flight) -> None:
        if flight.result and flight.result.disk_full:
            self._stop.set()

    def _is_left(self, opened: Opened) -> bool:
        return self._options.skip_color and opened.original is Original.COLORED

    def _read_next(self) -> None:
        """Have photos read, in order, as far as there is room; none while one waits to be alone."""
        if self._are_any([State.RETRY_ALONE]):
            return
        used = sum(flight.pixels for flight in self._line if flight.state in IN_MEMORY)
        for flight in self._line:
            if flight.state is State.MEASURING or (used and used + flight.pixels > _PIXELS_UNDER_WAY):
                return
            if flight.state is State.MEASURED:
                used += flight.pixels
                flight.transition(State.READING, self._readers.submit(_open, flight.job.source, self._options.salvage))

    def _colorize_next(self) -> bool:
        """Have the next photos colorized; False if none is read or all threads have some."""
        if self._are_any([State.READ]):
            self._colorizer()  # the first time this takes seconds, in which others are read
            self._gather()
        if len({flight.future for flight in self._line if flight.state is State.COLORIZING}) >= _COLORIZERS:
            return False
        group = self._next_group()
        if group:
            self._colorize(group)
        return bool(group)

    def _next_group(self) -> list[Flight]:
        """The next photos that have been read: small ones together, those of several pages alone."""
        group: list[Flight] = []
        pixels = 0
        for flight in self._line:
            if flight.state in AWAITED:
                break
            if flight.state is State.READ and flight.opened:
                pixels += flight.pixels
                other_seed = group and group[0].job.seed != flight.job.seed
                if group and (flight.opened.rest or other_seed or pixels > _PIXELS_TOGETHER):
                    break
                group.append(flight)
                if flight.opened.rest or len(group) == _PHOTOS_TOGETHER:
                    break
        return group

    def _colorize(self, group: Sequence[Flight]) -> None:
        opened = [flight.opened for flight in group if flight.opened]
        seed = group[0].job.seed
        if opened[0].rest:  # page by page, while it is written
            self._write_later(group[0], self._color_pages(opened[0], self._options, seed), 0.0)
            return
        future = self._colorizers.submit(self._color_together, [each.first for each in opened], seed)
        for place, flight in enumerate(group):
            flight.place = place if len(group) > 1 else None
            flight.transition(State.COLORIZING, future)

    def _color_together(self, photos: Sequence[Photo], seed: int | None) -> tuple[Sequence[Photo], float]:
        """In color, and how many seconds each of them took."""
        start = time.perf_counter()
        conditions = [replace(self._conditions, seed=seed)] * len(photos)
        colored = self._colorizer().color(photos, self._options, conditions)
        return colored, (time.perf_counter() - start) / len(photos)

    def _color_pages(self, opened: Opened, options: ColorizeOptions, seed: int | None) -> Iterator[Photo]:
        if self._conditions.is_of_one_photo and opened.first.more_pages:  # which one is meant?
            raise ConfigError(f"hints belong to a single photo, this file has {opened.first.pages} pages")
        for page in opened.pages():
            yield from self._colorizer().color([page], options, [replace(self._conditions, seed=seed)])

    def _write_later(self, flight: Flight, pages: Iterable[Photo], seconds: float) -> None:
        assert flight.opened
        result = _planned_result(flight, flight.opened, seconds)
        flight.opened = flight.place = None  # the gray photo is not needed any longer
        flight.transition(State.WRITING, self._writers.submit(self._write, pages, result))

    def _write(self, pages: Iterable[Photo], result: Result) -> Result:
        """`result` with what comes out of it."""
        start = time.perf_counter()
        try:
            overwrite = self._options.overwrite or result.again
            photo.save(pages, result.job.target, self._options.quality, overwrite=overwrite)
        except FileExistsError:
            return Result(result.job, Outcome.SKIPPED)
        return replace(result, seconds=result.seconds + time.perf_counter() - start)

    def _do_one_alone(self) -> bool:
        """Try a photo again for which memory ran out, now that no other is in memory; False if there is none."""
        flight = next((flight for flight in self._line if flight.state is State.RETRY_ALONE), None)
        if flight is None or self._are_any(IN_MEMORY):
            return False
        flight.finish(self._alone(flight))
        self._stop_if_disk_full(flight)
        return True

    def _alone(self, flight: Flight) -> Result:
        job = flight.job
        reason = f"{job.source}: not enough memory"
        wanted = size = self._options.size
        while size >= SIZE_RANGE[0]:
            try:
                opened = _open(job.source, self._options.salvage)
                if self._is_left(opened):
                    return opened.result(job, Outcome.LEFT, seconds=opened.seconds)
                reason = f"{job.source}: not enough memory to color {'×'.join(map(str, opened.first.size))} px"
                pages = self._color_pages(opened, replace(self._options, size=size), job.seed)
                result = _planned_result(flight, opened)
                if size != wanted:
                    result = replace(result, message=f"{reason} at size {wanted}, done at {size}")
                return self._write(pages, result)
            except (ColorizeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    return failure(job, error)
            size //= 2
        return Result(job, Outcome.FAILED, reason)

    def _wait(self) -> None:
        """Until a thread has finished something."""
        wait([flight.future for flight in self._line if flight.future], return_when=FIRST_COMPLETED)


def _open(source: Path, salvage: bool) -> Opened:
    start = time.perf_counter()
    pages = photo.pages(source, salvage=salvage)
    first = replace(next(pages), sha256=_sha256(source))
    original = recognize(first)
    if first.more_pages:
        return Opened(first, original, pages, time.perf_counter() - start)
    pages.close()
    return Opened(first, original, None, time.perf_counter() - start)


def _sha256(source: Path) -> str:
    try:
        return files.sha256(source)
    except OSError as error:
        raise PhotoError(f"{source}: cannot be read ({error.strerror})") from error


def _on_missing_part(source: Path, page: Photo) -> str:
    if page.readable is None:
        return ""
    left, top, right, bottom = page.readable
    share = (right - left) * (bottom - top) / (page.size[0] * page.size[1])
    return f"{source}: ends early: {share:.0%} of the picture are there, the rest is left gray"


def _planned_result(flight: Flight, opened: Opened, seconds: float = 0.0) -> Result:
    """What is known before it is written; `seconds` is what coloring took."""
    dropped = photo.dropped_metadata(opened.first, flight.job.target)
    seconds += opened.seconds
    return opened.result(
        flight.job,
        Outcome.DONE,
        message=_on_missing_part(flight.job.source, opened.first),
        seconds=seconds,
        dropped_metadata=dropped,
        only_read=flight.header.only_read if flight.header else "",
        again=flight.replaces,
    )
