"""Sample grids: photos gray, colored and true side by side, labeled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

KINDS = ("gray", "colored", "true")  # of each photo, in this order
_PHOTOS_PER_ROW = 4
_SMALLEST_CELL = 64  # px; smaller photos are enlarged, or no label would fit
_GAP = 4  # px
_TEXT = 11  # px
_PAPER, _INK = "white", "black"


def sample_grid(samples: NDArray[np.uint8]) -> Image.Image:
    """Draw a grid of samples (N, 3, S, S, 3), each photo as `KINDS` says, with its number N before the first.

    Not torchvision's grid: importing that takes 3 s, and it knows no labels.
    """
    zoom = max(1, -(-_SMALLEST_CELL // samples.shape[2]))
    cell = samples.shape[2] * zoom
    width, height = cell + _GAP, cell + _TEXT + 2 * _GAP
    columns, rows = min(len(samples), _PHOTOS_PER_ROW), -(-len(samples) // _PHOTOS_PER_ROW)
    grid = Image.new("RGB", (columns * (len(KINDS) * width + _GAP), rows * height), _PAPER)
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(_TEXT)
    for number, photo in enumerate(samples):
        row, column = divmod(number, _PHOTOS_PER_ROW)
        for place, (kind, pixels) in enumerate(zip(KINDS, photo, strict=True)):
            left, top = column * (len(KINDS) * width + _GAP) + place * width + _GAP, row * height
            draw.text((left, top + 1), kind if place else f"{number} {kind}", _INK, font)
            image = Image.fromarray(pixels).resize((cell, cell), Image.Resampling.NEAREST)
            grid.paste(image, (left, top + _TEXT + _GAP))
    return grid
