"""What a CUDA device changes about coloring: where the network computes, never what users get."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from colorize.coloring.colorizer import Colorizer
from colorize.coloring.engine.torch_engine import TorchEngine
from colorize.coloring.hints import Hint

pytestmark = pytest.mark.gpu
DEVICE = "cuda"


@pytest.fixture(scope="module")
def colorizers() -> tuple[Colorizer, Colorizer]:
    """The shipped model on the GPU and on the CPU."""
    return Colorizer.load(device=DEVICE), Colorizer.load(device="cpu", engine="torch")


def photo(width: int = 300, height: int = 200) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 3, height))
    return Image.fromarray((127 + 60 * np.sin(x * y) + 60 * np.cos(3 * x)).clip(0, 255).astype(np.uint8))


def test_the_device_auto_is_the_gpu() -> None:
    engine = Colorizer.load().engine
    assert isinstance(engine, TorchEngine)
    assert engine.device.type == DEVICE


@pytest.mark.parametrize("hints", [None, [Hint(40, 30, "#a03020")]], ids=["automatic", "hints"])
def test_colors_are_those_of_the_cpu(colorizers: tuple[Colorizer, Colorizer], hints: list[Hint] | None) -> None:
    gpu, cpu = (np.asarray(colorizer(photo(), hints=hints), int) for colorizer in colorizers)
    assert np.abs(gpu - cpu).mean() < 0.5  # of 255 levels: convolutions may compute in TF32
    assert np.abs(gpu - cpu).max() <= 12


def test_the_same_photo_and_seed_give_the_same_colors_each_time(colorizers: tuple[Colorizer, Colorizer]) -> None:
    first, again, other = (colorizers[0](photo(), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(np.asarray(first), np.asarray(again))
    assert not np.array_equal(np.asarray(first), np.asarray(other))


def test_memory_that_the_gpu_has_not_got_is_a_memory_error(colorizers: tuple[Colorizer, Colorizer]) -> None:
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.001)
    try:
        with pytest.raises(MemoryError):
            colorizers[0](photo(2048, 2048), size=2048)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    colorizers[0](photo())  # goes on
