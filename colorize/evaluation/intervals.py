"""A measured value with its interval, as every table and file of results has it."""

from __future__ import annotations

from typing import NamedTuple


class Interval(NamedTuple):
    """A value, and the ends of its interval."""

    value: float
    low: float
    high: float
