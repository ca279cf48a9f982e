"""A store writes whole or not at all, and says in one line what is wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fsspec", reason="needs the extra ray")

from fsspec.implementations.memory import MemoryFileSystem

from colorize.cluster.storage import Storage
from colorize.errors import ClusterError, ConfigError, PhotoError


@pytest.fixture
def memory() -> Iterator[Storage]:
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    yield Storage("memory://bucket/results")
    MemoryFileSystem.store.clear()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local.png"
    path.write_bytes(b"new and whole")
    return path


def test_what_is_put_is_there_and_nothing_else_is(memory: Storage, local: Path) -> None:
    memory.put(local, "box/a.png")
    assert memory.files.find("/bucket") == ["/bucket/results/box/a.png"]
    assert memory.files.cat("/bucket/results/box/a.png") == b"new and whole"


def test_a_put_that_breaks_off_leaves_what_was_there(
    memory: Storage, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.files.pipe_file("/bucket/results/a.png", b"old")

    def half(source: str, target: str, **_: Any) -> None:
        memory.files.pipe_file(target, b"new and")
        raise PermissionError(13, "the connection was lost")

    monkeypatch.setattr(memory.files, "put_file", half)
    with pytest.raises(PhotoError, match=r"a\.png: cannot be written \(the connection was lost\)$"):
        memory.put(local, "a.png")
    assert memory.files.find("/bucket") == ["/bucket/results/a.png"]
    assert memory.files.cat("/bucket/results/a.png") == b"old"


def test_what_fails_for_a_moment_is_tried_again(
    memory: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.files.pipe_file("/bucket/results/a.png", b"content")
    get_file, tries = memory.files.get_file, []

    def at_second_try(source: str, target: str) -> None:
        tries.append(source)
        if len(tries) < 2:
            raise OSError("the connection was reset")
        get_file(source, target)

    monkeypatch.setattr(memory.files, "get_file", at_second_try)
    assert memory.fetch("a.png", tmp_path / "a.png").read_bytes() == b"content"


def test_a_file_that_is_not_there_is_one_line(memory: Storage, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"^memory://bucket/results/no\.png: cannot be read \(.+\)$"):
        memory.fetch("no.png", tmp_path / "no.png")


def test_a_url_that_nobody_understands_is_one_line_without_its_password() -> None:
    with pytest.raises(ConfigError, match=r"^nonsense://ann@host/scans: .*nonsense"):
        Storage("nonsense://ann:secret@host/scans")


def test_a_listing_has_files_and_folders_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("a.png", ".hidden.png", "box/b.png", ".colorize/plans/c.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "link").symlink_to("box")
    listing = Storage(str(tmp_path)).list()
    assert {file.name: file.size for file in listing.files} == {"a.png": 2, "link.png": 2}
    assert (listing.folders, listing.links) == (["box"], ["link"])


def test_only_temporary_files_that_have_been_abandoned_are_leftovers(tmp_path: Path) -> None:
    old, new = (tmp_path / f".colorize-{digit * 16}.tmp" for digit in "ab")
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 90_000,) * 2)
    assert Storage(str(tmp_path)).list().leftovers == [old.name]


def test_a_version_changes_with_the_content(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    photo.write_bytes(b"1")
    os.utime(photo, (1, 1))
    (before,) = Storage(str(tmp_path)).list().files
    photo.write_bytes(b"2")
    (after,) = Storage(str(tmp_path)).list().files
    assert before.version != after.version


def test_a_store_without_trouble_says_nothing_and_keeps_nothing(memory: Storage) -> None:
    assert memory.trouble(writing=True) == ""
    assert memory.files.find("/bucket") == []


def test_a_store_that_cannot_be_written_to_says_so(memory: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Access Denied")

    monkeypatch.setattr(memory.files, "pipe_file", refuse)
    assert memory.trouble(writing=True) == "memory://bucket/results: cannot be written to (Access Denied)"


def test_a_folder_that_may_not_be_listed_is_one_line(memory: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Access Denied")

    monkeypatch.setattr(memory.files, "ls", refuse)
    with pytest.raises(ClusterError, match=r"^memory://bucket/results/box: cannot be listed \(Access Denied\)$"):
        memory.list("box")
