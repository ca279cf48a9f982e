"""What can be chosen for a photo, and that nothing else can."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from colorize.errors import ConfigError
from colorize.options import SIZE_RANGE, STRENGTH_RANGE, ColorizeOptions


def test_the_defaults_and_the_ends_of_the_ranges_are_accepted() -> None:
    assert ColorizeOptions() == ColorizeOptions(strength=1.0, size=256)
    for strength in (*STRENGTH_RANGE, 1):
        for size in SIZE_RANGE:
            options = ColorizeOptions(strength=strength, size=size)
            assert (options.strength, options.size) == (strength, size)


@pytest.mark.parametrize("strength", [-0.01, 2.01, math.nan, math.inf, 10**400, "1", None, True])
def test_a_strength_outside_its_range_is_told_with_what_came(strength: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        ColorizeOptions(strength=strength)
    assert str(raised.value) == f"strength must be a number from 0 to 2, got {strength!r}"


@pytest.mark.parametrize("size", [31, 2049, 0, -256, 256.5, math.nan, math.inf, 10**400, "256", None, True])
def test_a_size_outside_its_range_is_told_with_what_came(size: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        ColorizeOptions(size=size)
    assert str(raised.value) == f"size must be a whole number from 32 to 2048, got {size!r}"


@pytest.mark.parametrize("spelled", ["jpg", "JPG", ".jpg", ".Jpg"])
def test_a_format_is_known_in_any_case_and_with_its_dot(spelled: str) -> None:
    assert ColorizeOptions(format=spelled).format == "jpg"


@pytest.mark.parametrize(
    ("option", "values"),
    [("quality", [0, 101, 50.5, "90", True]), ("variants", [-1, 100, 1.5, None]), ("format", ["gif", "", 7, "..jpg"])],
)
def test_other_values_outside_their_range_are_told_with_what_came(option: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ConfigError) as raised:
            ColorizeOptions(**{option: value})
        assert option in str(raised.value)
        assert repr(value) in str(raised.value)


def test_options_do_not_change_once_checked() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ColorizeOptions().strength = 7.0  # type: ignore[misc]
