"""A film from file to file: decode, find cuts, steady the colors of small frames, paint them, encode, join."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from colorize.coloring.colorizer import Colorizer
from colorize.errors import FilmError
from colorize.models.modelfile import fingerprint
from colorize.options import REACH, ColorizeOptions, FilmOptions
from colorize.system.files import atomic
from colorize.video.cuts import TOLERANCE, WARM_UP, given_cuts, mark_cuts
from colorize.video.decoding import Film, open_film
from colorize.video.encoding import FilmWriter, PieceWriter, check_codec, check_target
from colorize.video.guidance import NOTHING_SAID, FrameConditions, Said, digest
from colorize.video.painter import FramePainter, Seen
from colorize.video.segments import FilmWork, Place, identity_of, work_on
from colorize.video.steady import ShotState, steady_colors

LEAST = Fraction(10)  # seconds from which on a segment ends at a cut,
MOST = Fraction(60)  # and from which on it ends without one

_DEFAULTS = ColorizeOptions()
_FILM_DEFAULTS = FilmOptions()
_REMEMBERED = max(WARM_UP, 2 * REACH)  # frames before a place that may be needed to go on there

Progress = Callable[[int, int | None], None]  # frames done, and about how many there are


@dataclass(frozen=True)
class FilmResult:
    """What came of a film."""

    frames: int
    shots: int
    left_out: tuple[str, ...]  # what was not kept, a few words each
    damaged: int  # packets of the picture that could not be decoded
    resumed: int  # frames that an earlier call had done
    size: tuple[int, int]  # width and height in pixels


def colorize_film(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    options: ColorizeOptions = _DEFAULTS,
    film_options: FilmOptions = _FILM_DEFAULTS,
    *,
    conditions: FrameConditions = NOTHING_SAID,
    colorizer: Colorizer | None = None,
    progress: Progress | None = None,
) -> FilmResult:
    """Color a film. Luma, timestamps, sound, subtitles, attachments, chapters and metadata are kept.

    While it works, what is done lies in a hidden folder beside the target. A call that is stopped, by whatever, is gone
    on with by the next one with the same arguments; its result is the same in every pixel.

    Args:
        source: a film file.
        target: the result, a Matroska file (.mkv), written whole or not at all.
        options: of which strength, look, shadows, lights, size and overwrite matter here.
        film_options: what is colored, and how it is encoded.
        conditions: what the colors have to obey, by the frame that it is said of: its number from 0 (a whole number) or
            its time in seconds (any other number). Hints and regions move along with what they lie on to the end of the
            shot. A reference is the frame itself in color: its colors are carried on and fade into the network's.
        colorizer: colors the key frames; None is the model that comes with the program.
        progress: called after each frame with the frames that are done, and about how many there are, or None. What
            it raises stops the work, and is raised; the next call with the same arguments goes on.

    Returns:
        What came of it.

    Raises:
        FilmError: the source cannot be read or colored, or the codec does not take its pictures, or the target cannot
            be written or is there already, or was begun from another source or with other settings.
        ConfigError: the film or the model does not take the conditions.
    """
    source, target = Path(source), Path(target)
    check_target(str(target), target.suffix)
    if os.path.lexists(target) and not options.overwrite:
        raise FilmError(f"{target}: is there already")
    with open_film(source, film_options) as film:
        check_codec(film, film_options)
        colorizer = colorizer or Colorizer.load()
        settings = _settings(options, film_options, conditions, colorizer)
        tied_to = {"source": identity_of(source), "settings": settings}
        try:
            with work_on(target, tied_to, anew=options.overwrite) as work:
                resumed = work.place.frames if work.place else 0
                coloring = Coloring(film, options, film_options, colorizer, work.place, conditions)
                _color(coloring, work, film_options, progress)
                end = work.place
                if end is None:
                    raise film.lacks_picture()
                left_out = _join(work, source, target, options, film_options)
                left_out += tuple(coloring.unused(end.frames))
        except av.FFmpegError as error:
            raise FilmError(f"{target}: cannot be written ({error.strerror or error})") from error
        except OSError as error:
            raise FilmError(f"{target}: cannot be written ({error.strerror})") from error
    size = (film.layout.width, film.layout.height)
    return FilmResult(end.frames, end.shots, left_out, end.damaged, resumed, size)


def colored_frames(
    source: str | os.PathLike[str],
    options: ColorizeOptions = _DEFAULTS,
    film_options: FilmOptions = _FILM_DEFAULTS,
    *,
    conditions: FrameConditions = NOTHING_SAID,
    colorizer: Colorizer | None = None,
) -> Iterator[VideoFrame]:
    """Color a film frame by frame.

    Args:
        source: a film file.
        options: of which strength, look, shadows, lights and size matter here.
        film_options: of which every, start, end, cuts and force matter here.
        conditions: as of `colorize_film`.
        colorizer: as of `colorize_film`.

    Yields:
        PyAV's frames with their timestamps, those of the source. `to_image()` makes a photo of one.

    Raises:
        FilmError: the source cannot be read or colored.
        ConfigError: the film or the model does not take the conditions.
    """
    with open_film(source, film_options) as film:
        colorizer = colorizer or Colorizer.load()
        for each in Coloring(film, options, film_options, colorizer, conditions=conditions).frames():
            yield each.frame


def _settings(
    options: ColorizeOptions, film_options: FilmOptions, conditions: FrameConditions, colorizer: Colorizer
) -> dict[str, Any]:
    """What the pixels of the result depend on."""
    model = type(colorizer.engine).__name__
    if colorizer.model is not None:
        model += f" {fingerprint(colorizer.model)}"
    of_colors = {name: getattr(options, name) for name in ("strength", "look", "shadows", "lights", "film_size")}
    return {**of_colors, **asdict(film_options), "hints and frames in color": digest(conditions), "model": model}


def _color(coloring: Coloring, work: FilmWork, options: FilmOptions, progress: Progress | None) -> None:
    """Color what is not done yet, segment by segment."""
    if work.place and work.place.pts is None:
        return
    frames = coloring.frames()
    first = next(frames, None)
    while first is not None:
        first = _write_segment(first, frames, coloring, work, options, progress)


def _write_segment(
    first: ColoredFrame,
    frames: Iterator[ColoredFrame],
    coloring: Coloring,
    work: FilmWork,
    options: FilmOptions,
    progress: Progress | None,
) -> ColoredFrame | None:
    """Write a segment that begins with `first`, and give the frame that follows on it."""
    film = coloring.film
    start = first.pts
    each: ColoredFrame | None = first
    with work.segment() as file, PieceWriter(file, film, options, start) as writer:
        while each is not None and not _is_due(each, (each.pts - start) * film.time_base):
            writer.write(each.frame)
            if progress:
                progress(each.number + 1, film.expected_frames)
            each = next(frames, None)
    work.add(start, coloring.place_of(each))
    return each


def _is_due(each: ColoredFrame, elapsed: Fraction) -> bool:
    """Whether a new segment begins here."""
    return elapsed >= (LEAST if each.begins_shot else MOST) and (each.begins_shot or each.state is not None)


def _join(
    work: FilmWork, source: Path, target: Path, options: ColorizeOptions, film_options: FilmOptions
) -> tuple[str, ...]:
    """Make the film of its segments and of all else of the source; what was left out, a few words each."""
    with (
        open_film(source, film_options) as film,
        atomic(target, overwrite=options.overwrite) as file,
        FilmWriter(file, film, film_options) as writer,
    ):
        writer.write(work.pieces)
    return (*film.left_out, *writer.left_out)


class ColoredFrame(NamedTuple):
    """A frame in color, and its place in the film."""

    frame: VideoFrame
    number: int  # in what is wanted of the film
    begins_shot: bool
    state: ShotState | None  # where the shot can be gone on with

    @property
    def pts(self) -> int:
        """Its timestamp."""
        assert self.frame.pts is not None
        return self.frame.pts


class Coloring:
    """Colors the frames of a film, from its beginning or from a place on."""

    def __init__(
        self,
        film: Film,
        options: ColorizeOptions,
        film_options: FilmOptions,
        colorizer: Colorizer,
        place: Place | None = None,
        conditions: FrameConditions = NOTHING_SAID,
    ) -> None:
        """Nothing is decoded yet.

        Args:
            film: an open one.
            options: of which strength, look, shadows, lights and size matter here.
            film_options: of which every, start and cuts matter here.
            colorizer: colors the key frames.
            place: where to go on; None is the beginning.
            conditions: as of `colorize_film`.

        Raises:
            ConfigError: the film or the model does not take the conditions.
        """
        self.film = film
        self._painter = FramePainter(film.layout, options, colorizer.engine, film_options, conditions)
        self._every = film_options.every
        self._cuts = film_options.cuts
        self._place = place
        self._first = place.frames if place else 0
        self._shots = place.shots if place else 0
        self._damaged = place.damaged if place else 0
        self._count = self._first
        self._before: deque[tuple[int, int]] = deque(place.before if place else (), _REMEMBERED)

    def frames(self) -> Iterator[ColoredFrame]:
        """Colored frames."""
        state = self._place.state if self._place else None
        for each in steady_colors(self.shots(state), self._painter.predict, self._every, state, self._said()):
            seen = each.frame
            if seen.number < self._first:
                continue
            frame = self._painter.paint(seen, each.ab)
            yield ColoredFrame(frame, seen.number, not each.position, each.state)
            self._shots += not each.position
            self._count = seen.number + 1
            self._before.append((seen.frame.pts or 0, self._painter.checksum(seen.frame)))

    def unused(self, frames: int) -> list[str]:
        """What was said of frames that there are not, in a film of so many."""
        return self._painter.guidance.beyond(frames, self.film.start, self.film.length)

    def _said(self) -> Callable[[Seen], list[Said]]:
        """What a person says of each of the frames of `shots`, which come in order."""
        before = self.film.start - 2 * TOLERANCE if self.film.start else None
        if self._place and self._place.before:  # the state knows what was said until then
            before = self.film.seconds_of(self._place.before[-1][0])

        def say(seen: Seen) -> list[Said]:
            nonlocal before
            if seen.number < self._first:
                return []
            now = self.film.seconds_of(seen.frame.pts or 0)
            said = self._painter.guidance.at(seen.number, now, before)
            before = now
            return said

        return say

    def place_of(self, each: ColoredFrame | None) -> Place:
        """Where the film can be gone on with: at the frame that `frames` has given last, or its end."""
        damaged = self._damaged + self.film.damaged
        if each is None:
            return Place(None, self._count, self._shots, damaged)
        needed = max(WARM_UP, each.state.overlap if each.state else 0)
        before = tuple(self._before)[-needed:]
        return Place(each.pts, self._count, self._shots, damaged, before, each.state)

    def shots(self, state: ShotState | None = None) -> Iterator[tuple[Seen, NDArray[np.uint8], bool]]:
        """Frames as they are decoded, with their small gray levels and whether a shot begins with them.

        They begin where it is gone on with, or as much earlier as the `state` of a shot needs.
        """
        first = self._first - (state.overlap if state else 0)
        for seen, is_cut in self._marked():
            if seen.number == first:
                yield seen, seen.levels, True
            elif seen.number > first:
                yield seen, seen.levels, is_cut and seen.number > self._first

    def _marked(self) -> Iterator[tuple[Seen, bool]]:
        number = self._first - (len(self._place.before) if self._place else 0)
        seen = (self._painter.look(frame, number + index) for index, frame in enumerate(self._decoded()))
        if self._cuts is None:
            return mark_cuts((each, each.levels) for each in seen)
        times = ((each, each.number, self.film.seconds_of(each.frame.pts or 0)) for each in seen)
        return given_cuts(times, self._cuts)

    def _decoded(self) -> Iterator[VideoFrame]:
        """Frames from the first one before the place on."""
        if self._place is None:
            yield from self.film.frames()
            return
        wanted = list(self._place.before)
        entry = wanted[0][0]
        for first in (entry, None):  # without a good index, from the beginning
            frames = dropwhile(lambda frame: (frame.pts or 0) < entry, self.film.frames(first))
            head = list(islice(frames, len(wanted)))
            if [(frame.pts, self._painter.checksum(frame)) for frame in head] == wanted:
                self._damaged -= self.film.damaged
                yield from head
                yield from frames
                return
        when = float(self.film.seconds_of(entry))
        raise FilmError(f"{self.film.path}: the frames at {when:.1f} s are others than before")
