"""Freely licensed photographs, turned gray, to try the program on: `python scripts/sample_photos.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from colorize.study.samples import SAMPLES, sample_folder


def write_gray(target: Path) -> list[Path]:
    """Write the samples to the folder `target` in gray, in their own format and size, and return their paths."""
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
        write_gray(Path(arguments[0]))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
