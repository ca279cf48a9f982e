"""Freely licensed photographs, turned grey, to try the program on: `python scripts/sample_photos.py FOLDER`.

They lie inside scikit-image: astronaut and rocket are in the public domain (NASA, SpaceX), chelsea and coffee are CC0.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

SAMPLES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


def sample_folder() -> Path:
    """The folder of scikit-image's photographs. Raises `FileNotFoundError` if they are not there."""
    spec = find_spec("skimage")  # finds without importing, which takes seconds
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the sample photos are part of scikit-image: pip install 'colorize[samples]'")
    folder = Path(spec.origin).parent / "data"
    missing = [name for name in SAMPLES if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"expected {', '.join(SAMPLES)} in {folder}, {missing[0]} is missing")
    return folder


def write_grey(target: Path) -> list[Path]:
    """Write the samples to the folder `target` in grey, in their own format and size, and return their paths."""
    from PIL import Image

    source = sample_folder()
    target.mkdir(parents=True, exist_ok=True)
    for name in SAMPLES:
        with Image.open(source / name) as photo:
            photo.convert("L").save(target / name, quality=95)  # PNG has no use for it
    return [target / name for name in SAMPLES]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python scripts/sample_photos.py FOLDER", file=sys.stderr)
        return 2
    try:
        write_grey(Path(arguments[0]))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
