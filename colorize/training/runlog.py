"""A run folder that explains itself, and what a person sees while it fills.

config.json            every setting
data.json              what it trains and is measured on
log.jsonl              one JSON object per line: losses, rates, skipped photos; measurements on the validation photos
skipped.jsonl          the photos that cannot be trained on and why, if there are any
events.out.tfevents.*  the same for TensorBoard, where that is installed
samples/step-*.png     the same validation photos each time: gray, colored, true
checkpoints/step-*     generators kept on the way, with --keep-every
starts.jsonl           of each start and resume: the step, versions, the program's commit, threads, processes
last.safetensors       the newest generator: the moving average, ready for `colorize --model`
best.safetensors       the best on the validation photos, of the newest phase that trained G
generator.safetensors  as it was before the first adversarial step
state.safetensors      everything --resume needs
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorize import photo
from colorize.errors import ConfigError
from colorize.system import files
from colorize.training.grids import sample_grid

LOCK = ".lock"
CONFIG = "config.json"
DATA = "data.json"
LOG = "log.jsonl"
SKIPPED = "skipped.jsonl"
LAST = "last.safetensors"
BEST = "best.safetensors"
PRETRAINED = "generator.safetensors"
STATE = "state.safetensors"
SAMPLES = "samples"
KEPT = "checkpoints"
STARTS = "starts.jsonl"

PHOTOS_PER_STEP = "photos_per_step"  # in a line of STARTS


def check_unused(folder: Path) -> None:
    """Raise `ConfigError` if `folder` cannot become that of a new run, because there is something in it already."""
    if folder.is_dir() and all(path.name == LOCK for path in folder.iterdir()):
        return
    if folder.exists():
        raise ConfigError(f"{folder}: not empty; go on with it by --resume, or choose another folder")


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Within, no other process trains in `folder`, and what a killed one left half-written is gone.

    Raises `ConfigError` if another one does, or the folder cannot be written to.
    """
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(files.claim(folder / LOCK))
        except BlockingIOError as error:
            holder = f"process {error}" if str(error) else "another process"
            raise ConfigError(f"{folder}: {holder} is training in it; choose another folder, or wait") from error
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be used as run folder ({error.strerror})") from error
        for each in (folder, folder / SAMPLES, folder / KEPT):
            files.clean_stale(each)
        yield


def create_run(folder: Path, config_json: str, data: dict[str, Any]) -> None:
    """Fill the folder of a new run.

    Args:
        folder: one that `only_run` holds.
        config_json: every setting.
        data: what it trains and is measured on.

    Raises:
        ConfigError: there is something in it, or it cannot be written to.
    """
    check_unused(folder)
    try:
        (folder / DATA).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        change_config(folder, config_json)  # last: a folder with it can be resumed
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be used as run folder ({error.strerror})") from error


def change_config(folder: Path, config_json: str) -> None:
    """Put other settings in the place of those that the run in `folder` began with.

    Args:
        folder: the run's.
        config_json: every setting, as `TrainConfig.to_json` writes them.
    """
    with files.atomic(folder / CONFIG) as file:
        file.write(f"{config_json}\n".encode())


def kept(folder: Path, step: int) -> Path:
    """Where the generator of a step is kept for good.

    Args:
        folder: the run's.
        step: counted over all phases.

    Returns:
        The path of the model file in the folder's `checkpoints`.
    """
    return folder / KEPT / f"step-{step:07d}.safetensors"


def write_start(folder: Path, start: Mapping[str, Any]) -> None:
    """Add a line about a process that begins or goes on with a run.

    Args:
        folder: the run's.
        start: the step, the program's versions and where it computes; what JSON holds.
    """
    with (folder / STARTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(start) + "\n")


def processes_with_batches_of_their_own(folder: Path) -> int:
    """How many processes trained in `folder` when `batch_size` was that of each of them; 1 for every other run."""
    with suppress(OSError, ValueError):  # a kill may have cut a line that the next one then went on with
        if starts := list(_whole_lines(folder / STARTS)):
            start = json.loads(starts[-1])
            return 1 if PHOTOS_PER_STEP in start else int(start["processes"])
    return 1


def check_data(folder: Path, data: dict[str, Any]) -> None:
    """Raise `ConfigError` if the run in `folder` began with other photos than `data` describes.

    Args:
        folder: the run's.
        data: by "data" and "validation" what `Sources.describe` says of them now; None for no validation photos.

    Raises:
        ConfigError: the run began with others, or what it began with cannot be read.
    """
    try:
        began = json.loads((folder / DATA).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / DATA}: expected what the run began with, it cannot be read ({error})") from error
    for name, now in data.items():
        if began.get(name) != now:
            raise ConfigError(f"{folder}: began with other photos, {name} {_short(began.get(name))}, now {_short(now)}")


def write_skipped(folder: Path, skipped: Mapping[str, str]) -> None:
    """List the photos that were skipped so far, by name, each with its reason.

    Args:
        folder: the run's.
        skipped: by the name of each such photo the reason, one of `SKIPS`; nothing is written if there are none.
    """
    if skipped:
        with files.atomic(folder / SKIPPED) as file:
            for name, reason in sorted(skipped.items()):
                file.write((json.dumps({"reason": reason, "name": name}) + "\n").encode())


def _short(described: dict[str, Any] | None) -> str:
    if not described:
        return "none"
    return f"{len(described['shards'])} shards and {described['files']} files (sum {described['fingerprint']})"


class RunLog:
    """Writes log.jsonl and TensorBoard events, from the main process only; `step` counts over all phases."""

    def __init__(self, folder: Path, *, after_step: int) -> None:
        """What an earlier, killed process wrote beyond its last checkpoint, at `after_step`, is dropped.

        Args:
            folder: the run's.
            after_step: of the last checkpoint. With 0, all is dropped: a run that goes on from there measures step 0
                again.
        """
        after_step = after_step or -1
        self._path = folder / LOG
        if self._path.exists():
            good = [line for line in _whole_lines(self._path) if json.loads(line)["step"] <= after_step]
            with files.atomic(self._path) as file:
                file.write("".join(good).encode())
        self._file = self._path.open("a", encoding="utf-8")
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:  # training goes without; the log has all the numbers
            self._events = None
        else:
            self._events = SummaryWriter(str(folder), purge_step=after_step + 1)
        self._samples = folder / SAMPLES

    def scalars(self, step: int, kind: str, values: Mapping[str, Any]) -> None:
        """One line; numbers also go to TensorBoard as `kind/name`.

        Args:
            step: after which the values hold.
            kind: of line: train, validation or changed.
            values: by name; what JSON holds.
        """
        entry = {"step": step, "kind": kind, **values}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        if self._events:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._events.add_scalar(f"{kind}/{name}", value, step)

    def samples(self, step: int, samples: NDArray[np.uint8]) -> None:
        """A grid of (N, 3, S, S, 3), as `sample_grid` draws it.

        Args:
            step: after which the generator drew them.
            samples: RGB, uint8 (N, 3, S, S, 3): each photo gray, colored and true.

        Raises:
            PhotoError: the PNG file cannot be written.
        """
        grid = sample_grid(samples)
        photo.save(photo.Photo(grid), self._samples / f"step-{step:07d}.png")
        if self._events:
            self._events.add_image("samples", np.asarray(grid), step, dataformats="HWC")

    def close(self) -> None:
        self._file.close()
        if self._events:
            self._events.close()


def _whole_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from (line for line in file if line.endswith("\n"))  # a kill may have cut the last one


class Reporter:
    """Tells a person, on stderr: a bar that moves on a terminal, plain lines elsewhere."""

    def update(self, phase: str, step: int, text: str) -> None:
        """After every step.

        Args:
            phase: its name.
            step: how many are done, counted over all phases.
            text: losses and pace.
        """

    def line(self, text: str) -> None:
        """Something to keep on the screen."""
        print(text, file=sys.stderr, flush=True)


class _Lines(Reporter):
    def __init__(self, steps: int, interval: int, done: int) -> None:
        self._steps, self._interval = steps, interval
        self._clock = _Clock(steps, done)

    def update(self, phase: str, step: int, text: str) -> None:
        left = self._clock.left(step)
        if step % self._interval == 0 or step == self._steps:
            self.line(f"{phase} {step}/{self._steps} · {text} · {left} left")


class _Bar(Reporter):
    def __init__(self, progress: Any, steps: int, done: int) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=steps, completed=done, text="", left="")
        self._clock = _Clock(steps, done)

    def update(self, phase: str, step: int, text: str) -> None:
        self._progress.update(self._task, completed=step, description=phase, text=text, left=self._clock.left(step))

    def line(self, text: str) -> None:
        self._progress.console.print(text, highlight=False, markup=False)


class _Clock:
    """Time left, from the pace since this process started."""

    def __init__(self, steps: int, done: int) -> None:
        self._steps, self._done, self._start = steps, done, time.monotonic()

    def left(self, step: int) -> str:
        pace = (time.monotonic() - self._start) / max(step - self._done, 1)
        seconds = round(pace * (self._steps - step))
        hours, minutes = seconds // 3600, seconds // 60 % 60
        return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds % 60:02d} s"


@contextmanager
def reporter(steps: int, done: int, interval: int, *, quiet: bool) -> Iterator[Reporter]:
    """A bar if stderr is a terminal and rich is installed, else a line every `interval` steps; `quiet` says nothing.

    Args:
        steps: of the whole run.
        done: how many are done already.
        interval: steps between lines; the last step has one in any case.
        quiet: whether nothing is said at all, as by all processes of a run but the first.

    Yields:
        What to tell of each step.
    """
    if quiet:
        yield _Silent()
        return
    if sys.stderr.isatty():
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        except ImportError:
            pass
        else:
            columns = (
                "{task.description}",
                BarColumn(),
                MofNCompleteColumn(),
                "{task.fields[text]}",
                "{task.fields[left]} left",
            )
            texts = [TextColumn(c) if isinstance(c, str) else c for c in columns]
            with Progress(*texts, console=Console(stderr=True)) as progress:
                yield _Bar(progress, steps, done)
            return
    yield _Lines(steps, interval, done)


class _Silent(Reporter):
    def line(self, text: str) -> None:
        """Other processes of the same run leave talking to the first."""
