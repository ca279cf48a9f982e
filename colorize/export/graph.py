"""From a generator to an ONNX graph that is quick on CPUs, and whose weights stay in the model file beside it."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize.models.generator import HINT_CHANNELS, THINGS, Generator
from colorize.models.mobile_unet import Up, pool_hints
from colorize.models.modelfile import AB, FEATURES, LOGITS

if TYPE_CHECKING:
    import onnx

_OPSET = 18
_SHARED = 16  # weights of at least so many numbers are read from the model file


class MergedUp(nn.Module):
    """What `Up` answers in evaluation, with 4/9 of the multiplications on what it doubles.

    Of three doubled pixels two are always the same one, and their weights can be added beforehand: a 3×3 convolution
    of doubled pixels is four of 2×2 of the pixels themselves, one for each of the pixels that a pixel becomes.
    """

    taps: Tensor

    def __init__(self, up: Up) -> None:
        super().__init__()
        self.join, self.hint, self.refine = up.join, up.hint, up.refine
        # [phase, which of the two pixels, weight of the 3]; phase 0 begins a pixel early, and that one is cut off
        taps = torch.tensor([[[1.0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]])
        self.register_buffer("taps", taps, persistent=False)

    def forward(self, x: Tensor, skip: Tensor, hints: Tensor | None) -> Tensor:
        conv, norm, activation = cast(tuple[nn.Conv2d, nn.BatchNorm2d, nn.Module], self.join)
        assert norm.running_mean is not None and norm.running_var is not None
        factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        scale = factor.view(-1, 1, 1, 1)
        of_doubled, of_skip = (conv.weight * scale).split([x.shape[1], skip.shape[1]], dim=1)
        rows = torch.einsum("ocij,pui->ocpuj", of_doubled, self.taps)
        kernels = torch.einsum("ocpuj,qvj->opqcuv", rows, self.taps).flatten(0, 2)  # (out · 4, in, 2, 2)
        doubled = F.pixel_shuffle(F.conv2d(x, kernels, padding=1), 2)[:, :, 1:-1, 1:-1]
        x = doubled + F.conv2d(skip, of_skip, norm.bias - norm.running_mean * factor, padding=1)
        if hints is not None and self.hint is not None:
            x = x + F.conv2d(pool_hints(hints, hints.shape[2] // x.shape[2]), self.hint.weight * scale, padding=1)
        refined: Tensor = self.refine(activation(x))
        return refined


class _AllAnswers(nn.Module):
    """A generator's `ab` and, if it has them, the logits of its bins and its features.

    Not the distribution itself: a softmax would be computed for `ab` as well.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def names(self) -> list[str]:
        return [
            AB,
            *([] if self.generator.bins is None else [LOGITS]),
            *(FEATURES if self.generator.has_features else []),
        ]

    def forward(self, l: Tensor, hints: Tensor) -> Tensor | tuple[Tensor, ...]:
        if self.generator.bins is None:
            return cast(Tensor, self.generator(l, hints))
        answer = self.generator(l, hints, logits=True)
        features = (answer.features[THINGS], answer.places) if self.generator.has_features else ()
        return answer.ab, answer.logits, *features


def trace(generator: Generator) -> onnx.ModelProto:
    """The generator in evaluation as a graph from `l` and `hints` to all its answers.

    B, H and W are free, H and W multiples of the stride. Initializers are called as in the state dict.
    """
    import onnx_ir
    from onnxscript import optimizer

    generator = _merged(generator).eval()
    answers = _AllAnswers(generator)
    stride = generator.stride
    l = torch.zeros(2, 1, 2 * stride, 3 * stride)
    hints = torch.zeros(2, HINT_CHANNELS, 2 * stride, 3 * stride)
    free = {
        0: torch.export.Dim("B", min=1, max=1024),
        2: torch.export.Dim("H", min=1, max=1024) * stride,
        3: torch.export.Dim("W", min=1, max=1024) * stride,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what will change in torch
        program = torch.onnx.export(
            answers,
            (l, hints),
            dynamo=True,
            input_names=["l", "hints"],
            output_names=answers.names(),
            dynamic_shapes=(free, free),
            opset_version=_OPSET,
            optimize=False,  # it would fold weights into others
            verbose=False,
        )
    assert program is not None
    optimizer.inline(program.model)
    optimizer.fold_constants(
        program.model,
        input_size_limit=64,
        output_size_limit=4096,
        onnx_shape_inference=False,
        # It would fold the transposed weights of linear layers whatever their size, and they could not be shared.
        should_fold=lambda node: False if node.op_type == "Transpose" else None,
    )
    optimizer.remove_unused_nodes(program.model)
    for initializer in list(program.model.graph.initializers.values()):
        assert initializer.name is not None
        initializer.name = initializer.name.removeprefix("generator.")
    model = onnx_ir.serde.serialize_model(program.model)
    _drop_notes(model)
    return model


def share_weights(model: onnx.ModelProto, weights: Path) -> None:
    """Let large initializers be read from the safetensors file `weights`, which is to be in the graph's folder.

    What is float16 there is made float32 when the graph is loaded.

    Args:
        model: from `trace`; changed in place. An initializer stays in it if it has fewer than 16 numbers, or if the
            file does not hold the same numbers under its name, in float16 or float32.
        weights: the model file of the generator that was traced; the graph refers to it by its name without a folder.
    """
    from onnx import TensorProto, helper, numpy_helper

    stored, begin = _safetensors_header(weights)
    content = np.memmap(weights, np.uint8, "r")
    types = {"F32": (TensorProto.FLOAT, np.float32), "F16": (TensorProto.FLOAT16, np.float16)}
    casts = []
    for tensor in model.graph.initializer:
        entry = stored.get(tensor.name)
        if entry is None or np.prod(tensor.dims) < _SHARED or entry["dtype"] not in types:
            continue
        kind, dtype = types[entry["dtype"]]
        first, last = (begin + offset for offset in entry["data_offsets"])
        there = content[first:last].view(dtype).reshape(entry["shape"])
        if not np.array_equal(there.astype(np.float32), numpy_helper.to_array(tensor)):
            continue
        name = tensor.name
        tensor.Clear()
        tensor.name, tensor.data_type, tensor.data_location = name, kind, TensorProto.EXTERNAL
        tensor.dims.extend(entry["shape"])
        for key, value in (("location", weights.name), ("offset", first), ("length", last - first)):
            tensor.external_data.add(key=key, value=str(value))
        if kind == TensorProto.FLOAT16:
            tensor.name = f"{name}.half"
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _merged(generator: Generator) -> Generator:
    merged = copy.deepcopy(generator)
    for parent in list(merged.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Up):
                setattr(parent, name, MergedUp(child))
    return merged


def _drop_notes(model: onnx.ModelProto) -> None:
    """Drop what tells where in the source each part is from, and initializers that nobody reads."""
    graph = model.graph
    for part in (model, graph, *graph.input, *graph.output, *graph.initializer, *graph.node):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("value_info")
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _safetensors_header(path: Path) -> tuple[dict[str, Any], int]:
    """What is in the file, by name, and where in it the offsets begin: 8 bytes of length, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length)), 8 + length
