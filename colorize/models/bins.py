"""Color as a choice among bins instead of two numbers (Zhang et al. 2016, arXiv 1603.08511, sec. 2.1–2.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colorize.color.units import AB_RANGE

STEP = 10.0  # units of a* and b* between the bins' centers
COUNT = 261  # of bins: so many of the grid hold an sRGB color
NEIGHBORS = 5  # bins that a color is shared out to
SIGMA = 5.0  # of that sharing, in units of a* and b*
TEMPERATURE = 0.38  # of the annealed mean: between the mean (1) and the mode (0)
PRIOR_WEIGHT = 0.5  # λ: how much of the uniform distribution is mixed into the prior


class AbBins(nn.Module):
    """The bins of sRGB's colors and how often photographs use them; both travel in the model file.

    Of a grid of 10 units, 261 bins hold an sRGB color. (The paper's table has 313: more than sRGB under D65 reaches.)
    `prior` is uniform until it is measured.
    """

    centres: Tensor
    prior: Tensor  # (Q,), sums up to 1

    def __init__(self) -> None:
        super().__init__()
        if torch.empty(0).device.type == "meta":  # a file is about to bring them
            centers = torch.empty(COUNT, 2)
        else:
            from colorize.color.tensors import ab_grid  # kornia: seconds, which who loads a model does without

            centers = ab_grid(STEP)
        self.register_buffer("centres", centers)  # so it is called in model files
        self.register_buffer("prior", torch.full((len(centers),), 1 / len(centers)))

    @property
    def centers(self) -> Tensor:
        """(Q, 2), in the units of `ab`."""
        return self.centres

    def __len__(self) -> int:
        return len(self.centers)

    def encode(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """The 5 bins nearest to each pixel of `ab` (B, 2, H, W), nearest first, and the share of each.

        Both (B, 5, H, W); shares are a Gaussian's of the distance, and sum up to 1 (sec. 2.2).
        """
        pixels = ab.permute(0, 2, 3, 1)  # (B, H, W, 2)
        distances, nearest = torch.cdist(pixels.flatten(0, 2), self.centers).topk(NEIGHBORS, largest=False)
        shares = torch.softmax(-(distances / (SIGMA / AB_RANGE)).square() / 2, dim=1)  # (B·H·W, 5)
        shape = (*pixels.shape[:3], NEIGHBORS)
        return nearest.view(shape).permute(0, 3, 1, 2), shares.view(shape).permute(0, 3, 1, 2)

    def decode(self, logits: Tensor, temperature: float = TEMPERATURE) -> Tensor:
        """The annealed mean of logits (eq. 5).

        Args:
            logits: (B, Q, H, W), how likely each bin is, before the softmax.
            temperature: above 0; 1 gives the mean, near 0 it is the mode.

        Returns:
            `ab` (B, 2, H, W), a* and b* over 110.
        """
        probabilities = torch.softmax(logits / temperature, dim=1)
        return torch.einsum("bqhw,qc->bchw", probabilities, self.centers)

    def weights(self) -> Tensor:
        """w ∝ ((1 − λ) p̃ + λ/Q)⁻¹ with E[w] = 1 under the prior p̃: rare colors count for more (eq. 4). (Q,)"""
        weights = 1 / ((1 - PRIOR_WEIGHT) * self.prior + PRIOR_WEIGHT / len(self))
        return weights / (self.prior * weights).sum()

    def count(self, ab: Tensor) -> Tensor:
        """How much of `ab` (B, 2, H, W) falls to each bin, (Q,): a prior is this of many photos, normalized."""
        nearest, shares = self.encode(ab)
        return torch.zeros_like(self.prior).index_add_(0, nearest.flatten(), shares.flatten())
