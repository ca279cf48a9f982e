"""Which engine a model runs on: an exported graph on CPUs where there is one, torch for everything else.

What was chosen goes to the log "colorize" as information, and what was missing as a warning, once.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from colorize.coloring.engine import Engine
from colorize.errors import ConfigError, WeightsError
from colorize.models.modelfile import GRAPH_SUFFIX, ModelInfo, read_info
from colorize.options import ENGINES, check_device, check_known
from colorize.requirements import install_command, is_installed, require
from colorize.system.cores import may_have_cuda

_log = logging.getLogger("colorize")


def open_engine(model: Path, name: str = "auto", device: str = "auto") -> tuple[Engine, ModelInfo]:
    """Open a model file on an engine.

    Args:
        model: the model file.
        name: of the engine, one of `ENGINES`. "auto" is the graph beside the model file where the device is the CPU and
            both the graph and ONNX Runtime are there, else torch.
        device: one of `DEVICES`, or a numbered card such as cuda:1. "auto" is a CUDA card if there is one, otherwise
            the CPU: a graph there has finished before torch has started on MPS.

    Returns:
        The engine, and what the model file says of itself.

    Raises:
        ConfigError: a name is unknown, or the engine or the device is not there.
        WeightsError: the file is not a model.
    """
    check_known("engine", name, ENGINES)
    check_device(device)
    info = read_info(model)
    if name == "torch" or (name == "auto" and not _is_for_graphs(model, device)):
        require("torch", _what_needs_torch(model, name, device))
        return _open_torch(model, device), info
    try:
        return _open_graph(model, device), info
    except (ConfigError, WeightsError) as error:
        if name != "auto" or not is_installed("torch"):
            raise
        _warn(f"{error}; using torch, which starts later")
        return _open_torch(model, device), info


def _what_needs_torch(model: Path, name: str, device: str) -> str:
    if name == "torch":
        return f"the engine {name!r}"
    if device not in ("auto", "cpu"):
        return f"the device {device!r}"
    return f"{model} has no graph {model.with_suffix(GRAPH_SUFFIX).name} beside it and"


def _is_for_graphs(model: Path, device: str) -> bool:
    if device not in ("auto", "cpu") or not model.with_suffix(GRAPH_SUFFIX).is_file():
        return False
    if device == "auto" and may_have_cuda():
        if not is_installed("torch"):
            _log.info("a graphics card is likely here: %s lets torch use it", install_command("torch"))
            return True
        import torch

        return not torch.cuda.is_available()
    return True


def _open_graph(model: Path, device: str) -> Engine:
    graph = model.with_suffix(GRAPH_SUFFIX)
    if device not in ("auto", "cpu"):
        raise ConfigError(f"the engine 'onnx' is for the CPU, not for {device!r}")
    if not graph.is_file():
        raise WeightsError(f"{model}: has no graph {graph.name} beside it; python -m colorize.export {model} makes one")
    if not is_installed("onnxruntime"):
        raise ConfigError("ONNX Runtime is not installed (pip install onnxruntime)")
    from colorize.coloring.engine.graph_engine import GraphEngine

    opened = GraphEngine(graph, model)
    _log.info("%s on the engine onnx, on the CPU", model.name)
    return opened


def _open_torch(model: Path, device: str) -> Engine:
    from colorize.coloring.engine.torch_engine import TorchEngine, resolve_device
    from colorize.models.weights import load_generator

    place = resolve_device(device)
    opened = TorchEngine(load_generator(model)[0], place)
    _log.info("%s on the engine torch, on %s", model.name, place)
    return opened


@cache
def _warn(text: str) -> None:
    """Once."""
    _log.warning(text)
