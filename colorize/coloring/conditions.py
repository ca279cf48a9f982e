"""`Conditions`: whatever a person may say about the colors of one photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from colorize.coloring.album import Album
from colorize.coloring.hints import Hint, Hints
from colorize.coloring.reference import Match
from colorize.coloring.regions import Region
from colorize.errors import ConfigError

References = Image.Image | Sequence[Image.Image] | Album  # of an album, the most alike


@dataclass(frozen=True, eq=False)
class Conditions:
    """What the colors of one photo have to obey. What a model can obey, its engine declares in `takes`.

    Raises `ConfigError` for what is no condition.
    """

    hints: Hints | None = None  # colors of places
    reference: References | None = None  # photos in color whose colors are to be used
    seed: int | None = None  # another coloring than the first, the same one each time
    regions: Sequence[Region] = ()  # outlined parts, and their color or how much of it
    match: Match | None = None  # what the photo finds in `reference`, if that is known already: `Colorizer.match`

    def __post_init__(self) -> None:
        hints: object = self.hints
        if not (hints is None or isinstance(hints, Image.Image)):
            points = hints if isinstance(hints, Sequence) and not isinstance(hints, str) else [hints]
            for point in points:
                if not isinstance(point, Hint):
                    raise ConfigError(f"hints must be a list of Hint, or an image with alpha, got {point!r}")
        reference: object = self.reference
        if not (reference is None or isinstance(reference, Album)):
            for image in reference if isinstance(reference, list | tuple) else [reference]:
                if not isinstance(image, Image.Image):
                    raise ConfigError(
                        f"a reference must be a PIL image, a list of them or an Album, got {type(image).__name__}"
                    )
        regions: object = self.regions
        for region in regions if isinstance(regions, Sequence) else [regions]:
            if not isinstance(region, Region):
                raise ConfigError(f"regions must be a list of Region, got {region!r}")
        seed: object = self.seed
        if seed is not None and (
            isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63
        ):
            raise ConfigError(f"a seed must be a whole number from 0 up, got {seed!r}")

    @property
    def references(self) -> Sequence[Image.Image]:
        """The photos of `reference`; none, one or several. Those of an album are not known before it has chosen."""
        if self.reference is None or isinstance(self.reference, Album):
            return ()
        return (self.reference,) if isinstance(self.reference, Image.Image) else self.reference

    @property
    def is_of_one_photo(self) -> bool:
        """Whether places of one photo are meant."""
        return self.hints is not None or len(self.regions) > 0 or self.match is not None

    @property
    def kinds(self) -> frozenset[str]:
        """The fields that a model has to have learned. A seed is none: a model with one answer gives that. Regions
        are none: they are colored behind the network."""
        asked = {
            "hints": self.hints is not None,
            "reference": isinstance(self.reference, Album) or len(self.references) > 0,
        }
        return frozenset(name for name, is_asked in asked.items() if is_asked)


NO_CONDITIONS = Conditions()
