"""A model file into a graph: traced, tied to its weights, compared with torch, written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from colorize.color.units import FloatArray
from colorize.coloring.engine import AUTOMATIC, NetworkConditions
from colorize.coloring.engine.graph_engine import GraphEngine
from colorize.coloring.engine.torch_engine import TorchEngine
from colorize.errors import WeightsError
from colorize.export.graph import share_weights, trace
from colorize.models.generator import HINT_CHANNELS, Generator
from colorize.models.modelfile import GRAPH_SUFFIX, GraphInfo, fingerprint
from colorize.models.weights import load_generator
from colorize.system import files

if TYPE_CHECKING:
    import onnx

_TOLERANCE = 1e-4  # of `ab`: a hundredth of a unit of a* and b*


def export(model: Path, folder: Path) -> Iterator[str]:
    """Write the graph of `model` into `folder`, with a copy of the model if that is another folder; tells what it did.

    No graph is written before it is complete.

    Args:
        model: a model file.
        folder: where the graph goes, under the model's name; made if need be. The graph reads its weights from the
            model beside it.

    Yields:
        One line, when all is written: the graph's path and size, and by how much it differs from torch.

    Raises:
        WeightsError: the model file is bad, its graph would answer differently, or something cannot be written.
    """
    generator, _ = load_generator(model)
    with tempfile.TemporaryDirectory(prefix="colorize-") as place:
        weights = Path(shutil.copy(model, place))
        graph = trace(generator)
        share_weights(graph, weights)
        made = _save(graph, _info(weights, generator), weights.with_suffix(GRAPH_SUFFIX))
        worst = _compare(GraphEngine(made, weights), generator)
        if not worst <= _TOLERANCE:
            raise WeightsError(f"{model}: its graph differs from torch by {worst:.1e} in ab, it is not written")
        if not _is_same(folder, model.parent):
            _publish(weights, folder)
        target = _publish(made, folder)
        yield f"{target}: {_megabytes(target)}, differs from torch by at most {worst:.1e} in ab"


def _save(graph: onnx.ModelProto, info: GraphInfo, path: Path) -> Path:
    del graph.metadata_props[:]
    for key, value in info.to_metadata().items():
        graph.metadata_props.add(key=key, value=value)
    path.write_bytes(graph.SerializeToString())
    return path


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"


def _info(weights: Path, generator: Generator) -> GraphInfo:
    engine = TorchEngine(generator, torch.device("cpu"))
    bins = None if engine.bins is None else engine.bins.tolist()
    return GraphInfo(fingerprint(weights), engine.stride, "hints" in engine.takes, bins, "reference" in engine.takes)


def _compare(graph: GraphEngine, generator: Generator) -> float:
    """The largest difference between the answers of the graph and of torch, with and without hints, on two shapes.

    Of features it is that share of the largest.
    """
    reference = TorchEngine(generator, torch.device("cpu"))
    rng = np.random.default_rng(0)
    worst = 0.0
    for batch, rows, columns in ((1, 2, 2), (2, 1, 3)):
        shape = (batch, 1, rows * generator.stride, columns * generator.stride)
        l: FloatArray = rng.uniform(-1, 1, shape).astype(np.float32)
        hints = np.zeros((batch, HINT_CHANNELS, *shape[2:]), np.float32)
        hints[:, :, :: generator.stride // 2, 5] = 0.5
        for given in (AUTOMATIC, NetworkConditions(hints)):
            worst = max(worst, _difference(graph.predict(l, given), reference.predict(l, given)))
            if reference.bins is not None:
                probabilities = graph.predict_distribution(l, given), reference.predict_distribution(l, given)
                worst = max(worst, _difference(*probabilities))
        if "reference" in reference.takes:
            for one, other in zip(graph.predict_features(l), reference.predict_features(l), strict=True):
                worst = max(worst, _difference(one, other) / float(np.abs(other).max()))
    return worst


def _difference(one: FloatArray, other: FloatArray) -> float:
    return float(np.abs(one - other).max())


def _is_same(one: Path, other: Path) -> bool:
    return one.is_dir() and one.samefile(other)


def _publish(made: Path, folder: Path) -> Path:
    target = folder / made.name
    try:
        with files.atomic(target) as file, made.open("rb") as source:
            shutil.copyfileobj(source, file)
    except OSError as error:
        raise WeightsError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target
