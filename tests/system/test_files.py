"""Files are whole or not there, whatever happens while they are written, and what a kill leaves is cleaned up."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from colorize.system import files

ROOT = Path(__file__).parents[2]
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses signals, links or locks of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def python(code: str, folder: Path) -> subprocess.Popen[str]:
    """Run it in another process, with `folder` as its argument."""
    return subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def line_of(process: subprocess.Popen[str]) -> str:
    output: IO[str] | None = process.stdout
    assert output is not None
    return output.readline()


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep/er/a.bin"
    with files.atomic(target) as file:
        file.write(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert names(target.parent) == ["a.bin"]


def test_a_block_that_raises_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def interrupted() -> None:
        with files.atomic(target) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@posix_only
def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: nobody needs to be root for it."""
    (tmp_path / "a.bin").write_bytes(b"old")
    code = (
        "import resource, sys; from colorize.system import files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n"
        "    with files.atomic(sys.argv[1] + '/a.bin') as file: file.write(bytes(100_000))\n"
        "except OSError as error: print(error.errno)"
    )
    process = python(code, tmp_path)
    assert line_of(process) == f"{errno.EFBIG}\n"
    process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_the_longest_name_that_a_folder_takes_can_be_written(tmp_path: Path) -> None:
    for name in ("x" * 251 + ".png", "ü" * 125 + ".png", "line\nbreak.png"):  # 255, 254 bytes
        with files.atomic(tmp_path / name) as file:
            file.write(b"whole")
        assert (tmp_path / name).read_bytes() == b"whole"


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with files.atomic(tmp_path / "ours"):
        pass
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_appears_meanwhile_is_not_overwritten_unless_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "a.bin"
    with files.atomic(target, overwrite=False) as file:
        file.write(b"first")
    assert names(tmp_path) == ["a.bin"]
    target.unlink()

    def overtaken() -> None:
        with files.atomic(target, overwrite=False) as file:
            file.write(b"second")
            target.write_bytes(b"somebody else's")

    with pytest.raises(FileExistsError):
        overtaken()
    assert target.read_bytes() == b"somebody else's"
    with files.atomic(target) as file:
        file.write(b"third")
    assert target.read_bytes() == b"third"
    assert names(tmp_path) == ["a.bin"]


def test_a_write_protected_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"protected")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # who runs the tests may be root, who may do all
    with pytest.raises(PermissionError, match="write-protected"), files.atomic(target) as file:
        file.write(b"new")
    assert target.read_bytes() == b"protected"
    assert names(tmp_path) == ["a.bin"]


def test_whether_a_folder_may_be_written_to_is_known_before_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "file").touch()
    assert files.may_write(tmp_path / "not/there/yet")
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / "locked")  # root may do all
    assert not files.may_write(tmp_path / "locked")
    assert not files.may_write(tmp_path / "locked/not/there/yet")
    assert files.may_write(tmp_path / "file/below")  # only trying will tell what is wrong there


WRITES_UNTIL_KILLED = (
    "import sys, time; from colorize.system import files\n"
    "with files.atomic(sys.argv[1] + '/a.bin') as file:\n"
    "    file.write(b'half'); file.flush(); print('writing', flush=True); time.sleep(60)"
)


@posix_only
def test_what_a_killed_program_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    dead, living = python(WRITES_UNTIL_KILLED, tmp_path), python(WRITES_UNTIL_KILLED, tmp_path)
    try:
        assert line_of(dead) == line_of(living) == "writing\n"
        both = set(names(tmp_path))
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert len(both) == 2
        assert set(names(tmp_path)) == both
        removed = files.clean_stale(tmp_path)
        assert len(removed) == 1
        assert {removed[0].name, *names(tmp_path)} == both
        assert files.clean_stale(tmp_path) == []
    finally:
        for process in (dead, living):
            process.kill()
            process.communicate()
    assert len(files.clean_stale(tmp_path)) == 1
    assert names(tmp_path) == []


def test_only_our_own_leftovers_are_removed(tmp_path: Path) -> None:
    ours = ".colorize-0123456789abcdef.tmp"
    others = ["photo.tmp", ".colorize-.tmp", ".colorize-0123456789abcdef.tmp.png", ".colorize-0123456789ABCDEF.tmp"]
    for name in (ours, *others):
        (tmp_path / name).touch()
    assert files.clean_stale(tmp_path) == [tmp_path / ours]
    assert names(tmp_path) == sorted(others)
    assert files.clean_stale(tmp_path / "missing") == []
    (tmp_path / ours).mkdir()  # not a file of ours, whatever it is called
    assert files.clean_stale(tmp_path) == []


@posix_only
def test_a_file_that_is_taken_for_abandoned_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    flock = fcntl.flock
    robbed: list[Path] = []

    def cleaner_first(file: IO[bytes], how: int) -> None:
        if not robbed:
            robbed.extend(tmp_path.iterdir())
            robbed[0].unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", cleaner_first)
    with files.atomic(tmp_path / "a.bin") as file:
        file.write(b"whole")
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    assert len(robbed) == 1


@posix_only
def test_file_and_folder_are_on_the_disk_before_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that a power cut leaves no choice about: content, name, folder."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "content")
        fsync(handle)

    def replaced(old: Path, new: Path) -> None:
        calls.append("name")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    with files.atomic(tmp_path / "new/a.bin") as file:
        file.write(b"whole")
    assert calls == ["folder", "content", "name", "folder"]


@posix_only
def test_a_claim_ends_with_its_process_though_its_children_live(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from colorize.system import files\n"
        "with files.claim(sys.argv[1] + '/lock'):\n"
        "    if os.fork() == 0: time.sleep(2); os._exit(0)\n"
        "    print('claimed', flush=True); time.sleep(60)"
    )
    with python(code, tmp_path) as other:
        assert line_of(other) == "claimed\n"
        with pytest.raises(BlockingIOError, match=str(other.pid)), files.claim(tmp_path / "lock"):
            pass
        other.kill()
        other.wait()
        with files.claim(tmp_path / "lock"):
            assert (tmp_path / "lock").read_text() == str(os.getpid())
