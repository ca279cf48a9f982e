"""`colorize film.mkv`: the same command, told apart by the suffix."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from colorize import requirements
from colorize.cli import main
from colorize.cli.films import FilmJob, plan_films
from colorize.errors import ConfigError, DataError
from tests.video.films import Gray, gray_of, pan, photo, planes, shot, write_film

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def frames() -> list[Gray]:
    return [gray_of(each) for each in shot(photo("coffee"), pan(2), 12, (96, 72))]


@pytest.fixture
def source(frames: list[Gray], tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mkv", frames, extras=True)


def test_a_film_becomes_a_film_in_color(
    source: Path, frames: list[Gray], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(source), "--codec", "ffv1", "--device", "cpu"]) == 0
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{tmp_path / 'film-color.mkv'}\n"
    assert re.fullmatch(r"colorize: 12 frames in 1 shot \([\d.]+ frames/s\)\n", stderr)
    for original, colored in zip(frames, planes(tmp_path / "film-color.mkv"), strict=True):
        assert np.array_equal(colored[0], original)
        assert colored[2].std() > 2  # the network found several colors


def test_a_result_that_is_there_is_kept(source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "film-color.mkv").write_bytes(b"precious")
    assert main([str(source)]) == 0
    assert (tmp_path / "film-color.mkv").read_bytes() == b"precious"
    assert "is there already; --overwrite colors it again" in capfd.readouterr().err
    assert main([str(source), "--overwrite"]) == 0
    assert len(planes(tmp_path / "film-color.mkv")) == 12


def test_a_dry_run_tells_and_writes_nothing(source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(source), "-o", str(tmp_path / "out"), "--dry-run"]) == 0
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{source} -> {tmp_path / 'out' / 'film.mkv'}\n"
    assert stderr == f"colorize: {source}: 96×72 px, 8 bit, 0:00:01\n"
    assert list(tmp_path.iterdir()) == [source]


def test_a_film_that_fails_does_not_stop_the_next(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"no film at all")
    assert main([str(broken), str(source), "-o", str(tmp_path / "out")]) == 1
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{tmp_path / 'out' / 'film.mkv'}\n"
    assert stderr.startswith(f"colorize: {broken}: expected a film, cannot be opened")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["film.mkv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["film.mkv", "--hint", "3,4,#ff0000"], "--hint is for photos"),
        (["film.mkv", "--format", "png"], "--format is for photos"),
        (["film.mkv", "--watch"], "--watch is for photos"),
        (["photo.png", "--codec", "ffv1"], "--codec is for films"),
        (["photo.png", "film.mkv"], "films and photos are colored by calls of their own"),
        (["film.mkv", "--crf", "64"], "crf must be a whole number from 0 to 63"),
        (["film.mkv", "--codec", "mpeg"], "unknown codec 'mpeg': expected one of x264, av1, ffv1"),
        (["gone.mkv"], "gone.mkv: there is no such file"),
    ],
)
def test_what_does_not_go_with_films_is_one_line(
    arguments: list[str], said: str, source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(source.parent)
    assert main(arguments) == 2
    stdout, stderr = capfd.readouterr()
    assert stdout == "" and said in stderr and stderr.count("\n") == 1


def test_without_the_extra_one_line_says_what_brings_it(
    source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(requirements, "is_installed", lambda module: module != "av")
    assert main([str(source)]) == 2
    assert capfd.readouterr() == (
        "",
        "colorize: Coloring films needs av, which is not installed: pip install 'colorize-photos[video]'\n",
    )


def test_results_lie_where_those_of_photos_would(tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mp4", "a-color.mkv"):
        (tmp_path / name).touch()
    named = [str(tmp_path / name) for name in ("a.mkv", "b.mp4", "a-color.mkv")]  # as a wildcard gives them
    assert plan_films(named, None) == [
        FilmJob(tmp_path / "a.mkv", tmp_path / "a-color.mkv"),
        FilmJob(tmp_path / "b.mp4", tmp_path / "b.mp4-color.mkv"),
    ]
    assert [job.target.name for job in plan_films(named[:2], tmp_path / "out")] == ["a.mkv", "b.mp4.mkv"]


def test_no_result_replaces_a_film_or_another_result(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.mkv", "sub/a.mkv"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match="would replace a film"):
        plan_films([str(tmp_path / "a.mkv")], tmp_path)
    with pytest.raises(ConfigError, match="would be the result of both"):
        plan_films([str(tmp_path / "a.mkv"), str(tmp_path / "sub" / "a.mkv")], tmp_path / "out")
    with pytest.raises(DataError, match="there is no such file"):
        plan_films([str(tmp_path / "b.mkv")], None)


def test_what_a_killed_run_left_is_removed_by_the_next(source: Path, tmp_path: Path) -> None:
    left = tmp_path / ".colorize-0123456789abcdef.tmp"
    left.write_bytes(b"half a film")
    assert main([str(source), "--device", "cpu"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film-color.mkv", "film.mkv"]


@pytest.mark.skipif(sys.platform == "win32", reason="uses signals of POSIX")
def test_ctrl_c_leaves_nothing(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames * 40)
    held = (
        "import sys; from colorize.video import film; from colorize.cli import main; write = film.colored\n"
        "def told(*arguments):\n    print('begun', file=sys.stderr, flush=True); return write(*arguments)\n"
        "film.colored = told; sys.exit(main(sys.argv[1:]))"
    )
    call = [sys.executable, "-c", held, str(source)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    assert stderr.replace("begun\n", "") == f"colorize: interrupted; nothing of {tmp_path / 'film-color.mkv'} is kept\n"
    assert list(tmp_path.iterdir()) == [source]
