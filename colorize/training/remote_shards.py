"""Shards at URLs, such as s3://bucket/train-{0000..0005}.tar: found, and each brought to this machine once, whole."""

from __future__ import annotations

import hashlib
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from braceexpand import braceexpand

from colorize.errors import ConfigError, DataError
from colorize.requirements import DISTRIBUTION
from colorize.system import files
from colorize.system.remote import one_line, open_store, patiently, version_of, without_password

_SUFFIX = ".tar"
_ASKING = 16  # files that a store is asked about at the same time
_WAIT = 0.2  # seconds between looks whether another process has fetched a shard by now

T = TypeVar("T")


@dataclass(frozen=True)
class RemoteShard:
    """A tar shard at a URL. Can be sent to other processes of this machine."""

    url: str
    size: int | None = field(compare=False)  # bytes, if the store tells
    place: Path = field(compare=False)  # where it lies on this machine, once it is fetched

    def __str__(self) -> str:
        return without_password(self.url)

    @property
    def name(self) -> str:
        """The file's name."""
        return _name(self.url)

    def local(self) -> Path:
        """Where it lies on this machine: it is fetched if it does not yet, by one process.

        Raises `DataError` if it cannot be fetched or is no tar file.
        """
        try:
            while not self.place.is_file():
                self.place.parent.mkdir(parents=True, exist_ok=True)
                with suppress(BlockingIOError), files.claim(self.place.with_suffix(".lock")):
                    if not self.place.is_file():
                        self._fetch()
                    break
                time.sleep(_WAIT)  # another process is at it
        except OSError as error:
            raise DataError(f"{self}: cannot be fetched into {self.place.parent} ({one_line(error)})") from error
        return self.place

    def fetch_ahead(self) -> threading.Thread:
        """Fetch it beside other work, until the thread that is given has ended; what fails is told by `local`."""

        def fetch() -> None:
            with suppress(DataError):
                self.local()

        thread = threading.Thread(target=fetch, daemon=True)
        thread.start()
        return thread

    def _fetch(self) -> None:
        store, path = open_store(self.url)
        with files.atomic(self.place) as file:
            patiently(lambda: self._download(store, path, file.name))
            if not tarfile.is_tarfile(file.name):
                raise DataError(f"{self}: expected a tar file of photos, this one is damaged or of another kind")

    def _download(self, store: Any, path: str, target: str) -> None:
        try:
            store.get_file(path, target)
        except OSError:
            raise
        except Exception as error:  # of fsspec's many libraries; it may pass
            raise OSError(one_line(error)) from error
        if self.size is not None and (came := os.path.getsize(target)) != self.size:
            raise OSError(f"expected {self.size} bytes, {came} came")


def is_url(path: str | os.PathLike[str]) -> bool:
    """Whether this is the URL of something and not a path."""
    return isinstance(path, str) and "://" in path


def cache_folder() -> Path:
    """Where shards are kept that were fetched, unless one says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / DISTRIBUTION / "shards"


def find_remote_shards(urls: Sequence[str], cache: Path) -> list[RemoteShard]:
    """The shards at URLs, in the order of their URLs. None is fetched yet.

    Args:
        urls: of shards, and of folders of them (recursive); {0000..0005} and {a,b} stand for several, * for any text.
        cache: the folder that they are fetched into.

    Returns:
        Each shard once.

    Raises:
        DataError: there is none at one of them, or the store does not let one look.
        ConfigError: nothing here understands a URL.
    """
    files.clean_stale(cache)
    found: dict[str, list[RemoteShard]] = {}
    with ThreadPoolExecutor(_ASKING) as pool:
        for url in urls:
            told, given = without_password(url), _expanded(url)
            # Not every library behind fsspec may be asked by several threads.
            each = pool.map if open_store(given[0])[0].async_impl else map
            for shards in each(lambda one: _asked(one, cache), given):
                found.setdefault(told, []).extend(shards)
    for told, shards in found.items():
        if not shards:
            raise DataError(f"{told}: there are no tar shards")
    return sorted({shard for shards in found.values() for shard in shards}, key=lambda shard: shard.url)


def _expanded(url: str) -> list[str]:
    try:
        return list(braceexpand(url))
    except ValueError as error:  # braces that are not closed
        raise ConfigError(f"{without_password(url)}: {one_line(error)}") from error


def _asked(url: str, cache: Path) -> list[RemoteShard]:
    """The shards at one URL, of a file, a folder or a pattern."""
    store, path = open_store(url)
    infos = _or_data_error(url, lambda: list(_infos(store, path)))
    shards = []
    for info in infos:
        full = url if info["name"] in (path, url) else store.unstrip_protocol(info["name"])
        key = hashlib.sha256(f"{full} {version_of(info)}".encode()).hexdigest()[:16]
        shards.append(RemoteShard(full, info.get("size"), cache / f"{key}-{_name(full)}"))
    return shards


def _infos(store: Any, path: str) -> Iterator[dict[str, Any]]:
    if "*" in path:
        yield from (info for name, info in store.glob(path, detail=True).items() if name.endswith(_SUFFIX))
        return
    info = store.info(path)
    if info["type"] != "directory":
        yield info
        return
    yield from (info for name, info in store.find(path, detail=True).items() if name.endswith(_SUFFIX))


def _or_data_error(url: str, ask: Callable[[], T]) -> T:
    try:
        return patiently(ask)
    except Exception as error:  # of fsspec's many libraries
        raise DataError(f"{without_password(url)}: cannot be found ({one_line(error)})") from error


def _name(url: str) -> str:
    return urlsplit(url).path.rstrip("/").rpartition("/")[2]
