"""Photos for training, as an endless stream of batches that can be stopped and taken up again anywhere.

Folders and tar shards are cut into units; every stream (one per worker and process) walks its share of them in an order
drawn per epoch, draws from a shuffle buffer, and decodes. Where a stream stands is two numbers: the epoch and how many
photos of it it has passed. To go on from there, the same order is drawn again and passed over without decoding. Another
number of streams shares the photos out otherwise, and goes on with a new epoch.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import os
import random
import re
import statistics
import sys
import tarfile
import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from colorize import photo
from colorize.color.metrics import colorfulness
from colorize.errors import DataError, PhotoError
from colorize.training.config import TrainConfig
from colorize.training.launch import share_of_batch
from colorize.training.remote_shards import RemoteShard, cache_folder, find_remote_shards, is_url

SHARD_SUFFIXES = (".tar",)
SKIPS = ("unreadable", "tiny", "gray")
_FILES_PER_UNIT = 64  # at most; all have as many, to one
_CROP_MARGIN = 9 / 8  # workers cut boxes this much larger than the crops that the device takes from them
_GRAY_CHECK_SIDE = 32  # px: colorfulness hardly depends on size


Shard: TypeAlias = Path | RemoteShard
Unit: TypeAlias = Shard | tuple[Path, ...]  # what is dealt out to the streams: a shard, or a few files


@dataclass(frozen=True)
class Sources:
    """What a run reads: tar shards, those at URLs behind the others, and photo files in folders, all sorted by path."""

    shards: tuple[Shard, ...]
    files: tuple[Path, ...]

    def units(self) -> list[Unit]:
        """What is shuffled before each epoch: a shard, or a few files."""
        count = -(-len(self.files) // _FILES_PER_UNIT)
        ends = [len(self.files) * i // count for i in range(count + 1)] if count else []
        return [*self.shards, *(self.files[start:end] for start, end in itertools.pairwise(ends))]

    def without(self, others: Sources) -> Sources:
        """These but for the shards and files of `others`. Raises `DataError` if nothing is left."""
        taken = {_identity(path) for path in (*others.shards, *others.files)}
        left = Sources(
            tuple(path for path in self.shards if _identity(path) not in taken),
            tuple(path for path in self.files if _identity(path) not in taken),
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

    @property
    def local(self) -> Sources:
        """Those that lie on this machine, or on a drive that it sees."""
        return Sources(tuple(shard for shard in self.shards if isinstance(shard, Path)), self.files)

    @property
    def remote(self) -> tuple[RemoteShard, ...]:
        """The shards at URLs."""
        return tuple(shard for shard in self.shards if isinstance(shard, RemoteShard))

    def check_shards(self) -> None:
        """Raise `DataError` if a shard breaks off, as after a download that ended early; nothing is decoded."""
        broken = [shard for shard in self.shards if not _is_whole(shard)]
        if broken:
            told = ", ".join(f"{shard} breaks off after {sum(1 for _ in _members(shard))} photos" for shard in broken)
            raise DataError(f"{told}: expected whole tar files")

    def count(self) -> int:
        """Photos in all, from the shards' tables of contents; nothing is decoded."""
        return len(self.files) + sum(1 for shard in self.shards for _ in _members(shard))


def find_sources(paths: Sequence[str | os.PathLike[str]], cache: Path | None = None) -> Sources:
    """Folders (recursive), photos and tar shards at `paths`, and shards at URLs.

    Args:
        paths: and URLs, as of `find_remote_shards`.
        cache: the folder that shards are fetched into; None: `cache_folder()`.

    Raises:
        DataError: there is nothing at a path or URL, a shard is not a tar file, or there are no photos at all.
        ConfigError: nothing here understands a URL.
    """
    shards: set[Path] = set()
    files: set[Path] = set()
    urls = [str(path) for path in paths if is_url(path)]
    for path in (Path(path) for path in paths if not is_url(path)):
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
    remote = find_remote_shards(urls, cache or cache_folder()) if urls else []
    if not shards and not files and not remote:
        raise DataError(
            f"no photos and no tar shards in {', '.join(map(str, paths)) or 'nothing: no paths were given'}"
        )
    return Sources((*sorted(shards), *remote), tuple(sorted(files)))


class RawPhoto(NamedTuple):
    name: str  # path of the file, or of the shard and the member
    key: str  # what decides whether a photo is held out: the same wherever the data lie
    data: bytes | Path


def read_unit(unit: Unit) -> Iterator[RawPhoto]:
    """The undecoded photos of a unit. A shard that breaks off ends with one of its own name that cannot be decoded.

    Raises `DataError` if the unit is a shard that cannot be fetched.
    """
    if isinstance(unit, tuple):
        for path in unit:
            yield RawPhoto(str(path), _file_key(path), path)
        return
    from webdataset.tariterators import tar_file_expander  # takes seconds

    broken: list[Exception] = []
    with open(_place(unit), "rb") as stream:  # opened here: webdataset itself would run what follows a "pipe:"
        source = [{"url": str(unit), "stream": stream}]
        for member in tar_file_expander(source, handler=broken.append, select_files=_is_photo_name, eof_value=None):
            yield RawPhoto(f"{unit}/{member['fname']}", member["fname"], member["data"])
    if broken:
        yield RawPhoto(str(unit), unit.name, b"")


def _read_share(units: Sequence[Unit], share: int, shares: int) -> Iterator[RawPhoto]:
    """The photos of one of `shares` equal parts of the units. No photo is in two parts, and every one is in some.

    The units lie end to end and are cut into pieces of the same length, so that a part has whole units and pieces of
    one or two more.
    """
    start, end = (len(units) * cut / shares for cut in (share, share + 1))
    pieces = range(math.floor(start), math.ceil(end))
    for index, unit in zip(pieces, _fetched_ahead([units[index] for index in pieces]), strict=True):
        for number, raw in enumerate(read_unit(unit)):
            if start - index <= _place_in_unit(number) < end - index:
                yield raw


def _fetched_ahead(units: Sequence[Unit]) -> Iterator[Unit]:
    """The units; while one is read, the next one is fetched, if it is a shard at a URL."""
    fetching: threading.Thread | None = None
    for unit, following in itertools.zip_longest(units, units[1:]):
        if fetching:
            fetching.join()
        fetching = following.fetch_ahead() if isinstance(following, RemoteShard) else None
        yield unit


def _place_in_unit(number: int) -> float:
    """Where in its unit, from 0 to 1, a photo counts as lying: spread evenly, however many there turn out to be.

    Its binary digits turned round and put behind the point (van der Corput 1935): 0, 1/2, 1/4, 3/4, 1/8, 5/8 …
    """
    return float(int(f"{number:b}"[::-1], 2) / (1 << number.bit_length()))


def source_of(raw: RawPhoto) -> str:
    """Where a photo is from: of a shard's SOURCE-NUMBER.webp SOURCE, else the folder or the shard."""
    if not isinstance(raw.data, bytes):
        return raw.data.parent.name or "."
    numbered = re.fullmatch(r"(?:.*/)?([^/]+)-\d+\.\w+", raw.key)
    return numbered[1] if numbered else Path(raw.name.removesuffix(raw.key)).name


def kept_shares(sources: Sources, source_balance: float) -> dict[str, float]:
    """The share of each source's photos that an epoch uses, so that the large ones do not drown the others.

    A source of n photos keeps (m/n)^`source_balance` of them, m being the median of n over the sources; at most all.

    Args:
        sources: what is read: every photo in them is counted, none decoded.
        source_balance: from 0, with which all are used, up; with 1 no source counts more than the median one.

    Returns:
        By the name of each source, as of `source_of`, its share in (0, 1].
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
    """Whether a photo is measured on instead of trained on: one in `holdout`, by its name alone.

    Args:
        key: of the photo, as in `RawPhoto`.
        holdout: one photo in so many is held out.

    Returns:
        Whether it is; the same in every run and wherever the data lie.
    """
    return zlib.crc32(key.encode()) % holdout == 0


class Position(NamedTuple):
    """Where a stream stands."""

    epoch: int = 0
    passed: int = 0  # photos of the epoch's order that were used or skipped


class StreamBatch(NamedTuple):
    photos: Tensor  # (B, 3, S, S), uint8, a little larger than the crops
    worker: int
    position: Position  # after this batch
    skipped: dict[str, str]  # since the stream's last batch: names of photos and why, of `SKIPS`
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
        """
        Args:
            sources: what is read.
            config: sizes, filters, seed.
            hold_out: whether one photo in `config.holdout` is left for measuring.
            rank: this process among the `world` of the run.
            world: how many processes there are; each makes its share of every batch.
            positions: where the stream of each worker goes on.
            first: the worker whose turn it is.
            kept: the share of each source's photos that is used; a source that is missing is used whole.
        """
        self.sources, self.config, self.hold_out = sources, config, hold_out
        self.rank, self.world = rank, world
        self.positions, self.first, self.kept = positions, first, kept
        self.batch_size = share_of_batch(config.batch_size, world)

    def __iter__(self) -> Iterator[StreamBatch]:
        """Batches without end. If no photo can be trained on, one with an error in place of photos."""
        info = get_worker_info()
        workers = info.num_workers if info else 1
        # DataLoader asks its worker 0 first; after a resume, that has to be the worker whose turn it was.
        worker = ((info.id if info else 0) + self.first) % workers
        stream, streams = self.rank * workers + worker, self.world * workers

        skipped: dict[str, str] = {}
        boxes: list[Tensor] = []
        try:
            for position, box in self._boxes(stream, streams, self.positions[worker], skipped):
                boxes.append(box)
                if len(boxes) == self.batch_size:
                    yield StreamBatch(torch.stack(boxes), worker, position, dict(skipped), "")
                    boxes.clear()
                    skipped.clear()
            error = self._why_none()
        except DataError as lost:  # a shard that cannot be fetched; of a worker, torch would make many lines of it
            error = str(lost)
        yield StreamBatch(torch.empty(0), worker, Position(), {}, error)

    def _boxes(
        self, stream: int, streams: int, start: Position, skipped: dict[str, str]
    ) -> Iterator[tuple[Position, Tensor]]:
        """The boxes of a stream from `start` on, epoch after epoch, each with the position after it.

        It ends if there is no photo to train on at all; that a share is without one can be by chance.
        """
        for epoch in itertools.count(start.epoch):
            useful = False
            first = start.passed if epoch == start.epoch else 0
            photos = enumerate(self._epoch(epoch, stream, streams), start=1)
            for passed, raw in itertools.islice(photos, first, None):
                rng = random.Random(f"{self.config.seed} {epoch} {stream} {passed}")
                if self._is_drawn(raw, rng) and (box := self._box(raw, rng, skipped)) is not None:
                    useful = True
                    yield Position(epoch, passed), box
            if not useful and not self._any_usable():
                return

    def _epoch(self, epoch: int, stream: int, streams: int) -> Iterator[RawPhoto]:
        """This stream's share of an epoch, in its order."""
        import webdataset

        units = self.sources.units()
        random.Random(f"{self.config.seed} {epoch}").shuffle(units)
        share = (stream + epoch) % streams
        photos = _read_share(units, share, streams)
        order = random.Random(f"{self.config.seed} {epoch} {share}")
        shuffle = webdataset.shuffle(self.config.shuffle_buffer, initial=self.config.shuffle_buffer, rng=order)
        return iter(shuffle(photos))

    def _is_drawn(self, raw: RawPhoto, rng: random.Random) -> bool:
        """Whether a photo is for training, and its source has not had its share yet."""
        if self._is_held_out(raw):
            return False
        return not self.kept or rng.random() < self.kept.get(source_of(raw), 1.0)

    def _is_held_out(self, raw: RawPhoto) -> bool:
        return self.hold_out and is_held_out(raw.key, self.config.holdout)

    def _box(self, raw: RawPhoto, rng: random.Random, skipped: dict[str, str]) -> Tensor | None:
        """A random square box (3, S, S) of the photo; None and an entry in `skipped` if it cannot be trained on."""
        side = box_side(self.config)
        try:
            image = decode(raw, self.config, least_side=math.ceil(side / self.config.zoom))
        except UnusablePhoto as error:
            skipped[raw.name] = error.reason
            return None
        taken = round(min(image.size) * rng.uniform(self.config.zoom, 1))
        left, top = rng.randint(0, image.width - taken), rng.randint(0, image.height - taken)
        return square(image, (left, top, left + taken, top + taken), side)

    def _any_usable(self) -> bool:
        """Whether there is a photo to train on at all."""
        return any(reason is None for reason in self._reasons())

    def _why_none(self) -> str:
        counts = Counter(self._reasons())
        reasons = ", ".join(f"{counts[reason]} {reason}" for reason in SKIPS if counts[reason]) or "none found"
        return f"no photo can be trained on ({reasons})"

    def _reasons(self) -> Iterator[str | None]:
        """Of every photo that is not held out, why it cannot be trained on; None if it can."""
        for raw in itertools.chain.from_iterable(map(read_unit, self.sources.units())):
            if not self._is_held_out(raw):
                try:
                    decode(raw, self.config)
                except UnusablePhoto as error:
                    yield error.reason
                else:
                    yield None


def box_side(config: TrainConfig) -> int:
    return round(config.size * _CROP_MARGIN)


class UnusablePhoto(Exception):
    """A photo that is skipped; `reason` is one of `SKIPS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode(raw: RawPhoto, config: TrainConfig, *, least_side: int = 0) -> Image.Image:
    """Decode a photo.

    Args:
        raw: what was read.
        config: its `min_side` and `min_colorfulness`.
        least_side: px; a large JPEG may come out smaller, its short side not below this (nor below `min_side`). 0: at
            full size.

    Returns:
        Mode RGB.

    Raises:
        UnusablePhoto: it cannot be read, is too small or has no color to learn from.
    """
    source = io.BytesIO(raw.data) if isinstance(raw.data, bytes) else raw.data
    try:
        image = photo.open(source, least_side=least_side and max(least_side, config.min_side)).image.convert("RGB")
    except PhotoError as error:
        raise UnusablePhoto("unreadable") from error
    if min(image.size) < config.min_side:
        raise UnusablePhoto("tiny")
    small = square(image, (0, 0, *image.size), _GRAY_CHECK_SIDE)
    if colorfulness(small[None] / 255).item() < config.min_colorfulness:
        raise UnusablePhoto("gray")
    return image


def square(image: Image.Image, box: tuple[int, int, int, int], side: int) -> Tensor:
    """The box of an RGB image at side × side px, uint8 (3, side, side).

    Args:
        image: mode RGB.
        box: left, top, right and bottom in pixels of the image; need not be a square, and is squeezed into one.
        side: px, of the result.

    Returns:
        uint8 (3, side, side), on the CPU.
    """
    resized = image.resize((side, side), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1)


class PhotoBatches:
    """Endless batches (B, 3, S, S) of uint8 photos: of each, this process's share.

    `state()` is where to go on from; `skipped` has the names of photos that were skipped, with the reasons.
    """

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
        """
        Args:
            sources: what is read.
            config: sizes, filters, seed, workers.
            hold_out: whether one photo in `config.holdout` is left for measuring.
            rank: this process among the `world` of the run.
            world: how many processes there are.
            state: of an earlier one, with as many processes and workers, or `next_epoch`; None: from the beginning.
            pin_memory: whether batches are put where a GPU fetches them quickly.
        """
        workers = max(config.workers, 1)
        state = state or {"positions": [Position()] * workers, "batches": 0, "skipped": {}}
        self._positions = [Position(*each) for each in state["positions"]]
        self._batches = int(state["batches"])
        self.skipped = names_of_skipped(state)
        kept = kept_shares(sources, config.source_balance) if config.source_balance else {}
        first = self._batches % workers
        stream = PhotoStream(sources, config, hold_out, rank, world, list(self._positions), first, kept)
        self._loader = DataLoader(
            stream,
            batch_size=None,  # the streams make whole batches
            num_workers=config.workers,
            prefetch_factor=4 if config.workers else None,
            worker_init_fn=_set_up_worker,
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


def next_epoch(states: Sequence[Mapping[str, Any]], config: TrainConfig) -> dict[str, Any]:
    """The state of a `PhotoBatches` at the beginning of an epoch that none has begun.

    Args:
        states: of the `PhotoBatches` of all processes of a run.
        config: of one with another number of processes or workers, which shares the photos out otherwise.
    """
    epoch = 1 + max(position[0] for state in states for position in state["positions"])
    return {"positions": [Position(epoch)] * max(config.workers, 1), "batches": 0, "skipped": {}}


def names_of_skipped(state: Mapping[str, Any]) -> dict[str, str]:
    """What the state of a `PhotoBatches` says of skipped photos; older states have only counts, which begin anew."""
    return {name: reason for name, reason in state["skipped"].items() if isinstance(reason, str)}


def validation_photos(sources: Sources, config: TrainConfig, *, held_out: bool) -> Tensor:
    """Up to `config.validation_photos` photos, their middle squares, uint8 (N, 3, size, size), always the same ones.

    Args:
        sources: where the photos are from; the first ones that can be used are taken.
        config: how many, their size, what is skipped, and `holdout`.
        held_out: whether only photos that training leaves out are taken, one in `config.holdout`.

    Returns:
        uint8 (N, 3, size, size), on the CPU; N may be 0.
    """
    photos: list[Tensor] = []
    for raw in itertools.chain.from_iterable(map(read_unit, sources.units())):
        if len(photos) == config.validation_photos:
            break
        if held_out and not is_held_out(raw.key, config.holdout):
            continue
        with suppress(UnusablePhoto):
            image = decode(raw, config, least_side=config.size)
            photos.append(square(image, middle_square(image), config.size))
    return torch.stack(photos) if photos else torch.empty(0, 3, config.size, config.size, dtype=torch.uint8)


def middle_square(image: Image.Image) -> tuple[int, int, int, int]:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return left, top, left + side, top + side


def _place(shard: Shard) -> Path:
    """Where a shard lies on this machine; one at a URL is fetched. Raises `DataError` if that cannot be done."""
    return shard.local() if isinstance(shard, RemoteShard) else shard


def _identity(path: Shard) -> Shard:
    return path if isinstance(path, RemoteShard) else path.resolve()


def _members(shard: Shard) -> Iterator[str]:
    """The names of a shard's photos, up to where it breaks off."""
    with suppress(tarfile.ReadError), tarfile.open(_place(shard)) as archive:
        for member in archive:
            if member.isreg() and _is_photo_name(member.name):
                yield member.name


def _is_whole(shard: Shard) -> bool:
    """Whether a shard goes on to a tar file's end, a block of zeros."""
    try:
        with tarfile.open(_place(shard)) as archive:
            for _ in archive:
                pass
            assert archive.fileobj is not None
            archive.fileobj.seek(archive.offset)
            return len(archive.fileobj.read(tarfile.BLOCKSIZE)) == tarfile.BLOCKSIZE
    except tarfile.ReadError:
        return False


def _is_photo_name(name: str) -> bool:
    return not os.path.basename(name).startswith(".") and os.path.splitext(name)[1].lower() in photo.SUFFIXES


def _set_up_worker(_: int) -> None:
    """Ctrl-C, and a SIGTERM to all, reach workers too; the main process finishes its step and stops them.

    A worker whose main process was killed ends by itself, and its last broken connection is nobody's concern.
    """
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    usual_hook = sys.excepthook
    sys.excepthook = lambda kind, error, trace: (
        None if issubclass(kind, ConnectionError | EOFError) else usual_hook(kind, error, trace)
    )
