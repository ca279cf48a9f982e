"""Films that are stopped and gone on with: the result is that of an unbroken run, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorize.coloring.colorizer import Colorizer
from colorize.errors import FilmError
from colorize.options import ColorizeOptions, FilmOptions
from colorize.video import FilmResult, colorize_film, film
from colorize.video.segments import folder_of, identity_of, work_on
from tests.video.films import Gray, gray_of, packets, pan, photo, planes, shot, times, write_film

pytestmark = pytest.mark.film

ROOT = Path(__file__).parents[2]
SIZE = (128, 96)  # at other widths than multiples of 128, x264 itself decides otherwise from run to run
LEAST, MOST = Fraction(1), Fraction(3, 2)  # seconds of a segment, so that small films have several


@pytest.fixture(scope="module")
def frames() -> list[Gray]:
    """Shots of 30, 20 and 130 frames: the last one is longer than a segment may be."""
    views = [("coffee", pan(1), 30), ("astronaut", pan(2, 1), 20), ("chelsea", pan(1.5, 0.5, (20, 20)), 130)]
    return [gray_of(each) for name, place, count in views for each in shot(photo(name), place, count, SIZE)]


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer.load(device="cpu", engine="onnx")


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "LEAST", LEAST)
    monkeypatch.setattr(film, "MOST", MOST)


@pytest.fixture
def source(frames: list[Gray], tmp_path: Path) -> Path:
    """With key frames only now and then, times that are not even, and sound."""
    when = [40 * number + number % 7 for number in range(len(frames))]
    return write_film(tmp_path / "film.mkv", frames, codec="libx264", times=when, extras=True)


@pytest.fixture
def color(source: Path, colorizer: Colorizer) -> Callable[..., FilmResult]:
    def run(name: str, stop_at: int | None = None, film_options: FilmOptions | None = None, **more: Any) -> FilmResult:
        def progress(done: int, total: int | None) -> None:
            if done == stop_at:
                raise KeyboardInterrupt

        return colorize_film(
            source,
            source.with_name(name),
            ColorizeOptions(**more),
            film_options or FilmOptions(codec="ffv1"),
            colorizer=colorizer,
            progress=progress,
        )

    return run


def same(one: Path, other: Path) -> bool:
    """Whether two films are the same in every pixel, moment and packet of sound."""
    pictures = zip(planes(one), planes(other), strict=True)
    return (
        all(np.array_equal(a, b) for left, right in pictures for a, b in zip(left, right, strict=True))
        and times(one) == times(other)
        and packets(one) == packets(other)
    )


def files_beside(source: Path) -> list[str]:
    return sorted(path.name for path in source.parent.iterdir())


def test_a_film_that_is_stopped_again_and_again_becomes_the_same(
    source: Path, color: Callable[..., FilmResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = color("whole.mkv")
    resumed = []
    for stop_at in (29, 31, 74, 130, 180):
        with pytest.raises(KeyboardInterrupt):
            color("stopped.mkv", stop_at)
        journal = (
            json.loads((folder_of(source.with_name("stopped.mkv")) / "journal.json").read_bytes())
            if stop_at > 30
            else None
        )
        resumed.append(journal["segments"][-1]["following"]["frames"] if journal else 0)
    assert resumed == [0, 30, 70, 110, 150]  # at a cut, then inside of a shot, on key frames
    result = color("stopped.mkv")
    assert (result.frames, result.shots, result.resumed) == (whole.frames, whole.shots, 150) == (180, 3, 150)
    assert same(source.with_name("whole.mkv"), source.with_name("stopped.mkv"))
    assert files_beside(source) == ["film.mkv", "stopped.mkv", "whole.mkv"]


@pytest.mark.slow  # 18 s each
@pytest.mark.parametrize("codec", ["x264", "av1"])
def test_other_codecs_go_on_as_well(codec: str, source: Path, color: Callable[..., FilmResult]) -> None:
    options = FilmOptions(codec=codec)
    color("whole.mkv", None, options)
    with pytest.raises(KeyboardInterrupt):
        color("stopped.mkv", 100, options)
    assert color("stopped.mkv", None, options).resumed == 70
    assert same(source.with_name("whole.mkv"), source.with_name("stopped.mkv"))


def test_a_part_of_a_film_goes_on_as_well(source: Path, color: Callable[..., FilmResult]) -> None:
    options = FilmOptions(codec="ffv1", start=2.2, end=6.5, every=3)
    color("whole.mkv", None, options)
    with pytest.raises(KeyboardInterrupt):
        color("stopped.mkv", 90, options)
    assert color("stopped.mkv", None, options).resumed > 40
    assert same(source.with_name("whole.mkv"), source.with_name("stopped.mkv"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"strength": 0.5}, "strength 1.0"),
        ({"film_options": FilmOptions(codec="ffv1", every=2)}, "every 4"),
        ({"film_options": FilmOptions(codec="x264")}, "codec ffv1"),
    ],
)
def test_other_settings_are_told_and_nothing_is_lost(
    changed: dict[str, Any], said: str, source: Path, color: Callable[..., FilmResult]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        color("film-color.mkv", 75)
    message = rf"film-color\.mkv: is half done with {said}; give the same again to go on, or --overwrite to begin anew$"
    with pytest.raises(FilmError, match=message):
        color("film-color.mkv", **changed)
    assert color("film-color.mkv").resumed == 70


def test_a_source_that_has_changed_is_told_and_may_begin_anew(
    frames: list[Gray], source: Path, color: Callable[..., FilmResult]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        color("film-color.mkv", 75)
    write_film(source, frames[:60])
    with pytest.raises(FilmError, match="is half done with another content of the source"):
        color("film-color.mkv")
    result = color("film-color.mkv", overwrite=True)
    assert (result.frames, result.resumed) == (60, 0)
    assert files_beside(source) == ["film-color.mkv", "film.mkv"]


def test_segments_that_were_lost_are_made_again(source: Path, color: Callable[..., FilmResult]) -> None:
    color("whole.mkv")
    with pytest.raises(KeyboardInterrupt):
        color("stopped.mkv", 130)
    folder = folder_of(source.with_name("stopped.mkv"))
    (folder / "00002.nut").write_bytes(b"")
    (folder / ".colorize-0123456789abcdef.tmp").write_bytes(b"half a segment")
    assert color("stopped.mkv").resumed == 30
    assert same(source.with_name("whole.mkv"), source.with_name("stopped.mkv"))


def test_frames_that_come_out_otherwise_are_told(
    source: Path, color: Callable[..., FilmResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        color("film-color.mkv", 75)
    journal = folder_of(source.with_name("film-color.mkv")) / "journal.json"
    content = json.loads(journal.read_bytes())
    content["segments"][-1]["following"]["before"][-1][1] += 1
    journal.write_text(json.dumps(content))
    with pytest.raises(FilmError, match=r"film\.mkv: the frames at 2\.\d s are others than before$"):
        color("film-color.mkv")


def test_a_film_is_colored_by_one_process_at_a_time(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "film-color.mkv"
    tied_to = {"source": identity_of(source), "settings": {}}
    code = (
        "import sys; from pathlib import Path; from colorize.errors import FilmError\n"
        "from colorize.video.segments import work_on\n"
        "try:\n    with work_on(Path(sys.argv[1]), {'source': {}, 'settings': {}}, anew=True): print('both')\n"
        "except FilmError as error: print(error)"
    )
    with work_on(target, tied_to, anew=False):
        done = subprocess.run(
            [sys.executable, "-c", code, str(target)], cwd=ROOT, capture_output=True, text=True, check=True
        )
    assert done.stdout == f"{target}: process {os.getpid()} is coloring this film\n"
    assert files_beside(source) == ["film.mkv"]


@pytest.mark.slow  # six processes, 20 s of CPU time
@pytest.mark.skipif(sys.platform == "win32", reason="uses signals of POSIX")
def test_a_film_that_is_killed_at_any_moment_becomes_the_same(source: Path, color: Callable[..., FilmResult]) -> None:
    """Files are brought onto the disk in turns: a segment, the journal, and at the end the film."""
    color("whole.mkv")
    target = source.with_name("killed.mkv")
    folder = folder_of(target)
    for moment, entered, there in (
        ("file 2", 0, 1),  # the first segment is whole, the journal does not know it yet
        ("frame 60", 1, 1),
        ("folder 4", 3, 3),  # of this process: the third segment has just been entered
        ("file 5", 5, 5),  # the film, of which all segments are there
    ):
        assert color_in_process(source, target, moment) == -signal.SIGKILL
        assert not target.exists()
        journal = folder / "journal.json"
        assert (len(json.loads(journal.read_bytes())["segments"]) if journal.exists() else 0) == entered
        assert len(list(folder.glob("*.nut"))) == there <= entered + 1
    assert color_in_process(source, target) == 0
    assert same(source.with_name("whole.mkv"), target)
    assert files_beside(source) == ["film.mkv", "killed.mkv", "whole.mkv"]


def color_in_process(source: Path, target: Path, killed_at: str = "never 0") -> int:
    """Color a film in a process that is killed at a frame, or when a file or its folder is brought onto the disk.

    Returns:
        Its exit status.
    """
    code = f"""
import os, signal, sys
from fractions import Fraction
from colorize.coloring.colorizer import Colorizer
from colorize.options import FilmOptions
from colorize.system import files
from colorize.video import film

film.LEAST, film.MOST = Fraction("{film.LEAST}"), Fraction("{film.MOST}")
what, number = sys.argv[3].split()
passed = dict.fromkeys(("file", "folder", "frame"), 0)

def tell(kind, done):
    passed[kind] = done
    if (kind, done) == (what, int(number)):
        os.kill(os.getpid(), signal.SIGKILL)

def telling(kind, act):
    return lambda place: (tell(kind, passed[kind] + 1), act(place))

files._sync = telling("file", files._sync)
files._sync_folder = telling("folder", files._sync_folder)
colorizer = Colorizer.load(device="cpu", engine="onnx")
film.colorize_film(sys.argv[1], sys.argv[2], film_options=FilmOptions(codec="ffv1"), colorizer=colorizer,
                   progress=lambda done, total: tell("frame", done))
"""
    call = [sys.executable, "-c", code, str(source), str(target), killed_at]
    return subprocess.run(call, cwd=ROOT, check=False).returncode
