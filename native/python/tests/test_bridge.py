"""``npubridge.Bridge``: operations in, results out, and every mistake told."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import npubridge
import numpy as np
import pytest
from support import need


def run(work: Callable[[npubridge.Bridge], Awaitable[Any]], **settings: Any) -> Any:
    """What work gives with a bridge of its own."""

    async def main() -> Any:
        async with npubridge.Bridge(**{"device": "cpu", **settings}) as bridge:
            return await work(bridge)

    return asyncio.run(main())


def failure(**arguments: Any) -> npubridge.NpuBridgeError:
    """The error that an operation raises."""

    async def work(bridge: npubridge.Bridge) -> npubridge.NpuBridgeError:
        with pytest.raises(npubridge.NpuBridgeError) as caught:
            await bridge.submit(**arguments)
        return caught.value

    return run(work)


@pytest.mark.parametrize(
    "data",
    [
        np.arange(4096, dtype=np.float32),
        np.arange(100_000, dtype=np.int64),
        np.float16([1.5, np.nan]),
        np.array([[True, False], [False, True]]),
        np.zeros((0, 3), np.uint8),
        np.array(2.5),
        np.arange(24, dtype=">i4").reshape(2, 3, 4),
        np.arange(100).reshape(10, 10).T[::2, 1:],
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    ],
    ids=lambda data: f"{data.dtype.str}{data.shape}",
)
def test_an_array_comes_back_as_it_was(data: np.ndarray) -> None:
    result = run(lambda bridge: bridge.submit("echo", data=data))
    assert result.data.dtype == data.dtype.newbyteorder("=")
    np.testing.assert_array_equal(result.data, data)
    assert (result.ok, result.type, result.engine, result.device, result.fallback) == (
        True,
        "echo",
        "native",
        None,
        None,
    )
    assert 0 <= result.queue_us <= result.total_us


@pytest.mark.parametrize("data", [None, b"bytes", {"a": [1, "b", None]}, [1, 2.5], "text"])
def test_what_is_no_tensor_comes_back_too(data: Any) -> None:
    assert run(lambda bridge: bridge.submit("echo", data=data)).data == data


def test_the_input_is_copied_when_it_is_submitted() -> None:
    async def work(bridge: npubridge.Bridge) -> Any:
        data = np.zeros(100_000, np.float32)
        waiting = asyncio.ensure_future(bridge.submit("echo", data=data))
        await asyncio.sleep(0)
        data[:] = 1
        return (await waiting).data.max()

    assert run(work) == 0


def test_a_large_array_that_is_transferred_is_not_copied_and_becomes_read_only() -> None:
    async def work(bridge: npubridge.Bridge) -> None:
        data = np.arange(100_000, dtype=np.float32)
        address = data.ctypes.data
        result = await bridge.submit("echo", data=data, transfer=True)
        assert result.data.ctypes.data == address
        with pytest.raises(ValueError, match="read-only"):
            data[0] = 1
        with pytest.raises(ValueError, match="resize"):
            data.resize(5, refcheck=False)
        kept = weakref.ref(data)
        del data, result
        await bridge.submit("echo", data=np.zeros(1))
        assert kept() is None

    run(work)


def test_memory_of_somebody_else_is_copied_even_when_it_is_transferred() -> None:
    async def work(bridge: npubridge.Bridge) -> None:
        owner = bytearray(400_000)
        view = np.frombuffer(owner, np.float32)
        result = await bridge.submit("echo", data=view, transfer=True)
        assert view.flags.writeable
        assert result.data.ctypes.data != view.ctypes.data

    run(work)


def test_a_large_output_outlives_its_engine_and_is_read_only() -> None:
    data = run(lambda bridge: bridge.submit("echo", data=np.arange(50_000, dtype=np.float64))).data
    np.testing.assert_array_equal(data, np.arange(50_000))
    assert not data.flags.writeable


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ({"type": "nonsense"}, "UNSUPPORTED_OPERATION", 'type is "nonsense"'),
        ({"type": 7}, "INVALID_ARGUMENT", "type is 7"),
        ({"type": "echo", "model": "m"}, "INVALID_ARGUMENT", "echo takes no model"),
        ({"type": "echo", "sauce": 1}, "INVALID_ARGUMENT", "echo takes no sauce"),
        ({"type": "echo", "priority": "soon"}, "INVALID_ARGUMENT", "priority is 'soon'"),
        ({"type": "echo", "priority": 5}, "INVALID_ARGUMENT", "priority is 5"),
        ({"type": "echo", "priority": -1}, "INVALID_ARGUMENT", "priority is -1"),
        ({"type": "echo", "timeout_ms": -1}, "INVALID_ARGUMENT", "timeout_ms is -1"),
        ({"type": "echo", "timeout_ms": -(10**400)}, "INVALID_ARGUMENT", "timeout_ms is -1000"),
        ({"type": "echo", "timeout_ms": float("nan")}, "INVALID_ARGUMENT", "timeout_ms is nan"),
        ({"type": "echo", "timeout_ms": "1"}, "INVALID_ARGUMENT", "timeout_ms is '1'"),
        ({"type": "echo", "timeout_ms": 0}, "DEADLINE_EXCEEDED", "its time was up"),
        ({"type": "echo", "data": np.array([object()])}, "DTYPE_MISMATCH", "dtype object"),
        ({"type": "echo", "data": np.array(["a"])}, "DTYPE_MISMATCH", "dtype <U1"),
        ({"type": "echo", "data": np.zeros(2, np.complex64)}, "DTYPE_MISMATCH", "dtype complex64"),
        ({"type": "echo", "data": object()}, "INVALID_ARGUMENT", "neither a tensor nor JSON"),
        ({"type": "inference"}, "INVALID_ARGUMENT", "model is missing"),
        ({"type": "inference", "model": "m"}, "INVALID_ARGUMENT", "inputs is missing"),
        ({"type": "inference", "model": 7, "inputs": {}}, "INVALID_ARGUMENT", "model is 7"),
        ({"type": "inference", "model": "m", "inputs": [1]}, "INVALID_ARGUMENT", "inputs is [1]"),
        ({"type": "inference", "model": "m", "inputs": {1: 2}}, "INVALID_ARGUMENT", "inputs has the key 1"),
        ({"type": "inference", "model": "m", "inputs": {"a": "x"}}, "DTYPE_MISMATCH", "inputs.a is str"),
        ({"type": "inference", "model": "m", "inputs": {"a": [[1], [2, 3]]}}, "SHAPE_MISMATCH", "different lengths"),
        ({"type": "inference", "model": "m", "inputs": {"a": [None]}}, "DTYPE_MISMATCH", "which is no number"),
        (
            {"type": "inference", "model": "m", "inputs": {"a": {"data": [1], "shape": [2], "datatype": "FP32"}}},
            "SHAPE_MISMATCH",
            "takes 8 bytes",
        ),
        ({"type": "inference", "model": "m", "inputs": {"a": {"data": [1], "size": 1}}}, "INVALID_ARGUMENT", "keys"),
        ({"type": "matrix_multiply", "inputs": {"a": np.eye(2)}}, "INVALID_ARGUMENT", "the inputs a and b"),
        (
            {"type": "matrix_multiply", "inputs": {"a": np.eye(2), "b": np.eye(2)}},
            "DTYPE_MISMATCH",
            "inputs.a is FP64",
        ),
        (
            {"type": "matrix_multiply", "inputs": {"a": np.eye(2, dtype="f4"), "b": np.eye(3, dtype="f4")}},
            "SHAPE_MISMATCH",
            "columns of a",
        ),
        ({"type": "benchmark", "kind": "echo", "duration_ms": -1}, "INVALID_ARGUMENT", "duration_ms is -1"),
        ({"type": "workflow", "tasks": [{"agent": "a"}]}, "INVALID_ARGUMENT", "tasks[0].id is missing"),
        ({"type": "workflow", "tasks": [{"id": 1}]}, "INVALID_ARGUMENT", "tasks[0].id is 1"),
        ({"type": "route", "description": "x"}, "INVALID_ARGUMENT", "no folder of agents"),
    ],
    ids=str,
)
def test_a_mistake_is_told_with_the_value_and_the_place(arguments: dict[str, Any], code: str, part: str) -> None:
    error = failure(**arguments)
    assert (error.code, part in str(error)) == (code, True), str(error)
    assert isinstance(error, npubridge.errors.BY_CODE[code])


@pytest.mark.parametrize("timeout", [10**400, float("inf"), 1e30, 2**63, None])
def test_a_giant_time_limit_is_none(timeout: float | None) -> None:
    assert run(lambda bridge: bridge.submit("echo", timeout_ms=timeout)).ok


def test_errors_are_what_python_expects_and_survive_pickling() -> None:
    import pickle

    error = failure(type="echo", timeout_ms=0)
    assert isinstance(error, TimeoutError)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.message, again.suggestions) == (type(error), error.message, error.suggestions)
    assert issubclass(npubridge.ShapeMismatchError, ValueError)
    assert len(npubridge.errors.BY_CODE) == 17


def test_a_batch_answers_each_in_its_place() -> None:
    async def work(bridge: npubridge.Bridge) -> list[Any]:
        assert await bridge.submit_batch([]) == []
        operations: list[Any] = [{"type": "echo", "data": index} for index in range(300)]
        operations[7] = {"type": "nonsense"}
        operations[9] = 9
        operations[11] = {"type": "echo", "timeout_ms": 0}
        return await bridge.submit_batch(operations, priority="high")

    results = run(work)
    codes = {index: result.error.code for index, result in enumerate(results) if not result.ok}
    assert codes == {7: "UNSUPPORTED_OPERATION", 9: "INVALID_ARGUMENT", 11: "DEADLINE_EXCEEDED"}
    assert all(result.data == index for index, result in enumerate(results) if result.ok)


def test_cancelling_a_task_cancels_its_operation() -> None:
    async def work(bridge: npubridge.Bridge) -> Any:
        await bridge.submit("echo")
        # One thread is busy with this for a while, so that the others wait.
        long = asyncio.ensure_future(bridge.submit("benchmark", kind="echo", duration_ms=200))
        waiting = [asyncio.ensure_future(bridge.submit("benchmark", kind="echo", duration_ms=9000)) for _ in range(4)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 4
        await long
        begun = time.perf_counter()
        while bridge.metrics()["running"] or bridge.metrics()["queue_depth"]:
            assert time.perf_counter() - begun < 5, "cancelled operations still run"
            await asyncio.sleep(0.01)

    run(work)


def test_what_is_cancelled_before_it_was_handed_on_is_never_run() -> None:
    async def work(bridge: npubridge.Bridge) -> int:
        await bridge.submit("echo")
        before = bridge.metrics()["submitted"]
        tasks = [asyncio.ensure_future(bridge.submit("echo", data=index)) for index in range(10)]
        # All have submitted in this turn, and only the first was handed on at once.
        asyncio.get_running_loop().call_soon(lambda: [task.cancel() for task in tasks[1:]])
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes[0].data == 0
        assert {type(outcome) for outcome in outcomes[1:]} == {asyncio.CancelledError}
        assert (await bridge.submit("echo", data=1)).data == 1
        return bridge.metrics()["submitted"] - before

    assert run(work) <= 11


def test_a_batch_is_cancelled_as_a_whole() -> None:
    async def work(bridge: npubridge.Bridge) -> None:
        operations = [{"type": "benchmark", "kind": "echo", "duration_ms": 9000}] * 10
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(bridge.submit_batch(operations), 0.1)
        assert (await bridge.submit("echo", data=1)).data == 1

    run(work)


def test_after_shutdown_submitting_says_so() -> None:
    async def main() -> None:
        bridge = npubridge.Bridge("cpu")
        assert (await bridge.submit("echo", data=1)).data == 1
        await bridge.shutdown()
        await bridge.shutdown()
        for attempt in (lambda: bridge.submit("echo"), lambda: bridge.submit_batch([{}]), bridge.health):
            with pytest.raises(npubridge.OperationCancelledError, match="was shut down"):
                await attempt()
        with pytest.raises(npubridge.OperationCancelledError):
            bridge.call("echo")

    asyncio.run(main())


def test_what_waits_at_shutdown_is_answered() -> None:
    async def main() -> list[Any]:
        bridge = npubridge.Bridge("cpu")
        bridge.start()
        long = [bridge.submit("benchmark", kind="echo", duration_ms=60_000) for _ in range(2)]
        short = [bridge.submit("echo", data=index) for index in range(3000)]
        waiting = asyncio.ensure_future(asyncio.gather(*long, *short, return_exceptions=True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await bridge.shutdown(drain_ms=0)
        return await asyncio.wait_for(waiting, 10)

    outcomes = asyncio.run(main())
    for outcome in outcomes:
        assert isinstance(outcome, npubridge.OperationCancelledError) or outcome.ok, outcome
    for index, outcome in enumerate(outcomes[2:]):
        assert isinstance(outcome, npubridge.OperationCancelledError) or outcome.data == index


def test_calls_need_no_event_loop() -> None:
    bridge = npubridge.Bridge("cpu")
    assert bridge.call("echo", data=[1, 2]).data == [1, 2]
    assert [result.data for result in bridge.call_batch([{"type": "echo", "data": i} for i in range(5)])] == [*range(5)]
    with pytest.raises(npubridge.InvalidArgumentError):
        bridge.call("echo", model="m")
    bridge.close()


def test_several_threads_with_several_loops_share_a_bridge() -> None:
    bridge = npubridge.Bridge("cpu")
    wrong: list[Any] = []

    async def count(start: int) -> None:
        for value in range(start, start + 200):
            result = await bridge.submit("echo", data=value)
            if result.data != value:
                wrong.append((value, result.data))

    def work(start: int) -> None:
        for round_ in range(3):
            asyncio.run(count(start + 1000 * round_))

    threads = [threading.Thread(target=work, args=(10_000 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert bridge.metrics()["completed"] == 4 * 3 * 200
    bridge.close()


def test_metrics_tell_what_is_taken_and_how_devices_do_also_as_text() -> None:
    async def work(bridge: npubridge.Bridge) -> tuple[dict[str, Any], str]:
        await bridge.submit("echo", priority="realtime")
        return bridge.metrics(), bridge.metrics_text()

    metrics, text = run(work, resources={"memory_mb": 64, "cpu_cores": 1})
    assert metrics["resources"]["system_memory"] == {"used": 0, "limit": 64 * 2**20}
    assert metrics["resources"]["cpu_cores"] == {"used": 0, "limit": 1}
    assert metrics["breakers"] == {"CPU": {"state": "closed", "failures": 0, "opened": 0, "reason": None}}
    assert metrics["queue_depth_by_priority"]["realtime"] == 0
    lines = text.splitlines()
    assert 'npubridge_priority_total_seconds_count{priority="realtime"} 1' in lines
    assert f'npubridge_resource_limit{{resource="system_memory_bytes"}} {64 * 2**20}' in lines


def test_without_metrics_no_latencies_are_kept() -> None:
    async def work(bridge: npubridge.Bridge) -> dict[str, Any]:
        await bridge.submit("echo")
        return bridge.metrics()

    metrics = run(work, metrics=False)
    assert (metrics["completed"], metrics["operations"]) == (1, {})


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"memory": 1}, "resources.memory is unknown"),
        ({"memory_mb": -1}, "resources.memory_mb is -1"),
        ({"npu_slots": 0}, "resources.npu_slots is 0"),
        ({"cpu_cores": 1.5}, "resources.cpu_cores is 1.5"),
        ({"evict_idle": "no"}, "resources.evict_idle is 'no'"),
    ],
)
def test_wrong_limits_are_named(resources: dict[str, Any], expected: str) -> None:
    with pytest.raises(npubridge.ConfigInvalidError, match=expected):
        npubridge.Bridge(resources=resources)


def test_metrics_and_health_have_snake_case_keys() -> None:
    async def work(bridge: npubridge.Bridge) -> tuple[Any, Any]:
        await bridge.submit("echo", priority="realtime")
        with pytest.raises(npubridge.DeadlineExceededError):
            await bridge.submit("echo", timeout_ms=0)
        return bridge.metrics(), await bridge.health()

    metrics, health = run(work)
    assert (metrics["completed"], metrics["failures_by_code"]) == (1, {"DEADLINE_EXCEEDED": 1})
    assert metrics["priorities"]["realtime"]["total"]["count"] == 1
    assert (health["status"], health["queue_depth"]) == ("ok", 0)


def test_reports_of_workflows_and_routes(tmp_path: Any) -> None:
    (tmp_path / "linter.md").touch()

    async def work(bridge: npubridge.Bridge) -> tuple[Any, Any]:
        tasks = [{"id": "a", "dependencies": ["b"]}, {"id": "b"}]
        workflow = await bridge.submit("workflow", tasks=tasks)
        return workflow.report, (await bridge.submit("route", description="lint it")).report

    workflow, route = run(work, agents=tmp_path)
    assert (workflow["order"], workflow["levels"], workflow["status"]) == ([1, 0], [1, 0], ["routed", "routed"])
    assert route["agent"] == "linter"


def test_a_wrong_configuration_is_told() -> None:
    with pytest.raises(npubridge.ConfigInvalidError, match="device is 'tpu'"):
        npubridge.Bridge("tpu")
    with pytest.raises(npubridge.ConfigInvalidError, match="profile is 'fast'"):
        npubridge.Bridge(profile="fast")


@asynccontextmanager
async def with_runtime(device: str, **settings: Any) -> AsyncIterator[npubridge.Bridge]:
    """A bridge on the real OpenVINO."""
    runtime = need("an OpenVINO runtime (NPUBRIDGE_RUNTIME)", os.environ.get("NPUBRIDGE_RUNTIME"))
    async with npubridge.Bridge(device, runtime=runtime, **settings) as bridge:
        yield bridge


def test_a_product_is_computed_on_a_device(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPUBRIDGE_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    async def main() -> None:
        a, b = np.random.default_rng(0).random((2, 8, 8), dtype=np.float32)
        async with with_runtime("auto") as bridge:
            result = await bridge.submit("matrix_multiply", inputs={"a": a, "b": b})
            np.testing.assert_allclose(result.outputs["product"], a @ b, rtol=1e-4)
            assert result.device == bridge.devices[0]
            assert bridge.performance_mode == result.device.split(".")[0].lower()
            if result.device == "CPU":
                assert dict(bridge.rejected).keys() == {"NPU", "GPU"}
                assert result.fallback["from"] == "NPU"
                assert "lists no such device" in result.fallback["reason"]
        assert list((tmp_path / "npubridge").glob("probe-python-*.json"))

    asyncio.run(main())


def test_a_device_that_is_forced_and_missing_is_an_error() -> None:
    async def main() -> None:
        async with with_runtime("cpu"):
            pass
        if "NPU" in npubridge.Bridge("auto").devices:
            return
        with pytest.raises(npubridge.NpuBridgeError) as caught:
            async with with_runtime("gpu"):
                pytest.skip("this machine has a GPU")
        assert caught.value.code == "DEVICE_UNAVAILABLE"
        assert "device is gpu" in str(caught.value)

    asyncio.run(main())


def test_a_stream_carries_the_state_of_a_model() -> None:
    models = need("a folder of models (NPUBRIDGE_TEST_MODELS)", os.environ.get("NPUBRIDGE_TEST_MODELS"))

    async def main() -> None:
        async with with_runtime("cpu", models=models) as bridge:
            samples = np.random.default_rng(1).random((1, 576), dtype=np.float32)
            inputs = {"input": samples}
            first = await bridge.submit("inference", model="silero-vad", inputs=inputs, stream="a")
            second = await bridge.submit("inference", model="silero-vad", inputs=inputs, stream="a")
            other = await bridge.submit("inference", model="silero-vad", inputs=inputs, stream="b", end_of_stream=True)
            assert first.outputs["output"] == other.outputs["output"]
            assert first.outputs["output"] != second.outputs["output"]

    asyncio.run(main())


def test_without_a_runtime_what_needs_a_device_says_so(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPUBRIDGE_RUNTIME", raising=False)
    error = failure_with(runtime=tmp_path)
    assert error.code == "RUNTIME_NOT_FOUND"


def failure_with(runtime: Any) -> npubridge.NpuBridgeError:
    """The error of a product with a runtime."""

    async def work(bridge: npubridge.Bridge) -> npubridge.NpuBridgeError:
        assert (await bridge.submit("echo", data=1)).data == 1
        one = np.ones((1, 1), np.float32)
        with pytest.raises(npubridge.NpuBridgeError) as caught:
            await bridge.submit("matrix_multiply", inputs={"a": one, "b": one})
        return caught.value

    return run(work, runtime=runtime)
