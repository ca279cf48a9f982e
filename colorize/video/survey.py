"""What a film would take, told from samples of it: shots, time, size."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from colorize.coloring.colorizer import Colorizer
from colorize.errors import FilmError
from colorize.options import ColorizeOptions, FilmOptions
from colorize.video.decoding import open_film
from colorize.video.encoding import PieceWriter, check_codec
from colorize.video.film import Coloring

_LOOKED_AT = (12, 5.0)  # samples in which cuts are counted, and seconds of each
_COLORED = (3, 2.0)  # samples that are colored and encoded
_WHOLE_UP_TO = 120.0  # seconds of a film that is looked at as a whole


@dataclass(frozen=True)
class Estimate:
    """What coloring a film would take on this computer, now."""

    size: tuple[int, int]  # width and height in pixels
    depth: int  # bits
    seconds: float  # of the film, of what is wanted of it
    shots: int
    shots_are_exact: bool
    rate: float  # frames per second of work
    work: float  # seconds
    bytes: float  # of the result
    left_out: tuple[str, ...]  # what would not be kept, a few words each


def survey(source: Path, options: ColorizeOptions, film_options: FilmOptions, colorizer: Colorizer) -> Estimate:
    """Color some seconds of a film, and count the cuts in some more.

    Args:
        source: a film file.
        options: as of `colorize_film`.
        film_options: as of `colorize_film`.
        colorizer: as of `colorize_film`.

    Returns:
        The estimate.

    Raises:
        FilmError: the film cannot be read or colored, or does not tell its length, or the codec does not take its
            pictures.
    """
    with open_film(source, film_options) as film:
        check_codec(film, film_options)
        if not film.length:
            raise FilmError(f"{source}: does not tell its length, so that nothing can be estimated")
        begin, length, rate = float(film.start), float(film.length), float(film.rate)
        layout, left_out = film.layout, tuple(film.left_out)
    parts = parts_of(film_options, begin, length, rate, *_COLORED)
    frames, seconds, size = 0, 0.0, 0
    began = time.perf_counter()
    for part in parts:
        count, bytes_of_it = _color(source, options, part, colorizer)
        frames += count
        size += bytes_of_it
        seconds += (part.end or 0) - part.start
    if not frames:
        raise film.lacks_picture()
    work_rate = frames / (time.perf_counter() - began)
    shots, is_exact = _count_shots(source, options, film_options, colorizer, begin, length, rate)
    return Estimate(
        (layout.width, layout.height),
        layout.code.depth,
        length,
        shots,
        is_exact,
        work_rate,
        length * frames / seconds / work_rate,
        length * size / seconds,
        left_out,
    )


def parts_of(
    options: FilmOptions, begin: float, length: float, rate: float, count: int, seconds: float
) -> list[FilmOptions]:
    """Options for samples of a film, evenly spread; for all of it at once if it is not longer than they are.

    Args:
        options: of the film.
        begin: seconds at which what is wanted of it begins.
        length: seconds of that.
        rate: frames a second.
        count: of samples.
        seconds: of each.

    Returns:
        The film's options with start and end of each sample, and with all cuts in seconds.
    """
    cuts = None if options.cuts is None else tuple(cut / rate if isinstance(cut, int) else cut for cut in options.cuts)
    if length <= count * seconds:
        spans = [(begin, begin + length)]
    else:
        starts = [begin + (length - seconds) * number / max(1, count - 1) for number in range(count)]
        spans = [(start, start + seconds) for start in starts]
    return [replace(options, start=start, end=end, cuts=cuts) for start, end in spans]


def _color(source: Path, options: ColorizeOptions, part: FilmOptions, colorizer: Colorizer) -> tuple[int, int]:
    """Frames and bytes of a sample. Behind the last frame there may be sound alone."""
    count = size = 0
    with open_film(source, part) as film, tempfile.TemporaryFile() as file:
        frames = Coloring(film, options, part, colorizer).frames()
        if first := next(frames, None):
            with PieceWriter(file, film, part, first.pts) as writer:
                for count, each in enumerate(chain([first], frames), 1):  # noqa: B007  # used after the loop
                    writer.write(each.frame)
            size = file.seek(0, os.SEEK_END)
    with open_film(source, part) as film:
        return count, size + sum(packet.size for packet in film.others())


def _count_shots(
    source: Path,
    options: ColorizeOptions,
    film_options: FilmOptions,
    colorizer: Colorizer,
    begin: float,
    length: float,
    rate: float,
) -> tuple[int, bool]:
    """About how many shots there are, and whether they were all counted."""
    (whole,) = parts_of(film_options, begin, length, rate, 1, length)
    if whole.cuts is not None:
        return 1 + len({cut for cut in whole.cuts if begin < cut < begin + length}), True
    is_whole = length <= _WHOLE_UP_TO
    parts = [whole] if is_whole else parts_of(film_options, begin, length, rate, *_LOOKED_AT)
    cuts, seconds = 0, 0.0
    for part in parts:
        with open_film(source, part) as film:
            cuts += max(0, sum(begins for _, _, begins in Coloring(film, options, part, colorizer).shots()) - 1)
        seconds += (part.end or 0) - part.start
    return 1 + round(cuts * length / seconds), is_whole
