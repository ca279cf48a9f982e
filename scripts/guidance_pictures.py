"""The pictures of docs/guidance.md, by the shipped model: `python -m scripts.guidance_pictures docs`.

looks.jpg: sample photos without a look and with each of them. guided.jpg: photos in gray, as the model colors them, and
guided by at most five gestures. Look at both after a new model: the page says in words what they show.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from colorize import Colorizer, Hint, Region
from colorize.options import LOOKS
from colorize.study.samples import sample_folder

_OF_LOOKS = ("astronaut.png", "coffee.png", "chelsea.png")
_GUIDED: dict[str, tuple[Sequence[Hint], Sequence[Region]]] = {
    "astronaut.png": (
        [Hint(90, 440, "#d0662a"), Hint(330, 400, "#d0662a"), Hint(220, 120, "#d9a58a"), Hint(300, 200, "#b9b4a6")],
        [Region([(380, 330), (511, 330), (511, 511), (330, 511), (340, 420)], strength=0)],
    ),
    "coffee.png": (
        [Hint(440, 240, "#9c3b2e"), Hint(150, 300, "#9c3b2e"), Hint(530, 150, "#a9743f"), Hint(270, 155, "#5a3418")],
        [],
    ),
    "chelsea.png": (
        [],
        [
            Region(
                [(141, 118), (150, 97), (170, 89), (191, 97), (199, 117), (190, 139), (170, 147), (150, 139)], "#8c8c55"
            ),
            Region(
                [(299, 128), (305, 110), (321, 103), (337, 111), (343, 128), (336, 145), (321, 151), (305, 145)],
                "#8c8c55",
            ),
        ],
    ),
    "camera.png": ([Hint(400, 60, "#8db4d8"), Hint(80, 220, "#3c3a44"), Hint(420, 450, "#6f7f3e")], []),
}
_SIZE = (240, 180)  # px, of one picture
_CAPTION = 22  # px, above each column


def main(folder: str) -> None:
    """Write the pictures into a folder."""
    colorizer = Colorizer.load()
    Path(folder).mkdir(parents=True, exist_ok=True)
    grays = [_gray(name) for name in _OF_LOOKS]
    rows = [[colorizer(gray, look=look) for look in (None, *LOOKS)] for gray in grays]
    _sheet(("no look", *LOOKS), rows).save(Path(folder) / "looks.jpg", quality=85)
    guided = [_guided(colorizer, name, *said) for name, said in _GUIDED.items()]
    _sheet(("gray", "as it is", "guided"), guided).save(Path(folder) / "guided.jpg", quality=85)


def _guided(colorizer: Colorizer, name: str, hints: Sequence[Hint], regions: Sequence[Region]) -> list[Image.Image]:
    gray = _gray(name)
    return [gray, colorizer(gray), colorizer(gray, hints=hints or None, regions=regions)]


def _gray(name: str) -> Image.Image:
    """A sample photo."""
    with Image.open(sample_folder() / name) as photo:
        return photo.convert("L")


def _cut(picture: Image.Image) -> Image.Image:
    """A picture, cut to the size in which it is shown."""
    scale = max(_SIZE[0] / picture.width, _SIZE[1] / picture.height)
    size = round(picture.width * scale), round(picture.height * scale)
    left, top = (size[0] - _SIZE[0]) // 2, (size[1] - _SIZE[1]) // 3
    resized = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return resized.crop((left, top, left + _SIZE[0], top + _SIZE[1]))


def _sheet(captions: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Rows of pictures under the captions of their columns."""
    width, height = _SIZE
    sheet = Image.new("RGB", (width * len(captions), _CAPTION + height * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, caption in enumerate(captions):
        middle = (column * width + width // 2, _CAPTION // 2)
        draw.text(middle, caption, "black", ImageFont.load_default(14), anchor="mm")
        for row, pictures in enumerate(rows):
            sheet.paste(_cut(pictures[column]), (column * width, _CAPTION + row * height))
    return sheet


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scripts.guidance_pictures FOLDER")
    main(sys.argv[1])
