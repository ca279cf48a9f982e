"""What a person says of the colors of single frames: hints, regions, and frames in color.

Hints move along with what they lie on, as points, to the end of their shot or until it is lost from sight; the network
sees them at every key frame on the way. Regions move likewise, pixel by pixel, and change the colors that come out. The
colors of a frame in color are carried along the motion and fade into those of the network, which from there on looks
for them in what it sees, as it does with a reference photo.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize import photo
from colorize.color.lightness import ab_of
from colorize.color.units import FloatArray
from colorize.coloring.conditions import Conditions
from colorize.coloring.engine import Engine
from colorize.coloring.hints import hint_array
from colorize.coloring.likeness import ramp
from colorize.coloring.reference import Match, Reference, match, read_reference
from colorize.coloring.regions import change_by, cover
from colorize.errors import ConfigError
from colorize.options import FilmOptions
from colorize.video.cuts import TOLERANCE
from colorize.video.decoding import Layout
from colorize.video.motion import Motion, moved, way_home

Moment: TypeAlias = int | float  # a frame: whole numbers count from 0, others are seconds
# Of conditions, hints and regions matter here, and one reference, which is the frame itself in color.
FrameConditions: TypeAlias = Mapping[Any, Conditions]  # by `Moment`; a mapping of whole numbers alone is one, too

NOTHING_SAID: FrameConditions = MappingProxyType({})

_SAME_SHAPE = 0.05  # share by which the aspect of a frame in color may differ
_LOST = 0.1  # confidence of the motion below which a point has been hidden
_OTHER = 32.0  # gray levels by which a point may differ from where it began, beside the change of the mean


class Said(NamedTuple):
    """What a person says of a frame, at the size of the small frames (h, w), as they are stored."""

    hints: FloatArray | None  # (4, h, w), as of `hint_array`
    colors: FloatArray | None  # (2, h, w)
    number: int  # of the picture that the colors are from
    change: FloatArray | None = None  # (3, h, w), by regions, as of `change_by`


class Guidance:
    """What is said of the frames of a film."""

    def __init__(
        self, conditions: FrameConditions, layout: Layout, small: tuple[int, int], engine: Engine, options: FilmOptions
    ) -> None:
        """Look at all that is given.

        Args:
            conditions: of frames.
            layout: of the film.
            small: width and height of its small frames.
            engine: what runs the network.
            options: of the film.

        Raises:
            ConfigError: something is not for this film, or not for films, or not for the engine's model.
        """
        self._layout, self._small, self._engine = layout, small, engine
        self._moments: list[Moment] = sorted(conditions)
        self._times = [each for each in self._moments if not isinstance(each, int)]
        self._given: dict[Moment, Said] = {}
        self._references: dict[int, Reference] = {}
        for number, moment in enumerate(self._moments):
            each = conditions[moment]
            try:
                self._check(moment, each, options)
                self._given[moment] = self._small_of(number, each)
                if each.references and "reference" in engine.takes:
                    self._references[number] = read_reference(engine, each.references[0])
            except ConfigError as error:
                raise ConfigError(f"{called(moment)}: {error}") from error

    def at(self, number: int, seconds: Fraction, before: Fraction | None) -> list[Said]:
        """What is said of a frame.

        Args:
            number: of the frame.
            seconds: its time.
            before: that of the frame before it, if there is one.

        Returns:
            What is given for its number, then what is given for times that it is the first frame to reach.
        """
        first = 0 if before is None else bisect_right(self._times, before + TOLERANCE)
        times = self._times[first : bisect_right(self._times, seconds + TOLERANCE)]
        return [self._given[each] for each in (number, *times) if each in self._given]

    def match(self, levels: NDArray[np.uint8], numbers: tuple[int, ...]) -> Match | None:
        """What upright small levels (h, w) show of pictures in color, by their numbers.

        Args:
            levels: gray levels of a frame, turned upright.
            numbers: of the pictures, as of `Said`.

        Returns:
            The colors found; None without pictures, or for a model that follows none.
        """
        references = [self._references[number] for number in numbers if number in self._references]
        return match(self._engine, Image.fromarray(levels), references) if references else None

    def beyond(self, frames: int, start: Fraction, length: Fraction | None) -> list[str]:
        """What is said of frames that are not among those wanted, a few words each.

        Args:
            frames: so many there are.
            start: seconds at which they begin.
            length: seconds that they last, if that is known.

        Returns:
            A line for each moment that is not among them.
        """
        return [
            f"what is given for {called(each)}: there is no such frame"
            for each in self._moments
            if (
                each >= frames
                if isinstance(each, int)
                else each < start - TOLERANCE or (length is not None and each > start + length)
            )
        ]

    def _check(self, moment: object, conditions: Conditions, options: FilmOptions) -> None:
        if isinstance(moment, bool) or not isinstance(moment, int | float) or moment < 0:
            raise ConfigError("expected the number of a frame or a time in seconds, from 0 up")
        if options.start and isinstance(moment, int):
            raise ConfigError("of a part of a film, frames must be named by their seconds")
        has_others = conditions.seed is not None or conditions.match is not None
        if has_others or (conditions.reference is not None and len(conditions.references) != 1):
            raise ConfigError("a frame of a film takes hints, regions, and one reference: the frame in color")
        if conditions.hints is not None and "hints" not in self._engine.takes:
            raise ConfigError("this model has not learned hints")

    def _small_of(self, number: int, conditions: Conditions) -> Said:
        layout = self._layout
        is_turned = layout.turns % 2
        upright = (layout.height, layout.width) if is_turned else (layout.width, layout.height)
        width, height = reversed(self._small) if is_turned else self._small
        hints = colors = change = None
        if conditions.hints is not None:
            hints = self._stored(hint_array(conditions.hints, upright, (height, width)))
        if conditions.regions:
            said = [(region, cover(region, upright, (height, width))) for region in conditions.regions]
            change = self._stored(change_by(said))
        for picture in conditions.references:
            rgb = photo.to_photo(picture).image.convert("RGB")
            _check_shape(rgb.size, upright, (width, height))
            small = np.asarray(rgb.resize((width, height), Image.Resampling.BOX, reducing_gap=3.0))
            colors = self._stored(ab_of(small).transpose(2, 0, 1))
        return Said(hints, colors, number, change)

    def _stored(self, upright: FloatArray) -> FloatArray:
        """(C, h, w) of an upright picture, as it is stored."""
        return np.ascontiguousarray(np.rot90(upright, -self._layout.turns, axes=(1, 2)))


def digest(conditions: FrameConditions) -> str | None:
    """What tells conditions from others; None of none at all."""
    if not conditions:
        return None
    found = hashlib.sha256()
    for moment in sorted(conditions):
        each = conditions[moment]
        outlines = [region.outline for region in each.regions]
        images = [thing for thing in (each.hints, *outlines) if isinstance(thing, Image.Image)]
        points = [None if isinstance(thing, Image.Image) else thing for thing in (each.hints, *outlines)]
        found.update(repr((moment, points, [(region.color, region.strength) for region in each.regions])).encode())
        for image in (*images, *each.references):
            found.update(repr((image.mode, image.size)).encode() + image.tobytes())
    return found.hexdigest()[:16]


@dataclass(frozen=True)
class Points:
    """Hinted places of a frame, which move with what they lie on."""

    places: FloatArray = field(default_factory=lambda: np.zeros((0, 2), np.float32))  # (n, 2): columns and rows
    ab: FloatArray = field(default_factory=lambda: np.zeros((0, 2), np.float32))  # (n, 2)
    reach: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))  # (n,), as of `hint_array`
    levels: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))  # (n,): where they began, less the mean

    def with_hints(self, hints: FloatArray, levels: NDArray[np.uint8]) -> Points:
        """With more of them, (4, h, w), which take the place of those at the same pixels.

        Args:
            hints: of the same frame, as of `hint_array`.
            levels: gray levels (h, w) of that frame.

        Returns:
            New points: the ones that are left, then a point for each hinted pixel.
        """
        rows, columns = np.nonzero(hints[2])
        rest = self._chosen(hints[2][self._pixels] == 0)
        places = np.stack([columns, rows], axis=1).astype(np.float32)
        return Points(
            np.concatenate([rest.places, places]),
            np.concatenate([rest.ab, hints[:2, rows, columns].T]),
            np.concatenate([rest.reach, hints[3, rows, columns]]),
            np.concatenate([rest.levels, levels[rows, columns] - np.float32(levels.mean())]),
        )

    def moved(self, motion: Motion, levels: NDArray[np.uint8]) -> Points:
        """To the next frame, which has these levels (h, w). Those that are not found there are left out.

        Args:
            motion: from the frame of these points to the next one.
            levels: gray levels of the next one.

        Returns:
            The points there: not those that left the picture, were hidden, or changed their level too much.
        """
        if not len(self.places):
            return self
        height, width = levels.shape
        row, column = self._pixels
        moved = replace(self, places=self.places + motion.flow[:, row, column].T)
        right, down = moved.places.T
        inside = (right > -0.5) & (down > -0.5) & (right < width - 0.5) & (down < height - 0.5)
        moved, confidence = moved._chosen(inside), motion.confidence[row, column][inside]
        now = levels[moved._pixels] - np.float32(levels.mean())
        return moved._chosen((confidence > _LOST) & (np.abs(now - moved.levels) < _OTHER))

    def hints(self, shape: tuple[int, ...]) -> FloatArray | None:
        """(4, h, w), as of `hint_array`; None without any."""
        if not len(self.places):
            return None
        array = np.zeros((4, *shape), np.float32)
        array[:2, *self._pixels] = self.ab.T
        array[2, *self._pixels] = 1
        array[3, *self._pixels] = self.reach
        return array

    @property
    def _pixels(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        columns, rows = np.rint(self.places).astype(np.intp).T
        return rows, columns

    def _chosen(self, which: NDArray[np.bool_]) -> Points:
        return Points(self.places[which], self.ab[which], self.reach[which], self.levels[which])


@dataclass(frozen=True)
class Layer:
    """What regions of a frame do to colors, on its way through later frames. It moves with what it lies on."""

    change: FloatArray  # (3, h, w), of the frame that they were given for, as of `change_by`
    way: FloatArray  # (3, h, w): for each pixel of the frame reached its column and row there, and how far it is found

    @classmethod
    def at_home(cls, change: FloatArray) -> Layer:
        """Of the frame that it was given for, by its change (3, h, w)."""
        return cls(np.ascontiguousarray(change), way_home(*change.shape[1:]))

    def moved(self, motion: Motion) -> Layer:
        """In the frame that `motion` leads away from, back to the one reached so far."""
        way = moved(self.way, motion.places)
        way[2] = np.minimum(way[2], ramp(motion.confidence, _LOST / 2, _LOST * 2))
        return Layer(self.change, way)

    @property
    def here(self) -> FloatArray:
        """The change (3, h, w) in the frame reached; none of what has been hidden on the way."""
        change: FloatArray = moved(self.change, self.way[:2]) * self.way[2]
        return change


def _check_shape(size: tuple[int, int], *wanted: tuple[int, int]) -> None:
    """Raises `ConfigError` for a picture of another aspect than those wanted."""
    aspect = size[0] / size[1]
    if all(abs(aspect * height / width - 1) > _SAME_SHAPE for width, height in wanted):
        width, height = wanted[0]
        raise ConfigError(
            f"expected the whole frame in color, of {width}×{height} px or that shape, got {size[0]}×{size[1]}"
        )


def called(moment: Moment) -> str:
    """What a frame is called in messages."""
    return f"frame {moment}" if isinstance(moment, int) else f"the frame at {moment:g} s"
