"""MobileNetV2 as ImageNet taught it: weights for an encoder, and features that compare color photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from colorize.errors import WeightsError
from colorize.models.mobilenet import STAGES, mobilenet_v2_features
from colorize.models.tensorfile import read_tensors


class ImageNetFeatures(nn.Module):
    """What MobileNetV2 makes of color photos; random without `start`. It is never trained, but lets gradients through.

    Raises `WeightsError` if `start`, as of `read_imagenet`, is not a MobileNetV2.
    """

    def __init__(self, start: str) -> None:
        super().__init__()
        features = nn.Sequential(*mobilenet_v2_features())
        self.half_std, self.shift = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)
        if start:
            state, half_std, shift = read_imagenet(start)
            try:
                features.load_state_dict(state)
            except RuntimeError as error:
                raise WeightsError(f"{start}: expected torchvision's mobilenet_v2 weights") from error
            self.half_std, self.shift = half_std.view(3, 1, 1), shift.view(3, 1, 1)
        self.stages = nn.ModuleList(features[first:last] for first, last in STAGES)
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


def read_imagenet(start: str | Path) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Weights of MobileNetV2's `features`, and half_std and shift (3,): v in [−1, 1] goes in as (v − shift)/half_std.

    `start` is a safetensors file with inputs in [−1, 1], or "hub" for torchvision's own. Raises `WeightsError`.
    """
    if start == "hub":
        state, half_std, shift = _download_hub_weights(), _HUB_HALF_STD, _HUB_SHIFT
    else:
        state, _ = read_tensors(start)
        half_std, shift = torch.ones(3), torch.zeros(3)
    state = {key.removeprefix("features."): value.float() for key, value in state.items() if "features." in key}
    for key, value in state.items():
        if not value.isfinite().all():
            raise WeightsError(f"{start}: the weight features.{key} is not finite")
    return state, half_std, shift


def read_gray_mobilenet(start: str | Path) -> dict[str, Tensor]:
    """Weights of MobileNetV2's features for gray photos, cut into `STAGES`: their keys begin with STAGE.PART.

    Args:
        start: as of `read_imagenet`.

    Raises:
        WeightsError: the file is not a MobileNetV2, or torchvision's weights cannot be downloaded.
    """
    state, half_std, shift = read_imagenet(start)
    expected = nn.Sequential(*mobilenet_v2_features()).state_dict()
    for key in sorted(expected.keys() ^ state.keys()):
        wrong = "is missing" if key in expected else "is unexpected"
        raise WeightsError(f"{start}: expected torchvision's mobilenet_v2 weights, features.{key} {wrong}")
    for key, weight in expected.items():
        if state[key].shape != weight.shape:
            raise WeightsError(
                f"{start}: expected torchvision's mobilenet_v2 weights, features.{key} has the size "
                f"{tuple(state[key].shape)} instead of {tuple(weight.shape)}"
            )
    # All three channels see (l − shift)/(2 std): fold that into one channel and the norm that follows.
    rgb_conv = state["0.0.weight"]  # (32, 3, 3, 3)
    folded = {
        "0.0.weight": (rgb_conv / half_std.view(1, 3, 1, 1)).sum(dim=1, keepdim=True),  # (32, 1, 3, 3)
        "0.1.running_mean": state["0.1.running_mean"]
        + (rgb_conv * (shift / half_std).view(1, 3, 1, 1)).sum(dim=(1, 2, 3)),
    }
    staged = {}
    for key in expected:
        part, _, rest = key.partition(".")
        stage = max(i for i, (first, _) in enumerate(STAGES) if first <= int(part))
        staged[f"{stage}.{int(part) - STAGES[stage][0]}.{rest}"] = folded.get(key, state[key])
    return staged


def _download_hub_weights() -> dict[str, Tensor]:
    from torchvision.models import MobileNet_V2_Weights

    try:
        # The download is a pickle: its hash is compared, and only tensors are read from it.
        state = MobileNet_V2_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, UnpicklingError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"hub: torchvision's mobilenet_v2 weights could not be downloaded ({reason})") from error
    return dict(state)


# torchvision's weights expect (x − mean)/std of x in [0, 1]; in terms of v = 2x − 1 that is (v − (2 mean − 1))/(2 std).
_HUB_MEAN = torch.tensor([0.485, 0.456, 0.406])
_HUB_HALF_STD = 2 * torch.tensor([0.229, 0.224, 0.225])
_HUB_SHIFT = 2 * _HUB_MEAN - 1
