"""Several machines share a folder with --part, and their reports become one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from colorize.cli import main
from colorize.options import SIZE_RANGE
from tests.scans import make_scans, results_in

PHOTOS = 9


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_scans(tmp_path / "scans", PHOTOS)
    return tmp_path


def test_parts_color_each_photo_once_and_their_reports_become_one(
    scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fast = ["--size", str(SIZE_RANGE[0]), "--device", "cpu"]
    assert main(["scans", "-o", "whole", *fast]) == 1
    done = []
    for part in ("1/2", "2/2"):
        capsys.readouterr()
        status = main(["scans", "-o", "parts", "--part", part, "--report", f"report-{part[0]}.jsonl", *fast])
        told = capsys.readouterr()
        done.append(told.out.splitlines())
        assert f"part {part}: " in told.err
        assert status == ("failed" in told.err)
    assert len(done[0]) + len(done[1]) == PHOTOS
    assert not set(done[0]) & set(done[1])
    assert results_in(scans / "parts") == results_in(scans / "whole")

    assert main(["report", "merge", "report-1.jsonl", "report-2.jsonl", "-o", "all.jsonl"]) == 1
    assert capsys.readouterr().err == f"colorize: {PHOTOS} colorized, 1 failed\n"
    merged = [json.loads(line) for line in (scans / "all.jsonl").read_text().splitlines()]
    assert sorted(line["source"] for line in merged) == sorted(str(path) for path in Path("scans").rglob("*.png"))


def test_a_part_without_a_photo_is_no_error(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = [part for part in range(1, 40) if main(["scans", "-o", "out", "--part", f"{part}/39", "--dry-run"]) == 0]
    assert "0 of 10" in capsys.readouterr().err
    assert len(held) == 39


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--part", "3/2"], "--part: expected I/N"),
        (["--part", "1/2", "--watch"], "--watch and --part do not go together"),
        (["--part", "1/2", "--hint", "1,1,red"], "--part and --hint do not go together"),
    ],
)
def test_a_part_that_cannot_be_is_one_line(
    scans: Path, capsys: pytest.CaptureFixture[str], given: list[str], told: str
) -> None:
    assert main(["scans", *given]) == 2
    line = capsys.readouterr().err
    assert told in line
    assert line.count("\n") == 1


def test_a_folder_called_report_is_colored(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scans / "scans").rename(scans / "report")
    assert main(["report", "-o", "out", "--dry-run"]) == 0
    assert f"{PHOTOS + 1} to do" in capsys.readouterr().err
    assert main(["./report", "merge", "--dry-run"]) == 2
    assert "merge: no such file or folder" in capsys.readouterr().err


def test_reports_that_cannot_be_merged_are_one_line(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scans / "words.txt").write_text("hello\n")
    (scans / "there.jsonl").write_text("")
    for given, told in {
        ("missing.jsonl",): "missing.jsonl: the report cannot be read (No such file or directory)",
        ("words.txt",): "words.txt, line 1: expected a line of a report",
        ("there.jsonl", "-o", "there.jsonl"): "there.jsonl: exists already; --overwrite replaces it",
        (): "Missing argument 'REPORT",
    }.items():
        assert main(["report", "merge", *given]) == 2
        line = capsys.readouterr().err
        assert told in line
        assert line.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_merged_report_on_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.jsonl"
    report.write_text(json.dumps({"source": "a.png", "target": "a-color.png", "status": "done"}) + "\n")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["report", "merge", str(report)]) == 1
    assert capsys.readouterr().err == "colorize: standard output cannot be written (No space left on device)\n"
