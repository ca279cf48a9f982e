"""The seam between photos and networks: an engine turns lightness into color, on plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from colorize.color.units import FloatArray


@dataclass(frozen=True, eq=False)
class NetworkConditions:
    """`Conditions` of a batch of photos, as a network takes them."""

    hints: FloatArray | None = None  # (B, 3, H, W): ab of the hinted pixels, then a 0/1 mask; None as all zero
    seed: int | None = None  # switches on the noise of a network that has some; None gives the same answer each time

    @property
    def is_automatic(self) -> bool:
        """Whether nothing is asked for."""
        return self.hints is None and self.seed is None


AUTOMATIC = NetworkConditions()


class Features(NamedTuple):
    """What a network makes of photos without hints. What is alike in its features, it likely takes for one thing."""

    ab: FloatArray  # (B, 2, H, W), as `predict` gives it
    things: FloatArray  # (B, C, H/16, W/16), of the encoder: what is there
    places: FloatArray  # (B, C', H/8, W/8), of the decoder: where it ends


def conditions_taken(*, hints: bool, features: bool) -> frozenset[str]:
    """`Engine.takes` of a model that has learned hints, or has features, which are all that a reference needs.

    Args:
        hints: whether it has learned hints.
        features: whether it has features, as `Engine.predict_features` gives them.

    Returns:
        "hints", "reference", both or none.
    """
    return frozenset(name for name, taken in (("hints", hints), ("reference", features)) if taken)


class Engine(Protocol):
    """Anything that predicts `ab` from `l`: torch, an exported graph, a stand-in in tests."""

    @property
    def stride(self) -> int:
        """Both sides of the arrays must be multiples of this."""

    @property
    def bins(self) -> FloatArray | None:
        """The colors (Q, 2) of `predict_distribution`, in units of `ab`; None of a model that has no distribution."""

    @property
    def takes(self) -> frozenset[str]:
        """The fields of `Conditions` that the model can obey, by name: "hints", "reference"."""

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        """Predict color.

        Args:
            l: (B, 1, H, W), float32, L*/50 − 1, H and W multiples of `stride`.
            conditions: what the colors have to obey, for the same B, H and W.

        Returns:
            `ab` (B, 2, H, W), float32, (a*, b*)/110.

        Raises:
            MemoryError: there is not enough memory for arrays of this size.
        """

    def predict_distribution(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        """Predict how likely each of the `bins` is.

        Args:
            l: as of `predict`.
            conditions: as of `predict`.

        Returns:
            probabilities (B, Q, H', W'), float32, at a smaller size; over all bins they sum up to 1.

        Raises:
            MemoryError: as `predict`.
            ValueError: the model has no bins.
        """

    def predict_features(self, l: FloatArray) -> Features:
        """Tell what is alike.

        Args:
            l: as of `predict`.

        Returns:
            Features, and the colors, without hints.

        Raises:
            MemoryError: as `predict`.
            ValueError: the model has none; one that takes a "reference" has.
        """
