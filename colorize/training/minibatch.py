"""What a step trains on."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Photos as the networks see them, on the training device."""

    l: Tensor  # (B, 1, H, W), worn like an old print's where augmentation did so
    ab: Tensor  # (B, 2, H, W), true
    hints: Tensor | None = None  # (B, 3, H, W)
    clean_l: Tensor | None = None  # (B, 1, H, W), as it was before it was worn; None: as `l`

    @property
    def given(self) -> tuple[Tensor, ...]:
        """What G is given."""
        return (self.l,) if self.hints is None else (self.l, self.hints)
