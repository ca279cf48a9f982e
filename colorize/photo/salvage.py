"""JPEGs that end early: what is there of the picture, and how much that is."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import Image

from colorize.photo.image import strips

_END, _SCAN = b"\xff\xd9", b"\xff\xda"
_LEAST = 0.1  # of the picture has to be there


class Salvaged(NamedTuple):
    """A picture of which the lower part is missing."""

    image: Image.Image  # whole; what is missing is even gray
    rows: int  # that are there, from the top; all of a progressive JPEG, which is only less sharp


def decode_part(content: bytes) -> Salvaged:
    """Decode what is there.

    Args:
        content: of a JPEG file that ends early.

    Returns:
        The picture.

    Raises:
        ValueError: less than a tenth of it is there.
    """
    content = content.rstrip(b"\0").removesuffix(_END)
    # libjpeg fills up what it does not find, as soon as it finds an end.
    image = Image.open(io.BytesIO(content + _END), formats=["JPEG"])
    image.load()
    if image.info.get("progressive"):
        rows = image.height if content.count(_SCAN) > 1 else 0  # the first scan has every place, coarsely
    else:
        rows = _decoded_rows(content, image)
    if rows < _LEAST * image.height:
        raise ValueError(f"only {rows} of its {image.height} rows are there")
    return Salvaged(image, rows)


def _decoded_rows(content: bytes, filled: Image.Image) -> int:
    """How many rows come out of the content alone: the first in which the filled picture differs is missing."""
    partial = Image.open(io.BytesIO(content), formats=["JPEG"])
    with suppress(OSError):
        partial.load()  # as far as it gets; the rest stays black
    partial.tile = []  # there is nothing more to decode
    for (place, mine), (_, theirs) in zip(strips(partial), strips(filled), strict=True):
        differing = np.flatnonzero((mine != theirs).reshape(len(mine), -1).any(axis=1))
        if differing.size:
            return int(place.start + differing[0])
    return filled.height


def upright_box(size: tuple[int, int], rows: int, turn: Image.Transpose | None) -> tuple[int, int, int, int]:
    """Where the rows that are there lie once the picture is the right way up.

    Args:
        size: width and height as it lies in the file.
        rows: that are there.
        turn: what puts it upright.

    Returns:
        Left, top, right and bottom.
    """
    there = Image.new("L", size)
    there.paste(1, (0, 0, size[0], rows))
    box = (there if turn is None else there.transpose(turn)).getbbox()
    assert box is not None
    return box
