"""An exported graph as an engine: ONNX Runtime on the CPU, without torch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

# From its import on, 1.32 would keep an identifier of the device in ~/.cache and tell Microsoft about its use.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from colorize.color.units import FloatArray
from colorize.coloring.engine import AUTOMATIC, Features, NetworkConditions, conditions_taken
from colorize.errors import WeightsError
from colorize.models.modelfile import AB, FEATURES, LOGITS, GraphInfo, fingerprint
from colorize.system.cores import CORES

_FATAL = 4  # errors are raised: they need not be printed as well
_MOST_THREADS = 8  # for one prediction: with more the network of a few megabytes gains little
# ONNX Runtime's errors have nothing in common but `Exception`.
_CANNOT_LOAD = (
    *(errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf),
    *(errors.NoSuchFile, errors.NotImplemented, errors.RuntimeException),
)
_CANNOT_RUN = (errors.Fail, errors.RuntimeException)


class GraphEngine:
    """A graph made by `python -m colorize.export`. Safe to share between threads: they run side by side."""

    def __init__(self, graph: Path, model: Path, threads: int = 0) -> None:
        """Open a graph.

        Args:
            graph: the graph's file.
            model: the model file that it was made of, whose weights it reads.
            threads: of one prediction; 0 is what OMP_NUM_THREADS says, as for torch, or else all cores up to 8.

        Raises:
            WeightsError: the graph is damaged or was made of other weights than those in `model`.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or _usual_threads()
        options.log_severity_level = _FATAL
        # Threads that wait for work by turning in circles take the cores from Pillow's.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._run_options = onnxruntime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            self._info = GraphInfo.from_metadata(self._session.get_modelmeta().custom_metadata_map)
        except (*_CANNOT_LOAD, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise WeightsError(f"{graph}: expected a graph of {model} ({reason}); export it again") from error
        if self._info.fingerprint != fingerprint(model):
            raise WeightsError(f"{graph}: was made of other weights than those in {model}; export it again")

    @property
    def stride(self) -> int:
        return self._info.stride

    @property
    def bins(self) -> FloatArray | None:
        return None if self._info.bins is None else np.array(self._info.bins, np.float32)

    @property
    def takes(self) -> frozenset[str]:
        return conditions_taken(hints=self._info.takes_hints, features=self._info.has_features)

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        """See `Engine`. A graph has one answer, whatever the seed: dropout stays behind."""
        (ab,) = self._run([AB], l, conditions.hints)
        return ab

    def predict_distribution(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        """See `Engine`."""
        if self._info.bins is None:
            raise ValueError("a distribution is what a model with bins has, this one has none")
        (logits,) = self._run([LOGITS], l, conditions.hints)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))

    def predict_features(self, l: FloatArray) -> Features:
        """See `Engine`."""
        if not self._info.has_features:
            raise ValueError("features are what a model with an encoder and bins has, this one has none")
        return Features(*self._run([AB, *FEATURES], l, None))

    def _run(self, wanted: list[str], l: FloatArray, hints: FloatArray | None) -> list[FloatArray]:
        batch, channels, height, width = l.shape
        if channels != 1 or height % self.stride or width % self.stride:
            raise ValueError(f"expected l of shape (B, 1, H, W), H and W multiples of {self.stride}; got {l.shape}")
        expected = (batch, 3, height, width)
        if hints is None:
            hints = np.zeros(expected, np.float32)
        elif hints.shape != expected:
            raise ValueError(f"hints must have shape {expected}, got {hints.shape}")
        given = {"l": np.asarray(l, np.float32), "hints": np.asarray(hints, np.float32)}
        try:
            return [np.asarray(answer) for answer in self._session.run(wanted, given, self._run_options)]
        except _CANNOT_RUN as error:
            if "allocate memory" in str(error) or "bad allocation" in str(error):  # no type of its own
                raise MemoryError("not enough memory") from error
            raise


def _usual_threads() -> int:
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return int(threads) if threads.isdecimal() and int(threads) else min(CORES, _MOST_THREADS)
