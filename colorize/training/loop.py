"""A training run from its config to its last checkpoint: three phases of steps, measured, logged and resumable."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, gather_object
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from colorize.color.lightness import merge, to_levels
from colorize.color.metrics import ab_histograms, colorfulness, histogram_intersection, psnr
from colorize.color.tensors import lab_to_rgb
from colorize.errors import ConfigError, DataError, TrainingError
from colorize.models.architectures import build_generator
from colorize.models.bins import AbBins
from colorize.models.generator import HINT_CHANNELS, Generator, keep_norm_statistics
from colorize.models.mobile_unet import MobileUNet, MobileUNetSettings
from colorize.models.patchgan import Discriminators
from colorize.models.weights import load_generator, save_generator
from colorize.system.memory import keep_freed_memory
from colorize.training import runlog
from colorize.training.augment import Augment, to_batch, to_float
from colorize.training.checkpoint import load_optimizer, load_state, save_state
from colorize.training.config import TrainConfig
from colorize.training.data import PhotoBatches, Sources, validation_photos
from colorize.training.losses import CROSS_ENTROPY, OBJECTIVES, RECONSTRUCTIONS, Perceptual, cross_entropy
from colorize.training.simulated_hints import add_patches
from colorize.training.step import Batch, Step, StepLosses

PHASES = ("generator", "discriminator", "adversarial")
_WARM_UP = 0.05  # of the generator phase
_VALIDATION_BATCH = 32
_PRIOR_PHOTOS = 512  # that tell how often each color occurs
_HINTS, _HINT_SIDE = 10, 3  # patches of px that a photo is measured with
_SAMPLES = 8  # validation photos in the sample grids


class Interrupted(Exception):
    """Ctrl-C or SIGTERM came; everything is saved."""


def train(config: TrainConfig, sources: Sources, validation: Sources | None, run: Path, *, resume: bool) -> Path:
    """Train in the folder `run`, a new one unless `resume`; gives the path of the last generator.

    Without `validation` sources, one photo in `config.holdout` is kept out of training to measure on. Raises
    `TrainingError` if a loss is not a number or the state to resume does not fit, `DataError` if no photo can be used,
    `Interrupted` after a signal, when all is saved. Settings that accelerate keeps for the process are gone afterwards.
    """
    keep_freed_memory()
    with _own_accelerate_settings():
        trainer = _Trainer(config, sources, validation, run, resume=resume)
        try:
            trainer.run()
        finally:
            trainer.close()
    return run / runlog.LAST


class _Trainer:
    def __init__(
        self, config: TrainConfig, sources: Sources, validation: Sources | None, folder: Path, *, resume: bool
    ) -> None:
        self.config, self.folder = config, folder
        self.data = {"data": sources.describe(), "validation": validation.describe() if validation else None}
        if resume:
            runlog.check_data(folder, self.data)
        has_state = resume and (folder / runlog.STATE).is_file()  # not if it was killed before the first checkpoint

        # Device, precision, processes.
        self.accelerator = Accelerator(
            cpu=config.device == "cpu",
            mixed_precision="bf16" if _use_bf16(config) else "no",
            kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        )
        self.device = self.accelerator.device

        # Networks: the same weights in every process, then random numbers of its own for each.
        torch.manual_seed(config.seed)
        self.generator = build(config, fresh=not has_state).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator = Discriminators(config.discriminator_settings(), config.discriminator_scale)
        self.discriminator = self.discriminator.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.reconstruction == CROSS_ENTROPY and not has_state:
            measure_prior(self.generator, sources, config, hold_out=validation is None)
        self.ema = AveragedModel(self.generator, multi_avg_fn=_moving_average(config.ema), use_buffers=True)
        torch.manual_seed(config.seed + self.accelerator.process_index)

        # The step of the paper, on what accelerate makes of the networks.
        self.step = Step(
            self.accelerator,
            generator=self.accelerator.prepare_model(self.generator),
            discriminator=self.accelerator.prepare_model(self.discriminator),
            discriminator_alone=self.discriminator,
            objective=OBJECTIVES[config.objective],
            reconstruction=reconstruction_loss(config, self.generator.bins),
            adversarial_weight=config.adversarial_weight,
            reconstruction_weight=config.reconstruction_weight,
            logits=self.generator.bins is not None,
            perceptual=perceptual_loss(config, self.device),
        )
        self.d_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), config.d_lr, betas=(config.beta1, config.beta2)
        )
        self.g_optimizer = self._phase_optimizer("generator")

        # Where the run stands.
        self.steps_done = 0
        self.photos_seen = 0
        self.best: dict[str, Any] = {"phase": "", "score": math.inf, "misses": 0}
        self.measured: dict[str, float] = {}
        data_state = self._restore() if has_state else None

        # Photos.
        self.augment = Augment(config, self.device)
        self.validation = validation_photos(validation or sources, config, held_out=validation is None)
        self.unseen = len(self.validation) > 0
        if not self.unseen:  # too few photos to keep one out: better to measure on these than not at all
            self.validation = validation_photos(sources, config, held_out=False)
        if not len(self.validation):
            raise DataError("no photo can be measured on: all are unreadable, tiny or gray")

        # The folder, now that nothing can be wrong with the options any more.
        self.log: runlog.RunLog | None = None
        if self.accelerator.is_main_process:
            if not resume:
                runlog.create_run(folder, config.to_json(), self.data)
            self.log = runlog.RunLog(folder, after_step=self.steps_done)

        # Last, as it has workers that have to be stopped.
        self.batches = PhotoBatches(
            sources,
            config,
            hold_out=validation is None,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
            state=data_state,
            pin_memory=self.device.type == "cuda",
        )

    # -- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        config = self.config
        quiet = not self.accelerator.is_main_process
        with (
            _stop_signals() as stop,
            runlog.reporter(config.steps, self.steps_done, config.log_interval, quiet=quiet) as report,
        ):
            self.report = report
            report.line(self._opening())
            if self.steps_done == 0:
                self._checkpoint()
                self._validate()
            start = 0
            for phase, steps in zip(PHASES, self._phase_lengths(), strict=True):
                end = start + steps
                if start <= self.steps_done < end:
                    self._run_phase(phase, start, end, stop)
                start = end

    def _run_phase(self, phase: str, start: int, end: int, stop: Callable[[], bool]) -> None:
        config = self.config
        if self.steps_done == start:
            self._begin_phase(phase)
        self._set_modes(phase)
        sums = _Sums()
        for index in range(self.steps_done - start, end - start):
            if self._patience_is_over():
                self.report.line(f"no better colors in {config.patience} measurements: alternating ends here")
                self._checkpoint()
                return
            # One step of what the phase trains.
            self._set_learning_rates(phase, index, end - start)
            losses = self._update(phase)
            self.steps_done += 1
            stopping = self._check(phase, losses, stop())
            if phase != "discriminator":
                self.ema.update_parameters(self.generator)

            # Tell, measure, save.
            sums.add(losses, config.batch_size * config.accumulation * self.accelerator.num_processes)
            last = self.steps_done == end
            self.report.update(phase, self.steps_done, sums.text())
            if self.steps_done % config.log_interval == 0 or last:
                self._log_train(phase, sums)
                sums = _Sums()
            if self.steps_done % config.validate_interval == 0 or last:
                self._validate(phase)
            if last and phase == "generator" and self.accelerator.is_main_process:
                save_generator(self.folder / runlog.PRETRAINED, self._averaged(), self._record())
            if self.steps_done % config.checkpoint_interval == 0 or last or stopping:
                self._checkpoint()
            if stopping and self.steps_done < config.steps:
                raise Interrupted

    def _patience_is_over(self) -> bool:
        """Whether alternating has not brought better colors for long enough; every process hears it of the first."""
        patience = self.config.patience
        over = bool(patience and self.best["phase"] == "adversarial" and self.best["misses"] >= patience)
        if patience and self.accelerator.num_processes > 1:
            over = bool(self.accelerator.reduce(torch.tensor(float(over), device=self.device), "sum") > 0)
        return over

    def _update(self, phase: str) -> StepLosses:
        if phase == "generator":
            return self.step.generator_step(self._next_batches(), self.g_optimizer)
        if phase == "discriminator":
            return self.step.discriminator_step(self._next_batches(), self.d_optimizer)
        for _ in range(self.config.d_steps - 1):
            self.step.discriminator_step(self._next_batches(), self.d_optimizer)
        return self.step.adversarial_step(self._next_batches(), self.g_optimizer, self.d_optimizer)

    def _check(self, phase: str, losses: StepLosses, stop: bool) -> bool:
        """Whether any process was told to stop: all have to do so at the same step.

        Raises `TrainingError` in all if a loss is not a number in any.
        """
        finite = all(math.isfinite(loss) for loss in losses)
        if self.accelerator.num_processes > 1:
            flags = torch.tensor([float(stop), float(not finite)], device=self.device)
            flags = self.accelerator.reduce(flags, "sum")
            stop, finite = bool(flags[0] > 0), not bool(flags[1] > 0)
        if not finite:
            raise TrainingError(
                f"{phase} step {self.steps_done}: a loss is not a number (D {losses.d:.3g}, G adversarial "
                f"{losses.g_adversarial:.3g}, reconstruction {losses.g_reconstruction:.3g}); "
                f"{self.folder / runlog.LAST} is the last good generator: a new run can --start from it, with lower "
                "learning rates"
            )
        return stop

    def _next_batches(self) -> list[Batch]:
        self.photos_seen += self.config.batch_size * self.config.accumulation * self.accelerator.num_processes
        return [self.augment(next(self.batches)) for _ in range(self.config.accumulation)]

    def _set_modes(self, phase: str) -> None:
        self.discriminator.train()
        self.generator.train(phase != "discriminator")  # D alone meets what would be saved
        if phase == "adversarial" and (self.config.generator_steps or self.config.start):
            # Against D, weights move faster than running statistics follow, least of all those of an average: after
            # 180 steps the averaged G gave 18.7 dB on the validation photos, with its statistics kept 23.3 dB.
            keep_norm_statistics(self.generator)

    def _begin_phase(self, phase: str) -> None:
        if phase != "generator":
            self.generator.load_state_dict(self.ema.module.state_dict())
        self._share_buffers()
        if phase == "adversarial":
            self.g_optimizer = self._phase_optimizer(phase)
        self.ema.n_averaged.zero_()
        if phase != "discriminator":  # which leaves G as it is
            self.best = {"phase": phase, "score": math.inf, "misses": 0}

    def _share_buffers(self) -> None:
        """Give every process the first one's BatchNorm statistics: each has seen other photos, one is saved."""
        if self.accelerator.num_processes > 1:
            for network in (self.generator, self.discriminator, self.ema.module):
                for buffer in network.buffers():
                    torch.distributed.broadcast(buffer, src=0)

    def _phase_lengths(self) -> tuple[int, int, int]:
        return self.config.generator_steps, self.config.discriminator_steps, self.config.adversarial_steps

    # -- optimizers --------------------------------------------------------------------------------------------------

    def _phase_optimizer(self, phase: str) -> torch.optim.Optimizer:
        """AdamW while G is alone, then Adam as in the paper; a trained encoder learns more slowly than the rest."""
        config = self.config
        rate = config.g_lr if phase == "adversarial" else config.pretrain_lr
        fast: list[nn.Parameter] = []
        slow: list[nn.Parameter] = []
        for name, parameter in self.generator.named_parameters():
            (slow if name.startswith("encoder.") and config.encoder_is_trained else fast).append(parameter)
        groups = [{"params": fast, "peak": rate}, {"params": slow, "peak": rate * config.encoder_lr}]
        groups = [group for group in groups if group["params"]]
        if phase == "adversarial":
            return torch.optim.Adam(groups, rate, betas=(config.beta1, config.beta2))
        return torch.optim.AdamW(groups, rate, weight_decay=config.weight_decay)

    def _set_learning_rates(self, phase: str, index: int, steps: int) -> None:
        factor = lr_factor(phase, index, steps)
        for group in self.g_optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        for group in self.d_optimizer.param_groups:
            group["lr"] = self.config.d_lr * factor

    # -- tell, measure, save -----------------------------------------------------------------------------------------

    def _opening(self) -> str:
        parameters = sum(p.numel() for p in self.generator.parameters()) / 1e6
        measured = "" if self.unseen else " that are also trained on (too few to keep one out)"
        begun = f"from step {self.steps_done}" if self.steps_done else "from the beginning"
        precision = self.accelerator.mixed_precision.replace("no", "fp32")
        return (
            f"{self.config.architecture}, {parameters:.1f} M parameters, {begun} of {self.config.steps}, on "
            f"{self.accelerator.num_processes} × {self.device.type} in {precision}; "
            f"measuring on {len(self.validation)} photos{measured}"
        )

    def _log_train(self, phase: str, sums: _Sums) -> None:
        if self.log:
            rates = {"g_lr": self.g_optimizer.param_groups[0]["lr"], "d_lr": self.d_optimizer.param_groups[0]["lr"]}
            idle = {"generator": "d_lr", "discriminator": "g_lr"}.get(phase)
            rates |= {idle: 0.0} if idle else {}
            values = {"phase": phase, **sums.means(), **rates, "photos_seen": self.photos_seen}
            values |= {f"skipped_{reason}": count for reason, count in self.batches.skipped.items()}
            self.log.scalars(self.steps_done, "train", values)

    def _validate(self, phase: str = "generator") -> None:
        """Measure the averaged generator; keep it if it is the best of this phase."""
        if not self.log:
            return
        self.measured = measure(self._averaged(), self.validation.to(self.device), hints=self.config.hints > 0)
        # Alone, G is judged by its own loss. Against D, by how close its colors come to the true ones: the sign
        # that DeOldify's author wished for.
        alone = self.measured["l1"]
        colors = 1 - (self.measured["histogram_a"] + self.measured["histogram_b"]) / 2 + self.measured["delta_cf"] / 100
        score = alone if phase == "generator" else colors
        self.log.scalars(self.steps_done, "validation", {"phase": phase, **self.measured, "score": score})
        self.report.line(
            f"validation {self.steps_done}: " + ", ".join(f"{k} {v:.4g}" for k, v in self.measured.items())
        )
        self.log.samples(self.steps_done, sample_rows(self._averaged(), self.validation[:_SAMPLES].to(self.device)))
        if phase == "discriminator" or self.steps_done == 0:
            return
        self.best["misses"] += 1
        if score < self.best["score"]:
            self.best = {"phase": phase, "score": score, "misses": 0}
            save_generator(self.folder / runlog.BEST, self._averaged(), self._record())

    def _averaged(self) -> Generator:
        """What is measured and saved."""
        averaged = self.ema.module
        assert isinstance(averaged, Generator)
        return averaged.eval()

    def _record(self) -> dict[str, Any]:
        """How the weights came about, for the model file: names of files, no paths."""
        files = {name: Path(getattr(self.config, name)).name for name in ("encoder_start", "perceptual")}
        return {
            "config": {k: v for k, v in vars(self.config).items() if k != "start"} | files,
            **self.data,
            "steps": self.steps_done,
            "photos_seen": self.photos_seen,
            "validation": {name: round(value, 5) for name, value in self.measured.items()},
        }

    def _checkpoint(self) -> None:
        rng = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            rng["cuda"] = torch.cuda.get_rng_state(self.device)
        self._share_buffers()  # so that to go on from here is what going on without a stop is
        processes = gather_object([{"data": self.batches.state(), "rng": rng}])
        if not self.accelerator.is_main_process:
            return
        save_generator(self.folder / runlog.LAST, self._averaged(), self._record())
        save_state(  # last: what --resume finds is never ahead of the rest
            self.folder / runlog.STATE,
            {
                "steps_done": self.steps_done,
                "photos_seen": self.photos_seen,
                "best": {**self.best, "score": min(self.best["score"], 1e9)},  # JSON knows no infinity
                "measured": self.measured,
                "generator": self.generator.state_dict(),
                "ema": self.ema.state_dict(),
                "discriminator": self.discriminator.state_dict(),
                "g_optimizer": self.g_optimizer.state_dict(),
                "d_optimizer": self.d_optimizer.state_dict(),
                "processes": processes,
            },
        )

    def _restore(self) -> dict[str, Any]:
        """Take up the state of the run folder; gives the position in the data of this process."""
        try:
            return self._take_up(load_state(self.folder / runlog.STATE))
        except (KeyError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise TrainingError(f"{self.folder}: its state does not fit its settings ({reason})") from error

    def _take_up(self, state: dict[str, Any]) -> dict[str, Any]:
        mine = self.accelerator.process_index
        if len(state["processes"]) != self.accelerator.num_processes:
            raise TrainingError(
                f"{self.folder}: was trained by {len(state['processes'])} processes and has to go on with as many, "
                f"got {self.accelerator.num_processes}"
            )
        self.steps_done, self.photos_seen = state["steps_done"], state["photos_seen"]
        self.best, self.measured = state["best"], state["measured"]
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.ema.load_state_dict(state["ema"])
        adversarial = self.steps_done > self.config.steps - self.config.adversarial_steps
        if adversarial:
            self.g_optimizer = self._phase_optimizer("adversarial")
        load_optimizer(self.g_optimizer, state["g_optimizer"])
        load_optimizer(self.d_optimizer, state["d_optimizer"])
        rng = state["processes"][mine]["rng"]
        torch.set_rng_state(rng["cpu"])
        if "cuda" in rng and self.device.type == "cuda":
            torch.cuda.set_rng_state(rng["cuda"], self.device)
        data: dict[str, Any] = state["processes"][mine]["data"]
        return data

    def close(self) -> None:
        self.batches.close()
        if self.log:
            self.log.close()
        self.accelerator.end_training()


class _Sums:
    """Losses and photos since the last line of the log."""

    def __init__(self) -> None:
        self._losses: list[tuple[float, ...]] = []
        self._photos = 0
        self._start = time.monotonic()

    def add(self, losses: StepLosses, photos: int) -> None:
        self._losses.append(tuple(loss.item() for loss in losses))
        self._photos += photos

    def means(self) -> dict[str, float]:
        columns = zip(StepLosses._fields, zip(*self._losses, strict=True), strict=True)
        means = {name: sum(values) / len(values) for name, values in columns}
        return means | {"photos_per_s": self._photos / max(time.monotonic() - self._start, 1e-9)}

    def text(self) -> str:
        m = self.means()
        g = f"G {m['g_adversarial']:.3f} + λ·{m['g_reconstruction']:.4f}"
        return f"D {m['d']:.3f} · {g} · {m['photos_per_s']:.0f} photos/s"


def lr_factor(phase: str, index: int, steps: int) -> float:
    """What the peak learning rate is multiplied by at step `index` of `steps`.

    G alone: linear warm-up, then a cosine to 0. D alone: 1. Alternating: 1, then linear to 0 over the second half (as
    the paper's 100 + 100 epochs).
    """
    if phase == "generator":
        warm_up = max(1, round(steps * _WARM_UP))
        if index < warm_up:
            return (index + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (index - warm_up) / max(steps - warm_up, 1)))
    if phase == "adversarial":
        return min(1.0, 2 * (1 - index / steps))
    return 1.0


@torch.no_grad()
def measure(generator: Generator, photos: Tensor, hints: bool = False) -> dict[str, float]:
    """L1 on ab, PSNR on RGB (and gray's), colorfulness, ΔCF, histogram intersections, on uint8 (N, 3, S, S).

    Of a mobile-unet also the share of its innermost features that are dead, see `MobileUNet.dead_share`. With `hints`,
    also PSNR with ten true colors given at random places.
    """
    totals: dict[str, list[Tensor]] = {name: [] for name in ("l1", "psnr", "psnr_gray", "cf", "cf_truth")}
    totals |= {"psnr_hints": []} if hints else {}
    places = torch.Generator().manual_seed(0)
    histograms: list[Tensor] = []
    for part in photos.split(_VALIDATION_BATCH):
        truth = to_float(part, photos.device)
        l, ab, _ = to_batch(truth)
        fake_ab = _predict(generator, l)
        rgb = lab_to_rgb(l, fake_ab)
        totals["l1"].append((fake_ab - ab).abs().mean(dim=(1, 2, 3)))
        totals["psnr"].append(psnr(rgb, truth))
        totals["psnr_gray"].append(psnr(lab_to_rgb(l, torch.zeros_like(ab)), truth))
        totals["cf"].append(colorfulness(rgb))
        totals["cf_truth"].append(colorfulness(truth))
        histograms.append(torch.stack([ab_histograms(rgb), ab_histograms(truth)]))
        if isinstance(generator, MobileUNet):
            totals.setdefault("dead", []).append(torch.tensor([generator.dead_share(l)]))
        if hints:
            given = ab.new_zeros(len(ab), HINT_CHANNELS, *ab.shape[2:])
            for each, true in zip(given, ab, strict=True):
                add_patches(each, true, [_HINT_SIDE] * _HINTS, places)
            totals["psnr_hints"].append(psnr(lab_to_rgb(l, _predict(generator, l, given)), truth))
    result = {name: torch.cat(values).mean().item() for name, values in totals.items()}
    result["delta_cf"] = abs(result["cf"] - result["cf_truth"])
    predicted, true = torch.stack(histograms).sum(dim=0)
    a, b = histogram_intersection(predicted, true).tolist()
    return result | {"histogram_a": a, "histogram_b": b}


@torch.no_grad()
def sample_rows(generator: Generator, photos: Tensor) -> Tensor:
    """uint8 (3 N, 3, S, S): each of the photos (N, 3, S, S) gray, colored and true."""
    l = to_batch(to_float(photos, photos.device)).l
    predicted = _predict(generator, l).float().cpu().numpy()  # (N, 2, S, S)
    truth = photos.permute(0, 2, 3, 1).cpu().numpy()  # (N, S, S, 3)
    rows = []
    for levels, mine, true in zip(to_levels(truth), predicted, truth, strict=True):
        rows += [np.repeat(levels[..., None], 3, axis=2), merge(levels, mine), true]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)


def _predict(generator: Generator, l: Tensor, hints: Tensor | None = None) -> Tensor:
    """`generator(l, hints)` for sides that need not be multiples of its stride."""
    height, width = l.shape[2:]
    pad = (0, -width % generator.stride, 0, -height % generator.stride)
    if any(pad):
        l = nn.functional.pad(l, pad, mode="replicate")
        hints = None if hints is None else nn.functional.pad(hints, pad)
    ab: Tensor = generator(l, hints)
    return ab[:, :, :height, :width]


def build(config: TrainConfig, *, fresh: bool = True) -> Generator:
    """The generator that `config` asks for; unless `fresh`, without the weights that it starts from.

    Raises `ConfigError` if the settings do not fit each other or the model to start from, `WeightsError` if that is
    none.
    """
    by_bins = {"head": "bins"} if config.reconstruction == CROSS_ENTROPY else {}
    generator = build_generator(config.architecture, {**by_bins, **config.generator_settings})
    if by_bins and generator.settings.head != "bins":
        raise ConfigError(
            f"reconstruction {CROSS_ENTROPY} needs the generator's head to be 'bins', got {generator.settings.head!r}"
        )
    if config.size % generator.stride:
        raise ConfigError(f"size must be a multiple of {generator.stride} for {config.architecture}, got {config.size}")
    if isinstance(generator, MobileUNet):
        generator.encoder_is_trained = config.encoder_is_trained
    if config.start and fresh:
        given, info = load_generator(config.start)
        if info.architecture != config.architecture or not _can_become(given.settings, generator.settings):
            raise ConfigError(
                f"{config.start}: is {info.architecture} {info.settings}, the run wants {config.architecture} "
                f"{dataclasses.asdict(generator.settings)}"
            )
        generator.load_state_dict({**generator.state_dict(), **given.state_dict()})
    if config.encoder_start and fresh:
        assert isinstance(generator, MobileUNet)
        generator.load_imagenet(config.encoder_start)
    for name, parameter in generator.named_parameters():
        if name.endswith("hint.weight"):
            parameter.requires_grad_(config.hints > 0)  # without hints it would have no gradient
    return generator


def _can_become(given: Any, wanted: Any) -> bool:
    """Whether a generator of settings `given` has all that one of `wanted` has, but for what is added beside it."""
    if isinstance(given, MobileUNetSettings) and isinstance(wanted, MobileUNetSettings):
        head = "ab+bins" if (given.head, wanted.head) == ("ab", "ab+bins") else given.head
        given = dataclasses.replace(given, head=head, guided=given.guided or wanted.guided)
    return bool(given == wanted)


def reconstruction_loss(config: TrainConfig, bins: AbBins | None) -> Callable[[Any, Tensor], Tensor]:
    """The reconstruction loss of G's ab; of its whole `GeneratorOutput` if G has bins."""
    if bins is None:
        return RECONSTRUCTIONS[config.reconstruction]
    if config.reconstruction == CROSS_ENTROPY:
        return lambda answer, truth: cross_entropy(answer.logits, truth, bins)
    loss = RECONSTRUCTIONS[config.reconstruction]
    return lambda answer, truth: (
        loss(answer.ab, truth) + config.distribution_weight * cross_entropy(answer.logits, truth, bins)
    )


def perceptual_loss(config: TrainConfig, device: torch.device) -> Callable[[Tensor, Tensor, Tensor], Tensor] | None:
    """The weighted perceptual loss of `l`, `ab` and the true `ab`, if `config` has one.

    Raises `WeightsError` if its network is no MobileNetV2.
    """
    if not config.perceptual_weight:
        return None
    perceptual = Perceptual(config.perceptual).to(device)
    return lambda l, ab, truth: config.perceptual_weight * perceptual(l, ab, truth)


def measure_prior(generator: Generator, sources: Sources, config: TrainConfig, *, hold_out: bool) -> None:
    """Set the prior of the generator's bins to how often the photos to train on use each color."""
    bins = generator.bins
    assert bins is not None
    counts = torch.zeros_like(bins.prior)
    batches = PhotoBatches(sources, dataclasses.replace(config, workers=0), hold_out=hold_out)
    for _ in range(math.ceil(_PRIOR_PHOTOS / config.batch_size)):
        ab = to_batch(to_float(next(batches), counts.device)).ab
        counts += bins.count(nn.functional.avg_pool2d(ab, 2))
    bins.prior.copy_(counts / counts.sum())


def _use_bf16(config: TrainConfig) -> bool:
    if config.precision == "auto":
        if torch.cuda.is_available() and config.device != "cpu":
            return bool(torch.cuda.is_bf16_supported())
        return _cpu_multiplies_bf16()
    return config.precision == "bf16"


def _cpu_multiplies_bf16() -> bool:
    """Elsewhere bf16 is emulated and several times slower than fp32."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())


def _moving_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """θ_ema ← d θ_ema + (1 − d) θ, with d rising to `decay` over the first steps of a phase: (1 + n)/(10 + n)."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        n = float(count)
        weight = 1 - min(decay, (1 + n) / (10 + n))
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, weight)
        else:
            for mine, theirs in zip(averaged, current, strict=True):
                mine.copy_(theirs)

    return update


@contextmanager
def _own_accelerate_settings() -> Iterator[None]:
    """accelerate keeps its settings for the whole process and refuses others: within, there are none from before."""
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        yield
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C or SIGTERM only asks to stop after the step; a second one stops at once."""
    asked = False

    def ask(number: int, _: Any) -> None:
        nonlocal asked
        asked = True
        signal.signal(number, previous[signal.Signals(number)])

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def is_first_process() -> bool:
    """Whether this is the process that talks and writes, among those that `accelerate launch` started."""
    return os.environ.get("RANK", "0") == "0"
