"""A graph whose less sensitive convolutions compute in 8 bits; which ones is searched for, and a gate bounds the harm.

Numbers between layers have 8 bits, weights 7 and a scale for each channel: processors without VNNI add pairs of
products in 16 bits, which 8-bit weights would overflow.
"""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnxruntime
import torch

from colorize.color.metrics import ab_histograms, colorfulness, histogram_intersection
from colorize.color.tensors import lab_to_rgb
from colorize.color.units import AB_RANGE, FloatArray
from colorize.errors import DataError, WeightsError
from colorize.options import ColorizeOptions
from colorize.training.augment import to_batch, to_float
from colorize.training.config import TrainConfig
from colorize.training.data import Sources, validation_photos
from colorize.training.simulated_hints import simulate_hints

if TYPE_CHECKING:
    import onnx

CALIBRATED = 64  # photos that tell the range of each layer's numbers
COMPARED = 100  # photos that the gate looks at
_TRIED = 4  # photos that tell how sensitive a layer is
_HINTED = 0.5  # of the photos: so many have hints
_BATCH = 16  # photos measured at once
_TURNS = 15
_JOINED = 16  # channels; what joins fewer, as each filter by itself does, is as quick in float32
_SHARE = 0.02  # of the multiplications: what does less harms the answer and hardly gains
_LARGE = 1024  # so many float weights of a layer are kept in 16 bits, as in the model file
_ACTIVATIONS = ("Relu", "Clip")  # computed together with the convolution before them


class Photos(NamedTuple):
    """What a network sees of photos, and their colors."""

    l: FloatArray  # (N, 1, S, S)
    hints: FloatArray  # (N, 3, S, S)
    ab: FloatArray  # (N, 2, S, S)


@dataclass(frozen=True)
class Deviation:
    """How far answers in 8 bits are from those in float32, on photos whose colors are known."""

    mean: float  # |Δa*| and |Δb*|, their mean over all photos
    worst: float  # the same of the photo where it is largest
    colorfulness: float  # difference of the means
    histogram: float  # difference of the intersections with the truth's, the larger of a* and b*

    @property
    def passes(self) -> bool:
        """The gate: what does not pass is not written."""
        return self.mean <= 1.0 and self.worst <= 3.0 and self.colorfulness <= 0.5 and self.histogram <= 0.01

    def __str__(self) -> str:
        return (
            f"ab differ by {self.mean:.2f} (at most 1), the worst photo's by {self.worst:.2f} (at most 3), "
            f"colorfulness by {self.colorfulness:.2f} (at most 0.5), histograms by {self.histogram:.4f} (at most .01)"
        )


def read_photos(sources: Sources, count: int, stride: int) -> Photos:
    """The middle squares of the first photos, at the size that the default is. Raises `DataError` if there is none."""
    size = math.ceil(ColorizeOptions().size / stride) * stride
    rgb = validation_photos(sources, TrainConfig(size=size, validation_photos=count), held_out=False)
    if not len(rgb):
        raise DataError("no color photo to calibrate and compare with")
    l, ab, *_ = to_batch(to_float(rgb, torch.device("cpu")))
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(0)
        hints = simulate_hints(ab, _HINTED)
    return Photos(l.numpy(), hints.numpy(), ab.numpy())


class Quantizer:
    """Makes versions of a float32 graph in which some convolutions compute in 8 bits."""

    def __init__(self, graph: onnx.ModelProto, calibration: Photos) -> None:
        from onnxruntime.quantization import CalibrationDataReader, create_calibrator

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                self.photos = _one_by_one(calibration)

            def get_next(self) -> dict[str, FloatArray] | None:
                return next(self.photos, None)

        self.photos = Photos(*(each[:_TRIED] for each in calibration))
        with tempfile.TemporaryDirectory(prefix="colorize-") as folder:
            self.graph = _folded(graph, Path(folder))
            path = Path(folder, "float.onnx")
            path.write_bytes(self.graph.SerializeToString())
            kinds = ["Conv", "Add", *_ACTIVATIONS]
            calibrator = create_calibrator(path, kinds, augmented_model_path=str(Path(folder, "ranges.onnx")))
            calibrator.collect_data(Reader())
            self._ranges = calibrator.compute_data()
        self.convolutions = _candidates(self.graph, self.photos)  # and the multiplications of each

    def by_merit(self) -> list[str]:
        """The convolutions, first those that, alone in 8 bits, change the answer least for the work that they are."""
        expected = answers(self.graph, self.photos)
        changes = {
            name: float(np.abs(answers(self.in_8_bits([name]), self.photos) - expected).mean())
            for name in self.convolutions
        }
        return sorted(changes, key=lambda name: changes[name] / self.convolutions[name])

    def in_8_bits(self, convolutions: Sequence[str]) -> onnx.ModelProto:
        """The graph with these in 8 bits, and with them the activations and sums of what they answer."""
        from onnxruntime.quantization import QuantType
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

        chosen = set(convolutions)
        made = {output for node in self.graph.graph.node if node.name in chosen for output in node.output}
        for node in self.graph.graph.node:  # in the order of computing
            if node.op_type in ("Add", *_ACTIVATIONS) and made.intersection(node.input):
                chosen.add(node.name)
                made.update(node.output)
        quantizer = QDQQuantizer(
            copy.deepcopy(self.graph),
            per_channel=True,
            reduce_range=True,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=self._ranges,
            nodes_to_quantize=sorted(chosen),
            nodes_to_exclude=[],
            op_types_to_quantize=["Conv", "Add", *_ACTIVATIONS],
            extra_options={},
        )
        quantizer.quantize_model()
        made_model: onnx.ModelProto = quantizer.model.model
        _halve(made_model)
        return made_model


class Found(NamedTuple):
    """What a search came to: the most convolutions in 8 bits that pass the gate, else one, which does not."""

    graph: onnx.ModelProto
    deviation: Deviation
    convolutions: int  # in 8 bits


def search(quantizer: Quantizer, validation: Photos) -> Found:
    """Halve the number of convolutions in question until it is known. Raises `WeightsError` if there is none."""
    order = quantizer.by_merit()
    if not order:
        raise WeightsError("the graph has no convolution that would gain by 8 bits")
    expected = answers(quantizer.graph, validation)
    passing: Found | None = None
    failing: Found | None = None
    fewest, most = 1, len(order)
    while fewest <= most:
        count = (fewest + most + 1) // 2
        graph = quantizer.in_8_bits(order[:count])
        found = Found(graph, compare(answers(graph, validation), expected, validation), count)
        if found.deviation.passes:
            passing, fewest = found, count + 1
        else:
            failing, most = found, count - 1
    best = passing or failing
    assert best is not None
    return best


@torch.no_grad()
def compare(ab: FloatArray, expected: FloatArray, photos: Photos) -> Deviation:
    """Answers in 8 bits with those expected, both (N, 2, S, S)."""
    of_photos = AB_RANGE * np.abs(ab - expected).mean(axis=(1, 2, 3))  # (N,)
    cf, histograms = zip(*(_colors(photos.l, each) for each in (ab, expected, photos.ab)), strict=True)
    shares = [histogram_intersection(each, histograms[2]) for each in histograms[:2]]
    return Deviation(
        mean=float(of_photos.mean()),
        worst=float(of_photos.max()),
        colorfulness=abs(cf[0] - cf[1]),
        histogram=float((shares[0] - shares[1]).abs().max()),
    )


def answers(graph: onnx.ModelProto, photos: Photos) -> FloatArray:
    """A graph's `ab` (N, 2, S, S) of photos."""
    session = _session(graph)
    return np.concatenate([session.run(["ab"], each)[0] for each in _one_by_one(photos)])


def times_as_fast(graph: onnx.ModelProto, reference: onnx.ModelProto, photos: Photos) -> float:
    """How many times as fast as a reference a graph is here, on one thread, in turns."""
    given = next(_one_by_one(photos))
    sessions = [_session(reference), _session(graph)]
    seconds: list[list[float]] = [[], []]
    for _ in range(_TURNS):
        for session, each in zip(sessions, seconds, strict=True):
            begin = time.process_time()
            session.run(["ab"], given)
            each.append(time.process_time() - begin)
    return median(seconds[0]) / median(seconds[1])


def _colors(l: FloatArray, ab: FloatArray) -> tuple[float, torch.Tensor]:
    """Mean colorfulness, and the histograms of a* and b*."""
    cf, histograms = [], torch.zeros(())
    for first in range(0, len(l), _BATCH):
        rows = slice(first, first + _BATCH)
        rgb = lab_to_rgb(torch.from_numpy(l[rows]), torch.from_numpy(ab[rows]))
        cf.append(colorfulness(rgb))
        histograms = histograms + ab_histograms(rgb)
    return float(torch.cat(cf).mean()), histograms


def _one_by_one(photos: Photos) -> Iterator[dict[str, FloatArray]]:
    for index in range(len(photos.l)):
        yield {"l": photos.l[index : index + 1], "hints": photos.hints[index : index + 1]}


def _session(graph: onnx.ModelProto, **settings: Any) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    for name, value in settings.items():
        setattr(options, name, value)
    return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _folded(graph: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """The graph with what is constant computed, norms in the convolutions before them."""
    import onnx

    path = folder / "folded.onnx"
    basic = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    _session(graph, graph_optimization_level=basic, optimized_model_filepath=str(path))
    return onnx.load(path)


def _candidates(graph: onnx.ModelProto, photos: Photos) -> dict[str, int]:
    """The convolutions that `ab` needs and that are large enough to gain by 8 bits: multiplications for a photo."""
    weights = {tensor.name: tensor.dims for tensor in graph.graph.initializer}
    found, needed = [], {"ab"}
    for node in reversed(graph.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            if node.op_type == "Conv" and node.input[1] in weights and weights[node.input[1]][1] >= _JOINED:
                found.append(node)
    seen = copy.deepcopy(graph)
    del seen.graph.output[:]
    seen.graph.output.extend(type(graph.graph.output[0])(name=node.output[0]) for node in found)
    made = _session(seen).run(None, next(_one_by_one(photos))) if found else []
    work = {
        node.name: math.prod(weights[node.input[1]]) * math.prod(answer.shape[2:])
        for node, answer in zip(found, made, strict=True)
    }
    return {name: each for name, each in work.items() if each >= _SHARE * sum(work.values())}


def _halve(graph: onnx.ModelProto) -> None:
    """Keep large float32 weights in 16 bits; they are made float32 when the graph is loaded."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1 and np.prod(tensor.dims) >= _LARGE:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
