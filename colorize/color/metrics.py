"""How good is a coloring? Each measure states its formula, unit and source.

`rgb` is (B, 3, H, W) sRGB in [0, 1] as in `tensors.py`; results are per photo, (B,), unless said otherwise.
"""

from __future__ import annotations

import torch
from kornia.metrics import ssim as _kornia_ssim
from torch import Tensor
from torch.nn import functional as F

from colorize.color.tensors import rgb_to_lab

_HISTOGRAM_BINS = 110  # two units of a* or b* each; bins of pix2pix's figure 7 are of the same order
KL_SMOOTHING = 1e-4  # of all pixels, given to every bin
_LAST_LEVEL = 255.0  # colorfulness is defined on 0 to 255


def psnr(rgb: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over all pixels and channels of a photo.

    Args:
        rgb: results (B, 3, H, W).
        truth: of the same shape.

    Returns:
        dB (B,).
    """
    return -10 * torch.log10((rgb - truth).square().mean(dim=(1, 2, 3)).clamp_min(1e-10))


def ssim(rgb: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004): 11 px Gaussian windows, mean over pixels and channels.

    Args:
        rgb: results (B, 3, H, W).
        truth: of the same shape.

    Returns:
        (B,), 1 for equal photos.
    """
    return _kornia_ssim(rgb, truth, window_size=11).mean(dim=(1, 2, 3))


def colorfulness(rgb: Tensor) -> Tensor:
    """M = √(σ²rg + σ²yb) + 0.3 √(μ²rg + μ²yb), rg = R − G, yb = ½(R + G) − B, *signed*, on 0–255.

    Hasler & Süsstrunk 2003, eq. 13–15. Some papers' code takes absolute values of rg and yb first; this does not.

    Args:
        rgb: (B, 3, H, W), in [0, 1].

    Returns:
        (B,), 0 for gray photos.
    """
    red, green, blue = (rgb * _LAST_LEVEL).unbind(dim=1)  # (B, H, W)
    rg, yb = red - green, (red + green) / 2 - blue
    variance = rg.var(dim=(1, 2), unbiased=False) + yb.var(dim=(1, 2), unbiased=False)
    center = rg.mean(dim=(1, 2)).square() + yb.mean(dim=(1, 2)).square()
    return variance.sqrt() + 0.3 * center.sqrt()


def ab_histograms(rgb: Tensor) -> Tensor:
    """Counts of a* and of b* over all pixels of all photos, (2, bins): add those of further batches, then compare."""
    _, ab = rgb_to_lab(rgb)
    bins = ((ab + 1) / 2 * _HISTOGRAM_BINS).long().clamp(0, _HISTOGRAM_BINS - 1)  # (B, 2, H, W)
    return torch.stack([torch.bincount(bins[:, c].flatten(), minlength=_HISTOGRAM_BINS) for c in (0, 1)])


def histogram_intersection(histograms: Tensor, truth: Tensor) -> Tensor:
    """Σ min(p, q) of the normalized histograms (Isola et al. 2017, table 5).

    Args:
        histograms: counts (2, bins), as by `ab_histograms`.
        truth: of the same shape.

    Returns:
        (2,), of a* and of b*: 1 means the same colors equally often.
    """
    p = histograms / histograms.sum(dim=1, keepdim=True)
    q = truth / truth.sum(dim=1, keepdim=True)
    return torch.minimum(p, q).sum(dim=1)


def kl_divergence(histograms: Tensor, other: Tensor, smoothing: float = KL_SMOOTHING) -> Tensor:
    """Σ p log(p/q): how surprised `other` is by `histograms`.

    Args:
        histograms: counts (…, bins).
        other: of the same shape.
        smoothing: the share of the total that is added to every bin of both: an empty bin would make the sum infinite.

    Returns:
        nats (…).
    """
    p, q = (h / h.sum(dim=-1, keepdim=True) + smoothing for h in (histograms, other))
    p, q = (h / h.sum(dim=-1, keepdim=True) for h in (p, q))
    return (p * (p / q).log()).sum(dim=-1)


def chroma_energy(ab: Tensor, scale: int) -> Tensor:
    """Mean squared difference between the `ab` of neighboring blocks.

    Divided by the truth's this is chroma sharpness at that scale: below 1 blurred or pale, above 1 blotched.

    Args:
        ab: (B, 2, H, W).
        scale: the side of a block, in pixels.

    Returns:
        (B,).
    """
    blocks = F.avg_pool2d(ab, scale)
    down, across = blocks.diff(dim=2), blocks.diff(dim=3)
    return down.square().mean(dim=(1, 2, 3)) + across.square().mean(dim=(1, 2, 3))
