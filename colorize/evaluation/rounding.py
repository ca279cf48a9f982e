"""Numbers in the files of results: as many digits as say something."""

from __future__ import annotations

from typing import Any


def rounded(value: Any, digits: int) -> Any:
    """What is to become JSON, with so many significant digits in every number that is no whole one."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: rounded(each, digits) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each, digits) for each in value]
    return value
