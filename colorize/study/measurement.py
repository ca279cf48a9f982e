"""Measure and judge every finished run of a study: all of study.json but the strips, as `arms` describes it."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from colorize import __version__
from colorize.color.lightness import merge, to_levels
from colorize.color.metrics import KL_SMOOTHING
from colorize.errors import DataError
from colorize.evaluation.features import FeatureExtractor
from colorize.evaluation.measures import SCALES, PhotoMeasures, draw_weights, measure_photos, summarize
from colorize.models.weights import load_generator
from colorize.study.arms import ARM_RECORD, ARMS, MODEL, UNCHANGED, Run, Study
from colorize.study.judge import taken_for_real
from colorize.training.augment import to_batch, to_float
from colorize.training.config import TrainConfig
from colorize.training.data import validation_photos
from colorize.training.phases import total_steps

PROTOCOL = (
    "middle squares, colored from their L* and merged with it as for users (chroma outside sRGB lowered), in 8 "
    "bit; histograms over all pixels, every photo counting the same; 95 % intervals: percentiles over photos drawn "
    "again with replacement, the same draws for every run"
)
JUDGE_PROTOCOL = (
    "logistic regression on an ImageNet MobileNetV2's channel means and deviations at five strides, 5-fold over "
    "photos, so that no photo is judged by what has seen it or a coloring of it; one judge learns from all arms "
    "alike, seeds of an arm sharing its weight, so that all are measured by one threshold; another one does so at half "
    "size; and each run has one of its own; real and colored count for the same, and above ½ is taken for real"
)
_AT_ONCE = 32  # photos that go through a network together
_CPU = torch.device("cpu")


class _Photos(NamedTuple):
    """The middle squares of the validation photos."""

    rgb: Tensor  # (N, 3, S, S)
    l: Tensor  # (N, 1, S, S)
    levels: NDArray[Any]  # (N, S, S), gray levels of 8 bit


class _Seen(NamedTuple):
    """What is measured, and what the judges see, of the photos as one run colors them, or of the real ones."""

    measures: PhotoMeasures
    features: Tensor  # (N, F)
    half_features: Tensor  # (N, F), of the photos at half size


class _Verdicts(NamedTuple):
    """Which photos are taken for real, 0 or 1, (N,): by the names of runs, and "real"."""

    one: Mapping[str, Tensor]  # by the one judge of all runs
    half: Mapping[str, Tensor]  # by the one that sees them at half size
    own: Mapping[str, Mapping[str, Tensor]]  # by the judge of each run, by its name

    def of_run(self, name: str) -> dict[str, Tensor]:
        """By all three judges, under the names of the measures."""
        return {
            "taken_for_real": self.one[name],
            "taken_for_real_half": self.half[name],
            "taken_for_real_own": self.own[name][name],
        }

    def of_real_photos(self) -> dict[str, Tensor]:
        """By every judge: "real" and "half" by those of all runs, the others by the names of runs."""
        own = {name: verdicts["real"] for name, verdicts in self.own.items()}
        return {"real": self.one["real"], "half": self.half["real"], **own}


def measure(study: Study) -> dict[str, Any]:
    """Measure and judge every finished run; gives what study.json holds. Raises `DataError` without photos."""
    runs = study.finished()
    photos, device = _read_photos(study, runs[0]), _device(study.config(runs[0]))
    weights = draw_weights(len(photos.rgb), study.resamples)
    extractor = FeatureExtractor(study.encoder_start).to(device)
    truth = _look_at(photos.rgb, photos, extractor, device)
    gray = measure_photos(_to_rgb(np.stack([photos.levels] * 3, axis=3)), photos.rgb)
    seen = {}
    for run in runs:
        rgb = color(study.folder(run) / MODEL, photos.levels, photos.l, device)
        seen[run.name] = _look_at(rgb, photos, extractor, device)
        print(f"study: measured {run.name}", file=sys.stderr, flush=True)
    verdicts = _judge(truth, seen, runs)

    def summary(measured: PhotoMeasures, judged: Mapping[str, Tensor] | None = None) -> dict[str, dict[str, float]]:
        return summarize(measured, truth.measures, weights, judged)

    on_real = summary(truth.measures, verdicts.of_real_photos())
    return {
        "format": 1,
        "command": study.command,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "colorize": __version__},
        "device": "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device),
        "cpus": os.cpu_count(),
        "settings": _shared_settings(study),
        "arms": {arm: ARMS[arm] for arm in dict.fromkeys(run.arm for run in runs)},
        "protocol": {
            "photos": len(photos.rgb),
            "size": study.size,
            "resamples": study.resamples,
            "scales": list(SCALES),
            "histogram_bins": truth.measures.histograms.shape[2],
            "kl_smoothing": KL_SMOOTHING,
            "text": PROTOCOL,
            "judge": JUDGE_PROTOCOL,
        },
        "data": study.data.describe(),
        "validation": study.validation.describe(),
        "truth": {"measures": summary(truth.measures), "histograms": _histograms(truth.measures)},
        "gray": {"measures": summary(gray)},
        "runs": [
            _training_of(study, run)
            | {
                "measures": summary(seen[run.name].measures, verdicts.of_run(run.name)),
                "histograms": _histograms(seen[run.name].measures),
            }
            for run in runs
        ],
        "judge": {
            "trained_on": [run.name for run in runs],
            "real": on_real["real"],
            "real_half": on_real["half"],
            "own": {run.name: on_real[run.name] for run in runs},
        },
    }


def _read_photos(study: Study, run: Run) -> _Photos:
    """The validation photos, read as for a run. Raises `DataError` if there are fewer than 2."""
    config = dataclasses.replace(study.config(run), size=study.size, validation_photos=study.photos)
    photos = validation_photos(study.validation, config, held_out=False)  # uint8 (N, 3, S, S)
    if len(photos) < 2:
        raise DataError(f"expected at least 2 validation photos with color, got {len(photos)}")
    rgb = to_float(photos, _CPU)
    return _Photos(rgb, to_batch(rgb).l, to_levels(photos.permute(0, 2, 3, 1).numpy()))


def _look_at(rgb: Tensor, photos: _Photos, extractor: FeatureExtractor, device: torch.device) -> _Seen:
    """Measure `rgb` (N, 3, S, S) against the photos, and extract what judges see of it."""

    def features(rgb: Tensor) -> Tensor:
        return torch.cat([extractor(part.to(device)).cpu() for part in rgb.split(_AT_ONCE)])

    return _Seen(measure_photos(rgb, photos.rgb), features(rgb), features(avg_pool2d(rgb, 2)))


def _judge(truth: _Seen, seen: Mapping[str, _Seen], runs: Sequence[Run]) -> _Verdicts:
    """By one judge for all runs, one for all at half size, and one for each run."""
    features = {name: each.features for name, each in seen.items()}
    half_features = {name: each.half_features for name, each in seen.items()}
    shares = {run.name: 1 / sum(other.arm == run.arm for other in runs) for run in runs}  # seeds share their arm's
    return _Verdicts(
        taken_for_real(truth.features, features, shares),
        taken_for_real(truth.half_features, half_features, shares),
        {name: taken_for_real(truth.features, {name: each}, {name: 1}) for name, each in features.items()},
    )


def color(model: Path, levels: NDArray[Any], l: Tensor, device: torch.device) -> Tensor:
    """Color photos as users would see them.

    Args:
        model: file of the generator.
        levels: (N, S, S), gray levels.
        l: (N, 1, S, S), the same as the network sees them.
        device: where the network runs.

    Returns:
        `rgb` (N, 3, S, S).
    """
    generator = load_generator(model)[0].to(device)
    with torch.no_grad():
        ab = torch.cat([generator(part.to(device)).cpu() for part in l.split(_AT_ONCE)]).numpy()  # (N, 2, S, S)
    return _to_rgb(np.stack([merge(*each) for each in zip(levels, ab, strict=True)]))


def _to_rgb(pictures: NDArray[Any]) -> Tensor:
    """uint8 (N, S, S, 3) to `rgb` (N, 3, S, S)."""
    return to_float(torch.from_numpy(pictures).permute(0, 3, 1, 2), _CPU)


def _device(config: TrainConfig) -> torch.device:
    return torch.device("cuda" if config.device == "auto" and torch.cuda.is_available() else "cpu")


def _histograms(measured: PhotoMeasures) -> dict[str, list[float]]:
    shares = measured.histograms.mean(dim=0)  # (2, bins)
    return {name: [round(share, 8) for share in shares[c].tolist()] for c, name in enumerate("ab")}


def _shared_settings(study: Study) -> dict[str, Any]:
    """Of the arm that changes none; names of files, no paths."""
    settings: dict[str, Any] = json.loads(study.config(Run(UNCHANGED, 0)).to_json())
    return settings | {"encoder_start": Path(study.encoder_start).name}


def _training_of(study: Study, run: Run) -> dict[str, Any]:
    """How a run was trained."""
    config = study.config(run)
    steps = total_steps(config)
    record = json.loads((study.folder(run) / ARM_RECORD).read_text(encoding="utf-8"))
    return {
        "name": run.name,
        "arm": run.arm,
        "seed": run.seed,
        "command": train_command(config),
        "seconds": record["seconds"],
        "steps": steps,
        "photos_seen": steps * config.batch_size,
    }


def train_command(config: TrainConfig) -> str:
    """What `train.py` would have to be told, DATA and paths left for the reader to fill in."""
    words = ["python", "train.py", "DATA", "--run", "RUN"]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        option = f"--{field.name.replace('_', '-')}"
        if value == default:
            continue
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        elif isinstance(value, dict):
            words += [option, json.dumps(value)]
        elif isinstance(value, tuple):
            words += [option, *value]
        else:
            words += [option, Path(value).name if field.name == "encoder_start" else str(value)]
    return shlex.join(words)
