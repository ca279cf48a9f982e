"""That one bad photo, a second run, a kill or a lack of memory costs nothing, and that memory stays bounded."""

from __future__ import annotations

import errno
import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize import photo
from colorize.batch import pipeline
from colorize.batch.pipeline import run
from colorize.batch.plan import Plan, plan
from colorize.batch.results import Outcome, Result
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.tint import Original
from colorize.errors import PhotoError
from colorize.options import ColorizeOptions
from colorize.photo import Photo
from tests.stand_ins import StandInColorizer, StandInEngine, one_color

DONE, SKIPPED, LEFT, RESULT, FAILED = Outcome


def gray(path: Path, width: int = 12, height: int = 9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (width, height), 128).save(path)
    return path


def outcomes(results: Iterable[Result]) -> list[Outcome]:
    return [result.outcome for result in results]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def doing(
    jobs: Plan,
    colorizer: StandInColorizer | None = None,
    *,
    overwrite: bool = False,
    stop: threading.Event | None = None,
) -> Iterator[Result]:
    return run(jobs, lambda: colorizer or StandInColorizer(), ColorizeOptions(overwrite=overwrite), stop=stop)


def test_bad_photos_are_told_and_the_rest_goes_on_and_a_second_call_does_only_what_is_missing(tmp_path: Path) -> None:
    gray(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_text("no photo")
    gray(tmp_path / "in/c.png")
    loaded: list[Colorizer] = []

    def load() -> Colorizer:
        loaded.append(Colorizer(StandInEngine(one_color(0.3, 0))))
        return loaded[-1]

    jobs = list(plan([tmp_path / "in"], tmp_path / "out"))
    results = list(run(jobs, load, ColorizeOptions()))
    assert outcomes(results) == [DONE, FAILED, DONE]
    assert results[0].size == (12, 9)
    assert results[0].seconds > 0
    assert "b.png: expected a photo" in results[1].message
    assert len(loaded) == 1
    r, g, b = np.asarray(Image.open(tmp_path / "out/a.png")).reshape(-1, 3).astype(int)[0]
    assert r > g + 40
    assert r > b + 40
    assert names(tmp_path / "out") == ["a.png", "c.png"]  # nothing half-written

    before = (tmp_path / "out/a.png").stat().st_mtime_ns
    (tmp_path / "out/c.png").unlink()
    assert outcomes(run(jobs, load, ColorizeOptions())) == [SKIPPED, FAILED, DONE]
    assert (tmp_path / "out/a.png").stat().st_mtime_ns == before
    assert outcomes(run(jobs[:1], load, ColorizeOptions(strength=0, overwrite=True))) == [DONE]
    assert (np.asarray(Image.open(tmp_path / "out/a.png")) == 128).all()


def test_photos_in_color_get_new_ones_and_say_so_or_are_left_alone(tmp_path: Path) -> None:
    gray(tmp_path / "in/a.png")
    colors = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    page = Image.fromarray(colors).resize((80, 60))
    page.save(tmp_path / "in/b.png")
    page.save(tmp_path / "in/c.tif", save_all=True, append_images=[page])
    jobs = plan([tmp_path / "in"], tmp_path / "out")
    skipping = run(jobs, StandInColorizer, ColorizeOptions(skip_color=True))
    assert outcomes(skipping) == [DONE, LEFT, LEFT]
    assert names(tmp_path / "out") == ["a.png"]
    results = list(doing(jobs))
    assert outcomes(results) == [SKIPPED, DONE, DONE]
    assert [result.original for result in results] == [None, Original.COLORED, Original.COLORED]


def test_nothing_to_do_loads_no_model(tmp_path: Path) -> None:
    gray(tmp_path / "in/a.png")
    gray(tmp_path / "out/a.png")
    (tmp_path / "in/b.png").write_text("no photo")

    def load() -> Colorizer:
        raise AssertionError("not needed")

    assert outcomes(run(plan([tmp_path / "in"], tmp_path / "out"), load, ColorizeOptions())) == [SKIPPED, FAILED]


def test_results_come_in_the_order_of_the_photos_however_long_each_takes(tmp_path: Path) -> None:
    for number in range(50):
        gray(tmp_path / f"in/{number:02}.png", *((1500, 900) if number % 7 == 0 else (12, 9)))
    results = list(doing(plan([tmp_path / "in"], tmp_path / "out")))
    assert [result.job.source.name for result in results] == [f"{number:02}.png" for number in range(50)]
    assert set(outcomes(results)) == {DONE}


def test_small_photos_are_given_to_the_network_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        gray(tmp_path / f"in/{number:02}.png", 40, 10)
    gray(tmp_path / "in/50.png", 100, 100)
    monkeypatch.setattr(pipeline, "_PIXELS_TOGETHER", 8000)
    colorizer = StandInColorizer(lambda *_: time.sleep(0.002))  # reading is quicker
    assert set(outcomes(doing(plan([tmp_path / "in"], tmp_path / "out"), colorizer))) == {DONE}
    assert sum(map(len, colorizer.groups)) == 60
    assert max(map(len, colorizer.groups)) == pipeline._PHOTOS_TOGETHER
    assert [(100, 100)] in colorizer.groups  # more pixels than are taken together


def test_what_is_in_memory_does_not_depend_on_how_many_photos_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        gray(tmp_path / f"in/{number:02}.png", 50, 20 if number != 30 else 200)
    monkeypatch.setattr(pipeline, "_PIXELS_UNDER_WAY", 5000)
    lock, now, most = threading.Lock(), 0, 0
    opened, saved = photo.pages, photo.save

    def counted(pixels: int) -> None:
        nonlocal now, most
        with lock:
            now += pixels
            most = max(most, now)

    def pages(source: Path, **_options: object) -> Iterator[Photo]:
        for page in opened(source):
            counted(page.size[0] * page.size[1])
            yield page

    def save(pages: Iterable[Photo], *arguments: object, **options: object) -> None:
        every = list(pages)
        time.sleep(0.003)  # writing takes longest here
        saved(every, *arguments, **options)  # type: ignore[arg-type]
        counted(-every[0].size[0] * every[0].size[1])

    monkeypatch.setattr(photo, "pages", pages)
    monkeypatch.setattr(photo, "save", save)
    assert set(outcomes(doing(plan([tmp_path / "in"], tmp_path / "out")))) == {DONE}
    assert now == 0
    assert 3000 <= most <= 10_000  # a photo that is larger than the limit goes alone


def test_every_page_is_colored_and_a_bad_one_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pages = [Image.new("L", (30, 20 + number), 100 + number) for number in range(3)]
    pages[0].save(tmp_path / "in/album.tif", save_all=True, append_images=pages[1:])
    gray(tmp_path / "in/z.png")
    refused: list[int] = []

    def third_page(page: Photo, _size: int) -> Exception | None:
        return PhotoError("album.tif: a bad page") if refused and page.size == (30, 22) else None

    colorizer = StandInColorizer(third_page)
    jobs = plan([tmp_path / "in"], tmp_path / "out")
    assert outcomes(doing(jobs, colorizer)) == [DONE, DONE]
    assert [page.size for page in photo.pages(tmp_path / "out/album.tif")] == [(30, 20), (30, 21), (30, 22)]
    (tmp_path / "out/album.tif").unlink()
    refused.append(1)
    results = list(doing(jobs, colorizer))
    assert [(result.outcome, result.message) for result in results] == [
        (FAILED, "album.tif: a bad page"),
        (SKIPPED, ""),
    ]
    assert names(tmp_path / "out") == ["z.png"]


def test_a_photo_that_cannot_be_colored_does_not_hurt_those_it_was_given_with(tmp_path: Path) -> None:
    for number in range(6):
        gray(tmp_path / f"in/{number}.png", 12 + number)
    colorizer = StandInColorizer(lambda page, _: PhotoError("the fourth") if page.size[0] == 15 else None)
    results = list(doing(plan([tmp_path / "in"], tmp_path / "out"), colorizer))
    assert outcomes(results) == [DONE, DONE, DONE, FAILED, DONE, DONE]
    assert results[3].message == "the fourth"


def test_where_memory_runs_out_a_photo_is_tried_alone_and_smaller_and_that_is_told(tmp_path: Path) -> None:
    for name, width in (("a", 12), ("b", 13), ("c", 14), ("d", 15)):
        gray(tmp_path / f"in/{name}.png", width)
    asked = [0]

    def greedy(page: Photo, size: int) -> Exception | None:
        width, _ = page.size
        asked[0] += width == 14
        too_much = (width == 13 and size > 128) or (width == 14 and asked[0] == 1) or width == 15
        return MemoryError() if too_much else None

    colorizer = StandInColorizer(greedy)
    results = list(doing(plan([tmp_path / "in"], tmp_path / "out"), colorizer))
    assert outcomes(results) == [DONE, DONE, DONE, FAILED]
    folder = tmp_path / "in"
    assert [result.message for result in results] == [
        "",
        f"{folder / 'b.png'}: not enough memory to color 13×9 px at size 256, done at 128",
        "",  # alone there was enough
        f"{folder / 'd.png'}: not enough memory to color 15×9 px",
    ]
    assert names(tmp_path / "out") == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("where", ["pages", "save"])
def test_memory_that_runs_out_while_reading_or_writing_is_tried_again_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for name in "abc":
        gray(tmp_path / f"in/{name}.png")
    real: Callable[..., object] = getattr(photo, where)
    calls: list[Path] = []

    def greedy(*arguments: object, **options: object) -> object:
        path = next(argument for argument in arguments if isinstance(argument, Path))
        calls.append(path)
        if path.name == "b.png" and sum(each.name == "b.png" for each in calls) == 1:
            raise PhotoError("not enough memory") from MemoryError()
        return real(*arguments, **options)

    monkeypatch.setattr(photo, where, greedy)
    results = list(doing(plan([tmp_path / "in"], tmp_path / "out")))
    assert [(result.outcome, result.message) for result in results] == [(DONE, "")] * 3
    assert sorted(path.name[0] for path in calls) == ["a", "b", "b", "c"]


def test_what_nobody_foresaw_ends_the_run_and_is_not_hidden(tmp_path: Path) -> None:
    gray(tmp_path / "in/a.png")
    with pytest.raises(ZeroDivisionError):
        list(doing(plan([tmp_path / "in"], tmp_path / "out"), StandInColorizer(lambda *_: ZeroDivisionError())))
    assert not (tmp_path / "out").exists()


def test_when_it_is_to_stop_the_photo_at_hand_is_finished_and_no_other_begun(tmp_path: Path) -> None:
    for number in range(40):
        gray(tmp_path / f"in/{number:02}.png")
    stop = threading.Event()

    def second_group(page: Photo, _size: int) -> None:
        if len(colorizer.groups) == 2:
            stop.set()

    colorizer = StandInColorizer(second_group)
    jobs = plan([tmp_path / "in"], tmp_path / "out")
    results = list(doing(jobs, colorizer, stop=stop))
    assert len(colorizer.groups) <= 1 + pipeline._COLORIZERS
    assert outcomes(results) == [DONE] * sum(map(len, colorizer.groups))
    assert len(names(tmp_path / "out")) == len(results) < 40
    assert outcomes(doing(jobs)) == [SKIPPED] * len(results) + [DONE] * (40 - len(results))


def test_what_another_program_makes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    gray(tmp_path / "in/a.png")
    target = tmp_path / "out/a.png"

    def overtaken(*_: object) -> None:
        target.parent.mkdir(exist_ok=True)
        target.write_text("somebody else's")

    jobs = plan([tmp_path / "in"], tmp_path / "out")
    assert outcomes(doing(jobs, StandInColorizer(overtaken))) == [SKIPPED]
    assert target.read_text() == "somebody else's"
    assert outcomes(doing(jobs, StandInColorizer(overtaken), overwrite=True)) == [DONE]
    assert photo.open(target).size == (12, 9)
    assert names(tmp_path / "out") == ["a.png"]


def test_leftovers_of_a_killed_run_are_removed_wherever_results_go(tmp_path: Path) -> None:
    for name in ("in/a.png", "in/sub/b.png"):
        gray(tmp_path / name)
    jobs = plan([tmp_path / "in"], tmp_path / "out")
    assert outcomes(doing(jobs)) == [DONE, DONE]
    for folder in ("out", "out/sub"):
        (tmp_path / folder / ".colorize-0123456789abcdef.tmp").touch()
    assert outcomes(doing(jobs)) == [SKIPPED, SKIPPED]
    assert names(tmp_path / "out") == ["a.png", "sub"]
    assert names(tmp_path / "out/sub") == ["b.png"]


def test_a_write_protected_result_stays_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gray(tmp_path / "in/a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_text("protected")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).is_dir())  # root may do all
    (result,) = doing(plan([tmp_path / "in"], tmp_path / "out"), overwrite=True)
    assert (result.outcome, result.message) == (
        FAILED,
        f"{tmp_path / 'out/a.png'}: cannot be written (write-protected)",
    )
    assert (tmp_path / "out/a.png").read_text() == "protected"


def test_a_folder_that_may_not_be_written_to_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray(tmp_path / "in/a.png")
    gray(tmp_path / "in/sub/b.png")
    (tmp_path / "out/sub").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "sub")  # root may do all
    colorizer = StandInColorizer()
    results = list(doing(plan([tmp_path / "in"], tmp_path / "out"), colorizer))
    assert outcomes(results) == [DONE, FAILED]
    told = f"{tmp_path / 'out/sub/b.png'}: cannot be written (its folder is write-protected)"
    assert results[1].message == told
    assert colorizer.groups == [[(12, 9)]]
    beside = list(doing(plan([tmp_path / "in/sub"]), colorizer))  # as on a CD
    told = f"{tmp_path / 'in/sub/b-color.png'}: cannot be written (its folder is write-protected; -o names another one)"
    assert [result.message for result in beside] == [told]


def test_a_full_disk_ends_the_run_instead_of_the_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        gray(tmp_path / f"in/{number:03}.png")
    fsync, synced = os.fsync, itertools.count()

    def full(handle: int) -> None:
        if next(synced) > 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    jobs = plan([tmp_path / "in"], tmp_path / "out")
    results = list(doing(jobs))
    done = outcomes(results).count(DONE)
    assert len(names(tmp_path / "out")) == done > 0
    assert len(results) < 100
    assert any(result.disk_full for result in results)
    assert {result.message.split(": ")[1] for result in results if result.outcome is FAILED} == {
        "cannot be written (No space left on device)"
    }
    monkeypatch.undo()
    assert Counter(outcomes(doing(jobs))) == {SKIPPED: done, DONE: 200 - done}


def test_links_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "in/loop.png").symlink_to(tmp_path / "in/loop.png")
    results = list(doing(plan([tmp_path / "in"], tmp_path / "out")))
    assert outcomes(results) == [FAILED, FAILED]
    assert "gone.png: no such file" in results[0].message
    assert os.strerror(errno.ELOOP) in results[1].message


def test_quality_and_format_are_those_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    Image.fromarray(rng.integers(0, 256, (60, 80), dtype=np.uint8)).save(tmp_path / "in/a.png")
    sizes = []
    for quality in (10, 90):
        options = ColorizeOptions(format="jpg", quality=quality, overwrite=True)
        (result,) = run(plan([tmp_path / "in"], tmp_path / "out", options), StandInColorizer, options)
        assert result.job.target.name == "a.png.jpg"
        with Image.open(result.job.target) as image:
            assert image.format == "JPEG"
        sizes.append(result.job.target.stat().st_size)
    assert sizes[0] * 2 < sizes[1]
