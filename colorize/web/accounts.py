"""Who may use the server: HTTP Basic against a file of names and passwords."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from pathlib import Path

from colorize.errors import ConfigError


class Accounts:
    """Names and their passwords."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = passwords

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Accounts:
        """Lines of NAME:PASSWORD; empty ones and those that begin with # are passed over.

        Raises `ConfigError` for a file that cannot be read, holds none, or a line of another form (by its number: its
        text is a password).
        """
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{path}: expected lines of NAME:PASSWORD ({getattr(error, 'strerror', error)})"
            ) from error
        passwords = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, colon, password = line.strip().partition(":")
            if not (name and colon and password) or name in passwords:
                raise ConfigError(f"{path}, line {number}: expected NAME:PASSWORD, each name once")
            passwords[name] = password
        if not passwords:
            raise ConfigError(f"{path}: expected lines of NAME:PASSWORD, found none")
        return cls(passwords)

    def who(self, authorization: str) -> str | None:
        """The name that an Authorization header proves, or None."""
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        # An unknown name takes as long as a wrong password.
        right = hmac.compare_digest(self._passwords.get(name, "\0").encode(), password.encode())
        return name if right else None
