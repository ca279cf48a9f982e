"""Uploads and results: each in a folder of its own, under a name that cannot be guessed, until it is swept away."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TOKEN = re.compile(r"[0-9a-f]{32}")
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')  # on some system or other
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, formats (direction, width nothing), halves of pairs, line ends
_JOINERS = "\u200c\u200d"  # which words and emoji need
_LONGEST_NAME = 180  # bytes: file systems hold 255, and results have longer names than their sources


class StoreFullError(Exception):
    """There is no room for more."""


class Store:
    """A folder that only this server writes to. Whoever knows a file's whole path may have it; nobody can list them.

    What lies in it is counted as it comes and goes, never by looking at all of it: a folder by `count`, what is about
    to be written by `room`.
    """

    def __init__(self, folder: Path, most: int | None = None) -> None:
        """`most` bytes may lie in it."""
        self.folder = folder.resolve()
        self._most = most
        self._for_ever: set[Path] = set()
        self._sizes: dict[Path, int] = {}  # of folders, as last counted
        self._used = 0
        self._reserved = 0
        self._lock = threading.Lock()

    def new_folder(self, *, for_ever: bool = False) -> Path:
        """An empty folder for one upload, or the results of one job."""
        folder = self.folder / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        if for_ever:
            self._for_ever.add(folder)
        return folder

    def find(self, path: str) -> Path | None:
        """The file at `path`, if it is one of this store's: nothing outside of it, and nothing hidden, is found."""
        token, *names = path.removeprefix(f"{self.folder}{os.sep}").split(os.sep)
        if not _TOKEN.fullmatch(token) or any(not name or name.startswith(".") or "\0" in name for name in names):
            return None
        found = self.folder.joinpath(token, *names)
        try:
            return found if found.is_file() and found.resolve() == found else None
        except OSError:  # a name that is too long
            return None

    def used(self) -> int:
        """Bytes in use, and those that are about to be written."""
        with self._lock:
            return self._used + self._reserved

    def is_full(self) -> bool:
        """Whether there is no room for another byte."""
        return self._most is not None and self.used() >= self._most

    @contextmanager
    def room(self, size: int = 0) -> Iterator[Room]:
        """Room for so many bytes that are about to be written, and for more as it turns out.

        Count the folders before the end. Raises `StoreFullError` if there is none.
        """
        room = Room(self)
        try:
            room.take(size)
            yield room
        finally:
            self._reserve(-room.size)

    def count(self, folder: Path) -> None:
        """Take notice of what lies in a folder of the store now."""
        size = sum(_size(path) for path in folder.rglob("*"))
        with self._lock:
            self._used += size - self._sizes.get(folder, 0)
            self._sizes[folder] = size

    def sweep(self, older_than: float) -> None:
        """Delete the folders in which nothing has been written for so many seconds."""
        for folder in set(self.folder.iterdir()) - self._for_ever:
            if _TOKEN.fullmatch(folder.name) and time.time() - _changed(folder) > older_than:
                shutil.rmtree(folder, ignore_errors=True)
                with self._lock:
                    self._used -= self._sizes.pop(folder, 0)

    def _reserve(self, size: int) -> None:
        with self._lock:
            if size > 0 and self._most is not None and self._used + self._reserved + size > self._most:
                raise StoreFullError
            self._reserved += size

    def untold(self, text: str) -> str:
        """`text` without the store's folders: what a user is told names photos as the user does."""
        return re.sub(rf"{re.escape(str(self.folder))}[/\\](?:[0-9a-f]{{32}}[/\\])?", "", text)


class Room:
    """Of a store, for what is about to be written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.size = 0

    def take(self, size: int) -> None:
        """So many bytes more. Raises `StoreFullError`."""
        self._store._reserve(size)
        self.size += size


def shown_name(name: str) -> str:
    """A name without what changes how the rest of it looks: "gpj.exe" can be made to look like "exe.jpg"."""
    return "".join(each for each in name if unicodedata.category(each) not in _UNSEEN or each in _JOINERS)


def safe_name(name: str) -> str:
    """A photo's own name as the name of a file: no folders, nothing hidden, not too long, else as it is shown."""
    name = shown_name(name)
    name = _NOT_IN_NAMES.sub("", re.split(r"[/\\]", name)[-1]).strip(" .")
    stem, suffix = os.path.splitext(name)
    suffix = suffix[:16]
    while len(f"{stem}{suffix}".encode(errors="replace")) > _LONGEST_NAME:
        stem = stem[:-1]
    return f"{stem}{suffix}" or "photo"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # swept away meanwhile
        return 0


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return time.time()
