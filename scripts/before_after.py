"""The picture in the README: `python -m scripts.before_after docs/before-after.jpg`.

Each sample photo is coloured by the shipped model at its defaults; the left half is shown as it went in.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from colorize import Colorizer
from scripts.sample_photos import sample_folder

_PHOTOS = ("chelsea.png", "astronaut.png")
_HEIGHT = 320  # px


def main(target: str) -> None:
    colorizer = Colorizer.load()
    tiles = [_tile(colorizer, sample_folder() / name) for name in _PHOTOS]
    picture = Image.new("RGB", (sum(tile.width for tile in tiles), _HEIGHT))
    left = 0
    for tile in tiles:
        picture.paste(tile, (left, 0))
        left += tile.width
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    picture.save(target, quality=88)


def _tile(colorizer: Colorizer, path: Path) -> Image.Image:
    with Image.open(path) as photo:
        grey = photo.convert("L")
    colour = colorizer(grey)
    half = colour.width // 2
    colour.paste(grey.convert("RGB").crop((0, 0, half, grey.height)), (0, 0))
    colour.paste((255, 255, 255), (half - 1, 0, half + 1, grey.height))
    return colour.resize((round(grey.width * _HEIGHT / grey.height), _HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scripts.before_after FILE")
    main(sys.argv[1])
