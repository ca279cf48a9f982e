"""The photos that models are measured on: the truth, and what of it they see."""

from __future__ import annotations

import dataclasses
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from colorize.color.lightness import to_levels
from colorize.coloring.hints import Hint
from colorize.training.augment import to_float
from colorize.training.config import TrainConfig
from colorize.training.data import UnusablePhoto, decode, find_sources, read_unit, source_of

_SMALLEST = 16  # px: the coarsest measures need more than one block


@dataclass(frozen=True)
class Subject:
    """One photo."""

    key: str  # its name within its folder or shard
    source: str
    truth: Image.Image  # RGB

    @property
    def gray(self) -> Image.Image:
        """Its L* as gray levels, which is what is colored."""
        return Image.fromarray(to_levels(np.asarray(self.truth)))

    @property
    def seed(self) -> int:
        """Of what is drawn for this photo: the same in every run."""
        return zlib.crc32(self.key.encode())


def find_subjects(photos: Sequence[str], skipped: Counter[str], *, gray_too: bool = False) -> Iterator[Subject]:
    """Every photo that can be measured on.

    Args:
        photos: folders, photos, tar shards.
        skipped: counts the photos that are left out, by `training.data.SKIPS`.
        gray_too: whether photos without color are subjects as well.

    Raises:
        DataError: there is nothing of that name.
    """
    config = TrainConfig(min_side=_SMALLEST)
    if gray_too:
        config = dataclasses.replace(config, min_colorfulness=0)
    for unit in find_sources(photos).units():
        for raw in read_unit(unit):
            try:
                image = decode(raw, config)
            except UnusablePhoto as error:
                skipped[error.reason] += 1
                continue
            yield Subject(raw.key, source_of(raw), image)


def true_hints(subject: Subject, count: int) -> list[Hint] | None:
    """So many points at random places with the true colors around them; None for none.

    Args:
        subject: the photo; its seed draws the places, the same ones in every run.
        count: how many points.

    Returns:
        The points, each with the mean color of the 3 × 3 pixels around it; None if `count` is 0.
    """
    if not count:
        return None
    truth, rng = subject.truth, np.random.default_rng(subject.seed)
    xs, ys = rng.integers(truth.width, size=count).tolist(), rng.integers(truth.height, size=count).tolist()
    colors = np.asarray(truth.filter(ImageFilter.BoxBlur(1)))
    return [Hint(x, y, tuple(colors[y, x].tolist())) for x, y in zip(xs, ys, strict=True)]


def to_rgb(image: Image.Image) -> Tensor:
    """(1, 3, H, W) in [0, 1] of an image of any mode."""
    array = torch.from_numpy(np.asarray(image.convert("RGB")).copy())  # (H, W, 3)
    return to_float(array.permute(2, 0, 1)[None], torch.device("cpu"))
