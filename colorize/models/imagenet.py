"""Networks as ImageNet taught them: weights for an encoder, and features that compare color photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import torch
from torch import Tensor, nn

from colorize.errors import WeightsError
from colorize.models import efficientnet_lite
from colorize.models.mobilenet import CHANNELS, STAGES, mobilenet_v2_features
from colorize.models.tensorfile import read_tensors


class Backbone(NamedTuple):
    """A network of ours without its classifier, and how its weights come in files."""

    build: Callable[[int], list[nn.Module]]  # its parts, for so many channels of the photo
    stages: tuple[tuple[int, int], ...]  # which parts, first and one past the last, have the strides 2, 4, 8, 16 and 32
    channels: tuple[int, ...]  # of each stage's features
    file_key: Callable[[str], str]  # from a key of the parts to that in a file
    classifier: str  # what begins the keys in a file that are not read
    made_by: str  # whose files these are


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's weights expect (x − MEAN)/STD of RGB in [0, 1]

BACKBONES = {
    "mobilenet_v2": Backbone(
        mobilenet_v2_features, STAGES, CHANNELS, "features.{}".format, "classifier.", "torchvision"
    ),
    **{
        name: Backbone(
            partial(efficientnet_lite.efficientnet_lite_features, name),
            efficientnet_lite.stages(name),
            (16, 24, 40, 112, 1280),
            partial(efficientnet_lite.file_key, name),
            "_fc.",
            "efficientnet_lite_pytorch",
        )
        for name in efficientnet_lite.DEPTHS
    },
}


class ImageNetWeights(NamedTuple):
    """Of a backbone's parts; it takes (v − shift)/half_std of RGB v in [−1, 1]."""

    network: str  # a key of BACKBONES
    state: dict[str, Tensor]
    half_std: Tensor  # (3,)
    shift: Tensor  # (3,)


class ImageNetFeatures(nn.Module):
    """What one of BACKBONES makes of color photos. It is never trained, but lets gradients through.

    With `start`, as of `read_imagenet`, it is the network whose weights those are; without, a random MobileNetV2.
    Raises `WeightsError` for bad weights.
    """

    def __init__(self, start: str) -> None:
        super().__init__()
        self.network = "mobilenet_v2"
        self.half_std, self.shift = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)
        weights = read_imagenet(start) if start else None
        if weights:
            self.network = weights.network
            self.half_std, self.shift = weights.half_std.view(3, 1, 1), weights.shift.view(3, 1, 1)
        backbone = BACKBONES[self.network]
        parts = nn.Sequential(*backbone.build(3))
        if weights:
            parts.load_state_dict(weights.state)
        self.stages = nn.ModuleList(parts[first:last] for first, last in backbone.stages)
        self.requires_grad_(False)
        self.train()

    def see(self, rgb: Tensor) -> Iterator[Tensor]:
        """Features of `rgb` (B, 3, H, W) in [0, 1] at strides 2, 4, 8, 16 and 32, one after the other."""
        x = (2 * rgb - 1 - self.shift.to(rgb)) / self.half_std.to(rgb)
        for stage in self.stages:
            x = stage(x)
            yield x

    def train(self, mode: bool = True) -> ImageNetFeatures:  # noqa: ARG002  # nn.Module's signature
        return super().train(False)


def read_imagenet(start: str | Path) -> ImageNetWeights:
    """The weights of a network that ImageNet taught; which one is told by the names in the file.

    Args:
        start: a safetensors file with inputs in [−1, 1], of torchvision's mobilenet_v2 or of an EfficientNet-Lite
            (`scripts/efficientnet_lite_weights.py`); or "hub" for torchvision's own mobilenet_v2.

    Raises:
        WeightsError: the file is none of these, or torchvision's weights cannot be downloaded.
    """
    return identify(start, _download_hub_weights() if start == "hub" else read_tensors(start)[0])


def identify(start: str | Path, found: Mapping[str, Tensor]) -> ImageNetWeights:
    """Which network some tensors are the weights of, and what it takes.

    Args:
        start: where they are from, as of `read_imagenet`.
        found: by the names that a file has.

    Raises:
        WeightsError: they are not those of one of BACKBONES, whole and finite.
    """
    network = _network_of(found)
    state = _matching(start, network, found)
    if start == "hub":
        return ImageNetWeights(network, state, _HUB_HALF_STD, _HUB_SHIFT)
    return ImageNetWeights(network, state, torch.ones(3), torch.zeros(3))


def read_gray(start: str | Path, network: str) -> dict[str, Tensor]:
    """Weights of a backbone for gray photos, cut into its stages: their keys begin with STAGE.PART.

    Args:
        start: as of `read_imagenet`.
        network: a key of BACKBONES.

    Raises:
        WeightsError: the weights are not of this network, or cannot be read.
    """
    if start == "hub" and network != "mobilenet_v2":
        raise WeightsError(f"hub: torchvision has no {network}, a safetensors file is expected")
    weights = read_imagenet(start)
    if weights.network != network:
        raise WeightsError(f"{start}: expected weights of {network}, these are of {weights.network}")
    # All three channels see (l − shift)/half_std: fold that into one channel and the norm that follows. Around the
    # photo there is then middle gray in the place of ImageNet's mean color.
    rgb_conv = weights.state["0.0.weight"]  # (32, 3, 3, 3)
    half_std, shift = weights.half_std.view(1, 3, 1, 1), weights.shift.view(1, 3, 1, 1)
    folded = {
        "0.0.weight": (rgb_conv / half_std).sum(dim=1, keepdim=True),  # (32, 1, 3, 3)
        "0.1.running_mean": weights.state["0.1.running_mean"] + (rgb_conv * shift / half_std).sum(dim=(1, 2, 3)),
    }
    stages = BACKBONES[network].stages
    staged = {}
    for key, value in weights.state.items():
        part, _, rest = key.partition(".")
        stage = max(i for i, (first, _) in enumerate(stages) if first <= int(part))
        staged[f"{stage}.{int(part) - stages[stage][0]}.{rest}"] = folded.get(key, value)
    return staged


def _network_of(found: Mapping[str, Tensor]) -> str:
    """Which of BACKBONES a file with these tensors most likely is."""
    blocks = {key.split(".")[1] for key in found if key.startswith("_blocks.")}
    lite = min(efficientnet_lite.DEPTHS, key=lambda name: abs(efficientnet_lite.blocks(name) - len(blocks)))
    return lite if blocks else "mobilenet_v2"


def _matching(start: str | Path, network: str, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the parts, by the parts' own keys. Raises `WeightsError` unless they are all there and finite."""
    backbone = BACKBONES[network]
    with torch.device("meta"):  # only the shapes are wanted
        expected = nn.Sequential(*backbone.build(3)).state_dict()
    in_file = {backbone.file_key(key): key for key in expected}
    there = {key for key in found if not key.startswith(backbone.classifier)}
    wanted = f"{start}: expected {backbone.made_by}'s {network} weights"
    for name in sorted(in_file.keys() ^ there):
        raise WeightsError(f"{wanted}, {name} {'is missing' if name in in_file else 'is unexpected'}")
    for name, key in in_file.items():
        if found[name].shape != expected[key].shape:
            raise WeightsError(
                f"{wanted}, {name} has the size {tuple(found[name].shape)} instead of {tuple(expected[key].shape)}"
            )
        if not found[name].isfinite().all():
            raise WeightsError(f"{start}: the weight {name} is not finite")
    return {key: found[name].float() for name, key in in_file.items()}


def _download_hub_weights() -> dict[str, Tensor]:
    from torchvision.models import MobileNet_V2_Weights

    try:
        # The download is a pickle: its hash is compared, and only tensors are read from it.
        state = MobileNet_V2_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, UnpicklingError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"hub: torchvision's mobilenet_v2 weights could not be downloaded ({reason})") from error
    return dict(state)


# In terms of v = 2x − 1, (x − mean)/std is (v − (2 mean − 1))/(2 std).
_HUB_HALF_STD = 2 * torch.tensor(STD)
_HUB_SHIFT = 2 * torch.tensor(MEAN) - 1
