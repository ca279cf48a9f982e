"""Uploads and results: each in a folder of its own, under a name that cannot be guessed, until it is swept away."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from pathlib import Path

_TOKEN = re.compile(r"[0-9a-f]{32}")
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')  # on some system or other
_LONGEST_NAME = 180  # bytes: file systems hold 255, and results have longer names than their sources


class Store:
    """A folder that only this server writes to. Whoever knows a file's whole path may have it; nobody can list them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._for_ever: set[Path] = set()

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
        """Bytes in use."""
        return sum(_size(path) for path in self.folder.rglob("*"))

    def sweep(self, older_than: float) -> None:
        """Delete the folders in which nothing has been written for so many seconds."""
        for folder in set(self.folder.iterdir()) - self._for_ever:
            if _TOKEN.fullmatch(folder.name) and time.time() - _changed(folder) > older_than:
                shutil.rmtree(folder, ignore_errors=True)

    def untold(self, text: str) -> str:
        """`text` without the store's folders: what a user is told names photos as the user does."""
        return re.sub(rf"{re.escape(str(self.folder))}[/\\](?:[0-9a-f]{{32}}[/\\])?", "", text)


def safe_name(name: str) -> str:
    """A photo's own name as the name of a file: no folders, nothing hidden, not too long, else as it is."""
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
