"""`colorize cluster` on a Ray of two CPUs, started once: what one machine does, by workers that may be killed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("ray", reason="needs the extra ray")

from colorize.cli import main
from colorize.options import SIZE_RANGE
from tests.cluster.deadly import KILLER, PROTOCOL
from tests.scans import make_scans, results_in

pytestmark = [pytest.mark.process, pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\.")]

FAST = ("--size", str(SIZE_RANGE[0]), "--device", "cpu")
PHOTOS = 5


@pytest.fixture(scope="module")
def _ray() -> Iterator[None]:
    """A Ray for all tests: it takes seconds to start."""
    from colorize.cluster.driver import Pool, connected

    with connected(Pool()):
        yield


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_scans(tmp_path / "scans", PHOTOS)
    return tmp_path


@pytest.mark.usefixtures("_ray")
@pytest.mark.timeout(900)  # on a busy machine; a quiet one needs a thirtieth
def test_workers_give_what_one_machine_gives_and_a_photo_that_kills_them_is_named(
    scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scans", "-o", "plain", *FAST]) == 1
    shutil.copy(scans / "scans/box 0/0.png", scans / f"scans/{KILLER}.png")
    capsys.readouterr()
    source, target = (f"{PROTOCOL}://{scans}/{name}" for name in ("scans", "colored"))
    call = ["cluster", source, target, "--actors", "1", "--report", "report.jsonl", *FAST]

    assert main(call) == 1
    told = capsys.readouterr()
    assert results_in(scans / "colored") == results_in(scans / "plain")
    assert sorted(told.out.splitlines()) == sorted(f"{target}/{name}" for name in results_in(scans / "plain"))
    summary, *failures = sorted(told.err.splitlines())
    assert failures == [
        f"colorize: {source}/broken.png: expected a photo, this is no image format that can be read",
        f"colorize: {source}/{KILLER}.png: its worker was killed 3 times while it was being colored, not tried again",
    ]
    assert summary.startswith(f"colorize: {PHOTOS} colorized, 2 failed (")
    lines = [json.loads(line) for line in (scans / "report.jsonl").read_text().splitlines()]
    assert sorted(line["status"] for line in lines) == ["done"] * PHOTOS + ["failed"] * 2
    assert all(line["target_bytes"] and line["source_bytes"] for line in lines if line["status"] == "done")

    # The rerun does what is left, and what has changed.
    for name in (KILLER, "broken"):
        (scans / f"scans/{name}.png").unlink()
    Image.new("L", (40, 40), 90).save(scans / "scans/box 1/1.png")
    leftover = scans / f"colored/box 1/.colorize-{'0' * 16}.tmp"  # of a killed run
    leftover.write_bytes(b"half")
    os.utime(leftover, (1000, 1000))
    assert main([*call[:3], "--dry-run"]) == 0
    assert leftover.exists()
    capsys.readouterr()
    assert main(call) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"colorize: 1 colorized, {PHOTOS - 1} already done",
        "colorize: 1 done again because they have changed since",
    ]
    main(["scans", "-o", "plain", *FAST])
    assert results_in(scans / "colored") == results_in(scans / "plain")
    assert {path.name for path in (scans / "colored").rglob(".*")} == {".colorize"}
    assert not list((scans / "colored/.colorize").glob("*.parquet"))


# What is told before Ray is started


def test_a_dry_run_says_what_would_be_done(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", "scans", "out", "--dry-run"]) == 0
    told = capsys.readouterr()
    assert "scans/box 1/1.png -> out/box 1/1.png" in told.out.splitlines()
    assert told.err == f"colorize: {PHOTOS + 1} to do\n"
    assert not (scans / "out").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["nowhere", "out"], r"nowhere: no such folder or bucket"),
        (["scans", "scans"], r"scans: expected another place for the results"),
        (["nonsense://x", "out"], r"nonsense://x: "),
        (["scans", "out", "--actors", "0"], r"--actors: expected 1 or more, got 0"),
        (["scans", "out", "--gpus-per-actor", "-1"], r"--gpus-per-actor: expected 0 or more, got -1"),
        (["scans", "out", "--gpus-per-actor", "nan"], r"--gpus-per-actor: expected 0 or more, got nan"),
        (["scans", "out", "--size", "9999"], r"size"),
        (["scans"], r"TARGET"),
    ],
    ids=["no source", "one place", "no protocol", "actors", "gpus", "no gpus", "size", "no target"],
)
@pytest.mark.usefixtures("scans")
def test_wrong_use_is_one_line(given: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_a_target_that_cannot_be_written_to_is_one_line(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scans / "file").write_bytes(b"")
    assert main(["cluster", "scans", "file/out"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("colorize: file/out")
    assert line.endswith("(Not a directory)")


@pytest.mark.usefixtures("scans")
def test_a_folder_called_cluster_is_colored_as_ever(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scans / "scans").rename(scans / "cluster")
    assert main(["cluster", "-o", "out", "--dry-run"]) == 0
    assert f"{Path('cluster/box 1/1.png')} -> {Path('out/box 1/1.png')}" in capsys.readouterr().out.splitlines()
