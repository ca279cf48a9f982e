"""What there is to do: a listing of the source joined with one of the target, folder by folder, as Parquet.

Memory is taken by the largest folder, not by the number of photos. The plan of each run is kept in the target: it says
which version of each photo a result was made of, whatever the clocks of the two stores say.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from colorize.batch.plan import ignores_case, name_results
from colorize.cluster.storage import OWN_FOLDER, Listing, Storage
from colorize.errors import ClusterError, ConfigError, DataError
from colorize.options import ColorizeOptions

NEW, CHECK, AGAIN, DONE, PROBLEM = "new", "check", "again", "done", "problem"
TO_DO = (NEW, CHECK, AGAIN)

SCHEMA = pa.schema(
    {
        "source": pa.string(),  # path below SOURCE
        "target": pa.string(),  # path below TARGET
        "seed": pa.int64(),  # of a variant
        "size": pa.int64(),  # bytes of the source
        "version": pa.string(),  # the source's etag, or its size and time
        "state": pa.string(),  # new, check (its photo has perhaps changed), again (--overwrite), done, problem
        "problem": pa.string(),  # why it cannot be done
    }
)
PORTIONS = pa.schema({"portion": pa.list_(pa.struct(list(SCHEMA)))})  # what one worker gets at once
PLANS = f"{OWN_FOLDER}/plans"
_PLAN_NAME = re.compile(r"\d{8}T\d{12}-[0-9a-f]{8}\.parquet")
_LISTERS = 16  # folders listed at once, where a store takes that
_ROWS_TOGETHER = 10_000
_PORTIONS_TOGETHER = 1000


class PlanRow(NamedTuple):
    """One line of a plan, in the order of `SCHEMA`."""

    source: str
    target: str
    seed: int | None = None
    size: int | None = None
    version: str = ""
    state: str = NEW
    problem: str = ""


@dataclass
class Inventory:
    """A plan that has been written."""

    path: Path  # of all its rows, on this machine
    counts: Counter[str] = field(default_factory=Counter)  # of rows, by state
    left_out: list[str] = field(default_factory=list)  # what is not searched, with why: one line each
    leftovers: list[str] = field(default_factory=list)  # places in the target: what killed runs left

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def work(self) -> int:
        """How many rows are to be done."""
        return sum(self.counts[state] for state in TO_DO)

    def rows(self, *states: str) -> Iterator[PlanRow]:
        """The rows of some states, or all, read as they are asked for."""
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(_ROWS_TOGETHER):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    row = PlanRow(*values)
                    if not states or row.state in states:
                        yield row


def take_inventory(source: Storage, target: Storage, options: ColorizeOptions, folder: Path) -> Inventory:
    """Find out what is to be done. Nothing is written to either store.

    Args:
        source: where the photos are.
        target: where the results go, with the source's folders.
        options: of which format, variants and overwrite matter here.
        folder: on this machine, for the plan.

    Returns:
        What there is.

    Raises:
        ConfigError: target and source are one, or lie so that results would become sources, or two photos would have
            one result.
        DataError: there is no source, or no photo in it.
        ClusterError: one of the stores cannot be listed.
    """
    inside = _target_inside(source, target)
    inventory = Inventory(folder / "plan.parquet")
    earlier = _Earlier(target, folder)
    one_case = target.is_local and ignores_case(Path(target.path("")))
    with pq.ParquetWriter(inventory.path, SCHEMA) as writer:
        rows = _search(source, target, options, inside, inventory, earlier, one_case)
        while some := list(islice(rows, _ROWS_TOGETHER)):
            inventory.counts.update(row.state for row in some)
            writer.write_batch(_batch(some))
    if not inventory.total:
        raise DataError(f"no photos in {source.told()}")
    return inventory


def keep(inventory: Inventory, target: Storage, *, finished: bool = False) -> None:
    """Put a plan into the target, where later runs find it.

    Args:
        inventory: the plan.
        target: where the results go.
        finished: whether all has been done by now, as later runs may then believe.

    Raises:
        PhotoError: the target cannot be written to.
    """
    path = inventory.path
    if finished:
        path = path.with_name("finished.parquet")
        with pq.ParquetWriter(path, SCHEMA) as writer:
            rows = (row._replace(state=DONE) if row.state in TO_DO else row for row in inventory.rows())
            while some := list(islice(rows, _ROWS_TOGETHER)):
                writer.write_batch(_batch(some))
    target.put(path, f"{PLANS}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{token_hex(4)}.parquet")


def hand_out(inventory: Inventory, target: Storage, together: int) -> str:
    """Put what is to be done into the target, where the workers read it.

    Args:
        inventory: the plan.
        target: where the results go.
        together: how many photos a worker gets at once.

    Returns:
        The place below the target's root; to be removed when all is done.

    Raises:
        PhotoError: the target cannot be written to.
    """
    path = inventory.path.with_name("to-do.parquet")
    rows = (row._asdict() for row in inventory.rows(*TO_DO))
    portions = iter(lambda: list(islice(rows, together)), [])
    with pq.ParquetWriter(path, PORTIONS) as writer:
        while some := list(islice(portions, _PORTIONS_TOGETHER)):
            writer.write_table(pa.table({"portion": some}, PORTIONS))
    place = f"{OWN_FOLDER}/to-do-{token_hex(8)}.parquet"
    target.put(path, place)
    return place


def portions_of(target: Storage, place: str) -> Iterator[pa.Table]:
    """Read what `hand_out` has put there.

    Args:
        target: where the results go.
        place: as `hand_out` gave it.

    Yields:
        One portion at a time: a table of one row.
    """
    with target.files.open(target.path(place), "rb") as content, pq.ParquetFile(content) as file:
        for batch in file.iter_batches(_PORTIONS_TOGETHER):
            for number in range(batch.num_rows):
                yield pa.table([batch["portion"].slice(number, 1)], PORTIONS)


def _batch(rows: Sequence[PlanRow]) -> pa.RecordBatch:
    columns = zip(zip(*rows, strict=True), SCHEMA, strict=True)
    return pa.record_batch([pa.array(values, kind.type) for values, kind in columns], SCHEMA)


def _target_inside(source: Storage, target: Storage) -> str | None:
    """The target's place below the source, if it lies there. Raises `ConfigError` for what cannot be."""
    if type(source.files) is not type(target.files) or source.files.storage_options != target.files.storage_options:
        return None
    ours, theirs = f"{source.root}/", f"{target.root}/"
    if ours == theirs:
        raise ConfigError(f"{target.told()}: expected another place for the results than that of the photos")
    if ours.startswith(theirs):
        raise ConfigError(f"{target.told()}: the photos lie in it; choose a place for the results beside them")
    return theirs.removeprefix(ours).rstrip("/") if theirs.startswith(ours) else None


def _search(
    source: Storage,
    target: Storage,
    options: ColorizeOptions,
    inside: str | None,
    inventory: Inventory,
    earlier: _Earlier,
    one_case: bool,
) -> Iterator[PlanRow]:
    listers = _LISTERS if source.takes_threads and target.takes_threads else 1
    with ThreadPoolExecutor(listers, "list") as threads:
        waiting = [""]
        under_way: deque[tuple[str, Future[_Both]]] = deque()
        while waiting or under_way:
            while waiting and len(under_way) < listers:
                place = waiting.pop()
                under_way.append((place, threads.submit(_list_both, source, target, place)))
            place, future = under_way.popleft()
            found = future.result()
            if found.problem:
                yield PlanRow(place, place, state=PROBLEM, problem=found.problem)
                continue
            links = (f"{source.told(_join(place, name))}: a link to a folder, not followed" for name in found.links)
            inventory.left_out.extend(links)
            inventory.leftovers.extend(_join(place, name) for name in found.leftovers)
            below = [_join(place, name) for name in sorted(found.folders, reverse=True)]
            waiting += [each for each in below if each != inside]
            yield from _rows(place, found, options, earlier, one_case)


@dataclass(slots=True)
class _Both:
    """What a folder of the source holds, and when each file of the same folder of the target was written."""

    files: Mapping[str, tuple[int | None, str, float | None]] = field(default_factory=dict)  # size, version, time
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    results: Mapping[str, float | None] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)  # in the folder of the target
    problem: str = ""


def _list_both(source: Storage, target: Storage, place: str) -> _Both:
    of_target = Listing()
    with suppress(FileNotFoundError):
        of_target = target.list(place)
    results = {file.name: file.time for file in of_target.files}
    listing = Listing()
    try:
        listing = source.list(place)
    except FileNotFoundError as error:
        if not place:
            raise DataError(f"{source.told()}: no such folder or bucket") from error
    except ClusterError as error:
        if not place:
            raise
        return _Both(problem=str(error))
    files = {file.name: (file.size, file.version, file.time) for file in listing.files}
    return _Both(files, listing.folders, listing.links, results, of_target.leftovers)


def _rows(place: str, found: _Both, options: ColorizeOptions, earlier: _Earlier, one_case: bool) -> Iterator[PlanRow]:
    for name, result, seed in name_results(found.files, options, ignore_case=one_case):
        size, version, time = found.files[name]
        row = PlanRow(_join(place, name), _join(place, result), seed, size, version)
        if not _is_utf8(row.source):
            problem = "its name is not UTF-8: rename it, or color it with `colorize`"
            yield row._replace(
                source=ascii(row.source)[1:-1], target=ascii(row.target)[1:-1], state=PROBLEM, problem=problem
            )
        elif result not in found.results:
            yield row
        elif options.overwrite:
            yield row._replace(state=AGAIN)
        else:
            written = found.results[result]
            is_older = time is not None and written is not None and time < written
            yield row._replace(state=DONE if earlier.is_done(row.target, version, otherwise=is_older) else CHECK)


class _Earlier:
    """What the last run's plan says: which version of its photo each result was made of.

    A few bytes per photo, and a digest in place of each name: two of a million are alike once in ten million runs.
    """

    def __init__(self, target: Storage, folder: Path) -> None:
        self._targets = np.empty(0, np.uint64)
        self._versions = np.empty(0, np.uint64)
        with suppress(FileNotFoundError):
            plans = [file.name for file in target.list(PLANS).files if _PLAN_NAME.fullmatch(file.name)]
            if plans:
                self._read(target.fetch(f"{PLANS}/{max(plans)}", folder / "earlier.parquet"))

    def _read(self, path: Path) -> None:
        parts = [np.empty((2, 0), np.uint64)]
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_TOGETHER, columns=["target", "version", "state"]):
                known = [
                    # Whether the run came to others is not known: a version that no photo has.
                    (_digest(target), _digest(version if state in (NEW, DONE) else f"perhaps {version}"))
                    for target, version, state in zip(*(each.to_pylist() for each in batch.columns), strict=True)
                    if state != PROBLEM
                ]
                parts.append(np.array(known, np.uint64).reshape(-1, 2).T)
        targets, versions = np.concatenate(parts, axis=1)
        order = np.argsort(targets)
        self._targets, self._versions = targets[order], versions[order]

    def is_done(self, target: str, version: str, *, otherwise: bool) -> bool:
        """Whether an existing result was made of the photo as it is now.

        Args:
            target: path of the result.
            version: of the photo.
            otherwise: the answer where the last plan did not know the result.

        Returns:
            Whether it was; False where it is to be found out.
        """
        place = int(np.searchsorted(self._targets, digest := np.uint64(_digest(target))))
        if place == len(self._targets) or self._targets[place] != digest:
            return otherwise
        return bool(self._versions[place] == _digest(version))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _join(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name
