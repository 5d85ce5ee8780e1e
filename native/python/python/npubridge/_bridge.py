"""The bridge to the engine."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from . import _binding, _config, _paths
from ._reports import parse
from .errors import DeviceUnavailableError, OperationCancelledError


def _wanted_npus(devices: tuple[str, ...], number: int | None) -> tuple[str, ...]:
    """Without the NPUs that were not asked for; one alone has no number."""
    names = {f"NPU.{number}"} | ({"NPU"} if number == 0 else set())
    return tuple(name for name in devices if number is None or not name.startswith("NPU") or name in names)


class Bridge:
    """Submits operations to an engine, from any number of event loops and threads.

    ``device`` is ``auto`` (npu, then gpu, then cpu), or one of them, which then must work. ``runtime`` is the folder of
    OpenVINO, ``models`` that of models by name, ``agents`` that of agent files; each has a default. The engine starts
    with the first operation, or with ``async with``. ``auto`` then tries the devices in a child process, once for each
    runtime and boot.

    ``resources`` limits what models and inferences take: ``memory_mb`` of all models, ``npu_memory_mb`` of those on an
    NPU, ``npu_slots`` inferences on an NPU at once, ``cpu_cores`` for inferences on the CPU; ``evict_idle`` (True) lets
    idle models go for others. The defaults are the limits of the machine or of the container. A MB has 2**20 bytes.
    With ``metrics=False`` no latencies are kept.

    ``config`` has the same and more by the names of npubridge's configuration, as a dict or the name of a file:
    ``Bridge(config={"queue": {"capacity": 1000}, "profile": "throughput"})``. A file is overruled by variables
    (``NPUBRIDGE_QUEUE_CAPACITY``), those by a dict, and that by arguments. ``queue.policy`` has no meaning here: what
    there is no room for fails with ``QueueFullError``.

    >>> async with npubridge.Bridge(device="auto") as bridge:
    ...     result = await bridge.submit("inference", model="silero-vad", inputs={"input": samples})
    ...     result.outputs["output"], result.device, result.fallback
    """

    def __init__(
        self,
        device: str | None = None,
        *,
        config: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        runtime: str | os.PathLike[str] | None = None,
        profile: str | None = None,
        models: str | os.PathLike[str] | None = None,
        cache: str | os.PathLike[str] | None = None,
        agents: str | os.PathLike[str] | None = None,
        worker_threads: int | None = None,
        queue_capacity: int | None = None,
        batch_max: int | None = None,
        batch_delay_us: int | None = None,
        resources: Mapping[str, Any] | None = None,
        metrics: bool | None = None,
    ) -> None:
        queue = None if queue_capacity is None else {"capacity": queue_capacity}
        batching = {"max": batch_max, "delay_us": batch_delay_us}
        batching = {name: value for name, value in batching.items() if value is not None}
        self.config: dict[str, Any] = _config.resolve(
            config,
            {
                "device": device,
                "runtime": runtime,
                "profile": profile,
                "agents": agents,
                "worker_threads": worker_threads,
                "queue": queue,
                "batching": batching or None,
                "resources": resources,
                "metrics": metrics,
            },
        )
        self.device = _config.device_of(self.config)
        self._runtime: str | None = self.config.get("runtime")
        self._settings = {
            **_config.engine_settings(self.config),
            "models_folder": os.fspath(_paths.models_folder() if models is None else models),
            "cache_folder": os.fspath(_paths.cache_folder() / "models" if cache is None else cache),
        }
        self._lock = threading.Lock()
        self._engine: Any = None
        self._closed = False
        self._devices: tuple[str, ...] = ()
        self._rejected: tuple[tuple[str, str], ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """OpenVINO's names of the devices in use, best first; empty before the engine has started."""
        return self._devices

    @property
    def rejected(self) -> tuple[tuple[str, str], ...]:
        """Devices that would have been preferred, each with the reason why it is not used."""
        return self._rejected

    @property
    def performance_mode(self) -> str | None:
        """What runs: ``npu``, ``gpu`` or ``cpu``; ``None`` before the engine has started."""
        return self._devices[0].split(".")[0].lower() if self._devices else None

    @property
    def running(self) -> bool:
        """Whether the engine has started and was not shut down."""
        return self._engine is not None and not self._closed and not self.forked

    @property
    def forked(self) -> bool:
        """Whether this process is a fork of the one whose engine this is. It then needs another bridge."""
        return self._engine is not None and self._engine.forked

    def start(self) -> None:
        """Starts the engine, unless it runs. Blocks while devices are tried."""
        with self._lock:
            if self._closed:
                raise OperationCancelledError("the bridge was shut down", suggestions=("create another Bridge",))
            if self._engine is not None:
                return
            from . import _devices

            selection = _devices.select(self.device, self._runtime)
            devices = _wanted_npus(selection.devices, self.config.get("npu", {}).get("device_id"))
            if not devices:
                raise DeviceUnavailableError(
                    f"npu.device_id is {self.config['npu']['device_id']}, there is {', '.join(selection.devices)}"
                )
            rejected = [{"candidate": name, "reason": reason} for name, reason in selection.rejected]
            settings = {**self._settings, "devices": devices, "rejected": rejected}
            if selection.runtime is not None:
                settings["runtime_folder"] = selection.runtime
            self._engine = _binding.start(settings)
            self._devices, self._rejected = devices, selection.rejected

    async def _started(self) -> Any:
        if not self._closed:
            await asyncio.get_running_loop().run_in_executor(None, self.start)
        engine = self._engine
        if engine is None or self._closed:
            raise OperationCancelledError("the bridge was shut down", suggestions=("create another Bridge",))
        return engine

    async def submit(
        self,
        type: str,
        *,
        model: str | os.PathLike[str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        data: Any = None,
        priority: str | int | None = None,
        timeout_ms: float | None = None,
        stream: str | None = None,
        end_of_stream: bool = False,
        transfer: bool = False,
        **others: Any,
    ) -> Any:
        """Runs one operation and gives its ``OperationResult``; a failure raises a ``NpuBridgeError``.

        ``priority`` is low, normal, high, critical or realtime; the operation must start within ``timeout_ms``.
        Cancelling the task cancels the operation. ``stream`` carries the state of a recurrent model from one inference
        to the next. With ``transfer``, large arrays of ``inputs`` are read in place: they become read-only and belong
        to the engine. ``data`` is what an ``echo`` gives back.
        """
        engine = self._engine
        if engine is None or self._closed:
            engine = await self._started()
        future, token = engine.submit(
            type, model, inputs, data, priority, timeout_ms, stream, end_of_stream, transfer, others or None
        )
        try:
            return await future
        except asyncio.CancelledError:
            engine.cancel([token])
            raise

    async def submit_batch(
        self,
        operations: Sequence[Mapping[str, Any]],
        *,
        priority: str | int | None = None,
        timeout_ms: float | None = None,
    ) -> list[Any]:
        """Runs operations, each a dict of the arguments of ``submit``: a list of an ``OperationResult`` or a
        ``Failure`` for each, in their order. ``priority`` and ``timeout_ms`` hold for those that say none."""
        engine = self._engine
        if engine is None or self._closed:
            engine = await self._started()
        common = {"priority": priority, "timeout_ms": timeout_ms}
        common = {name: value for name, value in common.items() if value is not None}
        rows: list[Any] = [
            {**common, **each} if isinstance(each, Mapping) and (common or type(each) is not dict) else each
            for each in operations
        ]
        future, tokens = engine.submit_batch(rows)
        try:
            return await future
        except asyncio.CancelledError:
            engine.cancel(tokens)
            raise

    def call(self, type: str, **arguments: Any) -> Any:
        """Runs one operation like ``submit``, and blocks until it is answered. Needs no event loop; Ctrl-C cancels."""
        return self.call_batch([{"type": type, **arguments}])[0]

    def call_batch(self, operations: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Runs operations, each a dict of the arguments of ``submit``, and blocks until all are answered. The first
        failure is raised."""
        self.start()
        results = self._engine.call([dict(each) for each in operations])
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results

    def metrics(self) -> dict[str, Any]:
        """What the engine has counted: operations, latencies in microseconds, failures by code, memory in bytes."""
        self.start()
        return parse(self._engine.metrics())

    def metrics_text(self) -> str:
        """What the engine has counted, in the text format of Prometheus."""
        self.start()
        return self._engine.metrics_text()

    async def health(self) -> dict[str, Any]:
        """Whether the engine and its devices work."""
        engine = await self._started()
        return parse(await asyncio.get_running_loop().run_in_executor(None, engine.health))

    async def shutdown(self, drain_ms: float = 1000) -> None:
        """Takes no more operations, waits up to ``drain_ms`` for those that are there and cancels the rest."""
        engine = self._close()
        if engine is not None:
            await asyncio.get_running_loop().run_in_executor(None, engine.shutdown, float(drain_ms))

    def close(self, drain_ms: float = 0) -> None:
        """Like ``shutdown``, and blocks. Futures that wait in this thread's event loop are completed when it runs."""
        engine = self._close()
        if engine is not None:
            engine.shutdown(float(drain_ms))

    def _close(self) -> Any:
        with self._lock:
            engine = None if self._closed else self._engine
            self._closed = True
            return engine

    async def __aenter__(self) -> Bridge:
        await self._started()
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.shutdown()
