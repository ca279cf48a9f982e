"""Results know themselves: they are not colored again, and tell whether their photo has changed since."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize import photo
from colorize.batch.pipeline import run
from colorize.batch.plan import Job, plan
from colorize.batch.results import Outcome, is_done, is_outdated, is_result
from colorize.batch.watch import arrivals
from colorize.options import ColorizeOptions
from colorize.system import files
from tests.stand_ins import StandInColorizer

FORMATS = ["jpg", "png", "tif", "webp", "avif"]


def gray(path: Path, level: int = 128) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (12, 9), level).save(path)
    return path


def outcomes(folder: Path, out: Path | None, options: ColorizeOptions | None = None) -> dict[str, Outcome]:
    results = run(plan([folder], out), StandInColorizer, options or ColorizeOptions())
    return {str(result.job.source.relative_to(folder)): result.outcome for result in results}


def made(tmp_path: Path, suffix: str = "png") -> Job:
    """A photo that has its result."""
    gray(tmp_path / f"in/a.{suffix}")
    assert set(outcomes(tmp_path / "in", tmp_path / "out").values()) == {Outcome.DONE}
    (job,) = plan([tmp_path / "in"], tmp_path / "out")
    return job


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_result_is_known_by_its_marks_in_every_format_and_says_what_it_was_made_of(
    tmp_path: Path, suffix: str
) -> None:
    job = made(tmp_path, suffix)
    header, before = photo.header(job.target), photo.header(job.source)
    assert header
    assert before
    assert (header.is_result, header.made_of) == (True, files.sha256(job.source))
    assert (before.is_result, before.made_of) == (False, "")


def test_results_among_the_photos_are_not_colored_again(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    for number in range(3):
        gray(folder / f"{number}.png", 50 + number)
    assert Counter(outcomes(folder, folder / "colored").values()) == {Outcome.DONE: 3}
    (folder / "colored/0.png").rename(folder / "renamed.png")
    again = outcomes(folder, None)
    assert Counter(again.values()) == {Outcome.DONE: 3, Outcome.RESULT: 3}
    assert again["renamed.png"] is Outcome.RESULT


def test_a_result_that_another_program_has_written_into_is_still_known(tmp_path: Path) -> None:
    job = made(tmp_path)
    with Image.open(job.target) as image:
        exif = image.getexif()
        exif[0x0131] = "Another Program 1.0"  # Software: the description still tells
        image.save(tmp_path / "edited.png", exif=exif)
    assert is_result(Job(tmp_path / "edited.png", tmp_path / "x.png"))


def test_a_result_is_colored_again_where_it_is_asked_for(tmp_path: Path) -> None:
    job = made(tmp_path)
    jobs = plan([job.target])
    (skipped,) = run(jobs, StandInColorizer, ColorizeOptions())
    assert skipped.outcome is Outcome.RESULT
    (done,) = run(jobs, StandInColorizer, ColorizeOptions(), results_too=True)
    assert done.outcome is Outcome.DONE
    header = photo.header(done.job.target)
    assert header
    assert header.made_of == files.sha256(job.target)  # and not what the first one was made of


def change_content_alone(source: Path) -> None:
    """Neither its size nor its time tell."""
    before = source.stat()
    content = bytearray(source.read_bytes())
    content[-1] ^= 255
    source.write_bytes(content)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_an_older_one(source: Path) -> None:
    other = gray(source.parent / "other.png", 30)
    os.utime(other, (1e9, 1e9))
    other.rename(source)


@pytest.mark.parametrize(
    "change", [lambda source: gray(source, 30), change_content_alone, replace_by_an_older_one], ids=range(3)
)
def test_a_photo_that_has_changed_since_its_result_is_done_again(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    job = made(tmp_path)
    assert is_done(job)
    change(job.source)
    assert is_outdated(job)
    (result,) = run([job], StandInColorizer, ColorizeOptions())
    assert result.again
    header = photo.header(job.target)
    assert header
    assert header.made_of == files.sha256(job.source)
    assert is_done(job)


def test_a_photo_that_was_only_touched_or_moved_is_not_done_again(tmp_path: Path) -> None:
    job = made(tmp_path)
    os.utime(job.source)
    job.source.rename(tmp_path / "away")
    (tmp_path / "away").rename(job.source)
    assert is_done(job)
    assert outcomes(tmp_path / "in", tmp_path / "out") == {"a.png": Outcome.SKIPPED}


def test_what_does_not_say_what_it_was_made_of_is_not_replaced(tmp_path: Path) -> None:
    job = made(tmp_path)
    job.target.write_bytes(b"somebody's own")
    gray(job.source, 30)
    assert outcomes(tmp_path / "in", tmp_path / "out") == {"a.png": Outcome.SKIPPED}
    assert job.target.read_bytes() == b"somebody's own"


def test_a_watched_photo_that_changes_is_done_again_even_while_it_is_colored(tmp_path: Path) -> None:
    class Looks(threading.Event):
        waited = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.waited += 1
            if self.waited == 1:
                content = bytearray(source.read_bytes())
                content[-1] ^= 255
                source.write_bytes(content)
                os.utime(source, (2e9, 2e9))
                os.utime(tmp_path / "out/a.png", (3e9, 3e9))  # as if it had been written after the change
            elif self.waited == 5:
                self.set()
            return self.is_set()

    source = gray(tmp_path / "in/a.png")
    os.utime(source, (1e9, 1e9))
    jobs = arrivals([tmp_path / "in"], tmp_path / "out", ColorizeOptions(), Looks())
    results = [result for each in jobs for result in run(each, StandInColorizer, ColorizeOptions())]
    assert [(result.outcome, result.again) for result in results] == [(Outcome.DONE, False), (Outcome.DONE, True)]
    assert np.asarray(Image.open(source)).shape == (9, 12)
