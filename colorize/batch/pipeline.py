"""Many photos: skip what is done, colorize the rest in a bounded pipeline, say how each went.

Reading, colorizing and writing have threads of their own; Pillow's codecs, the network and the arithmetic on arrays run
side by side in them. What is under way is bounded by number and by pixels, so that memory does not depend on how many
photos there are. The caller's thread only says what is next.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from colorize import photo
from colorize.batch.plan import Job
from colorize.coloring.tint import Original, recognize
from colorize.errors import ColorizeError, ConfigError, PhotoError
from colorize.options import SIZE_RANGE, ColorizeOptions, ResultOptions
from colorize.photo import Photo
from colorize.system import files
from colorize.system.cores import CORES

_READERS = min(4, CORES)
_COLORIZERS = min(4, CORES)  # torch takes them one by one, a graph side by side: meanwhile others paint at full size
_WRITERS = min(8, CORES)
_PHOTOS_UNDER_WAY = 32
_PIXELS_UNDER_WAY = 16_000_000 * min(10, 1 + CORES)  # at 4 bytes each and more; a larger photo goes alone
_PHOTOS_TOGETHER = 4  # small ones, seen by the network at once; more take more memory, and on a CPU as much time
_PIXELS_TOGETHER = 4_000_000


class Outcome(Enum):
    DONE = "colorized"
    SKIPPED = "already there"
    LEFT = "in color and left alone"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    job: Job
    outcome: Outcome
    message: str = ""  # why it failed, or how it was not done as asked for
    seconds: float = 0.0  # of reading, thinking and writing
    size: tuple[int, int] | None = None  # width and height in pixels; of several pages, the first one's
    original: Original | None = None  # what it was; of several pages, the first one
    dropped_metadata: tuple[str, ...] = ()  # what of the photo is not kept
    disk_full: bool = False  # why it failed


class PhotoColorizer(Protocol):
    """What `run` needs of a `Colorizer`."""

    def colorize_photos(
        self, photos: Sequence[Photo], *, strength: float, size: int, seed: int | None = None
    ) -> Sequence[Photo]: ...


def is_done(job: Job) -> bool:
    """Whether the target exists; False where even that cannot be asked: writing will tell."""
    return os.path.lexists(job.target)


def run(
    jobs: Iterable[Job],
    load: Callable[[], PhotoColorizer],
    options: ColorizeOptions,
    written: ResultOptions | None = None,
    *,
    overwrite: bool = False,
    skip_color: bool = False,
    stop: threading.Event | None = None,
) -> Iterator[Result]:
    """Do the jobs, and give each one's result, in their order, once it is written.

    A target that exists is left alone unless `overwrite`, and so is one that another program makes meanwhile. With
    `skip_color` a photo that has colors of its own is left alone; else it gets new ones, as any other. A photo that
    fails is told in its result, and the rest goes on. Where memory runs out a photo is tried again alone, then
    with the network seeing less of it, which its result tells. What a killed run left half-written in the target
    folders is removed.

    `load` is called when there is a photo to do, once; what it raises is not caught. When `stop` is set, no further
    photo is begun, and those that have their colors are written and told. It sets `stop` itself when the disk is full.
    """
    pipeline = _Pipeline(load, options, written or ResultOptions(), overwrite, skip_color, stop or threading.Event())
    return pipeline.run(iter(jobs))


def run_stream(
    source: BinaryIO, name: str, load: Callable[[], PhotoColorizer], options: ColorizeOptions, written: ResultOptions
) -> tuple[Result, bytes]:
    """Colorize the photo that a stream holds, called `name` in messages.

    Gives how it went, and the bytes of a file in the photo's own format, or in the one asked for. Raises `PhotoError`
    if it failed.
    """
    with tempfile.TemporaryDirectory(prefix="colorize-") as folder:
        path = Path(folder, "photo")
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(source, file)
        except OSError as error:
            raise PhotoError(f"{name}: cannot be read ({error.strerror})") from error
        header = photo.header(path)
        suffix = f".{written.format}" if written.format else header.suffix if header else path.suffix
        job = Job(path, Path(folder, f"result{suffix or '.png'}"))
        (result,) = run([job], load, options, written)
        message = result.message.replace(str(path), name)
        if result.outcome is not Outcome.DONE:
            raise PhotoError(message)
        if header and header.only_read and not written.format:
            only_read = f"written as {job.target.suffix}: {header.only_read} is only read"
            message = f"{message}; {only_read}" if message else only_read
        return replace(result, message=message), job.target.read_bytes()


class _State(Enum):
    MEASURING = "its header is being read"
    MEASURED = "there has been no room for it"
    READING = "it is being read"
    READ = "its turn has not come"
    COLORIZING = "it is being colorized, perhaps with others"
    WRITING = "it is being written"
    RETRY_ALONE = "memory ran out: it is to be done alone"
    FINISHED = "its result is known"


_IN_MEMORY = (_State.READING, _State.READ, _State.COLORIZING, _State.WRITING)


class _Opened(NamedTuple):
    first: Photo
    original: Original
    rest: Iterator[Photo] | None  # further pages, read when they are asked for
    seconds: float  # that reading took


class _Flight:
    """A job under way."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.state = _State.MEASURING
        self.future: Future[Any] | None = None  # what it waits for
        self.header: photo.Header | None = None
        self.opened: _Opened | None = None
        self.place: int | None = None  # among several that are colorized together
        self.result: Result | None = None

    @property
    def pixels(self) -> int:
        return self.header.pixels if self.header else 0

    def transition(self, state: _State, future: Future[Any] | None = None) -> None:
        self.state, self.future = state, future

    def finish(self, result: Result) -> None:
        self.result = result
        self.transition(_State.FINISHED)

    def fail(self, error: ColorizeError | MemoryError) -> None:
        if _out_of_memory(error):
            self.opened = None
            self.transition(_State.RETRY_ALONE)
        else:
            self.finish(Result(self.job, Outcome.FAILED, _reason(self.job, error), disk_full=_disk_full(error)))


class _Pipeline:
    def __init__(
        self,
        load: Callable[[], PhotoColorizer],
        options: ColorizeOptions,
        written: ResultOptions,
        overwrite: bool,
        skip_color: bool,
        stop: threading.Event,
    ) -> None:
        self._colorizer = cache(load)
        self._options = options
        self._quality = written.quality
        self._overwrite = overwrite
        self._skip_color = skip_color
        self._stop = stop
        self._line: deque[_Flight] = deque()  # in the order of the jobs
        self._folders: dict[Path, bool] = {}  # of targets: whether they may be written to
        self._readers = ThreadPoolExecutor(_READERS, "read")
        self._colorizers = ThreadPoolExecutor(_COLORIZERS, "colorize")
        self._writers = ThreadPoolExecutor(_WRITERS, "write")

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
            while any(flight.state in (_State.COLORIZING, _State.WRITING) for flight in self._line):
                self._wait()
                self._gather()
            yield from (flight.result for flight in self._line if flight.result)
        finally:
            for threads in (self._readers, self._colorizers, self._writers):
                threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, job: Job) -> _Flight:
        flight = _Flight(job)
        if job.problem:
            flight.finish(Result(job, Outcome.FAILED, job.problem))
            return flight
        folder = job.target.parent
        if folder not in self._folders:
            files.clean_stale(folder)
            self._folders[folder] = files.may_write(folder)
        if not self._overwrite and is_done(job):
            flight.finish(Result(job, Outcome.SKIPPED))
        elif not self._folders[folder]:  # told before the work, not after it
            flight.finish(
                Result(job, Outcome.FAILED, f"{job.target}: cannot be written (its folder is write-protected)")
            )
        else:
            flight.transition(_State.MEASURING, self._readers.submit(photo.header, job.source))
        return flight

    def _gather(self) -> None:
        """Take what the threads have finished."""
        for flight in self._line:
            if not (flight.future and flight.future.done()):
                continue
            try:
                done = flight.future.result()
            except (ColorizeError, MemoryError) as error:
                if flight.place is None:
                    flight.fail(error)
                    if flight.result and flight.result.disk_full:
                        self._stop.set()
                else:  # perhaps it is not to blame
                    self._colorize([flight])
                continue
            match flight.state:
                case _State.MEASURING:
                    flight.header = done
                    flight.transition(_State.MEASURED)
                case _State.READING if self._is_left(done):
                    flight.finish(_result(flight.job, done, Outcome.LEFT))
                case _State.READING:
                    flight.opened = done
                    flight.transition(_State.READ)
                case _State.COLORIZING:
                    photos, seconds = done
                    self._write_later(flight, [photos[flight.place or 0]], seconds)
                case _State.WRITING:
                    flight.finish(done)

    def _is_left(self, opened: _Opened) -> bool:
        return self._skip_color and opened.original is Original.COLORED

    def _read_next(self) -> None:
        """Have photos read, in order, as far as there is room; none while one waits to be alone."""
        if any(flight.state is _State.RETRY_ALONE for flight in self._line):
            return
        used = sum(flight.pixels for flight in self._line if flight.state in _IN_MEMORY)
        for flight in self._line:
            if flight.state is _State.MEASURING or (used and used + flight.pixels > _PIXELS_UNDER_WAY):
                return
            if flight.state is _State.MEASURED:
                used += flight.pixels
                flight.transition(_State.READING, self._readers.submit(_open, flight.job.source))

    def _colorize_next(self) -> bool:
        """Have the next photos colorized, small ones together; False if none is read or all threads have some."""
        if any(flight.state is _State.READ for flight in self._line):
            self._colorizer()  # loading takes seconds the first time, in which others are read
            self._gather()
        if len({flight.future for flight in self._line if flight.state is _State.COLORIZING}) >= _COLORIZERS:
            return False
        group: list[_Flight] = []
        pixels = 0
        for flight in self._line:
            if flight.state in (_State.MEASURING, _State.MEASURED, _State.READING):
                break
            if flight.state is _State.READ and flight.opened:
                pixels += flight.pixels
                other_seed = group and group[0].job.seed != flight.job.seed
                if group and (flight.opened.rest or other_seed or pixels > _PIXELS_TOGETHER):
                    break
                group.append(flight)
                if flight.opened.rest or len(group) == _PHOTOS_TOGETHER:
                    break
        if group:
            self._colorize(group)
        return bool(group)

    def _colorize(self, group: Sequence[_Flight]) -> None:
        opened = [flight.opened for flight in group if flight.opened]
        if opened[0].rest:  # page by page, while it is written
            pages = self._colored(_every_page(opened[0]), self._options.size, group[0].job.seed)
            self._write_later(group[0], pages, 0.0)
            return
        photos = [each.first for each in opened]
        future = self._colorizers.submit(self._colorize_photos, photos, group[0].job.seed)
        for place, flight in enumerate(group):
            flight.place = place if len(group) > 1 else None
            flight.transition(_State.COLORIZING, future)

    def _colorize_photos(self, photos: Sequence[Photo], seed: int | None) -> tuple[Sequence[Photo], float]:
        """In color, and how many seconds each of them took."""
        start = time.perf_counter()
        options = self._options
        colored = self._colorizer().colorize_photos(photos, strength=options.strength, size=options.size, seed=seed)
        return colored, (time.perf_counter() - start) / len(photos)

    def _colored(self, pages: Iterable[Photo], size: int, seed: int | None) -> Iterator[Photo]:
        strength = self._options.strength
        for page in pages:
            yield from self._colorizer().colorize_photos([page], strength=strength, size=size, seed=seed)

    def _write_later(self, flight: _Flight, pages: Iterable[Photo], seconds: float) -> None:
        assert flight.opened
        result = _result(flight.job, flight.opened, seconds=seconds)
        flight.opened = flight.place = None  # the gray photo is not needed any longer
        flight.transition(_State.WRITING, self._writers.submit(self._write, pages, result))

    def _write(self, pages: Iterable[Photo], result: Result) -> Result:
        """`result` with what comes out of it."""
        start = time.perf_counter()
        try:
            photo.save(pages, result.job.target, self._quality, overwrite=self._overwrite)
        except FileExistsError:
            return Result(result.job, Outcome.SKIPPED)
        return replace(result, seconds=result.seconds + time.perf_counter() - start)

    def _do_one_alone(self) -> bool:
        """Try a photo again for which memory ran out, now that no other is in memory; False if there is none."""
        to_retry = (flight for flight in self._line if flight.state is _State.RETRY_ALONE)
        flight = next(to_retry, None)
        if flight is None or any(other.state in _IN_MEMORY for other in self._line):
            return False
        flight.finish(self._alone(flight.job))
        return True

    def _alone(self, job: Job) -> Result:
        reason = f"{job.source}: not enough memory"
        size = self._options.size
        while size >= SIZE_RANGE[0]:
            try:
                opened = _open(job.source)
                if self._is_left(opened):
                    return _result(job, opened, Outcome.LEFT)
                reason = f"{job.source}: not enough memory to color {'×'.join(map(str, opened.first.size))} px"
                message = "" if size == self._options.size else f"{reason} at size {self._options.size}, done at {size}"
                pages = self._colored(_every_page(opened), size, job.seed)
                return self._write(pages, replace(_result(job, opened), message=message))
            except (ColorizeError, MemoryError) as error:
                if not _out_of_memory(error):
                    return Result(job, Outcome.FAILED, _reason(job, error))
            size //= 2
        return Result(job, Outcome.FAILED, reason)

    def _wait(self) -> None:
        """Until a thread has finished something."""
        wait([flight.future for flight in self._line if flight.future], return_when=FIRST_COMPLETED)


def _open(source: Path) -> _Opened:
    start = time.perf_counter()
    pages = photo.pages(source)
    first = next(pages)
    original = recognize(first)
    if first.more_pages:
        return _Opened(first, original, pages, time.perf_counter() - start)
    pages.close()
    return _Opened(first, original, None, time.perf_counter() - start)


def _result(job: Job, opened: _Opened, outcome: Outcome = Outcome.DONE, seconds: float = 0.0) -> Result:
    """What can be told before it is written."""
    dropped_metadata = photo.dropped_metadata(opened.first, job.target) if outcome is Outcome.DONE else ()
    return Result(
        job,
        outcome,
        seconds=opened.seconds + seconds,
        size=opened.first.size,
        original=opened.original,
        dropped_metadata=dropped_metadata,
    )


def _every_page(opened: _Opened) -> Iterator[Photo]:
    yield opened.first
    if opened.rest:
        yield from opened.rest


def _reason(job: Job, error: ColorizeError | MemoryError) -> str:
    """Why it failed, with the photo's name: what cannot be done as asked for does not know it."""
    return f"{job.source}: {error}" if isinstance(error, ConfigError) else str(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _out_of_memory(error: BaseException) -> bool:
    return any(isinstance(cause, MemoryError) for cause in _causes(error))


def _disk_full(error: BaseException) -> bool:
    return any(isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT) for cause in _causes(error))
