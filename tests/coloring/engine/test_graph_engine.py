"""The exported graph: the shipped one fits the shipped weights, answers as torch does, refuses what does not fit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from colorize.color.units import FloatArray
from colorize.coloring.engine import AUTOMATIC, Engine, NetworkConditions
from colorize.coloring.engine.graph_engine import GraphEngine
from colorize.coloring.engine.torch_engine import TorchEngine
from colorize.errors import WeightsError
from colorize.models.modelfile import GRAPH_SUFFIX, SHIPPED_MODEL
from colorize.models.weights import load_generator

ROOT = Path(__file__).parents[3]
SHIPPED_GRAPH = SHIPPED_MODEL.with_suffix(GRAPH_SUFFIX)


@pytest.fixture(scope="module")
def engine() -> GraphEngine:
    return GraphEngine(SHIPPED_GRAPH, SHIPPED_MODEL)


@pytest.fixture(scope="module")
def reference() -> Engine:
    return TorchEngine(load_generator(SHIPPED_MODEL)[0], torch.device("cpu"))


def lightness(*shape: int) -> FloatArray:
    return np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)


def test_the_shipped_graph_was_made_of_the_shipped_weights() -> None:
    """If this fails, the model was replaced and its graph was not: run `python -m colorize.export`."""
    GraphEngine(SHIPPED_GRAPH, SHIPPED_MODEL)
    assert sum(path.stat().st_size for path in SHIPPED_MODEL.parent.iterdir()) <= 20_000_000
    assert b"/" + b"site-packages" not in SHIPPED_GRAPH.read_bytes()  # nor does it tell of the machine that made it


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (3, 1, 64, 32), (1, 1, 96, 160)])
def test_it_answers_as_torch_does(engine: GraphEngine, reference: Engine, shape: tuple[int, ...]) -> None:
    l = lightness(*shape)
    hints = np.zeros((shape[0], 3, *shape[2:]), np.float32)
    hints[:, :, 8:12, 8:12] = 0.5
    for given in (AUTOMATIC, NetworkConditions(hints)):
        ab = engine.predict(l, given)
        assert ab.shape == (shape[0], 2, *shape[2:])
        assert ab.dtype == np.float32
        np.testing.assert_allclose(ab, reference.predict(l, given), atol=1e-4)
        if reference.bins is not None:
            probabilities = engine.predict_distribution(l, given)
            np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
            np.testing.assert_allclose(probabilities, reference.predict_distribution(l, given), atol=1e-4)
    ab[:] = 0  # it may be written to


def test_it_knows_what_its_network_can(engine: GraphEngine, reference: Engine) -> None:
    assert engine.takes == reference.takes
    if reference.bins is None:
        assert engine.bins is None
        with pytest.raises(ValueError, match="a distribution is what a model with bins has"):
            engine.predict_distribution(lightness(1, 1, 32, 32))
    else:
        np.testing.assert_array_equal(engine.bins, reference.bins)


def test_no_hints_are_hints_nowhere(engine: GraphEngine) -> None:
    l, hints = lightness(1, 1, 64, 64), np.zeros((1, 3, 64, 64), np.float32)
    np.testing.assert_array_equal(engine.predict(l), engine.predict(l, NetworkConditions(hints)))


def test_arrays_of_any_layout_give_the_same_answer(engine: GraphEngine) -> None:
    l = lightness(1, 1, 64, 32)
    expected = engine.predict(l)
    np.testing.assert_array_equal(engine.predict(np.asfortranarray(l)), expected)
    np.testing.assert_array_equal(engine.predict(l[:, :, ::-1].copy()[:, :, ::-1]), expected)
    np.testing.assert_array_equal(engine.predict(l.astype(np.float64)), expected)


def test_shapes_that_do_not_fit_are_told(engine: GraphEngine) -> None:
    assert engine.stride == 32
    with pytest.raises(ValueError, match=r"multiples of 32; got \(1, 1, 32, 40\)"):
        engine.predict(lightness(1, 1, 32, 40))
    with pytest.raises(ValueError, match=r"hints must have shape \(1, 3, 32, 32\), got \(1, 3, 32, 64\)"):
        engine.predict(lightness(1, 1, 32, 32), NetworkConditions(lightness(1, 3, 32, 64)))


def test_threads_that_share_an_engine_get_the_answers_they_would_get_alone(engine: GraphEngine) -> None:
    given = [lightness(1, 1, 32 * (1 + index % 3), 64) for index in range(12)]
    alone = [engine.predict(l) for l in given]
    with ThreadPoolExecutor(4) as threads:
        for together, expected in zip(threads.map(engine.predict, given), alone, strict=True):
            np.testing.assert_array_equal(together, expected)


@pytest.mark.parametrize("harm", ["other weights", "fewer weights", "cut", "no graph", "gone"])
def test_a_graph_that_does_not_fit_its_weights_is_told_in_one_line(tmp_path: Path, harm: str) -> None:
    model, graph = (Path(shutil.copy(each, tmp_path)) for each in (SHIPPED_MODEL, SHIPPED_GRAPH))
    match harm:
        case "other weights":
            content = bytearray(model.read_bytes())
            content[-1] ^= 1
            model.write_bytes(content)
        case "fewer weights":
            model.write_bytes(model.read_bytes()[:4_000_000])
        case "cut":
            graph.write_bytes(graph.read_bytes()[:3000])
        case "no graph":
            graph.write_text("no graph")
        case "gone":
            graph.unlink()
    with pytest.raises(WeightsError, match="export it again") as told:
        GraphEngine(graph, model)
    assert str(told.value).startswith(f"{graph}: ")
    assert "\n" not in str(told.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the memory of a process as Linux does")
def test_memory_that_is_not_there_is_a_memory_error() -> None:
    code = (
        "import resource, numpy as np; from colorize.coloring.engine import NetworkConditions;"
        "from colorize.coloring.engine.graph_engine import GraphEngine;"
        "from colorize.models.modelfile import SHIPPED_MODEL;"
        "engine = GraphEngine(SHIPPED_MODEL.with_suffix('.onnx'), SHIPPED_MODEL);"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)); l = np.zeros((1, 1, 2048, 4096), np.float32)\n"
        "try:\n    engine.predict(l, NetworkConditions(np.zeros((1, 3, 2048, 4096), np.float32)))\n"
        "except MemoryError as error:\n    print(repr(error))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "MemoryError('not enough memory')\n", done.stderr


def test_the_runtime_tells_nobody_about_its_use(tmp_path: Path) -> None:
    """It would from its import on, hence a fresh interpreter: what it collects goes through files in these folders."""
    folders = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(tmp_path))
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"} | folders
    code = "from colorize import Colorizer; Colorizer.load(engine='onnx', device='cpu')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
