"""`python -m colorize.training.shards PHOTOS --out FOLDER`: folders of photos into small tar shards to train on.

Photos are decoded once here instead of in every epoch, and read in long pieces from the disk. Each is shrunk to a short
side, keeps its aspect, and is called SOURCE-NUMBER after the folder that it is from. Photos that train.py would skip
(unreadable, tiny, gray) are left out. The order is drawn from the seed, so that a shard is a sample of all.

Every shard is written whole or not at all. The same command makes those that are missing; what the folder is made of
stands in shards.json, and a command that says something else is refused.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from colorize.errors import ConfigError, DataError
from colorize.requirements import require
from colorize.system import files
from colorize.system.cores import CORES
from colorize.system.program import FAILED, OK, run_program

if TYPE_CHECKING:
    from PIL import Image

    from colorize.training.config import TrainConfig
    from colorize.training.data import RawPhoto, Sources

RECORD = "shards.json"
FORMATS: dict[str, dict[str, Any]] = {"webp": {}, "jpeg": {"subsampling": 0}}  # JPEG with all of its color
_LONGEST = 16_383  # px of a side that WebP holds


@dataclass(frozen=True)
class ShardSettings:
    """What shards are like. Raises `ConfigError` for a value outside its range."""

    side: int = 224  # px of the short side; smaller photos stay as they are
    format: str = "webp"
    quality: int = 90  # 1 to 100
    photos: int = 1000  # of a shard at most; those that are skipped leave gaps
    seed: int = 0  # of the order

    def __post_init__(self) -> None:
        for name, least in (("side", 16), ("quality", 1), ("photos", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.quality > 100:
            raise ConfigError(f"quality must be at most 100, got {self.quality}")
        if self.format not in FORMATS:
            raise ConfigError(f"format must be one of {', '.join(FORMATS)}, got {self.format!r}")


def make_shards(sources: Sources, out: Path, settings: ShardSettings) -> Iterator[tuple[Path, Counter[str]]]:
    """Write the shards that are missing.

    Args:
        sources: photo files.
        out: the folder; it is made.
        settings: what the shards are like.

    Yields:
        Each new shard, with the number of photos left out by reason.

    Raises:
        ConfigError: the folder holds something else, or cannot be written to.
        DataError: there are tar shards among the sources.
    """
    from colorize.training.config import TrainConfig
    from colorize.training.data import RawPhoto

    if sources.shards:
        raise DataError(f"{sources.shards[0]}: expected folders and photos, this is a shard already")
    _claim(out, {"settings": asdict(settings), "photos": sources.describe()})
    names = [f"{_source(path)}-{number:06}" for number, path in enumerate(sources.files)]
    photos = [RawPhoto(str(path), name, path) for name, path in zip(names, sources.files, strict=True)]
    random.Random(settings.seed).shuffle(photos)
    for index, first in enumerate(range(0, len(photos), settings.photos)):
        shard = out / f"photos-{index:04}.tar"
        if not shard.exists():
            with files.atomic(shard) as file:
                skipped = _write(file, photos[first : first + settings.photos], settings, TrainConfig())
            yield shard, skipped


def _claim(out: Path, record: dict[str, Any]) -> None:
    """Make the folder, with a record of what it is made of. Raises `ConfigError` if it holds something else."""
    path = out / RECORD
    try:
        if path.is_file():
            if json.loads(path.read_text(encoding="utf-8")) != record:
                raise ConfigError(f"{out}: holds shards of other photos or settings, see {path}; choose another folder")
        elif out.is_dir() and any(out.iterdir()):
            raise ConfigError(f"{out}: expected a new folder or one with {RECORD}, this one has something else in it")
        else:
            with files.atomic(path) as file:
                file.write((json.dumps(record, indent=2) + "\n").encode())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{out}: cannot be used for shards ({error})") from error
    files.clean_stale(out)


def _source(path: Path) -> str:
    """The folder's name, as far as it can stand in a tar file on any system."""
    return re.sub(r"[^\w.-]+", "_", path.absolute().parent.name) or "photos"


def _write(file: BinaryIO, photos: Sequence[RawPhoto], settings: ShardSettings, config: TrainConfig) -> Counter[str]:
    from colorize.training.data import UnusablePhoto, decode

    def encoded(raw: RawPhoto) -> bytes | str:
        """The photo as it stands in the shard, or why it does not."""
        try:
            return encode(decode(raw, config, least_side=settings.side), settings)
        except UnusablePhoto as error:
            return error.reason

    skipped: Counter[str] = Counter()
    with tarfile.open(fileobj=file, mode="w") as archive, ThreadPoolExecutor(CORES) as pool:
        for raw, content in zip(photos, pool.map(encoded, photos), strict=True):
            if isinstance(content, str):
                skipped[content] += 1
                continue
            member = tarfile.TarInfo(f"{raw.key}.{settings.format}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return skipped


def encode(image: Image.Image, settings: ShardSettings) -> bytes:
    """A photo, RGB, of the settings' short side or less, without metadata.

    Not `photo.save`, which writes files: a shard's members are made in memory.

    Args:
        image: mode RGB; one that is not made smaller loses its `info`.
        settings: its short side in pixels, format and quality.

    Returns:
        A file of the settings' format; a small image keeps its size.
    """
    from PIL import Image

    scale = min(settings.side / min(image.size), 1.0, _LONGEST / max(image.size))
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    image.info.clear()
    image.save(buffer, settings.format, quality=settings.quality, **FORMATS[settings.format])
    return buffer.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    defaults = ShardSettings()
    parser = argparse.ArgumentParser(
        prog="python -m colorize.training.shards",
        description="Folders of photos into small tar shards to train on. The same command goes on where it stopped.",
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTOS", help="folders of color photos (recursive), photos")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for photos-0000.tar and so on")
    helps = {
        "side": "short side in pixels",
        "format": " or ".join(FORMATS),
        "quality": "of the format, 1 to 100",
        "photos": "photos in a shard",
        "seed": "of the order",
    }
    for name, text in helps.items():
        option = "--per-shard" if name == "photos" else f"--{name}"
        default = getattr(defaults, name)
        text = f"{text} [{default}]"
        parser.add_argument(option, dest=f"set_{name}", type=type(default), default=default, metavar="X", help=text)
    given = parser.parse_args(arguments)
    settings = {name: getattr(given, f"set_{name}") for name in helps}
    return run_program(
        "shards",
        lambda: _run(given.photos, given.out, settings),
        interrupted="interrupted; the same command goes on",
    )


def _run(photos: Sequence[str], out: Path, settings: Mapping[str, Any]) -> int:
    require("train", "making shards")
    from colorize.training.data import SKIPS, find_sources

    try:
        for shard, skipped in make_shards(find_sources(photos), out, ShardSettings(**settings)):
            left_out = ", ".join(f"{skipped[reason]} {reason}" for reason in SKIPS if skipped[reason])
            print(shard, flush=True)
            if left_out:
                print(f"shards: {shard.name}: left out {left_out}", file=sys.stderr, flush=True)
    except OSError as error:
        print(f"shards: {out}: cannot be written ({error.strerror})", file=sys.stderr)
        return FAILED
    return OK


if __name__ == "__main__":
    sys.exit(main())
