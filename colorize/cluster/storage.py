"""Folders and object storage by their URLs: what is listed, read and written whole, each error being one line."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from colorize.errors import ClusterError, PhotoError
from colorize.system.files import ABANDONED_AFTER, TEMPORARY, temporary_name
from colorize.system.remote import one_line, open_store, patiently, time_of, version_of, without_password

OWN_FOLDER = ".colorize"  # of the target: plans; a search leaves it out, like all that is hidden
_PUTS_WHOLE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss"}  # an object is there or is not


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file as a listing tells of it."""

    name: str
    size: int | None
    version: str  # the etag, or size and time: another one means another content
    time: float | None  # seconds since 1970 by the clock of its machine; None if the store does not tell


@dataclass(slots=True)
class Listing:
    """What a folder holds, without what is hidden."""

    files: list[FileInfo] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)  # to folders
    leftovers: list[str] = field(default_factory=list)  # temporary files of killed runs


class Storage:
    """A folder, or a place in object storage. Can be sent to other machines, with its settings.

    Raises `ConfigError` for a URL that nothing here understands.
    """

    def __init__(self, url: str) -> None:
        """Nothing is asked of the store yet.

        Args:
            url: a path, or a URL as fsspec knows them, such as s3://bucket/folder.
        """
        self.files, root = open_store(url)
        self.root = root.rstrip("/")
        self._told = without_password(url).rstrip("/") or "/"

    @property
    def is_local(self) -> bool:
        """Whether its files are those of this machine, or of a drive that all machines see at the same place."""
        return type(self.files) is LocalFileSystem

    @property
    def takes_threads(self) -> bool:
        """Whether several threads may use it."""
        return self.is_local or bool(self.files.async_impl)

    @property
    def _puts_whole(self) -> bool:
        protocol = self.files.protocol  # a name, or several
        return not _PUTS_WHOLE.isdisjoint([protocol] if isinstance(protocol, str) else protocol)

    def path(self, place: str) -> str:
        """The path of a place below the root, as fsspec takes it."""
        return f"{self.root}/{place}" if place else self.root or "/"

    def told(self, place: str = "") -> str:
        """What a place below the root is called in messages and reports: by the URL that was given."""
        return f"{self._told.rstrip('/')}/{place}" if place else self._told

    def list(self, place: str = "") -> Listing:
        """List a folder.

        Args:
            place: of the folder below the root.

        Returns:
            What it holds.

        Raises:
            FileNotFoundError: there is no such folder.
            ClusterError: it cannot be listed.
        """
        path = self.path(place)
        self.files.invalidate_cache()
        try:
            infos = patiently(lambda: self.files.ls(path, detail=True))
        except FileNotFoundError:
            raise
        except Exception as error:  # of fsspec's many libraries
            raise ClusterError(f"{self.told(place)}: cannot be listed ({one_line(error)})") from error
        finally:
            self.files.invalidate_cache()  # of a million files it takes as much as their listing
        listing = Listing()
        while infos:
            self._note(infos.pop(), path, listing)
        return listing

    def _note(self, info: dict[str, Any], folder: str, listing: Listing) -> None:
        path = str(info["name"]).rstrip("/")
        name = path.rpartition("/")[2]
        if path == folder or not name:  # an object that stands for the folder itself
            return
        if name.startswith("."):
            if TEMPORARY.fullmatch(name) and time.time() - (time_of(info) or time.time()) > ABANDONED_AFTER:
                listing.leftovers.append(name)
            return
        kind = info.get("type")
        if info.get("islink"):
            with suppress(OSError):  # a broken link: reading it will raise
                kind = self.files.info(path)["type"]
            if kind == "directory":
                listing.links.append(name)
                return
            kind = "file"
        if kind == "directory":
            listing.folders.append(name)
        elif kind == "file":
            listing.files.append(FileInfo(name, info.get("size"), version_of(info), time_of(info)))

    def exists(self, place: str) -> bool:
        """Whether there is such a file; False if that cannot be found out: writing will raise."""
        self.files.invalidate_cache()
        return bool(self.files.exists(self.path(place)))

    def fetch(self, place: str, local: Path) -> Path:
        """Bring a file here.

        Args:
            place: of the file below the root.
            local: where it may be put.

        Returns:
            Where it is: of a local store, the file itself.

        Raises:
            PhotoError: it cannot be read.
        """
        if self.is_local:
            return Path(self.path(place))
        try:
            patiently(lambda: self.files.get_file(self.path(place), str(local)))
        except Exception as error:  # of fsspec's many libraries
            raise PhotoError(f"{self.told(place)}: cannot be read ({one_line(error)})") from error
        return local

    def put(self, local: Path, place: str) -> None:
        """Write a file, whole or not at all. Folders are made, buckets are not.

        Args:
            local: the file's content.
            place: of the file below the root; what is there is replaced.

        Raises:
            PhotoError: it cannot be written.
        """
        try:
            patiently(lambda: self._put(local, self.path(place)))
        except Exception as error:  # of fsspec's many libraries
            raise PhotoError(f"{self.told(place)}: cannot be written ({one_line(error)})") from error

    def _put(self, local: Path, path: str) -> None:
        if self._puts_whole:
            self.files.put_file(str(local), path)
            return
        folder = path.rpartition("/")[0]
        temporary = f"{folder}/{temporary_name()}"
        self.files.makedirs(folder, exist_ok=True)
        try:
            self.files.put_file(str(local), temporary)
            self.files.mv(temporary, path)
        except BaseException:
            with suppress(Exception):  # the error that matters is on its way already
                self.files.rm_file(temporary)
            raise

    def remove(self, place: str) -> None:
        """Remove a file, if that can be done."""
        with suppress(Exception):  # it is in nobody's way
            self.files.rm_file(self.path(place))

    def trouble(self, *, writing: bool) -> str:
        """Tell what is wrong with the whole store, after something could not be read or written.

        Args:
            writing: whether it has to be written to, which is tried.

        Returns:
            One line, or nothing if the store is as it should be.
        """
        try:
            self.files.invalidate_cache()
            if writing:
                self._try_to_write()
            else:
                self.files.info(self.path(""))
        except Exception as error:  # noqa: BLE001 - of fsspec's many libraries, and it is told
            return f"{self.told()}: cannot be {'written to' if writing else 'read'} ({one_line(error)})"
        return ""

    def _try_to_write(self) -> None:
        path = self.path(f"{OWN_FOLDER}/try-{secrets.token_hex(8)}")
        if not self._puts_whole:
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.files.pipe_file(path, b"written to find out whether that can be done\n")
        self.files.rm_file(path)
