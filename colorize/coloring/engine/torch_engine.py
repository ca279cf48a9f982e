"""Torch as an engine: any generator, on any device."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from colorize.color.units import FloatArray
from colorize.coloring.engine import AUTOMATIC, Features, NetworkConditions, conditions_taken
from colorize.errors import ConfigError
from colorize.models.generator import THINGS, Generator
from colorize.options import check_device


class TorchEngine:
    """A generator on a device. Safe to share between threads: one prediction at a time."""

    def __init__(self, generator: Generator, device: torch.device) -> None:
        """Move a generator to a device.

        Args:
            generator: it is used from now on by this engine alone.
            device: where it runs.
        """
        self.device = device
        # channels_last: 91 instead of 111 ms per 256 px photo on one CPU thread
        self._generator = generator.eval()
        self._generator.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._lock = threading.Lock()

    @property
    def stride(self) -> int:
        return self._generator.stride

    @property
    def bins(self) -> FloatArray | None:
        bins = self._generator.bins
        return None if bins is None else np.asarray(bins.centers.float().cpu().numpy())

    @property
    def takes(self) -> frozenset[str]:
        return conditions_taken(hints=self._generator.takes_hints, features=self._generator.has_features)

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        """See `Engine`. The memory is the device's."""
        noise = _dropout(self._generator, self.device, conditions.seed)
        with self._lock, memory_errors(), torch.inference_mode(), noise:
            ab = self._generator(self._tensor(l), self._hints(conditions))
            return np.asarray(ab.float().cpu().numpy())

    def predict_distribution(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        """See `Engine`. The memory is the device's."""
        with self._lock, memory_errors(), torch.inference_mode():
            logits = self._generator(self._tensor(l), self._hints(conditions), logits=True).logits
            return np.asarray(torch.softmax(logits.float(), dim=1).cpu().numpy())

    def predict_features(self, l: FloatArray) -> Features:
        """See `Engine`. The memory is the device's."""
        if not self._generator.has_features:
            raise ValueError("features are what a model with an encoder and bins has, this one has none")
        with self._lock, memory_errors(), torch.inference_mode():
            output = self._generator(self._tensor(l), logits=True)
            wanted = output.ab, output.features[THINGS], output.places
            return Features(*(each.float().cpu().numpy() for each in wanted))

    def _hints(self, conditions: NetworkConditions) -> torch.Tensor | None:
        return None if conditions.hints is None else self._tensor(conditions.hints)

    def _tensor(self, array: FloatArray) -> torch.Tensor:
        # A copy: torch warns of arrays that may not be written to.
        tensor = torch.from_numpy(np.array(array, dtype=np.float32, order="C"))
        return tensor.to(device=self.device, memory_format=torch.channels_last)


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise `MemoryError` for what torch raises when memory runs out."""
    try:
        yield
    except RuntimeError as error:
        # On CPUs torch raises a plain RuntimeError, known by its text only.
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise MemoryError("not enough memory") from error
        raise


def resolve_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes CUDA, then MPS, then the CPU.

    Raises `ConfigError` for an unknown name or a device that this machine does not have.
    """
    check_device(name)
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if available[device])
    kind, _, number = name.partition(":")
    if not available[kind] or (number and int(number) >= torch.cuda.device_count()):
        have = ", ".join(device for device, yes in available.items() if yes)
        raise ConfigError(f"device {name!r} is not available here: this machine has {have}")
    return torch.device(name)


@contextmanager
def _dropout(generator: nn.Module, device: torch.device, seed: int | None) -> Iterator[None]:
    """Switch dropout on under `seed`: pix2pix's only noise, kept at test time (Isola et al. 2017, sec. 2.1).

    Torch's random state and the modules' modes are afterwards as they were. No seed, no dropout.
    """
    if seed is None:
        yield
        return
    dropouts = [module for module in generator.modules() if isinstance(module, nn.Dropout)]
    gpus = [] if device.type == "cpu" else [device.index or 0]
    with torch.random.fork_rng(gpus, device_type="cuda" if device.type == "cpu" else device.type):
        if device.type == "cpu":
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the graphics cards as well
        else:
            torch.manual_seed(seed)
        for module in dropouts:
            module.train()
        try:
            yield
        finally:
            for module in dropouts:
                module.eval()
