"""`python -m colorize.study --data PHOTOS… --validation PHOTOS… --out FOLDER`: one generator, many losses.

Every arm trains the same generator from the same start for the same number of steps, on the same photos in the same
order, with the same optimizer; only the loss differs. Then all are measured on the validation photos and judged. A
finished arm is skipped when the command is given again, an interrupted one goes on where it was. To train on several
processors at once, give the command several times with different `--arms` and `--train-only`, then once without.

Before the first arm λ is chosen by a rule (`lambda_rule.py`), on photos that nothing else is measured on.

The folder afterwards:

    lambda/λ-…/             the trainings that λ was chosen by;  lambda.json  what they showed
    runs/ARM-SEED/          a run folder of train.py; model.safetensors is the finished generator, arm.json its time
    strips/ARM/PHOTO.png    freely licensed photos, at most 256 px, by seed 0 of each arm; of `gray` and `truth` too
    study.json              everything a report needs
    report/                 the report

study.json (format 1). A *measure* is {"value", "low", "high"}: the value over all validation photos and its 95 %
interval, by drawing the photos again; of an arm, by drawing its seeds again as well.

    format         1
    command        how the study was started
    versions       {"python", "torch", "colorize"};  device: "cpu" or the GPU's name;  cpus: their number
    settings       every setting of train.py that the arms share;  arms: {ARM: the settings that it changes}
    lambda         {"rule", "seed", "steps", "photos", "gray_psnr", "tried": [{"weight", "kl_a", "kl_b", "psnr"}],
                   "chosen"};  null where λ was given
    protocol       {"photos": validation photos, "size": px, "resamples", "scales": [px], "histogram_bins",
                   "kl_smoothing", "text": how all of it is measured, "stains": how they are, "judge": how the judge
                   judges, "frechet": null, or of the Fréchet distance {"features": their number, "network", "file",
                   "is_apart": whether it is in no judge and no generator, "floor": between other true photos}}
    data, validation   what was read: {"shards": [names], "files": count, "fingerprint"}
    truth          {"measures": {…}, "histograms": {"a": [counts…], "b": [counts…]}};  of the photos themselves
    gray           {"measures": {…}};  of the photos without color
    mean_color     {"ab": [a*, b*], "measures": {…}};  of the photos with their mean color at every pixel
    shipped        {"measures": {…}};  of the shipped model: another network, trained longer, beside the arms
    runs           one object for every arm and seed, in the order of training:
        name, arm, seed    "l1+gan-0", "l1+gan", 0
        command            the same with train.py alone (BatchNorm's statistics apart, see `finish`)
        seconds            wall-clock time of its training on a machine that may have done other things as well
        steps, photos_seen
        measures           {NAME: measure}, see MEASURES
        histograms         {"a": [shares…], "b": [shares…]} of all pixels, from −110 to 110 in equal bins
        frontier           [{"strength", "measures"}]: its colors times each strength;  leveling: the strength at which
                           they are as colorful as the truth, or null if none of those tried is enough
    arms_pooled    {ARM: {"seeds", "measures"}}: the mean over its seeds. `frechet` spans the intervals of its seeds
    leads          {CLAIM: measure}: by how much each of `claims.py` holds, in the same draws for both that it compares
    judge          {"trained_on": [run names], "real", "real_half": measure, "own": {RUN: measure}}: the share of real
                   photos that the one judge takes for real, at full and at half size, and that each run's own does
    strips         {"photos": [{"name", "file", "credit"}], "arms": ["truth", "gray", ARM…]}

MEASURES
    histogram_a, histogram_b    intersection with the truth's (Isola et al. 2017, table 5); 1 is the best
    kl_a, kl_b                  KL(truth ‖ arm) of the same histograms, nats; 0 is the best
    cf, cf_difference, delta_cf colorfulness (Hasler & Süsstrunk 2003, signed); mean − the truth's; its absolute value
    sharpness_1, _2, _4, _8     gradient energy of ab over the truth's, blocks of so many px; 1 is the best
    psnr (dB), ssim             on RGB: higher is closer; where averaging over colors should win
    stains                      how much more a* and b* vary within things than in truth (`evaluation/stains.py`)
    taken_for_real              share of its photos that the one judge takes for real
    taken_for_real_half         the same by one that sees them at half their size, where every arm's network ends: finer
                                detail is missing from all arms alike and gives all of them away
    taken_for_real_own          by the judge that learned from this run alone, at full size; `own` in `judge` beside it
    frechet                     distance of pooled features from those of the truth, with --features
    leveled_…                   any of these at the strength `leveling`: of arms that are equally colorful, which is
                                truer? (`leveled_taken_for_real_own` by a judge that learned from just these)
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from colorize.errors import ConfigError
from colorize.study.samples import SAMPLES, sample_folder

if TYPE_CHECKING:
    from colorize.training.config import TrainConfig
    from colorize.training.data import Sources

# What an arm changes of the common settings. Without an adversarial weight there is no D. WGAN-GP's penalty bounds D's
# slope by itself.
ARMS: dict[str, dict[str, Any]] = {
    "mse": {"losses": {"mse": 1.0}, "adversarial_weight": 0.0},
    "l1": {"adversarial_weight": 0.0},
    "cross-entropy": {"losses": {"cross-entropy": 1.0}, "adversarial_weight": 0.0},
    "gan": {"losses": {}},
    "l1+gan": {},
    "l1+pixelgan": {"discriminators": ("pixel",)},
    "l1+imagegan": {"discriminators": ("image",)},
    "l1+lsgan": {"objective": "lsgan"},
    "l1+hinge": {"objective": "hinge"},
    "l1+wgan-gp": {"objective": "wgan-gp", "spectral_norm": False},
}
UNCHANGED = "l1+gan"
MAIN = ("mse", "l1", "cross-entropy", "l1+gan")  # arms with several seeds
FIRST = ("mse", "l1+gan", "l1", "cross-entropy")  # and those that say most if the rest is missing
SEEDS = 3

COMMON: dict[str, Any] = {
    "generator_settings": {"widths": [128, 96, 64, 32]},
    "discriminators": ("patch",),  # 70×70 px
    "ndf": 32,
    "spectral_norm": True,
    "losses": {"l1": 1.0},
    "generator_steps": 0,
    "discriminator_steps": 0,
    "adversarial_steps": 3000,
    "batch_size": 16,
    "g_lr": 5e-4,
    "d_lr": 4e-4,
    "encoder_lr": 0.15,
    "ema": 0.995,
    "size": 128,
    "workers": 1,
    "validation_photos": 64,
    "validate_interval": 1000,
    "checkpoint_interval": 100,
}
# The first study's: hours instead of days on two cores, and λ as it was then.
SHORT: dict[str, Any] = {
    "reconstruction_weight": 5.0,
    "adversarial_steps": 400,
    "g_lr": 1e-3,
    "ema": 0.98,
    "size": 96,
    "validate_interval": 250,
}
QUICK: dict[str, Any] = {
    "generator_settings": {"widths": [16, 16, 8, 8]},
    "ndf": 4,
    "adversarial_steps": 3,
    "batch_size": 2,
    "size": 96,
    "workers": 0,
    "min_side": 32,
    "holdout": 3,
    "validation_photos": 4,
}
CREDITS = {
    "astronaut": "Eileen Collins, NASA, public domain",
    "chelsea": "Chelsea, Stéfan van der Walt, CC0",
    "coffee": "Coffee, Rachel Michetti, CC0",
    "rocket": "Falcon 9, SpaceX, public domain",
}
MODEL, ARM_RECORD, STUDY = "model.safetensors", "arm.json", "study.json"
_NORM_BATCHES = 32  # whose statistics a finished generator gets
_STRIP_SIDE = 256  # px, the longer one


class Run(NamedTuple):
    arm: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm}-{self.seed}"


@dataclass(frozen=True)
class Study:
    """What the arms have in common, and how they are measured."""

    out: Path
    data: Sources
    validation: Sources
    common: Mapping[str, Any]
    runs: tuple[Run, ...]
    encoder_start: str = ""
    size: int = 128  # px, of the validation photos' middle squares
    photos: int = 100_000  # validation photos at most
    resamples: int = 2000
    command: str = ""
    lambda_choice: Mapping[str, Any] | None = None  # what study.json says of it
    features: str = ""  # weights of the network that the Fréchet distance is told by

    def config(self, run: Run) -> TrainConfig:
        from colorize.training.config import TrainConfig

        settings = {**self.common, **ARMS[run.arm]}
        return TrainConfig(**settings, encoder_start=self.encoder_start, seed=run.seed)

    def folder(self, run: Run) -> Path:
        return self.out / "runs" / run.name

    def finished(self) -> list[Run]:
        """All that a folder holds, whatever is asked for this time."""
        names = [path.parent.name.rpartition("-")[2] for path in self.out.glob(f"runs/*-*/{MODEL}")]
        runs = all_runs(seeds=1 + max((int(name) for name in names if name.isdecimal()), default=0))
        return [run for run in runs if (self.folder(run) / MODEL).is_file()]


def all_runs(arms: Sequence[str] = (), seeds: int = SEEDS) -> tuple[Run, ...]:
    """Every main arm's seeds, the most telling arms first, then the other arms.

    Args:
        arms: those that are wanted, keys of `ARMS`; none for all.
        seeds: of each arm in `MAIN`; the other arms have one.

    Returns:
        The runs, in the order of training.
    """
    main = [Run(arm, seed) for seed in range(seeds) for arm in FIRST]
    others = [Run(arm, 0) for arm in ARMS if arm not in MAIN]
    return tuple(run for run in (*main, *others) if not arms or run.arm in arms)


# -- training ----------------------------------------------------------------------------------------------------------


def train_arm(study: Study, run: Run) -> None:
    """Train one arm, or what is missing of it; raises what `train_model` does.

    Args:
        study: the settings, the photos, and the folder for all runs.
        run: the arm and the seed.
    """
    train_model(study.config(run), study.data, study.validation, study.folder(run))


def train_model(config: TrainConfig, data: Sources, validation: Sources | None, folder: Path) -> None:
    """Train one generator, or what is missing of it.

    Args:
        config: the run's settings.
        data: the photos.
        validation: photos to measure on while it trains; None: one in `config.holdout` of `data` is kept out.
        folder: of the run. It gets the finished generator, and the time that training has taken so far.

    Raises:
        ConfigError: the folder was begun with other settings, or another process has it.
        TrainingError: a loss is not a number, or the state to resume does not fit.
        DataError: no photo can be used.
        Interrupted: a signal came; all is saved.
    """
    from colorize.training import runlog
    from colorize.training.loop import train

    record = folder / ARM_RECORD
    resume = (folder / runlog.CONFIG).is_file()
    check_settings(folder, config)
    start, before = time.monotonic(), json.loads(record.read_text())["seconds"] if record.is_file() else 0.0
    try:
        last = train(config, data, validation, folder, resume=resume)
        finish(config, data, last, folder / MODEL, hold_out=validation is None)
    finally:
        if folder.is_dir():
            record.write_text(json.dumps({"seconds": round(before + time.monotonic() - start, 1)}) + "\n")


def check_settings(folder: Path, config: TrainConfig) -> None:
    """Make sure that what is in a run's folder, begun or finished, is of these settings.

    Args:
        folder: of the run; it may be missing.
        config: the run's settings.

    Raises:
        ConfigError: it was begun with others.
    """
    from colorize.training import runlog
    from colorize.training.config import TrainConfig, read_config

    begun = folder / runlog.CONFIG
    if begun.is_file() and TrainConfig(**read_config(begun)) != config:
        raise ConfigError(f"{folder}: was begun with other settings; choose another --out")


def finish(config: TrainConfig, data: Sources, last: Path, target: Path, *, hold_out: bool = False) -> None:
    """Give the averaged weights in `last` BatchNorm statistics of their own, and write them to `target`.

    While weights move fast, running statistics fit neither them nor their average; every arm's are set anew, from the
    same photos.

    Args:
        config: of the run that trained the weights.
        data: the photos that it trained on; the statistics are those of the first batches, 32 at most.
        last: the file of the last generator, as `train` gave it.
        target: the file of the finished generator.
        hold_out: whether one photo in `config.holdout` was left out of training, and is here.

    Raises:
        WeightsError: `last` is no whole file of a generator.
        DataError: no photo can be used.
    """
    import torch

    from colorize.models.generator import recompute_norm_statistics
    from colorize.models.weights import load_generator, save_generator
    from colorize.training.augment import Augment
    from colorize.training.data import PhotoBatches
    from colorize.training.phases import total_steps

    generator, info = load_generator(last)
    generator.encoder_is_trained = config.encoder_is_trained
    batches = PhotoBatches(data, dataclasses.replace(config, workers=0), hold_out=hold_out)
    torch.manual_seed(config.seed)
    augment = Augment(config, torch.device("cpu"))
    count = min(_NORM_BATCHES, total_steps(config))
    recompute_norm_statistics(generator, (augment(next(batches)).l for _ in range(count)))
    save_generator(target, generator, info.training)


# -- strips ------------------------------------------------------------------------------------------------------------


def write_strips(study: Study) -> dict[str, Any]:
    """The sample photos under every arm; gives what study.json says of them."""
    from PIL import Image

    from colorize import photo
    from colorize.coloring.colorizer import Colorizer

    colorizers = {run.arm: Colorizer.load(study.folder(run) / MODEL) for run in study.finished() if run.seed == 0}
    for file in SAMPLES:
        with Image.open(sample_folder() / file) as opened:
            truth = opened.convert("RGB")
        truth.thumbnail((_STRIP_SIDE, _STRIP_SIDE), Image.Resampling.LANCZOS)
        gray = truth.convert("L")
        pictures = {"truth": truth, "gray": gray.convert("RGB")}
        pictures |= {arm: colorizer(gray, size=study.size) for arm, colorizer in colorizers.items()}
        for name, picture in pictures.items():
            photo.save(photo.Photo(picture), study.out / "strips" / name / f"{Path(file).stem}.png")
    photos = [{"name": Path(f).stem, "file": f"{Path(f).stem}.png", "credit": CREDITS[Path(f).stem]} for f in SAMPLES]
    return {"photos": photos, "arms": ["truth", "gray", *(arm for arm in ARMS if arm in colorizers)]}


# -- the command -------------------------------------------------------------------------------------------------------


def train_arms(study: Study) -> None:
    """Train what is missing. Raises `Interrupted` after a signal, when all is saved."""
    from colorize.system.memory import keep_freed_memory

    keep_freed_memory()
    for run in study.runs:
        if (study.folder(run) / MODEL).is_file():
            check_settings(study.folder(run), study.config(run))
            print(f"study: {run.name} is done", file=sys.stderr, flush=True)
            continue
        print(f"study: {run.name}", file=sys.stderr, flush=True)
        train_arm(study, run)
