"""How good is a colouring? Each measure states its formula, unit and source.

`rgb` is (B, 3, H, W) sRGB in [0, 1] as in `color.py`; results are per photo, (B,), unless said otherwise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorize.color import rgb_to_lab

_HISTOGRAM_BINS = 110  # two units of a* or b* each; bins of pix2pix's figure 7 are of the same order
_LAST_LEVEL = 255.0  # colourfulness is defined on 0 to 255


def psnr(rgb: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB on sRGB, over all pixels and channels of a photo."""
    return -10 * torch.log10((rgb - truth).square().mean(dim=(1, 2, 3)).clamp_min(1e-10))


def colourfulness(rgb: Tensor) -> Tensor:
    """M = √(σ²rg + σ²yb) + 0.3 √(μ²rg + μ²yb), rg = R − G, yb = ½(R + G) − B, *signed*, on 0–255.

    Hasler & Süsstrunk 2003, eq. 13–15. Some papers' code takes absolute values of rg and yb first; this does not.
    """
    red, green, blue = (rgb * _LAST_LEVEL).unbind(dim=1)  # (B, H, W)
    rg, yb = red - green, (red + green) / 2 - blue
    spread = rg.var(dim=(1, 2), unbiased=False) + yb.var(dim=(1, 2), unbiased=False)
    centre = rg.mean(dim=(1, 2)).square() + yb.mean(dim=(1, 2)).square()
    return spread.sqrt() + 0.3 * centre.sqrt()


def ab_histograms(rgb: Tensor) -> Tensor:
    """Counts of a* and of b* over all pixels of all photos, (2, bins): add those of further batches, then compare."""
    _, ab = rgb_to_lab(rgb)
    bins = ((ab + 1) / 2 * _HISTOGRAM_BINS).long().clamp(0, _HISTOGRAM_BINS - 1)  # (B, 2, H, W)
    return torch.stack([torch.bincount(bins[:, c].flatten(), minlength=_HISTOGRAM_BINS) for c in (0, 1)])


def histogram_intersection(histograms: Tensor, truth: Tensor) -> Tensor:
    """Σ min(p, q) of the normalised histograms, (2,) for a* and b*: 1 means the same colours equally often.

    Isola et al. 2017, table 5.
    """
    p = histograms / histograms.sum(dim=1, keepdim=True)
    q = truth / truth.sum(dim=1, keepdim=True)
    return torch.minimum(p, q).sum(dim=1)
