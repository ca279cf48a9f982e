"""The pictures in the README, by the shipped model at its defaults: `python -m scripts.before_after docs`.

before-after.jpg: sample photos as they went in, in gray, and below in color. failures.jpg: what it does badly, in gray,
in color and as it was. After a new model, look at them: the README says in words what they show.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from colorize import Colorizer
from colorize.study.samples import sample_folder

_SHOWN = ("astronaut.png", "rocket.jpg", "chelsea.png")
_FAILURES = ("astronaut.png", "coffee.png", "retina.jpg")
_HEIGHT = 240  # px, of one photo


def main(folder: str) -> None:
    """Write both pictures into a folder."""
    colorizer = Colorizer.load()
    Path(folder).mkdir(parents=True, exist_ok=True)
    _sheet(colorizer, _SHOWN, truth=False).save(Path(folder) / "before-after.jpg", quality=88)
    _sheet(colorizer, _FAILURES, truth=True).save(Path(folder) / "failures.jpg", quality=88)


def _sheet(colorizer: Colorizer, names: tuple[str, ...], *, truth: bool) -> Image.Image:
    """A column for each photo: gray, in color, and with `truth` as it was."""
    columns = [_column(colorizer, sample_folder() / name, truth=truth) for name in names]
    rows = len(columns[0])
    sheet = Image.new("RGB", (sum(column[0].width for column in columns), rows * _HEIGHT))
    left = 0
    for column in columns:
        for row, picture in enumerate(column):
            sheet.paste(picture, (left, row * _HEIGHT))
        left += column[0].width
    return sheet


def _column(colorizer: Colorizer, path: Path, *, truth: bool) -> list[Image.Image]:
    with Image.open(path) as photo:
        true = photo.convert("RGB")
    gray = true.convert("L")
    shown = (round(gray.width * _HEIGHT / gray.height), _HEIGHT)
    pictures = [gray, colorizer(gray), *([true] if truth else [])]
    return [picture.resize(shown, Image.Resampling.LANCZOS).convert("RGB") for picture in pictures]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scripts.before_after FOLDER")
    main(sys.argv[1])
