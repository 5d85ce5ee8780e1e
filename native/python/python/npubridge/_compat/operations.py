"""Operations of the second generation: what each type needs, what it gives, and who waits for it."""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from .. import _binding
from .._bridge import Bridge
from .._coordination import GetCoordinator, Legacy, Native
from .._tensors import Tensor
from ..errors import NpuBridgeError, UnsupportedOperationError
from . import logger
from .types import NPUOperation, NPUResult

GetEngine = Callable[[], Bridge]
"""Gives the bridge that operations run on, and makes it first where there is none."""

Waiters = list[tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]]

OPERATION_TYPES = (
    "echo",
    "inference",
    "matrix_multiply",
    "initialize",
    "load_model",
    "unload_model",
    "health_check",
    "statistics",
    "benchmark",
    "route",
)
"""What ``submit_operation`` does. Any other type fails; the old module echoed it."""

PLAIN_TYPES = frozenset({"initialize", "health_check", "statistics"})


def _arguments(op: NPUOperation) -> dict[str, Any]:
    """What the engine needs for an operation, out of its input and metadata."""
    given = dict(op.metadata or {})
    if op.operation_type == "inference":
        name = given.pop("input", "input")
        return {**given, "inputs": op.input_data if isinstance(op.input_data, dict) else {name: op.input_data}}
    if op.operation_type == "matrix_multiply":
        data = op.input_data
        a, b = (data["a"], data["b"]) if isinstance(data, dict) else data
        return {**given, "inputs": {"a": a, "b": b}}
    return {} if op.operation_type in PLAIN_TYPES else given


def of_dict(operation: dict[str, Any]) -> NPUOperation:
    """An operation out of the dict ``{id, type, data, priority}`` of an even older interface."""
    return NPUOperation(
        operation_id=operation.get("id", f"legacy_{time.time_ns()}"),
        operation_type=operation.get("type", "unknown"),
        input_data=operation.get("data", []),
        priority=operation.get("priority", 1),
    )


def as_dict(result: NPUResult) -> dict[str, Any]:
    """A result as that interface gives it."""
    return {
        "success": result.success,
        "data": result.result_data,
        "execution_time": result.execution_time_ms,
        "error": result.error_message,
    }


async def perform(op: NPUOperation, coordinator: GetCoordinator, engine: GetEngine) -> NPUResult:
    """Runs an operation. What it cannot do is a result, too, without ``success``."""
    try:
        data, metadata = await _run(op, coordinator, engine)
    except (NpuBridgeError, TypeError, ValueError, KeyError) as error:
        message = f"{op.operation_type} lacks {error}" if isinstance(error, KeyError) else str(error)
        return NPUResult(op.operation_id, False, error_message=message, metadata=op.metadata)
    return NPUResult(op.operation_id, True, data, metadata=metadata)


async def _run(op: NPUOperation, coordinator: GetCoordinator, engine: GetEngine) -> tuple[Any, Any]:
    if op.operation_type not in OPERATION_TYPES:
        raise UnsupportedOperationError(
            f"operation_type is {op.operation_type!r}; known types: {', '.join(OPERATION_TYPES)}"
        )
    if op.operation_type == "echo":
        return await _echo(op, coordinator, engine), op.metadata
    if not isinstance(coordinator(), Native):
        raise UnsupportedOperationError(
            f"{op.operation_type} needs the native engine, and {_binding.reason or 'it is not used'}"
        )
    result = await _submit(op, engine, **_arguments(op))
    if not result.outputs:
        return result.report, op.metadata
    outputs = dict(result.outputs)
    data = next(iter(outputs.values())) if len(outputs) == 1 else outputs
    return data, {**(op.metadata or {}), "device": result.device, "fallback": result.fallback}


async def _echo(op: NPUOperation, coordinator: GetCoordinator, engine: GetEngine) -> Any:
    data = op.input_data
    is_array = hasattr(data, "dtype")
    numbers = data if is_array else [float(value) for value in data]
    known = coordinator()
    if isinstance(known, Legacy):
        return await known.echo(numbers)
    if is_array:
        return (await _submit(op, engine, data=numbers)).data
    packed = Tensor("FP64", (len(numbers),), struct.pack(f"={len(numbers)}d", *numbers))
    return (await _submit(op, engine, data=packed)).data.tolist()


async def _submit(op: NPUOperation, engine: GetEngine, **arguments: Any) -> Any:
    priority = op.priority.value if isinstance(op.priority, Enum) else op.priority
    return await engine().submit(
        op.operation_type, priority=min(max(int(priority), 0), 4), timeout_ms=op.timeout_ms, **arguments
    )


class RunningOperations:
    """The operations that run, and who waits for them, in any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Waiters] = {}

    def begin(self, operation_id: str) -> Waiters:
        """From now on the operation can be waited for; gives what ``end`` needs."""
        with self._lock:
            return self._waiting.setdefault(operation_id, [])

    def end(self, operation_id: str, waiters: Waiters) -> None:
        """Its result is there, or never will be: those who wait go on."""
        with self._lock:
            self._waiting.pop(operation_id, None)
        for loop, future in waiters:
            _wake(loop, future)

    async def wait(self, operation_id: str, timeout_ms: float) -> None:
        """Waits for an operation, if it runs; ``asyncio.TimeoutError`` when it has not ended in time."""
        with self._lock:
            waiters = self._waiting.get(operation_id)
            if waiters is None:
                return
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            waiters.append((loop, future))
        await asyncio.wait_for(future, timeout_ms / 1000)


def _wake(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    def complete() -> None:
        if not future.done():
            future.set_result(None)

    try:
        loop.call_soon_threadsafe(complete)
    except RuntimeError:
        logger.debug("a loop was closed while it waited for a result")
