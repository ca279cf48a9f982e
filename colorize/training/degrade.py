"""What time and old cameras do to photographs, so that G knows scans of prints as well as clean gray.

Each kind of wear is a function of gray photos (B, 1, H, W) in [0, 1] that gives as many; how often and in which order
they come is in `WEAR`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from kornia.augmentation import RandomJPEG
from kornia.filters import gaussian_blur2d
from torch import Tensor
from torch.nn import functional as F

from colorize.color.tensors import rgb_to_lab

# How much of red, green and blue reaches today's film, and plates that were blind to red (orthochromatic, before about
# 1930): red lips are dark on them, blue skies white.
_PANCHROMATIC = (0.30, 0.59, 0.11)
_ORTHOCHROMATIC = (0.03, 0.52, 0.45)
_PLATES = 0.5  # share of the worn photos that were taken on something in between

_CONTRAST = 7.0  # the steepest tone curve: its slope in the middle is about half of this
_OVEREXPOSED = 3.0  # the largest power of what a tone lacks to white; 1 leaves it
_BURNT = 1.1  # the lightest tone may come out as this: what is above 1 is lost
_FADED = 0.25  # the darkest tone may rise by this, and the lightest fall
_COARSEST = 0.45  # of its size, from which a soft photo is enlarged again
_GRAIN = 0.05  # the largest standard deviation of grain
_DARKEST_CORNER = 0.7  # what a lens may take from the corners
_WIDEST_RIM = 0.08  # of the side
_SCRATCHES, _SPECKS = 6, 40  # at most, on a photo
_JPEG_QUALITY = (25.0, 85.0)


class Degrade:
    """`degrade(rgb) -> l`: the lightness of `rgb` (B, 3, H, W) as a worn print of it would show it, (B, 1, H, W).

    All random numbers come from torch's default generator.
    """

    def __call__(self, rgb: Tensor) -> Tensor:
        gray = expose(rgb)
        for share, wear in WEAR:
            chosen = torch.rand(len(gray), device=gray.device) < share
            if chosen.any():
                gray[chosen] = wear(gray[chosen]).clamp(0, 1)
        return rgb_to_lab(gray.expand(-1, 3, -1, -1))[0]


def expose(rgb: Tensor) -> Tensor:
    """`rgb` (B, 3, H, W) on black-and-white film, half of it more or less blind to red."""
    pan, ortho = (rgb.new_tensor(weights).view(1, 3, 1, 1) for weights in (_PANCHROMATIC, _ORTHOCHROMATIC))
    blindness = _draw(rgb) * (_draw(rgb) < _PLATES)
    return (rgb * torch.lerp(pan, ortho, blindness)).sum(dim=1, keepdim=True)


def harden(gray: Tensor) -> Tensor:
    """A steep tone curve around a random tone: deep shadows and burnt lights."""
    slope, middle = _draw(gray, 3.0, _CONTRAST), _draw(gray, 0.3, 0.7)
    low, high = (torch.sigmoid(slope * (end - middle)) for end in (0.0, 1.0))
    return (torch.sigmoid(slope * (gray - middle)) - low) / (high - low)


def overexpose(gray: Tensor) -> Tensor:
    """Too much light: what was light, as skin, comes near white, and the lightest is lost in it."""
    brighter = 1 - (1 - gray) ** _draw(gray, 1.0, _OVEREXPOSED)
    return brighter * _draw(gray, 1.0, _BURNT)


def fade(gray: Tensor) -> Tensor:
    """Shadows become lighter, lights darker."""
    darkest = _draw(gray, 0, _FADED)
    return darkest + gray * (1 - darkest - _draw(gray, 0, _FADED))


def soften(gray: Tensor) -> Tensor:
    """Detail is lost, as in a small print enlarged."""
    scale = float(torch.empty(()).uniform_(_COARSEST, 0.9))
    small = F.interpolate(gray, scale_factor=scale, mode="bilinear", antialias=True)
    return F.interpolate(small, size=gray.shape[2:], mode="bicubic")


def add_grain(gray: Tensor) -> Tensor:
    """Noise, finer or coarser, strongest in the middle tones."""
    noise = torch.randn_like(gray)
    sigma = float(torch.empty(()).uniform_(0.3, 1.0))
    noise = torch.where(_draw(gray) < 0.5, noise, gaussian_blur2d(noise, (5, 5), (sigma, sigma)) * (1 + 2 * sigma))
    return gray + noise * _draw(gray, 0, _GRAIN) * (0.5 + 2 * gray * (1 - gray))


def darken_corners(gray: Tensor) -> Tensor:
    """An old lens leaves less light to the corners."""
    height, width = gray.shape[2:]
    y, x = torch.linspace(-1, 1, height, device=gray.device), torch.linspace(-1, 1, width, device=gray.device)
    distance = (y.view(-1, 1).square() + x.square()) / 2  # 1 in the corners
    return gray * (1 - _draw(gray, 0.1, _DARKEST_CORNER) * distance)


def frame(gray: Tensor) -> Tensor:
    """A rim of one tone, black or white, on each side by itself."""
    height, width = gray.shape[2:]
    framed = gray.clone()
    for photo in framed:
        rims = [int(torch.empty(()).uniform_(0, _WIDEST_RIM) * side) for side in (height, height, width, width)]
        top, bottom, left, right = rims
        tone = float(torch.rand(()).round() * 0.9 + 0.05)
        photo[:, :top], photo[:, height - bottom :] = tone, tone
        photo[:, :, :left], photo[:, :, width - right :] = tone, tone
    return framed


def scratch(gray: Tensor) -> Tensor:
    """Fine bright or dark lines, mostly upright, and specks of dust."""
    height, width = gray.shape[2:]
    scratched = gray.clone()
    for photo in scratched:
        for _ in range(int(torch.randint(_SCRATCHES + 1, ()))):
            start, drift = torch.rand(()) * width, (torch.rand(()) - 0.5) * width / 4
            rows = torch.arange(height)
            first, last = sorted((torch.rand(2) * height).tolist())
            columns = (start + drift * rows / height).long().clamp(0, width - 1)
            inside = (rows >= first) & (rows <= last)
            photo[0, rows[inside], columns[inside]] += _mark()
        count = int(torch.randint(_SPECKS + 1, ()))
        photo[0, torch.randint(height, (count,)), torch.randint(width, (count,))] += _mark()
    return scratched


def _mark() -> float:
    """How much brighter (negative: darker) a scratch is than what lies below it."""
    return float(torch.empty(()).uniform_(0.2, 0.8)) * (1 if torch.rand(()) < 0.6 else -1)


def compress(gray: Tensor) -> Tensor:
    """JPEG, as scans on the web have gone through it."""
    compressed: Tensor = RandomJPEG(_JPEG_QUALITY, p=1.0)(gray.expand(-1, 3, -1, -1))
    return compressed.mean(dim=1, keepdim=True)


def _draw(like: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """A number for each photo, (B, 1, 1, 1)."""
    return low + torch.rand(len(like), 1, 1, 1, device=like.device) * (high - low)


# Of the worn photos, the share that each kind of wear befalls; in this order.
WEAR: tuple[tuple[float, Callable[[Tensor], Tensor]], ...] = (
    (0.35, overexpose),
    (0.3, harden),
    (0.3, darken_corners),
    (0.5, fade),
    (0.5, soften),
    (0.5, add_grain),
    (0.2, scratch),
    (0.15, frame),
    (0.3, compress),
)
