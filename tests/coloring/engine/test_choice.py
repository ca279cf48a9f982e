"""Which engine is taken, and what is said where the one that was wanted is not there."""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path

import pytest

from colorize.coloring.engine import choice
from colorize.coloring.engine.choice import open_engine
from colorize.coloring.engine.graph_engine import GraphEngine
from colorize.coloring.engine.torch_engine import TorchEngine
from colorize.errors import ConfigError, WeightsError
from colorize.models.modelfile import GRAPH_SUFFIX, SHIPPED_MODEL


@pytest.fixture(autouse=True)
def _warnings_anew() -> None:
    choice._warn.cache_clear()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A model file without a graph."""
    return Path(shutil.copy(SHIPPED_MODEL, tmp_path))


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "colorize")
    return caplog


def test_a_cpu_takes_the_graph_and_says_so(told: pytest.LogCaptureFixture) -> None:
    engine, info = open_engine(SHIPPED_MODEL, device="cpu")
    assert isinstance(engine, GraphEngine)
    assert info == open_engine(SHIPPED_MODEL, "torch")[1]
    assert [(record.levelno, record.message) for record in told.records] == [
        (logging.INFO, "colorize.safetensors on the engine onnx, on the CPU"),
        (logging.INFO, "colorize.safetensors on the engine torch, on cpu"),
    ]


def test_where_torch_can_use_a_card_it_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "may_have_cuda", lambda: True)
    assert isinstance(open_engine(SHIPPED_MODEL)[0], GraphEngine)  # a driver, but no card that torch can use
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert not choice._is_for_graphs(SHIPPED_MODEL, "auto")
    assert choice._is_for_graphs(SHIPPED_MODEL, "cpu")
    assert not choice._is_for_graphs(SHIPPED_MODEL, "cuda")


def test_a_card_without_torch_takes_the_graph_and_says_how_to_use_the_card(
    monkeypatch: pytest.MonkeyPatch, told: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choice, "may_have_cuda", lambda: True)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert isinstance(open_engine(SHIPPED_MODEL)[0], GraphEngine)
    assert [record.levelname for record in told.records] == ["INFO", "INFO"]
    assert "pip install 'colorize-photos[torch]'" in told.records[0].message


def test_without_torch_a_graph_that_cannot_be_used_is_the_error(monkeypatch: pytest.MonkeyPatch, bare: Path) -> None:
    bare.with_suffix(GRAPH_SUFFIX).write_text("of another model")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(WeightsError, match="export it again"):
        open_engine(bare)


def test_a_model_without_a_graph_runs_on_torch_and_nothing_is_amiss(bare: Path, told: pytest.LogCaptureFixture) -> None:
    assert isinstance(open_engine(bare, device="cpu")[0], TorchEngine)
    assert [record.levelname for record in told.records] == ["INFO"]
    with pytest.raises(WeightsError, match=r"has no graph colorize\.onnx beside it; .*export .*\.safetensors makes"):
        open_engine(bare, "onnx")


def test_without_onnx_runtime_torch_stands_in_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, told: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for _ in range(2):
        assert isinstance(open_engine(SHIPPED_MODEL, device="cpu")[0], TorchEngine)
    assert [record.message for record in told.records if record.levelno == logging.WARNING] == [
        "ONNX Runtime is not installed (pip install onnxruntime); using torch, which starts later"
    ]
    with pytest.raises(ConfigError, match="ONNX Runtime is not installed"):
        open_engine(SHIPPED_MODEL, "onnx")


def test_a_graph_of_other_weights_is_not_used(bare: Path, told: pytest.LogCaptureFixture) -> None:
    graph = bare.with_suffix(GRAPH_SUFFIX)
    graph.write_text("of another model")
    assert isinstance(open_engine(bare, device="cpu")[0], TorchEngine)
    assert told.records[0].levelname == "WARNING"
    assert str(graph) in told.records[0].message
    with pytest.raises(WeightsError, match="export it again"):
        open_engine(bare, "onnx")


def test_names_that_are_not_known_or_do_not_go_together_are_told() -> None:
    with pytest.raises(ConfigError, match="unknown engine 'steam': expected one of auto, torch, onnx"):
        open_engine(SHIPPED_MODEL, "steam")
    with pytest.raises(ConfigError, match="the engine 'onnx' is for the CPU, not for 'mps'"):
        open_engine(SHIPPED_MODEL, "onnx", "mps")
