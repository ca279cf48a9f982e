"""Tensors into safetensors files, whole or not at all, and out of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from colorize.errors import WeightsError
from colorize.models.modelfile import damaged, missing
from colorize.system import files


def write_tensors(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, whole or not at all.

    Args:
        path: of the file; replaced if it exists, and its folder is made.
        tensors: by name, on any device.
        metadata: texts by name, for the file's header.

    Raises:
        WeightsError: it cannot be written, also because it is write-protected; what was there is then as it was.
    """
    # clone: safetensors refuses tensors that share memory
    separate = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        with files.atomic(path) as file:
            file.write(save(separate, dict(metadata)))
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"{path}: cannot be written ({reason})") from error


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a safetensors file and its metadata. Raises `WeightsError` naming the file and what is wrong."""
    try:
        if not Path(path).is_file():
            raise missing(path)
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from error
