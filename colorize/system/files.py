"""Files that are written whole or not at all, and what is left where a program was killed in the middle of writing."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

TEMPORARY = re.compile(r"\.colorize-[0-9a-f]{16}\.tmp")
ABANDONED_AFTER = 24 * 3600  # seconds without a write, where nothing else tells
_WINDOWS_LOCK_SIZE = 1  # bytes

_unfinished: set[Path] = set()


@contextmanager
def atomic(target: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Open a binary file that becomes `target` when the block ends; if the block raises, nothing has happened.

    Until then it lies in the same folder under a name of its own. It is on the disk before it gets the target's name,
    so that after a kill, a full disk or a power cut there is the old file or nothing, or the whole new one. Folders are
    made.

    Args:
        target: the file's path.
        overwrite: whether an existing file is replaced.

    Yields:
        The file, to write and read.

    Raises:
        FileExistsError: the target exists and is not to be replaced.
        PermissionError: the target is write-protected.
        OSError: anything else that the system refuses.
    """
    target = Path(target)
    _make_folder(target.parent)
    file, temporary = _create(target.parent)
    try:
        with file:
            yield file
            file.flush()
            _sync(file.fileno())
            if sys.platform != "win32":  # the lock lasts until the file is no temporary any more
                _place(temporary, target, overwrite)
        if sys.platform == "win32":  # where an open file cannot be renamed
            _place(temporary, target, overwrite)
    finally:
        with suppress(OSError):  # the error that matters is on its way already
            temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)
    _sync_folder(target.parent)


def temporary_name() -> str:
    """A new name for a file that is being written; `TEMPORARY` knows such names.

    It is short, whatever the target is called: a name of 255 bytes leaves no room for more.
    """
    return f".colorize-{secrets.token_hex(8)}.tmp"


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises `OSError` if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def may_write(folder: str | os.PathLike[str]) -> bool:
    """Whether files can be made in `folder`, which need not exist yet; True if only trying would show it."""
    place = Path(folder)
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
        return not place.is_dir() or os.access(place, os.W_OK | os.X_OK)
    except OSError:
        return True


def clean_stale(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove what `atomic` left in `folder` when its program was killed, and return the paths.

    What another program is writing at this moment stays, as does everything that may not be looked at or removed.
    """
    try:
        with os.scandir(folder) as entries:
            left = [Path(entry.path) for entry in entries if TEMPORARY.fullmatch(entry.name)]
    except OSError:
        return []
    return [path for path in left if _remove_if_abandoned(path)]


@contextmanager
def claim(path: str | os.PathLike[str]) -> Iterator[None]:
    """Within, this process alone has claimed `path`, a file that is made for that and holds the process's number.

    The system ends the claim of a process that dies. The file stays. It is a record lock, which a process does not
    pass on to its children: workers may outlive a killed process for seconds. A process that claims a path twice gets
    it twice. Raises `BlockingIOError`, with the other process's number as its text, if another one has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _try_record_lock(descriptor):
            holder = ""
            with suppress(OSError):  # Windows lets nobody read what is locked
                holder = os.read(descriptor, 20).decode("ascii", "replace")
            raise BlockingIOError(holder)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _try_record_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, _WINDOWS_LOCK_SIZE)
        else:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # either, as the system likes
        return False
    except OSError:  # a network drive without locks: nobody can be kept out
        return sys.platform != "win32"
    return True


def discard_unfinished() -> None:
    """Remove what threads of this program are writing at this moment: for a program that ends without waiting."""
    for temporary in tuple(_unfinished):
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _create(folder: Path) -> tuple[BinaryIO, Path]:
    """A new file in `folder`, locked: the system takes the lock away from a program that is killed."""
    while True:
        temporary = folder / temporary_name()
        _unfinished.add(temporary)
        file = temporary.open("x+b")
        _lock(file, wait=True)
        if sys.platform == "win32" or os.fstat(file.fileno()).st_nlink:
            return file, temporary
        file.close()  # taken for abandoned in the instant before it was locked


def _remove_if_abandoned(path: Path) -> bool:
    try:
        if sys.platform == "win32":
            path.unlink()  # fails while it is open
            return True
        with path.open("r+b") as file:
            if not _lock(file, wait=False):
                return False
            path.unlink()
            return True
    except OSError:
        return False


def _lock(file: BinaryIO, *, wait: bool) -> bool:
    """Whether this program has the lock on `file` now. Where there are no locks, an old file counts as abandoned."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # some network drives
        return time.time() - os.fstat(file.fileno()).st_mtime > ABANDONED_AFTER
    return True


def _place(temporary: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        if target.exists() and not os.access(target, os.W_OK):  # renaming alone would not mind
            raise PermissionError(errno.EACCES, "write-protected", str(target))
        os.replace(temporary, target)
        return
    if sys.platform == "win32":
        os.rename(temporary, target)  # which fails for a target that exists
        return
    try:
        os.link(temporary, target)  # the same elsewhere, without a moment between looking and writing
    except FileExistsError:
        raise
    except OSError:  # a file system without links: memory cards, some network drives
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        os.replace(temporary, target)


def _make_folder(folder: Path) -> None:
    """With the folders above it, on the disk as well."""
    missing = []
    while not folder.exists() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        _sync_folder(each.parent)


def _sync(handle: int) -> None:
    """Wait until the file is on the disk."""
    if sys.platform == "darwin":  # where fsync leaves it in the disk's own memory
        with suppress(OSError):  # not every file system has it
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    """Wait until the folder's names are on the disk, where the system lets one: Windows and some drives do not."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
