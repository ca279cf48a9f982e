"""The folder of a running server: its own while it lives, and deleted when it is dead, however it died."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if os.name == "posix":
    import fcntl

_PREFIX = "colorize-app-"
_LOCK = ".lock"  # held open and locked as long as the server lives: the system lets go of it, however that ends
_PATIENCE = 1.0  # seconds in which threads may still be writing


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder among the system's temporary ones, which nobody else may look into.

    Those of servers that were killed are deleted first; those of servers that run are left alone.
    """
    _delete_dead()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    new = folder / f"{_LOCK}.new"
    with new.open("wb") as lock:
        if os.name == "posix":
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            new.rename(folder / _LOCK)  # only now that it is locked: without one a folder is left alone
            yield folder
        finally:
            delete(folder)
    delete(folder)  # where what is open cannot be deleted


def delete(folder: Path) -> None:
    """Delete a folder, even while somebody still writes into it."""
    end = time.monotonic() + _PATIENCE
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists() or time.monotonic() > end:
            return
        time.sleep(0.02)


def _delete_dead() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):  # another user's, or being deleted by another server that starts
            if _is_dead(lock):
                delete(lock.parent)


def _is_dead(lock: Path) -> bool:
    """Whether nobody holds a lock. Raises `OSError` if that cannot be told."""
    if os.name != "posix":
        lock.unlink()  # an error for a file that somebody has open
        return True
    with lock.open("rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
