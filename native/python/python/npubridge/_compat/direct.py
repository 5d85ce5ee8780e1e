"""The bridge object that the second generation promised of its native extension."""

from __future__ import annotations

import os
import threading
from typing import Any

from .. import _signal
from .._bridge import Bridge
from .._config import lenient, resolve
from ..errors import UnsupportedOperationError
from .deprecation import warn


class NPUBridge:
    """The bridge object of the native extension that the second generation announced. Its methods block."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        warn(type(self).__name__, "npubridge.Bridge")
        self._config: dict[str, Any] = dict(config or {})
        self._models: dict[str, str] = {}
        self._inputs: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._bridge: Bridge | None = None

    def _started(self) -> Bridge:
        with self._lock:
            if self._bridge is None or self._bridge.forked:
                self._bridge = Bridge(config=lenient(self._config))
            return self._bridge

    def _call(self, type: str, **arguments: Any) -> Any:
        return self._started().call(type, **arguments)

    def initialize(self) -> bool:
        """Prepares the device, so that the first inference does not pay for it."""
        self._call("initialize")
        return True

    def configure_npu(self, config: dict[str, Any]) -> None:
        """Changes the configuration; keys are those of ``NPUCoordinationBridge``. Only before the first operation."""
        with self._lock:
            if self._bridge is not None:
                raise UnsupportedOperationError("configure_npu comes too late: the engine runs")
            self._config.update(config)

    def load_model(self, path: str, model_id: str) -> dict[str, Any]:
        """Compiles a model and names it; gives its description."""
        report = self._call("load_model", model=path).report
        with self._lock:
            self._models[model_id] = os.fspath(path)
            self._inputs[model_id] = report.get("inputs", []) if isinstance(report, dict) else []
        return report

    def _inference(self, model_id: str, data: Any, batch: int) -> dict[str, Any]:
        with self._lock:
            model = self._models.get(model_id)
            inputs = self._inputs.get(model_id, [])
        if model is None:
            raise ValueError(f"model {model_id!r} is not loaded")
        if not isinstance(data, dict):
            if len(inputs) != 1:
                names = [each["name"] for each in inputs]
                raise ValueError(f"model {model_id!r} has the inputs {names}: give data as a dict")
            data = {inputs[0]["name"]: _shaped(data, inputs[0]["shape"], batch)}
        return {"model": model, "inputs": data}

    def run_inference(self, model_id: str, data: Any, batch: int = 1) -> Any:
        """Runs a loaded model; gives its output, or a dict of them if it has several."""
        return _single(self._call("inference", **self._inference(model_id, data, batch)))

    def batch_inference(self, model_id: str, data: list[Any]) -> list[Any]:
        """Runs a loaded model on several inputs; the first failure is raised."""
        operations = [{"type": "inference", **self._inference(model_id, each, 1)} for each in data]
        return [_single(result) for result in self._started().call_batch(operations)]

    def process_signal(
        self, operation: str, data: Any, parameters: dict[str, Any] | None = None, *, backend: str = "auto"
    ) -> Any:
        """Processes samples; gives the output, or a dict of several. See ``npubridge.process_signal``.

        A family with a member of its own name needs no ``kind``: fft, kalman."""
        asked = {"kind": operation, **(parameters or {})}
        outputs = _signal.process_signal(operation, data, asked, backend=backend, bridge=self._started())
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def benchmark(self, duration_ms: float = 1000, kind: str = "echo") -> dict[str, Any]:
        """A timed loop of real operations: ``echo``, ``matrix_multiply`` or ``inference``."""
        return self._call("benchmark", duration_ms=duration_ms, kind=kind).report

    def health_check(self) -> dict[str, Any]:
        """Whether the engine and its devices work."""
        return self._call("health_check").report

    def get_statistics(self) -> dict[str, Any]:
        """What the engine has counted."""
        return self._call("statistics").report

    def set_matlab_config(self, config: dict[str, Any]) -> None:
        """Says where MATLAB is: ``matlab_root``, ``enable_signal_processing``, ``max_workers``. Only before the first
        operation; signals go there with ``process_signal(..., backend="matlab")``."""
        with self._lock:
            if self._bridge is not None:
                raise UnsupportedOperationError("set_matlab_config comes too late: the engine runs")
            changed = {**self._config, "matlab_config": dict(config)}
            resolve(lenient(changed), {})
            self._config = changed

    def get_config(self) -> dict[str, Any]:
        """The configuration."""
        with self._lock:
            return dict(self._config)


def _shaped(data: Any, shape: list[int], batch: int) -> Any:
    """Data in the shape of an input whose one open size, or else its first, follows from the batch."""
    import numpy

    array = numpy.asarray(data, dtype=numpy.float32 if not hasattr(data, "dtype") else None)
    if array.ndim == len(shape):
        return array
    sizes = [batch if index == 0 and size < 0 else size for index, size in enumerate(shape)]
    return array.reshape(sizes if sizes.count(-1) <= 1 else (batch, *array.shape))


def _single(result: Any) -> Any:
    outputs = dict(result.outputs)
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs
