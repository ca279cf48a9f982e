"""Photos that arrive are given once each, when they are complete."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from colorize.batch import watch
from colorize.batch.plan import Job
from colorize.batch.watch import arrivals
from colorize.errors import DataError
from colorize.options import ColorizeOptions

Look = Callable[[], list[str]]


class Looks(threading.Event):
    """Between two looks, `wait` lets a test change the folder, step by step."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        super().__init__()
        self._steps = iter(steps)

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        step = next(self._steps, self.set)
        step()
        return self.is_set()


def seen(folder: Path, steps: Sequence[Callable[[], object]], *, overwrite: bool = False) -> list[list[str]]:
    """Names that are given at each look that gives any; every photo but bad ones is done at once."""
    looks = Looks(*steps)
    given: list[list[str]] = []
    for jobs in arrivals([folder], folder.parent / "out", ColorizeOptions(overwrite=overwrite), looks):
        given.append([job.problem or job.source.name for job in jobs])
        for job in jobs:
            if not job.problem and "bad" not in job.source.name:
                job.target.parent.mkdir(exist_ok=True, parents=True)
                job.target.touch()
    return given


def write(path: Path, content: bytes = b"photo", age: float = 0.0) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def nothing() -> None:
    pass


def test_what_lies_there_is_given_at_once_and_what_arrives_at_the_second_look(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "old.png", age=60)
    steps = [lambda: write(folder / "new.png"), nothing, nothing, lambda: write(folder / "sub/newer.png"), nothing]
    assert seen(folder, steps) == [["old.png"], ["new.png"], ["newer.png"]]


def test_what_grows_or_is_empty_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "a.png", b"1")  # just written: perhaps not the end of it
    steps = [
        lambda: write(folder / "a.png", b"12"),
        lambda: write(folder / "a.png", b"123"),
        lambda: write(folder / "empty.png", b"", age=60),
        nothing,
        lambda: write(folder / "empty.png", b"filled"),
        nothing,
    ]
    assert seen(folder, steps) == [["a.png"], ["empty.png"]]


def test_what_failed_is_given_again_when_it_has_changed_and_only_then(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "bad.png", b"half", age=60)
    steps = [nothing, nothing, lambda: write(folder / "bad.png", b"whole"), nothing, nothing, nothing]
    assert seen(folder, steps) == [["bad.png"], ["bad.png"]]


def test_what_is_done_is_given_again_when_it_has_changed_and_only_then(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "a.png", b"old", age=60)
    write(tmp_path / "out/a.png")
    steps = [nothing, lambda: write(folder / "a.png", b"newer"), nothing, nothing]
    assert seen(folder, steps) == [["a.png"], ["a.png"]]


def test_a_folder_that_goes_away_is_told_once_and_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "a.png", age=60)
    away = tmp_path / "away"
    steps = [lambda: folder.rename(away), nothing, nothing, lambda: away.rename(folder)]
    steps += [lambda: write(folder / "b.png"), nothing]
    assert seen(folder, steps) == [["a.png"], [f"{folder}: no such file or folder"], ["b.png"]]


def test_a_folder_that_is_not_there_at_first_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing: no such file or folder"):
        next(arrivals([tmp_path / "missing"], None, ColorizeOptions(), threading.Event()))


def test_an_empty_folder_is_watched_and_looking_takes_a_small_part_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(threading.Event):
        waited: float | None = None

        def wait(self, timeout: float | None = None) -> bool:
            self.waited = timeout
            self.set()
            return True

    def slow_plan(*_: object, **__: object) -> Iterator[Job]:
        time.sleep(0.2)
        return iter(())

    stop = Slow()
    assert list(arrivals([tmp_path], None, ColorizeOptions(), stop, pause=0.5)) == []
    assert stop.waited == 0.5
    monkeypatch.setattr(watch, "plan", slow_plan)
    stop = Slow()
    assert list(arrivals([tmp_path], None, ColorizeOptions(), stop, pause=0.5)) == []
    assert stop.waited is not None
    assert stop.waited >= 2
