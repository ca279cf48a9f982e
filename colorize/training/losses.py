"""The losses: what D learns to tell apart, how G learns from it, and the written-down loss beside it.

Logits are D's verdicts before the sigmoid, of any shape; every loss is a mean, a scalar. The caller weights it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize.color.tensors import lab_to_rgb
from colorize.color.units import AB_RANGE
from colorize.errors import ConfigError
from colorize.models.bins import AbBins
from colorize.models.imagenet import ImageNetFeatures


@dataclass(frozen=True)
class Objective:
    """An adversarial objective. A new one is two functions of logits and one entry in `OBJECTIVES`."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (real logits, fake logits) -> D's loss
    generator: Callable[[Tensor], Tensor]  # fake logits -> G's loss
    penalty_weight: float = 0.0  # of `gradient_penalty` in D's loss


def bce_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """−log D(real) − log(1 − D(fake)): cross-entropy of "is it real?" (Goodfellow et al. 2014, eq. 1).

    2 log 2 while D is undecided.

    Args:
        real: D's logits of true pairs, of any shape.
        fake: D's logits of generated ones, of any shape.

    Returns:
        D's loss, a scalar from 0.
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()  # softplus(−x) = −log σ(x)


def bce_generator(fake: Tensor) -> Tensor:
    """−log D(fake), the non-saturating form: strong gradients exactly while D sees through G (ibid., sec. 3)."""
    return F.softplus(-fake).mean()


def minimax_generator(fake: Tensor) -> Tensor:
    """log(1 − D(fake)), the original game's (ibid., eq. 1): its gradient vanishes once D knows fakes for fakes."""
    return -F.softplus(fake).mean()


def lsgan_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """(D(real) − 1)² + D(fake)², on verdicts without a sigmoid (Mao et al. 2017, eq. 9).

    Args:
        real: D's logits of true pairs, of any shape.
        fake: D's logits of generated ones, of any shape.

    Returns:
        D's loss, a scalar from 0.
    """
    return (real - 1).square().mean() + fake.square().mean()


def lsgan_generator(fake: Tensor) -> Tensor:
    """(D(fake) − 1)² (ibid.): a fake far on the wrong side is pulled hardest."""
    return (fake - 1).square().mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 − D(real)) + max(0, 1 + D(fake)): what is told apart by a margin is left alone (Miyato et al. 2018).

    Args:
        real: D's logits of true pairs, of any shape.
        fake: D's logits of generated ones, of any shape.

    Returns:
        D's loss, a scalar from 0.
    """
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """D(fake) − D(real): minus the Wasserstein-1 distance, if D is 1-Lipschitz (Arjovsky et al. 2017, eq. 2).

    Args:
        real: D's logits of true pairs, of any shape.
        fake: D's logits of generated ones, of any shape.

    Returns:
        D's loss, a scalar, of either sign.
    """
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """−D(fake): also hinge's."""
    return -fake.mean()


def gradient_penalty(gradient: Tensor) -> Tensor:
    """(‖∇D‖₂ − 1)² of gradients (B, …) by D's input: 0 for a critic of slope 1 (Gulrajani et al. 2017, eq. 3)."""
    slopes: Tensor = gradient.flatten(1).norm(dim=1)  # (B,)
    return (slopes - 1).square().mean()


def l1(ab: Tensor, truth: Tensor) -> Tensor:
    """Mean |ab − truth| (Isola et al. 2017, eq. 3); its best answer is the median of the colors that are possible.

    Args:
        ab: G's colors, (B, 2, H, W), a* and b* over 110.
        truth: the true ones, likewise.

    Returns:
        The loss, a scalar from 0.
    """
    return (ab - truth).abs().mean()


def mse(ab: Tensor, truth: Tensor) -> Tensor:
    """Mean (ab − truth)²; its best answer is the mean of the colors that are possible, which may be none of them.

    Args:
        ab: G's colors, (B, 2, H, W), a* and b* over 110.
        truth: the true ones, likewise.

    Returns:
        The loss, a scalar from 0.
    """
    return (ab - truth).square().mean()


def huber(ab: Tensor, truth: Tensor) -> Tensor:
    """Half the square up to `HUBER_DELTA`, straight beyond (Huber 1964), over that width: between `mse` and `l1`.

    Args:
        ab: G's colors, (B, 2, H, W), a* and b* over 110.
        truth: the true ones, likewise.

    Returns:
        The loss, a scalar from 0.
    """
    return F.smooth_l1_loss(ab, truth, beta=HUBER_DELTA)


def cross_entropy(logits: Tensor, truth: Tensor, bins: AbBins) -> Tensor:
    """−w Σ z log ẑ over the bins of `ab`, rare colors weighing more (Zhang et al. 2016, eq. 2 and 3); ẑ = softmax.

    Its best answer is the whole distribution of the colors that are possible, weighted. z shares each pixel out to the
    5 nearest bins; w is the nearest's.

    Args:
        logits: G's, of each of the Q bins before the softmax, (B, Q, H', W').
        truth: the true `ab`, (B, 2, H, W), a* and b* over 110; it is brought to the size of the logits.
        bins: what the logits are of.

    Returns:
        The loss, a scalar from 0.
    """
    nearest, shares = bins.encode(F.adaptive_avg_pool2d(truth, (logits.shape[2], logits.shape[3])))  # (B, 5, H', W')
    at_nearest = (shares * logits.gather(1, nearest)).sum(dim=1)  # (B, H', W')
    return (bins.weights()[nearest[:, 0]] * (logits.logsumexp(dim=1) - at_nearest)).mean()


class Perceptual(nn.Module):
    """How differently a network that knows what is in photos sees two colorings (Zhang et al. 2018, arXiv 1801.03924).

    `perceptual(l, ab, truth)`: features at strides 4, 8 and 16, scaled to length 1 at each place, their squared
    distance, its mean over places and strides; from 0 to 4. Without the paper's learned weights of channels.
    Raises `WeightsError`, see `ImageNetFeatures`.
    """

    def __init__(self, start: str) -> None:
        super().__init__()
        self.features = ImageNetFeatures(start)

    def forward(self, l: Tensor, ab: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            seen = self._see(l, truth)
        return torch.stack(
            [(mine - true).square().sum(dim=1).mean() for mine, true in zip(self._see(l, ab), seen, strict=True)]
        ).mean()

    def _see(self, l: Tensor, ab: Tensor) -> list[Tensor]:
        # Not clipped: a channel outside [0, 1] would have no gradient to come back by.
        rgb = lab_to_rgb(l, ab, clip=False)
        return [F.normalize(x, dim=1) for x in itertools.islice(self.features.see(rgb), *_PERCEPTUAL_STAGES)]


def stains(l: Tensor, ab: Tensor, truth: Tensor) -> Tensor:
    """How much more colors vary than the true ones do within what is of one color.

    On a coarse grid: a cell is compared with the mean of those that are like it in true color, lightness and place, and
    only what its distance exceeds the true one costs. A wrong color that is even costs nothing: which color it is to be
    is left to other losses. So does gray; this loss needs one beside it that wants color.

    Args:
        l: (B, 1, H, W), lightness in [−1, 1].
        ab: G's colors, (B, 2, H, W), a* and b* over 110.
        truth: the true ones, likewise.

    Returns:
        The loss, a scalar from 0, in units of ab.
    """
    with torch.autocast(ab.device.type, enabled=False):  # half precision is too coarse for differences of squares
        colors, true, light = (F.adaptive_avg_pool2d(x.float(), _STAIN_GRID) for x in (ab, truth, l))
        centers = (torch.arange(_STAIN_GRID, device=ab.device) + 0.5) / (_STAIN_GRID * _STAIN_DISTANCE)
        place = torch.stack(torch.meshgrid(centers, centers, indexing="ij")).expand(len(ab), -1, -1, -1)
        seen = torch.cat([true / _STAIN_COLOR, light / _STAIN_LIGHTNESS, place], dim=1).flatten(2).mT  # (B, N, 5)
        weights = torch.softmax(-torch.cdist(seen, seen).square(), dim=-1)  # (B, N, N), rows sum to 1
        away, wanted = (_lengths(x - weights @ x) for x in (colors.flatten(2).mT, true.flatten(2).mT))  # (B, N)
        return (away - wanted).clamp(min=0).mean()


def _lengths(vectors: Tensor) -> Tensor:
    """Of the last dimension; the root of 0 would have no gradient."""
    return (vectors.square().sum(dim=-1) + _FLOOR**2).sqrt()


def skin(ab: Tensor, truth: Tensor) -> Tensor:
    """|a* − â*| + |b* − b̂*| where the truth or the answer has a color that skin has: twice what `l1` has there.

    Hands are small and may as well be gloves or cuffs: by L1 over the whole photo they stay gray. What only looks like
    skin, wood or sand, weighs more as well, and so does gray that was taken for skin: neither becomes likelier by it.

    Args:
        ab: G's colors, (B, 2, H, W), a* and b* over 110.
        truth: the true ones, likewise.

    Returns:
        The loss, a scalar from 0, in units of ab: the mean over all pixels.
    """
    return ((ab - truth).abs().sum(dim=1) * (_like_skin(truth) | _like_skin(ab.detach()))).mean()


def _like_skin(ab: Tensor) -> Tensor:
    """Which pixels (B, H, W) have a hue and a chroma of skin, which are much the same for all people."""
    a, b = ab.float().unbind(dim=1)
    chroma, hue = torch.hypot(a, b) * AB_RANGE, torch.rad2deg(torch.atan2(b, a))
    (palest, boldest), (reddest, yellowest) = _SKIN_CHROMA, _SKIN_HUE
    return (chroma > palest) & (chroma < boldest) & (hue > reddest) & (hue < yellowest)


def palette(l: Tensor, ab: Tensor, truth: Tensor) -> Tensor:
    """How far the batch's colors as a whole are from the true ones, wherever in the photos they are.

    The sliced Wasserstein-1 distance (Bonneel et al. 2015, doi 10.1007/s10851-014-0506-3) of the pixels of all photos,
    as points (a*, b*, L*/2): along a*, b* and two random directions. Where L1 alone asks for the median of what a place
    may have, and so for grayish colors, this asks that bold colors be as frequent as they are; L1 tells where.

    Args:
        l: (B, 1, H, W), lightness in [−1, 1].
        ab: G's colors, (B, 2, H, W), a* and b* over 110.
        truth: the true ones, likewise.

    Returns:
        The loss, a scalar from 0, in units of ab.
    """
    with torch.autocast(ab.device.type, enabled=False):  # half precision is too coarse for small differences
        mine, wanted = (_points(x, l) for x in (ab, truth))
        turn = torch.rand((), device=ab.device) * torch.pi
        around = torch.tensor([0, torch.pi / 2, 0, torch.pi / 4], device=ab.device)
        around = around + turn * torch.tensor([0, 0, 1, 1], device=ab.device)  # a*, b*, and two
        tilted = torch.tensor([0, 0, torch.pi / 4, -torch.pi / 4], device=ab.device)  # from the plane of a*, b* to L*
        directions = torch.stack([around.cos() * tilted.cos(), around.sin() * tilted.cos(), tilted.sin()], dim=1)
        along, along_wanted = (torch.sort(directions @ points, dim=1).values for points in (mine, wanted))
        return (along - along_wanted).abs().mean()


def _points(ab: Tensor, l: Tensor) -> Tensor:
    """A quarter of a batch's pixels: (3, N)."""
    return torch.cat([ab.float(), l.float() / 2], dim=1)[:, :, ::2, ::2].transpose(0, 1).flatten(1)


class Distillation(nn.Module):
    """How far an encoder's features of the gray photo are from those that ImageNet's network has of the color photo.

    `distillation(features, l, ab)`: 1 − the cosine at each place, its mean over places and over strides 8, 16 and 32;
    from 0 to 2. What is in a photo is to be recognized without its colors. (Hinton et al. 2015, arXiv 1503.02531, with
    the network that the encoder began as for a teacher.) Raises `WeightsError`, see `ImageNetFeatures`; when it is
    called, `ConfigError` for features that the teacher's cannot be compared with.
    """

    def __init__(self, start: str) -> None:
        super().__init__()
        self.teacher = ImageNetFeatures(start)

    def forward(self, features: Sequence[Tensor], l: Tensor, ab: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = list(self.teacher.see(lab_to_rgb(l, ab)))
        pairs = list(zip(features, wanted, strict=True))[_DISTILLED]
        given, expected = ([each.shape[1] for each in some] for some in zip(*pairs, strict=True))
        if given != expected:
            raise ConfigError(
                f"the loss distillation needs an encoder with {expected} channels, as {self.teacher.network} has, "
                f"the feature network; got {given}"
            )
        distances = [1 - F.cosine_similarity(mine.float(), theirs.float()).mean() for mine, theirs in pairs]
        return torch.stack(distances).mean()


_FLOOR = 1e-3  # of a length: the root of 0 has no gradient
_SKIN_CHROMA, _SKIN_HUE = (12, 42), (22, 68)  # units of a* and b*, degrees
_STAIN_GRID = 16  # cells each way
# How far apart two cells are that count exp(−1) of what they would count if they were the same:
_STAIN_COLOR = 0.08  # of true ab
_STAIN_LIGHTNESS = 0.5  # of l: light and shade fall on one thing
_STAIN_DISTANCE = 0.35  # of the photo's sides
_DISTILLED = slice(2, 5)  # strides 8 to 32
_PERCEPTUAL_STAGES = (1, 4)  # strides 4 to 16: beyond, little is left of where a color is
HUBER_DELTA = 0.1  # in units of ab: 11 of a* or b*

OBJECTIVES = {
    "bce": Objective(bce_discriminator, bce_generator),
    "minimax": Objective(bce_discriminator, minimax_generator),
    "lsgan": Objective(lsgan_discriminator, lsgan_generator),
    "hinge": Objective(hinge_discriminator, wasserstein_generator),
    "wgan-gp": Objective(wasserstein_discriminator, wasserstein_generator, penalty_weight=10.0),
}
RECONSTRUCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "mse": mse, "huber": huber}
