"""The limits of a server and their defaults, stated once."""

from __future__ import annotations

from dataclasses import dataclass, fields

from colorize.errors import ConfigError

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Raises `ConfigError` for a limit below 1, of films below 0."""

    upload: int = 200  # MB of one upload
    pixels: int = 120  # millions of one photo, all its pages together
    queue: int = 64  # jobs that wait, of all clients
    per_client: int = 8  # jobs of one client that wait or run, and its uploads at a time
    batch: int = 200  # photos of one batch
    seconds: int = 900  # one job, or one upload, takes
    storage: int = 20_000  # MB of uploads and results, of all clients
    kept: int = 60  # minutes, then an upload or a result is deleted
    film: int = 60  # seconds of a film; 0 takes none

    def __post_init__(self) -> None:
        for field in fields(self):
            least = 0 if field.name == "film" else 1
            if getattr(self, field.name) < least:
                raise ConfigError(f"{field.name} must be {least} or more, got {getattr(self, field.name)}")
