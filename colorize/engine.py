"""The seam between photos and networks: an engine turns lightness into colour, on plain arrays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import nn

from colorize.errors import ConfigError
from colorize.models.generator import Generator
from colorize.options import DEVICES
from colorize.units import FloatArray


class Engine(Protocol):
    """Anything that predicts `ab` from `l`: torch here, an exported graph elsewhere, a stand-in in tests."""

    @property
    def stride(self) -> int:
        """Both sides of the arrays must be multiples of this."""

    @property
    def bins(self) -> FloatArray | None:
        """The colours (Q, 2) of `predict_distribution`, in units of `ab`; None of a model that has no distribution."""

    @property
    def takes_hints(self) -> bool:
        """Whether hints change anything: a network has to have learned them."""

    def predict(self, l: FloatArray, hints: FloatArray | None = None, seed: int | None = None) -> FloatArray:
        """`ab` (B, 2, H, W) for `l` (B, 1, H, W) and `hints` (B, 3, H, W), float32, in the units of `color`.

        Without a seed the answer is always the same; a seed switches on the noise of a network that has some.
        """

    def predict_distribution(self, l: FloatArray, hints: FloatArray | None = None) -> FloatArray:
        """How likely each of the `bins` is, (B, Q, H', W'), at a smaller size; over all bins it sums up to 1."""


class TorchEngine:
    """A generator on a device. Safe to share between threads: one prediction at a time."""

    def __init__(self, generator: Generator, device: torch.device) -> None:
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
        return None if bins is None else np.asarray(bins.centres.float().cpu().numpy())

    @property
    def takes_hints(self) -> bool:
        return bool(self._generator.hint.weight.any())

    def predict(self, l: FloatArray, hints: FloatArray | None = None, seed: int | None = None) -> FloatArray:
        """See `Engine`. Raises `MemoryError` if the device has not enough for arrays of this size."""
        with self._lock, memory_errors(), torch.inference_mode(), _dropout(self._generator, self.device, seed):
            ab = self._generator(self._tensor(l), None if hints is None else self._tensor(hints))
            return np.asarray(ab.float().cpu().numpy())

    def predict_distribution(self, l: FloatArray, hints: FloatArray | None = None) -> FloatArray:
        """See `Engine`. Raises `MemoryError` as `predict` does, `ValueError` if the generator has no bins."""
        with self._lock, memory_errors(), torch.inference_mode():
            _, logits = self._generator(self._tensor(l), None if hints is None else self._tensor(hints), logits=True)
            return np.asarray(torch.softmax(logits.float(), dim=1).cpu().numpy())

    def _tensor(self, array: FloatArray) -> torch.Tensor:
        # A copy: torch warns of arrays that may not be written to.
        tensor = torch.from_numpy(np.array(array, dtype=np.float32, order="C"))
        return tensor.to(device=self.device, memory_format=torch.channels_last)


@contextmanager
def memory_errors() -> Iterator[None]:
    """Within, torch's ways of saying that memory ran out are Python's `MemoryError`."""
    try:
        yield
    except RuntimeError as error:
        # On CPUs torch raises a RuntimeError like any other: only its text tells.
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise MemoryError("not enough memory") from error
        raise


def resolve_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes CUDA, then MPS, then the CPU.

    Raises `ConfigError` for an unknown name or a device that this machine does not have.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if available[device])
    if name not in available:
        raise ConfigError(f"unknown device {name!r}: expected one of {', '.join(DEVICES)}")
    if not available[name]:
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
