"""What time and old cameras do to photographs, so that G knows scans as well as clean gray."""

from __future__ import annotations

import torch
from kornia.augmentation import AugmentationSequential, RandomGaussianBlur, RandomJPEG
from torch import Tensor

from colorize.color.tensors import rgb_to_lab

# How much of red, green and blue reaches today's film, and plates that were blind to red (orthochromatic, before about
# 1930).
_PANCHROMATIC = (0.30, 0.59, 0.11)
_ORTHOCHROMATIC = (0.03, 0.52, 0.45)
_PLATES = 0.5  # share of the degraded photos that were taken on something in between
_FADED = 0.25  # the darkest tone may rise by this, and the lightest fall
_NOISE = 0.05  # the largest standard deviation of grain


class Degrade:
    """`degrade(rgb) -> l`: the lightness of `rgb` (B, 3, H, W) as a worn print of it would show it, (B, 1, H, W).

    All random numbers come from torch's default generator.
    """

    def __init__(self) -> None:
        self._wear = AugmentationSequential(
            RandomGaussianBlur((5, 5), (0.3, 1.2), p=0.5), RandomJPEG((25.0, 80.0), p=0.5), data_keys=["input"]
        )

    def __call__(self, rgb: Tensor) -> Tensor:
        count = len(rgb)

        def draw(high: float) -> Tensor:
            return torch.rand(count, 1, 1, 1, device=rgb.device) * high

        pan, ortho = (rgb.new_tensor(weights).view(1, 3, 1, 1) for weights in (_PANCHROMATIC, _ORTHOCHROMATIC))
        blindness = draw(1.0) * (draw(1.0) < _PLATES)
        gray = (rgb * torch.lerp(pan, ortho, blindness)).sum(dim=1, keepdim=True)  # (B, 1, H, W)
        darkest = draw(_FADED)
        gray = darkest + gray * (1 - darkest - draw(_FADED))
        gray = gray + torch.randn_like(gray) * draw(_NOISE)
        worn: Tensor = self._wear(gray.clamp(0, 1).expand(-1, 3, -1, -1))
        return rgb_to_lab(worn.mean(dim=1, keepdim=True).clamp(0, 1).expand(-1, 3, -1, -1))[0]
