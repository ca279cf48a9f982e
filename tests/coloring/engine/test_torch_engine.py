"""The seam to the network: float32 arrays in and out, the same answer each time, nothing left changed."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from colorize.color.units import FloatArray
from colorize.coloring.engine import NetworkConditions
from colorize.coloring.engine.torch_engine import TorchEngine, resolve_device
from colorize.errors import ConfigError
from colorize.models.architectures import build_generator
from colorize.models.generator import Generator

CPU = torch.device("cpu")


def generator() -> Generator:
    """A small U-Net with dropout that has an opinion from the start."""
    torch.manual_seed(3)
    built = build_generator("unet", {"ngf": 8, "depth": 5})
    for module in built.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=0.1)
    for conv in built.hint_convs():
        nn.init.zeros_(conv.weight)
    return built


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    return TorchEngine(generator(), CPU)


def lightness(*shape: int) -> FloatArray:
    return np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (2, 1, 32, 96), (1, 1, 64, 32)])
def test_ab_has_the_shape_of_l_as_float32_and_is_its_own_memory(engine: TorchEngine, shape: tuple[int, ...]) -> None:
    l = lightness(*shape)
    ab = engine.predict(l)
    assert ab.shape == (shape[0], 2, *shape[2:])
    assert ab.dtype == np.float32
    assert np.abs(ab).max() > 0.01
    kept = ab.copy()
    engine.predict(-l)
    np.testing.assert_array_equal(ab, kept)
    ab[:] = 0  # and it may be written to


def test_the_sides_that_a_network_takes_are_multiples_of_the_stride(engine: TorchEngine) -> None:
    assert engine.stride == 32
    with pytest.raises(ValueError, match=r"multiples of 32; got \(1, 1, 32, 40\)"):
        engine.predict(lightness(1, 1, 32, 40))


def test_arrays_of_any_layout_give_the_same_answer(engine: TorchEngine) -> None:
    l = lightness(1, 1, 64, 32)
    expected = engine.predict(l)
    np.testing.assert_array_equal(engine.predict(np.asfortranarray(l)), expected)
    np.testing.assert_array_equal(engine.predict(l[:, :, ::-1].copy()[:, :, ::-1]), expected)
    read_only = l.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(engine.predict(read_only), expected)


def test_the_answer_is_that_of_the_network_in_evaluation() -> None:
    network = generator()
    l = lightness(1, 1, 64, 64)
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(l)).numpy()
    network.train()
    np.testing.assert_allclose(TorchEngine(network, CPU).predict(l), expected, atol=1e-4)


def test_hints_reach_the_network() -> None:
    network = generator()
    for conv in network.hint_convs():
        nn.init.normal_(conv.weight)
    engine = TorchEngine(network, CPU)
    l, hints = lightness(1, 1, 32, 32), np.zeros((1, 3, 32, 32), np.float32)
    np.testing.assert_allclose(engine.predict(l, NetworkConditions(hints)), engine.predict(l), atol=1e-6)
    hints[:, :, 10, 10] = 1
    assert np.abs(engine.predict(l, NetworkConditions(hints)) - engine.predict(l)).max() > 0.01


def test_without_a_seed_the_answer_is_always_the_same_and_a_seed_picks_another_one_again_and_again(
    engine: TorchEngine,
) -> None:
    l = lightness(1, 1, 64, 64)
    settled = engine.predict(l)
    first, second = engine.predict(l, NetworkConditions(seed=1)), engine.predict(l, NetworkConditions(seed=2))
    assert np.abs(first - settled).max() > 0.01
    assert np.abs(first - second).max() > 0.01
    np.testing.assert_array_equal(engine.predict(l, NetworkConditions(seed=1)), first)
    np.testing.assert_array_equal(engine.predict(l), settled)


@pytest.mark.parametrize("seed", [None, 0, 2**63])
def test_torchs_own_random_numbers_go_on_as_if_nothing_had_been(engine: TorchEngine, seed: int | None) -> None:
    before = torch.get_rng_state()
    engine.predict(lightness(1, 1, 32, 32), NetworkConditions(seed=seed))
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_that_share_an_engine_get_the_answers_they_would_get_alone(engine: TorchEngine) -> None:
    """With and without seeds: a seed switches dropout on, which nobody else may notice."""
    l = lightness(1, 1, 64, 64)
    seeds = [None, 1, None, 2, None, 3]
    alone = [engine.predict(l, NetworkConditions(seed=seed)) for seed in seeds]
    together: list[list[FloatArray]] = [[] for _ in seeds]

    def work(place: int) -> None:
        together[place].extend(engine.predict(l, NetworkConditions(seed=seeds[place])) for _ in range(5))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(seeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answers, expected in zip(together, alone, strict=True):
        assert len(answers) == 5
        for answer in answers:
            np.testing.assert_array_equal(answer, expected)


def test_a_failed_prediction_leaves_the_engine_as_it_was(engine: TorchEngine) -> None:
    l = lightness(1, 1, 32, 32)
    expected = engine.predict(l)
    with pytest.raises(ValueError, match="hints must have shape"):
        engine.predict(l, NetworkConditions(np.zeros((1, 2, 32, 32), np.float32), seed=1))
    np.testing.assert_array_equal(engine.predict(l), expected)  # no dropout, no lock held


def test_memory_that_is_not_there_is_a_memory_error_whatever_torch_calls_it(
    engine: TorchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_card(*_: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate too much")

    def full_machine(*_: object) -> torch.Tensor:
        return torch.empty(1 << 60, dtype=torch.uint8)  # really asks for it

    for full in (full_card, full_machine):
        monkeypatch.setattr(engine._generator, "forward", full)
        with pytest.raises(MemoryError):
            engine.predict(lightness(1, 1, 32, 64))


def test_devices_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("cpu") == resolve_device("auto") == resolve_device() == CPU
    with pytest.raises(ConfigError, match=r"^unknown device 'gpu': expected one of auto, cpu, cuda, mps$"):
        resolve_device("gpu")
    with pytest.raises(ConfigError, match=r"^device 'cuda' is not available here: this machine has cpu$"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("mps")
    with pytest.raises(ConfigError, match=r"this machine has cpu, mps$"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("cuda")
