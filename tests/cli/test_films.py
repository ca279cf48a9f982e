"""`colorize film.mkv`: the same command, told apart by the suffix."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize import Colorizer, requirements
from colorize.cli import films as films_of_the_command
from colorize.cli import main
from colorize.cli.films import FilmJob, Films, moment_of, parse_time, plan_films, read_cuts, read_frames
from colorize.color.units import FloatArray
from colorize.errors import ConfigError, DataError
from colorize.options import ColorizeOptions, FilmOptions
from colorize.video import preview, survey
from tests.stand_ins import StandInEngine, one_color
from tests.video.films import Gray, gray_of, pan, photo, planes, shot, write_film

pytestmark = pytest.mark.film

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
        assert np.hypot(colored[1].std(), colored[2].std()) > 3  # the network found several colors


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
    told = r"96×72 px, 8 bit, 0:00:01, 1 shot; about 0:00:0\d of work \([\d.]+ frames/s\) and [\d.]+ [kM]B"
    assert re.fullmatch(rf"colorize: {re.escape(str(source))}: {told}\n", stderr)
    assert list(tmp_path.iterdir()) == [source]


def test_a_film_that_fails_does_not_stop_the_next(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken, odd = tmp_path / "broken.avi", tmp_path / "odd.mkv"
    broken.write_bytes(b"no film at all")
    write_film(odd, [np.full((71, 95), 90, np.uint8)])
    assert main([str(broken), str(odd), str(source), "-o", str(tmp_path / "out")]) == 1
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{tmp_path / 'out' / 'film.mkv'}\n"
    of_broken, of_odd, _ = stderr.splitlines()
    assert of_broken.startswith(f"colorize: {broken}: expected a film, cannot be opened")
    assert of_odd.startswith(f"colorize: {odd}: has 95×71 px of yuv420p, codec x264 takes no odd side")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["film.mkv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["film.mkv", "--hint", "3,4,#ff0000"], "--hint is for photos"),
        (["film.mkv", "--reference", "photo.png"], "photo.png: expected a folder of frames in color"),
        (["film.mkv", "--reference", "."], ".: expected images called by the number or the time of their frame"),
        (["film.mkv", "--hints", "gone-7.png"], "gone-7.png: no such file"),
        (["film.mkv", "--hints", "gone.png"], "gone.png: expected a name that ends in the number of a frame"),
        (["film.mkv", "--format", "png"], "--format is for photos"),
        (["film.mkv", "--watch"], "--watch is for photos"),
        (["photo.png", "--codec", "ffv1"], "--codec is for films"),
        (["photo.png", "film.mkv"], "films and photos are colored by calls of their own"),
        (["film.mkv", "--crf", "64"], "crf must be a whole number from 0 to 63"),
        (["film.mkv", "--every", "17"], "every must be a whole number from 1 to 16, got 17"),
        (["film.mkv", "--start", "1m"], "--start: expected seconds, minutes:seconds or h:mm:ss, got '1m'"),
        (["film.mkv", "--start", "9", "--end", "0:04"], "end must be after start, got 9 s to 4 s"),
        (["film.mkv", "--cuts", "nowhere.txt"], "nowhere.txt: expected a text file of cuts"),
        (["film.mkv", "--preview", "--dry-run"], "--preview and --dry-run do not go together"),
        (["photo.png", "--preview"], "--preview is for films"),
        (["photo.png", "--start", "0"], "--start is for films"),
        (["photo.png", "--force"], "--force is for films"),
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


def test_the_output_of_one_film_may_name_its_result(source: Path, tmp_path: Path) -> None:
    assert main([str(source), "-o", str(tmp_path / "grandpa.mkv")]) == 0
    assert len(planes(tmp_path / "grandpa.mkv")) == 12
    assert [job.target.name for job in plan_films([str(source)], f"{tmp_path / 'reels.mkv'}/")] == ["film.mkv"]


@pytest.mark.parametrize(
    ("films", "output", "said"),
    [
        (["film.mkv"], "grandpa.mp4", "grandpa.mp4: expected a name that ends in .mkv, which films are written as"),
        (["film.mkv"], "notes.txt", "notes.txt: expected a name that ends in .mkv, which films are written as"),
        (
            ["film.mkv", "b.mkv"],
            "c.mkv",
            "c.mkv: expected a folder for the results of several films, this names a file",
        ),
        (["film.mkv"], "film.mkv", "film.mkv: the result of film.mkv would replace a film"),
    ],
)
def test_an_output_that_no_film_can_have_is_refused_and_no_folder_made_of_it(
    films: list[str],
    output: str,
    said: str,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(source.parent)
    Path("b.mkv").touch()
    Path("notes.txt").touch()
    before = sorted(Path().iterdir())
    assert main([*films, "-o", output, "--overwrite"]) == 2
    assert capfd.readouterr().err.startswith(f"colorize: {said}")
    assert sorted(Path().iterdir()) == before


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
def test_ctrl_c_keeps_segments_and_the_same_command_goes_on(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames * 10)
    target = tmp_path / "film-color.mkv"
    held = (
        "import sys; from fractions import Fraction; from colorize.video import film; from colorize.cli import main\n"
        "film.LEAST, film.MOST = Fraction(1), Fraction(2); add = film.FilmWork.add\n"
        "def told(*arguments):\n    add(*arguments); print('written', file=sys.stderr, flush=True)\n"
        "film.FilmWork.add = told; sys.exit(main(sys.argv[1:]))"
    )
    call = [sys.executable, "-c", held, str(source)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "written\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, "")
    assert stderr.replace("written\n", "") == f"colorize: interrupted; run the same command to go on with {target}\n"
    done = subprocess.run(call, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == f"{target}\n"
    assert re.search(r"120 frames in \d+ shots, [1-9]\d* of them earlier \([\d.]+ frames/s\)\n", done.stderr)
    assert sorted(tmp_path.iterdir()) == [target, source]
    assert len(planes(target)) == 120


def test_a_preview_shows_stills_of_each_shot_and_ten_seconds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shots = [shot(photo(name), pan(1), 30, (96, 72)) for name in ("coffee", "astronaut")]
    source = write_film(tmp_path / "film.mkv", [gray_of(each) for frames in shots for each in frames])
    assert main([str(source), "--preview", "--size", "64", "--device", "cpu"]) == 0
    sheet, film = (tmp_path / f"film-color-preview{suffix}" for suffix in (".jpg", ".mkv"))
    assert capfd.readouterr().out == f"{sheet}\n{film}\n"
    with Image.open(sheet) as image:
        width, height = image.size
        pixels = np.asarray(image).astype(int)
    assert width == 3 * 328 + 8
    assert height == 2 * (240 + 24) + 8
    rows = [pixels[24 + 264 * number : 264 + 264 * number] for number in range(2)]
    for row in rows:
        stills = [row[:, 8 + 328 * column : 328 + 328 * column] for column in range(3)]
        for still in stills:
            assert np.ptp(still, axis=2).mean() > 2  # in color
        assert np.abs(stills[0] - stills[2]).mean() > 1  # at different times
    assert len(planes(film)) == 60
    assert main([str(source), "--preview", "--size", "64", "--device", "cpu"]) == 0
    assert "is there already; --overwrite makes it again" in capfd.readouterr().err


def test_a_film_whose_sound_is_longer_than_its_picture_has_a_dry_run_and_a_preview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = [gray_of(each) for each in shot(photo("coffee"), pan(1), 3, (96, 72))]
    source = write_film(tmp_path / "film.mkv", frames, extras=True)  # 0.12 s of picture, 1.2 s of sound
    monkeypatch.setattr(preview, "_WHOLE_UP_TO", 0.5)
    monkeypatch.setattr(preview, "_SAMPLE", 0.2)
    monkeypatch.setattr(preview, "SECONDS", 0.3)
    monkeypatch.setattr(survey, "_WHOLE_UP_TO", 0.5)
    monkeypatch.setattr(survey, "_COLORED", (3, 0.2))
    monkeypatch.setattr(survey, "_LOOKED_AT", (3, 0.2))
    assert main([str(source), "--dry-run", "--size", "64", "--device", "cpu"]) == 0
    assert "about 1 shot;" in capfd.readouterr().err
    assert main([str(source), "--preview", "--size", "64", "--device", "cpu"]) == 0
    assert len(planes(tmp_path / "film-color-preview.mkv")) == 3
    colorizer = Colorizer.load(device="cpu")
    still, _ = preview.middle_still(source, ColorizeOptions(size=64), FilmOptions(), colorizer=colorizer, width=96)
    assert np.corrcoef(np.asarray(still).ravel(), frames[0].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("option", [[], ["--dry-run"], ["--preview"]])
def test_a_part_without_a_picture_is_one_sentence(
    option: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = [gray_of(each) for each in shot(photo("coffee"), pan(1), 3, (96, 72))]
    source = write_film(tmp_path / "film.mkv", frames, extras=True)
    assert main([str(source), "--start", "0.8", *option, "--size", "64", "--device", "cpu"]) == 1
    said = capfd.readouterr().err
    assert said == f"colorize: {source}: expected a picture from 0.8 s on, there is none\n"
    assert list(tmp_path.iterdir()) == [source]


def test_a_preview_that_cannot_be_written_does_not_stop_the_next(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copy(source, tmp_path / "other.mkv")
    (tmp_path / "film-color-preview.jpg").mkdir()
    assert main([str(source), str(other), "--preview", "--overwrite", "--size", "64", "--device", "cpu"]) == 1
    stdout, stderr = capfd.readouterr()
    assert stdout.splitlines() == [str(tmp_path / f"other-color-preview{suffix}") for suffix in (".jpg", ".mkv")]
    assert stderr == f"colorize: {tmp_path / 'film-color-preview.jpg'}: cannot be written (Is a directory)\n"


def test_a_film_that_takes_too_much_memory_does_not_stop_the_next(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []

    def too_much_at_first(l: FloatArray) -> FloatArray:
        calls.append(len(calls))
        if len(calls) == 1:
            raise MemoryError
        return one_color(0.1, -0.1)(l)

    films = Films(lambda: Colorizer(StandInEngine(too_much_at_first)), ColorizeOptions(), FilmOptions())
    jobs = [FilmJob(source, tmp_path / f"{number}.mkv") for number in range(2)]
    assert films.color(jobs, str(tmp_path / "report.jsonl")) == 1
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{jobs[1].target}\n"
    assert stderr.splitlines()[0] == f"colorize: {source}: not enough memory"
    statuses = [json.loads(line)["status"] for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert statuses == ["failed", "done"]


def test_no_preview_is_made_of_a_film_that_the_codec_does_not_take(tmp_path: Path) -> None:
    source = write_film(tmp_path / "odd.mkv", [np.full((71, 95), 90, np.uint8)])
    assert main([str(source), "--preview"]) == 1
    assert list(tmp_path.iterdir()) == [source]


def test_a_preview_shows_what_was_said_of_a_frame(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    frames = [gray_of(each) for each in shot(photo("coffee"), pan(1), 30, (96, 72))]
    uneven = [40 * number + number % 7 for number in range(len(frames))]
    source = write_film(tmp_path / "film.mkv", frames, times=uneven)
    given = tmp_path / "painted"
    given.mkdir()
    for name in ("17.png", "99.png"):
        Image.new("RGB", (96, 72), (200, 40, 40)).save(given / name)
    assert main([str(source), "--preview", "--reference", str(given), "--size", "64", "--device", "cpu"]) == 0
    assert f"{source}: what is given for frame 99: there is no such frame\n" in capfd.readouterr().err
    film = planes(tmp_path / "film-color-preview.mkv")
    assert len(film) == 13  # from frame 17 on
    assert np.median(film[0][2]) > 145  # Cr: red


def test_a_preview_of_a_long_film_shows_the_places_of_which_something_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "_WHOLE_UP_TO", 0.5)
    monkeypatch.setattr(preview, "_SAMPLE", 0.2)
    frames = [gray_of(each) for each in shot(photo("coffee"), pan(1), 30, (96, 72))]
    source = write_film(tmp_path / "film.mkv", frames)
    given = tmp_path / "painted"
    given.mkdir()
    for name, color in (("3.png", (200, 40, 40)), ("20.png", (40, 60, 200))):
        Image.new("RGB", (96, 72), color).save(given / name)
    assert main([str(source), "--preview", "--reference", str(given), "--size", "64", "--device", "cpu"]) == 0
    with Image.open(tmp_path / "film-color-preview.jpg") as image:
        pixels = np.asarray(image).astype(int)
    assert len(pixels) == 2 * (240 + 24) + 8
    red, _, blue = np.moveaxis(pixels[:, 8:328], -1, 0)
    assert np.median((red - blue)[24:264]) > 30
    assert np.median((blue - red)[288:528]) > 30


def test_each_film_is_reported_in_a_line(source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken, report = tmp_path / "broken.mkv", tmp_path / "report.jsonl"
    broken.write_bytes(b"no film at all")
    call = [str(broken), str(source), "-o", str(tmp_path / "out"), "--report", str(report), "--device", "cpu"]
    assert main(call) == 1
    assert main(call) == 1
    failed, done, _, skipped = (json.loads(line) for line in report.read_text().splitlines())
    assert (failed["source"], failed["status"], failed["target_bytes"]) == (str(broken), "failed", None)
    assert failed["reason"].startswith(f"{broken}: expected a film")
    assert (done["status"], done["frames"], done["shots"], done["width"], done["height"]) == ("done", 12, 1, 96, 72)
    assert done["target_bytes"] == (tmp_path / "out" / "film.mkv").stat().st_size
    assert (skipped["status"], skipped["frames"]) == ("skipped", None)
    capfd.readouterr()
    assert main([*call[:-4], "--report", "-", "--device", "cpu"]) == 1
    printed = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["status"] for line in printed] == ["failed", "skipped"]


def test_progress_is_a_line_now_and_then_without_a_terminal(
    source: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(films_of_the_command, "TOLD_EVERY", 0.0)
    assert main([str(source), "--device", "cpu"]) == 0
    lines = capfd.readouterr().err.splitlines()
    assert re.fullmatch(r"colorize: film\.mkv: 5 of 30 frames, [\d.]+ frames/s, 0:00:0\d left", lines[4])


@pytest.mark.parametrize(
    ("text", "seconds"), [("75", 75), ("1:15", 75), ("0:01:15.5", 75.5), ("2:00:00", 7200), ("0", 0), ("3.", 3)]
)
def test_times_are_read_as_players_write_them(text: str, seconds: float) -> None:
    assert parse_time("--start", text) == seconds


def test_cuts_are_numbers_of_frames_and_times(tmp_path: Path) -> None:
    path = tmp_path / "cuts.txt"
    path.write_text("# of reel one\n120\n\n0:12.5  # a door\n3.0\n")
    cuts = read_cuts(path)
    assert cuts == (120, 12.5, 3.0)
    assert [type(cut) for cut in cuts] == [int, float, float]
    path.write_text("120\nnoon\n")
    with pytest.raises(
        ConfigError, match=r"cuts\.txt, line 2: expected seconds, minutes:seconds or h:mm:ss, got 'noon'"
    ):
        read_cuts(path)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        *[("120.png", 120), ("0007.jpg", 7), ("frame-0120.png", 120), ("shot 3 take 12.tif", 12)],
        *[("83.2.png", 83.2), ("1-23.2.png", 83.2), ("0_01_23.png", 83.0), ("1:00:00.5.png", 3600.5)],
    ],
)
def test_images_are_called_by_their_frame(name: str, moment: float) -> None:
    found = moment_of(Path(name))
    assert found == moment and type(found) is type(moment)


def test_a_folder_of_frames_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: Path) -> Iterator[Path]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(DataError, match=rf"^{re.escape(str(tmp_path))}: cannot be read \(Permission denied\)$"):
        read_frames(None, [tmp_path])


def test_two_images_of_one_frame_are_one_sentence(tmp_path: Path) -> None:
    for name in ("7.png", "frame-07.png"):
        Image.new("RGB", (8, 8), "red").save(tmp_path / name)
    with pytest.raises(ConfigError, match=r"frame-07\.png: .*7\.png is for the same frame"):
        read_frames(None, [tmp_path])


def test_frames_in_color_and_hints_come_from_folders(
    source: Path, frames: list[Gray], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for folder in ("painted", "hints"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (96, 72), (30, 60, 220)).save(tmp_path / "painted" / "0-00.png")
    (tmp_path / "painted" / "notes.txt").write_text("blue")
    mask = Image.new("RGBA", (96, 72))
    mask.paste((230, 30, 30, 255), (40, 30, 48, 38))
    mask.save(tmp_path / "hints" / "frame-0000.png")
    call = [str(source), "--codec", "ffv1", "--device", "cpu", "--overwrite"]
    assert main([*call, "--reference", str(tmp_path / "painted")]) == 0
    blue = planes(tmp_path / "film-color.mkv")
    assert np.median(blue[0][1]) > 150 and np.median(blue[-1][1]) > 145  # Cb
    assert main(call) == 0
    ours = planes(tmp_path / "film-color.mkv")
    assert main([*call, "--hints", str(tmp_path / "hints")]) == 0
    hinted = planes(tmp_path / "film-color.mkv")
    assert hinted[0][2][16:18, 21:23].mean() > ours[0][2][16:18, 21:23].mean() + 15  # Cr
    (tmp_path / "hints" / "frame-0000.png").unlink()
    (tmp_path / "hints" / "0-00.json").write_text('{"hints": [{"x": 44, "y": 34, "color": "#e61e1e", "reach": 12}]}')
    assert main([*call, "--hints", str(tmp_path / "hints")]) == 0
    near = planes(tmp_path / "film-color.mkv")
    assert near[0][2][16:18, 21:23].mean() > ours[0][2][16:18, 21:23].mean() + 15
    assert np.abs(near[0][2].astype(int) - ours[0][2])[28:].max() <= 1  # beyond its reach
    capfd.readouterr()
    (tmp_path / "painted" / "9000.png").write_bytes((tmp_path / "painted" / "0-00.png").read_bytes())
    assert main([*call, "--reference", str(tmp_path / "painted")]) == 0
    assert "written without what is given for frame 9000: there is no such frame" in capfd.readouterr().err
