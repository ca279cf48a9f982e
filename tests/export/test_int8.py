"""Graphs that partly compute in 8 bits: how far they may be off, what is searched, and what is not written."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from colorize import Colorizer
from colorize.color.lightness import levels_to_l
from colorize.color.units import AB_RANGE
from colorize.errors import DataError
from colorize.export.__main__ import main
from colorize.export.int8 import Deviation, Photos, Quantizer, answers, compare, read_photos, search
from colorize.models.architectures import build_generator
from colorize.models.modelfile import GRAPH_SUFFIXES, SHIPPED_MODEL
from colorize.models.weights import save_generator
from colorize.training.data import find_sources

if TYPE_CHECKING:
    import onnx

SAMPLES = sorted((Path(__file__).parents[2] / "colorize" / "samples").glob("*.jpg"))
SHIPPED_INT8 = SHIPPED_MODEL.with_suffix(GRAPH_SUFFIXES["int8"])


def photos(count: int = 4, spread: float = 1.0) -> Photos:
    rng = np.random.default_rng(3)
    l = rng.uniform(-spread, spread, (count, 1, 32, 32)).astype(np.float32)
    hints = rng.uniform(-spread, spread, (count, 3, 32, 32)).astype(np.float32)
    return Photos(l, hints, rng.uniform(-0.3, 0.3, (count, 2, 32, 32)).astype(np.float32))


def small_graph() -> onnx.ModelProto:
    """4 channels → 16 → 16 → ab, and beside it a convolution that `ab` does not need."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(4)
    weights = {
        "first": rng.normal(0, 0.4, (16, 4, 3, 3)),
        "second": rng.normal(0, 0.1, (16, 16, 3, 3)),
        "last": rng.normal(0, 0.005, (2, 16, 3, 3)),
        "other": rng.normal(0, 0.1, (5, 16, 1, 1)),
    }
    nodes = [helper.make_node("Concat", ["l", "hints"], ["both"], axis=1)]
    for name, given in (("first", "both"), ("second", "first ↑"), ("last", "second ↑"), ("other", "second ↑")):
        side = weights[name].shape[-1]
        made = {"last": "ab", "other": "logits"}.get(name, name)
        nodes.append(helper.make_node("Conv", [given, f"{name}.weight"], [made], name, pads=[side // 2] * 4))
        if made == name:
            nodes.append(helper.make_node("Relu", [name], [f"{name} ↑"], f"{name} relu"))
    shapes = {"l": 1, "hints": 3, "ab": 2, "logits": 5}
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", channels, "H", "W"])
        for name, channels in shapes.items()
    }
    graph = helper.make_graph(
        nodes,
        "small",
        [values["l"], values["hints"]],
        [values["ab"], values["logits"]],
        [numpy_helper.from_array(weight.astype(np.float32), f"{name}.weight") for name, weight in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_equal_answers_do_not_deviate_and_pass() -> None:
    seen = photos()
    assert compare(seen.ab, seen.ab, seen) == Deviation(0, 0, 0, 0)
    assert Deviation(0, 0, 0, 0).passes


def test_a_deviation_is_in_units_of_a_and_b_and_the_worst_photo_is_told() -> None:
    seen = photos()
    moved = seen.ab.copy()
    moved[2] += 4 / AB_RANGE
    deviation = compare(moved, seen.ab, seen)
    assert deviation.mean == pytest.approx(1, rel=1e-3)
    assert deviation.worst == pytest.approx(4, rel=1e-3)
    gray = compare(0 * seen.ab, seen.ab, seen)
    assert gray.colorfulness > 10
    assert gray.histogram > 0.5


@pytest.mark.parametrize("field", ["mean", "worst", "colorfulness", "histogram"])
def test_each_bound_of_the_gate_counts(field: str) -> None:
    bounds = {"mean": 1.0, "worst": 3.0, "colorfulness": 0.5, "histogram": 0.01}
    assert Deviation(**bounds).passes
    assert not Deviation(**bounds | {field: 1.01 * bounds[field]}).passes
    assert not Deviation(**bounds | {field: math.nan}).passes


def test_the_search_takes_what_passes_and_leaves_alone_what_gains_nothing() -> None:
    seen = photos()
    quantizer = Quantizer(small_graph(), seen)
    assert set(quantizer.convolutions) == {"second", "last"}  # one joins few channels, one is not for ab
    assert quantizer.convolutions["second"] == 16 * 16 * 9 * 32 * 32
    found = search(quantizer, seen)
    assert found.deviation.passes
    assert found.convolutions == 2
    weights = {tensor.name: tensor.data_type for tensor in found.graph.graph.initializer}
    assert {name for name, kind in weights.items() if kind == 3} >= {"second.weight_quantized", "last.weight_quantized"}
    expected = answers(quantizer.graph, seen)
    difference = AB_RANGE * np.abs(answers(found.graph, seen) - expected)
    assert 0 < difference.mean() <= 1


def test_what_does_not_pass_is_found_out() -> None:
    quantizer = Quantizer(small_graph(), photos(spread=0.02))  # numbers of real photos are far outside that range
    found = search(quantizer, photos())
    assert not found.deviation.passes
    assert found.convolutions == 1


def save_colors(folder: Path, count: int) -> Path:
    """Photos of random stripes."""
    folder.mkdir()
    for seed in range(count):
        stripes = np.random.default_rng(seed).integers(0, 256, (1, 300, 3), dtype=np.uint8)
        Image.fromarray(stripes.repeat(280, axis=0)).save(folder / f"{seed}.png")
    return folder


def test_photos_fit_the_stride_and_some_have_hints_always_the_same(tmp_path: Path) -> None:
    sources = find_sources([save_colors(tmp_path / "in", 6)])
    seen, again = (read_photos(sources, 5, 128) for _ in range(2))
    assert [each.shape for each in seen] == [(5, channels, 256, 256) for channels in (1, 3, 2)]
    assert 0 < seen.hints[:, 2].any(axis=(1, 2)).sum() < 5
    np.testing.assert_array_equal(seen.hints, again.hints)


def test_photos_without_color_are_told(tmp_path: Path) -> None:
    Image.new("L", (99, 99)).save(tmp_path / "gray.png")
    with pytest.raises(DataError, match="no color photo"):
        read_photos(find_sources([tmp_path]), 3, 32)


def test_8_bits_without_photos_are_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--int8"])
    assert "--int8, --calibration PHOTOS and --validation PHOTOS go together" in capsys.readouterr().err


def test_the_shipped_graph_in_8_bits_is_of_the_shipped_weights_and_near_float32() -> None:
    """If this fails, the model was replaced: CONTRIBUTING.md tells how its graphs are made."""
    assert SHIPPED_INT8.is_file()
    quick, exact = (Colorizer.load(device="cpu", engine=name).engine for name in ("int8", "onnx"))
    assert SAMPLES
    for sample in SAMPLES:
        gray = np.asarray(Image.open(sample).convert("L").resize((192, 192)))
        l = levels_to_l(gray)[None, None].astype(np.float32)
        difference = AB_RANGE * np.abs(quick.predict(l) - exact.predict(l))
        assert 0 < difference.mean() <= 3


@pytest.mark.slow  # half a minute: tracing
def test_a_model_is_exported_in_8_bits_or_told_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    save_generator(tmp_path / "model.safetensors", build_generator("mobile-unet", {"widths": (16, 16, 16, 16)}), {})
    out = tmp_path / "out"
    photos = [
        "--calibration",
        str(save_colors(tmp_path / "a", 2)),
        "--validation",
        str(save_colors(tmp_path / "b", 2)),
    ]
    assert main([str(tmp_path / "model.safetensors"), "-o", str(out), "--int8", *photos]) == 0
    assert "convolutions in 8 bits" in capsys.readouterr().out
    Colorizer.load(out / "model.safetensors", "cpu", "int8").colorize_array(np.zeros((40, 50), np.uint8))
    assert main([str(tmp_path / "model.safetensors"), "-o", str(out)]) == 0
    assert (out / "model.int8.onnx").exists()  # of the same weights
    save_generator(tmp_path / "model.safetensors", build_generator("mobile-unet", {"widths": (16, 16, 16, 16)}), {})
    assert main([str(tmp_path / "model.safetensors"), "-o", str(out)]) == 0
    assert "model.int8.onnx: removed, it was of other weights" in capsys.readouterr().out
    assert not (out / "model.int8.onnx").exists()
