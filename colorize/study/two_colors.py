"""The two-colored world: a gray shape is red or blue, and nothing in the gray tells which.

Red and blue have the same L*, so that the gray versions of a red and of a blue shape are one picture. The best answer
to the mean squared error is the purple in between; to the mean absolute error, channel by channel, the median, which is
the more frequent color, and where both are equally frequent any value between them; to a discriminator, which knows
that nothing is purple, it is red or blue. The same generator meets them all, for the same steps on the same shapes: the
project's `unet`, its losses and its `Step`.

A generator without noise gives one gray shape one color. Two get noise: pix2pix's, dropout that is left on at use
(Isola et al. 2017, sec. 2.1), and a vector z ~ N(0, 1)³ that comes in where hints do, the same at every pixel.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F

from colorize.color.tensors import lab_to_rgb
from colorize.color.units import AB_RANGE, L_HALF_RANGE
from colorize.models.architectures import build_generator
from colorize.models.generator import HINT_CHANNELS, Generator
from colorize.models.patchgan import Discriminators, DiscriminatorSettings
from colorize.study.distribution import Game, Unfrozen, optimizers, set_rates
from colorize.training.losses import OBJECTIVES
from colorize.training.minibatch import Batch
from colorize.training.step import Step
from colorize.training.terms import ab_terms

SIDE = 32  # px
SHAPE_L, BEHIND_L = 50.0, (60.0, 85.0)  # L* of shapes, and of what is behind them
COLORS = {"red": (60.0, 40.0), "blue": (20.0, -60.0)}  # a*, b*; both exist in sRGB at L* 50
NEAR = 10.0  # ΔE: so close to a color is that color
_RADII = (6.0, 10.0)  # px
_SHOWN = 8  # shapes per row of the picture
_CHANCE = 99  # seed of the shapes that are measured on: the same for all


class Shapes(NamedTuple):
    l: Tensor  # (N, 1, S, S)
    ab: Tensor  # (N, 2, S, S)
    masks: Tensor  # (N, 1, S, S), 1 within a shape


@dataclass(frozen=True)
class Arm:
    """What one generator learns from."""

    reconstruction: str = ""
    adversarial: bool = False
    noise: str = ""  # vector: where hints come in; dropout


ARMS = {
    "mse": Arm(reconstruction="mse"),
    "l1": Arm(reconstruction="l1"),
    "gan": Arm(adversarial=True),
    "gan+noise": Arm(adversarial=True, noise="vector"),
    "gan+dropout": Arm(adversarial=True, noise="dropout"),
}


@dataclass(frozen=True)
class Settings:
    """The same for all arms of a world."""

    steps: int = 800
    batch_size: int = 32
    ngf: int = 16
    depth: int = 5
    ndf: int = 16
    n_layers: int = 2
    lr: float = 1e-3  # of both networks; falls to 0 over the second half
    shapes: int = 200  # measured on
    draws: int = 16  # of the noise, for each of them


_QUICK = Settings(steps=2, batch_size=4, ngf=2, ndf=2, shapes=20, draws=2)


class NoiseDriven(nn.Module):
    """A generator whose hints are noise: z ~ N(0, 1)³, one for each picture, the same at all of its pixels."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, l: Tensor) -> Tensor:
        z = torch.randn(len(l), HINT_CHANNELS, 1, 1)
        ab: Tensor = self.generator(l, z.expand(-1, -1, *l.shape[2:]))
        return ab


def draw_shapes(count: int, red: float, rng: torch.Generator) -> Shapes:
    """`count` pictures with one disc, square or diamond each, red with the probability `red` and else blue.

    Everything but the color is drawn before and without it.

    Args:
        count: of pictures, N.
        red: from 0 to 1.
        rng: where all chance comes from.

    Returns:
        The pictures, `SIDE` px high and wide: `l` in [−1, 1], `ab` over 110 and 0 outside the shape.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, 1, generator=rng)

    middles = torch.arange(SIDE) + 0.5
    radius = uniform(*_RADII)
    x, y = (radius + (SIDE - 2 * radius) * uniform(0, 1) for _ in range(2))
    dx, dy = (middles[None, None, :] - x).abs(), (middles[None, :, None] - y).abs()
    kind = torch.randint(3, (count, 1, 1), generator=rng)
    disc = dx.square() + dy.square() < radius.square()
    square = torch.maximum(dx, dy) < 0.85 * radius
    diamond = dx + dy < 1.2 * radius
    masks = torch.where(kind == 0, disc, torch.where(kind == 1, square, diamond)).float()[:, None]
    behind = uniform(*BEHIND_L)[:, None]
    l = (masks * SHAPE_L + (1 - masks) * behind) / L_HALF_RANGE - 1
    is_red = torch.rand(count, 1, generator=rng) < red
    colors = torch.where(is_red, torch.tensor(COLORS["red"]), torch.tensor(COLORS["blue"]))  # (N, 2)
    return Shapes(l, masks * colors[:, :, None, None] / AB_RANGE, masks)


def mean_colors(ab: Tensor, masks: Tensor) -> Tensor:
    """Mean a* and b* of each shape, without its outermost pixels, where it meets what is behind.

    Args:
        ab: (N, 2, S, S), a* and b* over 110.
        masks: (N, 1, S, S), 1 within a shape and 0 elsewhere.

    Returns:
        (N, 2), a* and b*.
    """
    masks = -F.max_pool2d(-masks, 3, stride=1, padding=1)  # 1 where all eight neighbors are within
    return (ab * masks).sum(dim=(2, 3)) / masks.sum(dim=(2, 3)) * AB_RANGE


def is_red_is_blue(colors: Tensor) -> tuple[Tensor, Tensor]:
    """Whether each of the colors (…, 2) lies within `NEAR` of red, and of blue.

    ΔE is the CIE 1976 difference; as lightness is given, it is the distance in the plane of a* and b*.
    """
    red, blue = ((colors - torch.tensor(COLORS[name])).norm(dim=-1) <= NEAR for name in ("red", "blue"))
    return red, blue


def best_answers(red: float) -> dict[str, list[float]]:
    """The a*, b* at which MSE's expectation is least, and L1's where that is one point."""
    pairs = list(zip(COLORS["red"], COLORS["blue"], strict=True))
    answers = {"mse": [red * r + (1 - red) * b for r, b in pairs]}
    if red != 0.5:
        answers["l1"] = list(COLORS["red" if red > 0.5 else "blue"])
    return answers


def train(arm: Arm, red: float, settings: Settings, seed: int) -> nn.Module:
    """A generator from `seed` that has met nothing but this arm's loss.

    Args:
        arm: the loss, and where noise comes in.
        red: the share of red shapes, from 0 to 1.
        settings: sizes, steps and rates.
        seed: of weights, shapes and noise.

    Returns:
        The generator, `l` (N, 1, S, S) to `ab` (N, 2, S, S), in eval mode, its noise left on.
    """
    *_, (_, generator) = training(arm, red, settings, seed)
    return as_used(generator, arm)


def training(
    arm: Arm, red: float, settings: Settings, seed: int, game: Game | None = None
) -> Iterator[tuple[int, nn.Module]]:
    """Train one generator, and look at it before each step and at the end.

    Args:
        arm: the loss, and where noise comes in.
        red: the share of red shapes, from 0 to 1.
        settings: sizes, steps and rates.
        seed: of weights, shapes and noise.
        game: how it is played against D, its head start left out; None: by turns, with the rate in `settings`.

    Yields:
        `settings.steps` + 1 times the number of the step and the same generator, as it is then.
    """
    game = game or Game(g_lr=settings.lr, d_lr=settings.lr)
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    dropout = 0.5 if arm.noise == "dropout" else 0.0
    unet = build_generator("unet", {"ngf": settings.ngf, "depth": settings.depth, "dropout": dropout})
    generator = NoiseDriven(unet) if arm.noise == "vector" else unet
    discriminator = Discriminators([DiscriminatorSettings("patch", settings.ndf, settings.n_layers)])
    step = Step(
        Accelerator(cpu=True),
        generator,
        discriminator,
        discriminator if game.frozen else Unfrozen(discriminator),
        OBJECTIVES[game.objective],
        ab_terms(arm.reconstruction) if arm.reconstruction else [],
    )
    g_optimizer, d_optimizer = optimizers(game, generator, discriminator)

    def batch() -> list[Batch]:
        shapes = draw_shapes(settings.batch_size, red, rng)
        return [Batch(shapes.l, shapes.ab)]

    for i in range(settings.steps):
        yield i, generator
        set_rates(game, i / settings.steps, g_optimizer, d_optimizer)
        if arm.adversarial:
            for _ in range(game.k - 1):
                step.discriminator_step(batch(), d_optimizer)
            step.adversarial_step(batch(), g_optimizer, d_optimizer)
        else:
            step.generator_step(batch(), g_optimizer)
    yield settings.steps, generator


def as_used(generator: nn.Module, arm: Arm) -> nn.Module:
    """A generator in eval mode, its noise left on.

    Args:
        generator: of `training`; it is changed in place.
        arm: what it learns from.

    Returns:
        The same generator.
    """
    generator.eval()
    if arm.noise == "dropout":
        for module in generator.modules():
            if isinstance(module, nn.Dropout):
                module.train()
    return generator


@torch.no_grad()
def measure(generator: nn.Module, arm: Arm, shapes: Shapes, draws: int) -> dict[str, Any]:
    """Which colors the shapes are given; over `draws` draws of the noise, if there is any.

    Args:
        generator: from `train`.
        arm: what it learned from.
        shapes: N of them, what is colored.
        draws: of the noise, for each shape; an arm without noise gives one answer.

    Returns:
        `near`, `red`, `blue`: shares of all answers, `near` for either color; `red_of_near`: the share of red among
        those; `both`: the share of the shapes that got each color at least once; `mean`: a* and b* over all answers;
        `points`: a* and b* of each shape, N of them, in the first draw.
    """
    torch.manual_seed(_CHANCE)
    answers = torch.stack(
        [mean_colors(generator(shapes.l), shapes.masks) for _ in range(draws if arm.noise else 1)]
    )  # (draws, N, 2)
    red, blue = is_red_is_blue(answers)
    near = (red | blue).float().mean().item()
    return {
        "near": near,
        "red": red.float().mean().item(),
        "blue": blue.float().mean().item(),
        "red_of_near": red.sum().item() / max(1, (red | blue).sum().item()),
        "both": (red.any(dim=0) & blue.any(dim=0)).float().mean().item(),
        "mean": answers.mean(dim=(0, 1)).tolist(),
        "points": answers[0].tolist(),
    }


@torch.no_grad()
def pictures(generators: dict[str, nn.Module], shapes: Shapes) -> dict[str, list[dict[str, Any]]]:
    """sRGB of the first few shapes: as seen, one truth, and under each generator, with noise in two draws.

    Args:
        generators: from `train`, by the names of their arms.
        shapes: of which the first 8 are shown.

    Returns:
        By "gray", "truth" and the names of arms: each draw's pictures, as text: `shape`, which is (N, S, S, 3), and
        `zlib`, their 8-bit levels compressed, in base64.
    """
    torch.manual_seed(_CHANCE)
    l, ab = shapes.l[:_SHOWN], shapes.ab[:_SHOWN]
    shown = {"gray": [_packed(l, torch.zeros_like(ab))], "truth": [_packed(l, ab)]}
    for name, generator in generators.items():
        shown[name] = [_packed(l, generator(l)) for _ in range(2 if ARMS[name].noise else 1)]
    return shown


def run(seed: int = 0, *, quick: bool = False) -> dict[str, Any]:
    """Every arm, where red is as frequent as blue and where it is three times as frequent.

    Args:
        seed: of every arm's training; the shapes that are measured on do not depend on it.
        quick: whether small networks make two steps, and few shapes are measured.

    Returns:
        What `two-colors.json` holds of it: `colors`, the settings, and `cases`, one for each frequency, with `red`,
        `best` from `best_answers`, `arms`, by name what `measure` gives, and `pictures`.
    """
    settings = _QUICK if quick else Settings()
    cases = []
    with torch.random.fork_rng(devices=[]):
        for red in (0.5, 0.75):
            shapes = draw_shapes(settings.shapes, red, torch.Generator().manual_seed(_CHANCE))
            generators = {name: train(arm, red, settings, seed) for name, arm in ARMS.items()}
            arms = {name: measure(generators[name], arm, shapes, settings.draws) for name, arm in ARMS.items()}
            cases.append(
                {"red": red, "best": best_answers(red), "arms": arms, "pictures": pictures(generators, shapes)}
            )
    return {"colors": {**COLORS, "near": NEAR}, **asdict(settings), "cases": cases}


def _packed(l: Tensor, ab: Tensor) -> dict[str, Any]:
    """Pictures as text: 8-bit levels (N, S, S, 3), compressed. `_unpacked` in `figures` is the way back."""
    levels = (lab_to_rgb(l, ab) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return {"shape": list(levels.shape), "zlib": base64.b64encode(zlib.compress(levels.tobytes(), 9)).decode("ascii")}
