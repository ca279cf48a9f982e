"""A distribution learned from noise: the alternating game where every answer can be worked out.

z ~ U(0, 1) goes into G, x = G(z) comes out, and is to be distributed as the data are, N(μ, σ). It is the picture of
Goodfellow et al. 2014, figure 1, played with the project's own losses and the project's own `Step`: z stands where a
photo's `l` does and x where its `ab` does, both (B, 1, 1, 1). D is not told z.

What the best G and the best D are is known (ibid., proposition 1 and theorem 1), so that a game can be seen going
wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from colorize.color.metrics import kl_divergence
from colorize.training.losses import OBJECTIVES
from colorize.training.minibatch import Batch
from colorize.training.step import D_LOSS, Step

MEAN, SIGMA = 2.0, 1.0  # of the data
BATCH_SIZE = 256
RECORD_INTERVAL = 10  # steps
FRAME_STEPS = (0, 20, 50, 100, 500)  # shown as pictures; the last step is in any case
_UNITS = 32  # per layer, of either network
_STEEPNESS = 40.0  # of G's soft steps
_SAMPLES = 4096  # z evenly over (0, 1): G's distribution without the noise of drawing
_SHOWN = (-2.0, 6.0)
_SHOWN_BINS = 80
_SPAN, _BINS = 4.0, 64  # KL and JSD count in this many bins over μ ± 4σ, and in two open ones
_SMOOTHING = 1e-9  # shares: only so that 0 · log 0 is a number


@dataclass(frozen=True)
class Game:
    """One way to play."""

    k: int = 1  # updates of D per update of G
    g_lr: float = 2e-3
    d_lr: float = 2e-3
    frozen: bool = True  # whether D holds still while G learns; else the gradients of G's loss stay in D
    warm_up: int = 0  # updates of D before the first of G
    d_learns: bool = True  # after the warm-up
    objective: str = "bce"  # one of OBJECTIVES


GAMES = {
    "k=1": Game(),
    "k=5": Game(k=5),
    "fast G, k=1": Game(g_lr=2e-2),
    "fast G, k=5": Game(g_lr=2e-2, k=5),
    "D not frozen": Game(frozen=False),
    "D never again": Game(warm_up=200, d_learns=False),
}
SHOWN_GAME = "k=5"  # whose frames are a figure


class NoiseGenerator(nn.Module):
    """z (B, 1, 1, 1) in (0, 1) -> x (B, 1, 1, 1): a sum of soft steps, at first evenly spread, upwards and small."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.heights = nn.Linear(1, _UNITS), nn.Linear(_UNITS, 1)
        with torch.no_grad():
            self.steps.weight.fill_(_STEEPNESS)
            self.steps.bias.copy_(-_STEEPNESS * torch.linspace(0, 1, _UNITS))
            self.heights.weight.uniform_(0, 0.05)
            self.heights.bias.zero_()

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.heights(torch.sigmoid(self.steps(z.flatten(1))))  # (B, 1)
        return x[:, :, None, None]


class PointDiscriminator(nn.Module):
    """One logit (B, 1) per number x (B, 1, 1, 1), in a list as from `Discriminators`; z is not looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(1, _UNITS),
            nn.LeakyReLU(0.2),
            nn.Linear(_UNITS, _UNITS),
            nn.LeakyReLU(0.2),
            nn.Linear(_UNITS, 1),
        )

    def forward(self, z: Tensor, x: Tensor) -> list[Tensor]:  # noqa: ARG002  # the shape of any discriminator
        return [self.layers(x.flatten(1))]


def optimizers(game: Game, generator: nn.Module, discriminator: nn.Module) -> tuple[Adam, Adam]:
    """Adam for both networks, as pix2pix has it.

    Args:
        game: tells the rates.
        generator: G.
        discriminator: D.

    Returns:
        G's and D's.
    """
    g_optimizer = Adam(generator.parameters(), game.g_lr, betas=(0.5, 0.999))
    return g_optimizer, Adam(discriminator.parameters(), game.d_lr, betas=(0.5, 0.999))


def set_rates(game: Game, share: float, g_optimizer: Optimizer, d_optimizer: Optimizer) -> None:
    """Let both rates fall to 0 over the second half, as in training.

    Args:
        game: tells the rates at first.
        share: of the game that is over, from 0 to 1.
        g_optimizer: G's, which is changed.
        d_optimizer: D's, likewise.
    """
    decay = min(1.0, 2 * (1 - share))
    g_optimizer.param_groups[0]["lr"] = game.g_lr * decay
    d_optimizer.param_groups[0]["lr"] = game.d_lr * decay * game.d_learns


class Unfrozen(nn.Module):
    """The same discriminator, its parameters out of `frozen`'s reach: what forgetting to freeze D does.

    The gradients of G's loss by D's parameters then add to those of D's next loss.
    """

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.hidden = [discriminator]  # in a list, so that it is no submodule

    def forward(self, z: Tensor, x: Tensor) -> list[Tensor]:
        logits: list[Tensor] = self.hidden[0](z, x)
        return logits


def best_verdict(data: Tensor, generated: Tensor, *, frozen: bool = True) -> Tensor:
    """The best D's probability of "real" where the densities are `data` and `generated`.

    p/(p + q) (Goodfellow et al. 2014, proposition 1). Without freezing D also lowers −log D(G(z)), beside its own
    halved loss, and the zero of the sum's derivative is (p + 2q)/(p + 3q): ¾ instead of ½ where both are alike.

    Args:
        data: density of the data, p, of any shape.
        generated: density of what G makes, q, of the same shape.
        frozen: whether D holds still while G learns.

    Returns:
        Probabilities, of the same shape; not a number where both densities are 0.
    """
    if frozen:
        return data / (data + generated)
    return (data + 2 * generated) / (data + 3 * generated)


def read_logits(logits: Tensor, objective: str) -> Tensor:
    """What D says of "real", 0 to 1 where it says what it can: LSGAN's D aims at 0 and 1, the hinge's at −1 and 1.

    Args:
        logits: of any shape.
        objective: one of OBJECTIVES.

    Returns:
        The same shape.
    """
    if objective == "lsgan":
        return logits
    return (1 + logits) / 2 if objective == "hinge" else torch.sigmoid(logits)


def density(x: Tensor) -> Tensor:
    """Of the data, at x."""
    return torch.exp(-((x - MEAN) / SIGMA).square() / 2) / (SIGMA * math.sqrt(2 * math.pi))


def wasserstein(x: Tensor, mean: float = MEAN, sigma: float = SIGMA) -> float:
    """Wasserstein-1 distance of the numbers x (N,) from N(mean, sigma): mean |x₍ᵢ₎ − quantile((i − ½)/N)|.

    In one dimension that is ∫ |F⁻¹ − G⁻¹| du, how far each number has to travel on average (Peyré & Cuturi 2019,
    eq. 2.37).

    Args:
        x: the numbers, in any order.
        mean: of the normal distribution.
        sigma: its standard deviation.

    Returns:
        The distance, in the unit of x; at least 0.
    """
    levels = (torch.arange(len(x), dtype=torch.float64) + 0.5) / len(x)
    wanted = mean + sigma * torch.special.ndtri(levels)
    distance: float = (x.double().sort().values - wanted).abs().mean().item()
    return distance


def binned(x: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of the data and of the numbers x (N,) in the same bins, both (bins + 2,), the outer two open."""
    edges = MEAN + SIGMA * torch.linspace(-_SPAN, _SPAN, _BINS + 1, dtype=torch.float64)
    below = torch.cat([torch.zeros(1), torch.special.ndtr((edges - MEAN) / SIGMA), torch.ones(1)])
    counts = torch.bincount(torch.bucketize(x.double(), edges), minlength=_BINS + 2)
    return below.diff(), counts / len(x)


def divergences(generated: Tensor, data: Tensor) -> tuple[float, float]:
    """KL(generated ‖ data) and their Jensen-Shannon divergence, ½ KL(p ‖ m) + ½ KL(q ‖ m), m = ½(p + q), in nats.

    KL the other way round would be infinite wherever the generator leaves a bin empty, and is so for every one of these
    generators; the Jensen-Shannon divergence is log 2 at most.

    Args:
        generated: (bins,), shares of what G makes.
        data: (bins,), shares of the data, over the same bins.

    Returns:
        KL, then the Jensen-Shannon divergence.
    """
    middle = (generated + data) / 2
    kl, to_generated, to_data = (
        kl_divergence(p, q, smoothing=_SMOOTHING).item()
        for p, q in ((generated, data), (generated, middle), (data, middle))
    )
    return kl, (to_generated + to_data) / 2


class Moment(NamedTuple):
    """A game after so many updates of G."""

    step: int
    generator: NoiseGenerator
    discriminator: PointDiscriminator
    d_losses: list[float]  # since somebody has cleared them


def moments(game: Game, seed: int, steps: int) -> Iterator[Moment]:
    """Play a game, and look at it before each update of G and at the end.

    Rates fall to 0 over the second half, as in training.

    Args:
        game: how it is played.
        seed: of weights, noise and data.
        steps: updates of G.

    Yields:
        `steps` + 1 times the same networks, as they are then.
    """
    torch.manual_seed(seed)
    generator, discriminator = NoiseGenerator(), PointDiscriminator()
    still = discriminator if game.frozen else Unfrozen(discriminator)
    step = Step(Accelerator(cpu=True), generator, discriminator, still, OBJECTIVES[game.objective], [])
    g_optimizer, d_optimizer = optimizers(game, generator, discriminator)
    for _ in range(game.warm_up):
        step.discriminator_step([_batch()], d_optimizer)
    d_losses: list[float] = []
    for i in range(steps):
        yield Moment(i, generator, discriminator, d_losses)
        set_rates(game, i / steps, g_optimizer, d_optimizer)
        for _ in range(game.k - 1):
            step.discriminator_step([_batch()], d_optimizer)
        d_losses.append(step.adversarial_step([_batch()], g_optimizer, d_optimizer)[D_LOSS].item())
    yield Moment(steps, generator, discriminator, d_losses)


def play(game: Game, seed: int, steps: int, frames: Sequence[int] = ()) -> dict[str, Any]:
    """Play `steps` updates of G and record the distances of its distribution from the data.

    Args:
        game: how it is played.
        seed: of weights, noise and data.
        steps: updates of G.
        frames: the steps at which a picture is recorded; the last one is in any case.

    Returns:
        Lists of numbers by `step`: `w1` Wasserstein-1, `kl` of G's distribution from the data, `jsd`, `d_reading` what
        D's loss says the JSD is (log 2 − D's loss, right for the best D and too low for any other; None at step 0),
        `mean` and `sigma` of G; then `frames`, and D's mean probability of "real" at the end, `verdict_on_data` and
        `verdict_on_generated`.
    """
    record: dict[str, Any] = {name: [] for name in ("step", "w1", "kl", "jsd", "d_reading", "mean", "sigma")}
    record["frames"] = []
    for moment in moments(game, seed, steps):
        if moment.step % RECORD_INTERVAL == 0:
            _record(record, moment.step, moment.generator, moment.d_losses)
        if moment.step in frames or moment.step == steps:
            record["frames"].append(frame_of(moment, game))
    with torch.no_grad():
        real, fake = _batch().ab, moment.generator(even_noise())
        for name, x in (("verdict_on_data", real), ("verdict_on_generated", fake)):
            record[name] = torch.sigmoid(moment.discriminator(x, x)[0]).mean().item()
    return record


def run(seed: int = 0, *, quick: bool = False) -> dict[str, Any]:
    """Play every game with three seeds.

    Args:
        seed: the first of the seeds; the others follow it.
        quick: whether only 10 updates of G are played instead of 500, with one seed.

    Returns:
        What `distribution.json` holds of it: the settings, and `games`, by name each one's `Game` and `plays`, what
        `play` gives for each seed. Only the first seed has other frames than the last.
    """
    steps, seeds = (10, 1) if quick else (500, 3)
    with torch.random.fork_rng(devices=[]):
        played = {
            name: {
                **asdict(game),
                "plays": [play(game, seed + i, steps, FRAME_STEPS if i == 0 else ()) for i in range(seeds)],
            }
            for name, game in GAMES.items()
        }
    return {"data": {"mean": MEAN, "sigma": SIGMA}, "steps": steps, "batch_size": BATCH_SIZE, "games": played}


def even_noise() -> Tensor:
    """z (N, 1, 1, 1), evenly over (0, 1)."""
    return ((torch.arange(_SAMPLES) + 0.5) / _SAMPLES)[:, None, None, None]  # (N, 1, 1, 1)


def _batch() -> Batch:
    z = torch.rand(BATCH_SIZE, 1, 1, 1)
    return Batch(z, MEAN + SIGMA * torch.randn_like(z))


@torch.no_grad()
def _record(record: dict[str, Any], step: int, generator: nn.Module, d_losses: list[float]) -> None:
    x = generator(even_noise()).flatten()
    data, generated = binned(x)
    record["step"].append(step)
    record["w1"].append(wasserstein(x))
    kl, jsd = divergences(generated, data)
    record["kl"].append(kl)
    record["jsd"].append(jsd)
    record["d_reading"].append(math.log(2) - sum(d_losses) / len(d_losses) if d_losses else None)
    record["mean"].append(x.mean().item())
    record["sigma"].append(x.std().item())
    d_losses.clear()


@torch.no_grad()
def frame_of(moment: Moment, game: Game) -> dict[str, Any]:
    """One picture: densities and D over x, and where G sends some z.

    Args:
        moment: of the game.
        game: how it is played.

    Returns:
        Lists of numbers: over `x` the densities `data` and `generated`, `d` and `best_d`; for each of `z` its `g`.
        And `step`.
    """
    low, high = _SHOWN
    width = (high - low) / _SHOWN_BINS
    x = low + width * (torch.arange(_SHOWN_BINS) + 0.5)  # (bins,), their middles
    generated = torch.histc(moment.generator(even_noise()), _SHOWN_BINS, low, high) / (_SAMPLES * width)
    points = x[:, None, None, None]
    z = torch.linspace(0.02, 0.98, 17)
    return {
        "step": moment.step,
        "x": x.tolist(),
        "data": density(x).tolist(),
        "generated": generated.tolist(),
        "d": read_logits(moment.discriminator(points, points)[0], game.objective).flatten().tolist(),
        "best_d": best_verdict(density(x), generated, frozen=game.frozen).tolist(),
        "z": z.tolist(),
        "g": F.hardtanh(moment.generator(z[:, None, None, None]).flatten(), low, high).tolist(),
    }
