"""Runs inferences with another library, for a comparison: ``python bench_peer.py openvino|onnxruntime``.

Asked and answering in JSON, a line each: first ``{"model", "device", "profile", "inputs"}``, then any number of
``{"duration_ms", "window"}``, answered by ``{"latencies_us", "elapsed_us"}``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

Run = Callable[[], Any]
DTYPES = {
    "BOOL": "bool",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    **{f"{sign}INT{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}


class UnsupportedError(Exception):
    """What is not here, or cannot be done with it."""


class OpenVino:
    """OpenVINO's own Python package."""

    def __init__(self, request: dict[str, Any]) -> None:
        try:
            import openvino
        except ImportError as error:
            raise UnsupportedError(f"openvino is not installed for {sys.executable}: pip install openvino") from error
        self.openvino = openvino
        core = openvino.Core()
        hints = {"PERFORMANCE_HINT": request["profile"].upper()}
        if request["device"] == "CPU":
            # As the engine has it.
            hints |= {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": "NO"}
        self.compiled = core.compile_model(core.read_model(request["model"]), request["device"], hints)
        self.inputs = arrays(request)
        self.about = f"openvino {openvino.__version__} for Python"

    def caller(self) -> Run:
        """One inference at a time."""
        request = self.compiled.create_infer_request()
        inputs = self.inputs
        return lambda: request.infer(inputs)

    def in_window(self, window: int, duration_s: float) -> tuple[list[float], float]:
        """Many at a time, as its documentation advises: a queue of requests that answer by callbacks."""
        now = time.perf_counter
        latencies: list[float] = []
        queue = self.openvino.AsyncInferQueue(self.compiled, window)
        queue.set_callback(lambda _request, begun: latencies.append(now() - begun))
        started = now()
        while now() - started < duration_s:
            queue.start_async(self.inputs, now())
        queue.wait_all()
        return latencies, now() - started


class OnnxRuntime:
    """ONNX Runtime with the provider that it is installed with."""

    def __init__(self, request: dict[str, Any]) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise UnsupportedError(
                f"onnxruntime is not installed for {sys.executable}: pip install onnxruntime"
            ) from error
        if request["device"] != "CPU":
            raise UnsupportedError(f"onnxruntime is compared on the CPU only, not on {request['device']}")
        self.session = onnxruntime.InferenceSession(request["model"], providers=["CPUExecutionProvider"])
        self.inputs = arrays(request)
        self.about = f"onnxruntime {onnxruntime.__version__}"

    def caller(self) -> Run:
        """One inference at a time."""
        return lambda: self.session.run(None, self.inputs)

    def in_window(self, window: int, duration_s: float) -> tuple[list[float], float]:
        """Many at a time: callers in threads, which its sessions are made for."""
        latencies: list[float] = []
        started = time.perf_counter()

        def share() -> None:
            latencies.extend(one_by_one(self.caller(), duration_s))

        threads = [threading.Thread(target=share) for _ in range(window)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return latencies, time.perf_counter() - started


LIBRARIES: dict[str, Callable[[dict[str, Any]], Any]] = {"openvino": OpenVino, "onnxruntime": OnnxRuntime}


def arrays(request: dict[str, Any]) -> dict[str, Any]:
    """The inputs of ``model-inputs.ts``, of the shapes that were asked for."""
    try:
        import numpy as np
    except ImportError as error:
        raise UnsupportedError(f"numpy is not installed for {sys.executable}: pip install numpy") from error

    def array(shape: list[int], datatype: str) -> Any:
        if datatype not in {"FP32", "FP64"}:
            return np.ones(shape, DTYPES[datatype])
        wave = 0.3 * np.sin(np.arange(np.prod(shape, dtype=int)) / 5)
        return wave.reshape(shape).astype(DTYPES[datatype])

    return {each["name"]: array(each["shape"], each["datatype"]) for each in request["inputs"]}


def one_by_one(work: Run, duration_s: float) -> list[float]:
    """Seconds of each."""
    now = time.perf_counter
    latencies = []
    started = now()
    while True:
        begun = now()
        work()
        latencies.append(now() - begun)
        if now() - started >= duration_s:
            return latencies


def run(library: Any, request: dict[str, Any]) -> dict[str, Any]:
    """One measurement."""
    duration_s = request["duration_ms"] / 1000
    if request["window"] > 1:
        latencies, elapsed = library.in_window(request["window"], duration_s)
    else:
        begun = time.perf_counter()
        latencies = one_by_one(library.caller(), duration_s)
        elapsed = time.perf_counter() - begun
    return {"latencies_us": [each * 1e6 for each in latencies], "elapsed_us": elapsed * 1e6}


def main() -> None:
    """Answers until nothing more is asked."""
    # What a library prints must not look like an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    library = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "model" in request:
                library = LIBRARIES[sys.argv[1]](request)
                library.caller()()
                answer = {"about": library.about}
            else:
                answer = run(library, request)
        except UnsupportedError as error:
            answer = {"error": {"code": "UNSUPPORTED_OPERATION", "message": str(error)}}
        except Exception as error:  # noqa: BLE001  # whatever it is, the one who asked waits for it
            answer = {"error": {"code": "INTERNAL", "message": f"{type(error).__name__}: {error}".splitlines()[0]}}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
