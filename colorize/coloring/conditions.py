"""`Conditions`: whatever a person may say about the colors of one photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from colorize.coloring.hints import Hint, Hints
from colorize.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Conditions:
    """What the colors of one photo have to obey. What a model can obey, its engine declares in `takes`.

    Raises `ConfigError` for what is no condition.
    """

    hints: Hints | None = None  # colors of places
    reference: Image.Image | None = None  # a photo in color whose colors are to be used; no model has learned it yet
    seed: int | None = None  # another coloring than the first, the same one each time

    def __post_init__(self) -> None:
        hints: object = self.hints
        if not (hints is None or isinstance(hints, Image.Image)):
            points = hints if isinstance(hints, Sequence) and not isinstance(hints, str) else [hints]
            for point in points:
                if not isinstance(point, Hint):
                    raise ConfigError(f"hints must be a list of Hint, or an image with alpha, got {point!r}")
        if not isinstance(self.reference, Image.Image | None):
            raise ConfigError(f"a reference must be a PIL image, got {type(self.reference).__name__}")
        seed: object = self.seed
        if seed is not None and (
            isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63
        ):
            raise ConfigError(f"a seed must be a whole number from 0 up, got {seed!r}")

    @property
    def kinds(self) -> frozenset[str]:
        """The fields that a model has to have learned. A seed is none: a model with one answer gives that."""
        return frozenset(name for name in ("hints", "reference") if getattr(self, name) is not None)


NO_CONDITIONS = Conditions()
