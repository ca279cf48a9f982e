"""Which photos are found and where their results go: the same in every run, and never two into one file."""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from pathlib import Path

import pytest

from colorize.batch import plan as plan_module
from colorize.batch.part import Part
from colorize.batch.plan import plan
from colorize.errors import ConfigError, DataError
from colorize.options import FORMATS, ColorizeOptions


def gray(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()  # what is in it does not matter yet
    return path


def planned(
    paths: list[Path], output: Path | None, base: Path, file_format: str | None = None
) -> list[tuple[str, str]]:
    jobs = plan(paths, output, ColorizeOptions(format=file_format))
    assert len(jobs) == len(list(jobs))
    return [(str(j.source.relative_to(base)), str(j.target.relative_to(base))) for j in jobs]


def test_results_go_beside_their_sources_or_into_the_same_tree_elsewhere(tmp_path: Path) -> None:
    for name in ("in/b.png", "in/a.jpg", "in/deep/er/c.JPG", "in/old.gif"):
        gray(tmp_path / name)
    (tmp_path / "in/notes.txt").write_text("no photo")
    assert planned([tmp_path / "in"], None, tmp_path) == [
        ("in/a.jpg", "in/a-color.jpg"),
        ("in/b.png", "in/b-color.png"),
        ("in/old.gif", "in/old.gif-color.png"),  # a GIF has too few colors
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
        gray(tmp_path / name)
    found = planned([tmp_path], tmp_path / "out", tmp_path)
    assert found == [("a.png", "out/a.png"), ("b-color.jpg", "out/b-color.jpg")]  # there is no b: not a result of ours


def test_a_file_that_is_named_is_done_whatever_its_name(tmp_path: Path) -> None:
    for name in ("scan", "a.png", "a-color.png", "x.v2.dat"):
        gray(tmp_path / name)
    named = [tmp_path / "scan", tmp_path / "a-color.png", tmp_path / "x.v2.dat"]
    targets = [target for _, target in planned(named, None, tmp_path)]
    assert targets == ["scan-color.png", "a-color-color.png", "x.v2.dat-color.png"]


def test_a_photo_that_is_named_twice_is_done_once(tmp_path: Path) -> None:
    photo = gray(tmp_path / "in/a.png")
    (tmp_path / "again").symlink_to(tmp_path / "in")
    ways = [photo, photo, tmp_path / "in", tmp_path / "in" / ".." / "in", tmp_path / "again"]
    assert [job.source for job in plan(ways, tmp_path / "out")] == [photo]


def test_what_cannot_be_meant_is_told_before_anything_is_done(tmp_path: Path) -> None:
    gray(tmp_path / "one/a.png")
    gray(tmp_path / "two/a.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"nowhere: no such file or folder"):
        plan([tmp_path / "one", tmp_path / "nowhere"])
    with pytest.raises(DataError, match=r"no photos in .*empty"):
        plan([tmp_path / "empty"])
    with pytest.raises(ConfigError, match=r"expected a folder for the results of several photos, this names a file"):
        plan([tmp_path / "one"], tmp_path / "two/a.png")
    with pytest.raises(ConfigError, match=r"one/a\.png and .*two/a\.png would both become .*out/a\.png"):
        plan([tmp_path / "one", tmp_path / "two"], tmp_path / "out")
    with pytest.raises(ConfigError, match=r"would replace a source"):
        plan([tmp_path / "one"], tmp_path / "one")
    with pytest.raises(ConfigError, match=r"^an empty path"):
        plan([""])
    with pytest.raises(DataError, match=r"cannot be read \(File name too long\)"):
        plan([tmp_path / ("x" * 300)])
    assert len(plan([tmp_path / "empty"], may_be_empty=True)) == 0


def test_photos_that_differ_only_in_their_format_get_a_result_each(tmp_path: Path) -> None:
    for name in ("a.gif", "a.png", "a.pgm", "a.jpeg"):
        gray(tmp_path / "in" / name)
    targets = [target for _, target in planned([tmp_path / "in"], tmp_path / "out", tmp_path)]
    assert targets == ["out/a.gif.png", "out/a.jpeg", "out/a.pgm.png", "out/a.png"]
    targets = [target for _, target in planned([tmp_path / "in"], tmp_path / "out", tmp_path, "jpg")]
    assert targets == ["out/a.gif.jpg", "out/a.jpeg", "out/a.pgm.jpg", "out/a.png.jpg"]
    for file_format in FORMATS:
        assert len(plan([tmp_path / "in"], None, ColorizeOptions(format=file_format))) == 4


ALIKE = [("A.png", "a.png"), ("ß.png", "SS.png"), ("ü.png", unicodedata.normalize("NFD", "ü.png"))]


@pytest.mark.parametrize(("one", "other"), ALIKE, ids=["case", "folding", "Unicode"])
@pytest.mark.parametrize("drive", ["tells them apart", "takes them for one", "is empty"])
def test_names_that_a_drive_takes_for_one_are_refused_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: str, other: str, drive: str
) -> None:
    """The drive is told by the names on it: that `Photos` is also found as `pHOTOS`, for instance."""
    for name in (one, other):
        gray(tmp_path / "in" / name)
    (tmp_path / "out").mkdir()
    if drive != "is empty":
        gray(tmp_path / "out/Photos")
    lexists = os.path.lexists

    def found(path: str | Path) -> bool:
        return lexists(path) or (drive == "takes them for one" and Path(path).name == "pHOTOS")

    stat = Path.stat

    def on_another_drive(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        status = stat(path, follow_symlinks=follow_symlinks)
        fields = list(status)
        fields[2] += path.name == "out"
        return os.stat_result(fields)

    monkeypatch.setattr(os.path, "lexists", found)
    monkeypatch.setattr(Path, "stat", on_another_drive)
    plan_module.ignores_case.cache_clear()
    if drive == "tells them apart":
        assert len(plan([tmp_path / "in"], tmp_path / "out")) == 2
    else:
        with pytest.raises(ConfigError, match=f"{one} and .*{other} would both become|{other} and .*{one} would both"):
            plan([tmp_path / "in"], tmp_path / "out")
    assert len(plan([tmp_path / "in"])) == 2  # where the sources lie apart their results do


def test_alike_folders_of_two_trees_share_no_target_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gray(tmp_path / "one/Summer/a.png")
    gray(tmp_path / "two/summer/A.png")
    assert len(plan([tmp_path / "one", tmp_path / "two"], tmp_path / "out")) == 2
    monkeypatch.setattr(plan_module, "ignores_case", lambda folder: True)
    with pytest.raises(ConfigError, match=r"Summer/a\.png and .*summer/A\.png would both become"):
        plan([tmp_path / "one", tmp_path / "two"], tmp_path / "out")


def test_names_in_any_script_and_of_any_bytes_are_kept(tmp_path: Path) -> None:
    names = ["line\nbreak.png", " leading and trailing .png", "日本語.jpg", "фото.png", "-o.png", "%s{}.png", "a..png"]
    names += [os.fsdecode(b"not-utf-8-\xff\xfe.png")]
    for name in names:
        gray(tmp_path / "in" / name)
    found = {job.source.name: job.target.name for job in plan([tmp_path / "in"], tmp_path / "out")}
    assert found == {name: name for name in names}
    beside = {job.target.name for job in plan([tmp_path / "in"])}
    assert len(beside) == len(names)
    assert os.fsdecode(b"not-utf-8-\xff\xfe-color.png") in beside


@pytest.mark.parametrize("character", ["x", "ü", "日", os.fsdecode(b"\xff")], ids=["x", "ü", "日", "no UTF-8"])
def test_a_name_that_leaves_no_room_for_its_result_is_cut_and_still_its_own(tmp_path: Path, character: str) -> None:
    longest = character * ((255 - len(".jpeg") - 1) // len(os.fsencode(character)))
    names = [f"{longest}1.jpeg", f"{longest}2.jpeg", f"{longest}.gif", "short.jpeg"]
    for name in names:
        gray(tmp_path / name)
    for file_format in (None, "webp"):
        jobs = list(plan([tmp_path], None, ColorizeOptions(format=file_format)))
        assert [job.source.name for job in jobs] == sorted(names)
        results = [job.target.name for job in jobs]
        assert len(set(results)) == len(names)
        for result in results:
            assert len(os.fsencode(result)) <= 255
            assert os.path.splitext(result)[0].endswith("-color")
            if character != os.fsdecode(b"\xff"):
                result.encode()  # no character cut in two
        for job in jobs:
            gray(job.target)
        again = list(plan([tmp_path], None, ColorizeOptions(format=file_format)))  # they are results, not sources
        assert again == jobs
        for job in jobs:
            job.target.unlink()


@pytest.mark.parametrize("output", [None, "out"])
def test_a_wildcard_may_be_used_twice(tmp_path: Path, output: str | None) -> None:
    folder = None if output is None else tmp_path / output
    first = gray(tmp_path / "a.png")
    old = gray(tmp_path / "old.gif")
    results = [job.target for job in plan([first, old])]  # beside them, whatever comes next
    for result in results:
        gray(result)
    new = gray(tmp_path / "c.png")
    gray(tmp_path / "out/a.png")
    inside = [] if folder is None else [folder, folder / "a.png"]
    assert [job.source for job in plan([first, old, new, *results, *inside], folder)] == [first, old, new]


def test_a_folder_is_searched_whatever_its_name_and_a_missing_file_told_whatever_its_name(tmp_path: Path) -> None:
    first = gray(tmp_path / "a.jpg")
    gray(tmp_path / "a-color/x.png")
    assert [job.source.name for job in plan([first, tmp_path / "a-color"])] == ["a.jpg", "x.png"]
    with pytest.raises(DataError, match=r"a-color\.jpg: no such file or folder"):
        plan([first, tmp_path / "a-color.jpg"])


def test_links_are_photos_and_folders_behind_links_are_told_and_left(tmp_path: Path) -> None:
    photo = gray(tmp_path / "in/a.png")
    gray(tmp_path / "elsewhere/b.png")
    (tmp_path / "in/link.png").symlink_to(photo)
    (tmp_path / "in/nowhere.png").symlink_to(tmp_path / "gone.png")  # reading it will tell
    (tmp_path / "in/itself.png").symlink_to(tmp_path / "in/itself.png")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/up").symlink_to(tmp_path)
    (tmp_path / "in/other.png").symlink_to(tmp_path / "elsewhere")
    found = plan([tmp_path / "in"], tmp_path / "out")
    assert [job.source.name for job in found] == ["a.png", "itself.png", "link.png", "nowhere.png"]
    assert [line.split(": a link to a folder")[0] for line in found.left_out] == [
        str(tmp_path / "in" / name) for name in ("loop", "other.png", "up")
    ]
    named = plan([tmp_path / "in/other.png"], tmp_path / "out")
    assert [(job.source.name, job.target) for job in named] == [("b.png", tmp_path / "out/b.png")]


def test_films_in_a_folder_of_photos_are_told_and_left(tmp_path: Path) -> None:
    gray(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "1962").mkdir()
    for name in ("1962/wedding.mp4", "1962/sea.MKV", "1962/sea-color.mkv", "1962/sea-color-preview.mkv"):
        (tmp_path / name).touch()
    found = plan([tmp_path])
    assert [job.source.name for job in found] == ["a.png"]
    told = f"such as {tmp_path / '1962/sea.MKV'}; give the path of a film to color it"
    assert found.left_out == [f"left out 2 films, {told}"]
    with pytest.raises(DataError, match=rf"no photos in .*1962; left out 2 films, {re.escape(told)}$"):
        plan([tmp_path / "1962"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_called_like_a_photo_and_is_none_would_keep_it_waiting_for_ever(tmp_path: Path) -> None:
    gray(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    assert [job.source.name for job in plan([tmp_path])] == ["a.png"]


def test_a_folder_that_may_not_be_searched_is_a_job_with_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.png", "b/2.png", "c/3.png"):
        gray(tmp_path / "in" / name)
    scandir = os.scandir

    def locked(path: Path) -> object:  # permissions do not keep root out
        if path.name == "b":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    jobs = list(plan([tmp_path / "in"], tmp_path / "out"))
    assert [job.source.name for job in jobs] == ["1.png", "b", "3.png"]
    assert [job.problem for job in jobs] == ["", f"{tmp_path / 'in/b'}: cannot be searched (Permission denied)", ""]


def test_every_photo_has_its_variants_after_it_and_they_are_no_sources(tmp_path: Path) -> None:
    long = "x" * 250
    for name in ("a.png", "a-variant-1.png", f"{long}.png"):
        gray(tmp_path / name)
    jobs = list(plan([tmp_path], options=ColorizeOptions(variants=2)))
    assert [(job.target.name, job.seed) for job in jobs[3:6]] == [
        ("a-color.png", None),
        ("a-color-variant-1.png", 1),
        ("a-color-variant-2.png", 2),
    ]
    assert len({job.target for job in jobs}) == 9
    for job in jobs:
        gray(job.target)
    assert {job.source for job in plan([tmp_path])} == {job.source for job in jobs}
    with pytest.raises(ConfigError, match=r"would both become .*a-variant-1\.png"):
        plan([tmp_path], tmp_path / "out", ColorizeOptions(variants=2))


def test_parts_hold_each_photo_once_wherever_its_folder_is_mounted(tmp_path: Path) -> None:
    names = [f"box {n % 7}/front {n}.png" for n in range(200)] + ["top.png", unicodedata.normalize("NFD", "Zürich.png")]
    for name in names:
        gray(tmp_path / "here" / name)
        gray(tmp_path / "elsewhere/deep" / unicodedata.normalize("NFC", name))

    def parts(folder: Path) -> list[set[str]]:
        jobs = plan([folder], tmp_path / "out")
        found = [jobs.part(Part(number, 3)) for number in (1, 2, 3)]
        assert [len(part) for part in found] == [len(list(part)) for part in found]
        return [{unicodedata.normalize("NFC", str(j.source.relative_to(folder))) for j in part} for part in found]

    here = parts(tmp_path / "here")
    assert sum(map(len, here)) == len(names)
    assert set.union(*here) == {unicodedata.normalize("NFC", name) for name in names}
    assert min(map(len, here)) > len(names) / 3 * 0.7
    assert parts(tmp_path / "elsewhere/deep") == here


def test_which_part_a_photo_is_in_never_changes() -> None:
    # A million photos may be half done when the program is updated.
    held = [next(number for number in range(1, 6) if Part(number, 5).holds(name)) for name in ("/a.tif", "b/c.tif", "")]
    assert held == [2, 5, 3]


def test_variants_are_in_the_part_of_their_photo_and_a_problem_is_in_every_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        gray(tmp_path / f"in/{number}.png")
    (tmp_path / "in/closed").mkdir()
    scan = plan_module._scan

    def refuse(folder: Path) -> tuple[list[str], list[str], list[str], list[str]]:
        if folder.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(plan_module, "_scan", refuse)
    jobs = plan([tmp_path / "in"], None, ColorizeOptions(variants=2))
    for number in (1, 2):
        part = list(jobs.part(Part(number, 2)))
        assert [job.source.name for job in part if job.problem] == ["closed"]
        photos = [job for job in part if not job.problem]
        assert [job.seed for job in photos] == [None, 1, 2] * (len(photos) // 3)
        assert len({job.source for job in photos}) == len(photos) // 3


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/2", "1.0/2", "1/ 2", "٣/٤"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--part: expected I/N"):
        Part.parse(text)
