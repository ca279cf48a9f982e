"""Everything a run needs to go on, in one safetensors file: tensors beside a JSON tree that says where each belongs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colorize.errors import TrainingError, WeightsError
from colorize.models.tensorfile import read_tensors, write_tensors

_TENSOR = "tensor:"


def save_state(path: Path, tree: dict[str, Any]) -> None:
    """Write a tree of dicts, lists, tensors and plain values, whole or not at all.

    Args:
        path: of the safetensors file; one that is there is replaced.
        tree: what is saved; its plain values are what JSON holds.

    Raises:
        TrainingError: a tensor holds something that is not a finite number; the file before it stays.
        WeightsError: the file cannot be written; the file before it stays.
    """
    tensors: dict[str, Tensor] = {}
    plain = _detach(tree, tensors, "")
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise TrainingError(f"{path}: not written, {name} is not finite")
    write_tensors(path, tensors, {"state": json.dumps(plain)})


def load_state(path: Path) -> dict[str, Any]:
    """What `save_state` wrote; tuples come back as lists and keys as strings. Raises `WeightsError`."""
    tensors, metadata = read_tensors(path)
    try:
        tree = _attach(json.loads(metadata["state"]), tensors)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: not the state of a training run ({error})") from error
    assert isinstance(tree, dict)
    return tree


def _detach(tree: Any, tensors: dict[str, Tensor], name: str) -> Any:
    if isinstance(tree, Tensor):
        tensors[name] = tree
        return _TENSOR + name
    if isinstance(tree, dict):
        return {str(key): _detach(value, tensors, f"{name}/{key}" if name else str(key)) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_detach(value, tensors, f"{name}/{i}") for i, value in enumerate(tree)]
    return tree


def _attach(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, str) and tree.startswith(_TENSOR):
        return tensors[tree.removeprefix(_TENSOR)]
    if isinstance(tree, dict):
        return {key: _attach(value, tensors) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_attach(value, tensors) for value in tree]
    return tree


def load_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Undo what JSON did to the keys.

    Args:
        optimizer: takes up the state; of the same parameters as the one that was saved.
        saved: an optimizer's `state_dict()`, as it comes back from `load_state`.
    """
    optimizer.load_state_dict({**saved, "state": {int(key): value for key, value in saved["state"].items()}})
