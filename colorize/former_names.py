"""Names that had another spelling, accepted for one version; then this file goes.

Elsewhere stand the command's option --skip-colour, the note in the EXIF of results, in photo/metadata.py, and "lost" in
reports, in batch/report.py.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, TypeVar

from colorize.errors import ConfigError

FORMER_NAMES = {
    "colour": "color",  # of a hint
    "min_colourfulness": "min_colorfulness",  # a setting of training
    "evenness": "source_balance",  # likewise
}

_Value = TypeVar("_Value")
_Class = TypeVar("_Class")


def with_new_names(values: Mapping[str, _Value]) -> dict[str, _Value]:
    """`values` under the names of today. Raises `ConfigError` if both names of one value are given."""
    for former, name in FORMER_NAMES.items():
        if former in values and name in values:
            raise ConfigError(f"{former} is the former name of {name}: expected one of them, got both")
    return {FORMER_NAMES.get(name, name): value for name, value in values.items()}


def with_new_losses(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of training with the terms of the explicit loss in `losses`, where each had settings of its own."""
    former = {"reconstruction", "distribution_weight", "perceptual_weight", "perceptual"}
    if not former & set(settings) or "losses" in settings:
        return dict(settings)
    reconstruction = settings.get("reconstruction", "l1")
    losses = {} if reconstruction == "none" else {reconstruction: 1.0}
    if settings.get("generator_settings", {}).get("head") == "ab+bins" and reconstruction != "cross-entropy":
        losses["distribution"] = settings.get("distribution_weight", 0.02)
    if settings.get("perceptual_weight"):
        losses["perceptual"] = settings["perceptual_weight"]
    kept = {name: value for name, value in settings.items() if name not in former}
    return kept | {"losses": losses, "feature_network": settings.get("perceptual", "")}


def takes_former_names(kind: type[_Class]) -> type[_Class]:
    """Decorates a class whose constructor also takes the former names of its arguments."""
    init = kind.__init__

    @functools.wraps(init)
    def renaming(self: _Class, *values: object, **named: object) -> None:
        init(self, *values, **with_new_names(named))

    kind.__init__ = renaming  # type: ignore[assignment]  # the same, but for the names
    return kind
