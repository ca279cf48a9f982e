"""Numbers in the files of results: as many digits as say something."""

from __future__ import annotations

from typing import Any


def rounded(value: Any, digits: int) -> Any:
    """What is to become JSON, with so many significant digits in every number that is no whole one.

    Args:
        value: dicts, lists, tuples and plain values, in each other as deep as they like.
        digits: significant ones, of every float; 1 or more.

    Returns:
        The same with rounded floats, tuples as lists; `value` itself stays as it is.
    """
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: rounded(each, digits) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each, digits) for each in value]
    return value
