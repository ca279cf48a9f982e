"""Measure and judge every finished run of a study: all of study.json but the strips, as `arms` describes it."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
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
from colorize.color.tensors import rgb_to_lab
from colorize.color.units import AB_RANGE
from colorize.errors import DataError
from colorize.evaluation.features import FeatureExtractor
from colorize.evaluation.frechet import extrapolated_floor, frechet_interval
from colorize.evaluation.measures import (
    SCALES,
    PhotoMeasures,
    draw_weights,
    interval_of,
    measure_draws,
    measure_photos,
    summarize,
)
from colorize.models.modelfile import SHIPPED_MODEL
from colorize.models.weights import load_generator
from colorize.study.arms import ARM_RECORD, ARMS, MODEL, UNCHANGED, Run, Study
from colorize.study.claims import CLAIMS, MEAN_COLOR, can_be_decided, lead_of
from colorize.study.frontier import SHOWN, STRENGTHS, leveled, leveling_strength
from colorize.study.judge import taken_for_real
from colorize.study.pooling import draw_seeds, pool, span
from colorize.training.augment import to_batch, to_float
from colorize.training.config import TrainConfig
from colorize.training.data import Sources, validation_photos
from colorize.training.measuring import predict
from colorize.training.phases import total_steps

PROTOCOL = (
    "middle squares, colored from their L* and merged with it as for users (chroma outside sRGB lowered), in 8 "
    "bit; histograms over all pixels, every photo counting the same; 95 % intervals: percentiles over photos drawn "
    "again with replacement, the same draws for every run; of an arm, over its seeds drawn again as well, one fewer "
    "than there are, for each arm alone"
)
JUDGE_PROTOCOL = (
    "logistic regression on an ImageNet MobileNetV2's channel means and deviations at five strides, 5-fold over "
    "photos, so that no photo is judged by what has seen it or a coloring of it; one judge learns from all arms, and "
    "from photos with their mean color, alike, seeds of an arm sharing its weight, so that all are measured by one "
    "threshold; another one does so at half size; and each run has one of its own; real and colored count for the "
    "same, and above ½ is taken for real"
)
FRECHET_PROTOCOL = (
    "Fréchet distance of {features} pooled features of ImageNet's {network} ({file}), a network in no loss "
    "here{apart}, between the photos and their truth; 95 % intervals by the jackknife over groups of photos, an "
    "arm's spanning those of its seeds; two sets of as many true photos would be {floor:.2f} apart"
)
_FEWEST_FOR_FRECHET = 4  # photos
_AT_ONCE = 32  # photos that go through a network together
_CPU = torch.device("cpu")


class _Photos(NamedTuple):
    """The middle squares of the validation photos."""

    rgb: Tensor  # (N, 3, S, S)
    l: Tensor  # (N, 1, S, S)
    levels: NDArray[Any]  # (N, S, S), gray levels of 8 bit


class _Eyes(NamedTuple):
    """The networks that look at photos."""

    judge: FeatureExtractor
    distance: FeatureExtractor | None  # for the Fréchet distance
    device: torch.device


class _Seen(NamedTuple):
    """What is measured, and what the judges see, of the photos as one run colors them, or of the real ones."""

    measures: PhotoMeasures
    features: Tensor  # (N, F)
    half_features: Tensor  # (N, F), of the photos at half size
    distance_features: Tensor | None  # (N, G), for the Fréchet distance


class _Colored(NamedTuple):
    """A run's photos, as they are, stronger and weaker, and as colorful as the truth."""

    seen: _Seen
    frontier: dict[float, PhotoMeasures]  # by strength
    leveling: float | None  # the strength at which they are as colorful as the truth, if there is one
    leveled: _Seen | None  # at that strength


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
    photos, eyes = _read_photos(study.validation, study, held_out=False), _eyes(study)
    weights = draw_weights(len(photos.rgb), study.resamples)
    truth = _look_at(photos.rgb, photos, eyes)
    gray = measure_photos(paint(photos.levels, np.zeros((len(photos.rgb), 2, *photos.rgb.shape[2:]))), photos.rgb)
    mean_ab = rgb_to_lab(photos.rgb)[1].mean(dim=(0, 2, 3))  # (2,)
    mean = _look_at(paint(photos.levels, _everywhere(mean_ab, photos)), photos, eyes)
    shipped = _look_at(paint(photos.levels, predict_ab(SHIPPED_MODEL, photos.l, eyes.device)), photos, eyes)
    colored = {}
    for run in runs:
        colored[run.name] = _color_at_strengths(study.folder(run) / MODEL, photos, truth, gray, eyes)
        print(f"study: measured {run.name}", file=sys.stderr, flush=True)
    seen = {name: each.seen for name, each in colored.items()} | {MEAN_COLOR: mean}
    verdicts = _judge(truth, seen, runs)

    def draws(measured: PhotoMeasures, judged: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        return measure_draws(measured, truth.measures, weights, judged)

    def summary(measured: PhotoMeasures, judged: Mapping[str, Tensor] | None = None) -> dict[str, dict[str, float]]:
        return summarize(measured, truth.measures, weights, judged)

    def shown(measured: PhotoMeasures) -> dict[str, dict[str, float]]:
        measures = summary(measured)
        return {name: measures[name] for name in SHOWN}

    def of_run(name: str) -> dict[str, Tensor]:
        own = draws(seen[name].measures, verdicts.of_run(name))
        equal = colored[name].leveled
        return own if equal is None else own | leveled(draws(equal.measures, _own_verdict(truth, equal)))

    drawn = {run.name: of_run(run.name) for run in runs}
    pooled = _pool_arms(runs, drawn, study.resamples)
    mean_drawn = draws(mean.measures, verdicts.of_run(MEAN_COLOR))
    distances = {run.name: _distance(seen[run.name], truth) for run in runs}
    on_real = summary(truth.measures, verdicts.of_real_photos())
    return {
        "format": 1,
        "command": study.command,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "colorize": __version__},
        "device": "cpu" if eyes.device.type == "cpu" else torch.cuda.get_device_name(eyes.device),
        "cpus": os.cpu_count(),
        "settings": _shared_settings(study),
        "arms": {arm: ARMS[arm] for arm in dict.fromkeys(run.arm for run in runs)},
        "lambda": study.lambda_choice,
        "protocol": {
            "photos": len(photos.rgb),
            "size": study.size,
            "resamples": study.resamples,
            "scales": list(SCALES),
            "histogram_bins": truth.measures.histograms.shape[2],
            "kl_smoothing": KL_SMOOTHING,
            "text": PROTOCOL,
            "judge": JUDGE_PROTOCOL,
            "frechet": _frechet_protocol(study, truth, eyes),
        },
        "data": study.data.describe(),
        "validation": study.validation.describe(),
        "truth": {"measures": summary(truth.measures), "histograms": _histograms(truth.measures)},
        "gray": {"measures": summary(gray)},
        "mean_color": {
            "ab": [round(each, 2) for each in (mean_ab * AB_RANGE).tolist()],
            "measures": _intervals(mean_drawn) | _distance(mean, truth),
        },
        "shipped": {
            "measures": summary(shipped.measures, _own_verdict(truth, shipped)) | _distance(shipped, truth),
        },
        "runs": [
            _training_of(study, run)
            | {
                "measures": _intervals(drawn[run.name]) | distances[run.name],
                "histograms": _histograms(seen[run.name].measures),
                "frontier": [
                    {"strength": strength, "measures": shown(measured)}
                    for strength, measured in colored[run.name].frontier.items()
                ],
                "leveling": colored[run.name].leveling,
            }
            for run in runs
        ],
        "arms_pooled": {arm: _summarize_arm(arm, runs, each, distances) for arm, each in pooled.items()},
        "leads": _leads(pooled | {MEAN_COLOR: mean_drawn}),
        "judge": {
            "trained_on": [*(run.name for run in runs), MEAN_COLOR],
            "real": on_real["real"],
            "real_half": on_real["half"],
            "own": {run.name: on_real[run.name] for run in runs},
        },
    }


def measure_kept_out(
    study: Study, config: TrainConfig, models: Sequence[Path]
) -> tuple[int, float, list[dict[str, float]]]:
    """Measure models on the training photos that were kept out of their training.

    Args:
        study: the photos, and the size at which they are measured.
        config: of the trainings: which photos are usable, and which are kept out.
        models: the files of the generators.

    Returns:
        How many photos there are; the PSNR of gray (dB); and of each model its `kl_a`, `kl_b` and `psnr`.

    Raises:
        DataError: there are fewer than 2 photos.
    """
    photos = _read_photos(study.data, study, held_out=True)
    truth = measure_photos(photos.rgb, photos.rgb)
    once = draw_weights(len(photos.rgb), 2)[:1]  # as they are
    device = _device(config)

    def of(rgb: Tensor) -> dict[str, float]:
        drawn = measure_draws(measure_photos(rgb, photos.rgb), truth, once)
        return {name: drawn[name].item() for name in ("kl_a", "kl_b", "psnr")}

    gray = of(paint(photos.levels, np.zeros((len(photos.rgb), 2, *photos.rgb.shape[2:]))))
    measured = [of(paint(photos.levels, predict_ab(model, photos.l, device))) for model in models]
    return len(photos.rgb), gray["psnr"], measured


def _read_photos(sources: Sources, study: Study, *, held_out: bool) -> _Photos:
    """Photos to measure on, read as for a run. Raises `DataError` if there are fewer than 2."""
    config = dataclasses.replace(study.config(Run(UNCHANGED, 0)), size=study.size, validation_photos=study.photos)
    photos = validation_photos(sources, config, held_out=held_out)  # uint8 (N, 3, S, S)
    if len(photos) < 2:
        what = f"training photos to keep out, one in {config.holdout}," if held_out else "validation photos"
        raise DataError(f"expected at least 2 {what} with color, got {len(photos)}")
    rgb = to_float(photos, _CPU)
    return _Photos(rgb, to_batch(rgb).l, to_levels(photos.permute(0, 2, 3, 1).numpy()))


def _eyes(study: Study) -> _Eyes:
    device = _device(study.config(Run(UNCHANGED, 0)))
    distance = FeatureExtractor(study.features).to(device) if study.features else None
    return _Eyes(FeatureExtractor(study.encoder_start).to(device), distance, device)


def _look_at(rgb: Tensor, photos: _Photos, eyes: _Eyes) -> _Seen:
    """Measure `rgb` (N, 3, S, S) against the photos, and extract what judges see of it."""

    def features(rgb: Tensor, look: Callable[[Tensor], Tensor]) -> Tensor:
        return torch.cat([look(part.to(eyes.device)).cpu() for part in rgb.split(_AT_ONCE)])

    return _Seen(
        measure_photos(rgb, photos.rgb),
        features(rgb, eyes.judge),
        features(avg_pool2d(rgb, 2), eyes.judge),
        features(rgb, eyes.distance.pooled) if eyes.distance else None,
    )


def _color_at_strengths(model: Path, photos: _Photos, truth: _Seen, gray: PhotoMeasures, eyes: _Eyes) -> _Colored:
    """Color with a run's model, as it is and at all of STRENGTHS."""
    ab = predict_ab(model, photos.l, eyes.device)
    frontier = {each: measure_photos(paint(photos.levels, each * ab), photos.rgb) for each in STRENGTHS}
    colorfulness = {0.0: gray.cf.mean().item()} | {each: of.cf.mean().item() for each, of in frontier.items()}
    strength = leveling_strength(colorfulness, truth.measures.cf.mean().item())
    equal = None if strength is None else _look_at(paint(photos.levels, strength * ab), photos, eyes)
    return _Colored(_look_at(paint(photos.levels, ab), photos, eyes), frontier, strength, equal)


def _everywhere(color: Tensor, photos: _Photos) -> NDArray[Any]:
    """One `ab` (2,) at every pixel of every photo, (N, 2, S, S)."""
    count, _, height, width = photos.rgb.shape
    return color.view(1, 2, 1, 1).expand(count, 2, height, width).numpy()


def _distance(seen: _Seen, truth: _Seen) -> dict[str, dict[str, float]]:
    """The Fréchet distance as a measure, where there is a network for it and there are photos enough."""
    if seen.distance_features is None or truth.distance_features is None or len(truth.features) < _FEWEST_FOR_FRECHET:
        return {}
    return {"frechet": frechet_interval(seen.distance_features, truth.distance_features)._asdict()}


def _frechet_protocol(study: Study, truth: _Seen, eyes: _Eyes) -> str | None:
    if eyes.distance is None or truth.distance_features is None or len(truth.features) < _FEWEST_FOR_FRECHET:
        return None
    return FRECHET_PROTOCOL.format(
        features=truth.distance_features.shape[1],
        network=eyes.distance.network,
        file=Path(study.features).name,
        apart="" if eyes.distance.network == eyes.judge.network else ", in no judge and no generator",
        floor=extrapolated_floor(truth.distance_features),
    )


def _pool_arms(
    runs: Sequence[Run], drawn: Mapping[str, Mapping[str, Tensor]], resamples: int
) -> dict[str, dict[str, Tensor]]:
    """Every arm as the mean of its seeds, in each draw."""
    generator = torch.Generator().manual_seed(0)
    arms = {}
    for arm in dict.fromkeys(run.arm for run in runs):
        seeds = [drawn[run.name] for run in runs if run.arm == arm]
        arms[arm] = pool(seeds, draw_seeds(len(seeds), resamples, generator))
    return arms


def _summarize_arm(
    arm: str,
    runs: Sequence[Run],
    pooled: Mapping[str, Tensor],
    distances: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> dict[str, Any]:
    """What study.json holds of an arm: its number of seeds, and its measures."""
    of_seeds = [distances[run.name] for run in runs if run.arm == arm]
    measures = _intervals(pooled)
    if all(of_seeds):
        measures["frechet"] = span([each["frechet"] for each in of_seeds])
    return {"seeds": len(of_seeds), "measures": measures}


def _leads(drawn: Mapping[str, Mapping[str, Tensor]]) -> dict[str, dict[str, float]]:
    """By how much each claim holds, by its text, in the same draws for both of what it compares."""
    rows = [{"arm": arm, "measures": measures} for arm, measures in drawn.items()]
    return {
        claim.text: interval_of(
            torch.tensor(
                lead_of(claim, *(drawn[arm][claim.measure].tolist() for arm in (claim.better, claim.worse))),
                dtype=torch.double,
            )
        )
        for claim in CLAIMS
        if can_be_decided(claim, rows)
    }


def _intervals(drawn: Mapping[str, Tensor]) -> dict[str, dict[str, float]]:
    return {name: interval_of(each) for name, each in drawn.items()}


def _own_verdict(truth: _Seen, seen: _Seen) -> dict[str, Tensor]:
    """Which photos the judge that learned from just these takes for real."""
    return {"taken_for_real_own": taken_for_real(truth.features, {"": seen.features}, {"": 1})[""]}


def _judge(truth: _Seen, seen: Mapping[str, _Seen], runs: Sequence[Run]) -> _Verdicts:
    """By one judge for all runs, one for all at half size, and one for each run."""
    features = {name: each.features for name, each in seen.items()}
    half_features = {name: each.half_features for name, each in seen.items()}
    shares = dict.fromkeys(seen, 1.0)
    shares |= {run.name: 1 / sum(other.arm == run.arm for other in runs) for run in runs}  # seeds share their arm's
    return _Verdicts(
        taken_for_real(truth.features, features, shares),
        taken_for_real(truth.half_features, half_features, shares),
        {name: taken_for_real(truth.features, {name: each}, {name: 1}) for name, each in features.items()},
    )


def predict_ab(model: Path, l: Tensor, device: torch.device) -> NDArray[Any]:
    """Color photos.

    Args:
        model: file of the generator.
        l: (N, 1, S, S), lightness in [−1, 1].
        device: where the network runs.

    Returns:
        `ab` (N, 2, S, S).
    """
    generator = load_generator(model)[0].to(device)
    with torch.no_grad():
        ab: NDArray[Any] = torch.cat([predict(generator, part.to(device)).cpu() for part in l.split(_AT_ONCE)]).numpy()
    return ab


def paint(levels: NDArray[Any], ab: NDArray[Any]) -> Tensor:
    """Photos as users would see them.

    Args:
        levels: (N, S, S), gray levels.
        ab: (N, 2, S, S).

    Returns:
        `rgb` (N, 3, S, S).
    """
    return _to_rgb(np.stack([merge(*each) for each in zip(levels, ab.astype(np.float32), strict=True)]))


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
