"""A model file into a graph: traced, tied to its weights, compared with torch, written."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from colorize.color.units import FloatArray
from colorize.coloring.engine import AUTOMATIC, NetworkConditions
from colorize.coloring.engine.graph_engine import GraphEngine
from colorize.coloring.engine.torch_engine import TorchEngine
from colorize.errors import WeightsError
from colorize.export.graph import share_weights, trace
from colorize.export.int8 import CALIBRATED, COMPARED, Photos, Quantizer, read_photos, search, times_as_fast
from colorize.models.generator import HINT_CHANNELS, Generator
from colorize.models.modelfile import GRAPH_SUFFIXES, GraphInfo, fingerprint
from colorize.models.weights import load_generator
from colorize.system import files
from colorize.training.data import find_sources

if TYPE_CHECKING:
    import onnx

_TOLERANCE = 1e-4  # of `ab`: a hundredth of a unit of a* and b*


class GateError(WeightsError):
    """A graph in 8 bits whose colors are too far from float32's."""


class PhotoPaths(NamedTuple):
    """Folders and shards of color photos for a graph in 8 bits."""

    calibration: Sequence[Path]
    validation: Sequence[Path]  # others, which the gate looks at


def export(model: Path, folder: Path, int8: PhotoPaths | None = None) -> Iterator[str]:
    """Write the graph of `model` into `folder`, with a copy of the model if that is another folder; tells what it did.

    With photos, a graph that partly computes in 8 bits follows, if it passes the gate. One of other weights is removed.
    No graph is written before it is complete. Raises `WeightsError` for a bad model file, for a graph that would answer
    differently, and if something cannot be written; `GateError` for one that does not pass; `DataError` for photos that
    are none.
    """
    generator, _ = load_generator(model)
    with tempfile.TemporaryDirectory(prefix="colorize-") as place:
        weights = Path(shutil.copy(model, place))
        photos = _read(int8, generator.stride) if int8 else None
        whole = trace(generator)
        graph = copy.deepcopy(whole)
        share_weights(graph, weights)
        info = _info(weights, generator)
        made = _save(graph, info, weights.with_suffix(GRAPH_SUFFIXES["onnx"]))
        worst = _compare(GraphEngine(made, weights), generator)
        if not worst <= _TOLERANCE:
            raise WeightsError(f"{model}: its graph differs from torch by {worst:.1e} in ab, it is not written")
        if not _is_same(folder, model.parent):
            _publish(weights, folder)
        target = _publish(made, folder)
        yield f"{target}: {_megabytes(target)}, differs from torch by at most {worst:.1e} in ab"
        quick = folder / weights.with_suffix(GRAPH_SUFFIXES["int8"]).name
        if quick.is_file() and not _belongs(quick, weights):
            _remove(quick)
            yield f"{quick}: removed, it was of other weights"
        if photos:
            yield from _export_int8(whole, info, quick, photos, weights)


def _export_int8(
    graph: onnx.ModelProto, info: GraphInfo, target: Path, photos: tuple[Photos, Photos], weights: Path
) -> Iterator[str]:
    calibration, validation = photos
    quantizer = Quantizer(graph, calibration)
    found = search(quantizer, validation)
    if not found.deviation.passes:
        raise GateError(f"{target}: does not pass, it is not written: {found.deviation}")
    made = _save(found.graph, info, weights.with_suffix(GRAPH_SUFFIXES["int8"]))
    GraphEngine(made, weights)
    _publish(made, target.parent)
    share = f"{found.convolutions} of {len(quantizer.convolutions)} convolutions in 8 bits"
    quicker = f"{times_as_fast(found.graph, quantizer.graph, validation):.2f} times as fast here"
    yield f"{target}: {_megabytes(target)}, {share}, {quicker}; {found.deviation}"


def _belongs(graph: Path, weights: Path) -> bool:
    try:
        GraphEngine(graph, weights)
    except WeightsError:
        return False
    return True


def _remove(graph: Path) -> None:
    try:
        graph.unlink()
    except OSError as error:
        raise WeightsError(f"{graph}: is of other weights and cannot be removed ({error.strerror or error})") from error


def _read(paths: PhotoPaths, stride: int) -> tuple[Photos, Photos]:
    calibration, validation = find_sources(paths.calibration), find_sources(paths.validation)
    return (
        read_photos(calibration.without(validation), CALIBRATED, stride),
        read_photos(validation, COMPARED, stride),
    )


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
    return GraphInfo(fingerprint(weights), engine.stride, "hints" in engine.takes, bins)


def _compare(graph: GraphEngine, generator: Generator) -> float:
    """The largest difference between the answers of the graph and of torch, with and without hints, on two shapes."""
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
