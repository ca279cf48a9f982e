"""Files at URLs, as fsspec opens them: once more what failed for a moment, and each error in one line."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import fsspec

from colorize.errors import ConfigError

T = TypeVar("T")

_PAUSES = (0.5, 2.0)  # seconds before something is tried again
_FINAL = (FileNotFoundError, PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError)


def open_store(url: str) -> tuple[Any, str]:
    """What opens the files at a URL; nothing is asked of it yet.

    Args:
        url: a path, or a URL as fsspec knows them, such as s3://bucket/folder.

    Returns:
        fsspec's file system, and the path of the URL in it.

    Raises:
        ConfigError: nothing here understands the URL.
    """
    try:
        files, path = fsspec.url_to_fs(url)
    except (ValueError, ImportError, OSError) as error:
        raise ConfigError(f"{without_password(url)}: {one_line(error)}") from error
    except Exception as error:  # of the libraries behind fsspec, when they find no settings
        raise ConfigError(f"{without_password(url)}: cannot be opened ({one_line(error)})") from error
    return files, str(path)


def one_line(error: BaseException) -> str:
    """What an error of any library says, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, OSError) and error.errno is not None and not error.strerror:
        text = errno.errorcode.get(error.errno, text)
    return " ".join(str(text).split())


def patiently(work: Callable[[], T]) -> T:
    """Do something again that failed for a reason that may pass."""
    for pause in _PAUSES:
        try:
            return work()
        except _FINAL:
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG):
                raise
            time.sleep(pause)
    return work()


def version_of(info: dict[str, Any]) -> str:
    """What changes with a file's content: its etag, or size and time. `info` is what fsspec tells of the file."""
    etag = info.get("ETag") or info.get("etag") or info.get("content_settings", {}).get("content_md5")
    return str(etag).strip('"') if etag else f"{info.get('size')}-{time_of(info)}"


def time_of(info: dict[str, Any]) -> float | None:
    """When a file was written, in seconds since 1970; None if fsspec's `info` does not tell."""
    for key in ("LastModified", "last_modified", "updated", "mtime", "modified"):  # s3, az, gs, files, memory
        value = info.get(key)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, str):
            with suppress(ValueError):
                return datetime.fromisoformat(value).timestamp()
        if isinstance(value, int | float):
            return float(value)
    return None


def without_password(url: str) -> str:
    """The URL as it may stand in messages."""
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1@", url)
