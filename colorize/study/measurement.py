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
from colorize.evaluation.stains import PROTOCOL as STAINS_PROTOCOL
from colorize.evaluation.stains import find_segments, stains_within
from colorize.models.modelfile import SHIPPED_MODEL
from colorize.models.weights import load_generator
from colorize.study.arms import ARM_RECORD, ARMS, MODEL, UNCHANGED, Run, Study, check_settings
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
    "again with replacement, the same draws for every run; for an arm its seeds are drawn again too, n − 1 of n, since "
    "n would make the spread too small (Rao & Wu 1988)"
)
JUDGE_PROTOCOL = (
    "logistic regression on an ImageNet MobileNetV2's channel means and deviations at five strides, 5-fold over "
    "photos, so that no photo is judged by what has seen it or a coloring of it; one judge learns from all arms, and "
    "from photos with their mean color, alike, seeds of an arm sharing its weight, so that all are measured by one "
    "threshold; another one does so at half size; and each run has one of its own; real and colored count for the "
    "same, and above ½ is taken for real"
)
_FEWEST_FOR_FRECHET = 4  # photos
_AT_ONCE = 32  # photos that go through a network together
_CPU = torch.device("cpu")


class _Photos(NamedTuple):
    """The middle squares of the validation photos."""

    rgb: Tensor  # (N, 3, S, S)
    l: Tensor  # (N, 1, S, S)
    ab: Tensor  # (N, 2, S, S), the true colors
    levels: NDArray[Any]  # (N, S, S), gray levels of 8 bit
    segments: list[Tensor]  # of each photo, as of `find_segments`


class _Networks(NamedTuple):
    """The networks that photos are judged and compared by."""

    judge: FeatureExtractor
    distance: FeatureExtractor | None  # for the Fréchet distance
    device: torch.device


class _Examined(NamedTuple):
    """What is measured, and what the judges see, of the photos as one run colors them, or of the real ones."""

    measures: PhotoMeasures
    features: Tensor  # (N, F)
    half_features: Tensor  # (N, F), of the photos at half size
    stains: Tensor  # (N,)
    distance_features: Tensor | None  # (N, G), for the Fréchet distance


class _Colored(NamedTuple):
    """A run's photos, as they are, stronger and weaker, and as colorful as the truth."""

    as_is: _Examined
    frontier: dict[float, PhotoMeasures]  # by strength
    leveling: float | None  # the strength at which they are as colorful as the truth, if there is one
    leveled: _Examined | None  # at that strength


class _Judgments(NamedTuple):
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
    """Measure and judge every finished run.

    Args:
        study: its folder holds the runs.

    Returns:
        What study.json holds, but the strips.

    Raises:
        ConfigError: a run was trained with other settings.
        DataError: there are no photos.
    """
    runs = study.finished()
    for run in runs:
        check_settings(study.folder(run), study.config(run))
    photos, networks = _read_photos(study.validation, study, held_out=False), _load_networks(study)
    truth = _examine(photos.rgb, photos, networks)
    gray = measure_photos(paint(photos.levels, np.zeros((len(photos.rgb), 2, *photos.rgb.shape[2:]))), photos.rgb)
    mean_ab = photos.ab.mean(dim=(0, 2, 3))  # (2,)
    mean = _examine(paint(photos.levels, _at_every_pixel(mean_ab, photos)), photos, networks)
    shipped = _examine(paint(photos.levels, predict_ab(SHIPPED_MODEL, photos.l, networks.device)), photos, networks)
    colored = {}
    for run in runs:
        colored[run.name] = _color_at_strengths(study.folder(run) / MODEL, photos, truth, gray, networks)
        print(f"study: measured {run.name}", file=sys.stderr, flush=True)
    judgments = _judge(truth, {name: each.as_is for name, each in colored.items()} | {MEAN_COLOR: mean}, runs)

    bootstrap = _Bootstrap(truth, draw_weights(len(photos.rgb), study.resamples))
    drawn = {run.name: bootstrap.draws_of_run(colored[run.name], judgments.of_run(run.name)) for run in runs}
    mean_drawn = bootstrap.draws(mean, judgments.of_run(MEAN_COLOR))
    pooled = _pool_arms(runs, drawn, study.resamples)
    distances = {name: _distance(each.as_is, truth) for name, each in colored.items()}
    on_real = _intervals(bootstrap.draws(truth, judgments.of_real_photos()))
    return {
        "format": 1,
        "command": study.command,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "colorize": __version__},
        "device": "cpu" if networks.device.type == "cpu" else torch.cuda.get_device_name(networks.device),
        "cpus": os.cpu_count(),
        "settings": _shared_settings(study),
        "arms": {arm: ARMS[arm] for arm in dict.fromkeys(run.arm for run in runs)},
        "lambda": study.lambda_choice,
        "protocol": _protocol(study, truth, networks),
        "data": study.data.describe(),
        "validation": study.validation.describe(),
        "truth": {"measures": bootstrap.summary(truth.measures), "histograms": _histograms(truth.measures)},
        "gray": {"measures": bootstrap.summary(gray)},
        "mean_color": {
            "ab": [round(each, 2) for each in (mean_ab * AB_RANGE).tolist()],
            "measures": _intervals(mean_drawn) | _distance(mean, truth),
        },
        "shipped": {
            "measures": _intervals(bootstrap.draws(shipped, _own_verdict(truth, shipped))) | _distance(shipped, truth),
        },
        "runs": [
            _training_of(study, run)
            | {
                "measures": _intervals(drawn[run.name]) | distances[run.name],
                "histograms": _histograms(colored[run.name].as_is.measures),
                "frontier": bootstrap.frontier(colored[run.name]),
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


class _Bootstrap:
    """Measures in every draw of the photos, and their intervals."""

    def __init__(self, truth: _Examined, weights: Tensor) -> None:
        """`weights` as of `draw_weights`."""
        self._truth, self._weights = truth, weights

    def draws(self, examined: _Examined, judged: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(R,) by name: all measures of some photos, with what judges say of each, (N,) by name."""
        extra = {**judged, "stains": examined.stains}
        return measure_draws(examined.measures, self._truth.measures, self._weights, extra)

    def draws_of_run(self, colored: _Colored, judged: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same of a run, and under names of their own as it is at the truth's colorfulness."""
        own, equal = self.draws(colored.as_is, judged), colored.leveled
        return own if equal is None else own | leveled(self.draws(equal, _own_verdict(self._truth, equal)))

    def summary(self, measured: PhotoMeasures) -> dict[str, dict[str, float]]:
        return summarize(measured, self._truth.measures, self._weights)

    def frontier(self, colored: _Colored) -> list[dict[str, Any]]:
        """What study.json holds of a run's strengths."""
        summaries = {strength: self.summary(measured) for strength, measured in colored.frontier.items()}
        return [
            {"strength": strength, "measures": {name: measures[name] for name in SHOWN}}
            for strength, measures in summaries.items()
        ]


def _protocol(study: Study, truth: _Examined, networks: _Networks) -> dict[str, Any]:
    return {
        "photos": len(truth.stains),
        "size": study.size,
        "resamples": study.resamples,
        "scales": list(SCALES),
        "histogram_bins": truth.measures.histograms.shape[2],
        "kl_smoothing": KL_SMOOTHING,
        "text": PROTOCOL,
        "stains": STAINS_PROTOCOL,
        "judge": JUDGE_PROTOCOL,
        "frechet": _frechet_protocol(study, truth, networks),
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
    once = torch.ones(1, len(photos.rgb), dtype=torch.double)
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
    batch = to_batch(rgb)
    segments = [] if held_out else [find_segments((l[0] + 1) / 2) for l in batch.l]
    return _Photos(rgb, batch.l, batch.ab, to_levels(photos.permute(0, 2, 3, 1).numpy()), segments)


def _load_networks(study: Study) -> _Networks:
    device = _device(study.config(Run(UNCHANGED, 0)))
    distance = FeatureExtractor(study.features).to(device) if study.features else None
    return _Networks(FeatureExtractor(study.encoder_start).to(device), distance, device)


def _examine(rgb: Tensor, photos: _Photos, networks: _Networks) -> _Examined:
    """Measure `rgb` (N, 3, S, S) against the photos, and extract what judges see of it."""

    def features(rgb: Tensor, look: Callable[[Tensor], Tensor]) -> Tensor:
        return torch.cat([look(part.to(networks.device)).cpu() for part in rgb.split(_AT_ONCE)])

    return _Examined(
        measure_photos(rgb, photos.rgb),
        features(rgb, networks.judge),
        features(avg_pool2d(rgb, 2), networks.judge),
        _stains(rgb, photos),
        features(rgb, networks.distance.pooled) if networks.distance else None,
    )


def _stains(rgb: Tensor, photos: _Photos) -> Tensor:
    """(N,), of `rgb` (N, 3, S, S), as of `measure_stains`."""
    _, ab = rgb_to_lab(rgb)
    each = zip(ab, photos.ab, photos.segments, strict=True)
    return torch.cat([stains_within(colors[None], truth[None], segments) for colors, truth, segments in each])


def _color_at_strengths(
    model: Path, photos: _Photos, truth: _Examined, gray: PhotoMeasures, networks: _Networks
) -> _Colored:
    """Color with a run's model, as it is and at all of STRENGTHS."""
    ab = predict_ab(model, photos.l, networks.device)
    as_is = _examine(paint(photos.levels, ab), photos, networks)
    frontier = {
        each: as_is.measures if each == 1 else measure_photos(paint(photos.levels, each * ab), photos.rgb)
        for each in STRENGTHS
    }
    colorfulness = {0.0: gray.cf.mean().item()} | {each: of.cf.mean().item() for each, of in frontier.items()}
    strength = leveling_strength(colorfulness, truth.measures.cf.mean().item())
    equal = None if strength is None else _examine(paint(photos.levels, strength * ab), photos, networks)
    return _Colored(as_is, frontier, strength, equal)


def _at_every_pixel(color: Tensor, photos: _Photos) -> NDArray[Any]:
    """One `ab` (2,) at every pixel of every photo, (N, 2, S, S)."""
    count, _, height, width = photos.rgb.shape
    return color.view(1, 2, 1, 1).expand(count, 2, height, width).numpy()


def _distance(examined: _Examined, truth: _Examined) -> dict[str, dict[str, float]]:
    """The Fréchet distance as a measure, where there is a network for it and there are photos enough."""
    mine, true = examined.distance_features, truth.distance_features
    if mine is None or true is None or len(true) < _FEWEST_FOR_FRECHET:
        return {}
    return {"frechet": frechet_interval(mine, true)._asdict()}


def _frechet_protocol(study: Study, truth: _Examined, networks: _Networks) -> dict[str, Any] | None:
    if networks.distance is None or truth.distance_features is None or len(truth.features) < _FEWEST_FOR_FRECHET:
        return None
    return {
        "features": truth.distance_features.shape[1],
        "network": networks.distance.network,
        "file": Path(study.features).name,
        "is_apart": networks.distance.network != networks.judge.network,
        "floor": extrapolated_floor(truth.distance_features),
    }


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
    """By how much each claim holds, by its key, in the same draws for both of what it compares."""
    rows = [{"arm": arm, "measures": measures} for arm, measures in drawn.items()]
    return {
        claim.key: interval_of(
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


def _own_verdict(truth: _Examined, examined: _Examined) -> dict[str, Tensor]:
    """Which photos the judge that learned from just these takes for real."""
    return {"taken_for_real_own": taken_for_real(truth.features, {"": examined.features}, {"": 1})[""]}


def _judge(truth: _Examined, examined: Mapping[str, _Examined], runs: Sequence[Run]) -> _Judgments:
    """By one judge for all runs, one for all at half size, and one for each run."""
    features = {name: each.features for name, each in examined.items()}
    half_features = {name: each.half_features for name, each in examined.items()}
    shares = dict.fromkeys(examined, 1.0)
    shares |= {run.name: 1 / sum(other.arm == run.arm for other in runs) for run in runs}  # seeds share their arm's
    return _Judgments(
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
