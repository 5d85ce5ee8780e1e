"""The bridge object that the second generation announced for its native extension."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import npubridge
import numpy as np
import pytest
from npubridge import compat
from support import need

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def bridge() -> Iterator[Any]:
    """A bridge on the CPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield compat.RustNPUBridge({"hardware_acceleration": False})


def test_what_needs_no_device(bridge: Any) -> None:
    assert bridge.health_check()["status"] == "ok"
    report = bridge.benchmark(50)
    assert (report["kind"], report["failed"]) == ("echo", 0)
    assert report["operations"] > 0
    assert bridge.get_statistics()["completed"] >= 1


def test_signals_are_processed(bridge: Any) -> None:
    assert bridge.process_signal("fft", [1.0, 1.0], {})["spectrum"].tolist() == [2.0, 0.0]
    assert bridge.process_signal("filter", [1.0, 0.0], {"kind": "lfilter", "b": [2.0]}).tolist() == [2.0, 0.0]
    with pytest.raises(npubridge.InvalidArgumentError, match="magic"):
        bridge.process_signal("magic", [1.0], {})


def test_configuring_a_running_engine_is_refused(bridge: Any) -> None:
    bridge.configure_npu({"worker_threads": 1})
    bridge.health_check()
    with pytest.raises(npubridge.UnsupportedOperationError, match="too late"):
        bridge.configure_npu({"worker_threads": 2})


def test_matlab_is_looked_for_where_it_is_configured(bridge: Any) -> None:
    with pytest.raises(npubridge.ConfigInvalidError, match=r"matlab_config\.path is unknown"):
        bridge.set_matlab_config({"path": "x"})
    settings = {"matlab_root": "/nowhere/MATLAB", "enable_signal_processing": True, "max_workers": 2}
    bridge.set_matlab_config(settings)
    assert bridge.get_config() == {"hardware_acceleration": False, "matlab_config": settings}
    with pytest.raises(npubridge.RuntimeNotFoundError, match=r"tried /nowhere/MATLAB \(matlab_root: no "):
        bridge.process_signal("fft", [1.0, 1.0], {}, backend="matlab")
    with pytest.raises(npubridge.UnsupportedOperationError, match="too late"):
        bridge.set_matlab_config(settings)


def test_a_model_that_is_not_loaded_is_a_value_error(bridge: Any) -> None:
    with pytest.raises(ValueError, match="'m' is not loaded"):
        bridge.run_inference("m", [1.0])


def test_system_info_knows_or_says_none() -> None:
    info = compat.get_system_info()
    assert info["cpu_count"] == os.cpu_count()
    assert info["memory_bytes"] > 0
    assert "openvino_runtime" in info
    assert info["npu_available"] in (True, False)


def test_a_model_is_loaded_and_run(bridge: Any) -> None:
    need("an OpenVINO runtime (NPUBRIDGE_RUNTIME)", os.environ.get("NPUBRIDGE_RUNTIME"))
    models = need("a folder of models (NPUBRIDGE_TEST_MODELS)", os.environ.get("NPUBRIDGE_TEST_MODELS"))
    (model,) = (models / "magika").glob("*.onnx")
    assert bridge.initialize() is True
    described = bridge.load_model(str(model), "kinds")
    (port,) = described["inputs"]
    size = port["shape"][-1]
    tokens = np.zeros(size, np.int32)
    one = bridge.run_inference("kinds", tokens)
    assert one.shape[0] == 1
    assert bridge.run_inference("kinds", np.zeros((3, size), np.int32), 3).shape == (3, *one.shape[1:])
    many = bridge.batch_inference("kinds", [tokens, tokens])
    np.testing.assert_allclose(many[1], one, rtol=1e-5)
