"""A training run from its config to its last checkpoint: phases of steps, measured, logged and resumable."""

from __future__ import annotations

import math
import random
import signal
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, gather_object
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from colorize.errors import DataError, TrainingError
from colorize.models.generator import Generator
from colorize.models.patchgan import Discriminators
from colorize.models.weights import save_generator
from colorize.system.memory import keep_freed_memory
from colorize.training import launch, runlog
from colorize.training.augment import Augment
from colorize.training.building import build, measure_prior
from colorize.training.checkpoint import load_optimizer, load_state, save_state
from colorize.training.config import TrainConfig, read_config
from colorize.training.data import SKIPS, PhotoBatches, Sources, names_of_skipped, next_epoch, validation_photos
from colorize.training.losses import OBJECTIVES
from colorize.training.measuring import measure, sample_photos
from colorize.training.minibatch import Batch
from colorize.training.phases import AdversarialPhase, Optimizers, Phase, build_phases, check_longer
from colorize.training.provenance import program
from colorize.training.shared_norm import share_norms
from colorize.training.step import D_LOSS, Losses, Step
from colorize.training.terms import TermContext, build_terms

_COMPILER = "inductor"  # of torch.compile
_SAMPLES = 8  # validation photos in the sample grids
_WORST_SCORE = 1e9  # JSON knows no infinity


class Interrupted(Exception):
    """Ctrl-C or SIGTERM came; everything is saved."""


def train(config: TrainConfig, sources: Sources, validation: Sources | None, run: Path, *, resume: bool) -> Path:
    """Train in a run folder.

    Args:
        config: of the run.
        sources: what it trains on.
        validation: what it is measured on; None: one photo in `config.holdout` is kept out of training for that.
        run: the folder, a new one unless `resume`.
        resume: whether to go on from the folder's last checkpoint.

    Returns:
        The path of the last generator.

    Raises:
        TrainingError: a loss is not a number, the state to resume does not fit, or another process of the run is lost.
        DataError: no photo can be used.
        ConfigError: another run has the folder, or there are fewer processes than were asked for.
        Interrupted: a signal came; all is saved.
    """
    keep_freed_memory()
    launch.check_world()
    with _own_accelerate_settings(), ExitStack() as held, launch.lost_process_in_one_line(run):
        trainer = _Trainer(config, sources, validation, run, held, resume=resume)
        try:
            trainer.run()
        finally:
            trainer.close()
    return run / runlog.LAST


class _Trainer:
    def __init__(
        self,
        config: TrainConfig,
        sources: Sources,
        validation: Sources | None,
        folder: Path,
        held: ExitStack,  # takes what has to be given back at the end
        *,
        resume: bool,
    ) -> None:
        self.config, self.folder = config, folder
        self.phases = build_phases(config)
        self.total_steps = sum(phase.steps for phase in self.phases)
        self.data = {"data": sources.describe(), "validation": validation.describe() if validation else None}
        if resume:
            if launch.is_first_process():
                held.enter_context(runlog.only_run(folder))
            runlog.check_data(folder, self.data)
        has_state = resume and (folder / runlog.STATE).is_file()  # not if it was killed before the first checkpoint

        # Device, precision, processes.
        self.accelerator = _accelerator(config)
        self.device = self.accelerator.device
        launch.check_all_there(self.accelerator.num_processes)
        launch.share_of_batch(config.batch_size, self.accelerator.num_processes)  # it may not be possible

        # Networks: the same weights in every process, then random numbers of its own for each.
        torch.manual_seed(config.seed)
        self.generator = build(config, fresh=not has_state).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator = Discriminators(config.discriminator_settings(), config.discriminator_scale)
        self.discriminator = self.discriminator.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if "cross-entropy" in config.losses and not has_state:
            measure_prior(self.generator, sources, config, hold_out=validation is None)
        self.ema = AveragedModel(self.generator, multi_avg_fn=_moving_average(config.ema), use_buffers=True)
        torch.manual_seed(config.seed + self.accelerator.process_index)
        if self.accelerator.num_processes > 1:
            share_norms(self.generator)
            share_norms(self.discriminator)
        if config.compile:  # in place, so that names in files stay as they are
            self.generator.compile(backend=_COMPILER)
            self.discriminator.compile(backend=_COMPILER)

        self.step = self._build_step()
        self.optimizers = self._build_optimizers()

        # Where the run stands.
        self.steps_done = 0
        self.photos_seen = 0
        self.skipped: dict[str, str] = {}  # of all processes at the last checkpoint, and of this one since
        self.best: dict[str, Any] = _no_score("")
        self.measured: dict[str, float] = {}
        data_state = self._restore() if has_state else None
        began = TrainConfig(**read_config(folder / runlog.CONFIG)) if resume else config
        check_longer(began, config, self.steps_done)

        # Photos.
        self.augment = Augment(config, self.device)
        self.validation, self.unseen = _photos_to_measure_on(config, sources, validation)

        # The folder, now that nothing can be wrong with the options any more.
        self.log: runlog.RunLog | None = None
        if self.accelerator.is_main_process:
            if not resume:
                held.enter_context(runlog.only_run(folder))
                runlog.create_run(folder, config.to_json(), self.data)
            self.log = runlog.RunLog(folder, after_step=self.steps_done)
            self._note_start(began)

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

    def _build_step(self) -> Step:
        """The step of the paper, on what accelerate makes of the networks."""
        config = self.config
        return Step(
            self.accelerator,
            generator=self._prepare(self.generator),
            discriminator=self._prepare(self.discriminator),
            discriminator_alone=self.discriminator,
            objective=OBJECTIVES[config.objective],
            terms=build_terms(config.losses, TermContext(self.generator, config.feature_network, self.device)),
            adversarial_weight=config.adversarial_weight,
            reconstruction_weight=config.reconstruction_weight,
            full_output=self.generator.bins is not None,
            clip=config.clip,
        )

    def _build_optimizers(self) -> Optimizers:
        """D's, and G's of the first phase that has one; where only D is trained, G's is never asked."""
        config = self.config
        d_optimizer = torch.optim.Adam(self.discriminator.parameters(), config.d_lr, betas=(config.beta1, config.beta2))
        of_phases = (phase.generator_optimizer(self.generator) for phase in self.phases)
        g_optimizer = next(filter(None, of_phases), None)
        return Optimizers(g_optimizer or AdversarialPhase(config).generator_optimizer(self.generator), d_optimizer)

    def _prepare(self, network: nn.Module) -> nn.Module:
        """What exchanges gradients between processes, and computes in bf16 where that was chosen."""
        with warnings.catch_warnings():
            # From torch 2.13 on, broadcast_buffers is called otherwise; accelerate knows the old name alone.
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            prepared: nn.Module = self.accelerator.prepare_model(network)
        return prepared

    def _note_start(self, began: TrainConfig) -> None:
        """Which program goes on from where, and with which settings, if they have changed."""
        where = {"processes": self.accelerator.num_processes, "device": self.device.type}
        where |= {runlog.PHOTOS_PER_STEP: self._photos_per_update()}
        runlog.write_start(self.folder, {"step": self.steps_done, **program(), **where})
        before = vars(began)
        changed = {name: value for name, value in vars(self.config).items() if value != before[name]}
        if changed and self.log:
            runlog.change_config(self.folder, self.config.to_json())
            self.log.scalars(self.steps_done, "changed", changed)

    # -- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        quiet = not self.accelerator.is_main_process
        with (
            _stop_signals() as stop,
            runlog.reporter(self.total_steps, self.steps_done, self.config.log_interval, quiet=quiet) as report,
        ):
            self.report = report
            report.line(self._opening())
            if self.steps_done == 0:
                self._checkpoint()
                self._validate(self.phases[0])
            start = 0
            for phase in self.phases:
                if start <= self.steps_done < start + phase.steps:
                    self._run_phase(phase, start, stop)
                start += phase.steps

    def _run_phase(self, phase: Phase, start: int, stop: Callable[[], bool]) -> None:
        end = start + phase.steps
        if self.steps_done == start:
            self._begin_phase(phase)
        phase.set_modes(self.generator, self.discriminator)
        sums = _Sums()
        for index in range(self.steps_done - start, phase.steps):
            if self._is_over(phase):
                self.report.line(f"no better colors in {self.best['misses']} measurements: {phase.name} ends here")
                self._checkpoint()
                return

            # One step of what the phase trains.
            self._set_learning_rates(phase.lr_factor(index))
            losses = self._update(phase)
            self.steps_done += 1
            losses, stopping = self._check(phase, losses, stop())
            if phase.trains_generator:
                self.ema.update_parameters(self.generator)

            # Tell, measure, save.
            sums.add(losses, self._photos_per_update())
            last = self.steps_done == end
            self.report.update(phase.name, self.steps_done, sums.text())
            if self.steps_done % self.config.log_interval == 0 or last:
                self._log_train(phase, sums)
                sums = _Sums()
            if self.steps_done % self.config.validate_interval == 0 or last:
                self._validate(phase)
            if self.config.keep_every and self.steps_done % self.config.keep_every == 0 and self.log:
                save_generator(runlog.kept(self.folder, self.steps_done), self._averaged(), self._record())
            if last and phase.ends_pretraining and self.accelerator.is_main_process:
                save_generator(self.folder / runlog.PRETRAINED, self._averaged(), self._record())
            if self.steps_done % self.config.checkpoint_interval == 0 or last or stopping:
                self._checkpoint()
            if stopping and self.steps_done < self.total_steps:
                raise Interrupted

    def _begin_phase(self, phase: Phase) -> None:
        if self.steps_done:
            self.generator.load_state_dict(self.ema.module.state_dict())
        self.optimizers.g = phase.generator_optimizer(self.generator) or self.optimizers.g
        self._share_buffers()
        self.ema.n_averaged.zero_()
        if phase.trains_generator:
            self.best = _no_score(phase.name)

    def _update(self, phase: Phase) -> Losses:
        return phase.update(self.step, self._next_batches, self.optimizers)

    def _is_over(self, phase: Phase) -> bool:
        """Whether the phase ends early; every process hears it of the first."""
        over = self.best["phase"] == phase.name and phase.is_over(self.best["misses"])
        if self.config.patience and self.accelerator.num_processes > 1:
            over = bool(self.accelerator.reduce(torch.tensor(float(over), device=self.device), "sum") > 0)
        return over

    def _check(self, phase: Phase, losses: Losses, stop: bool) -> tuple[Losses, bool]:
        """The losses of the whole batch, and whether any process was told to stop: all do so at the same step.

        Raises `TrainingError` in all if a loss is not a number in any.
        """
        if self.accelerator.num_processes > 1:
            mine = torch.stack([torch.tensor(float(stop), device=self.device), *(x.float() for x in losses.values())])
            stopping, *means = self.accelerator.reduce(mine, "mean")
            losses, stop = dict(zip(losses, means, strict=True)), bool(stopping > 0)
        if not all(math.isfinite(loss) for loss in losses.values()):
            shown = ", ".join(f"{name} {loss:.3g}" for name, loss in losses.items())
            raise TrainingError(
                f"{phase.name} step {self.steps_done}: a loss is not a number ({shown}); {self.folder / runlog.LAST} "
                "is the last good generator: a new run can --start from it, with lower learning rates"
            )
        return losses, stop

    def _next_batches(self) -> list[Batch]:
        self.photos_seen += self._photos_per_update()
        return [self.augment(next(self.batches)) for _ in range(self.config.accumulation)]

    def _photos_per_update(self) -> int:
        return self.config.batch_size * self.config.accumulation

    def _set_learning_rates(self, factor: float) -> None:
        for group in self.optimizers.g.param_groups:
            group["lr"] = group["peak"] * factor
        for group in self.optimizers.d.param_groups:
            group["lr"] = self.config.d_lr * factor

    def _share_buffers(self) -> None:
        """Give every process the first one's BatchNorm statistics, should other machines round otherwise."""
        if self.accelerator.num_processes > 1:
            for network in (self.generator, self.discriminator, self.ema.module):
                for buffer in network.buffers():
                    torch.distributed.broadcast(buffer, src=0)

    # -- tell, measure, save -----------------------------------------------------------------------------------------

    def _opening(self) -> str:
        parameters = sum(p.numel() for p in self.generator.parameters()) / 1e6
        measured = "" if self.unseen else " that are also trained on (too few to keep one out)"
        begun = f"from step {self.steps_done}" if self.steps_done else "from the beginning"
        precision = self.accelerator.mixed_precision.replace("no", "fp32")
        return (
            f"{self.config.architecture}, {parameters:.1f} M parameters, {begun} of {self.total_steps}, on "
            f"{self.accelerator.num_processes} × {self.device.type} in {precision}; "
            f"measuring on {len(self.validation)} photos{measured}"
        )

    def _log_train(self, phase: Phase, sums: _Sums) -> None:
        if self.log:
            values = {"phase": phase.name, **sums.means(), "photos_per_s": sums.photos_per_s()}
            if phase.trains_generator:
                values["g_lr"] = self.optimizers.g.param_groups[0]["lr"]
            if D_LOSS in values:
                values["d_lr"] = self.optimizers.d.param_groups[0]["lr"]
            values["photos_seen"] = self.photos_seen
            self.skipped |= self.batches.skipped
            counts = Counter(self.skipped.values())
            values |= {f"skipped_{reason}": counts[reason] for reason in SKIPS if counts[reason]}
            self.log.scalars(self.steps_done, "train", values)

    def _validate(self, phase: Phase) -> None:
        """Measure the averaged generator; keep it if it is the best of this phase."""
        self.measured = measure(
            self._averaged(),
            self.validation.to(self.device),
            hints=self.config.hints > 0,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )
        if not self.log:
            return
        score = phase.score(self.measured)
        self.log.scalars(self.steps_done, "validation", {"phase": phase.name, **self.measured, "score": score})
        self.report.line(
            f"validation {self.steps_done}: " + ", ".join(f"{k} {v:.4g}" for k, v in self.measured.items())
        )
        self.log.samples(self.steps_done, sample_photos(self._averaged(), self.validation[:_SAMPLES].to(self.device)))
        if not phase.trains_generator or self.steps_done == 0:
            return
        self.best["misses"] += 1
        if score < self.best["score"]:
            self.best = {"phase": phase.name, "score": score, "misses": 0}
            save_generator(self.folder / runlog.BEST, self._averaged(), self._record())

    def _averaged(self) -> Generator:
        """What is measured and saved."""
        averaged = self.ema.module
        assert isinstance(averaged, Generator)
        return averaged.eval()

    def _record(self) -> dict[str, Any]:
        """How the weights came about, for the model file: names of files, no paths."""
        files = {name: Path(getattr(self.config, name)).name for name in ("encoder_start", "feature_network")}
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
        for process in processes:
            self.skipped |= process["data"]["skipped"]
        runlog.write_skipped(self.folder, self.skipped)
        save_state(  # last: what --resume finds is never ahead of the rest
            self.folder / runlog.STATE,
            {
                "steps_done": self.steps_done,
                "photos_seen": self.photos_seen,
                "best": self.best,
                "measured": self.measured,
                "generator": self.generator.state_dict(),
                "ema": self.ema.state_dict(),
                "discriminator": self.discriminator.state_dict(),
                "g_optimizer": self.optimizers.g.state_dict(),
                "d_optimizer": self.optimizers.d.state_dict(),
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
        self.steps_done, self.photos_seen = state["steps_done"], state["photos_seen"]
        self.best, self.measured = state["best"], state["measured"]
        for process in state["processes"]:
            self.skipped |= names_of_skipped(process["data"])
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.ema.load_state_dict(state["ema"])
        for phase in self._begun_phases():
            self.optimizers.g = phase.generator_optimizer(self.generator) or self.optimizers.g
        if self.steps_done:
            load_optimizer(self.optimizers.g, state["g_optimizer"])
        load_optimizer(self.optimizers.d, state["d_optimizer"])
        return self._take_up_order(state["processes"])

    def _take_up_order(self, processes: list[dict[str, Any]]) -> dict[str, Any]:
        """Random state and photos of this process; new ones where other processes or workers were saved."""
        positions = [len(process["data"]["positions"]) for process in processes]
        if positions != [max(self.config.workers, 1)] * self.accelerator.num_processes:
            own = random.Random(f"{self.config.seed} {self.steps_done} {self.accelerator.process_index}")
            torch.manual_seed(own.getrandbits(63))
            return next_epoch([process["data"] for process in processes], self.config)
        mine = processes[self.accelerator.process_index]
        torch.set_rng_state(mine["rng"]["cpu"])
        if "cuda" in mine["rng"] and self.device.type == "cuda":
            torch.cuda.set_rng_state(mine["rng"]["cuda"], self.device)
        data: dict[str, Any] = mine["data"]
        return data

    def _begun_phases(self) -> Iterator[Phase]:
        """The phases that have done at least one step."""
        start = 0
        for phase in self.phases:
            if self.steps_done > start:
                yield phase
            start += phase.steps

    def close(self) -> None:
        self.batches.close()
        if self.log:
            self.log.close()
        self.accelerator.end_training()


class _Sums:
    """Losses and photos since the last line of the log."""

    def __init__(self) -> None:
        self._losses: list[Mapping[str, float]] = []
        self._photos = 0
        self._start = time.monotonic()

    def add(self, losses: Losses, photos: int) -> None:
        self._losses.append({name: loss.item() for name, loss in losses.items()})
        self._photos += photos

    def means(self) -> dict[str, float]:
        names = self._losses[-1] if self._losses else {}
        return {name: sum(each[name] for each in self._losses) / len(self._losses) for name in names}

    def photos_per_s(self) -> float:
        return self._photos / max(time.monotonic() - self._start, 1e-9)

    def text(self) -> str:
        losses = " · ".join(f"{name} {value:.4f}" for name, value in self.means().items())
        return f"{losses} · {self.photos_per_s():.0f} photos/s"


def _no_score(phase: str) -> dict[str, Any]:
    return {"phase": phase, "score": _WORST_SCORE, "misses": 0}


def _accelerator(config: TrainConfig) -> Accelerator:
    return Accelerator(
        cpu=config.device == "cpu",
        mixed_precision="bf16" if _use_bf16(config) else "no",
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
    )


def _photos_to_measure_on(config: TrainConfig, sources: Sources, validation: Sources | None) -> tuple[Tensor, bool]:
    """Photos (N, 3, S, S), and whether they are unseen: too few to keep one out are measured on all the same.

    Raises `DataError` if there is none.
    """
    unseen = validation_photos(validation or sources, config, held_out=validation is None)
    if len(unseen):
        return unseen, True
    seen = validation_photos(sources, config, held_out=False)
    if not len(seen):
        raise DataError("no photo can be measured on: all are unreadable, tiny or gray")
    return seen, False


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
