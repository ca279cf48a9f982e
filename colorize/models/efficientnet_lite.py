"""EfficientNet-Lite 0 and 1 without their classifier: EfficientNet (Tan & Le 2019, arXiv 1905.11946) for small devices.

Against EfficientNet: ReLU6 instead of swish, no squeeze-and-excitation, and the first and the last stage keep their
depth. Weights come in the layout of `efficientnet_lite_pytorch`, whose names `file_key` gives. Padding is TensorFlow's
"SAME", which they were trained with, on RGB in [−1, 1].
"""

from __future__ import annotations

import itertools
import math

from torch import Tensor, nn
from torch.nn import functional as F

from colorize.models.generator import draw_normal
from colorize.models.mobilenet import DepthwiseConv

DEPTHS = {"efficientnet_lite0": 1.0, "efficientnet_lite1": 1.1}  # factors of the repetitions
_FIRST, _LAST = 32, 1280  # channels of the first and the last convolution
_BLOCKS = (  # expansion, channels, repetitions, stride of the first, kernel size
    *((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3)),
    *((6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)),
)
_NORM_EPS = 1e-3  # TensorFlow's
_NAMES = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
_NAMES |= {"project": ("_project_conv", "_bn2")}


def efficientnet_lite_features(name: str, in_channels: int = 3) -> list[nn.Module]:
    """The parts of a network with fresh weights: a convolution, blocks, a 1×1 convolution.

    Args:
        name: a key of `DEPTHS`.
        in_channels: of the photo; 1 for gray.

    Returns:
        18 parts of Lite0, 23 of Lite1. In all they divide sides by 32, rounded up.
    """
    parts: list[nn.Module] = [_conv(SameConv(in_channels, _FIRST, 3, stride=2, bias=False))]
    channels = _FIRST
    for (expansion, out_channels, _, stride, kernel_size), depth in zip(_BLOCKS, _repetitions(name), strict=True):
        for i in range(depth):
            parts.append(LiteBlock(channels, out_channels, stride if i == 0 else 1, expansion, kernel_size))
            channels = out_channels
    parts.append(_conv(nn.Conv2d(channels, _LAST, 1, bias=False)))
    for part in parts:
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.weight.shape[0] * module.weight[0, 0].numel()
                draw_normal(module.weight, 0.0, (2 / fan_out) ** 0.5)  # He et al. 2015
    return parts


def stages(name: str) -> tuple[tuple[int, int], ...]:
    """Where the parts are cut, first part and one past the last: the stride is about to double."""
    cuts = [0]
    part = 1  # the first block
    for (_, _, _, stride, _), depth in zip(_BLOCKS, _repetitions(name), strict=True):
        if stride == 2:
            cuts.append(part)
        part += depth
    cuts.append(part + 1)  # the last convolution
    return tuple(itertools.pairwise(cuts))


def blocks(name: str) -> int:
    """How many blocks a network has."""
    return sum(_repetitions(name))


def file_key(name: str, key: str) -> str:
    """What a weight file calls a tensor.

    Args:
        name: a key of `DEPTHS`.
        key: the tensor's in `nn.Sequential(*efficientnet_lite_features(name))`, "2.expand.0.weight".

    Returns:
        "_blocks.1._expand_conv.weight".
    """
    part, *middle, layer, leaf = key.split(".")
    is_norm = layer == "1"
    if part == "0":
        return f"{('_conv_stem', '_bn0')[is_norm]}.{leaf}"
    if int(part) > blocks(name):
        return f"{('_conv_head', '_bn1')[is_norm]}.{leaf}"
    return f"_blocks.{int(part) - 1}.{_NAMES[middle[0]][is_norm]}.{leaf}"


def _repetitions(name: str) -> list[int]:
    """Of each row of `_BLOCKS`."""
    first, *inner, last = (repetitions for _, _, repetitions, _, _ in _BLOCKS)
    return [first, *(math.ceil(DEPTHS[name] * repetitions) for repetitions in inner), last]


class LiteBlock(nn.Module):
    """Widen by 1×1, convolve each channel by itself, narrow by 1×1; a shortcut where the shapes allow one."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int, kernel_size: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.shortcut = stride == 1 and in_channels == out_channels
        self.expand = _conv(nn.Conv2d(in_channels, hidden, 1, bias=False)) if expansion > 1 else nn.Identity()
        self.depthwise = _conv(SameDepthwiseConv(hidden, stride, kernel_size))
        self.project = nn.Sequential(nn.Conv2d(hidden, out_channels, 1, bias=False), _norm(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + result if self.shortcut else result


class SameConv(nn.Conv2d):
    """A convolution whose output has the input's size over its stride, rounded up."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(pad_same(x, self.kernel_size[0], self.stride[0]))


class SameDepthwiseConv(DepthwiseConv):
    """The same of each channel by itself."""

    def __init__(self, channels: int, stride: int, kernel_size: int) -> None:
        super().__init__(channels, stride, kernel_size, padding=0)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(pad_same(x, self.kernel_size[0], self.stride[0]))


def pad_same(x: Tensor, kernel_size: int, stride: int) -> Tensor:
    """Zeros around `x` (B, C, H, W) as TensorFlow's "SAME" puts them, for an odd kernel and a stride of 1 or 2.

    At stride 2 an even side gets one zero less before than after it.

    Args:
        x: (B, C, H, W).
        kernel_size: of the convolution that follows, odd.
        stride: of that convolution, 1 or 2.

    Returns:
        `x` with so many zeros around it that the convolution, itself unpadded, gives ⌈H/stride⌉ × ⌈W/stride⌉.
    """
    half = kernel_size // 2
    top, left = (half - (1 - side % 2 if stride == 2 else 0) for side in x.shape[2:])
    return F.pad(x, (left, half, top, half))


def _conv(conv: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(conv, _norm(conv.out_channels), nn.ReLU6(inplace=True))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_NORM_EPS)
