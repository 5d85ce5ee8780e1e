"""Operations of Python on a pool: a real Redis, and a real worker in a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

numpy = pytest.importorskip("numpy")

import npubridge  # noqa: E402
from conftest import ROOT  # noqa: E402
from npubridge.cluster import Cluster, _jobs, _nodes  # noqa: E402

KEY = "a key that nobody can guess"
BIN = ROOT / "bin" / "run.js"
NODE = ROOT / "node_modules" / "node" / "bin" / "node"
PATIENCE = 60.0
QUICK = {"NPUBRIDGE_CLUSTER_HEARTBEAT_MS": "100", "NPUBRIDGE_CLUSTER_RECOVER_MS": "800"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A pool of one worker that takes signed jobs only."""
    if shutil.which("redis-server") is None or not (ROOT / "dist").is_dir():
        message = "redis-server and a built command line are needed"
        if os.environ.get("NPUBRIDGE_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("redis")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"redis://127.0.0.1:{port}"
    redis = subprocess.Popen(
        ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    worker = None
    try:
        _until_listening(port)
        worker = _worker(address, folder)
        yield address
    finally:
        for process in (worker, redis):
            if process is not None:
                process.kill()
                process.wait()


def _until_listening(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while not _listens(port):
        assert time.monotonic() < end, "redis-server does not listen"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _worker(url: str, folder: Path) -> subprocess.Popen[str]:
    worker = subprocess.Popen(
        [str(NODE if NODE.exists() else "node"), str(BIN), "worker", "--queue", url, "--name", "a", "--device", "cpu"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **QUICK, "NPUBRIDGE_CLUSTER_KEY": KEY},
    )
    assert worker.stdout is not None
    assert "has joined" in worker.stdout.readline()
    return worker


def test_operations_run_on_a_node_and_come_back(url: str) -> None:
    async def scenario() -> None:
        async with Cluster(url, key=KEY) as pool:
            assert pool.nodes == ["a"]
            echo = await pool.submit("echo", data={"big": 2**60, "text": "ü\u2028"}, priority="realtime")
            assert (echo.data, echo.node, echo.attempt, echo.engine) == (
                {"big": 2**60, "text": "ü\u2028"},
                "a",
                1,
                "native",
            )
            a = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
            small = await pool.submit("matrix_multiply", inputs={"a": a, "b": a.T.tolist()}, device="cpu")
            assert small.outputs["product"].tolist() == (a @ a.T).tolist()
            wide = numpy.ones((1, 20_000), dtype=numpy.float32)
            large = await pool.submit("matrix_multiply", inputs={"a": wide, "b": wide.T})
            assert large.outputs["product"].tolist() == [[20_000.0]]
            assert await _keys(url, "*:tensor:*") == []

    asyncio.run(scenario())


async def _keys(url: str, pattern: str) -> list[bytes]:
    import redis.asyncio

    async with redis.asyncio.from_url(url) as client:
        return await client.keys(pattern)


def test_results_are_streamed_each_once_and_failures_stand_among_them(url: str) -> None:
    async def scenario() -> None:
        operations: list[dict[str, Any]] = [{"type": "echo", "data": n} for n in range(200)]
        operations[7] = {"type": "load_model", "model": "no-such-model"}
        async with Cluster(url, key=KEY) as pool:
            seen = {}
            async for index, result in pool.stream(operations, in_flight=32, priority="low"):
                assert index not in seen
                seen[index] = result
            assert sorted(seen) == list(range(200))
            assert [(n, str(seen[n].error)) for n in seen if n != 7 and not seen[n].ok] == []
            assert [seen[n].data for n in range(200) if n != 7] == [n for n in range(200) if n != 7]
            assert isinstance(seen[7].error, npubridge.ModelNotFoundError)
            batch = await pool.submit_batch(
                [{"type": "echo", "data": 1}, {"type": "inference", "model": "/etc/x.onnx"}]
            )
            assert batch[0].data == 1
            assert not batch[1].ok

    asyncio.run(scenario())


def test_one_idempotency_key_is_one_operation(url: str) -> None:
    async def scenario() -> None:
        async with Cluster(url, key=KEY) as one, Cluster(url, key=KEY) as other:
            first = await one.submit("echo", data=1, idempotency_key="order-7")
            second = await other.submit("echo", data=2, idempotency_key="order-7")
            assert (first.data, second.data) == (1, 1)

    asyncio.run(scenario())


def test_deadlines_and_cancellation_take_operations_back(url: str) -> None:
    async def scenario() -> None:
        from bullmq import Queue

        async with Cluster(url, key=KEY) as pool:
            queue = Queue("any", {"connection": url, "prefix": "npubridge:queue"})
            await queue.pause()
            try:
                with pytest.raises(npubridge.DeadlineExceededError, match="within its 100 ms"):
                    await pool.submit("echo", timeout_ms=100)
                task = asyncio.create_task(pool.submit("echo"))
                await _until(lambda: queue.getJobCountByTypes("prioritized"), 1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await _until(lambda: queue.getJobCountByTypes("prioritized"), 0)
            finally:
                await queue.resume()
                await queue.close()
            assert (await pool.submit("echo", data="on", timeout_ms=30_000)).data == "on"

    asyncio.run(scenario())


async def _until(count: Any, wanted: int) -> None:
    end = time.monotonic() + PATIENCE
    while await count() != wanted:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_what_is_wrong_is_said_with_its_code(url: str) -> None:
    async def refused(pool: Cluster, **operation: Any) -> npubridge.NpuBridgeError:
        with pytest.raises(npubridge.NpuBridgeError) as raised:
            await pool.submit(**operation)
        return raised.value

    async def scenario() -> None:
        async with Cluster(url, key=KEY) as pool:
            assert (await refused(pool, type="echo", priority="urgent")).code == "INVALID_ARGUMENT"
            assert (await refused(pool, type="echo", device="tpu")).code == "INVALID_ARGUMENT"
            assert (await refused(pool, type="echo", device="npu")).code == "DEVICE_UNAVAILABLE"
            assert (await refused(pool, type="echo", data=object())).code == "INVALID_ARGUMENT"
            assert (await refused(pool, type="nonsense")).code in {"UNSUPPORTED_OPERATION", "INVALID_ARGUMENT"}
            assert (await refused(pool, type="inference", model="m", stream="s")).code == "UNSUPPORTED_OPERATION"
        for stranger in (Cluster(url), Cluster(url, key="another key of the same length")):
            async with stranger:
                assert "not signed with the key of this worker" in (await refused(stranger, type="echo")).message
        assert (await refused(stranger, type="echo")).code == "CANCELLED"
        for address in ("redis://127.0.0.1:1", "redis://npu:geheim@127.0.0.1:1"):
            with pytest.raises(npubridge.ProtocolError) as raised:
                await Cluster(address).open()
            assert "geheim" not in str(raised.value)
            assert "redis-server" in str(raised.value)
        with pytest.raises(npubridge.DeviceUnavailableError, match="npubridge worker"):
            await Cluster(url, pool="nobody").open()

    asyncio.run(scenario())
    for wrong in ({"queue": "localhost:6379"}, {"queue": url, "key": "short"}):
        with pytest.raises(npubridge.InvalidArgumentError):
            Cluster(**wrong)


def test_placement_prefers_the_node_that_has_the_model() -> None:
    def node(name: str, **given: Any) -> dict[str, Any]:
        return {
            "name": name,
            "state": "ready",
            "jobVersion": _jobs.JOB_VERSION,
            "devices": [{"name": "CPU"}],
            "models": [],
            "running": 0,
            "capacity": 8,
            **given,
        }

    def lane(*nodes: dict[str, Any], **given: Any) -> str:
        return _nodes.lane_for(nodes, **{"device": "auto", "model": "m", "priority": "low", "where": "here", **given})

    warm = node("warm", models=["m"], devices=[{"name": "CPU"}, {"name": "NPU.0"}])
    assert lane(node("cold"), warm) == "node.warm"
    assert lane(node("cold"), {**warm, "running": 9}) == "any"
    assert lane(node("cold"), warm, priority="critical") == "node.warm@urgent"
    assert lane(node("cold"), warm, model=None, device="npu") == "npu"
    assert lane(bears=True) == lane({**warm, "state": "draining"}, bears=True) == "any"
    with pytest.raises(npubridge.DeviceUnavailableError):
        lane()
    with pytest.raises(npubridge.DeviceUnavailableError):
        lane(node("cold"), {**warm, "state": "draining"}, device="npu")
