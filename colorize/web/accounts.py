"""Accounts: HTTP Basic authentication against a file of names and bcrypt hashes, as `htpasswd -B` writes it."""

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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from colorize.errors import ConfigError
from colorize.web.addresses import network_of

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_MAX_ROUNDS = 15  # log2 of the number of rounds; 15 takes some seconds a check
_MAX_PASSWORD = 72  # bytes; bcrypt ignores the rest, and so does htpasswd
_OTHERS_MASK = 0o077
_FREE_TRIES = 5  # wrong tries of an address before it has to wait
_MAX_WAIT_S = 60.0  # seconds
_FORGET_AFTER_S = 900.0  # since the last wrong try
_MAX_ADDRESSES = 10_000  # whose wrong tries are remembered; beyond, the oldest is forgotten
_MAX_PROVEN = 1_000  # credentials that are remembered as right
_CHECK_THREADS = 2  # each keeps a core busy


class TooManyTriesError(Exception):
    """An address has tried too many wrong passwords. It has to wait for `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


class Accounts:
    """Names and the hashes of their passwords."""

    def __init__(self, hashes: dict[str, str]) -> None:
        """`hashes` maps each name to its bcrypt hash. At least one is needed."""
        self._hashes = {name: hash_.encode() for name, hash_ in hashes.items()}
        # An unknown name is checked against a hash that no password matches, so it takes as long as a wrong password.
        rounds = max(int(match[1]) for match in map(_BCRYPT.fullmatch, hashes.values()) if match)
        self._decoy_hash = bcrypt.hashpw(secrets.token_bytes(32), bcrypt.gensalt(rounds))
        self._tries = Tries()
        self._secret = secrets.token_bytes(32)  # keys the digests of passwords: outside this process they are worthless
        self._proven: OrderedDict[bytes, str] = OrderedDict()
        self._under_way: dict[tuple[str, bytes], asyncio.Task[bool]] = {}
        self._threads = ThreadPoolExecutor(_CHECK_THREADS, "password")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Accounts:
        """Read lines of NAME:HASH. Empty lines and lines that begin with # are skipped.

        Raises:
            ConfigError: the file cannot be read, others may read it, it holds no account, or a line has another form.
                The message gives the line's number, not its text: that may be a password.
        """
        make = f"make it with: htpasswd -B -c {path} NAME"
        try:
            with Path(path).open(encoding="utf-8") as file:
                if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS_MASK:
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
            if int(match[1]) > _MAX_ROUNDS:
                raise ConfigError(f"{path}, line {number}: expected a cost of {_MAX_ROUNDS} at most, got {match[1]}")
            hashes[name] = hash_
        if not hashes:
            raise ConfigError(f"{path}: expected lines of NAME:BCRYPT-HASH, found none; {make}")
        return cls(hashes)

    async def authenticate(self, authorization: str, address: str) -> str | None:
        """Return the name that an Authorization header proves, or None.

        Args:
            authorization: value of the header; "" if there is none.
            address: IP address of the client; its wrong tries are slowed down.

        Returns:
            The name of the account; None for no Basic header, an unknown name or a wrong password.

        Raises:
            TooManyTriesError: the address has to wait; the header was not checked.
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
        # A browser sends many requests at once. The same credentials are checked once and count as one try.
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
            same = await loop.run_in_executor(self._threads, bcrypt.checkpw, password, hash_ or self._decoy_hash)
            attempt.right = same and hash_ is not None
        if attempt.right:
            self._proven[key] = name
            while len(self._proven) > _MAX_PROVEN:
                self._proven.popitem(last=False)
        return attempt.right


@dataclass
class _Record:
    """The wrong tries of an address."""

    count: int = 0
    last: float = 0.0  # by the clock of `Tries`
    free_at: float = 0.0
    wrong: bytes = b""  # digest of the last wrong try; repeating it is no new guess


class Tries:
    """Wrong tries by address. The first few are free; each later one doubles the wait before the next."""

    def __init__(self, most_addresses: int = _MAX_ADDRESSES, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing has been tried yet.

        Args:
            most_addresses: whose tries are remembered; beyond, the oldest is forgotten.
            clock: gives the seconds since some moment.
        """
        self._most = most_addresses
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def check(self, address: str) -> None:
        """Raise `TooManyTriesError` if the address has to wait."""
        record = self._records.get(network_of(address))
        wait = record.free_at - self._clock() if record else 0
        if wait > 0:
            raise TooManyTriesError(int(wait) + 1)

    def is_known_wrong(self, address: str, what: bytes) -> bool:
        """Whether this repeats the last wrong try of the address. A browser does that; it is no new guess.

        Args:
            address: IP address of the client.
            what: digest of the name and password that it gives.

        Returns:
            True if they are the ones that were found wrong last.
        """
        record = self._records.get(network_of(address))
        return record is not None and record.wrong == what

    def attempt(self, address: str, what: bytes) -> _Attempt:
        """Begin a try. It counts as wrong until it turns out right, so parallel tries gain nothing.

        Args:
            address: IP address of the client.
            what: digest of the name and password that it gives.

        Returns:
            A context manager around their check, which has to set its `right` if they match.
        """
        network, now = network_of(address), self._clock()
        record = self._records.setdefault(network, _Record())
        self._records.move_to_end(network)
        while len(self._records) > self._most:
            self._records.popitem(last=False)
        if now - record.last > _FORGET_AFTER_S:
            record.count = 0
        record.last = now
        record.count += 1
        if record.count > _FREE_TRIES:
            record.free_at = now + min(_MAX_WAIT_S, 2.0 ** (record.count - _FREE_TRIES - 1))
        return _Attempt(self, network, what)

    def end(self, network: str, what: bytes, right: bool) -> None:
        """Note how a try ended. A right one clears the wrong ones before it.

        Args:
            network: of the client's address, as of `network_of`.
            what: digest of the name and password that were tried.
            right: whether they match.
        """
        if right:
            self._records.pop(network, None)
        elif network in self._records:
            self._records[network].wrong = what


class _Attempt:
    """Context manager around the check of a password. Set `right` if it matches."""

    def __init__(self, tries: Tries, network: str, what: bytes) -> None:
        self._tries, self._network, self._what = tries, network, what
        self.right = False

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(self, *_: object) -> None:
        self._tries.end(self._network, self._what, self.right)


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Name and password in a Basic header; None if it is not one."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if not (name and colon and password) or "\0" in password:
        return None
    return name, password.encode()[:_MAX_PASSWORD]
