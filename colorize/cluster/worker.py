"""What runs in each worker: some photos fetched, colored by the pipeline of `batch`, and put where they belong."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

from colorize import __version__
from colorize.batch.plan import Job
from colorize.batch.results import Entry, Outcome
from colorize.cluster.inventory import CHECK, NEW, PlanRow
from colorize.cluster.storage import Storage
from colorize.coloring.tint import Original
from colorize.errors import ClusterError, PhotoError
from colorize.options import ColorizeOptions
from colorize.system import cores, files

TRIES = 3  # of a photo whose worker is killed
_AT_ONCE = 4  # photos that are fetched, and results that are put, side by side


@dataclass(frozen=True)
class Recipe:
    """How photos are colored, and where they are: what every worker is given."""

    source: Storage
    target: Storage
    options: ColorizeOptions
    model: str | None  # a path on every machine; None for the model that comes with the program
    device: str
    engine: str
    version: str = __version__


class Ledger:
    """Which photos are under way, and how often they have been before their worker was killed.

    Ray does the photos of a killed worker again without end; this is what ends it.
    """

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def tries(self, photos: Sequence[str]) -> list[int]:
        """How often each photo was begun, and its worker did not live to tell of it."""
        return [self._begun[photo] for photo in photos]

    def begin(self, photos: Sequence[str]) -> None:
        """Note that a worker is about to do photos."""
        self._begun.update(photos)

    def end(self, photos: Sequence[str]) -> None:
        """Note that their worker has lived through photos."""
        for photo in photos:
            self._begun.pop(photo, None)


class Worker:
    """An actor of the pool: holds the model, and turns rows of the plan into rows about results."""

    def __init__(self, recipe: Recipe, ledger: Any, cores_of_it: int) -> None:
        """Load the model.

        Args:
            recipe: how and where.
            ledger: the actor that counts tries.
            cores_of_it: how many cores this worker may use.

        Raises:
            ClusterError: this machine has another version of the program.
            ConfigError: the device or the engine is not there.
            WeightsError: the model is not there, or is none.
        """
        self.name = f"{socket.gethostname()}, process {os.getpid()}"
        if recipe.version != __version__:
            raise ClusterError(f"{self.name}: has version {__version__} of the program, expected {recipe.version}")
        cores.limit(cores_of_it)  # before the pipeline is imported
        from colorize.coloring.colorizer import Colorizer
        from colorize.system.memory import keep_freed_memory

        keep_freed_memory()
        self._recipe = recipe
        self._ledger = ledger
        self._colorizer = Colorizer.load(recipe.model, recipe.device, recipe.engine)
        self._held = ExitStack()
        self._folder = self._held.enter_context(_scratch())

    def __call__(self, portions: pa.Table) -> pa.Table:
        """Do photos; those whose worker was killed one by one.

        Args:
            portions: as `hand_out` makes them.

        Returns:
            One row that tells what became of the photos, for `Delivery.of`.
        """
        todo = [PlanRow(**values) for portion in portions["portion"].to_pylist() for values in portion]
        tries = ray.get(self._ledger.tries.remote([row.target for row in todo]))
        entries: list[Entry] = []
        trouble = ""
        if not any(tries):
            entries, trouble = self._do(todo, again=False)
        else:
            for row, count in zip(todo, tries, strict=True):
                if count >= TRIES:
                    entries.append(self._killer(row))
                elif not trouble:
                    told, trouble = self._do([row], again=True)
                    entries += told
        return Delivery(self.name, entries, trouble).to_table()

    def _killer(self, row: PlanRow) -> Entry:
        source = self._recipe.source.told(row.source)
        reason = f"{source}: its worker was killed {TRIES} times while it was being colored, not tried again"
        return Entry(source, self._recipe.target.told(row.target), Outcome.FAILED, reason)

    def _do(self, rows: Sequence[PlanRow], *, again: bool) -> tuple[list[Entry], str]:
        """What became of photos, and what is wrong with a store, if anything is."""
        photos = [row.target for row in rows]
        ray.get(self._ledger.begin.remote(photos))
        work = _Work(self._recipe, rows, self._folder, again=again)
        try:
            return work.run(self._colorizer)
        finally:
            work.clean()
            self._ledger.end.remote(photos)


class _Work:
    """Some photos on their way through one worker."""

    def __init__(self, recipe: Recipe, rows: Sequence[PlanRow], folder: Path, *, again: bool) -> None:
        self._recipe = recipe
        self._rows = rows
        self._again = again  # a killed worker has perhaps done some of them
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self._row_of: dict[int, PlanRow] = {}  # by the identity of its job
        self._entries: list[Entry] = []
        self._failed_to_read = self._failed_to_write = False

    def clean(self) -> None:
        """Remove what was fetched."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, colorizer: Any) -> tuple[list[Entry], str]:
        """Do them.

        Args:
            colorizer: what colors them.

        Returns:
            What became of each, and what is wrong with a store, if anything is.
        """
        from colorize.batch.pipeline import run

        options = self._recipe.options
        if self._again and all(row.state == NEW for row in self._rows):
            options = replace(options, overwrite=True)  # by the same bytes
        with ThreadPoolExecutor(_AT_ONCE, "put") as putters:
            puts: list[Future[Entry]] = [
                putters.submit(self._put, result.job, Entry.of(result))
                for result in run(self._jobs(), lambda: colorizer, options)
            ]
            self._entries += (put.result() for put in puts)
        return self._entries, self._trouble()

    def _trouble(self) -> str:
        source, target = self._recipe.source, self._recipe.target
        return (self._failed_to_read and source.trouble(writing=False)) or (
            (self._failed_to_write and target.trouble(writing=True)) or ""
        )

    def _jobs(self) -> Iterator[Job]:
        threads = _AT_ONCE if self._recipe.source.takes_threads else 1
        with ThreadPoolExecutor(threads, "fetch") as fetchers:
            for job in fetchers.map(self._fetch, self._rows, range(len(self._rows))):
                if job:
                    yield job

    def _fetch(self, row: PlanRow, number: int) -> Job | None:
        source, target = self._recipe.source, self._recipe.target
        if self._is_there(row):
            self._entries.append(
                Entry(source.told(row.source), target.told(row.target), Outcome.SKIPPED, source_bytes=row.size)
            )
            return None
        local = self._folder / f"{number}{Path(row.source).suffix}"
        result = Path(target.path(row.target))
        if not target.is_local:
            result = self._folder / f"{number}-color{Path(row.target).suffix}"
        problem = ""
        try:
            local = source.fetch(row.source, local)
            if row.state == CHECK and not target.is_local:
                target.fetch(row.target, result)
        except PhotoError as error:
            problem = str(error)
            self._failed_to_read = True
        job = Job(local, result, problem, row.seed, has_changed=row.state == CHECK)
        self._row_of[id(job)] = row
        return job

    def _is_there(self, row: PlanRow) -> bool:
        """Whether somebody else has made the result since the plan was made."""
        target = self._recipe.target
        return row.state == NEW and not self._again and not target.is_local and target.exists(row.target)

    def _put(self, job: Job, entry: Entry) -> Entry:
        """Put a result where it belongs, and tell of it by its own names."""
        row = self._row_of[id(job)]
        source, target = self._recipe.source.told(row.source), self._recipe.target.told(row.target)
        message = entry.message.replace(str(job.source), source).replace(str(job.target), target)
        entry = replace(entry, source=source, target=target, message=message)
        if entry.outcome is Outcome.DONE and not self._recipe.target.is_local:
            try:
                self._recipe.target.put(job.target, row.target)
            except PhotoError as error:
                self._failed_to_write = True
                entry = replace(entry, outcome=Outcome.FAILED, message=str(error), target_bytes=None)
        for path in {job.source, job.target}:
            if path.is_relative_to(self._folder):
                path.unlink(missing_ok=True)
        return entry


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for what is fetched; those of workers that were killed are removed."""
    base = Path(tempfile.gettempdir(), f"colorize-workers-{getattr(os, 'getuid', int)()}")
    base.mkdir(exist_ok=True)
    for lock in base.glob("*.lock"):
        with suppress(OSError), files.claim(lock):  # which its worker would have, if it lived
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
    folder = base / secrets.token_hex(8)
    lock = folder.with_suffix(".lock")
    with files.claim(lock):
        folder.mkdir()
        yield folder


@dataclass(frozen=True)
class Delivery:
    """What a worker tells of some photos."""

    worker: str
    entries: Sequence[Entry]
    trouble: str = ""  # what is wrong with a store, so that there is no sense in going on

    def to_table(self) -> pa.Table:
        """As Ray carries it: one row."""
        told = [asdict(entry) for entry in self.entries]
        for values in told:
            values["outcome"] = values["outcome"].name
            values["original"] = values["original"] and values["original"].name
        return pa.table({"worker": [self.worker], "entries": [json.dumps(told)], "trouble": [self.trouble]})

    @classmethod
    def of(cls, table: pa.Table) -> Iterator[Delivery]:
        """What `to_table` made, several together."""
        for row in table.to_pylist():
            entries = [
                Entry(
                    **values
                    | {
                        "outcome": Outcome[values["outcome"]],
                        "original": values["original"] and Original[values["original"]],
                        "size": values["size"] and tuple(values["size"]),
                        "dropped_metadata": tuple(values["dropped_metadata"]),
                    }
                )
                for values in json.loads(row["entries"])
            ]
            yield cls(row["worker"], entries, row["trouble"])
