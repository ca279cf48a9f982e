"""Uploads and results: each in its own folder with a random name, until it is old and deleted."""

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
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')  # not allowed on some file system
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode: controls, formats (direction, zero width), surrogates, line ends
_JOINERS = "\u200c\u200d"  # some scripts and emoji need them
_MAX_NAME = 180  # bytes; file systems allow 255, and names of results are longer than those of their sources


class StoreFullError(Exception):
    """The store is full."""


class Store:
    """A folder that only this server writes to. Who knows the whole path of a file may read it; nobody can list them.

    The store adds up sizes as files come and go, without scanning itself: `room` reserves bytes before they are
    written, `count` measures a folder after.
    """

    def __init__(self, folder: Path, most: int | None = None) -> None:
        """Nothing in the folder is looked at yet.

        Args:
            folder: one that is there, for this store alone.
            most: the limit in bytes; None means no limit.
        """
        self.folder = folder.resolve()
        self._most = most
        self._permanent: set[Path] = set()
        self._sizes: dict[Path, int] = {}  # bytes of each folder, as last counted
        self._used = 0
        self._reserved = 0
        self._lock = threading.Lock()

    def new_folder(self, *, permanent: bool = False) -> Path:
        """Make an empty folder for one upload, or for the results of one job. `permanent` ones are never swept."""
        folder = self.folder / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        if permanent:
            self._permanent.add(folder)
        return folder

    def find(self, path: str) -> Path | None:
        """The file at `path` if it is in this store; None for anything outside of it or hidden."""
        token, *names = path.removeprefix(f"{self.folder}{os.sep}").split(os.sep)
        if not _TOKEN.fullmatch(token) or any(not name or name.startswith(".") or "\0" in name for name in names):
            return None
        found = self.folder.joinpath(token, *names)
        try:
            return found if found.is_file() and found.resolve() == found else None
        except OSError:  # a name that is too long
            return None

    def used(self) -> int:
        """Bytes in use or reserved."""
        with self._lock:
            return self._used + self._reserved

    def is_full(self) -> bool:
        """Whether there is no room for another byte."""
        return self._most is not None and self.used() >= self._most

    @contextmanager
    def room(self, size: int = 0) -> Iterator[Room]:
        """Context that reserves `size` bytes; `Room.take` reserves more. `count` what was written before its end.

        Raises `StoreFullError` if there is no room.
        """
        room = Room(self)
        try:
            room.take(size)
            yield room
        finally:
            self._reserve(-room.size)

    def count(self, folder: Path) -> None:
        """Measure a folder of the store."""
        size = sum(_size(path) for path in folder.rglob("*"))
        with self._lock:
            self._used += size - self._sizes.get(folder, 0)
            self._sizes[folder] = size

    def delete(self, path: str) -> None:
        """Delete the folder that holds the file at `path`. Nothing happens if it is not there, or permanent."""
        if self.find(path) is not None:
            folder = self.folder / path.removeprefix(f"{self.folder}{os.sep}").split(os.sep)[0]
            if folder not in self._permanent:
                self._delete(folder)

    def _delete(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            self._used -= self._sizes.pop(folder, 0)

    def sweep(self, older_than: float) -> None:
        """Delete folders that have not changed for `older_than` seconds."""
        for folder in set(self.folder.iterdir()) - self._permanent:
            if _TOKEN.fullmatch(folder.name) and time.time() - _changed(folder) > older_than:
                self._delete(folder)

    def _reserve(self, size: int) -> None:
        with self._lock:
            if size > 0 and self._most is not None and self._used + self._reserved + size > self._most:
                raise StoreFullError
            self._reserved += size

    def without_paths(self, text: str) -> str:
        """`text` without paths of the store, so that messages name photos as the user does."""
        return re.sub(rf"{re.escape(str(self.folder))}[/\\](?:[0-9a-f]{{32}}[/\\])?", "", text)


class Room:
    """Bytes of a store that are reserved for a job or an upload."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.size = 0

    def take(self, size: int) -> None:
        """Reserve `size` more bytes. Raises `StoreFullError`."""
        self._store._reserve(size)
        self.size += size


def shown_name(name: str) -> str:
    """A name without invisible characters. They can make "gpj.exe" look like "exe.jpg"."""
    return "".join(each for each in name if unicodedata.category(each) not in _INVISIBLE or each in _JOINERS)


def safe_name(name: str) -> str:
    """A safe file name made of a photo's own name: without folders, not hidden, not too long."""
    name = shown_name(name)
    name = _NOT_IN_NAMES.sub("", re.split(r"[/\\]", name)[-1]).strip(" .")
    stem, suffix = os.path.splitext(name)
    suffix = suffix[:16]
    while len(f"{stem}{suffix}".encode(errors="replace")) > _MAX_NAME:
        stem = stem[:-1]
    return f"{stem}{suffix}" or "photo"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # deleted meanwhile
        return 0


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return time.time()
