"""The generator that a config asks for."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import nn

from colorize.errors import ConfigError
from colorize.models.architectures import build_generator
from colorize.models.generator import Generator
from colorize.models.weights import load_generator
from colorize.training.augment import to_batch, to_float
from colorize.training.config import TrainConfig
from colorize.training.data import PhotoBatches, Sources

_PRIOR_PHOTOS = 512  # that tell how often each color occurs


def build(config: TrainConfig, *, fresh: bool = True) -> Generator:
    """Build the generator of a run.

    Args:
        config: the run's.
        fresh: whether it gets the weights that it starts from; else a checkpoint is about to bring them.

    Raises:
        ConfigError: the settings do not fit each other or the model to start from.
        WeightsError: what it should start from is no model.
    """
    by_bins = {"head": "bins"} if "cross-entropy" in config.losses else {}
    generator = build_generator(config.architecture, {**by_bins, **config.generator_settings})
    if by_bins and not generator.decodes_bins:
        raise ConfigError(
            f"the loss cross-entropy needs the generator's head to be 'bins', got {generator.settings.head!r}"
        )
    if config.size % generator.stride:
        raise ConfigError(f"size must be a multiple of {generator.stride} for {config.architecture}, got {config.size}")
    generator.encoder_is_trained = config.encoder_is_trained
    if config.start and fresh:
        _load_start(generator, config)
    if config.encoder_start and fresh:
        generator.load_encoder_start(config.encoder_start)
    _freeze(generator, config)
    return generator


def _load_start(generator: Generator, config: TrainConfig) -> None:
    given, info = load_generator(config.start)
    if info.architecture != config.architecture or not generator.can_start_from(given.settings):
        raise ConfigError(
            f"{config.start}: is {info.architecture} {info.settings}, the run wants {config.architecture} "
            f"{dataclasses.asdict(generator.settings)}"
        )
    generator.load_state_dict({**generator.state_dict(), **given.state_dict()})


def _freeze(generator: Generator, config: TrainConfig) -> None:
    """Leave out of training what would have no gradient, and what the config says."""
    if not config.hints:
        for conv in generator.hint_convs():
            conv.requires_grad_(False)
    unused = () if "distribution" in config.losses else ("distribution.",)
    for prefix in (*config.frozen, *unused):
        parameters = [each for name, each in generator.named_parameters() if name.startswith(prefix)]
        if not parameters and prefix in config.frozen:
            raise ConfigError(f"frozen: {config.architecture} has no parameters whose names begin with {prefix!r}")
        for parameter in parameters:
            parameter.requires_grad_(False)


def measure_prior(generator: Generator, sources: Sources, config: TrainConfig, *, hold_out: bool) -> None:
    """Set the prior of the generator's bins to how often the photos to train on use each color.

    Args:
        generator: one that has bins; their prior is changed in place.
        sources: what the run trains on; about 512 photos of it are looked at.
        config: the run's.
        hold_out: whether one photo in `config.holdout` is left for measuring, as in the run.

    Raises:
        DataError: no photo can be trained on.
    """
    bins = generator.bins
    assert bins is not None
    counts = torch.zeros_like(bins.prior)
    batches = PhotoBatches(sources, dataclasses.replace(config, workers=0), hold_out=hold_out)
    for _ in range(math.ceil(_PRIOR_PHOTOS / config.batch_size)):
        ab = to_batch(to_float(next(batches), counts.device)).ab
        counts += bins.count(nn.functional.avg_pool2d(ab, 2))
    bins.prior.copy_(counts / counts.sum())
