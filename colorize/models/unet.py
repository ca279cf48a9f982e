"""pix2pix's U-Net generator (Isola et al. 2017, arXiv 1611.07004, sec. 6.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from colorize.errors import ConfigError
from colorize.models.generator import Generator, GeneratorOutput, HintConv, check_head, draw_normal, is_whole

_DROPOUT_BLOCKS = 3  # the three innermost up-blocks


@dataclass(frozen=True)
class UNetSettings:
    ngf: int = 64  # channels of the first convolution; doubled up to 8 × ngf
    depth: int = 8  # halvings: 256 px become 1 px
    dropout: float = 0.5  # probability, in the three innermost up-blocks
    head: str = "ab"  # or bins: a choice among colors (`AbBins`), for the cross-entropy loss

    def __post_init__(self) -> None:
        if not is_whole(self.ngf, 1, 512):
            raise ConfigError(f"unet: ngf must be a whole number from 1 to 512, got {self.ngf!r}")
        if not is_whole(self.depth, 2, 10):
            raise ConfigError(f"unet: depth must be a whole number from 2 to 10, got {self.depth!r}")
        dropout: object = self.dropout  # a file may hold anything
        if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
            raise ConfigError(f"unet: dropout must be at least 0 and below 1, got {dropout!r}")
        check_head("unet", self.head, ("ab", "bins"))


class UNet(Generator):
    """C64-C128-C256-C512-C512-C512-C512-C512, mirrored, with skip connections; 4×4 kernels, stride 2, a final tanh."""

    architecture: ClassVar[str] = "unet"
    settings_type: ClassVar[type] = UNetSettings
    settings: UNetSettings

    def __init__(self, settings: UNetSettings) -> None:
        super().__init__(settings)
        ngf, depth = settings.ngf, settings.depth
        widths = [ngf * min(2**i, 8) for i in range(depth)]  # of the down path, outermost first
        self.first = nn.Conv2d(1, widths[0], 4, 2, 1)  # neither norm nor activation, as in the paper
        self.hint = HintConv(widths[0], kernel_size=4)
        self.downs = nn.ModuleList(
            _down(widths[i - 1], widths[i], norm=i < depth - 1)  # the innermost has a single value per channel
            for i in range(1, depth)
        )
        self.ups = nn.ModuleList()  # innermost first
        for i in range(depth - 1, 0, -1):
            incoming = widths[i] if i == depth - 1 else 2 * widths[i]
            dropout = settings.dropout if depth - 1 - i < _DROPOUT_BLOCKS else 0.0
            self.ups.append(_up(incoming, widths[i - 1], dropout))
        if self.bins is not None:  # ends at half size: 261 channels at full size would outweigh all the rest
            self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(2 * widths[0], len(self.bins), 1))
        else:
            self.last = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * widths[0], 2, 4, 2, 1), nn.Tanh())
        self.apply(_init_as_paper)
        nn.init.zeros_(self.hint.weight)

    @property
    def stride(self) -> int:
        return int(2**self.settings.depth)

    def forward(self, l: Tensor, hints: Tensor | None = None, *, logits: bool = False) -> Tensor | GeneratorOutput:
        self.check_input(l, hints, logits)
        x = self.first(l)  # (B, ngf, H/2, W/2)
        if hints is not None:
            x = x + self.hint(hints)
        skips = [x]
        for down in self.downs:
            skips.append(down(skips[-1]))  # down to (B, 8 ngf, H/2^depth, W/2^depth)
        x = skips.pop()
        for up in self.ups:
            x = torch.cat([up(x), skips.pop()], dim=1)  # back up to (B, 2 ngf, H/2, W/2)
        answer: Tensor = self.last(x)  # ab (B, 2, H, W), or logits (B, Q, H/2, W/2)
        if self.bins is None:
            return answer
        return GeneratorOutput(self.decode(answer), answer) if logits else self.decode(answer)


def _down(in_channels: int, out_channels: int, *, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.LeakyReLU(0.2), nn.Conv2d(in_channels, out_channels, 4, 2, 1, bias=not norm)]
    if norm:
        layers.append(nn.BatchNorm2d(out_channels))
    return nn.Sequential(*layers)


def _up(in_channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.ReLU(),
        nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1, bias=False),
        nn.BatchNorm2d(out_channels),
    ]
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)


def _init_as_paper(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions and N(1, 0.02) for norms (sec. 6.2 and the authors' code)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        draw_normal(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        draw_normal(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
