"""The photo service behind page and API: colorizes photos of the store within the limits."""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from colorize import photo
from colorize.batch import pipeline, plan
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.conditions import Conditions
from colorize.coloring.hints import Hint
from colorize.coloring.reference import SHORTEST
from colorize.coloring.regions import Region
from colorize.coloring.tint import Original, recognize
from colorize.errors import ColorizeError, ConfigError, PhotoError
from colorize.former_names import with_new_names
from colorize.options import VARIANTS_RANGE, ColorizeOptions
from colorize.photo import Photo
from colorize.web.limits import Limits
from colorize.web.monitoring import Metrics
from colorize.web.store import Room, Store, StoreFullError, safe_name, shown_name
from colorize.web.texts import Texts, translated
from colorize.web.turns import JobCanceledError, QueuedJob

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif"}
SIZES = (64, 512)  # offered part of `ColorizeOptions.size`; more takes seconds a photo and gains nothing
_MILLION = 1_000_000
_BYTES_A_PIXEL = {"JPEG": 2, "PNG": 4, "TIFF": 4}  # upper bound for a result with its previews
_TILE = 480  # px, long side of thumbnails
_MAX_HINTS = 2000
_MAX_REGIONS, _MAX_CORNERS = 100, 10_000  # corners of all regions together
MAX_REFERENCES = 4
_REFERENCE_PIXELS = 1_000_000  # larger references are reduced: they are compared at fewer pixels
_UNRELATED = 0.2  # of `Match.same_scene`; below it, little of a reference's color is used
_OTHERS = 6  # variants shown beside the first coloring
_DEFAULTS = ColorizeOptions()
_ZIP_NAME = "colorized.zip"


@dataclass(frozen=True)
class ColoredPhoto:
    """Results of one photo, as paths in the store."""

    before: Path  # before and after in full size, in a format that every browser shows
    after: Path
    download: Path
    size: tuple[int, int]  # width and height in pixels
    had_color: bool  # whether the photo had colors of its own
    first_page: bool  # whether the photo has more pages than the download
    notes: tuple[str, ...] = ()  # why references were not used, or only a little, in the user's language


class Given(NamedTuple):
    """An upload."""

    path: Path  # in the store
    name: str  # as the user has it, with its folders: album/1931/a.jpg


class ColorRequest(NamedTuple):
    """What a user asks of a photo's colors."""

    hints: tuple[Hint, ...] = ()  # colors of places in the photo
    variant: int = 0  # 0 is the most likely coloring; every other number is a seed of another one
    references: tuple[Given, ...] = ()  # photos in color to follow
    regions: tuple[Region, ...] = ()  # outlined parts of the photo


_AUTOMATIC = ColorRequest()


@dataclass
class Others:
    """Other possible colors of a photo, as far as computed: paths in the store."""

    unsure: Path  # white where the model is unsure, black where it is sure
    tiles: list[Path] = field(default_factory=list)  # thumbnails of variant 0, 1, …


class Done(NamedTuple):
    """A colorized photo of a batch, as paths in the store."""

    tile: Path  # thumbnail
    result: Path
    photo: Path  # the upload


@dataclass
class Progress:
    """Progress of a batch."""

    total: int
    done: dict[str, Done] = field(default_factory=dict)  # by the photo's name
    failed: dict[str, str] = field(default_factory=dict)  # the reason, by the photo's name
    zip: Path | None = None  # all results, once the last is done


def parse_color_request(
    hints: object, variant: object, texts: Texts, references: Sequence[Given] = (), regions: object = ()
) -> ColorRequest:
    """Parse hints, variant and regions as a client sends them, which may be anything.

    Args:
        hints: a list of objects with x and y (pixels of the upright photo) and color (#rrggbb; for one version also
            under its former name, colour), and maybe a reach.
        variant: 0 for the most likely coloring, from 1 on others.
        texts: of the user's language.
        references: photos in color to follow.
        regions: a list of objects with an outline (a list of corners [x, y]), and a color, a strength, or both.

    Returns:
        What was asked for, in types of our own.

    Raises:
        ConfigError: in the user's language, for anything else.
    """
    if len(references) > MAX_REFERENCES:
        raise ConfigError(texts["too_many_references"].format(most=MAX_REFERENCES))
    least, most = VARIANTS_RANGE
    if type(variant) is not int or not least <= variant <= most:
        raise ConfigError(texts["out_of_range"].format(name="variant", low=least, high=most))
    if not isinstance(hints, list) or len(hints) > _MAX_HINTS:
        raise ConfigError(texts["wrong_hints"].format(most=_MAX_HINTS))
    try:
        parsed = tuple(map(_parse_hint, hints))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(texts["wrong_hints"].format(most=_MAX_HINTS)) from error
    return ColorRequest(parsed, variant, tuple(references), _parse_regions(regions, texts))


def _parse_regions(given: object, texts: Texts) -> tuple[Region, ...]:
    wrong = texts["wrong_regions"].format(most=_MAX_REGIONS, corners=_MAX_CORNERS)
    try:
        if not isinstance(given, list | tuple) or len(given) > _MAX_REGIONS:
            raise TypeError("expected a list")
        if sum(len(each["outline"]) for each in given) > _MAX_CORNERS:
            raise ValueError("too many corners")
        return tuple(Region(**each) for each in given)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(wrong) from error


def _parse_hint(given: object) -> Hint:
    """Raises `KeyError`, `TypeError`, `ValueError` or `OverflowError` for no hint, `ConfigError` for no color."""
    if not isinstance(given, dict):
        raise TypeError("expected an object")
    values = with_new_names(given)
    return Hint(float(values["x"]), float(values["y"]), values["color"], values.get("reach"))


class PhotoService:
    """Colorizes photos, counts jobs, and reports errors in the user's language, without paths of this machine."""

    def __init__(self, colorizer: Colorizer, store: Store, limits: Limits, metrics: Metrics | None = None) -> None:
        """Nothing is colored yet.

        Args:
            colorizer: colors the photos.
            store: where uploads lie, and results are written.
            limits: of which pixels, batch and seconds matter here.
            metrics: count jobs and photos; None makes new ones.
        """
        self._colorizer = colorizer
        self.store = store
        self.limits = limits
        self.metrics = metrics or Metrics()

    @property
    def colorizer(self) -> Colorizer:
        return self._colorizer

    @property
    def model(self) -> str:
        """Name of the model's architecture, or of the engine."""
        return self._colorizer.info.architecture if self._colorizer.info else type(self._colorizer.engine).__name__

    @property
    def takes_hints(self) -> bool:
        """Whether the model takes color hints."""
        return self._colorizer.takes_hints

    @property
    def takes_references(self) -> bool:
        """Whether the model can follow photos in color."""
        return "reference" in self._colorizer.engine.takes

    @property
    def has_variants(self) -> bool:
        """Whether the model has several colorings, and knows where it is unsure."""
        return self._colorizer.has_variants

    def colorize(
        self,
        source: Path,
        strength: float,
        size: int,
        format_: str,
        texts: Texts,
        color_request: ColorRequest = _AUTOMATIC,
        job: QueuedJob | None = None,
    ) -> ColoredPhoto:
        """Colorize one photo.

        Args:
            source: path in the store.
            strength: of the colors, 0 to 2.
            size: px; the network sees about size × size pixels.
            format_: a key of `FORMATS`.
            texts: of the user's language.
            color_request: hints, variant, references and regions.
            job: its `stop` ends the work between reading, coloring and writing of each page.

        Returns:
            Its results.

        Raises:
            ColorizeError: in the user's language.
            JobCanceledError: nobody waits any longer.
        """
        job = job or QueuedJob()
        with self.counted("photo"):
            options = self.options(strength, size, texts)
            if format_ not in list(FORMATS):  # a list: a client may send something unhashable
                raise ConfigError(texts["unknown_format"])
            with self.user_errors(texts):
                if color_request.variant and not self.has_variants:
                    raise ConfigError(texts["no_variants"])
                count = self._check_size(source, texts)
                with self.results(texts) as (folder, room):
                    room.take(count * _BYTES_A_PIXEL[format_])
                    colored = self._color_photo(source, folder, options, format_, color_request, texts, job)
            self.metrics.photos.labels("done").inc()
            return colored

    def _color_photo(
        self,
        source: Path,
        folder: Path,
        options: ColorizeOptions,
        format_: str,
        color_request: ColorRequest,
        texts: Texts,
        job: QueuedJob,
    ) -> ColoredPhoto:
        """Write the results of one photo into `folder`. Each page is decoded once, one at a time."""
        before, after = folder / "before.jpg", folder / "after.jpg"
        download = folder / f"{source.stem}{plan.RESULT_MARK}{FORMATS[format_]}"
        job.check()
        pages: Iterator[Photo] = photo.pages(source)
        first = next(pages)
        job.check()
        conditions, notes = self._conditions(first, color_request, texts, job)
        photo.save_preview(first, before)
        size, had_color = first.size, recognize(first) is Original.COLORED
        first_page = first.more_pages and format_ != "TIFF"
        pages = chain([first], pages)
        del first  # a page is not kept in memory while the next ones are read
        job.check()
        colored = job.checking(self._colorizer.color_pages(job.checking(pages), options, conditions, name=str(source)))
        if format_ == "JPEG":
            after = download
        else:
            first = next(colored)
            photo.save_preview(first, after)
            colored = chain([first], colored)
            del first
            job.check()
        photo.save(colored, download)
        job.check()
        return ColoredPhoto(before, after, download, size, had_color, first_page, tuple(notes))

    def _conditions(
        self, original: Photo, color_request: ColorRequest, texts: Texts, job: QueuedJob
    ) -> tuple[Conditions, list[str]]:
        """What the colors of a photo have to obey, and a line for each reference of which little or nothing is used.

        Raises `ConfigError` if the model follows no references.
        """
        if color_request.references and not self.takes_references:
            raise ConfigError(texts["no_references"])
        references, notes = [], []
        names = []  # of `references`
        for path, given_name in color_request.references:
            job.check()
            name = shown_name(given_name)
            try:
                references.append(self._open_reference(path, name, texts).image)
                names.append(name)
            except ColorizeError as error:
                notes.append(self._words_of(str(error), texts))
        job.check()
        match = self._colorizer.match(original.image, references) if references else None
        for name, same_scene in zip(names, match.same_scenes if match else [], strict=True):
            if same_scene < _UNRELATED:
                notes.append(texts["reference_unrelated"].format(name=name))
        job.check()
        hints, variant = color_request.hints or None, color_request.variant or None
        return Conditions(hints, references, variant, color_request.regions, match), notes

    def _open_reference(self, path: Path, name: str, texts: Texts) -> Photo:
        """Open a photo in color. Raises `ColorizeError` if it is none, or is too small to be compared."""
        self._check_size(path, texts)
        image = photo.open(path).image.convert("RGB")
        width, height = image.size
        image = image.reduce(
            max(1, min(int(math.sqrt(width * height / _REFERENCE_PIXELS)), min(width, height) // SHORTEST))
        )
        try:
            self._colorizer.prepare(image)
        except ConfigError as error:
            key = "reference_small" if min(image.size) < SHORTEST else "reference_gray"
            raise ConfigError(texts[key].format(name=name)) from error
        return Photo(image)

    def others(
        self,
        source: Path,
        strength: float,
        size: int,
        texts: Texts,
        color_request: ColorRequest,
        *,
        tiles: bool,
        job: QueuedJob | None = None,
    ) -> Generator[Others, None, None]:
        """Find where the model is unsure, then other colorings if `tiles`. Yields what there is after each.

        Args:
            source: path in the store.
            strength: of the colors, 0 to 2.
            size: px; the network sees about size × size pixels.
            texts: of the user's language.
            color_request: hints, references and regions; its variant does not matter here.
            tiles: whether thumbnails of variants are made.
            job: its `stop` ends the work before its next step.

        Yields:
            The same object each time, with one thumbnail more from the second time on.

        Raises:
            ColorizeError: in the user's language.
            JobCanceledError: nobody waits any longer.
        """
        job = job or QueuedJob()
        with self.counted("others"), self.user_errors(texts):
            options = self.options(strength, size, texts)
            self._check_size(source, texts)
            job.check()
            original = photo.open(source)
            image = original.image
            job.check()
            conditions, _ = self._conditions(original, color_request, texts, job)
            with self.results(texts) as (folder, room):
                room.take((_OTHERS + 2) * _TILE**2)
                others = Others(folder / "unsure.jpg")
                unsure = self._colorizer.uncertainty(image, size=options.size, hints=conditions.hints)
                photo.save_preview(Photo(unsure), others.unsure, longest=_TILE)
                yield others
                for variant in range(_OTHERS + 1 if tiles else 0):
                    job.check()
                    asked = replace(conditions, seed=variant or None)
                    (colored,) = self._colorizer.color([Photo(image)], options, [asked])
                    others.tiles.append(folder / f"{variant}.jpg")
                    photo.save_preview(colored, others.tiles[-1], longest=_TILE)
                    yield others

    def uncertainty(self, source: Path, size: int, texts: Texts, job: QueuedJob | None = None) -> Path:
        """Write where the model is unsure of a photo, in full size.

        Args:
            source: path in the store.
            size: px; the network sees about size × size pixels.
            texts: of the user's language.
            job: its `stop` ends the work between reading, looking and writing.

        Returns:
            Path in the store of a PNG, black where the model is sure, white where it is not.

        Raises:
            ColorizeError: in the user's language.
            JobCanceledError: nobody waits any longer.
        """
        job = job or QueuedJob()
        with self.counted("others"), self.user_errors(texts):
            options = self.options(_DEFAULTS.strength, size, texts)
            count = self._check_size(source, texts)
            job.check()
            unsure = self._colorizer.uncertainty(photo.open(source).image, size=options.size)
            job.check()
            with self.results(texts) as (folder, room):
                room.take(count)
                target = folder / f"{source.stem}-unsure.png"
                photo.save(Photo(unsure), target)
            return target

    def colorize_batch(
        self, given: Sequence[Given], strength: float, size: int, texts: Texts, job: QueuedJob | None = None
    ) -> Generator[Progress, None, None]:
        """Colorize many photos. Yields the progress after each; a photo that fails does not stop the rest.

        Args:
            given: the uploads.
            strength: of the colors, 0 to 2.
            size: px; the network sees each photo at about size × size pixels.
            texts: of the user's language.
            job: its `stop` ends the work after the photos in progress; the others count as failed.

        Yields:
            The same object each time, first with no photo done, in the end with a ZIP file of the results, if any.

        Raises:
            ColorizeError: strength or size is out of range, there is no photo or more than a batch may have, or two
                results would get the same name.
        """
        options = self.options(strength, size, texts)
        if not 1 <= len(given) <= self.limits.batch:
            raise PhotoError(texts["batch_too_large"].format(most=self.limits.batch, count=len(given)))
        with self.counted("batch"):
            yield from self._batch(given, options, texts, job or QueuedJob())

    def zip(self, given: Sequence[Given], texts: Texts) -> Path:
        """Put results into a ZIP file, under their names.

        Args:
            given: the results, as paths in the store, and their names.
            texts: of the user's language.

        Returns:
            Path in the store of the ZIP file.

        Raises:
            ColorizeError: in the user's language, for no result, more than a batch may have, or a store that is full.
        """
        if not 1 <= len(given) <= self.limits.batch:
            raise PhotoError(texts["batch_too_large"].format(most=self.limits.batch, count=len(given)))
        with self.results(texts) as (folder, room):
            room.take(sum(each.path.stat().st_size for each in given))
            links = folder / "results"
            try:
                self._link_photos(given, links)
                return _zipped(links, folder / _ZIP_NAME)
            finally:
                shutil.rmtree(links, ignore_errors=True)

    def preview(self, source: Path, target: Path) -> None:
        """Color an example for the page.

        Args:
            source: the example.
            target: the result, a JPEG.

        Raises:
            ColorizeError: the one cannot be read or colored, or the other cannot be written.
        """
        photo.save_preview(Photo(self._colorizer(photo.open(source).image)), target)

    @contextmanager
    def user_errors(self, texts: Texts) -> Iterator[None]:
        """Context in which errors of a photo are counted and reported in the user's language."""
        try:
            yield
        except JobCanceledError:
            raise
        except ColorizeError as error:
            self.metrics.photos.labels("failed").inc()
            raise PhotoError(texts["failed"].format(reason=self._words_of(str(error), texts))) from error

    def options(self, strength: float, size: float, texts: Texts) -> ColorizeOptions:
        """Check what a client asks for, which may be anything.

        Args:
            strength: of the colors, 0 to 2.
            size: px, 64 to 512.
            texts: of the user's language.

        Returns:
            Options with both, the size as a whole number.

        Raises:
            ConfigError: one of them is out of range or no number; if it is the size, in the user's language.
        """
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
        with self.results(texts) as (folder, room):
            photos, results = folder / "photos", folder / "results"
            try:
                sources = self._link_photos(given, photos)
                uploads = dict(zip(sources, (each.path for each in given), strict=True))
                jobs = self._plan_jobs(sources, folder, progress, texts)
                yield progress
                not_reached = texts["out_of_time"].format(seconds=self.limits.seconds)
                for result in self._run(jobs, options, job):
                    name = result.job.source.relative_to(photos).as_posix()
                    try:
                        self._add_result(result, Given(uploads[name], name), progress, folder, room, texts)
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
                shutil.rmtree(photos, ignore_errors=True)  # hard links to uploads
        yield progress

    def _add_result(
        self, result: pipeline.Result, given: Given, progress: Progress, folder: Path, room: Room, texts: Texts
    ) -> None:
        """Add a result to the progress of a batch. Raises `StoreFullError` if there is no room for it."""
        upload, name = given
        if result.outcome is not pipeline.Outcome.DONE:
            self._fail(progress, name, self._words_of(result.message, texts).removeprefix(f"photos/{name}: "))
            return
        target = result.job.target
        room.take(2 * target.stat().st_size + _TILE**2)  # the result itself, and its copy in the ZIP file
        tile = folder / f"{len(progress.done)}.jpg"
        photo.save_preview(photo.open(target), tile, longest=_TILE)
        progress.done[name] = Done(tile, target, upload)
        self.metrics.photos.labels("done").inc()

    def _run(self, jobs: list[plan.Job], options: ColorizeOptions, job: QueuedJob) -> Iterator[pipeline.Result]:
        """Colorize until time is over or the job is canceled. Photos in progress are finished first."""
        timer = threading.Timer(self.limits.seconds, job.stop.set)
        timer.start()
        running = pipeline.run(jobs, lambda: self._colorizer, options, stop=job.stop, results_too=True)
        try:
            # Not `yield from`: that would close the generator before its threads have stopped.
            for result in running:  # noqa: UP028
                yield result
        finally:
            timer.cancel()
            job.stop.set()
            for _ in running:
                pass

    def _link_photos(self, given: Sequence[Given], folder: Path) -> dict[str, Path]:
        """Link the photos into `folder` under their own names. Returns the links by name."""
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

    def _plan_jobs(self, sources: dict[str, Path], folder: Path, progress: Progress, texts: Texts) -> list[plan.Job]:
        """Plan a job for each photo that can be done; the others are noted as failed."""
        try:
            found = {job.source: job for job in plan.plan([folder / "photos"], folder / "results", may_be_empty=True)}
        except ColorizeError as error:  # two results would get the same name
            raise PhotoError(self.store.without_paths(str(error))) from error
        planned = []
        for name, path in sources.items():
            try:
                if path not in found:
                    raise PhotoError(texts["no_photo"])
                self._check_size(path, texts)
            except PhotoError as error:
                self._fail(progress, name, str(error))
            else:
                planned.append(_marked(found[path]))
        return planned

    def millions_of_pixels(self, source: Path) -> float:
        """Pixels of all pages of a photo, in millions, by its headers."""
        return photo.count_pixels(source, self.limits.pixels * _MILLION) / _MILLION

    @contextmanager
    def results(self, texts: Texts) -> Iterator[tuple[Path, Room]]:
        """Context with a folder for results, and room in the store to be taken before they are written."""
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
        """Count the pixels of a photo; a 16-bit one counts as three. Raises `PhotoError` if there are too many."""
        most = self.limits.pixels * _MILLION
        if (count := photo.count_pixels(source, most)) > most:
            raise PhotoError(texts["too_many_pixels"].format(count=f"{count / _MILLION:.0f}", most=self.limits.pixels))
        return count

    def _words_of(self, message: str, texts: Texts) -> str:
        return translated(self.store.without_paths(message), texts)

    def _fail(self, progress: Progress, name: str, reason: str) -> None:
        progress.failed[name] = reason
        self.metrics.photos.labels("failed").inc()

    @contextmanager
    def counted(self, kind: str) -> Iterator[None]:
        """Context of a request, whose outcome and time are counted."""
        outcome = "failed"
        start = time.monotonic()
        try:
            yield
            outcome = "done"
        finally:
            self.metrics.requests.labels(kind, outcome).inc()
            self.metrics.seconds.labels(kind).observe(time.monotonic() - start)


def _marked(job: plan.Job) -> plan.Job:
    """Name the result as that of a single photo."""
    target = job.target
    return replace(job, target=target.with_name(f"{target.stem}{plan.RESULT_MARK}{target.suffix}"))


def _zipped(folder: Path, target: Path) -> Path:
    """Write all files of a folder into a ZIP file."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # photos are compressed already
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder).as_posix())
    return target
