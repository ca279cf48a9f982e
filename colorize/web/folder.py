"""The temporary folder of a server. It is deleted when the server ends; if the server was killed, at the next start."""

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
_LOCK = ".lock"  # locked while the server lives; the system releases the lock however it ends
_DELETE_TIMEOUT_S = 1.0  # seconds; threads may still be writing


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a new temporary folder that no other user can read, and delete it at the end.

    Folders of killed servers are deleted first. Those of running servers stay.
    """
    _delete_dead()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    new = folder / f"{_LOCK}.new"
    with new.open("wb") as lock:
        if os.name == "posix":
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            new.rename(folder / _LOCK)  # after locking: a folder without a lock file is never deleted
            yield folder
        finally:
            delete(folder)
    delete(folder)  # Windows cannot delete the lock file while it is open


def delete(folder: Path) -> None:
    """Delete a folder, even while a thread still writes into it.

    The lock goes last: if this is cut short, the next start goes on with it.
    """
    end = time.monotonic() + _DELETE_TIMEOUT_S
    while True:
        with suppress(OSError):  # some are gone already
            for each in folder.iterdir():
                if each.is_dir():
                    shutil.rmtree(each, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists() or time.monotonic() > end:
            return
        time.sleep(0.02)


def _delete_dead() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):  # it belongs to another user, or another server is deleting it
            if _is_dead(lock):
                delete(lock.parent)


def _is_dead(lock: Path) -> bool:
    """Whether nobody holds a lock. Raises `OSError` if that cannot be found out."""
    if os.name != "posix":
        lock.unlink()  # raises if another process has it open
        return True
    with lock.open("rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
