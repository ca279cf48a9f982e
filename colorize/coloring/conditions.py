"""`Conditions`: whatever a person may say about the colors of one photo."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from colorize.coloring.hints import Hints


@dataclass(frozen=True, eq=False)
class Conditions:
    """What the colors of one photo have to obey. What a model can obey, its engine declares in `takes`."""

    hints: Hints | None = None  # colors of places
    reference: Image.Image | None = None  # a photo in color whose colors are to be used; no model has learned it yet
    seed: int | None = None  # another coloring than the first, the same one each time

    @property
    def kinds(self) -> frozenset[str]:
        """The fields that a model has to have learned. A seed is none: a model with one answer gives that."""
        return frozenset(name for name in ("hints", "reference") if getattr(self, name) is not None)


NO_CONDITIONS = Conditions()
