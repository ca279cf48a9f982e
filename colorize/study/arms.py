"""`python -m colorize.study --data PHOTOS… --validation PHOTOS… --out FOLDER`: one generator, many losses.

Every arm trains the same generator from the same start for the same number of steps, on the same photos in the same
order, with the same optimizer; only the loss differs. Then all are measured on the validation photos and judged. A
finished arm is skipped when the command is given again, an interrupted one goes on where it was. To train on several
processors at once, give the command several times with different `--arms` and `--train-only`, then once without.

The folder afterwards:

    runs/ARM-SEED/          a run folder of train.py; model.safetensors is the finished generator, arm.json its time
    strips/ARM/PHOTO.png    freely licensed photos, at most 256 px, by seed 0 of each arm; of `gray` and `truth` too
    study.json              everything a report needs

study.json (format 1). A *measure* is {"value", "low", "high"}: the value over all validation photos and its 95 %
interval, by drawing the photos again.

    format         1
    command        how the study was started
    versions       {"python", "torch", "colorize"};  device: "cpu" or the GPU's name;  cpus: their number
    settings       every setting of train.py that the arms share;  arms: {ARM: the settings that it changes}
    protocol       {"photos": validation photos, "size": px, "resamples", "scales": [px], "histogram_bins",
                   "kl_smoothing", "text": how all of it is measured, "judge": how the judge judges}
    data, validation   what was read: {"shards": [names], "files": count, "fingerprint"}
    truth          {"measures": {…}, "histograms": {"a": [counts…], "b": [counts…]}};  of the photos themselves
    gray           {"measures": {…}};  of the photos without color
    runs           one object for every arm and seed, in the order of training:
        name, arm, seed    "l1+gan-0", "l1+gan", 0
        command            the same with train.py alone (BatchNorm's statistics apart, see `finish`)
        seconds            wall-clock time of its training on a machine that may have done other things as well
        steps, photos_seen
        measures           {NAME: measure}, see MEASURES
        histograms         {"a": [shares…], "b": [shares…]} of all pixels, from −110 to 110 in equal bins
    judge          {"trained_on": [run names], "real", "real_half": measure, "own": {RUN: measure}}: the share of real
                   photos that the one judge takes for real, at full and at half size, and that each run's own does
    strips         {"photos": [{"name", "file", "credit"}], "arms": ["truth", "gray", ARM…]}

MEASURES
    histogram_a, histogram_b    intersection with the truth's (Isola et al. 2017, table 5); 1 is the best
    kl_a, kl_b                  KL(truth ‖ arm) of the same histograms, nats; 0 is the best
    cf, cf_difference, delta_cf colorfulness (Hasler & Süsstrunk 2003, signed); mean − the truth's; its absolute value
    sharpness_1, _2, _4, _8     gradient energy of ab over the truth's, blocks of so many px; 1 is the best
    psnr (dB), ssim             on RGB: higher is closer; where averaging over colors should win
    taken_for_real              share of its photos that the one judge takes for real
    taken_for_real_half         the same by one that sees them at half their size, where every arm's network ends: finer
                                detail is missing from all arms alike and gives all of them away
    taken_for_real_own          by the judge that learned from this run alone, at full size; `own` in `judge` beside it
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

# What an arm changes of the common settings. Without an adversarial weight there is no D.
ARMS: dict[str, dict[str, Any]] = {
    "mse": {"losses": {"mse": 1.0}, "adversarial_weight": 0.0},
    "l1": {"adversarial_weight": 0.0},
    "cross-entropy": {"losses": {"cross-entropy": 1.0}, "adversarial_weight": 0.0},
    "gan": {"losses": {}},
    "l1+gan": {},
    "l1+pixelgan": {"discriminators": ("pixel",)},
    "l1+imagegan": {"discriminators": ("image",)},
}
UNCHANGED = "l1+gan"
TWICE = ("mse", "l1", "l1+gan")  # arms with a second seed
FIRST = ("mse", "l1", "l1+gan")  # and those that say most if the rest is missing

COMMON: dict[str, Any] = {
    "generator_settings": {"widths": [128, 96, 64, 32]},
    "discriminators": ("patch",),  # 70×70 px
    "ndf": 32,
    "spectral_norm": True,
    "losses": {"l1": 1.0},
    "reconstruction_weight": 5.0,
    "generator_steps": 0,
    "discriminator_steps": 0,
    "adversarial_steps": 400,
    "batch_size": 16,
    "g_lr": 1e-3,
    "d_lr": 4e-4,
    "encoder_lr": 0.15,
    "ema": 0.98,
    "size": 96,
    "workers": 1,
    "validation_photos": 64,
    "validate_interval": 250,
    "checkpoint_interval": 100,
}
QUICK: dict[str, Any] = {
    "generator_settings": {"widths": [16, 16, 8, 8]},
    "ndf": 4,
    "adversarial_steps": 3,
    "batch_size": 2,
    "workers": 0,
    "min_side": 32,
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

    def config(self, run: Run) -> TrainConfig:
        from colorize.training.config import TrainConfig

        settings = {**self.common, **ARMS[run.arm]}
        return TrainConfig(**settings, encoder_start=self.encoder_start, seed=run.seed)

    def folder(self, run: Run) -> Path:
        return self.out / "runs" / run.name

    def finished(self) -> list[Run]:
        """All that a folder holds, whatever is asked for this time."""
        seeds = [path.parent.name.rpartition("-")[2] for path in self.out.glob(f"runs/*-*/{MODEL}")]
        runs = all_runs(seeds=1 + max(map(int, seeds), default=0))
        return [run for run in runs if (self.folder(run) / MODEL).is_file()]


def all_runs(arms: Sequence[str] = (), seeds: int = 2) -> tuple[Run, ...]:
    """Every arm's first seed, the most telling arms first, then second seeds.

    Args:
        arms: those that are wanted, keys of `ARMS`; none for all.
        seeds: of each arm in `TWICE`; the other arms have one.

    Returns:
        The runs, in the order of training.
    """
    order = [*FIRST, *(arm for arm in ARMS if arm not in FIRST)]
    first = [Run(arm, 0) for arm in order]
    further = [Run(arm, seed) for seed in range(1, seeds) for arm in TWICE]
    return tuple(run for run in (*first, *further) if not arms or run.arm in arms)


# -- training ----------------------------------------------------------------------------------------------------------


def train_arm(study: Study, run: Run) -> None:
    """Train one arm, or what is missing of it.

    Args:
        study: the settings, the photos, and the folder for all runs.
        run: the arm and the seed. Its folder gets the finished generator, and the time that training has taken so far.

    Raises:
        ConfigError: the run's folder was begun with other settings, or another process has it.
        TrainingError: a loss is not a number, or the state to resume does not fit.
        DataError: no photo can be used.
        Interrupted: a signal came; all is saved.
    """
    from colorize.training import runlog
    from colorize.training.config import TrainConfig, read_config
    from colorize.training.loop import train

    folder = study.folder(run)
    config = study.config(run)
    record = folder / ARM_RECORD
    resume = (folder / runlog.CONFIG).is_file()
    if resume and TrainConfig(**read_config(folder / runlog.CONFIG)) != config:
        raise ConfigError(f"{folder}: was begun with other settings; choose another --out")
    start, before = time.monotonic(), json.loads(record.read_text())["seconds"] if record.is_file() else 0.0
    try:
        last = train(config, study.data, study.validation, folder, resume=resume)
        finish(config, study.data, last, folder / MODEL)
    finally:
        if folder.is_dir():
            record.write_text(json.dumps({"seconds": round(before + time.monotonic() - start, 1)}) + "\n")


def finish(config: TrainConfig, data: Sources, last: Path, target: Path) -> None:
    """Give the averaged weights in `last` BatchNorm statistics of their own, and write them to `target`.

    While weights move fast, running statistics fit neither them nor their average; every arm's are set anew, from the
    same photos.

    Args:
        config: of the run that trained the weights.
        data: the photos that it trained on; the statistics are those of the first batches, 32 at most.
        last: the file of the last generator, as `train` gave it.
        target: the file of the finished generator.

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
    batches = PhotoBatches(data, dataclasses.replace(config, workers=0), hold_out=False)
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
            print(f"study: {run.name} is done", file=sys.stderr, flush=True)
            continue
        print(f"study: {run.name}", file=sys.stderr, flush=True)
        train_arm(study, run)
