"""Things outlined by hand on freely licensed photos: does a hint fill its thing and stay out of the rest?

A thing is what a person would recolor with one click: a coat, a cup, a table, the sky, hair. A hint of its color at its
point should reach every pixel of its mask and none beside it. The outlines are drawn by eye and accurate to about 1 %
of the photo's width, so no segmentation had a part in what segmentations are measured against. `masks.json` holds them,
with the author and the license of each photo. The photos themselves come with scikit-image and matplotlib (the extra
`study`); nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
import skimage
from PIL import Image, ImageDraw

MASKS = Path(__file__).with_suffix(".json")
FOLDERS = {
    "skimage": Path(skimage.__file__).with_name("data"),
    "matplotlib": Path(matplotlib.get_data_path(), "sample_data"),
}
Polygon = Sequence[Sequence[int]]  # x, y of each corner, in pixels


@dataclass(frozen=True)
class Mask:
    """One thing on one photo."""

    name: str  # photo and thing: "skimage:coffee, saucer"
    image: Image.Image  # the whole photo, RGB
    array: npt.NDArray[np.bool_]  # (H, W), True on the thing
    hint: tuple[int, int]  # x, y in pixels: where a person would click
    color: str  # #rrggbb: a plausible color that the thing does not have


def load() -> list[Mask]:
    """All masks, in the order of `masks.json`.

    Raises:
        FileNotFoundError: A photo is missing from the package that should hold it.
        ValueError: A photo has another size than the one that was drawn on.
    """
    masks = []
    for entry in json.loads(MASKS.read_text(encoding="utf-8")):
        name = f"{entry['photo']}, {entry['thing']}"
        image = open_photo(entry["photo"])
        size = tuple(entry["size"])
        if image.size != size:
            raise ValueError(f"{name}: drawn on {size[0]}×{size[1]} px, but the photo has {image.width}×{image.height}")
        array = render(size, entry["polygons"], entry.get("holes", ()))
        masks.append(Mask(name, image, array, tuple(entry["hint"]), entry["color"]))
    return masks


def open_photo(photo: str) -> Image.Image:
    """The photo `PACKAGE:NAME` from the files of that package, as RGB."""
    package, name = photo.split(":")
    for path in FOLDERS[package].glob(f"{name}.*"):
        with Image.open(path) as image:
            return image.convert("RGB")
    raise FileNotFoundError(f"no photo {name} in {FOLDERS[package]}")


def render(size: tuple[int, int], polygons: Sequence[Polygon], holes: Sequence[Polygon]) -> npt.NDArray[np.bool_]:
    """Fill outlines, then cut the holes.

    Args:
        size: Width and height in pixels.
        polygons: Outer outlines.
        holes: Outlines of what is not part of the thing.

    Returns:
        (H, W), True inside.
    """
    canvas = Image.new("1", size)
    draw = ImageDraw.Draw(canvas)
    for value, outlines in ((1, polygons), (0, holes)):
        for outline in outlines:
            draw.polygon([(x, y) for x, y in outline], fill=value)
    return np.array(canvas)
