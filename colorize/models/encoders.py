"""Encoders: what recognizes things in a photo. Each is named, tells the channels of its features, and has a start.

Adding one from torchvision is an entry in `_TORCHVISION`; one of our own, in `BACKBONES` of `imagenet.py`; one of
another kind is a subclass of `Encoder` and an entry in `ENCODERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from colorize.errors import ConfigError, WeightsError
from colorize.models.imagenet import BACKBONES, MEAN, STD, read_gray
from colorize.models.tensorfile import read_tensors

STRIDES = (2, 4, 8, 16, 32)  # of the features of every encoder, from fine to coarse


class Encoder(nn.Module):
    """`encoder(l) -> features`: `l` (B, 1, H, W) to one tensor (B, C, H/stride, W/stride) for each of `STRIDES`."""

    channels: tuple[int, ...]  # of the features, from fine to coarse

    def forward(self, l: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def load_start(self, start: str | Path) -> None:
        """Take weights that know photographs.

        Args:
            start: "hub" for torchvision's ImageNet weights, or a safetensors file of such.

        Raises:
            WeightsError: the weights are not of this encoder, or cannot be downloaded.
        """
        raise NotImplementedError


class BackboneEncoder(Encoder):
    """One of `BACKBONES`, our own: torchvision costs seconds to import at use, and has no EfficientNet-Lite."""

    def __init__(self, name: str) -> None:
        super().__init__()
        backbone = BACKBONES[name]
        self.name = name
        self.channels = backbone.channels
        parts = backbone.build(1)
        self.stages = nn.ModuleList(nn.Sequential(*parts[start:stop]) for start, stop in backbone.stages)

    def forward(self, l: Tensor) -> list[Tensor]:
        features = []
        x = l
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features

    def load_start(self, start: str | Path) -> None:
        """As `Encoder.load_start`; a file is as of `read_imagenet`, and only MobileNetV2 has a "hub"."""
        self.stages.load_state_dict(read_gray(start, self.name))


class _Nodes(NamedTuple):
    names: tuple[str, ...]  # whose outputs have `STRIDES`
    channels: tuple[int, ...]


_TORCHVISION: dict[str, _Nodes] = {
    "mobilenet_v3_large": _Nodes(
        ("features.1", "features.3", "features.6", "features.12", "features.16"), (16, 24, 40, 112, 960)
    ),
    "efficientnet_b0": _Nodes(
        ("features.1", "features.2", "features.3", "features.5", "features.8"), (16, 24, 40, 112, 1280)
    ),
    "resnet18": _Nodes(("relu", "layer1", "layer2", "layer3", "layer4"), (64, 64, 128, 256, 512)),
}


class TorchvisionEncoder(Encoder):
    """A backbone of torchvision's, which sees `l` as gray RGB; a start file has its keys and expects its input."""

    mean: Tensor
    std: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        # Importing torchvision takes seconds, which only those pay who use one of its backbones.
        from torchvision.models import get_model
        from torchvision.models.feature_extraction import create_feature_extractor

        self.name = name
        self.channels = _TORCHVISION[name].channels
        self.backbone = create_feature_extractor(get_model(name, weights=None), list(_TORCHVISION[name].names))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, l: Tensor) -> list[Tensor]:
        rgb = ((l + 1) / 2 - self.mean) / self.std  # (B, 3, H, W)
        return list(self.backbone(rgb).values())

    def load_start(self, start: str | Path) -> None:
        if start == "hub":
            from torchvision.models import get_model_weights

            try:
                state = get_model_weights(self.name)["DEFAULT"].get_state_dict(progress=False, check_hash=True)
            except (OSError, RuntimeError) as error:
                raise WeightsError(f"hub: torchvision's {self.name} cannot be downloaded ({error})") from error
        else:
            state, _ = read_tensors(start)
        wanted = self.backbone.state_dict()
        missing = sorted(set(wanted) - set(state))
        if missing:
            raise WeightsError(f"{start}: expected torchvision's {self.name}, {missing[0]} is missing")
        self.backbone.load_state_dict({key: state[key].float() for key in wanted})


# Settings of a generator name one of these.
ENCODERS: dict[str, Callable[[], Encoder]] = {
    **{name: partial(BackboneEncoder, name) for name in BACKBONES},
    **{name: partial(TorchvisionEncoder, name) for name in _TORCHVISION},
}


def build_encoder(name: str) -> Encoder:
    """The encoder called `name`, with fresh weights. Raises `ConfigError` for an unknown one."""
    if name not in ENCODERS:
        raise ConfigError(f"unknown encoder {name!r}: expected one of {', '.join(ENCODERS)}")
    return ENCODERS[name]()
