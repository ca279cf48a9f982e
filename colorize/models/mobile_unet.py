"""A U-Net whose encoder is MobileNetV2: a few megabytes, and it starts out knowing what is in a photo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize.errors import ConfigError
from colorize.models.generator import (
    Generator,
    GeneratorOutput,
    GeneratorSettings,
    HintConv,
    check_head,
    draw_normal,
    is_whole,
)
from colorize.models.imagenet import read_gray
from colorize.models.mobilenet import CHANNELS, STAGES, mobilenet_v2_features

_FIRST_CHANNELS = 32
# Hints join features whose standard deviation is 8 to 23: at their own size they would hardly be learned.
_COLOR_GAIN, _MASK_GAIN = 64.0, 16.0
_SMALLEST_SHARE = 1e-4  # of a cell that hints can cover: one pixel of 16 × 16 is more
_COARSE = 1  # the `up` whose output is at stride 8


@dataclass(frozen=True)
class MobileUNetSettings:
    widths: tuple[int, ...] = (256, 128, 64, 32)  # decoder channels at strides 16, 8, 4, 2
    # bins: a choice among colors (`AbBins`), for the cross-entropy loss. ab+bins: the distribution of the colors that
    # are possible beside the answer, at stride 8, for variants and for where the answer is unsure.
    head: str = "ab"
    guided: bool = False  # hints also enter the decoder, at each of its strides

    def __post_init__(self) -> None:
        widths: object = self.widths  # a file may hold anything
        if (
            not isinstance(widths, list | tuple)
            or len(widths) != 4
            or not all(is_whole(width, 1, 2048) for width in widths)
        ):
            raise ConfigError(f"mobile-unet: widths must be 4 whole numbers from 1 to 2048, got {widths!r}")
        object.__setattr__(self, "widths", tuple(widths))  # JSON has lists
        check_head("mobile-unet", self.head)
        if not isinstance(self.guided, bool):
            raise ConfigError(f"mobile-unet: guided must be true or false, got {self.guided!r}")


class MobileUNet(Generator):
    """MobileNetV2 1.0 up to its last convolution (stride 32), skips at strides 2, 4, 8 and 16, a light decoder.

    The decoder ends at half size: chroma is soft, and the last doubling is bilinear. Once `encoder_is_trained`, the
    encoder's BatchNorm keeps its statistics in training too (`train()` leaves it in eval mode): small batches would
    only blur them.
    """

    architecture: ClassVar[str] = "mobile-unet"
    settings_type: ClassVar[type] = MobileUNetSettings
    settings: MobileUNetSettings

    def __init__(self, settings: MobileUNetSettings) -> None:
        super().__init__(settings)
        features = mobilenet_v2_features(in_channels=1)  # gray: one channel instead of three
        self.encoder = nn.ModuleList(nn.Sequential(*features[start:stop]) for start, stop in STAGES)
        self.hint = HintConv(_FIRST_CHANNELS, kernel_size=3)
        self.neck = _conv(CHANNELS[-1], settings.widths[0], kernel_size=1)
        incoming = settings.widths[0]
        self.ups = nn.ModuleList()
        for width, skip in zip(settings.widths, reversed(CHANNELS[:-1]), strict=True):
            self.ups.append(Up(incoming, skip, width, settings.guided))
            incoming = width
        if self.bins is not None:
            bin_head = nn.Conv2d(
                settings.widths[_COARSE] if settings.head == "ab+bins" else incoming, len(self.bins), 1
            )
            if self.decodes_bins:
                self.head = bin_head
                return
            self.distribution = bin_head
        self.head = nn.Conv2d(incoming, 2, 3, 1, 1)
        assert self.head.bias is not None
        draw_normal(self.head.weight, 0.0, 0.01)  # starts out almost gray
        nn.init.zeros_(self.head.bias)

    @property
    def stride(self) -> int:
        return 32

    @property
    def has_features(self) -> bool:
        return self.settings.head == "ab+bins"

    def can_start_from(self, given: GeneratorSettings) -> bool:
        if isinstance(given, MobileUNetSettings):
            given = replace(given, guided=given.guided or self.settings.guided)
        return super().can_start_from(given)

    def forward(self, l: Tensor, hints: Tensor | None = None, *, logits: bool = False) -> Tensor | GeneratorOutput:
        self.check_input(l, hints, logits)
        stem, bottleneck = cast(nn.Sequential, self.encoder[0])
        conv, norm, activation = cast(nn.Sequential, stem)
        x = conv(l)  # (B, 32, H/2, W/2)
        if hints is not None:
            x = x + self.hint(hints)
        x = bottleneck(activation(norm(x)))  # (B, 16, H/2, W/2)
        skips = [x]
        for stage in self.encoder[1:]:
            skips.append(stage(skips[-1]))  # down to (B, 1280, H/32, W/32)
        x = self.neck(skips[-1])  # (B, 256, H/32, W/32)
        decoded = []
        for up, skip in zip(self.ups, reversed(skips[:-1]), strict=True):
            x = up(x, skip, hints)  # back up to (B, 32, H/2, W/2)
            decoded.append(x)
        x = self.head(x)
        if self.decodes_bins:
            return GeneratorOutput(self.decode(x), x) if logits else self.decode(x)
        ab = torch.tanh(x)  # (B, 2, H/2, W/2)
        ab = F.interpolate(ab, scale_factor=2.0, mode="bilinear", align_corners=False)  # (B, 2, H, W)
        if not logits:
            return ab
        places = decoded[_COARSE]  # (B, C, H/8, W/8)
        return GeneratorOutput(ab, self.distribution(places), tuple(skips), places)

    def encode(self, l: Tensor) -> list[Tensor]:
        features = []
        x = l
        for stage in self.encoder:
            x = stage(x)
            features.append(x)
        return features

    def load_encoder_start(self, start: str | Path) -> None:
        self.encoder.load_state_dict(read_gray(start, "mobilenet_v2"))
        self.encoder_is_trained = True


class Up(nn.Module):
    """Double the size, join the skip connection and, if `guided`, the hints; convolve twice."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int, guided: bool) -> None:
        super().__init__()
        self.join = _conv(in_channels + skip_channels, out_channels)
        self.hint = HintConv(out_channels, kernel_size=3, stride=1) if guided else None
        self.refine = _conv(out_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor, hints: Tensor | None) -> Tensor:
        conv, norm, activation = self.join
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = conv(torch.cat([x, skip], dim=1))
        if hints is not None and self.hint is not None:
            x = x + self.hint(pool_hints(hints, hints.shape[2] // x.shape[2]))
        refined: Tensor = self.refine(activation(norm(x)))
        return refined


def pool_hints(hints: Tensor, stride: int) -> Tensor:
    """`hints` at a coarser size: where a cell has any, their mean and a full mask, so that they do not fade.

    Args:
        hints: (B, 3, H, W): ab of the hinted pixels, then a 0/1 mask.
        stride: the side of a cell, in pixels.

    Returns:
        (B, 3, H/stride, W/stride): 64 times the mean ab of a cell's hints, then a mask of 0 or 16.
    """
    return fill_cells(F.avg_pool2d(hints, stride))


def fill_cells(share: Tensor) -> Tensor:
    """Of means over cells, with and without hints: where a cell has any, their mean and a full mask."""
    mask = share[:, 2:]
    mean = share[:, :2] / mask.clamp(min=_SMALLEST_SHARE)
    return torch.cat([mean * _COLOR_GAIN, (mask > 0).to(share.dtype) * _MASK_GAIN], dim=1)


def _conv(in_channels: int, out_channels: int, kernel_size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
