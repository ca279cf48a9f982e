"""What an ImageNet-trained network makes of color photos: for Fréchet distances and for judges of realism."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colorize.models.imagenet import ImageNetFeatures

_IMAGENET_SIDE = 224  # px


class FeatureExtractor(ImageNetFeatures):
    """`extractor(rgb) -> features` (B, F) of `rgb` (B, 3, H, W) in [0, 1].

    Which network it is, `start` tells; without it, it is a random MobileNetV2.
    """

    @torch.no_grad()
    def forward(self, rgb: Tensor) -> Tensor:
        statistics = []
        for x in self.see(rgb):
            statistics += [x.mean(dim=(2, 3)), x.std(dim=(2, 3), unbiased=False)]
        return torch.cat(statistics, dim=1)

    @torch.no_grad()
    def pooled(self, rgb: Tensor) -> Tensor:
        """What the network's classifier would get, (B, 1280): the last stage's means, short side at 224 px."""
        scale = _IMAGENET_SIDE / min(rgb.shape[2:])
        if scale != 1:
            sides = [round(side * scale) for side in rgb.shape[2:]]
            rgb = nn.functional.interpolate(rgb, sides, mode="bilinear", antialias=True)
        *_, last = self.see(rgb)
        return last.mean(dim=(2, 3))
