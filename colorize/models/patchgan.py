"""Discriminators: is this color real for this lightness? (Isola et al. 2017, sec. 3.2.2 and 6.1.2)"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from colorize.errors import ConfigError
from colorize.models.generator import is_whole

DiscriminatorNorm = Literal["batch", "spectral", "none"]
_IMAGE_LAYERS = 5  # 286×286 receptive field: the paper's ImageGAN


@dataclass(frozen=True)
class DiscriminatorSettings:
    kind: str = "patch"  # one of DISCRIMINATORS
    ndf: int = 64  # channels of the first convolution; doubled up to 8 × ndf
    n_layers: int = 3  # stride-2 convolutions of `patch`: 1 sees 16×16 px, 3 sees 70×70 px, 5 sees 286×286 px
    norm: DiscriminatorNorm = "batch"  # the paper's; spectral (Miyato et al. 2018) and none are not in it

    def __post_init__(self) -> None:
        if self.kind not in DISCRIMINATORS:
            raise ConfigError(f"discriminator must be one of {', '.join(DISCRIMINATORS)}, got {self.kind!r}")
        if self.norm not in get_args(DiscriminatorNorm):
            norms = ", ".join(get_args(DiscriminatorNorm))
            raise ConfigError(f"the discriminator's norm must be one of {norms}, got {self.norm!r}")
        if not is_whole(self.ndf, 1, 512):
            raise ConfigError(f"ndf must be a whole number from 1 to 512, got {self.ndf!r}")
        if not is_whole(self.n_layers, 1, 6):
            raise ConfigError(f"n_layers must be a whole number from 1 to 6, got {self.n_layers!r}")

    @property
    def smallest(self) -> int:
        """Side in pixels of the smallest photo that gives a verdict."""
        return DISCRIMINATORS[self.kind].smallest(self)


def build_discriminator(settings: DiscriminatorSettings) -> nn.Module:
    """`discriminator(l, ab) -> logits` (B, 1, H', W'), one verdict per patch, before the sigmoid."""
    return DISCRIMINATORS[settings.kind].build(settings)


class PatchDiscriminator(nn.Module):
    """C64-C128-C256-C512 and one channel of verdicts; 4×4 kernels, each verdict sees 70×70 px by default."""

    def __init__(self, settings: DiscriminatorSettings, n_layers: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv(3, settings.ndf, 4, 2, settings), nn.LeakyReLU(0.2)]  # no norm on the first
        channels = settings.ndf
        for i in range(1, n_layers + 1):
            wider = settings.ndf * min(2**i, 8)
            stride = 2 if i < n_layers else 1
            layers += [*_conv_norm(channels, wider, 4, stride, settings), nn.LeakyReLU(0.2)]
            channels = wider
        layers.append(_conv(channels, 1, 4, 1, settings))
        self.layers = nn.Sequential(*layers)
        self.apply(_init_as_paper)

    def forward(self, l: Tensor, ab: Tensor) -> Tensor:
        logits: Tensor = self.layers(torch.cat([l, ab], dim=1))  # (B, 1, H/8 − 2, W/8 − 2) for 3 layers
        return logits


class PixelDiscriminator(nn.Module):
    """C64-C128 and verdicts with 1×1 kernels: judges every pixel's color alone (PixelGAN)."""

    def __init__(self, settings: DiscriminatorSettings) -> None:
        super().__init__()
        ndf = settings.ndf
        self.layers = nn.Sequential(
            _conv(3, ndf, 1, 1, settings),
            nn.LeakyReLU(0.2),
            *_conv_norm(ndf, 2 * ndf, 1, 1, settings),
            nn.LeakyReLU(0.2),
            _conv(2 * ndf, 1, 1, 1, settings),
        )
        self.apply(_init_as_paper)

    def forward(self, l: Tensor, ab: Tensor) -> Tensor:
        logits: Tensor = self.layers(torch.cat([l, ab], dim=1))  # (B, 1, H, W)
        return logits


class ImageDiscriminator(PatchDiscriminator):
    """The paper's 286×286 ImageGAN; its verdicts are averaged into one per photo, so that any size is seen whole."""

    def __init__(self, settings: DiscriminatorSettings) -> None:
        super().__init__(settings, _IMAGE_LAYERS)

    def forward(self, l: Tensor, ab: Tensor) -> Tensor:
        return super().forward(l, ab).mean(dim=(2, 3), keepdim=True)  # (B, 1, 1, 1)


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int, settings: DiscriminatorSettings) -> nn.Module:
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=1 if kernel > 1 else 0)
    return spectral_norm(conv) if settings.norm == "spectral" else conv


def _conv_norm(
    in_channels: int, out_channels: int, kernel: int, stride: int, settings: DiscriminatorSettings
) -> list[nn.Module]:
    conv = _conv(in_channels, out_channels, kernel, stride, settings)
    return [conv, nn.BatchNorm2d(out_channels)] if settings.norm == "batch" else [conv]


def _init_as_paper(module: nn.Module) -> None:
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    elif isinstance(module, nn.Conv2d) and not hasattr(module, "parametrizations"):
        nn.init.normal_(module.weight, 0.0, 0.02)  # spectral norm divides any scale away


class Kind(NamedTuple):
    """A kind of discriminator."""

    build: Callable[[DiscriminatorSettings], nn.Module]
    smallest: Callable[[DiscriminatorSettings], int]  # side in pixels of the smallest photo that gives a verdict


def _smallest(n_layers: int) -> int:
    return 3 << n_layers  # two 4×4 kernels at the end take a pixel each


# Adding one is a module and an entry here.
DISCRIMINATORS: dict[str, Kind] = {
    "patch": Kind(lambda s: PatchDiscriminator(s, s.n_layers), lambda s: _smallest(s.n_layers)),  # the paper's
    "pixel": Kind(PixelDiscriminator, lambda _: 1),  # 1×1
    "image": Kind(ImageDiscriminator, lambda _: _smallest(_IMAGE_LAYERS)),  # one verdict per photo
}


class Discriminators(nn.Module):
    """Several discriminators side by side, e.g. colors by `pixel` and their arrangement by `patch`.

    With `scale` above 1 they see the photo that many times smaller, as chroma is soft anyway. Not in the paper, which
    has one at full size.
    """

    def __init__(self, settings: Sequence[DiscriminatorSettings], scale: int = 1) -> None:
        super().__init__()
        self.members = nn.ModuleList(build_discriminator(each) for each in settings)
        self.scale = scale

    def forward(self, l: Tensor, ab: Tensor) -> list[Tensor]:
        if self.scale > 1:
            l, ab = F.avg_pool2d(l, self.scale), F.avg_pool2d(ab, self.scale)
        return [member(l, ab) for member in self.members]
