"""Generators into model files and out of them: safetensors as `modelfile` describes. No pickle is ever opened."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

import torch

from colorize.errors import ConfigError, WeightsError
from colorize.models.architectures import build_generator
from colorize.models.generator import Generator
from colorize.models.modelfile import FORMAT, FORMAT_VERSION, ModelInfo, parse_info
from colorize.models.tensorfile import read_tensors, write_tensors


def save_generator(
    path: str | os.PathLike[str],
    generator: Generator,
    training: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write `generator` to `path`, whole or not at all.

    Args:
        path: of the model file; replaced if it exists.
        generator: on any device.
        training: how its weights came about, as JSON can hold it.
        dtype: that the weights are stored in; float16 halves the file. Tensors with numbers too large for it, and whole
            numbers, stay as they are.

    Raises:
        WeightsError: a weight is not a finite number, or the file cannot be written.
    """
    tensors = {}
    for name, tensor in generator.state_dict().items():
        if not tensor.isfinite().all():
            raise WeightsError(f"{path}: not written, {name} is not finite")
        stored = tensor.to(dtype) if tensor.is_floating_point() else tensor
        tensors[name] = stored if stored.isfinite().all() else tensor
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "architecture": generator.architecture,
        "settings": json.dumps(dataclasses.asdict(generator.settings)),
        "training": json.dumps(dict(training or {})),
    }
    write_tensors(path, tensors, metadata)


def load_generator(path: str | os.PathLike[str]) -> tuple[Generator, ModelInfo]:
    """Rebuild the generator in `path`: float32, eval mode, on the CPU.

    Raises `WeightsError`, naming the file and what is wrong, for anything but a whole file of this format.
    """
    tensors, metadata = read_tensors(path)
    info = parse_info(path, metadata)
    try:
        with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
            generator = build_generator(info.architecture, info.settings)
    except (ConfigError, TypeError) as error:
        raise WeightsError(f"{path}: {error}") from error
    expected = generator.state_dict()
    weights = {}
    for name, tensor in expected.items():
        if name not in tensors:
            raise WeightsError(f"{path}: the weight {name} is missing")
        if tensors[name].shape != tensor.shape:
            raise WeightsError(
                f"{path}: the weight {name} should be {tuple(tensor.shape)} and is {tuple(tensors[name].shape)}"
            )
        if tensors[name].is_floating_point() != tensor.is_floating_point():
            raise WeightsError(f"{path}: the weight {name} should be {tensor.dtype} and is {tensors[name].dtype}")
        weights[name] = tensors[name].to(tensor.dtype)
        if not weights[name].isfinite().all():
            raise WeightsError(f"{path}: the weight {name} is not finite")
    foreign = sorted(set(tensors) - set(expected))
    if foreign:
        raise WeightsError(f"{path}: has a weight {foreign[0]} that {info.architecture} does not have")
    generator.load_state_dict(weights, assign=True)
    return generator.eval(), info
