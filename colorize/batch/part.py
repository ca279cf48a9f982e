"""A part of the photos: several machines share them without a word to each other."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass

from colorize.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Part:
    """One of several parts, which together hold each photo once: its name alone decides which one it is in."""

    number: int  # from 1
    total: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """From I/N, such as 3/16. Raises `ConfigError`."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(f"--part: expected I/N, part I of N from 1/N to N/N, such as 3/16, got {text!r}")
        return cls(int(found[1]), int(found[2]))

    def holds(self, name: str) -> bool:
        """Whether a photo is in this part.

        Args:
            name: the photo's, with its folders below the one that was named: what all machines agree on, wherever they
                have mounted that one. Unicode forms that some file systems change are one.

        Returns:
            True for one of the parts, on every machine and with every Python.
        """
        digest = hashlib.sha256(os.fsencode(unicodedata.normalize("NFC", name)))
        return int.from_bytes(digest.digest()[:8]) % self.total == self.number - 1
