"""What a model file says of itself, read without torch: safetensors with a description in the metadata.

Metadata: `format` ("colorize"), `format_version`, `architecture`, `settings` (JSON), `training` (JSON: how the weights
came about).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from colorize.errors import WeightsError
from colorize.system.files import sha256

SHIPPED_MODEL = Path(__file__).parents[1] / "weights" / "colorize.safetensors"

FORMAT = "colorize"
FORMAT_VERSION = 1

AB, LOGITS, FEATURES = "ab", "logits", ("things", "places")  # what the answers of a graph are called

GRAPH_SUFFIX = ".onnx"  # of an exported graph, which is in its model file's folder and called like it


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says of itself."""

    architecture: str
    settings: dict[str, Any]
    training: dict[str, Any]


@dataclass(frozen=True)
class GraphInfo:
    """What an exported graph says of itself: the properties of `Engine`, and which model file it was made of."""

    fingerprint: str
    stride: int
    takes_hints: bool
    bins: list[list[float]] | None  # (Q, 2)
    has_features: bool

    def to_metadata(self) -> dict[str, str]:
        return {field.name: json.dumps(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> GraphInfo:
        """Raises `ValueError` for metadata of another kind."""
        try:
            return cls(**{field.name: json.loads(metadata[field.name]) for field in fields(cls)})
        except KeyError as error:
            raise ValueError(f"no {error.args[0]} in its metadata") from error


def read_info(path: str | os.PathLike[str]) -> ModelInfo:
    """The description in a model file. Raises `WeightsError`, naming the file, for another kind of file."""
    try:
        if not Path(path).is_file():
            raise missing(path)
        with safe_open(path, framework="numpy") as file:
            return parse_info(path, file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from error


def parse_info(path: str | os.PathLike[str], metadata: Mapping[str, str]) -> ModelInfo:
    """The same of metadata that have been read from `path`.

    Args:
        path: of the model file, for messages; it is not opened.
        metadata: the texts in its header, by name.

    Returns:
        The description.

    Raises:
        WeightsError: they are not those of a model of this program, are of another format version, or are damaged.
    """
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path}: a safetensors file, but not a model of this program (no format={FORMAT!r})")
    version = metadata.get("format_version", "")
    if version != str(FORMAT_VERSION):
        raise WeightsError(f"{path}: format version {version or 'missing'}, this program reads {FORMAT_VERSION}")
    try:
        architecture = metadata["architecture"]
        settings = json.loads(metadata["settings"])
        training = json.loads(metadata.get("training", "{}"))
    except (KeyError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: its metadata is damaged ({error})") from error
    if not isinstance(settings, dict) or not isinstance(training, dict):
        raise WeightsError(f"{path}: its metadata is damaged (settings and training must be JSON objects)")
    return ModelInfo(architecture, settings, training)


def fingerprint(path: str | os.PathLike[str]) -> str:
    """Tells this model file from every other: its SHA-256, in hexadecimal. Raises `WeightsError` if it is not there."""
    try:
        return sha256(path)
    except FileNotFoundError as error:
        raise missing(path) from error
    except OSError as error:
        raise damaged(path, error) from error


def missing(path: str | os.PathLike[str]) -> WeightsError:
    return WeightsError(f"{path}: no such model file")


def damaged(path: str | os.PathLike[str], error: Exception) -> WeightsError:
    """What to raise for a file that cannot be read as safetensors.

    Args:
        path: of the file.
        error: what reading it raised.

    Returns:
        The error, not raised yet, whose message names the file and the reason.
    """
    return WeightsError(f"{path}: expected a safetensors file, this one is damaged or of another kind ({error})")
