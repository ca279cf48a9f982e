"""Generators by name. A model file carries its architecture's name and settings, so it rebuilds itself.

`generator(l, hints=None) -> ab`: `l` (B, 1, H, W), `hints` (B, 3, H, W), `ab` (B, 2, H, W); H and W are multiples
of `generator.stride`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from colorize.errors import ConfigError
from colorize.models.context_unet import ContextUNet
from colorize.models.generator import Generator
from colorize.models.mobile_unet import MobileUNet
from colorize.models.unet import UNet

GENERATORS: dict[str, type[Generator]] = {kind.architecture: kind for kind in (UNet, MobileUNet, ContextUNet)}


def build_generator(architecture: str, settings: Mapping[str, Any] | None = None) -> Generator:
    """Build a generator with fresh weights.

    Args:
        architecture: one of `GENERATORS`.
        settings: fields of that one's settings, by name; what is missing has its default.

    Returns:
        The generator.

    Raises:
        ConfigError: the architecture or a setting is unknown, or a setting is outside its range.
    """
    if architecture not in GENERATORS:
        raise ConfigError(f"unknown architecture {architecture!r}: expected one of {', '.join(GENERATORS)}")
    kind = GENERATORS[architecture]
    known = {field.name for field in dataclasses.fields(kind.settings_type)}
    unknown = sorted(set(settings or {}) - known)
    if unknown:
        raise ConfigError(f"{architecture} has no setting {unknown[0]!r}: expected {', '.join(sorted(known))}")
    return kind(kind.settings_type(**(settings or {})))
