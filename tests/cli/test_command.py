"""The `colorize` command as a shell sees it: streams, exit statuses, one line for every mistake."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import colorize
from colorize.cli import command, main
from colorize.models.architectures import build_generator
from colorize.models.weights import save_generator
from colorize.system import memory
from tests.stand_ins import StandInColorizer, StandInEngine, TwoHalves, one_color

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model file, if a small one that learned nothing."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_generator(path, build_generator("unet", {"ngf": 4, "depth": 3}))
    return path


@pytest.fixture(autouse=True)
def default_malloc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: False)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    levels = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    Image.fromarray(levels).save(folder / "a.png")
    Image.fromarray(levels[:20]).save(folder / "sub" / "b.jpg")
    return folder


def test_results_on_stdout_the_rest_on_stderr(
    photos: Path, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = [str(photos), "-o", str(out), "--model", str(model), "--size", "64", "--device", "cpu"]
    assert main(arguments) == 0
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{out / 'a.png'}\n{out / 'sub' / 'b.jpg'}\n"
    assert re.fullmatch(r"colorize: 2 colorized \([\d.]+ photos/s\)\n", stderr)
    with Image.open(out / "a.png") as result:
        assert (result.mode, result.size) == ("RGB", (60, 40))

    assert main(arguments) == 0  # a second call leaves what is there
    assert capfd.readouterr() == (stdout, "colorize: 2 already done\n")
    assert main([*arguments, "--overwrite"]) == 0
    assert capfd.readouterr().out == stdout
    assert main([str(photos / "a.png"), *arguments[1:]]) == 0
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{out / 'a.png'}\n"
    assert stderr.startswith("colorize: 1 already done\n")
    assert "--overwrite" in stderr


def test_a_photo_in_color_is_told_and_left_alone_where_that_is_asked_for(
    photos: Path, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(colors).resize((80, 60)).save(photos / "color.png")
    arguments = [str(photos), "--model", str(model), "--size", "64", "--report", str(tmp_path / "report")]
    assert main([*arguments, "--skip-color"]) == 0
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{photos / 'a-color.png'}\n{photos / 'sub' / 'b-color.jpg'}\n"
    assert re.match("colorize: 2 colorized, 1 skipped .*in color", stderr)
    assert main(arguments) == 0
    stdout, stderr = capfd.readouterr()
    results = ("a-color.png", "color-color.png", "sub/b-color.jpg")
    assert stdout == "".join(f"{photos / name}\n" for name in results)
    assert re.search("^colorize: 1 .*in color already.*--skip-color", stderr, re.MULTILINE)
    lines = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    of_color = [line for line in lines if line["source"].endswith("color.png")]
    assert [line["status"] for line in of_color] == ["left", "done"]
    assert [line["original"] for line in of_color] == ["colored", "colored"]
    assert of_color[0]["target_bytes"] is None


def test_a_bad_photo_is_one_line_and_exit_1_and_the_rest_is_done(
    photos: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (photos / "bad.png").write_text("no photo")
    assert main([str(photos), "--model", str(model), "--size", "64"]) == 1
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{photos / 'a-color.png'}\n{photos / 'sub' / 'b-color.jpg'}\n"
    assert stderr.splitlines()[0].startswith(f"colorize: {photos / 'bad.png'}: expected a photo")
    assert re.fullmatch(r"colorize: 2 colorized, 1 failed \([\d.]+ photos/s\)", stderr.splitlines()[1])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "expected paths of photos, folders or films, got none"),
        (["{in}", "-o", ""], "-o is empty: expected a folder for the results, or the result of one photo"),
        (["{in}", "-o", "{in}/out.jpg"], "out.jpg: expected a folder for the results of several photos"),
        (["{in}/a.png", "{in}/sub/b.jpg", "-o", "{in}/out.jpg"], "out.jpg: expected a folder for the results of sev"),
        (["{in}/a.png", "-o", "{in}/out.gif"], "out.gif: cannot write .gif, expected .jpg, .jpeg"),
        (["{in}/a.png", "-o", "{in}/x.jpg", "--format", "png"], "x.jpg and --format png ask for different formats"),
        (["{in}/a.png", "-o", "{in}/a.png"], "a.png: the result of"),
        (["--files-from", "{missing}"], "missing: the list of paths cannot be read (No such file or directory)"),
        (["{in}", "-0"], "--null is about the paths of --files-from"),
        (["{in}", "--dry-run", "--model", "{missing}"], "missing: no such model file"),
        (["{in}", "--dry-run", "--model", "{in}/a.png"], "expected a safetensors file"),
        (["{missing}"], "missing: no such file or folder"),
        (["{empty}"], "no photos in"),
        (["{in}", "-o", "{in}/a.png"], "expected a folder for the results"),
        (["{in}", "--strength", "3"], "strength must be a number from 0 to 2, got 3.0"),
        (["{in}", "--strength", "nan"], "strength must be a number from 0 to 2, got nan"),
        (["{in}", "--strength", "much"], "Invalid value for '--strength'"),
        (["{in}", "--size", "1"], "size must be a whole number from 32 to 2048, got 1"),
        (["{in}", "--device", "abacus"], "unknown device 'abacus': expected one of auto, cpu, cuda, mps"),
        (["{in}", "--engine", "steam"], "unknown engine 'steam': expected one of auto, torch, onnx"),
        (["{in}", "--engine", "onnx", "--device", "cuda"], "the engine 'onnx' is for the CPU, not for 'cuda'"),
        (["{in}", "--format", "gif"], "unknown format 'gif': expected one of jpg, jpeg, png"),
        (["{in}", "--quality", "0"], "quality must be a whole number from 1 to 100, got 0"),
        (["{in}", "--watch", "--dry-run"], "--watch and --dry-run do not go together"),
        (["{in}", "--dry-run", "--report", "{in}/report"], "--dry-run and --report do not go together"),
        (["{in}", "--verify", "--overwrite"], "--verify and --overwrite do not go together"),
        (["{in}", "--dry-run", "--skip-color"], "--dry-run and --skip-color do not go together"),
        (["{in}", "--report", "{in}/a.png"], "a.png: expected a report of earlier runs (JSON lines)"),
        (["{in}", "--report", "{missing}/report"], "report: the report cannot be written (No such file or directory)"),
        (["{in}/a.png", "--watch"], "a.png: expected a folder to watch, this is a file"),
        (["{missing}", "--watch"], "missing: no such file or folder"),
        (["-", "{in}"], "- stands for one photo: it does not go with"),
        (["-", "-"], "- stands for one photo: it does not go with another one"),
        (["-", "--output", "{missing}"], "- stands for one photo: it does not go with --output"),
        (["{in}/a.png", "{in}/sub/b.jpg", "-o", "-"], "-o - stands for one photo: it does not go with {in}/sub/b.jpg"),
        (["film.mp4", "-o", "-"], "-o -: expected a folder for the results of films"),
        (["{in}", "--variants", "-1"], "variants must be a whole number from 0 to 99, got -1"),
        (["{in}", "--watch", "--variants", "2"], "--watch and --variants do not go together"),
        (["-", "--variants", "2"], "- stands for one photo: it does not go with --variants"),
        (
            ["{in}", "--hint", "1,2,rod"],
            "a hint's color must be #rrggbb, #rgb, a name such as red, or three whole numbers from 0 to 255, got 'rod'",
        ),
        (["{in}", "--hint", "1;2;#ff0000"], "a hint must be X,Y,COLOR or X,Y,COLOR,REACH in pixels, got '1;2;#ff0000'"),
        (["{in}", "--hint", "a,2,#ff0000"], "a hint must be X,Y,COLOR or X,Y,COLOR,REACH in pixels, got 'a,2,#ff0000'"),
        (["{in}", "--hint", "1,2,#ff0000"], "hints belong to one photo, these are 2"),
        (["{in}", "--hint", "1,2,#ff0000", "--hints", "{in}/a.png"], "--hint and --hints do not go together"),
        (["{in}", "--hint", "1,2,#ff0000", "--watch"], "--watch and --hint do not go together"),
        (["{in}/a.png", "--hints", "{missing}"], "missing: no such file"),
        (
            ["{in}/a.png", "--hints", "{in}/a.png"],
            "a.png: expected an image that is transparent where there is no hint",
        ),
        (["{in}", "--model", "{missing}"], "missing: no such model file"),
        (["{in}", "--model", "{in}/a.png"], "expected a safetensors file"),
        (["{in}", "--no-such-option"], "No such option: --no-such-option"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    arguments: list[str], told: str, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    names = {name: str(tmp_path / name) for name in ("in", "missing", "empty")}
    assert main([argument.format(**names) for argument in arguments]) == 2
    stdout, stderr = capfd.readouterr()
    assert stdout == ""
    assert stderr.startswith("colorize: ")
    assert told.replace("{in}", names["in"]) in stderr
    assert stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_jpeg_that_ends_early_is_told_what_saves_it(
    photos: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = photos / "sub" / "b.jpg"
    half = photos / "half.jpg"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    assert main([str(half), "--model", str(model)]) == 1
    _, told = capfd.readouterr().err.splitlines()
    assert told == "colorize: --salvage colors a JPEG that ends early as far as it goes"
    assert main([str(half), "--model", str(model), "--salvage"]) == 0


def test_variants_of_a_model_that_has_none_are_refused_before_the_work(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from colorize.coloring.colorizer import Colorizer

    monkeypatch.setattr(Colorizer, "load", lambda *_: Colorizer(StandInEngine(one_color(0, 0))))
    assert main([str(photos), "-o", str(tmp_path / "out"), "--variants", "1"]) == 2
    assert "--variants: this model knows one coloring only" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_variants_lie_beside_the_first_result_and_are_other_pictures(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from colorize.coloring.colorizer import Colorizer

    monkeypatch.setattr(Colorizer, "load", lambda *_: Colorizer(TwoHalves()))
    assert main([str(photos / "a.png"), "--variants", "2"]) == 0
    names = ["a-color.png", "a-color-variant-1.png", "a-color-variant-2.png"]
    assert capfd.readouterr().out.split() == [str(photos / name) for name in names]
    assert len({(photos / name).read_bytes() for name in names}) > 1
    again = (photos / names[1]).read_bytes()
    assert main([str(photos / "a.png"), "--variants", "2", "--overwrite"]) == 0
    assert (photos / names[1]).read_bytes() == again


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_load", lambda *_: StandInColorizer())


@pytest.mark.usefixtures("stand_in")
def test_a_report_tells_every_photo_of_every_run(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (photos / "bad.png").write_text("no photo")
    arguments = [str(photos), "-o", str(tmp_path / "out"), "--report", str(tmp_path / "report.jsonl")]
    assert main(arguments) == main(arguments) == 1
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert [(Path(line["source"]).name, line["status"]) for line in lines] == [
        *(("a.png", "done"), ("bad.png", "failed"), ("b.jpg", "done")),
        *(("a.png", "skipped"), ("bad.png", "failed"), ("b.jpg", "skipped")),
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.usefixtures("stand_in")
def test_a_report_that_cannot_be_written_costs_no_photo(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos), "-o", str(tmp_path / "out"), "--report", "/dev/full"]) == 1
    stdout, stderr = capfd.readouterr()
    assert len(stdout.splitlines()) == 2
    told = "colorize: /dev/full: the report cannot be written (No space left on device)"
    assert stderr.splitlines()[0].startswith(told)
    assert len(stderr.splitlines()) == 2


@pytest.mark.usefixtures("stand_in")
def test_variants_are_counted_as_such_and_not_as_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from colorize.coloring.colorizer import Colorizer

    monkeypatch.setattr(command, "_load", lambda *_: Colorizer(TwoHalves()))
    Image.new("LA", (12, 9), (100, 100)).save(tmp_path / "a.tga")
    assert main([str(tmp_path / "a.tga"), "--format", "jpg"]) == 0
    capfd.readouterr()
    assert main([str(tmp_path), "--format", "jpg", "--variants", "2"]) == 0
    assert capfd.readouterr().err == "colorize: 2 variants colorized, 1 already done\n"
    assert main([str(tmp_path), "--format", "jpg", "--variants", "2", "--overwrite"]) == 0
    assert capfd.readouterr().err.splitlines() == [
        "colorize: 1 colorized with 2 variants",
        "colorize: 1 written without transparency",
    ]
    (tmp_path / "result.jpg").write_bytes((tmp_path / "a.tga-color.jpg").read_bytes())
    assert main([str(tmp_path), "--variants", "2"]) == 0
    assert capfd.readouterr().err.splitlines() == [
        "colorize: 1 colorized with 2 variants, 1 skipped because they are results themselves",
        "colorize: 1 written as .png: TGA can only be read",
    ]


@pytest.mark.usefixtures("stand_in")
def test_formats_that_cannot_hold_the_colors_are_told_once(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("x.gif", "y.gif", "z.pgm"):
        Image.new("L", (3, 3)).save(photos / name)
    assert main([str(photos), "-o", str(tmp_path / "out")]) == 0
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 2
    assert told[1].startswith("colorize: 3 written as .png: GIF, PPM ")
    assert main([str(photos), "-o", str(tmp_path / "as-asked"), "--format", "webp", "--quality", "50"]) == 0
    assert len(capfd.readouterr().err.splitlines()) == 1
    assert {path.suffix for path in (tmp_path / "as-asked").rglob("*.*")} == {".webp"}


@pytest.mark.usefixtures("stand_in")
def test_what_is_not_read_or_not_held_by_the_format_is_told_once_and_reported_for_each(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("LA", (3, 3), (100, 100)).save(tmp_path / "in" / name)
    Image.new("L", (3, 3)).save(tmp_path / "in/c.png")
    for name in ("d.gif", "e.tif"):
        Image.new("L", (3, 3)).save(tmp_path / "in" / name, save_all=True, append_images=[Image.new("L", (3, 3), 200)])
    arguments = [str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--report", str(tmp_path / "report.jsonl")]
    assert main([*arguments, "--format", "jpg"]) == 0
    told = capfd.readouterr().err.splitlines()
    pictures, pages = "the pictures after the first", "the pages after the first"
    assert told[1:] == [
        "colorize: 2 written without transparency",
        f"colorize: 1 written without {pictures}",
        f"colorize: 1 written without {pages}",
    ]
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert [line["dropped_metadata"] for line in lines] == [["transparency"], ["transparency"], [], [pictures], [pages]]


@pytest.mark.usefixtures("stand_in")
def test_one_photo_may_name_its_result(photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new/out.jpg"
    assert main([str(photos / "a.png"), "-o", str(target), "--variants", "1"]) == 0
    names = [target, tmp_path / "new/out-variant-1.jpg"]
    stdout, stderr = capfd.readouterr()
    assert stdout.splitlines() == [str(name) for name in names]
    assert stderr == "colorize: 1 colorized with 1 variant\n"  # which is no photo of its own
    for name in names:
        with Image.open(name) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
    (tmp_path / "folder.jpg").mkdir()
    assert main([str(photos / "a.png"), "-o", str(tmp_path / "folder.jpg")]) == 0
    assert main([str(photos / "a.png"), "-o", f"{tmp_path}/new.jpg/"]) == 0
    assert capfd.readouterr().out.splitlines() == [f"{tmp_path}/folder.jpg/a.png", f"{tmp_path}/new.jpg/a.png"]


@pytest.mark.usefixtures("stand_in")
def test_a_photo_without_a_known_suffix_keeps_its_format(photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (photos / "sub/b.jpg").rename(photos / "scan")
    Image.new("L", (3, 3)).save(photos / "old", "GIF")
    assert main([str(photos / "scan"), str(photos / "old")]) == 0
    stdout, stderr = capfd.readouterr()
    assert stdout.splitlines() == [str(photos / "scan-color.jpg"), str(photos / "old-color.png")]
    assert stderr.splitlines()[1:] == ["colorize: 1 written as .png: GIF can only be read"]


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("spelled", ["JPG", ".jpg", "Jpeg"])
def test_a_format_may_be_spelled_in_any_case_and_with_its_dot(photos: Path, spelled: str) -> None:
    assert main([str(photos / "a.png"), "--format", spelled]) == 0
    assert [path.name for path in photos.glob("*color*")] == [f"a.png-color.{spelled.lower().removeprefix('.')}"]


@pytest.mark.usefixtures("stand_in")
def test_a_dry_run_prints_what_would_be_done_and_does_nothing(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out/sub").mkdir(parents=True)
    (tmp_path / "out/sub/b.jpg").touch()
    (tmp_path / "out/.colorize-0123456789abcdef.tmp").touch()
    before = sorted(tmp_path.rglob("*"))
    arguments = [str(photos), "-o", str(tmp_path / "out"), "--dry-run"]
    assert main(arguments) == 0
    line = f"{photos / 'a.png'} -> {tmp_path / 'out/a.png'}\n"
    assert capfd.readouterr() == (line, "colorize: 1 to do, 1 already done\n")
    assert main([*arguments, "--overwrite"]) == 0
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{line}{photos / 'sub/b.jpg'} -> {tmp_path / 'out/sub/b.jpg'}\n"
    assert stderr == "colorize: 2 to do\n"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("stand_in")
def test_results_in_a_folder_of_photos_are_told_and_left_alone(photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(photos), "-o", str(photos / "colored")]) == 0
    capfd.readouterr()
    assert main([str(photos), "--dry-run"]) == 0
    assert capfd.readouterr().err == "colorize: 2 to do, 2 skipped because they are results themselves\n"
    (photos / "a.png").write_bytes((photos / "a.png").read_bytes() + b"changed")
    assert main([str(photos), "-o", str(photos / "colored")]) == 0
    stdout, stderr = capfd.readouterr()
    assert str(photos / "colored/a.png") in stdout.splitlines()
    assert "colorize: 1 done again because they have changed since\n" in stderr


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("arguments", [[], ["--dry-run"], ["--verify"]])
def test_a_reader_that_has_gone_away_is_no_traceback(
    arguments: list[str], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(photos), "-o", str(tmp_path / "out")]
    if arguments == ["--verify"]:
        assert main(paths) == 0
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        assert main([*paths, *arguments]) == 1


@pytest.mark.usefixtures("stand_in")
def test_names_that_would_steer_a_terminal_are_told_harmlessly_and_given_as_they_are(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (3, 3)).save(tmp_path / "line\nbreak\x1b[31m.png")
    (tmp_path / "bad\n\x1b[2J.png").touch()
    assert main([str(tmp_path)]) == 1
    stdout, stderr = capfd.readouterr()
    assert stdout == f"{tmp_path}/line\nbreak\x1b[31m-color.png\n"
    assert stderr.splitlines()[0].startswith(f"colorize: {tmp_path}/bad\\n\\x1b[2J.png: an empty file")
    assert "\x1b" not in stderr


@pytest.mark.usefixtures("stand_in")
def test_links_to_folders_are_told(photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (photos / "loop").symlink_to(photos)
    assert main([str(photos)]) == 0
    assert capfd.readouterr().err.splitlines()[0] == (
        f"colorize: {photos / 'loop'}: a link to a folder, not followed; give its path to search it"
    )


class Stream(io.TextIOWrapper):
    """Standard input or output that holds bytes."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")

    @property
    def bytes(self) -> bytes:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


def encoded(file_format: str) -> bytes:
    file = io.BytesIO()
    Image.new("L", (12, 9), 100).save(file, file_format)
    return file.getvalue()


@pytest.mark.parametrize(
    ("source", "arguments", "result", "told"),
    [
        ("JPEG", [], "JPEG", ""),
        ("PNG", [], "PNG", ""),
        ("TIFF", [], "TIFF", ""),
        ("GIF", [], "PNG", "colorize: written as .png: GIF can only be read\n"),
        ("BMP", ["--format", "png"], "PNG", ""),
        ("PNG", ["--format", "jpg", "--quality", "50"], "JPEG", ""),
    ],
)
@pytest.mark.usefixtures("stand_in")
def test_a_photo_from_standard_input_goes_to_standard_output(
    source: str,
    arguments: list[str],
    result: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stdout = Stream()
    monkeypatch.setattr(sys, "stdin", Stream(encoded(source)))
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(["-", *arguments]) == 0
    with Image.open(io.BytesIO(stdout.bytes)) as image:
        assert (image.format, image.mode, image.size) == (result, "RGB", (12, 9))
    assert capsys.readouterr().err == told


@pytest.mark.usefixtures("stand_in")
def test_the_result_of_a_file_goes_to_standard_output_where_that_is_asked_for(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    stdout = Stream()
    monkeypatch.setattr(sys, "stdout", stdout)
    before = sorted(photos.rglob("*"))
    assert main(["a.png", "-o", "-", "--format", "jpg"]) == 0
    with Image.open(io.BytesIO(stdout.bytes)) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
    assert sorted(photos.rglob("*")) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.usefixtures("stand_in")
def test_a_full_disk_behind_standard_output_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stream(encoded("PNG")))
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["-"]) == 1
    assert capsys.readouterr().err == "colorize: standard output cannot be written (No space left on device)\n"


@pytest.mark.usefixtures("stand_in")
def test_what_is_not_kept_of_a_photo_from_standard_input_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = io.BytesIO()
    Image.new("LA", (3, 3), (100, 100)).save(content, "PNG")
    monkeypatch.setattr(sys, "stdin", Stream(content.getvalue()))
    monkeypatch.setattr(sys, "stdout", Stream())
    assert main(["-", "--format", "jpg"]) == 0
    assert capsys.readouterr().err == "colorize: written without transparency\n"


@pytest.mark.usefixtures("stand_in")
def test_standard_input_that_is_no_photo_is_one_line_and_nothing_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in (b"", b"no photo", encoded("PNG")[:45]):
        stdout = Stream()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Stream(content))
            patch.setattr(sys, "stdout", stdout)
            assert main(["-"]) == 1
        assert stdout.bytes == b""
        stderr = capsys.readouterr().err
        assert stderr.startswith("colorize: standard input: ")
        assert stderr.count("\n") == 1


def test_a_picture_is_not_thrown_onto_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdout = Stream()
    with monkeypatch.context() as patch:
        patch.setattr(stdout, "isatty", lambda: True)
        patch.setattr(sys, "stdout", stdout)
        assert main(["-"]) == 2
    assert capsys.readouterr().err == (
        "colorize: expected standard output to go into a file or a program, not onto the terminal\n"
    )


def test_version_and_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"{colorize.__version__}\n"
    assert main(["--help"]) == 0
    told = capfd.readouterr().out
    assert main(["-h"]) == 0
    assert capfd.readouterr().out == told
    assert "<bool>" not in told
    options = ["--output", "--overwrite", "--format", "--quality", "--strength", "--size", "--device", "--model"]
    options += [
        "--files-from",
        "--print0",
        "--config",
        "--show-config",
        "--install-completion",
        "--engine",
        "--report",
        "--watch",
        "--dry-run",
        "--verify",
        "--verbose",
    ]
    for option in options:
        assert option in told


def test_help_names_the_other_commands_and_cuts_no_word(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = " ".join(capfd.readouterr().out.split())
    assert "PATH..." in told and "colorize cluster" in told and "colorize report merge" in told
    assert "…" not in told


def test_completion_is_offered_where_a_shell_can_use_it(capfd: pytest.CaptureFixture[str]) -> None:
    for command_ in ("cluster", "report"):  # shells complete by the program's name alone
        assert main([command_, "--help"]) == 0
        assert "--install-completion" not in capfd.readouterr().out


def test_a_result_named_like_a_second_photo_is_told_how_results_are_named(
    photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result = photos / "result.png"
    assert main([str(photos / "a.png"), str(result)]) == 2
    assert capfd.readouterr().err.endswith(f"no such file or folder; to call the result so, write -o {result}\n")


def test_an_unknown_option_that_is_a_file_is_told_how_files_are_named_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-x.jpg").touch()
    assert main(["-x.jpg"]) == 2
    assert capfd.readouterr().err == "colorize: No such option: -x (for the file, write ./-x.jpg)\n"


def test_help_and_mistakes_in_options_import_nothing_heavy() -> None:
    script = (
        "import sys; from colorize.cli import main; main(['--help']); main(['x.jpg', '--strength', '9'])\n"
        "heavy = {'torch', 'torchvision', 'kornia', 'gradio', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_python_m_colorize_is_the_same_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "colorize", str(tmp_path / "missing.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr == f"colorize: {tmp_path / 'missing.jpg'}: no such file or folder\n"


def test_hints_by_points_and_by_a_painted_image_are_those_of_python_and_of_variants_too(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from colorize import Hint
    from colorize.coloring.colorizer import Colorizer

    colorizer = Colorizer(TwoHalves())
    monkeypatch.setattr(Colorizer, "load", lambda *_: colorizer)
    source = photos / "a.png"
    painted = Image.new("RGBA", (60, 40))
    painted.paste((200, 40, 30, 255), (5, 10, 15, 20))
    painted.save(tmp_path / "painted.png")
    points = ["--hint", "10,15,#c8281e", "--hint", "50, 20, #1e28c8"]
    for arguments, hints in (
        (points, [Hint(10, 15, "#c8281e"), Hint(50, 20, "#1e28c8")]),
        (["--hints", str(tmp_path / "painted.png")], painted),
    ):
        assert main([str(source), *arguments, "--variants", "1", "--overwrite"]) == 0
        for name, seed in (("a-color.png", None), ("a-color-variant-1.png", 1)):
            with Image.open(source) as gray, Image.open(photos / name) as result:
                expected = colorizer(gray, hints=hints, seed=seed)
                np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


def test_hints_that_cannot_be_obeyed_are_one_line_and_leave_no_file(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from colorize.coloring.colorizer import Colorizer

    before = sorted(tmp_path.rglob("*"))
    assert main([str(photos / "a.png"), "--model", str(model), "--hint", "1,2,#ff0000"]) == 2
    assert "this model has not learned hints" in capfd.readouterr().err
    monkeypatch.setattr(Colorizer, "load", lambda *_: Colorizer(TwoHalves()))
    assert main([str(photos / "a.png"), "--hint", "100,2,#ff0000"]) == 1
    assert "a.png: a hint must lie within the photo's 60×40 px, got (100, 2)" in capfd.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    pages = [Image.new("L", (60, 40), level) for level in (50, 150)]
    pages[0].save(photos / "pages.tif", save_all=True, append_images=pages[1:])
    assert main([str(photos / "pages.tif"), "--hint", "10,2,#ff0000"]) == 1
    assert "pages.tif: hints belong to a single photo, this file has 2 pages" in capfd.readouterr().err
    assert not (photos / "pages-color.tif").exists()
