"""Colors that are stronger where the network is unsure, and as it says where it knows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_USUAL, _SPREAD = 2.85, 0.56  # nat, the entropy's mean and deviation on photos, of the model of the diary's entry 27
_WEAKEST, _STRONGEST = 0.3, 2.0  # what colors are multiplied by


class Doubt(nn.Module):
    """Multiply a* and b* by 1 + share · (entropy − usual) / spread, of the distribution of the possible colors.

    An answer that may be one color or another lies between them, and so is paler than each: one factor for the whole
    photo that makes up for it makes faces, grass and skies, which were right, too strong. With a larger share for a*
    what is sure, as skin, gets less red. It has no parameters.
    """

    def __init__(self, shares: tuple[float, float]) -> None:
        """
        Args:
            shares: of a* and of b*, how much stronger it is per deviation of the entropy, in [0, 1].
        """
        super().__init__()
        self.shares = shares

    def forward(self, ab: Tensor, logits: Tensor) -> Tensor:
        """Strengthen the colors of a batch.

        Args:
            ab: (B, 2, h, w) in [−1, 1], at any size.
            logits: of the distribution, (B, Q, H', W').

        Returns:
            (B, 2, h, w) in [−1, 1], float32.
        """
        # By rows, each of which one thread sums: so results do not depend on their number.
        rows = logits.detach().float().flatten(2).transpose(1, 2)  # (B, N, Q); colors do not teach how sure to be
        entropy = -(torch.softmax(rows, dim=2) * torch.log_softmax(rows, dim=2)).sum(dim=2)
        entropy = entropy.unflatten(1, logits.shape[2:]).unsqueeze(1)  # (B, 1, H', W')
        unsure = (entropy - _USUAL) / _SPREAD
        strength = torch.cat([1 + share * unsure for share in self.shares], dim=1).clamp(_WEAKEST, _STRONGEST)
        strength = F.interpolate(strength, size=ab.shape[2:], mode="bilinear", align_corners=False)
        return (ab.float() * strength).clamp(-1, 1)
