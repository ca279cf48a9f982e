"""Who may use the server: HTTP Basic against a file of names and bcrypt hashes, as `htpasswd -B` writes it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import os
import re
import secrets
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from colorize.errors import ConfigError
from colorize.web.addresses import network_of

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_MOST_ROUNDS = 15  # as a power of two: some seconds a check
_LONGEST_PASSWORD = 72  # bytes: bcrypt, and with it htpasswd, looks at no more
_OTHERS_MAY = 0o077
_FREE_TRIES = 5  # wrong ones of an address, before it has to wait
_LONGEST_WAIT = 60.0  # seconds
_FORGOTTEN_AFTER = 900.0  # seconds without a wrong try
_MOST_ADDRESSES = 10_000  # whose wrong tries are remembered
_MOST_PROVEN = 1_000  # credentials
_CHECKS_AT_ONCE = 2  # each keeps a core busy


class TooManyTriesError(Exception):
    """An address has tried too many wrong passwords. `seconds` is how long it has to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


class Accounts:
    """Names and the hashes of their passwords."""

    def __init__(self, hashes: dict[str, str]) -> None:
        """`hashes` by name, at least one."""
        self._hashes = {name: hash_.encode() for name, hash_ in hashes.items()}
        # An unknown name takes as long as a wrong password: it is checked against a hash that nothing matches.
        rounds = max(int(match[1]) for match in map(_BCRYPT.fullmatch, hashes.values()) if match)
        self._nobodys = bcrypt.hashpw(secrets.token_bytes(32), bcrypt.gensalt(rounds))
        self._tries = Tries()
        self._secret = secrets.token_bytes(32)  # so that what is kept of a password is worth nothing elsewhere
        self._proven: OrderedDict[bytes, str] = OrderedDict()
        self._under_way: dict[tuple[str, bytes], asyncio.Task[bool]] = {}
        self._threads = ThreadPoolExecutor(_CHECKS_AT_ONCE, "password")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Accounts:
        """Lines of NAME:HASH; empty ones and those that begin with # are passed over.

        Raises `ConfigError` for a file that cannot be read, that others may read, that holds no account, or with a line
        of another form (told by its number: its text may be a password).
        """
        make = f"make it with: htpasswd -B -c {path} NAME"
        try:
            with Path(path).open(encoding="utf-8") as file:
                if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS_MAY:
                    raise ConfigError(f"{path}: others may read the accounts; forbid it with: chmod 600 {path}")
                lines = file.read().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", error)
            raise ConfigError(f"{path}: expected lines of NAME:BCRYPT-HASH ({reason}); {make}") from error
        hashes: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, hash_ = line.strip().partition(":")
            match = _BCRYPT.fullmatch(hash_)
            if not name or match is None:
                raise ConfigError(
                    f"{path}, line {number}: expected NAME:BCRYPT-HASH, and passwords never as they are; {make}"
                )
            if name in hashes:
                raise ConfigError(f"{path}, line {number}: expected each name once")
            if int(match[1]) > _MOST_ROUNDS:
                raise ConfigError(f"{path}, line {number}: expected a cost of {_MOST_ROUNDS} at most, got {match[1]}")
            hashes[name] = hash_
        if not hashes:
            raise ConfigError(f"{path}: expected lines of NAME:BCRYPT-HASH, found none; {make}")
        return cls(hashes)

    async def who(self, authorization: str, address: str) -> str | None:
        """The name that an Authorization header proves, or None.

        Args:
            authorization: the header, "" where there is none
            address: whose request it is in; its wrong tries are slowed down

        Raises:
            TooManyTriesError: the address has to wait; the header has not been looked at
        """
        given = _credentials(authorization)
        if given is None:
            return None
        name, password = given
        self._tries.check(address)
        key = hashlib.blake2b(f"{name}:".encode() + password, key=self._secret).digest()
        if key in self._proven:
            self._proven.move_to_end(key)
            return name
        if self._tries.is_known_wrong(address, key):
            return None
        # A browser sends many requests at once: the same credentials are checked once, and count as one try.
        check = self._under_way.get((address, key))
        if check is None:
            check = asyncio.create_task(self._check(name, password, key, self._tries.attempt(address, key)))
            self._under_way[address, key] = check
            check.add_done_callback(lambda _: self._under_way.pop((address, key), None))
        return name if await asyncio.shield(check) else None

    async def _check(self, name: str, password: bytes, key: bytes, attempt: _Attempt) -> bool:
        with attempt:
            hash_ = self._hashes.get(name)
            loop = asyncio.get_running_loop()
            same = await loop.run_in_executor(self._threads, bcrypt.checkpw, password, hash_ or self._nobodys)
            attempt.right = same and hash_ is not None
        if attempt.right:
            self._proven[key] = name
            while len(self._proven) > _MOST_PROVEN:
                self._proven.popitem(last=False)
        return attempt.right


@dataclass
class _Record:
    """The wrong tries of an address."""

    count: int = 0
    last: float = 0.0  # by `time.monotonic`
    free_at: float = 0.0
    wrong: bytes = b""  # the last one that was checked: the same again is no further guess


class Tries:
    """Wrong tries by address: the first few are free, then each doubles the time to wait for the next."""

    def __init__(self, most_addresses: int = _MOST_ADDRESSES) -> None:
        self._most = most_addresses
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def check(self, address: str) -> None:
        """Raise `TooManyTriesError` if the address has to wait."""
        record = self._records.get(network_of(address))
        wait = record.free_at - time.monotonic() if record else 0
        if wait > 0:
            raise TooManyTriesError(int(wait) + 1)

    def is_known_wrong(self, address: str, what: bytes) -> bool:
        """Whether this is the last wrong one of the address: a browser that repeats it does not guess."""
        record = self._records.get(network_of(address))
        return record is not None and record.wrong == what

    def attempt(self, address: str, what: bytes) -> _Attempt:
        """A try, which counts as a wrong one until it turns out to be right: so many at once gain nothing."""
        network, now = network_of(address), time.monotonic()
        record = self._records.setdefault(network, _Record())
        self._records.move_to_end(network)
        while len(self._records) > self._most:
            self._records.popitem(last=False)
        if now - record.last > _FORGOTTEN_AFTER:
            record.count = 0
        record.last = now
        record.count += 1
        if record.count > _FREE_TRIES:
            record.free_at = now + min(_LONGEST_WAIT, 2.0 ** (record.count - _FREE_TRIES - 1))
        return _Attempt(self, network, what)

    def end(self, network: str, what: bytes, right: bool) -> None:
        """A right try makes up for the wrong ones before it."""
        if right:
            self._records.pop(network, None)
        elif network in self._records:
            self._records[network].wrong = what


class _Attempt:
    """Within, a password is being checked; `right` tells how that went."""

    def __init__(self, tries: Tries, network: str, what: bytes) -> None:
        self._tries, self._network, self._what = tries, network, what
        self.right = False

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(self, *_: object) -> None:
        self._tries.end(self._network, self._what, self.right)


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Name and password of a Basic header; None if it is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if not (name and colon and password) or "\0" in password:
        return None
    return name, password.encode()[:_LONGEST_PASSWORD]
