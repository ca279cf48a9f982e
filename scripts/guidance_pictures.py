"""The pictures of docs/guidance.md, by the shipped model: `python -m scripts.guidance_pictures docs`.

looks.jpg: sample photos without a look and with each of them. Look at it after a new model.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from colorize import Colorizer
from colorize.options import LOOKS
from colorize.study.samples import sample_folder

_OF_LOOKS = ("astronaut.png", "coffee.png", "chelsea.png")
_SIZE = (240, 180)  # px, of one picture
_CAPTION = 22  # px, above each column


def main(folder: str) -> None:
    """Write the pictures into a folder."""
    colorizer = Colorizer.load()
    Path(folder).mkdir(parents=True, exist_ok=True)
    grays = [_gray(name) for name in _OF_LOOKS]
    rows = [[colorizer(gray, look=look) for look in (None, *LOOKS)] for gray in grays]
    _sheet(("no look", *LOOKS), rows).save(Path(folder) / "looks.jpg", quality=85)


def _gray(name: str) -> Image.Image:
    """A sample photo, cut to the size of a picture."""
    with Image.open(sample_folder() / name) as photo:
        gray = photo.convert("L")
    scale = max(_SIZE[0] / gray.width, _SIZE[1] / gray.height)
    gray = gray.resize((round(gray.width * scale), round(gray.height * scale)), Image.Resampling.LANCZOS)
    left, top = (gray.width - _SIZE[0]) // 2, (gray.height - _SIZE[1]) // 3
    return gray.crop((left, top, left + _SIZE[0], top + _SIZE[1]))


def _sheet(captions: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Rows of pictures under the captions of their columns."""
    width, height = _SIZE
    sheet = Image.new("RGB", (width * len(captions), _CAPTION + height * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, caption in enumerate(captions):
        middle = (column * width + width // 2, _CAPTION // 2)
        draw.text(middle, caption, "black", ImageFont.load_default(14), anchor="mm")
        for row, pictures in enumerate(rows):
            sheet.paste(pictures[column], (column * width, _CAPTION + row * height))
    return sheet


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scripts.guidance_pictures FOLDER")
    main(sys.argv[1])
