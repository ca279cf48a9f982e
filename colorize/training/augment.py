"""From uint8 photos to what the networks see, on the training device: crop, flip, light, and only then Lab.

Then wear and hints, which change what G is given but not the true colors.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from kornia.augmentation import AugmentationSequential, ColorJiggle, RandomCrop, RandomHorizontalFlip
from torch import Tensor, nn

from colorize.color.tensors import rgb_to_lab
from colorize.errors import ConfigError
from colorize.training.config import TrainConfig
from colorize.training.degrade import Degrade
from colorize.training.minibatch import Batch
from colorize.training.simulated_hints import simulate_hints

_LAST_LEVEL = 255.0  # of a uint8 photo
_JITTER_SHARE = 0.3  # of the photos are made a little brighter, darker, softer or harder
_LAB_CHUNK = 8  # photos at once: Lab's temporaries then stay in the processor's cache


# Random changes of `rgb` (B, 3, S, S) in [0, 1], by the names that `config.augmentations` may hold: modules of kornia's
# or like them, each made of the config.
AUGMENTATIONS: dict[str, Callable[[TrainConfig], nn.Module]] = {
    "flip": lambda _: RandomHorizontalFlip(),
    "light": lambda config: ColorJiggle(config.jitter, config.jitter, p=_JITTER_SHARE),
}


class Augment:
    """`augment(photos) -> Batch`: uint8 (B, 3, S', S') in, `l` and `ab` of size × size out.

    All random numbers come from torch's default generator, so that a run's random state covers them.
    """

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        """
        Args:
            config: its size, augmentations, jitter, and shares of worn and of hinted photos.
            device: where all of it is done.

        Raises:
            ConfigError: an augmentation is unknown.
        """
        self.device = device
        for name in config.augmentations:
            if name not in AUGMENTATIONS:
                raise ConfigError(f"unknown augmentation {name!r}: expected one of {', '.join(AUGMENTATIONS)}")
        steps = [RandomCrop((config.size, config.size))]
        steps += [AUGMENTATIONS[name](config) for name in config.augmentations if name != "light" or config.jitter]
        self._augment = AugmentationSequential(*steps, data_keys=["input"])
        self._degrade = Degrade()
        self._degraded, self._hinted = config.degraded, config.hints

    def __call__(self, photos: Tensor) -> Batch:
        with torch.no_grad():
            rgb: Tensor = self._augment(to_float(photos, self.device)).clamp_(0, 1)  # (B, 3, S, S)
            batch = to_batch(rgb)
            if self._degraded:
                batch = batch._replace(clean_l=batch.l.clone())
                chosen = torch.rand(len(rgb), device=self.device) < self._degraded
                if chosen.any():
                    batch.l[chosen] = self._degrade(rgb[chosen])
            hints = simulate_hints(batch.ab, self._hinted) if self._hinted else None
            return batch._replace(hints=hints)


def to_float(photos: Tensor, device: torch.device) -> Tensor:
    """uint8 (B, 3, H, W) to `rgb` on the device.

    Args:
        photos: uint8 (B, 3, H, W), on any device.
        device: where the result is wanted.

    Returns:
        `rgb`, float32 (B, 3, H, W) in [0, 1].
    """
    return photos.to(device, non_blocking=True).float() / _LAST_LEVEL


def to_batch(rgb: Tensor) -> Batch:
    """`rgb` (B, 3, H, W) to its `l` and `ab`, laid out as convolutions like them."""
    pieces = [rgb_to_lab(piece) for piece in rgb.split(_LAB_CHUNK)] if rgb.device.type == "cpu" else [rgb_to_lab(rgb)]
    l = torch.cat([l for l, _ in pieces])
    ab = torch.cat([ab for _, ab in pieces])
    return Batch(l.contiguous(memory_format=torch.channels_last), ab.contiguous(memory_format=torch.channels_last))
