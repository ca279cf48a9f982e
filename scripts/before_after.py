"""The picture in the README: `python -m scripts.before_after docs/before-after.jpg`.

Sample photos as they went in, in gray, and below colored by the shipped model at its defaults.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from colorize import Colorizer
from colorize.study.samples import sample_folder

_PHOTOS = ("astronaut.png", "rocket.jpg", "chelsea.png")
_HEIGHT = 240  # px, of one photo


def main(target: str) -> None:
    colorizer = Colorizer.load()
    pairs = [_before_and_after(colorizer, sample_folder() / name) for name in _PHOTOS]
    picture = Image.new("RGB", (sum(before.width for before, _ in pairs), 2 * _HEIGHT))
    left = 0
    for before, after in pairs:
        picture.paste(before, (left, 0))
        picture.paste(after, (left, _HEIGHT))
        left += before.width
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    picture.save(target, quality=88)


def _before_and_after(colorizer: Colorizer, path: Path) -> tuple[Image.Image, Image.Image]:
    with Image.open(path) as photo:
        gray = photo.convert("L")
    shown = (round(gray.width * _HEIGHT / gray.height), _HEIGHT)
    before, after = (image.resize(shown, Image.Resampling.LANCZOS) for image in (gray, colorizer(gray)))
    return before.convert("RGB"), after


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scripts.before_after FILE")
    main(sys.argv[1])
