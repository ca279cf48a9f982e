"""Photos for training, as an endless stream of batches that can be stopped and taken up again anywhere.

Folders and tar shards are cut into units; every stream (one per worker and process) walks its share of them in an order
drawn per epoch, draws from a shuffle buffer, and decodes. Where a stream stands is two numbers: the epoch and how many
photos of it it has passed. To go on from there, the same order is drawn again and passed over without decoding.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import random
import re
import statistics
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from colorize import photo
from colorize.color.metrics import colorfulness
from colorize.errors import DataError, PhotoError
from colorize.former_names import with_new_names
from colorize.training.config import TrainConfig

SHARD_SUFFIXES = (".tar",)
SKIPS = ("unreadable", "tiny", "gray")
_FILES_PER_UNIT = 64
_CROP_MARGIN = 9 / 8  # workers cut boxes this much larger than the crops that the device takes from them
_GRAY_CHECK_SIDE = 32  # px: colorfulness hardly depends on size


@dataclass(frozen=True)
class Sources:
    """What a run reads: tar shards, and photo files in folders, both sorted by path."""

    shards: tuple[Path, ...]
    files: tuple[Path, ...]

    def units(self) -> list[Path | tuple[Path, ...]]:
        """What is shuffled before each epoch: a shard, or a few files."""
        chunks = [self.files[i : i + _FILES_PER_UNIT] for i in range(0, len(self.files), _FILES_PER_UNIT)]
        return [*self.shards, *chunks]

    def without(self, others: Sources) -> Sources:
        """These but for the shards and files of `others`. Raises `DataError` if nothing is left."""
        taken = {path.resolve() for path in (*others.shards, *others.files)}
        left = Sources(
            tuple(path for path in self.shards if path.resolve() not in taken),
            tuple(path for path in self.files if path.resolve() not in taken),
        )
        if not left.shards and not left.files:
            raise DataError("no photos to train on: all of them are --validation's")
        return left

    def describe(self) -> dict[str, Any]:
        """For a run's record: the same wherever the photos lie."""
        shards = [shard.name for shard in self.shards]
        names = "\n".join([*shards, *map(_file_key, self.files)])
        fingerprint = hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        return {"shards": shards, "files": len(self.files), "fingerprint": fingerprint}

    def count(self) -> int:
        """Photos in all, from the shards' tables of contents; nothing is decoded."""
        return len(self.files) + sum(1 for shard in self.shards for _ in _members(shard))


def find_sources(paths: Sequence[str | os.PathLike[str]]) -> Sources:
    """Folders (recursive), photos and tar shards at `paths`.

    Raises `DataError` for a path that does not exist, a shard that is not a tar file, and if there is nothing at all.
    """
    shards: set[Path] = set()
    files: set[Path] = set()
    for path in map(Path, paths):
        if path.is_dir():
            found = [p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")]
        elif path.is_file():
            found = [path]
        else:
            raise DataError(f"{path}: no such file or folder")
        shards.update(p for p in found if p.suffix.lower() in SHARD_SUFFIXES)
        files.update(p for p in found if _is_photo_name(p.name))
    for shard in sorted(shards):
        if not tarfile.is_tarfile(shard):
            raise DataError(f"{shard}: expected a tar file of photos, this one is damaged or of another kind")
    if not shards and not files:
        raise DataError(
            f"no photos and no tar shards in {', '.join(map(str, paths)) or 'nothing: no paths were given'}"
        )
    return Sources(tuple(sorted(shards)), tuple(sorted(files)))


class RawPhoto(NamedTuple):
    name: str  # path of the file, or of the shard and the member
    key: str  # what decides whether a photo is held out: the same wherever the data lie
    data: bytes | Path


def read_unit(unit: Path | tuple[Path, ...], skipped: Counter[str]) -> Iterator[RawPhoto]:
    """The undecoded photos of a unit. A shard that breaks off counts as one unreadable photo."""
    if isinstance(unit, tuple):
        for path in unit:
            yield RawPhoto(str(path), _file_key(path), path)
        return
    from webdataset.tariterators import tar_file_expander  # takes seconds

    def broken(_: Exception) -> Literal[False]:
        skipped["unreadable"] += 1
        return False

    with open(unit, "rb") as stream:  # opened here: webdataset itself would run what follows a "pipe:"
        source = [{"url": str(unit), "stream": stream}]
        for member in tar_file_expander(source, handler=broken, select_files=_is_photo_name, eof_value=None):
            yield RawPhoto(f"{unit}/{member['fname']}", member["fname"], member["data"])


def source_of(raw: RawPhoto) -> str:
    """Where a photo is from: of a shard's SOURCE-NUMBER.webp SOURCE, else the folder or the shard."""
    if not isinstance(raw.data, bytes):
        return raw.data.parent.name or "."
    numbered = re.fullmatch(r"(?:.*/)?([^/]+)-\d+\.\w+", raw.key)
    return numbered[1] if numbered else Path(raw.name.removesuffix(raw.key)).name


def kept_shares(sources: Sources, source_balance: float) -> dict[str, float]:
    """The share of each source's photos that an epoch uses, so that the large ones do not drown the others.

    A source of n photos keeps (m/n)^`source_balance` of them, m being the median of n over the sources; at most all.
    """
    photos = itertools.chain(
        (RawPhoto(str(path), _file_key(path), path) for path in sources.files),
        (RawPhoto(f"{shard}/{name}", name, b"") for shard in sources.shards for name in _members(shard)),
    )
    counts = Counter(map(source_of, photos))
    median = statistics.median(counts.values()) if counts else 1
    return {source: min(1.0, float((median / count) ** source_balance)) for source, count in counts.items()}


def _file_key(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def is_held_out(key: str, holdout: int) -> bool:
    """Whether a photo is measured on instead of trained on: one in `holdout`, by its name alone."""
    return zlib.crc32(key.encode()) % holdout == 0


class Position(NamedTuple):
    """Where a stream stands."""

    epoch: int = 0
    passed: int = 0  # photos of the epoch's order that were used or skipped


class StreamBatch(NamedTuple):
    photos: Tensor  # (B, 3, S, S), uint8, a little larger than the crops
    worker: int
    position: Position  # after this batch
    skipped: dict[str, int]  # since the stream's last batch
    error: str  # in place of photos: why there will be none


class PhotoStream(IterableDataset[StreamBatch]):
    """What runs in the workers: order, decode, cut."""

    def __init__(
        self,
        sources: Sources,
        config: TrainConfig,
        hold_out: bool,
        rank: int,
        world: int,
        positions: Sequence[Position],
        first: int,
        kept: Mapping[str, float],
    ) -> None:
        self.sources, self.config, self.hold_out = sources, config, hold_out
        self.rank, self.world = rank, world
        self.positions, self.first, self.kept = positions, first, kept

    def __iter__(self) -> Iterator[StreamBatch]:
        info = get_worker_info()
        workers = info.num_workers if info else 1
        # DataLoader asks its worker 0 first; after a resume, that has to be the worker whose turn it was.
        worker = ((info.id if info else 0) + self.first) % workers
        stream, streams = self.rank * workers + worker, self.world * workers
        start = self.positions[worker]
        skipped: Counter[str] = Counter()
        batch: list[Tensor] = []
        epoch = start.epoch
        while True:
            useful = False
            for passed, raw in enumerate(self._epoch(epoch, stream, streams, skipped), start=1):
                if epoch == start.epoch and passed <= start.passed:
                    skipped.clear()  # counted before
                    continue
                rng = random.Random(f"{self.config.seed} {epoch} {stream} {passed}")
                if self.hold_out and is_held_out(raw.key, self.config.holdout):
                    continue
                if self.kept and rng.random() >= self.kept.get(source_of(raw), 1.0):
                    continue
                box = self._decode(raw, rng, skipped)
                if box is None:
                    continue
                useful = True
                batch.append(box)
                if len(batch) == self.config.batch_size:
                    yield StreamBatch(torch.stack(batch), worker, Position(epoch, passed), dict(skipped), "")
                    batch.clear()
                    skipped.clear()
            epoch += 1
            # A share can be without a usable photo by chance.
            found: Counter[str] = Counter()
            if not useful and not self._any_usable(found):
                break
        reasons = ", ".join(f"{found[reason]} {reason}" for reason in SKIPS if found[reason]) or "none found"
        yield StreamBatch(torch.empty(0), worker, Position(epoch, 0), {}, f"no photo can be trained on ({reasons})")

    def _any_usable(self, skipped: Counter[str]) -> bool:
        """Whether there is a photo to train on at all; `skipped` counts why not."""
        for unit in self.sources.units():
            for raw in read_unit(unit, skipped):
                held_out = self.hold_out and is_held_out(raw.key, self.config.holdout)
                if not held_out and load_photo(raw, self.config, skipped) is not None:
                    return True
        return False

    def _epoch(self, epoch: int, stream: int, streams: int, skipped: Counter[str]) -> Iterator[RawPhoto]:
        """This stream's share of an epoch, in its order: whole units if there are enough, else every n-th photo."""
        import webdataset

        units = self.sources.units()
        random.Random(f"{self.config.seed} {epoch}").shuffle(units)
        share = (stream + epoch) % streams
        by_unit = len(units) >= streams
        if by_unit:
            units = units[share::streams]
        photos: Iterator[RawPhoto] = (raw for unit in units for raw in read_unit(unit, skipped))
        if not by_unit:
            photos = itertools.islice(photos, share, None, streams)
        order = random.Random(f"{self.config.seed} {epoch} {share}")
        shuffle = webdataset.shuffle(self.config.shuffle_buffer, initial=self.config.shuffle_buffer, rng=order)
        return iter(shuffle(photos))

    def _decode(self, raw: RawPhoto, rng: random.Random, skipped: Counter[str]) -> Tensor | None:
        """A random square box (3, S, S) of the photo, or None and a count if it cannot be trained on."""
        image = load_photo(raw, self.config, skipped)
        if image is None:
            return None
        side = round(min(image.size) * rng.uniform(self.config.zoom, 1))
        left, top = rng.randint(0, image.width - side), rng.randint(0, image.height - side)
        return square(image, (left, top, left + side, top + side), box_side(self.config))


def box_side(config: TrainConfig) -> int:
    return round(config.size * _CROP_MARGIN)


def load_photo(raw: RawPhoto, config: TrainConfig, skipped: Counter[str]) -> Image.Image | None:
    """Decode; None and a count for a photo that cannot be read, is too small or has no color to learn from."""
    try:
        image = photo.open(io.BytesIO(raw.data) if isinstance(raw.data, bytes) else raw.data).image.convert("RGB")
    except PhotoError:
        skipped["unreadable"] += 1
        return None
    if min(image.size) < config.min_side:
        skipped["tiny"] += 1
        return None
    small = square(image, (0, 0, *image.size), _GRAY_CHECK_SIDE)
    if colorfulness(small[None] / 255).item() < config.min_colorfulness:
        skipped["gray"] += 1
        return None
    return image


def square(image: Image.Image, box: tuple[int, int, int, int], side: int) -> Tensor:
    """The box of an RGB image at side × side px, uint8 (3, side, side)."""
    resized = image.resize((side, side), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1)


class PhotoBatches:
    """Endless batches (B, 3, S, S) of uint8 photos; `state()` is where to go on from."""

    def __init__(
        self,
        sources: Sources,
        config: TrainConfig,
        *,
        hold_out: bool,
        rank: int = 0,
        world: int = 1,
        state: dict[str, Any] | None = None,
        pin_memory: bool = False,
    ) -> None:
        workers = max(config.workers, 1)
        state = state or {"positions": [Position()] * workers, "batches": 0, "skipped": {}}
        self._positions = [Position(*each) for each in state["positions"]]
        self._batches = int(state["batches"])
        self.skipped: Counter[str] = Counter(with_new_names(state["skipped"]))
        kept = kept_shares(sources, config.source_balance) if config.source_balance else {}
        first = self._batches % workers
        stream = PhotoStream(sources, config, hold_out, rank, world, list(self._positions), first, kept)
        self._loader = DataLoader(
            stream,
            batch_size=None,  # the streams make whole batches
            num_workers=config.workers,
            prefetch_factor=4 if config.workers else None,
            worker_init_fn=_ignore_interrupt,
            pin_memory=pin_memory,
            generator=torch.Generator(),  # its own, so that the run's random state does not depend on it
        )
        self._iterator: Iterator[StreamBatch] = iter(self._loader)

    def __iter__(self) -> PhotoBatches:
        return self

    def __next__(self) -> Tensor:
        """Raises `DataError` if no photo can be trained on."""
        batch = next(self._iterator)
        if batch.error:
            raise DataError(batch.error)
        self._positions[batch.worker] = Position(*batch.position)
        self._batches += 1
        self.skipped.update(batch.skipped)
        return batch.photos

    def close(self) -> None:
        """Stop the workers. They ignore signals: what ends with them still there would wait for them for ever."""
        self._iterator = iter(())  # DataLoader's own stops them when nothing refers to it any longer

    def state(self) -> dict[str, Any]:
        return {
            "positions": [list(p) for p in self._positions],
            "batches": self._batches,
            "skipped": dict(self.skipped),
        }


def validation_photos(sources: Sources, config: TrainConfig, *, held_out: bool) -> Tensor:
    """Up to `config.validation_photos` photos, their middle squares, uint8 (N, 3, size, size), always the same ones.

    With `held_out`, only those that training leaves out. N may be 0.
    """
    photos: list[Tensor] = []
    for unit in sources.units():
        for raw in read_unit(unit, Counter()):
            if len(photos) == config.validation_photos:
                return torch.stack(photos)
            if held_out and not is_held_out(raw.key, config.holdout):
                continue
            image = load_photo(raw, config, Counter())
            if image is not None:
                photos.append(square(image, middle_square(image), config.size))
    return torch.stack(photos) if photos else torch.empty(0, 3, config.size, config.size, dtype=torch.uint8)


def middle_square(image: Image.Image) -> tuple[int, int, int, int]:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return left, top, left + side, top + side


def _members(shard: Path) -> Iterator[str]:
    try:
        with tarfile.open(shard) as archive:
            for member in archive:
                if member.isreg() and _is_photo_name(member.name):
                    yield member.name
    except tarfile.ReadError:
        return  # breaks off here; reading counts it


def _is_photo_name(name: str) -> bool:
    return not os.path.basename(name).startswith(".") and os.path.splitext(name)[1].lower() in photo.SUFFIXES


def _ignore_interrupt(_: int) -> None:
    """Ctrl-C, and a SIGTERM to all, reach workers too; the main process finishes its step and stops them."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
