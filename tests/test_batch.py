"""Which photos are found, where their results go, and that one bad photo or a second call costs nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from colorize.batch import Outcome, plan, run
from colorize.colorizer import Colorizer
from colorize.errors import ConfigError, DataError
from colorize.options import ColorizeOptions


class Red:
    """An engine that finds everything red."""

    stride = 8

    def predict(
        self, l: NDArray[np.float32], hints: NDArray[np.float32] | None = None, seed: int | None = None
    ) -> NDArray[np.float32]:
        return np.stack([np.full_like(l[:, 0], 0.3), np.zeros_like(l[:, 0])], axis=1)


def grey(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (12, 9), 128).save(path)
    return path


def planned(paths: list[Path], output: Path | None, base: Path) -> list[tuple[str, str]]:
    return [(str(j.source.relative_to(base)), str(j.target.relative_to(base))) for j in plan(paths, output)]


def test_results_go_beside_their_sources_or_into_the_same_tree_elsewhere(tmp_path: Path) -> None:
    for name in ("in/b.png", "in/a.jpg", "in/deep/er/c.JPG", "in/old.gif"):
        grey(tmp_path / name)
    (tmp_path / "in/notes.txt").write_text("no photo")
    assert planned([tmp_path / "in"], None, tmp_path) == [
        ("in/a.jpg", "in/a-color.jpg"),
        ("in/b.png", "in/b-color.png"),
        ("in/old.gif", "in/old.gif-color.png"),  # a GIF has too few colours
        ("in/deep/er/c.JPG", "in/deep/er/c-color.JPG"),
    ]
    assert planned([tmp_path / "in"], tmp_path / "out", tmp_path) == [
        ("in/a.jpg", "out/a.jpg"),
        ("in/b.png", "out/b.png"),
        ("in/old.gif", "out/old.gif.png"),
        ("in/deep/er/c.JPG", "out/deep/er/c.JPG"),
    ]
    assert planned([tmp_path / "in/b.png"], tmp_path / "out", tmp_path) == [("in/b.png", "out/b.png")]


def test_hidden_files_earlier_results_and_the_output_folder_are_no_sources(tmp_path: Path) -> None:
    for name in (".hidden.png", ".git/x.png", "a.png", "a-color.png", "b-color.jpg", "out/a.png"):
        grey(tmp_path / name)
    found = planned([tmp_path], tmp_path / "out", tmp_path)
    assert found == [("a.png", "out/a.png"), ("b-color.jpg", "out/b-color.jpg")]  # there is no b: not a result of ours


def test_a_file_that_is_named_is_done_whatever_its_name(tmp_path: Path) -> None:
    for name in ("scan", "a.png", "a-color.png", "x.v2.dat"):
        grey((tmp_path / name).with_suffix(".png")).rename(tmp_path / name)
    targets = [
        target
        for _, target in planned([tmp_path / "scan", tmp_path / "a-color.png", tmp_path / "x.v2.dat"], None, tmp_path)
    ]
    assert targets == ["scan-color.png", "a-color-color.png", "x.v2.dat-color.png"]


def test_a_photo_that_is_named_twice_is_done_once(tmp_path: Path) -> None:
    photo = grey(tmp_path / "in/a.png")
    assert len(plan([photo, tmp_path / "in", tmp_path / "in" / ".." / "in"], tmp_path / "out")) == 1


def test_what_cannot_be_meant_is_told_before_anything_is_done(tmp_path: Path) -> None:
    grey(tmp_path / "one/a.png")
    grey(tmp_path / "two/a.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"nowhere: no such file or folder"):
        plan([tmp_path / "one", tmp_path / "nowhere"])
    with pytest.raises(DataError, match=r"no photos in .*empty"):
        plan([tmp_path / "empty"])
    with pytest.raises(ConfigError, match=r"expected a folder for the results, this is a file"):
        plan([tmp_path / "one"], tmp_path / "two/a.png")
    with pytest.raises(ConfigError, match=r"one/a\.png and .*two/a\.png would both become .*out/a\.png"):
        plan([tmp_path / "one", tmp_path / "two"], tmp_path / "out")
    with pytest.raises(ConfigError, match=r"would replace a source"):
        plan([tmp_path / "one"], tmp_path / "one")
    with pytest.raises(ConfigError, match=r"^an empty path"):
        plan([""])
    with pytest.raises(DataError, match=r"cannot be read \(File name too long\)"):
        plan([tmp_path / ("x" * 300)])


def test_bad_photos_are_told_and_the_rest_goes_on_and_a_second_call_does_only_what_is_missing(tmp_path: Path) -> None:
    grey(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_text("no photo")
    grey(tmp_path / "in/c.png")
    loaded: list[Colorizer] = []

    def load() -> Colorizer:
        loaded.append(Colorizer(Red()))
        return loaded[-1]

    jobs = plan([tmp_path / "in"], tmp_path / "out")
    results = list(run(jobs, load, ColorizeOptions()))
    assert [result.outcome for result in results] == [Outcome.DONE, Outcome.FAILED, Outcome.DONE]
    assert "b.png: expected a photo" in results[1].message
    assert len(loaded) == 1
    r, g, b = np.asarray(Image.open(tmp_path / "out/a.png")).reshape(-1, 3).astype(int)[0]
    assert r > g + 40
    assert r > b + 40
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]  # nothing half-written

    before = (tmp_path / "out/a.png").stat().st_mtime_ns
    (tmp_path / "out/c.png").unlink()
    again = [result.outcome for result in run(jobs, load, ColorizeOptions())]
    assert again == [Outcome.KEPT, Outcome.FAILED, Outcome.DONE]
    assert (tmp_path / "out/a.png").stat().st_mtime_ns == before
    over = [result.outcome for result in run(jobs[:1], load, ColorizeOptions(strength=0), overwrite=True)]
    assert over == [Outcome.DONE]
    assert (np.asarray(Image.open(tmp_path / "out/a.png")) == 128).all()


def test_photos_that_differ_only_in_their_format_get_a_result_each(tmp_path: Path) -> None:
    for name in ("a.gif", "a.png", "a.pgm"):
        grey(tmp_path / "in" / name)
    targets = [target for _, target in planned([tmp_path / "in"], tmp_path / "out", tmp_path)]
    assert targets == ["out/a.gif.png", "out/a.pgm.png", "out/a.png"]


@pytest.mark.parametrize("output", [None, "out"])
def test_a_wildcard_may_be_used_twice(tmp_path: Path, output: str | None) -> None:
    folder = None if output is None else tmp_path / output
    first = grey(tmp_path / "a.png")
    old = grey(tmp_path / "old.gif")
    results = [job.target for job in plan([first, old])]  # beside them, whatever comes next
    for result in results:
        grey(result)
    new = grey(tmp_path / "c.png")
    grey(tmp_path / "out/a.png")
    inside = [] if folder is None else [folder, folder / "a.png"]
    assert [job.source for job in plan([first, old, new, *results, *inside], folder)] == [first, old, new]


def test_a_folder_is_searched_whatever_its_name_and_a_missing_file_told_whatever_its_name(tmp_path: Path) -> None:
    first = grey(tmp_path / "a.jpg")
    grey(tmp_path / "a-color/x.png")
    assert [job.source.name for job in plan([first, tmp_path / "a-color"])] == ["a.jpg", "x.png"]
    with pytest.raises(DataError, match=r"a-color\.jpg: no such file or folder"):
        plan([first, tmp_path / "a-color.jpg"])


def test_a_folder_that_may_not_be_searched_is_told_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.png", "b/2.png", "c/3.png"):
        grey(tmp_path / "in" / name)
    scandir = os.scandir

    def locked(path: str) -> object:  # permissions do not keep root out
        if path.endswith("/b"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    results = list(run(plan([tmp_path / "in"], tmp_path / "out"), lambda: Colorizer(Red()), ColorizeOptions()))
    assert [result.outcome for result in results] == [Outcome.DONE, Outcome.DONE, Outcome.FAILED]
    assert results[-1].message == f"{tmp_path / 'in/b'}: cannot be searched (Permission denied)"


def test_a_result_whose_name_is_too_long_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    grey(tmp_path / ("x" * 251 + ".png"))  # as long as a name may be, without the mark
    grey(tmp_path / "z.png")
    results = list(run(plan([tmp_path]), lambda: Colorizer(Red()), ColorizeOptions()))
    assert [result.outcome for result in results] == [Outcome.FAILED, Outcome.DONE]
    assert "File name too long" in results[0].message


def test_memory_that_runs_out_is_told_with_the_photo_and_the_rest_goes_on(tmp_path: Path) -> None:
    class Greedy(Red):
        def predict(
            self, l: NDArray[np.float32], hints: NDArray[np.float32] | None = None, seed: int | None = None
        ) -> NDArray[np.float32]:
            if l.shape[3] > l.shape[2]:
                raise MemoryError
            return super().predict(l)

    Image.new("L", (90, 10)).save(tmp_path / "a.png")
    Image.new("L", (10, 90)).save(tmp_path / "b.png")
    results = list(run(plan([tmp_path]), lambda: Colorizer(Greedy()), ColorizeOptions()))
    assert [result.outcome for result in results] == [Outcome.FAILED, Outcome.DONE]
    assert results[0].message.startswith(f"{tmp_path / 'a.png'}: not enough memory to colour 90×10 px")


def test_nothing_to_do_loads_no_model(tmp_path: Path) -> None:
    grey(tmp_path / "in/a.png")
    grey(tmp_path / "out/a.png")

    def load() -> Colorizer:
        raise AssertionError("not needed")

    assert [r.outcome for r in run(plan([tmp_path / "in"], tmp_path / "out"), load, ColorizeOptions())] == [
        Outcome.KEPT
    ]
