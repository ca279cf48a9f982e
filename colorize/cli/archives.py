"""`colorize cluster`: photos in folders or object storage, colored by many machines."""

from __future__ import annotations

import inspect
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colorize.batch.results import Entry, Outcome
from colorize.cli.arguments import Arguments, Command
from colorize.cli.films import TOLD_EVERY
from colorize.cli.session import Session
from colorize.cli.terminal import Interrupt, Lines, print_log, print_status
from colorize.coloring.conditions import NO_CONDITIONS
from colorize.errors import ClusterError, PhotoError
from colorize.options import ColorizeOptions
from colorize.requirements import require
from colorize.system.program import FAILED, INTERRUPTED, OK

if TYPE_CHECKING:
    from colorize.cluster.driver import Pool
    from colorize.cluster.inventory import Inventory
    from colorize.cluster.storage import Storage

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
)

# The options that mean here what they mean for `colorize PATH…`.
SHARED = (
    *("print0", "overwrite", "skip_color", "keep_colors", "salvage", "format", "quality", "strength", "look"),
    *("shadows", "lights", "size", "variants", "device", "engine", "model", "report", "dry_run", "verbose", "config"),
)
_MOST_TOGETHER = 16  # photos that a worker gets at once: what a killed one has to begin again
_RATE_OVER = 60.0  # seconds that the rate of the moment is measured over


def _taking_shared_options(run: Callable[..., int]) -> Callable[..., int]:
    """`run` with the options of `SHARED` beside its own, given to it as `Arguments`."""
    own = inspect.signature(run, eval_str=True).parameters.values()
    shared = inspect.signature(Arguments, eval_str=True).parameters

    def command(context: typer.Context, source: str, target: str, **values: Any) -> int:
        given = {name: values.pop(name) for name in SHARED}
        sources = {name: kind.name for name in given if (kind := context.get_parameter_source(name))}
        return run(source, target, Arguments([source], target, **given, sources=sources), **values)

    command.__doc__ = run.__doc__
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [each for each in own if each.name != "arguments"] + [shared[name] for name in SHARED]
    keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    command.__signature__ = inspect.Signature([context, *keywords])  # type: ignore[attr-defined]
    return command


@app.command(cls=Command)
@_taking_shared_options
def cluster(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder of gray photos, or a URL: s3://bucket/scans.")
    ],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The folder or URL for the results.")],
    arguments: Arguments,
    address: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A running Ray cluster: auto, or HOST:PORT. Without it: this machine."),
    ] = None,
    actors: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of workers. Without it: one per CPU, or as many as the GPUs hold."),
    ] = None,
    gpus_per_actor: Annotated[
        float, typer.Option(metavar="F", help="Share of a GPU that each worker has, such as 0.5.")
    ] = 0.0,
) -> int:
    """Color the photos of a folder or a bucket on the machines of a Ray cluster. Results have the folders of SOURCE.

    Prints the path of each result. The same command again does what is left, and photos that have changed.

    Exit status: 0 success, 1 some photos failed or a store or the cluster was lost, 2 wrong usage, 130 interrupted.
    """
    options = arguments.options()  # what is wrong is told before anything is read
    require("ray", "colorize cluster")
    from colorize.cli.command import check_model
    from colorize.cluster.driver import Pool
    from colorize.cluster.inventory import take_inventory
    from colorize.cluster.storage import Storage

    print_log(arguments.verbose)
    pool = Pool(address, actors, gpus_per_actor)
    photos, results = Storage(source), Storage(target)
    try:
        with tempfile.TemporaryDirectory(prefix="colorize-") as folder:
            inventory = take_inventory(photos, results, options, Path(folder))
            for line in inventory.left_out:
                print_status(line)
            check_model(arguments)
            if arguments.dry_run:
                return _preview(inventory, photos, results, arguments)
            return _Run(photos, results, inventory, arguments, options).color(pool)
    except KeyboardInterrupt:
        print_status("interrupted")
        return INTERRUPTED
    except (ClusterError, PhotoError) as error:
        print_status(str(error))
        return FAILED


def _preview(inventory: Inventory, source: Storage, target: Storage, arguments: Arguments) -> int:
    from colorize.cluster.inventory import DONE, PROBLEM, TO_DO

    shown = Lines("\0" if arguments.print0 else "\n")
    for row in inventory.rows(*TO_DO, PROBLEM):
        if row.problem:
            print_status(f"{source.told(row.source)}: {row.problem}")
        elif not shown.result(f"{source.told(row.source)} -> {target.told(row.target)}"):
            return FAILED
    counts = {
        "to do": inventory.work,
        "cannot be done": inventory.counts[PROBLEM],
        Outcome.SKIPPED.value: inventory.counts[DONE],
    }
    print_status(", ".join(f"{count} {what}" for what, count in counts.items() if count))
    return FAILED if inventory.counts[PROBLEM] else OK


class _Run:
    """One call that colors."""

    def __init__(
        self, source: Storage, target: Storage, inventory: Inventory, arguments: Arguments, options: ColorizeOptions
    ) -> None:
        self._source = source
        self._target = target
        self._inventory = inventory
        self._arguments = arguments
        self._options = options
        self._interrupt = Interrupt()
        self._session = Session(
            _never_here, options, NO_CONDITIONS, self._interrupt, end="\0" if arguments.print0 else "\n"
        )

    def color(self, pool: Pool) -> int:
        """Color what is to be colored, and give the exit status."""
        from colorize.cluster.inventory import keep

        if self._inventory.work and (trouble := self._target.trouble(writing=True)):
            raise ClusterError(trouble)
        for place in self._inventory.leftovers:
            self._target.remove(place)
        status = self._session.tell(self._entries(pool), self._inventory.total, self._arguments.report)
        if status == OK and self._inventory.work:
            keep(self._inventory, self._target, finished=True)
        return status

    def _entries(self, pool: Pool) -> Iterator[Entry]:
        from colorize.cluster.inventory import DONE, PROBLEM

        for row in self._inventory.rows(DONE, PROBLEM):
            source, target = self._source.told(row.source), self._target.told(row.target)
            outcome = Outcome.SKIPPED if row.state == DONE else Outcome.FAILED
            message = f"{source}: {row.problem}" if row.problem else ""
            yield Entry(source, target, outcome, message, is_variant=row.seed is not None, source_bytes=row.size)
        if self._inventory.work and not self._interrupt.stop.is_set():
            yield from self._by_workers(pool)

    def _by_workers(self, pool: Pool) -> Iterator[Entry]:
        from colorize.cluster.driver import connected, most_workers, run
        from colorize.cluster.inventory import hand_out, keep
        from colorize.cluster.worker import Recipe

        arguments, work = self._arguments, self._inventory.work
        model = None if arguments.model is None else str(arguments.model.absolute())
        recipe = Recipe(self._source, self._target, self._options, model, arguments.device, arguments.engine)
        self._session.doing("starting the workers")
        with connected(pool):
            keep(self._inventory, self._target)
            workers = min(work, most_workers(pool))
            together = max(1, min(_MOST_TOGETHER, work // (4 * workers)))
            plan = hand_out(self._inventory, self._target, together)
            progress = _Progress(work)
            self._session.restart_clock()
            try:
                for delivery in run(recipe, plan, workers, pool, self._interrupt.stop):
                    yield from delivery.entries
                    self._tell(progress, delivery.worker, len(delivery.entries))
                    if any(entry.disk_full for entry in delivery.entries):
                        self._interrupt.stop.set()
            finally:
                self._target.remove(plan)

    def _tell(self, progress: _Progress, worker: str, photos: int) -> None:
        progress.add(worker, photos)
        self._session.doing(str(progress))
        if progress.is_due():
            print_status(str(progress))


def _never_here() -> Any:
    raise AssertionError("the workers load the model")


class _Progress:
    """How fast it goes at the moment, and by how many workers."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._told = clock()
        self._total = total
        self._done = 0
        self._recent: deque[tuple[float, str, int]] = deque()

    def add(self, worker: str, photos: int) -> None:
        """Note what a worker has done."""
        now = self._clock()
        self._done += photos
        self._recent.append((now, worker, photos))
        while self._recent[0][0] < now - _RATE_OVER:
            self._recent.popleft()

    def is_due(self) -> bool:
        """Whether it is time for a line, where there is no bar."""
        if self._clock() - self._told < TOLD_EVERY:
            return False
        self._told = self._clock()
        return True

    def __str__(self) -> str:
        """1200 of 5000, 12.3 photos/s, 5 min left, 4 workers."""
        workers = Counter(worker for _, worker, _ in self._recent)
        seconds = min(_RATE_OVER, max(self._clock() - self._began, 1e-3))
        rate = sum(photos for *_, photos in self._recent) / seconds
        left = (self._total - self._done) / rate if rate else 0.0
        counted = f"{len(workers)} worker{'s' if len(workers) != 1 else ''}"
        return f"{self._done} of {self._total}, {rate:.1f} photos/s, {_duration(left)} left, {counted}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
