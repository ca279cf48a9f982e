"""Exporting models: the graph answers as torch does and lies beside its weights, or nothing is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from colorize import Colorizer
from colorize.coloring.engine.graph_engine import GraphEngine
from colorize.export.__main__ import main
from colorize.export.graph import MergedUp
from colorize.models.architectures import build_generator
from colorize.models.mobile_unet import Up
from colorize.models.weights import save_generator


def test_a_merged_step_up_answers_as_the_one_it_replaces() -> None:
    up = Up(6, 4, 5, guided=True).eval()
    assert up.hint is not None
    nn.init.normal_(up.hint.weight)
    for module in up.modules():
        if isinstance(module, nn.BatchNorm2d):
            for statistic in (module.weight, module.bias, module.running_mean, module.running_var):
                assert statistic is not None
                nn.init.uniform_(statistic, 0.5, 1.5)
    x, skip, hints = torch.randn(2, 6, 3, 5), torch.randn(2, 4, 6, 10), torch.zeros(2, 3, 12, 20)
    hints[:, :, 3, 4:9] = 0.5
    with torch.inference_mode():
        torch.testing.assert_close(MergedUp(up).eval()(x, skip, hints), up(x, skip, hints))


def test_what_cannot_be_exported_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.safetensors").write_text("no model")
    for name in ("no", "missing"):
        assert main([str(tmp_path / f"{name}.safetensors"), "-o", str(tmp_path / "out")]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"export: {tmp_path / name}.safetensors: ")
        assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow  # half a minute each: tracing
@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("mobile-unet", {"widths": (16, 8, 8, 8)}),
        ("mobile-unet", {"widths": (16, 8, 8, 8), "head": "bins"}),
        ("mobile-unet", {"widths": (16, 8, 8, 8), "head": "ab+bins", "guided": True}),
        (
            "context-unet",
            {
                "widths": (32, 32, 8, 8, 8),
                "attention": (1, 1),
                "refinement": (1, 1, 0),
                "coherence": 2,
                "doubt": [0.3, 0.2],
            },
        ),
        ("unet", {"ngf": 8, "depth": 5}),
    ],
)
def test_an_exported_model_is_taken_by_itself_and_answers_as_torch_does(
    tmp_path: Path, architecture: str, settings: dict[str, object]
) -> None:
    generator = build_generator(architecture, settings)
    for conv in generator.hint_convs():
        nn.init.normal_(conv.weight, std=0.1)
    save_generator(tmp_path / "model.safetensors", generator, {"steps": 3}, torch.float16)
    assert main([str(tmp_path / "model.safetensors"), "-o", str(tmp_path / "out")]) == 0  # compares, hints among it
    copy = tmp_path / "out" / "model.safetensors"
    assert copy.read_bytes() == (tmp_path / "model.safetensors").read_bytes()
    gray = np.random.default_rng(0).integers(0, 256, (70, 90), dtype=np.uint8)
    graph, reference = Colorizer.load(copy, "cpu"), Colorizer.load(copy, "cpu", "torch")
    assert isinstance(graph.engine, GraphEngine)
    assert graph.info == reference.info
    difference = graph(gray).astype(int) - reference(gray)
    assert np.abs(difference).max() <= 1
    made = onnx.load(copy.with_suffix(".onnx"), load_external_data=False)
    kept_inside = [each for each in made.graph.initializer if each.data_location != onnx.TensorProto.EXTERNAL]
    matrices = [np.prod(each.dims) for each in kept_inside if len(each.dims) > 1]
    assert max(matrices, default=0) < 1000  # weights are in the model file only
