"""A folder of small scans, one of them broken, for the commands that share work, and what became of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def make_scans(folder: Path, count: int) -> None:
    """So many gray photos in two boxes of `folder`, and a file that is no photo."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"box {number % 2}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (40, 40), dtype=np.uint8)).save(path)
    (folder / "broken.png").write_bytes(b"no photo")


def results_in(folder: Path) -> dict[str, bytes]:
    """The bytes of each result, by its path in `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}
