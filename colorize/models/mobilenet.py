"""MobileNetV2 without its classifier (Sandler et al. 2018, arXiv 1801.04381, table 2).

Its parts are named as torchvision names them, whose weights fit. It stands here because importing torchvision takes
seconds and 170 MB, which everybody who colors one photo would pay.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colorize.models.generator import draw_normal

_FIRST, _LAST = 32, 1280  # channels of the first and the last convolution
# Where `features` is cut: the stride is about to double.
STAGES = ((0, 2), (2, 4), (4, 7), (7, 14), (14, 19))
CHANNELS = (16, 24, 32, 96, _LAST)  # of each stage's features
_BLOCKS = (  # expansion, channels, repetitions, stride of the first
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)


def mobilenet_v2_features(in_channels: int = 3) -> list[nn.Module]:
    """The 19 parts, with fresh weights: a convolution, 17 blocks, a 1×1 convolution. In all they divide sides by 32."""
    parts: list[nn.Module] = [_conv(in_channels, _FIRST, kernel_size=3, stride=2)]
    channels = _FIRST
    for expansion, out_channels, repetitions, stride in _BLOCKS:
        for i in range(repetitions):
            parts.append(InvertedResidual(channels, out_channels, stride if i == 0 else 1, expansion))
            channels = out_channels
    parts.append(_conv(channels, _LAST, kernel_size=1))
    for part in parts:
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.weight.shape[0] * module.weight[0, 0].numel()
                draw_normal(module.weight, 0.0, (2 / fan_out) ** 0.5)  # He et al. 2015
    return parts


class InvertedResidual(nn.Module):
    """Widen by 1×1, convolve each channel by itself, narrow by 1×1; a shortcut where the shapes allow one."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.shortcut = stride == 1 and in_channels == out_channels
        self.conv = nn.Sequential(
            *([_conv(in_channels, hidden, kernel_size=1)] if expansion > 1 else []),
            nn.Sequential(DepthwiseConv(hidden, stride), nn.BatchNorm2d(hidden), nn.ReLU6(inplace=True)),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(x)
        return x + result if self.shortcut else result


class DepthwiseConv(nn.Conv2d):
    """Each channel by itself, 3×3 if not said otherwise; `padding` is half of the kernel if it is not said.

    On a CPU in float32 whatever autocast says: oneDNN's gradient of it in bfloat16 takes up to 14 times as long.
    """

    def __init__(self, channels: int, stride: int = 1, kernel_size: int = 3, padding: int | None = None) -> None:
        padding = kernel_size // 2 if padding is None else padding
        super().__init__(channels, channels, kernel_size, stride, padding, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)


def _conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU6(inplace=True),
    )
