"""What a report says, and that no kill, full disk or wrong file spoils it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from colorize.batch.plan import Job
from colorize.batch.report import Report, merge
from colorize.batch.results import Entry, Outcome, Result
from colorize.coloring.tint import Original
from colorize.errors import DataError


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def result(folder: Path, name: str = "a.png", outcome: Outcome = Outcome.DONE, message: str = "") -> Result:
    source, target = folder / name, folder / f"{name}.result"
    source.write_bytes(bytes(10))
    target.write_bytes(bytes(30))
    return Result(Job(source, target), outcome, message, 0.12345, (400, 300), Original.TINTED)


def add(path: Path, *results: Result) -> None:
    report = Report(path)
    for each in results:
        report.add(Entry.of(each))
    report.close()


def test_each_photo_is_a_line_that_says_everything(tmp_path: Path) -> None:
    add(tmp_path / "report.jsonl", result(tmp_path), result(tmp_path, "b.png", Outcome.FAILED, "no photo"))
    assert lines(tmp_path / "report.jsonl") == [
        {
            "source": str(tmp_path / "a.png"),
            "target": str(tmp_path / "a.png.result"),
            "status": "done",
            "seconds": 0.123,
            "width": 400,
            "height": 300,
            "original": "tinted",
            "source_bytes": 10,
            "target_bytes": 30,
            "dropped_metadata": [],
            "lost": [],
            "reason": None,
        },
        {
            "source": str(tmp_path / "b.png"),
            "target": str(tmp_path / "b.png.result"),
            "status": "failed",
            "seconds": 0.123,
            "width": 400,
            "height": 300,
            "original": "tinted",
            "source_bytes": 10,
            "target_bytes": None,
            "dropped_metadata": [],
            "lost": [],
            "reason": "no photo",
        },
    ]


def test_a_further_run_appends(tmp_path: Path) -> None:
    add(tmp_path / "report.jsonl", result(tmp_path))
    add(tmp_path / "report.jsonl", result(tmp_path, outcome=Outcome.SKIPPED))
    assert [line["status"] for line in lines(tmp_path / "report.jsonl")] == ["done", "skipped"]


@pytest.mark.parametrize("name", ["line\nbreak.png", 'quo"te.png', "日本語.png", os.fsdecode(b"\xff.png")])
def test_any_name_is_one_line_and_comes_back(tmp_path: Path, name: str) -> None:
    add(tmp_path / "report.jsonl", result(tmp_path, name))
    content = (tmp_path / "report.jsonl").read_bytes()
    assert content.count(b"\n") == 1
    content.decode("ascii")
    assert json.loads(content)["source"] == str(tmp_path / name)


def test_a_line_that_a_power_cut_tore_is_removed_at_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    add(path, result(tmp_path), result(tmp_path))
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) * 3 // 4, 20):
        path.write_bytes(whole[:cut])
        add(path, result(tmp_path, "b.png"))
        assert lines(path)[-1]["source"] == str(tmp_path / "b.png")
        assert len(lines(path)) == whole[:cut].count(b"\n") + 1


def test_a_file_that_is_no_report_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for content in (b"\xff\xd8\xff photo", b'{"other": 1}\n', b"notes", b"\n"):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(DataError, match=r"file: expected a report of earlier runs \(JSON lines\)"):
            Report(tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == content
    with pytest.raises(DataError, match=r"missing/report: the report cannot be written \(No such file or directory\)"):
        Report(tmp_path / "missing/report")
    with pytest.raises(DataError, match="cannot be written"):
        Report(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    report = Report("/dev/full")
    with pytest.raises(DataError, match=r"/dev/full: the report cannot be written \(No space left on device\)"):
        report.add(Entry.of(result(tmp_path)))
    report.close()


def test_of_several_lines_about_a_result_the_last_one_holds_whichever_report_it_is_in(tmp_path: Path) -> None:
    first, second, merged = tmp_path / "1.jsonl", tmp_path / "2.jsonl", tmp_path / "all.jsonl"
    failed = result(tmp_path, "b.png", Outcome.FAILED, "no photo")
    add(first, result(tmp_path), failed, result(tmp_path, "c.png"), failed)
    add(second, result(tmp_path, "b.png"), result(tmp_path, "d.png", Outcome.FAILED, "no photo"))
    with merged.open("wb") as out:
        told = merge([first, second], out)
    assert told.statuses == {"done": 3, "failed": 1}
    assert not told.torn
    assert [(Path(line["source"]).name, line["status"]) for line in lines(merged)] == [
        ("a.png", "done"),
        ("c.png", "done"),
        ("b.png", "done"),
        ("d.png", "failed"),
    ]
    add(merged, result(tmp_path))  # a report like any other


def test_a_line_that_a_power_cut_has_torn_is_told_and_left_out_of_what_is_merged(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    add(path, result(tmp_path), result(tmp_path, "b.png"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with (tmp_path / "all.jsonl").open("wb") as out:
        told = merge([path], out)
    assert told.torn == [f"{path}, line 2: this line is not whole, it is left out"]
    assert (tmp_path / "all.jsonl").read_bytes() == whole[: whole.index(b"\n") + 1]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs paths of open pipes")
def test_a_report_that_can_be_read_only_once_is_refused(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(DataError, match="this is a pipe"), (tmp_path / "all.jsonl").open("wb") as out:
        merge([f"/dev/fd/{reading}"], out)
    os.close(reading)
