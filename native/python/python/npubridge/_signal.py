"""Signals: what the engine reads of an operation, and its answers as numpy has them."""

from __future__ import annotations

import atexit
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ._bridge import Bridge
from .errors import InvalidArgumentError

#: Outputs whose last dimension is real and imaginary part.
_COMPLEX = {"spectrum", "stft", "csd"}

_lock = threading.Lock()
_shared: Bridge | None = None


def _plain(value: Any) -> Any:
    """What JSON has no word for: numpy's arrays and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise InvalidArgumentError(f"parameters has {value!r}, which is no number, text or list")


def describe(fields: Mapping[str, Any]) -> str:
    """The JSON that the engine reads of a ``signal`` operation."""
    return json.dumps({name: value for name, value in fields.items() if value is not None}, default=_plain)


def _bridge() -> Bridge:
    """One bridge for all calls that bring none; signals need no device."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = Bridge(device="cpu")
            atexit.register(_shared.close)
        return _shared


def process_signal(
    operation: str | None,
    data: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    steps: Sequence[Mapping[str, Any]] | None = None,
    inputs: Mapping[str, Any] | None = None,
    backend: str = "auto",
    device: str | None = None,
    stream: str | None = None,
    end_of_stream: bool = False,
    transfer: bool = False,
    bridge: Bridge | None = None,
) -> dict[str, Any]:
    """Processes samples and gives numpy arrays by output name.

    ``operation`` is a family (fft, filter, kalman, wavelet, spectral, adaptive) and ``parameters["kind"]`` its member;
    the other parameters have the names and defaults of scipy.signal or PyWavelets. With ``steps``, a list of such pairs
    as dicts, the first output of each is the data of the next. ``data`` has channels first and time last, in float32 or
    float64; what it is, the outputs are. ``inputs`` are further samples that a member takes by name.

    ``backend`` is auto, native, openvino, octave or matlab; with ``device`` (npu, gpu, cpu) it is worked out there, as
    far as devices can, by a ``bridge`` that has that device. With ``transfer``, large arrays that own their memory are
    read in place instead of being copied: they become read-only.
    """
    import numpy as np

    samples = np.asarray(data)
    is_complex = np.iscomplexobj(samples)
    if samples.dtype.kind in "iub":
        samples = samples.astype(np.float64)
    if is_complex:
        samples = np.ascontiguousarray(samples)
        real = samples.real.dtype
        samples = samples.view(real).reshape(*samples.shape, 2)
    arguments: dict[str, Any] = {"operation": operation, "parameters": parameters, "steps": steps, "backend": backend}
    arguments["device"] = device
    if steps is not None:
        arguments |= {"operation": None, "parameters": None}
    further = {name: np.asarray(value) for name, value in (inputs or {}).items()}
    result = (bridge or _bridge()).call(
        "signal",
        data=samples,
        inputs=further or None,
        stream=stream,
        end_of_stream=end_of_stream,
        transfer=transfer,
        complex=is_complex or None,
        **arguments,
    )
    last = steps[-1].get("parameters", {}) if steps else parameters or {}
    names = _COMPLEX | ({"samples"} if last.get("kind") == "ifft" else set())
    return {name: _joined(value) if name in names else value for name, value in result.outputs.items()}


def _joined(pairs: Any) -> Any:
    import numpy as np

    return pairs.view(np.result_type(pairs.dtype, np.complex64)).reshape(pairs.shape[:-1])
