"""The seam between photos and networks: an engine turns lightness into color, on plain arrays."""

from __future__ import annotations

from typing import Protocol

from colorize.color.units import FloatArray


class Engine(Protocol):
    """Anything that predicts `ab` from `l`: torch, an exported graph, a stand-in in tests."""

    @property
    def stride(self) -> int:
        """Both sides of the arrays must be multiples of this."""

    @property
    def bins(self) -> FloatArray | None:
        """The colors (Q, 2) of `predict_distribution`, in units of `ab`; None of a model that has no distribution."""

    @property
    def takes_hints(self) -> bool:
        """Whether hints change anything: a network has to have learned them."""

    def predict(self, l: FloatArray, hints: FloatArray | None = None, seed: int | None = None) -> FloatArray:
        """`ab` (B, 2, H, W) for `l` (B, 1, H, W) and `hints` (B, 3, H, W), float32, in the units of `color/units.py`.

        Without a seed the answer is always the same; a seed switches on the noise of a network that has some.
        """

    def predict_distribution(self, l: FloatArray, hints: FloatArray | None = None) -> FloatArray:
        """How likely each of the `bins` is, (B, Q, H', W'), at a smaller size; over all bins it sums up to 1."""
