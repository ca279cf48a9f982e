"""A U-Net that looks at the whole photo before it decides: a pretrained encoder, attention, a slim decoder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize.errors import ConfigError
from colorize.models.coherence import Coherence
from colorize.models.doubt import Doubt
from colorize.models.encoders import ENCODERS, STRIDES, build_encoder
from colorize.models.generator import (
    Generator,
    GeneratorOutput,
    GeneratorSettings,
    HintConv,
    check_head,
    draw_normal,
    is_whole,
)
from colorize.models.mobile_unet import fill_cells
from colorize.models.mobilenet import DepthwiseConv

_HEAD_CHANNELS = 32  # of one attention head
_MLP_RATIO = 3  # hidden channels of a context block over its channels
_COARSE = 1  # the decoder stage whose output is at stride 8
_DOUBT_CELL = 2  # places a side that are asked together how sure they are: a quarter of the work, and less noise


@dataclass(frozen=True)
class ContextUNetSettings:
    encoder: str = "mobilenet_v2"  # one of ENCODERS
    widths: tuple[int, ...] = (256, 256, 128, 64, 32)  # channels at strides 32, 16, 8, 4, 2
    attention: tuple[int, ...] = (2, 3)  # context blocks at strides 32 and 16
    refinement: tuple[int, ...] = (2, 2, 0)  # refine blocks at strides 8, 4, 2
    head: str = "ab+bins"  # ab, or ab+bins: the distribution of the possible colors beside it, at stride 8
    coherence: int = 0  # how often colors are averaged over what looks alike
    doubt: tuple[float, float] = (0.0, 0.0)  # how much stronger a* and b* are, as a share, per deviation by which the
    # network is less sure; one number is for both

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ConfigError(f"context-unet: encoder must be one of {', '.join(ENCODERS)}, got {self.encoder!r}")
        for name, count, low, high in (("widths", 5, 1, 2048), ("attention", 2, 0, 16), ("refinement", 3, 0, 16)):
            value: object = getattr(self, name)  # a file may hold anything
            if (
                not isinstance(value, list | tuple)
                or len(value) != count
                or not all(is_whole(each, low, high) for each in value)
            ):
                raise ConfigError(
                    f"context-unet: {name} must be {count} whole numbers from {low} to {high}, got {value!r}"
                )
            object.__setattr__(self, name, tuple(value))  # JSON has lists
        for width, blocks in zip(self.widths, self.attention, strict=False):
            if blocks and width % _HEAD_CHANNELS:
                raise ConfigError(
                    f"context-unet: widths with attention must be multiples of {_HEAD_CHANNELS}, got {self.widths!r}"
                )
        if not is_whole(self.coherence, 0, 64):
            raise ConfigError(f"context-unet: coherence must be a whole number from 0 to 64, got {self.coherence!r}")
        check_head("context-unet", self.head, ("ab", "ab+bins"))
        object.__setattr__(self, "doubt", _shares(self.doubt))
        if any(self.doubt) and self.head == "ab":
            raise ConfigError("context-unet: doubt needs the head 'ab+bins', whose distribution tells it")


def _shares(given: object) -> tuple[float, float]:
    """`doubt` of a* and b*: what a file or a person gave, one number or two."""
    numbers = tuple(given) if isinstance(given, list | tuple) else (given, given)
    shares = [
        each for each in numbers if isinstance(each, int | float) and not isinstance(each, bool) and 0 <= each <= 1
    ]
    if len(numbers) != 2 or len(shares) != 2:
        raise ConfigError(f"context-unet: doubt must be a number from 0 to 1, or two, of a* and b*, got {given!r}")
    return shares[0], shares[1]


class ContextUNet(Generator):
    """An encoder down to stride 32, attention over strides 32 and 16, a decoder of separable convolutions.

    What is in a photo, and what of it belongs together, is settled where there are few places; the decoder only brings
    it to the edges. Hints enter before the attention, so that it can carry them to what looks alike, and at each stage
    of the decoder. The decoder ends at half size; the last doubling is bilinear. Once `encoder_is_trained`, the
    encoder's BatchNorm keeps its statistics in training too: small batches would only blur them.
    """

    architecture: ClassVar[str] = "context-unet"
    settings_type: ClassVar[type] = ContextUNetSettings
    settings: ContextUNetSettings

    def __init__(self, settings: ContextUNetSettings) -> None:
        super().__init__(settings)
        self.encoder = build_encoder(settings.encoder)
        widths, (coarse, fine) = settings.widths, settings.attention
        *skips, innermost = self.encoder.channels
        self.neck = nn.Sequential(nn.Conv2d(innermost, widths[0], 1, bias=False), nn.BatchNorm2d(widths[0]))
        self.neck_hint = HintConv(widths[0], kernel_size=3, stride=1)
        self.coarse = nn.Sequential(*(ContextBlock(widths[0]) for _ in range(coarse)))
        self.ups = nn.ModuleList(
            SlimUp(before, skip, width, depth)
            for before, skip, width, depth in zip(
                widths[:-1], reversed(skips), widths[1:], (0, *settings.refinement), strict=True
            )
        )
        self.fine = nn.Sequential(*(ContextBlock(widths[1]) for _ in range(fine)))
        if self.bins is not None:
            self.distribution = nn.Conv2d(widths[2], len(self.bins), 1)
        self.coherence = Coherence(settings.coherence) if settings.coherence else None
        self.doubt = Doubt(settings.doubt) if any(settings.doubt) else None
        self.head = nn.Conv2d(widths[-1], 2, 3, 1, 1)
        assert self.head.bias is not None
        draw_normal(self.head.weight, 0.0, 0.01)  # starts out almost gray
        nn.init.zeros_(self.head.bias)

    @property
    def stride(self) -> int:
        return 32

    def can_start_from(self, given: GeneratorSettings) -> bool:
        if isinstance(given, ContextUNetSettings):  # neither has weights
            given = replace(given, coherence=self.settings.coherence, doubt=self.settings.doubt)
        return super().can_start_from(given)

    @property
    def has_features(self) -> bool:
        return self.bins is not None

    def encode(self, l: Tensor) -> list[Tensor]:
        features: list[Tensor] = self.encoder(l)
        return features

    def load_encoder_start(self, start: str | Path) -> None:
        self.encoder.load_start(start)
        self.encoder_is_trained = True

    def forward(self, l: Tensor, hints: Tensor | None = None, *, logits: bool = False) -> Tensor | GeneratorOutput:
        self.check_input(l, hints, logits)
        features = self.encode(l)
        *skips, innermost = features
        x = self.neck(innermost)  # (B, 256, H/32, W/32)
        cells = hint_cells(hints)
        if cells:
            x = x + self.neck_hint(cells.pop())
        x = self.coarse(x)
        decoded = []
        for i, (up, skip) in enumerate(zip(self.ups, reversed(skips), strict=True)):
            x = up(x, skip, cells.pop() if cells else None)  # back up to (B, 32, H/2, W/2)
            if i == 0:
                x = self.fine(x)  # (B, 256, H/16, W/16)
            decoded.append(x)
        places = decoded[_COARSE]  # (B, C, H/8, W/8)
        ab = torch.tanh(self.head(x))  # (B, 2, H/2, W/2)
        if self.coherence is not None:
            ab = self.coherence(ab, places, l)
        if self.doubt is not None:
            ab = self.doubt(ab, self.distribution(F.avg_pool2d(places, _DOUBT_CELL)))
        ab = F.interpolate(ab, scale_factor=2.0, mode="bilinear", align_corners=False)  # (B, 2, H, W)
        if not logits:
            return ab
        return GeneratorOutput(ab, self.distribution(places), tuple(features), places)  # (B, Q, H/8, W/8)


def hint_cells(hints: Tensor | None) -> list[Tensor]:
    """`hints` at the encoder's strides, from fine to coarse, (B, 3, H/stride, W/stride) each; nothing for None."""
    if hints is None:
        return []
    shares = [hints]
    for _ in STRIDES:
        shares.append(F.avg_pool2d(shares[-1], 2))  # means of means: each cell has as many pixels
    return [fill_cells(share) for share in shares[1:]]


class ContextBlock(nn.Module):
    """A transformer block over all places of (B, C, H, W), at any H and W: a convolution tells where a place is.

    Pre-norm (Xiong et al. 2020, arXiv 2002.04745); positions as in Chu et al. 2021 (arXiv 2102.10882).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = channels // _HEAD_CHANNELS
        self.position = DepthwiseConv(channels)
        self.norm1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        widened = nn.Linear(channels, _MLP_RATIO * channels)
        narrowed = nn.Linear(_MLP_RATIO * channels, channels)
        self.mlp = nn.Sequential(widened, nn.ReLU(), narrowed)
        for last in (self.project, narrowed):  # a block begins as little more than its shortcut
            draw_normal(last.weight, 0.0, 0.02)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        x = x + self.position(x)
        tokens = x.flatten(2).transpose(1, 2)  # (B, H·W, C)
        q, k, v = self.qkv(self.norm1(tokens)).view(batch, -1, 3, self.heads, _HEAD_CHANNELS).permute(2, 0, 3, 1, 4)
        # Written out: with so few places torch's fused attention takes several times as long on a CPU.
        weights = torch.softmax(q @ k.transpose(-2, -1) * _HEAD_CHANNELS**-0.5, dim=-1)  # (B, heads, H·W, H·W)
        attended = (weights @ v).transpose(1, 2).reshape(batch, -1, channels)  # (B, H·W, C)
        tokens = tokens + self.project(attended)
        tokens = tokens + self.mlp(self.norm2(tokens))
        result: Tensor = tokens.transpose(1, 2).reshape(batch, channels, height, width)
        return result


class SlimUp(nn.Module):
    """Double the size, add the skip connection and the hints, then refine."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int, depth: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.skip = nn.Conv2d(skip_channels, out_channels, 1, bias=False)
        self.hint = HintConv(out_channels, kernel_size=3, stride=1)
        self.norm = nn.BatchNorm2d(out_channels)
        self.refine = nn.Sequential(*(RefineBlock(out_channels) for _ in range(depth)))

    def forward(self, x: Tensor, skip: Tensor, cells: Tensor | None) -> Tensor:
        # Narrowed before it is doubled: the same result for a quarter of the multiplications.
        x = F.interpolate(self.narrow(x), scale_factor=2.0, mode="nearest")
        x = self.norm(x + self.skip(skip))
        if cells is not None:
            x = x + self.hint(cells)
        refined: Tensor = self.refine(F.relu(x))
        return refined


class RefineBlock(nn.Module):
    """A shortcut around 1×1 to twice the channels, 3×3 of each by itself, and 1×1 back (Sandler et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 2 * channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            DepthwiseConv(hidden),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.body(x)
        return result
