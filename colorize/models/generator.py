"""What every generator has in common: its contract, its checks and the way hints come in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize.color.units import AB_RANGE
from colorize.errors import ConfigError
from colorize.models.bins import AbBins

# What a generator ends in: two numbers; a choice among bins that is decoded to them; or both, side by side.
HEADS = ("ab", "bins", "ab+bins")
THINGS = 3  # which of an encoder's features has the stride 16
HINT_CHANNELS = 3  # ab of the hinted pixels, then a 0/1 mask


def is_whole(value: object, low: int, high: int) -> bool:
    """Whether a setting, perhaps out of a file, is a whole number from `low` to `high`.

    Args:
        value: the setting, of any type.
        low: the lowest number allowed.
        high: the highest number allowed.

    Returns:
        True for an int in that range; True and False, and floats like 2.0, are none.
    """
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def check_head(architecture: str, head: object, heads: Sequence[str] = HEADS) -> None:
    """Raise `ConfigError` for a setting `head`, perhaps out of a file, that is none of `heads`.

    Args:
        architecture: whose setting it is, for the message.
        head: the setting, of any type.
        heads: those that the architecture can have.

    Raises:
        ConfigError: it is none of them.
    """
    if head not in heads:
        raise ConfigError(f"{architecture}: head must be one of {', '.join(heads)}, got {head!r}")


class GeneratorOutput(NamedTuple):
    """All that a generator can tell of a photo."""

    ab: Tensor  # (B, 2, H, W)
    logits: Tensor | None = None  # (B, Q, H', W'), smaller: how likely each bin is, before the softmax
    features: tuple[Tensor, ...] = ()  # the encoder's, from fine to coarse
    places: Tensor | None = None  # (B, C, H/8, W/8), the decoder's features


class GeneratorSettings(Protocol):
    """What the settings of every generator have, a frozen dataclass; each adds its own."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def head(self) -> str:
        """One of `HEADS`."""


class Generator(nn.Module):
    """`generator(l, hints=None) -> ab`, all of the same H and W, which are multiples of `stride`.

    One that has bins gives a `GeneratorOutput` when asked for `logits`. With the head "bins" they are what `ab` is
    decoded from; with "ab+bins" they are a second answer, the distribution of the colors that are possible.
    """

    architecture: ClassVar[str]
    settings_type: ClassVar[type]
    settings: GeneratorSettings

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder_is_trained = False  # whether it has an encoder that knew photographs before it was trained here
        self.bins = None if settings.head == "ab" else AbBins()

    @property
    def stride(self) -> int:
        """Both sides of the input must be multiples of this."""
        raise NotImplementedError

    @property
    def decodes_bins(self) -> bool:
        """Whether `ab` is decoded from the logits of bins."""
        return self.settings.head == "bins"

    def can_start_from(self, given: GeneratorSettings) -> bool:
        """Whether one of the settings `given` has all that this one has, but for what is added beside it."""
        if type(given) is not type(self.settings):
            return False
        if (given.head, self.settings.head) == ("ab", "ab+bins"):
            given = dataclasses.replace(given, head="ab+bins")
        return given == self.settings

    def train(self, mode: bool = True) -> Self:
        """As of `nn.Module`; but a trained encoder's BatchNorm keeps its statistics, which small batches would blur."""
        super().train(mode)
        encoder = getattr(self, "encoder", None)
        if self.encoder_is_trained and isinstance(encoder, nn.Module):
            keep_norm_statistics(encoder)
        return self

    def encode(self, l: Tensor) -> list[Tensor]:  # noqa: ARG002  # some have no encoder
        """The encoder's features of `l` (B, 1, H, W), from fine to coarse; none of a generator without one."""
        return []

    @property
    def has_features(self) -> bool:
        """Whether a `GeneratorOutput` holds features of encoder and decoder."""
        return False

    def load_encoder_start(self, start: str | Path) -> None:
        """Let the encoder begin with ImageNet's weights: "hub" or a file, as of `Encoder.load_start`.

        Raises `ConfigError` if the generator has no encoder, `WeightsError` if the weights are not its own kind.
        """
        raise ConfigError(f"encoder-start: {self.architecture} has no encoder that could start from {start}")

    @property
    def takes_hints(self) -> bool:
        """Whether hints change anything: it has to have learned them."""
        return any(bool(conv.weight.any()) for conv in self.hint_convs())

    def hint_convs(self) -> Iterator[HintConv]:
        """Where hints come in."""
        return (module for module in self.modules() if isinstance(module, HintConv))

    @torch.no_grad()
    def scale_chroma(self, a: float, b: float) -> None:
        """Make answers stronger or weaker from now on, but for the bend of the tanh; hints keep their colors.

        Args:
            a: what a* is multiplied by.
            b: what b* is multiplied by.

        Raises:
            ConfigError: the last layer does not give ab; what is decoded from bins is what it is.
        """
        head = self._ab_head()
        factors = torch.tensor([a, b], device=head.weight.device)
        for parameter in head.parameters():
            parameter.mul_(factors.view(2, *[1] * (parameter.dim() - 1)))
        for conv in self.hint_convs():
            conv.weight[:, :2] /= factors.view(1, 2, 1, 1)  # then the mask

    @torch.no_grad()
    def shift_colors(self, a: float, b: float) -> None:
        """Add the same to what the last layer answers from now on, but for the bend of the tanh, before `doubt`.

        To what hints ask for as well: to put that right is left to who gives them.

        Args:
            a: what is added to a*, in its units, −110 to 110.
            b: what is added to b*, likewise.

        Raises:
            ConfigError: as `scale_chroma`.
        """
        bias = self._ab_head().bias
        assert bias is not None
        bias.add_(torch.tensor([a, b], device=bias.device) / AB_RANGE)

    def _ab_head(self) -> nn.Conv2d:
        """The last layer, if it gives ab."""
        head = getattr(self, "head", None)
        if self.decodes_bins or not isinstance(head, nn.Conv2d):
            raise ConfigError(f"{self.architecture}: only the colors of a last layer that gives ab can be changed")
        return head

    def decode(self, logits: Tensor) -> Tensor:
        """Of a generator that ends in bins: logits (B, Q, H/2, W/2) to `ab` (B, 2, H, W), by the annealed mean."""
        assert self.bins is not None
        return F.interpolate(self.bins.decode(logits), scale_factor=2.0, mode="bilinear", align_corners=False)

    def check_input(self, l: Tensor, hints: Tensor | None, logits: bool = False) -> None:
        """Raise `ValueError` for shapes that break the contract.

        Args:
            l: expected are (B, 1, H, W), H and W multiples of `stride`.
            hints: expected are (B, 3, H, W), or None.
            logits: whether they are asked for, which needs bins.

        Raises:
            ValueError: a shape is another one, or there are no bins to give logits of.
        """
        if l.ndim != 4 or l.shape[1] != 1 or l.shape[2] % self.stride or l.shape[3] % self.stride:
            raise ValueError(
                f"{self.architecture} expects l of shape (B, 1, H, W), H and W multiples of {self.stride}; "
                f"got {tuple(l.shape)}"
            )
        expected = (l.shape[0], HINT_CHANNELS, *l.shape[2:])
        if hints is not None and tuple(hints.shape) != expected:
            raise ValueError(f"hints must have shape {expected}, got {tuple(hints.shape)}")
        if logits and self.bins is None:
            raise ValueError("logits are what a generator with bins has, this one has the head 'ab'")


class HintConv(nn.Conv2d):
    """A convolution on the hints whose output is added to that of another one: the first, on `l`, has stride 2.

    All zero, so that hints change nothing until they are trained (the idea of zero-initialized branches:
    Zhang et al. 2023, ControlNet, sec. 3.1).
    """

    def __init__(self, out_channels: int, kernel_size: int, stride: int = 2) -> None:
        super().__init__(HINT_CHANNELS, out_channels, kernel_size, stride, (kernel_size - 1) // 2, bias=False)
        nn.init.zeros_(self.weight)


@torch.no_grad()
def recompute_norm_statistics(generator: Generator, batches: Iterable[Tensor]) -> None:
    """Set BatchNorm's statistics to those of `l` batches: an average of weights has none of its own.

    Layers that `train()` leaves in eval mode, a trained encoder's, keep theirs.

    Args:
        generator: changed in place, and left in eval mode.
        batches: `l` (B, 1, H, W) of photos, on the generator's device; one or more.
    """
    generator.train()
    norms = [each for each in generator.modules() if isinstance(each, nn.BatchNorm2d) and each.training]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    for l in batches:
        generator(l)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    generator.eval()


def draw_normal(weight: Tensor, mean: float, deviation: float) -> None:
    """Fill a fresh weight with N(mean, deviation²); on the meta device nothing is drawn.

    It would only be replaced by what a file holds, and drawing there imports torch's compiler: seconds.

    Args:
        weight: of any shape, filled in place.
        mean: of the distribution.
        deviation: its standard deviation.
    """
    if not weight.is_meta:
        nn.init.normal_(weight, mean, deviation)


def keep_norm_statistics(module: nn.Module) -> None:
    """Put the BatchNorm layers in eval mode until the next `train()`: their statistics are used and left alone."""
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.eval()
