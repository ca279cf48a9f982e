"""The `colorize` command: its options, one call of it, the terminal."""

from __future__ import annotations

from colorize.cli.command import main

__all__ = ["main"]
