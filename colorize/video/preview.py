"""A preview of a film in color: three stills of each shot on a sheet, and ten seconds.

Where a person has said something of the colors, it shows what comes of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw

from colorize import photo
from colorize.coloring.colorizer import Colorizer
from colorize.errors import FilmError
from colorize.options import ColorizeOptions, FilmOptions
from colorize.video.cuts import TOLERANCE
from colorize.video.decoding import Film, open_film
from colorize.video.encoding import check_codec
from colorize.video.film import Coloring, colorize_film
from colorize.video.guidance import NOTHING_SAID, FrameConditions, called
from colorize.video.survey import parts_of

STILLS = 3  # of a shot
SECONDS = 10.0  # of the film that is made
_WHOLE_UP_TO = 120.0  # seconds of a film all of whose shots are shown
_SAMPLES, _SAMPLE = 12, 4.0  # of a longer one, and seconds of each
_EARLIER = float(TOLERANCE / 2)  # seconds before a frame at which a piece begins that it is the first one of
_MOST_SHOTS = 40  # on the sheet
_KEPT = 12  # stills that are kept of a shot of unknown length, up to twice as many
_STILL_WIDTH, _MARGIN, _LINE = 320, 8, 16  # pixels

T = TypeVar("T")


class Still(NamedTuple):
    seconds: float  # of the film
    image: Image.Image


def preview_film(
    source: Path,
    sheet: Path,
    target: Path,
    options: ColorizeOptions,
    film_options: FilmOptions,
    *,
    conditions: FrameConditions = NOTHING_SAID,
    colorizer: Colorizer,
) -> tuple[str, ...]:
    """Make a preview; files that are there are replaced.

    Args:
        source: a film file.
        sheet: the stills, a JPEG file.
        target: ten seconds, a Matroska file: from the first frame of `conditions` on, or from the middle of what is
            wanted of the film.
        options: as of `colorize_film`.
        film_options: as of `colorize_film`.
        conditions: as of `colorize_film`.
        colorizer: as of `colorize_film`.

    Returns:
        What was said of frames that there are not, a few words each.

    Raises:
        FilmError: the film cannot be read or colored, or does not tell its length, or the codec does not take its
            pictures.
        ConfigError: the film or the model does not take the conditions.
        PhotoError: the sheet cannot be written.
    """
    with open_film(source, film_options) as film:
        check_codec(film, film_options)
        if not film.length:
            raise FilmError(f"{source}: does not tell its length, of which a preview shows pieces")
        begin, length, rate = float(film.start), float(film.length), float(film.rate)
        conditions, missing = _by_seconds(conditions, film)
    told = [float(moment) for moment in sorted(conditions) if begin <= moment < begin + length]
    told = [max(begin, moment - _EARLIER) for moment in told]  # from here on it can be seen

    def parts(start: float, seconds: float, count: int, each: float) -> list[FilmOptions]:
        return parts_of(film_options, start, seconds, rate, count, each)

    if length <= _WHOLE_UP_TO:
        pieces = parts(begin, length, 1, length)
    elif told:
        pieces = [part for start in _spread(told, _SAMPLES) for part in parts(start, _SAMPLE, 1, _SAMPLE)]
    else:
        pieces = parts(begin, length, _SAMPLES, _SAMPLE)
    shots: list[list[Still]] = []
    for part in pieces:
        with open_film(source, part) as film:
            shots += _stills(film, Coloring(film, options, part, colorizer, conditions=conditions))
    if not shots:
        raise film.lacks_picture()
    photo.save_preview(photo.Photo(_sheet(_spread(shots, _MOST_SHOTS))), sheet)
    first = told[0] if told else max(begin, begin + (length - SECONDS) / 2)
    last = shots[-1][-1].seconds
    if first > last:  # the sound is longer than the picture
        first = max(begin, last - SECONDS)
    (part,) = parts(first, min(begin + length - first, SECONDS), 1, SECONDS)
    colorize_film(source, target, replace(options, overwrite=True), part, conditions=conditions, colorizer=colorizer)
    return missing


def _by_seconds(conditions: FrameConditions, film: Film) -> tuple[FrameConditions, tuple[str, ...]]:
    """Conditions by the time of their frame, as parts of a film take them, and what is said of frames there are not."""
    if film.start:
        return conditions, ()  # which has to name its frames by seconds
    times = film.times_of([moment for moment in conditions if isinstance(moment, int)])
    seconds = {moment: times.get(moment) if isinstance(moment, int) else moment for moment in conditions}
    end = film.length or Fraction(0)
    known = {float(when): conditions[moment] for moment, when in seconds.items() if when is not None and when <= end}
    missing = [moment for moment, when in seconds.items() if when is None or when > end]
    return known, tuple(f"what is given for {called(moment)}: there is no such frame" for moment in missing)


def middle_still(
    source: Path,
    options: ColorizeOptions,
    film_options: FilmOptions,
    *,
    colorizer: Colorizer,
    width: int,
) -> tuple[Image.Image, Image.Image]:
    """Color the frame in the middle of a film, of what is wanted of it.

    Args:
        source: a film file.
        options: as of `colorize_film`.
        film_options: as of `colorize_film`.
        colorizer: as of `colorize_film`.
        width: of the stills, in pixels of the film's own orientation.

    Returns:
        The frame in gray and in color.

    Raises:
        FilmError: the film cannot be read or colored.
    """
    with open_film(source, film_options) as film:
        begin = film.start
        film.start += (film.length or Fraction(0)) / 2
        frame = next(film.frames(), None)
        if frame is None:  # the sound is longer than the picture
            film.start = begin
            frame = next(film.frames(), None)
        if frame is None:
            raise film.lacks_picture()
        gray = _image(frame, film, width).convert("L")
        part = replace(film_options, start=float(film.start))
        return gray, _image(next(Coloring(film, options, part, colorizer).frames()).frame, film, width)


def _stills(film: Film, coloring: Coloring) -> Iterator[list[Still]]:
    """Of each shot its stills. What is kept on the way is thinned out, as nobody knows how long a shot will be."""
    kept: list[Still] = []
    every = count = 0
    for each in coloring.frames():
        if each.begins_shot:
            if kept:
                yield _middle_ones(kept)
            kept, every, count = [], 1, 0
        if count % every == 0:
            kept.append(Still(float(film.seconds_of(each.pts)), _image(each.frame, film)))
        if len(kept) == 2 * _KEPT:
            kept, every = kept[::2], 2 * every
        count += 1
    if kept:
        yield _middle_ones(kept)


def _middle_ones(kept: Sequence[Still]) -> list[Still]:
    """One of each third of a shot."""
    return [kept[len(kept) * (2 * number + 1) // (2 * STILLS)] for number in range(STILLS)]


def _image(frame: VideoFrame, film: Film, width: int = _STILL_WIDTH) -> Image.Image:
    """A small copy as it is seen: upright, with square pixels."""
    layout = film.layout
    height = max(1, round(width * layout.height / (layout.width * float(layout.aspect))))
    rgb = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
    return Image.fromarray(np.ascontiguousarray(np.rot90(rgb, layout.turns)))


def _spread(things: Sequence[T], most: int) -> list[T]:
    """No more than so many, from all over."""
    count = min(len(things), most)
    return [things[number * len(things) // count] for number in range(count)]


def _sheet(shots: Sequence[Sequence[Still]]) -> Image.Image:
    """A row for each shot."""
    width, height = shots[0][0].image.size
    row = height + _LINE + _MARGIN
    sheet = Image.new("RGB", (STILLS * (width + _MARGIN) + _MARGIN, len(shots) * row + _MARGIN), (24, 24, 24))
    draw = ImageDraw.Draw(sheet)
    for number, stills in enumerate(shots):
        for column, still in enumerate(stills):
            place = (_MARGIN + column * (width + _MARGIN), _MARGIN + number * row)
            draw.text(place, _clock(still.seconds), fill=(200, 200, 200))
            sheet.paste(still.image, (place[0], place[1] + _LINE))
    return sheet


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes) // 60}:{int(minutes) % 60:02}:{rest:05.2f}"
