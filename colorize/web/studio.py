"""The work behind the page: photos of the store in, coloured ones out, within the limits, in words for a user."""

from __future__ import annotations

import os
import shutil
import threading
import time
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from colorize import photo
from colorize.batch import pipeline, plan
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.hints import Hint
from colorize.coloring.tint import Original, recognize
from colorize.errors import ColorizeError, ConfigError, PhotoError
from colorize.options import VARIANTS_RANGE, ColorizeOptions
from colorize.photo import Photo
from colorize.web.limits import Limits
from colorize.web.metrics import Metrics
from colorize.web.store import Room, Store, StoreFullError, safe_name
from colorize.web.texts import Texts
from colorize.web.turns import QueuedJob

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif"}
SIZES = (64, 512)  # what is offered of `ColorizeOptions.size`: more takes seconds a photo, and gains nothing
_MILLION = 1_000_000
_BYTES_A_PIXEL = {"JPEG": 2, "PNG": 4, "TIFF": 4}  # that a result and its pictures to look at take at most
_TILE = 480  # px, the long side of small pictures
_MOST_HINTS = 2000
_OTHERS = 6  # variants that are shown beside the first colouring
_DEFAULTS = ColorizeOptions()
_ZIP_NAME = "colorized.zip"


@dataclass(frozen=True)
class Coloured:
    """One photo's results: paths of the store."""

    before: Path  # both in full size, in a format that every browser shows
    after: Path
    download: Path
    size: tuple[int, int]  # width and height in pixels
    had_colour: bool  # of its own


class Wish(NamedTuple):
    """What a user wants of a photo's colours, where the model can do it."""

    hints: tuple[Hint, ...] = ()  # colours of places
    variant: int = 0  # 0 is the model's first colouring, each other number another one, always the same


_NO_WISH = Wish()


@dataclass
class Others:
    """What else a photo's colours may be, as far as it is known: paths of the store."""

    unsure: Path  # white where the model is unsure, black where it is sure
    tiles: list[Path] = field(default_factory=list)  # small pictures of the variants, from 0 on


class Given(NamedTuple):
    """A photo of a batch."""

    path: Path  # in the store
    name: str  # its own, with the folders that it came in: album/1931/a.jpg


class Done(NamedTuple):
    """A photo of a batch that is coloured: paths of the store."""

    tile: Path  # a small picture of it
    result: Path


@dataclass
class Progress:
    """How far a batch is."""

    total: int
    done: dict[str, Done] = field(default_factory=dict)  # by the photo's name
    failed: dict[str, str] = field(default_factory=dict)  # why, by the photo's name
    zip: Path | None = None  # all results, once the last is done


def wish_of(hints: object, variant: object, texts: Texts) -> Wish:
    """What a client, which may send anything, wants: `hints` a list of objects of x, y and colour (#rrggbb).

    Raises `ConfigError` in the user's words.
    """
    least, most = VARIANTS_RANGE
    if type(variant) is not int or not least <= variant <= most:
        raise ConfigError(texts["out_of_range"].format(name="variant", low=least, high=most))
    if not isinstance(hints, list) or len(hints) > _MOST_HINTS:
        raise ConfigError(texts["wrong_hints"].format(most=_MOST_HINTS))
    try:
        return Wish(tuple(Hint(float(each["x"]), float(each["y"]), each["colour"]) for each in hints), variant)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(texts["wrong_hints"].format(most=_MOST_HINTS)) from error


class Studio:
    """Colours photos for whoever asks, counts what it does, and tells errors without a path of this machine."""

    def __init__(self, colorizer: Colorizer, store: Store, limits: Limits, metrics: Metrics | None = None) -> None:
        self._colorizer = colorizer
        self.store = store
        self.limits = limits
        self.metrics = metrics or Metrics()

    @property
    def model(self) -> str:
        """What the model is called."""
        return self._colorizer.info.architecture if self._colorizer.info else type(self._colorizer.engine).__name__

    @property
    def takes_hints(self) -> bool:
        """Whether the model knows what to do with colours that a user points at."""
        return self._colorizer.takes_hints

    @property
    def has_variants(self) -> bool:
        """Whether the model has more than one answer, and knows where it is unsure."""
        return self._colorizer.has_variants

    def colorize(
        self,
        source: Path,
        strength: float,
        size: int,
        format_: str,
        texts: Texts,
        wish: Wish = _NO_WISH,
        job: QueuedJob | None = None,
    ) -> Coloured:
        """One photo. Raises `ColorizeError` in the user's words, `StoppedError` if nobody waits any longer."""
        job = job or QueuedJob()
        with self._counted("photo"):
            options = self._options(strength, size, texts)
            if format_ not in list(FORMATS):  # a list: a client may send what has no hash
                raise ConfigError(texts["unknown_format"])
            with self._told(texts):
                if wish.variant and not self.has_variants:
                    raise ConfigError(texts["no_variants"])
                count = self._check_size(source, texts)
                with self._results(texts) as (folder, room):
                    coloured = self._coloured(source, folder, room, options, format_, wish, job, count)
            self.metrics.photos.labels("done").inc()
            return coloured

    def _coloured(
        self,
        source: Path,
        folder: Path,
        room: Room,
        options: ColorizeOptions,
        format_: str,
        wish: Wish,
        job: QueuedJob,
        pixels: int,
    ) -> Coloured:
        """One photo's results in `folder`. One picture at a time is in memory."""
        before, after = folder / "before.jpg", folder / "after.jpg"
        download = folder / f"{source.stem}{plan.RESULT_MARK}{FORMATS[format_]}"
        job.check()
        original = photo.open(source)
        room.take(pixels * _BYTES_A_PIXEL[format_])
        job.check()
        photo.save_preview(original, before)
        size, had_colour = original.size, recognize(original) is Original.COLORED
        del original
        job.check()
        self._colorizer.colorize_file(
            source,
            download,
            strength=options.strength,
            size=options.size,
            hints=wish.hints or None,
            seed=wish.variant or None,
        )
        job.check()
        if format_ == "JPEG":
            after = download
        else:
            photo.save_preview(photo.open(download), after)
        return Coloured(before, after, download, size, had_colour)

    def others(
        self,
        source: Path,
        strength: float,
        size: int,
        texts: Texts,
        wish: Wish,
        *,
        tiles: bool,
        job: QueuedJob | None = None,
    ) -> Generator[Others, None, None]:
        """Where the model is unsure of a photo, then its variants as `tiles`: what there is, again after each.

        Raises `ColorizeError` in the user's words, `StoppedError` if nobody waits any longer.
        """
        job = job or QueuedJob()
        with self._counted("others"), self._told(texts):
            options = self._options(strength, size, texts)
            self._check_size(source, texts)
            job.check()
            image, hints = photo.open(source).image, wish.hints or None
            job.check()
            with self._results(texts) as (folder, room):
                room.take((_OTHERS + 2) * _TILE**2)
                others = Others(folder / "unsure.jpg")
                unsure = self._colorizer.uncertainty(image, size=options.size, hints=hints)
                photo.save_preview(Photo(unsure), others.unsure, longest=_TILE)
                yield others
                for variant in range(_OTHERS + 1 if tiles else 0):
                    job.check()
                    coloured = self._colorizer(
                        image, strength=options.strength, size=options.size, hints=hints, seed=variant or None
                    )
                    others.tiles.append(folder / f"{variant}.jpg")
                    photo.save_preview(Photo(coloured), others.tiles[-1], longest=_TILE)
                    yield others

    def uncertainty(self, source: Path, size: int, texts: Texts, job: QueuedJob | None = None) -> Path:
        """Where the model is unsure of a photo, in full size.

        Raises `ColorizeError` in the user's words, `StoppedError` if nobody waits any longer.
        """
        job = job or QueuedJob()
        with self._counted("others"), self._told(texts):
            options = self._options(_DEFAULTS.strength, size, texts)
            count = self._check_size(source, texts)
            job.check()
            unsure = self._colorizer.uncertainty(photo.open(source).image, size=options.size)
            job.check()
            with self._results(texts) as (folder, room):
                room.take(count)
                target = folder / f"{source.stem}-unsure.png"
                photo.save(Photo(unsure), target)
            return target

    def colorize_batch(
        self, given: Sequence[Given], strength: float, size: int, texts: Texts, job: QueuedJob | None = None
    ) -> Generator[Progress, None, None]:
        """Many photos: how far it is, after each. One that fails stands beside the rest.

        Raises `ColorizeError` for more photos than a batch may have, and if two would become one file.
        """
        options = self._options(strength, size, texts)
        if not 1 <= len(given) <= self.limits.batch:
            raise PhotoError(texts["batch_too_large"].format(most=self.limits.batch, count=len(given)))
        with self._counted("batch"):
            yield from self._batch(given, options, texts, job or QueuedJob())

    @contextmanager
    def _told(self, texts: Texts) -> Iterator[None]:
        """Within, errors of a photo are counted, and told in the user's words."""
        try:
            yield
        except ColorizeError as error:
            self.metrics.photos.labels("failed").inc()
            raise PhotoError(texts["failed"].format(reason=self.store.untold(str(error)))) from error

    def _options(self, strength: float, size: float, texts: Texts) -> ColorizeOptions:
        try:
            low, high = SIZES
            if not low <= size <= high:
                raise ConfigError(texts["out_of_range"].format(name="size", low=low, high=high))
            return ColorizeOptions(strength=strength, size=int(size))
        except TypeError as error:  # a client may send anything
            raise ConfigError(texts["out_of_range"].format(name="size", low=low, high=high)) from error

    def _batch(
        self, given: Sequence[Given], options: ColorizeOptions, texts: Texts, job: QueuedJob
    ) -> Generator[Progress, None, None]:
        progress = Progress(len(given))
        with self._results(texts) as (folder, room):
            photos, results = folder / "photos", folder / "results"
            try:
                sources = self._laid_out(given, photos)
                jobs = self._planned(sources, folder, progress, texts)
                yield progress
                not_reached = texts["out_of_time"].format(seconds=self.limits.seconds)
                for result in self._run(jobs, options, job):
                    name = result.job.source.relative_to(photos).as_posix()
                    try:
                        self._take_in(result, name, progress, folder, room)
                    except StoreFullError:
                        not_reached = texts["storage_full"]
                        job.stop.set()
                        result.job.target.unlink()
                        self._fail(progress, name, not_reached)
                    yield progress
                for name in sources.keys() - progress.done.keys() - progress.failed.keys():
                    self._fail(progress, name, not_reached)
                if progress.done:
                    progress.zip = _zipped(results, folder / _ZIP_NAME)
            finally:
                shutil.rmtree(photos, ignore_errors=True)  # second names for uploads
        yield progress

    def _take_in(self, result: pipeline.Result, name: str, progress: Progress, folder: Path, room: Room) -> None:
        """Note how a photo of a batch ended. Raises `StoreFullError` if there is no room for its result."""
        if result.outcome is not pipeline.Outcome.DONE:
            self._fail(progress, name, self.store.untold(result.message).removeprefix(f"photos/{name}: "))
            return
        target = result.job.target
        room.take(2 * target.stat().st_size + _TILE**2)  # there, and in the ZIP file
        tile = folder / f"{len(progress.done)}.jpg"
        photo.save_preview(photo.open(target), tile, longest=_TILE)
        progress.done[name] = Done(tile, target)
        self.metrics.photos.labels("done").inc()

    def _run(self, jobs: list[plan.Job], options: ColorizeOptions, job: QueuedJob) -> Iterator[pipeline.Result]:
        """As long as there is time and somebody waits; those under way are finished then."""
        timer = threading.Timer(self.limits.seconds, job.stop.set)
        timer.start()
        running = pipeline.run(jobs, lambda: self._colorizer, options, stop=job.stop)
        try:
            # `yield from` would close it before its threads have stopped.
            for result in running:  # noqa: UP028
                yield result
        finally:
            timer.cancel()
            job.stop.set()
            for _ in running:
                pass

    def _laid_out(self, given: Sequence[Given], folder: Path) -> dict[str, Path]:
        """The photos under their own names in `folder`, by their names, each a second name for the same file."""
        laid_out: dict[str, Path] = {}
        for path, name in given:
            parts = [
                safe_name(part) for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..")
            ]
            target = folder.joinpath(*parts or ["photo"])
            number = 2
            while target.exists():
                target = target.with_name(f"{target.stem.removesuffix(f' ({number - 1})')} ({number}){target.suffix}")
                number += 1
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
            laid_out[target.relative_to(folder).as_posix()] = target
        return laid_out

    def _planned(self, sources: dict[str, Path], folder: Path, progress: Progress, texts: Texts) -> list[plan.Job]:
        """The jobs of those that can be done; the others are told."""
        try:
            found = {job.source: job for job in plan.plan([folder / "photos"], folder / "results", may_be_empty=True)}
        except ColorizeError as error:  # two that would become one file
            raise PhotoError(self.store.untold(str(error))) from error
        planned = []
        for name, path in sources.items():
            try:
                if path not in found:
                    raise PhotoError(texts["no_photo"])
                self._check_size(path, texts)
            except PhotoError as error:
                self._fail(progress, name, str(error))
            else:
                planned.append(found[path])
        return planned

    def millions_of_pixels(self, source: Path) -> float:
        """Of a photo, all its pages together, as far as that is told before it is opened."""
        return photo.count_pixels(source, self.limits.pixels * _MILLION) / _MILLION

    @contextmanager
    def _results(self, texts: Texts) -> Iterator[tuple[Path, Room]]:
        """Within, a folder for results, and room in the store, which has to be taken before they are written."""
        folder = self.store.new_folder()
        try:
            with self.store.room() as room:
                try:
                    yield folder, room
                finally:
                    self.store.count(folder)
        except StoreFullError as error:
            raise PhotoError(texts["storage_full"]) from error

    def _check_size(self, source: Path, texts: Texts) -> int:
        """How many pixels a photo has, one of 16 bit counted as three. Raises `PhotoError` for too many."""
        most = self.limits.pixels * _MILLION
        if (count := photo.count_pixels(source, most)) > most:
            raise PhotoError(texts["too_many_pixels"].format(count=f"{count / _MILLION:.0f}", most=self.limits.pixels))
        return count

    def _fail(self, progress: Progress, name: str, reason: str) -> None:
        progress.failed[name] = reason
        self.metrics.photos.labels("failed").inc()

    @contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        outcome = "failed"
        start = time.monotonic()
        try:
            yield
            outcome = "done"
        finally:
            self.metrics.requests.labels(kind, outcome).inc()
            self.metrics.seconds.labels(kind).observe(time.monotonic() - start)


def _zipped(folder: Path, target: Path) -> Path:
    """A ZIP file of all that lies in a folder."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # photos are compressed already
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder).as_posix())
    return target
