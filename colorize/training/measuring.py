"""How good a generator is on photos that it was not trained on, while it trains."""

from __future__ import annotations

from operator import itemgetter

import numpy as np
import torch
from accelerate.utils import gather_object
from numpy.typing import NDArray
from torch import Tensor, nn

from colorize.color.lightness import merge, to_levels
from colorize.color.metrics import ab_histograms, colorfulness, histogram_intersection, psnr
from colorize.color.tensors import lab_to_rgb
from colorize.models.generator import HINT_CHANNELS, Generator
from colorize.training.augment import to_batch, to_float
from colorize.training.simulated_hints import add_patches

_BATCH = 32
_HINTS, _HINT_SIDE = 10, 3  # patches of px that a photo is measured with
_DEAD = 1e-3  # standard deviation of a feature; one that is alive has about 1


@torch.no_grad()
def measure(
    generator: Generator, photos: Tensor, *, hints: bool = False, process: int = 0, processes: int = 1
) -> dict[str, float]:
    """Compare a generator's colors with the true ones.

    Args:
        generator: in evaluation mode; the same in every process.
        photos: uint8 (N, 3, S, S), likewise.
        hints: whether to measure PSNR with ten true colors given at random places, too.
        process: which one this is, from 0.
        processes: how many there are; all have to call this. Each takes some of the photos, and all get what one would.

    Returns:
        l1 on ab; psnr on RGB, psnr_gray of no color at all, psnr_hints (dB); cf, cf_truth, delta_cf (colorfulness);
        histogram_a, histogram_b (intersections); dead, the share of the encoder's innermost features that say the same
        of all photos, where the generator has an encoder.
    """
    places = torch.Generator().manual_seed(0)
    mine: list[tuple[int, dict[str, Tensor]]] = []
    for index, part in enumerate(photos.split(_BATCH)):
        truth = to_float(part, photos.device)
        l, ab = to_batch(truth)[:2]
        given = _ten_hints(ab, places) if hints else None  # of the others' photos too: places are drawn in order
        if index % processes == process:
            mine.append((index, _values(generator, truth, l, ab, given)))
    parts = [values for _, values in sorted(gather_object(mine), key=itemgetter(0))]
    columns = {name: torch.cat([values[name] for values in parts]) for name in parts[0]}
    predicted, true = columns.pop("histograms").sum(dim=0)
    result = {name: values.mean().item() for name, values in columns.items()}
    result["delta_cf"] = abs(result["cf"] - result["cf_truth"])
    a, b = histogram_intersection(predicted, true).tolist()
    return result | {"histogram_a": a, "histogram_b": b}


def _ten_hints(ab: Tensor, places: torch.Generator) -> Tensor:
    """Hints (B, 3, H, W) for `ab` (B, 2, H, W)."""
    given = ab.new_zeros(len(ab), HINT_CHANNELS, *ab.shape[2:])
    for each, true in zip(given, ab, strict=True):
        add_patches(each, true, [_HINT_SIDE] * _HINTS, places)
    return given


def _values(generator: Generator, truth: Tensor, l: Tensor, ab: Tensor, given: Tensor | None) -> dict[str, Tensor]:
    """What is measured of some photos, by name (B,) or (1, …), on the CPU."""
    fake_ab = predict(generator, l)
    rgb = lab_to_rgb(l, fake_ab)
    values = {
        "l1": (fake_ab - ab).abs().mean(dim=(1, 2, 3)),
        "psnr": psnr(rgb, truth),
        "psnr_gray": psnr(lab_to_rgb(l, torch.zeros_like(ab)), truth),
        "cf": colorfulness(rgb),
        "cf_truth": colorfulness(truth),
        "histograms": torch.stack([ab_histograms(rgb), ab_histograms(truth)])[None],
    }
    if given is not None:
        values["psnr_hints"] = psnr(lab_to_rgb(l, predict(generator, l, given)), truth)
    if features := generator.encode(l):
        values["dead"] = dead_share(features[-1]).view(1)
    return {name: value.cpu() for name, value in values.items()}


def dead_share(features: Tensor) -> Tensor:
    """The share of features (B, C, H, W) that are the same for all of these photos, a scalar.

    With BatchNorm statistics that stay as they were, weights that learn too fast drive features to an end of ReLU6,
    from where no gradient brings them back: the generator then knows textures and not what is in a photo.
    """
    return (features.std(dim=(0, 2, 3)) < _DEAD).float().mean()


@torch.no_grad()
def sample_photos(generator: Generator, photos: Tensor) -> NDArray[np.uint8]:
    """(N, 3, S, S, 3): each of the photos, uint8 (N, 3, S, S), gray, colored and true.

    Args:
        generator: in evaluation mode.
        photos: uint8 (N, 3, S, S), on the generator's device.

    Returns:
        RGB, uint8 (N, 3, S, S, 3): of each photo three pictures, in the order of `grids.KINDS`.
    """
    l = to_batch(to_float(photos, photos.device)).l
    predicted = predict(generator, l).float().cpu().numpy()  # (N, 2, S, S)
    truth = photos.permute(0, 2, 3, 1).cpu().numpy()  # (N, S, S, 3)
    samples = []
    for levels, mine, true in zip(to_levels(truth), predicted, truth, strict=True):
        samples.append([np.repeat(levels[..., None], 3, axis=2), merge(levels, mine), true])
    return np.array(samples)


def predict(generator: Generator, l: Tensor, hints: Tensor | None = None) -> Tensor:
    """`generator(l, hints)`, `ab` (B, 2, H, W), for sides that need not be multiples of its stride.

    Args:
        generator: in evaluation mode.
        l: (B, 1, H, W), lightness in [−1, 1].
        hints: (B, 3, H, W), `ab` and where it is given; None for none.

    Returns:
        `ab` (B, 2, H, W), a* and b* over 110.
    """
    height, width = l.shape[2:]
    pad = (0, -width % generator.stride, 0, -height % generator.stride)
    if any(pad):
        l = nn.functional.pad(l, pad, mode="replicate")
        hints = None if hints is None else nn.functional.pad(hints, pad)
    ab: Tensor = generator(l, hints)
    return ab[:, :, :height, :width]
