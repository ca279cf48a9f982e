"""Freely licensed photographs that may be shown with any result.

They lie inside scikit-image: astronaut and rocket are in the public domain (NASA, SpaceX), chelsea and coffee are CC0.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from colorize.requirements import require

SAMPLES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


def sample_folder() -> Path:
    """The folder of scikit-image's photographs. Raises `MissingExtra` or `FileNotFoundError` if they are not there."""
    require("study", "showing the sample photos", "skimage")
    spec = find_spec("skimage")  # finds without importing, which takes seconds
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    missing = [name for name in SAMPLES if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"expected {', '.join(SAMPLES)} in {folder}, {missing[0]} is missing")
    return folder
