"""What every generator has in common: its contract, its checks and the way hints come in."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

HINT_CHANNELS = 3  # ab of the hinted pixels, then a 0/1 mask


def is_whole(value: object, low: int, high: int) -> bool:
    """Whether a setting, perhaps out of a file, is a whole number from `low` to `high`."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


class Generator(nn.Module):
    """`generator(l, hints=None) -> ab`, all of the same H and W, which are multiples of `stride`."""

    architecture: ClassVar[str]
    settings_type: ClassVar[type]
    hint: nn.Conv2d  # see zero_hint_conv

    def __init__(self, settings: Any) -> None:
        super().__init__()
        self.settings = settings

    @property
    def stride(self) -> int:
        """Both sides of the input must be multiples of this."""
        raise NotImplementedError

    def check_input(self, l: Tensor, hints: Tensor | None) -> None:
        """Raise `ValueError` for shapes that break the contract."""
        if l.ndim != 4 or l.shape[1] != 1 or l.shape[2] % self.stride or l.shape[3] % self.stride:
            raise ValueError(
                f"{self.architecture} expects l of shape (B, 1, H, W), H and W multiples of {self.stride}; "
                f"got {tuple(l.shape)}"
            )
        expected = (l.shape[0], HINT_CHANNELS, *l.shape[2:])
        if hints is not None and tuple(hints.shape) != expected:
            raise ValueError(f"hints must have shape {expected}, got {tuple(hints.shape)}")


def zero_hint_conv(out_channels: int, kernel_size: int) -> nn.Conv2d:
    """A stride-2 convolution on the hints whose output is added to that of the first convolution on `l`.

    All zero, so that hints change nothing until they are trained (the idea of zero-initialised branches:
    Zhang et al. 2023, ControlNet, sec. 3.1).
    """
    padding = (kernel_size - 1) // 2
    conv = nn.Conv2d(HINT_CHANNELS, out_channels, kernel_size, stride=2, padding=padding, bias=False)
    nn.init.zeros_(conv.weight)
    return conv


def keep_norm_statistics(module: nn.Module) -> None:
    """Put the BatchNorm layers in eval mode until the next `train()`: their statistics are used and left alone."""
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.eval()
