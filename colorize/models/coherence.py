"""Colors that agree with each other within what looks alike, by averaging them over a coarse grid."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_GRID = 20  # cells each way, whatever the size of the photo
_TEMPERATURE = 0.1  # of cosines of features: lower, and cells have to be more alike
# How far apart two cells are that share exp(−1) of what they would share side by side:
_LIGHTNESS = 0.2  # of l, which has 2 from black to white
_DISTANCE = 0.3  # of the photo's sides
_COLOR = 0.1  # of ab, which has 1 for 110 units


class Coherence(nn.Module):
    """Move each cell's color to that of the cells which look like it, and are near, as light and of like color.

    A decoder answers place by place, so half a suit may come out blue and half of it brown. Here the colors of a coarse
    grid are averaged a few times with weights that the decoder's own features give; what is finer stays. It has no
    parameters: any trained generator can have it (cf. non-local means, Buades et al. 2005, and learned affinities, Liu
    et al. 2017, arXiv 1710.01020).
    """

    def __init__(self, steps: int) -> None:
        """
        Args:
            steps: how often colors are averaged, 1 or more.
        """
        super().__init__()
        self.steps = steps

    def forward(self, ab: Tensor, places: Tensor, l: Tensor) -> Tensor:
        """Average the colors of a batch.

        Args:
            ab: (B, 2, h, w) in [−1, 1], at any size.
            places: features of the photo, (B, C, H', W').
            l: (B, 1, H, W) in [−1, 1].

        Returns:
            (B, 2, h, w) in [−1, 1], float32.
        """
        with torch.autocast(ab.device.type, enabled=False):  # half precision is too coarse for differences of squares
            ab, places, l = ab.float(), places.float(), l.float()
            cells = _to_cells(ab)
            weights = self._weights(cells, _to_cells(places), _to_cells(l))
            averaged = cells.flatten(2).transpose(1, 2)  # (B, N, 2)
            for _ in range(self.steps):
                averaged = weights @ averaged
            change = averaged.transpose(1, 2).unflatten(2, (_GRID, _GRID)) - cells
            moved = ab + F.interpolate(change, size=ab.shape[2:], mode="bilinear", align_corners=False)
            return moved.clamp(-1, 1)

    def _weights(self, ab: Tensor, places: Tensor, l: Tensor) -> Tensor:
        """How much each cell listens to each other one, (B, N, N); rows sum to 1."""
        places = places - places.mean(dim=(2, 3), keepdim=True)
        alike = F.normalize(places.flatten(2), dim=1) * _TEMPERATURE**-0.5  # (B, C, N)
        centers = (torch.arange(_GRID, device=ab.device) + 0.5) / (_GRID * _DISTANCE)
        rows, columns = centers.repeat_interleave(_GRID), centers.repeat(_GRID)
        position = torch.stack([rows, columns]).expand(ab.shape[0], -1, -1)
        apart = torch.cat([l.flatten(2) / _LIGHTNESS, position, ab.flatten(2) / _COLOR], dim=1)  # (B, 5, N)
        # cosine / temperature − |difference|², of which |own|² is the same for a whole row.
        features = torch.cat([alike, apart * 2**0.5], dim=1)
        logits = features.transpose(1, 2) @ features - apart.square().sum(dim=1, keepdim=True)
        return torch.softmax(logits, dim=-1)


def _to_cells(x: Tensor) -> Tensor:
    """(B, C, H, W) sampled at the cells' centers, (B, C, _GRID, _GRID): their means were no better, and cost more."""
    return F.interpolate(x, size=(_GRID, _GRID), mode="bilinear", align_corners=False)
