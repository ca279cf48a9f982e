"""The plan: the names that one machine gives, and what is done, whatever clocks say."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="needs the extra ray")

from colorize.batch.plan import plan
from colorize.cluster.inventory import (
    AGAIN,
    CHECK,
    DONE,
    NEW,
    PROBLEM,
    TO_DO,
    Inventory,
    PlanRow,
    hand_out,
    keep,
    portions_of,
    take_inventory,
)
from colorize.cluster.storage import Storage
from colorize.errors import ConfigError, DataError
from colorize.options import ColorizeOptions

OPTIONS = ColorizeOptions()


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    names = (
        "a.png",
        "a.gif",
        "b.JPG",
        "b-color.JPG",
        "box/deep/c.tif",
        "box/日本.webp",
        f"{'long' * 60}.png",
        "notes.txt",
    )
    for name in (*names, ".hidden/d.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
        os.utime(folder / name, (1000, 1000))
    return folder


def take(scans: Path, options: ColorizeOptions = OPTIONS) -> Inventory:
    here = scans.parent / "here"
    here.mkdir(exist_ok=True)
    return take_inventory(Storage(str(scans)), Storage(str(scans.parent / "out")), options, here)


def states(inventory: Inventory) -> dict[str, str]:
    return {row.target: row.state for row in inventory.rows()}


def finish(scans: Path, name: str, time: float = 2000) -> None:
    path = scans.parent / "out" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"result")
    os.utime(path, (time, time))


@pytest.mark.parametrize(
    "options", [OPTIONS, ColorizeOptions(format="jpg"), ColorizeOptions(variants=2)], ids=["own", "format", "variants"]
)
def test_names_and_seeds_are_those_of_one_machine(scans: Path, options: ColorizeOptions) -> None:
    ours = {(scans / row.source, scans.parent / "out" / row.target, row.seed) for row in take(scans, options).rows()}
    theirs = {(job.source, job.target, job.seed) for job in plan([scans], scans.parent / "out", options)}
    assert ours == theirs


def test_what_has_a_result_that_is_newer_is_done(scans: Path) -> None:
    finish(scans, "a.png")
    finish(scans, "box/deep/c.tif", time=500)
    inventory = take(scans)
    assert states(inventory) | {"a.png": DONE, "box/deep/c.tif": CHECK} == states(inventory)
    assert inventory.counts == {NEW: 4, DONE: 1, CHECK: 1}
    assert states(take(scans, replace(OPTIONS, overwrite=True)))["a.png"] == AGAIN


def test_a_photo_that_has_changed_is_found_though_the_clocks_differ(scans: Path) -> None:
    target = Storage(str(scans.parent / "out"))
    keep(take(scans), target)
    finish(scans, "a.png", time=10)  # by a clock that is late
    assert states(take(scans))["a.png"] == DONE
    finish(scans, "a.png", time=4e9)  # and by one that is early
    (scans / "a.png").write_bytes(b"another scan of it")
    assert states(take(scans))["a.png"] == CHECK


def test_what_was_only_to_be_checked_is_checked_again_until_a_run_is_finished(scans: Path) -> None:
    target = Storage(str(scans.parent / "out"))
    finish(scans, "a.png", time=10)
    killed = take(scans)
    keep(killed, target)
    assert states(take(scans))["a.png"] == CHECK
    keep(killed, target, finished=True)
    assert states(take(scans))["a.png"] == DONE


def test_portions_hold_each_row_that_is_to_be_done_once(scans: Path) -> None:
    finish(scans, "a.png")
    inventory, target = take(scans), Storage(str(scans.parent / "out"))
    portions = [table["portion"].to_pylist() for table in portions_of(target, hand_out(inventory, target, 2))]
    assert [len(portion) for (portion,) in portions] == [2, 2, 1]
    rows = [PlanRow(**values) for (portion,) in portions for values in portion]
    assert rows == list(inventory.rows(*TO_DO))


def test_results_inside_of_the_source_are_no_sources(scans: Path) -> None:
    (scans / "out").mkdir()
    (scans / "out" / "a.png").write_bytes(b"result")
    here = scans.parent / "here"
    here.mkdir()
    inventory = take_inventory(Storage(str(scans)), Storage(str(scans / "out")), OPTIONS, here)
    assert not [row for row in inventory.rows() if row.source.startswith("out/")]
    assert states(inventory)["a.png"] == DONE


@pytest.mark.parametrize("target", ["scans", "."])
def test_results_do_not_go_where_the_photos_are(scans: Path, target: str) -> None:
    with pytest.raises(ConfigError, match=r"^.+: (expected another place|the photos lie in it)"):
        take_inventory(Storage(str(scans)), Storage(str(scans.parent / target)), OPTIONS, scans)


def test_two_photos_with_one_result_are_refused(scans: Path) -> None:
    (scans / "a.gif.png").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"a\.gif and a\.gif\.png would both become a\.gif\.png"):
        take(scans)


def test_no_source_and_no_photo_are_one_line(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    with pytest.raises(DataError, match=r"no-such: no such folder or bucket$"):
        take_inventory(Storage(str(tmp_path / "no-such")), Storage(str(tmp_path / "out")), OPTIONS, here)
    with pytest.raises(DataError, match=r"^no photos in .+here$"):
        take_inventory(Storage(str(here)), Storage(str(tmp_path / "out")), OPTIONS, here)


def test_a_name_that_is_not_utf8_is_a_problem_and_not_the_end(scans: Path) -> None:
    (scans / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    (row,) = take(scans).rows(PROBLEM)
    assert row.source == "caf\\udce9.png"
    assert "not UTF-8" in row.problem
