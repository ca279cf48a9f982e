"""What is measured on each photo, and how sure the sum of it is: bootstrap intervals over photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from colorize.color.metrics import ab_histograms, chroma_energy, colorfulness, kl_divergence, psnr, ssim
from colorize.color.tensors import rgb_to_lab

SCALES = (1, 2, 4, 8)  # px, of chroma sharpness
_CONFIDENCE = 0.95
_CHUNK = 32  # photos at once


@dataclass(frozen=True)
class PhotoMeasures:
    """Per photo, so that photos can be drawn again: N photos, each tensor's first dimension."""

    psnr: Tensor  # (N,) dB
    ssim: Tensor  # (N,)
    cf: Tensor  # (N,)
    energies: Tensor  # (N, scales), of chroma's gradient
    histograms: Tensor  # (N, 2, bins), shares of the photo's pixels

    def __getitem__(self, index: slice | Tensor) -> PhotoMeasures:
        """Those of some of the photos."""
        return PhotoMeasures(*(getattr(self, field.name)[index] for field in fields(self)))


def join(parts: Sequence[PhotoMeasures]) -> PhotoMeasures:
    """All photos of all parts."""
    return PhotoMeasures(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(PhotoMeasures)))


def measure_photos(rgb: Tensor, truth: Tensor) -> PhotoMeasures:
    """Measure results against their truth.

    Args:
        rgb: results, (N, 3, H, W) in [0, 1].
        truth: likewise.

    Returns:
        What is measured of each of the N.
    """
    parts = [_measure(a, b) for a, b in zip(rgb.split(_CHUNK), truth.split(_CHUNK), strict=True)]
    return PhotoMeasures(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _measure(rgb: Tensor, truth: Tensor) -> tuple[Tensor, ...]:
    _, ab = rgb_to_lab(rgb)
    energies = torch.stack([chroma_energy(ab, scale) for scale in SCALES], dim=1)
    histograms = torch.stack([ab_histograms(photo[None]) for photo in rgb]).double()  # (B, 2, bins)
    return (
        psnr(rgb, truth).double(),
        ssim(rgb, truth).double(),
        colorfulness(rgb).double(),
        energies.double(),
        histograms / histograms.sum(dim=2, keepdim=True),
    )


def draw_weights(photos: int, resamples: int, seed: int = 0) -> Tensor:
    """Draw photos again with replacement.

    Args:
        photos: how many there are.
        resamples: how often as many are drawn.
        seed: of the draws.

    Returns:
        How often each photo counts, (1 + resamples, photos): once each in the first row, then as often as drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(photos, (resamples, photos), generator=generator)
    counts = torch.zeros(resamples, photos, dtype=torch.double).scatter_add_(1, drawn, torch.ones(drawn.shape).double())
    return torch.cat([torch.ones(1, photos, dtype=torch.double), counts])


def summarize(
    mine: PhotoMeasures, truth: PhotoMeasures, weights: Tensor, extra: Mapping[str, Tensor] | None = None
) -> dict[str, dict[str, float]]:
    """The measures of a row of a table.

    Args:
        mine: of each of N photos in this row.
        truth: of the same photos' truth; it is drawn along, so that both are of the same photos.
        weights: as of `draw_weights`, (R, N).
        extra: further measures that are means over photos, (N,), by name.

    Returns:
        By name each measure's value, and the low and high end of its 95 % interval over the drawn photos.
    """
    return {name: interval_of(values) for name, values in measure_draws(mine, truth, weights, extra).items()}


def measure_draws(
    mine: PhotoMeasures, truth: PhotoMeasures, weights: Tensor, extra: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """The measures of a row of a table in every draw of the photos.

    Args:
        mine: of each of N photos in this row.
        truth: of the same photos' truth.
        weights: as of `draw_weights`, (R, N).
        extra: further measures that are means over photos, (N,), by name.

    Returns:
        (R,) by name, the value first.
    """
    share = weights / weights.sum(dim=1, keepdim=True)  # (R, N)
    histograms = torch.einsum("rn,ncb->rcb", share, mine.histograms)  # (R, 2, bins)
    true_histograms = torch.einsum("rn,ncb->rcb", share, truth.histograms)
    overlap = torch.minimum(histograms, true_histograms).sum(dim=2)  # (R, 2): histogram_intersection of each draw
    divergence = kl_divergence(true_histograms, histograms)
    sharpness = (share @ mine.energies) / (share @ truth.energies)  # (R, scales)
    cf_difference = share @ (mine.cf - truth.cf)
    return {
        "histogram_a": overlap[:, 0],
        "histogram_b": overlap[:, 1],
        "kl_a": divergence[:, 0],
        "kl_b": divergence[:, 1],
        "cf": share @ mine.cf,
        "cf_difference": cf_difference,
        "delta_cf": cf_difference.abs(),
        **{f"sharpness_{scale}": sharpness[:, i] for i, scale in enumerate(SCALES)},
        "psnr": share @ mine.psnr,
        "ssim": share @ mine.ssim,
        **{name: share @ values.double() for name, values in (extra or {}).items()},
    }


def interval_of(draws: Tensor) -> dict[str, float]:
    """The value, which is the first of (1 + R,), and the ends of the 95 % interval, which the others make."""
    tail = (1 - _CONFIDENCE) / 2
    low, high = draws[1:].quantile(torch.tensor([tail, 1 - tail], dtype=torch.double)).tolist()
    return {"value": draws[0].item(), "low": low, "high": high}
