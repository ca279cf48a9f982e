"""The pictures of docs/guidance.md, by the shipped model: `python -m scripts.guidance_pictures docs [UNPACKED]`.

looks.jpg: sample photos without a look and with each of them. guided.jpg: photos in gray, as the model colors them, and
guided by at most five gestures. guided-more.jpg: the same of photos in packages that lie unpacked in a folder:

    pip download --no-deps scikit-learn pywavelets
    pip download --no-deps --only-binary :all: --python-version 3.11 scipy==1.9.3
    for wheel in *.whl; do unzip -q $wheel -d UNPACKED; done

Look at all after a new model: the page says in words what they show.
"""

from __future__ import annotations

import bz2
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from colorize import Colorizer, Hint, Region
from colorize.options import LOOKS
from colorize.study.samples import sample_folder

_OF_LOOKS = ("astronaut.png", "coffee.png", "chelsea.png")
_GUIDED: dict[str, tuple[Sequence[Hint], Sequence[Region]]] = {
    "astronaut.png": (
        [Hint(90, 440, "#d0662a"), Hint(330, 400, "#d0662a"), Hint(160, 300, "#d0662a"), Hint(210, 420, "#d0662a")],
        [Region([(380, 330), (511, 330), (511, 511), (330, 511), (340, 420)], strength=0)],
    ),
    "coffee.png": (
        [
            Hint(440, 240, "#9c3b2e"),
            Hint(150, 300, "#9c3b2e"),
            Hint(530, 150, "#a9743f"),
            Hint(60, 360, "#a9743f"),
            Hint(90, 90, "#a9743f"),
        ],
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
_SKY = "#8fb0d4"
_GUIDED_MORE: dict[str, tuple[Sequence[Hint], Sequence[Region]]] = {
    "sklearn/datasets/images/china.jpg": (
        [
            Hint(480, 60, "#bcd6ea"),
            Hint(15, 250, "#5b6f45", 80),
            Hint(590, 260, "#5b6f45", 110),
            Hint(230, 255, "#7a5646", 70),
        ],
        [],
    ),
    "sklearn/datasets/images/flower.jpg": (
        [
            Hint(250, 160, "#d98aa6"),
            Hint(380, 270, "#d98aa6"),
            Hint(190, 270, "#d98aa6", 110),
            Hint(300, 260, "#d98aa6", 60),
            Hint(370, 410, "#d98aa6", 50),
        ],
        [],
    ),
    "scipy/misc/face.dat": (
        [
            Hint(166, 325, "#8f9a5e"),
            Hint(70, 390, "#a39a68"),
            Hint(620, 60, "#7c8a52", 110),
            Hint(554, 354, "#7c8a52"),
            Hint(545, 80, "#8c8072", 70),
        ],
        [],
    ),
    "pywt/data/ascent.npz": (
        [],
        [
            Region([(0, 0), (235, 0), (224, 50), (98, 110), (0, 75)], _SKY),
            Region([(124, 278), (250, 196), (286, 312), (215, 300)], _SKY),
            Region([(272, 192), (300, 186), (330, 320), (302, 322)], _SKY),
            Region([(384, 45), (512, 165), (512, 275), (477, 256), (419, 238), (401, 248), (349, 149)], _SKY),
        ],
    ),
}
_RACCOON = (768, 1024, 3)  # the shape of scipy's face.dat
_SIZE = (240, 180)  # px, of one picture
_COLUMNS = ("gray", "as it is", "guided")
_CAPTION = 22  # px, above each column


def main(folder: str, unpacked: str | None = None) -> None:
    """Write the pictures into a folder."""
    colorizer = Colorizer.load()
    Path(folder).mkdir(parents=True, exist_ok=True)
    grays = [_gray(name) for name in _OF_LOOKS]
    rows = [[colorizer(gray, look=look) for look in (None, *LOOKS)] for gray in grays]
    _sheet(("no look", *LOOKS), rows).save(Path(folder) / "looks.jpg", quality=85)
    guided = [_guided(colorizer, _gray(name), *said) for name, said in _GUIDED.items()]
    _sheet(_COLUMNS, guided).save(Path(folder) / "guided.jpg", quality=85)
    if unpacked:
        more = [_guided(colorizer, _gray_of(Path(unpacked, name)), *said) for name, said in _GUIDED_MORE.items()]
        _sheet(_COLUMNS, more).save(Path(folder) / "guided-more.jpg", quality=85)


def _guided(
    colorizer: Colorizer, gray: Image.Image, hints: Sequence[Hint], regions: Sequence[Region]
) -> list[Image.Image]:
    return [gray, colorizer(gray), colorizer(gray, hints=hints or None, regions=regions)]


def _gray(name: str) -> Image.Image:
    """A sample photo."""
    with Image.open(sample_folder() / name) as photo:
        return photo.convert("L")


def _gray_of(path: Path) -> Image.Image:
    """A photo as a package holds it."""
    if path.suffix == ".npz":
        return Image.fromarray(np.load(path)["data"])
    if path.suffix == ".dat":
        levels = np.frombuffer(bz2.decompress(path.read_bytes()), np.uint8).reshape(_RACCOON)
        return Image.fromarray(levels).resize((640, 480), Image.Resampling.LANCZOS).convert("L")
    with Image.open(path) as photo:
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
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m scripts.guidance_pictures FOLDER [UNPACKED]")
    main(*sys.argv[1:])
