"""The interface of the old ``npu_coordination_bridge``, both generations in one class, on the new engine.

What callers see stays: names, signatures, results. What was wrong is gone: nothing sleeps or echoes unasked, nothing is
swallowed, figures are measured, and what is remembered is bounded:

==========================  ==========================================================================
``workflow_history``        the newest ``HISTORY_KEPT`` (1,000) results
``results_cache``           the newest ``RESULTS_KEPT`` (1,000) results of operations
``agent_cache``             ``AGENTS_KEPT`` (10,000) agents
``broken_cycles``           the newest ``HISTORY_KEPT`` (1,000) cycles that were broken
==========================  ==========================================================================

Where the native engine cannot be loaded, an archived old module serves instead, else the bundled reference; each step
is logged with its reason, and ``get_bridge_status()`` says what runs.
"""

from __future__ import annotations

import asyncio
import collections
import functools
import operator
import os
import platform
import struct
import threading
import time
from enum import Enum
from pathlib import Path
from typing import Any

from . import _binding, _coordination
from ._bounded import BoundedDict, BoundedList
from ._bridge import Bridge
from ._compat import deprecation, logger
from ._compat.direct import NPUBridge
from ._compat.types import CoordinationMode, NPUOperation, NPUResult, Priority, WorkflowResult, WorkflowTask
from ._config import lenient, resolve
from ._tensors import Tensor
from .errors import NpuBridgeError, UnsupportedOperationError

__all__ = [
    "COORDINATION_AVAILABLE",
    "FALLBACK_MODE",
    "NPU_AVAILABLE",  # noqa: F822  # made when it is asked for
    "RUST_BRIDGE_AVAILABLE",
    "CoordinationMode",
    "LegacyNPUCoordinator",
    "NPUBridge",
    "NPUCoordinationBridge",
    "NPUOperation",
    "NPUResult",
    "Priority",
    "RustNPUBridge",
    "WorkflowResult",
    "WorkflowTask",
    "create_default_bridge",
    "create_npu_bridge",
    "get_agents_dir",
    "get_bridge_status",
    "get_database_dir",
    "get_global_bridge",
    "get_project_root",
    "get_python_src_dir",
    "get_system_info",
]

HISTORY_KEPT = 1000
RESULTS_KEPT = 1000
AGENTS_KEPT = 10_000

RUST_BRIDGE_AVAILABLE = _binding.native is not None
FALLBACK_MODE = not RUST_BRIDGE_AVAILABLE
COORDINATION_AVAILABLE = RUST_BRIDGE_AVAILABLE
"""Whether the engine plans workflows and chooses agents."""

ACCELERATOR_NODES = "/dev/accel"

for _public in (CoordinationMode, NPUBridge, NPUOperation, NPUResult, Priority, WorkflowResult, WorkflowTask):
    # Callers import these from here, and what they have pickled names this module.
    _public.__module__ = __name__
del _public


def __getattr__(name: str) -> Any:
    if name == "NPU_AVAILABLE":
        return npu_available()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def npu_available() -> bool:
    """Whether an NPU works, as a child process found. Without an accelerator node none is started."""
    if not RUST_BRIDGE_AVAILABLE or not any(Path(ACCELERATOR_NODES).glob("accel*")):
        return False
    from . import _devices

    folder = _devices.find_runtime(None)
    return folder is not None and bool(_devices.probe(folder, ("NPU",)).working)


def get_project_root() -> Path:
    """The project's folder: ``CLAUDE_PROJECT_ROOT``, else the working folder."""
    return Path(os.environ.get("CLAUDE_PROJECT_ROOT") or Path.cwd())


def get_agents_dir() -> Path:
    """The folder of agent files, one ``*.md`` an agent."""
    return get_project_root() / "agents"


def get_database_dir() -> Path:
    """The folder that other parts of the old system kept databases in."""
    return get_project_root() / "database"


def get_python_src_dir() -> Path:
    """The folder that the old module was installed in."""
    return get_project_root() / "agents" / "src" / "python"


@functools.cache
def _coordinator() -> _coordination.Native | _coordination.Legacy:
    return _coordination.choose(get_project_root())


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


class _Clock:
    """Ids out of the time in milliseconds, of which no two are equal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            self._last = max(time.time_ns() // 1_000_000, self._last + 1)
            return self._last


_clock = _Clock()


class NPUCoordinationBridge:
    """Coordinates workflows (first generation) and operations (second generation). Any thread may use it.

    ``config`` keys: ``hardware_acceleration`` and ``intel_npu_enabled`` (false: only the CPU is used),
    ``worker_threads``, ``memory_pool_size`` in MiB (what models may take), ``target_throughput`` and ``max_latency_ms``
    (what ``npubridge tune`` aims at), and every setting of ``Bridge(config=…)``.
    """

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        deprecation.warn(type(self).__name__, "npubridge.Bridge")
        self.npu_orchestrator: Any = None
        self.coordination_matrix: dict[str, list[str]] = {}
        self.agent_cache: dict[str, dict[str, Any]] = BoundedDict(AGENTS_KEPT)
        self.performance_metrics: dict[str, float] = {
            "workflows_executed": 0,
            "total_execution_time": 0.0,
            "average_ops_per_sec": 0.0,
            "npu_utilization": 0.0,
            "coordination_overhead": 0.0,
        }
        self.workflow_history: list[WorkflowResult] = BoundedList(HISTORY_KEPT)
        self.broken_cycles: list[dict[str, Any]] = BoundedList(HISTORY_KEPT)
        self.config: dict[str, Any] = config or {}
        self.initialized = False
        self.stats: dict[str, Any] = {
            "operations_completed": 0,
            "operations_failed": 0,
            "total_execution_time_ms": 0.0,
            "rust_mode": RUST_BRIDGE_AVAILABLE,
        }
        self.results_cache: dict[str, NPUResult] = BoundedDict(RESULTS_KEPT)
        self._lock = threading.RLock()
        self._running: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]] = {}
        self._bridge: Bridge | None = None
        self._chooser: tuple[Any, Any] = (None, None)
        self._overhead_s = 0.0
        self._elapsed_s = 0.0

    # The first generation: workflows.

    async def initialize(self) -> bool:
        """Reads the agents. The engine itself starts with the first operation."""
        await self.load_agent_cache()
        self.initialized = True
        return True

    async def load_agent_cache(self) -> None:
        """Reads the agents; a folder that does not exist has none, a file that is not understood is left out."""
        folder = get_agents_dir()
        agents: list[dict[str, Any]] = []
        if folder.is_dir():
            agents, problems = _coordinator().read_agents(folder)
            for file, problem in problems:
                logger.warning("%s is left out: %s", file, problem)
        else:
            logger.info("there are no agents: %s is no folder", folder)
        with self._lock:
            self.agent_cache = BoundedDict(AGENTS_KEPT, ((agent["name"], agent) for agent in agents))
            self.coordination_matrix = {
                capability: [agent["name"] for agent in agents if capability in agent["capabilities"]]
                for capability in ("security", "development", "operations", "strategic")
            }

    def calculate_priority(self, agent_name: str) -> int:
        """The priority that an agent's name (in lower case) gives it; 1 is most urgent."""
        return _coordinator().priority(agent_name)

    async def create_workflow(
        self,
        tasks: list[dict[str, Any]],
        mode: CoordinationMode = CoordinationMode.NPU_ACCELERATED,
    ) -> str:
        """Makes tasks out of dicts and orders them; gives ``(workflow_id, tasks)``, whatever its annotation says."""
        workflow_id = f"workflow_{_clock.next()}"
        prefix = f"{workflow_id}_task_"
        workflow_tasks = [
            WorkflowTask(
                f"{prefix}{index}",
                task.get("agent", "director"),
                task.get("description", "Task"),
                task.get("priority", 50),
                task.get("dependencies", []),
            )
            for index, task in enumerate(tasks)
        ]
        return workflow_id, await self.optimize_workflow(workflow_tasks, mode)  # type: ignore[return-value]

    async def optimize_workflow(self, tasks: list[WorkflowTask], mode: CoordinationMode) -> list[WorkflowTask]:
        """The tasks in execution order; the routing modes first give unknown agents' tasks to a known one."""
        if self.agent_cache and mode in (CoordinationMode.NPU_ACCELERATED, CoordinationMode.INTELLIGENT_ROUTING):
            unknown = [task for task in tasks if task.agent_name not in self.agent_cache]
            chosen = await self._select_agents([task.description for task in unknown])
            for task, name in zip(unknown, chosen, strict=True):
                task.agent_name = name or task.agent_name
        return self.resolve_dependencies(tasks)

    async def npu_select_agent(self, description: str) -> str | None:
        """The agent that fits the description best; ``None`` when no agent fits.

        Agents are compared as ``routing.method`` of the configuration says: by words and meaning where the model minilm
        is installed, by words elsewhere. Where they say nothing of it themselves, their names and capabilities decide.
        """
        (chosen,) = await self._select_agents([description])
        return chosen

    async def _select_agents(self, descriptions: list[str]) -> list[str | None]:
        cache = self.agent_cache
        state = (id(cache), getattr(cache, "version", tuple(cache)))
        known, choose = self._chooser
        if known != state:
            choose = _coordinator().chooser(cache, _routing_method(self.config))
            self._chooser = (state, choose)
        return await choose(descriptions, self._submit_route)

    async def _submit_route(self, type: str, **arguments: Any) -> Any:
        return await self._engine().submit(type, **arguments)

    def resolve_dependencies(self, tasks: list[WorkflowTask]) -> list[WorkflowTask]:
        """The tasks so that each follows what it depends on, the most urgent of those that are ready first.

        Dependencies on unknown ids are ignored; a cycle is broken at its most urgent task, and logged.
        """
        plan = _coordinator().plan(list(tasks), levels=False)
        self._report(None, plan)
        return plan.order

    def group_by_execution_level(self, tasks: list[WorkflowTask]) -> dict[int, list[WorkflowTask]]:
        """The tasks by how many must have run one after the other before them, from 0; each level by priority."""
        return _coordinator().plan(list(tasks), order=False).levels

    def _report(self, workflow_id: str | None, plan: _coordination.Plan) -> None:
        for task, late in plan.broken:
            dropped = [each.task_id for each in late]
            logger.warning("a cycle is broken: %s does not wait for %s", task.task_id, ", ".join(map(str, dropped)))
            if workflow_id is not None:
                entry = {"workflow_id": workflow_id, "task_id": task.task_id, "dropped": dropped}
                self.broken_cycles.append(entry)

    async def execute_workflow(
        self, workflow_id: str, tasks: list[WorkflowTask], max_parallel: int = 10
    ) -> WorkflowResult:
        """Goes through the tasks in the order of their dependencies, the most urgent first, ``max_parallel`` at a time.

        A task has no handler here, so it is routed to its agent and counts as completed, unless a subclass gives
        ``execute_single_task`` something to do.
        """
        if max_parallel < 1:
            raise ValueError(f"max_parallel is {max_parallel}, at least 1 is needed")
        started = time.perf_counter()
        tasks = list(tasks)
        works = self._works()
        coordinator = _coordinator()
        plan = coordinator.plan(tasks, order=False, levels=works and not isinstance(coordinator, _coordination.Native))
        self._report(workflow_id, plan)
        working = 0.0
        if works:
            results, working = await coordinator.execute(self.execute_single_task, tasks, plan, max_parallel)
            completed, agents = _utilization(results)
        else:
            counts = collections.Counter(map(operator.attrgetter("agent_name"), tasks))
            completed = len(tasks)
            agents = {agent: {"tasks_executed": count, "total_time_ms": 0.0} for agent, count in counts.items()}
            await asyncio.sleep(0)
        seconds = time.perf_counter() - started
        return self._finish(workflow_id, completed, len(tasks), seconds, seconds - working, agents)

    def _works(self) -> bool:
        """Whether a task is more than routed: somebody has overridden what is done for it."""
        method = getattr(self.execute_single_task, "__func__", None)
        return method is not NPUCoordinationBridge.execute_single_task

    def _finish(
        self,
        workflow_id: str,
        completed: int,
        total: int,
        seconds: float,
        overhead_s: float,
        agents: dict[str, Any],
    ) -> WorkflowResult:
        rate = total / seconds if seconds > 0 else 0.0
        result = WorkflowResult(
            workflow_id=workflow_id,
            tasks_completed=completed,
            total_tasks=total,
            execution_time_ms=seconds * 1000,
            success_rate=completed / total if total else 0.0,
            performance_metrics={
                "execution_time_ms": seconds * 1000,
                "ops_per_sec": rate,
                "tasks_per_second": rate,
                "average_task_time_ms": seconds * 1000 / total if total else 0.0,
                "npu_utilization": self.calculate_npu_utilization(),
                "coordination_overhead_ms": overhead_s * 1000,
            },
            agent_utilization=agents,
        )
        with self._lock:
            self._overhead_s += overhead_s
            self._elapsed_s += seconds
            self.update_performance_metrics(total, seconds, rate)
            self.workflow_history.append(result)
        return result

    async def execute_single_task(self, task: WorkflowTask) -> dict[str, Any]:
        """Routes a task to its agent. It says ``completed``, as it always did, and that nothing was executed."""
        started = time.perf_counter()
        return {
            "task_id": task.task_id,
            "agent_used": task.agent_name,
            "execution_time_ms": 0.0,
            "status": "completed",
            "executed": False,
            "actual_execution_time_ms": (time.perf_counter() - started) * 1000,
        }

    def calculate_npu_utilization(self) -> float:
        """The share of its time in which the engine's NPU computed, between 0 and 1; 0 where there is none."""
        bridge = self._bridge
        if bridge is None or bridge.performance_mode != "npu":
            return 0.0
        metrics = bridge.metrics()
        busy_us = sum(
            model["compute"]["mean"] * model["compute"]["count"]
            for model in metrics["models"]
            if model["device"].startswith("NPU")
        )
        return min(1.0, busy_us / 1000 / metrics["uptime_ms"]) if metrics["uptime_ms"] else 0.0

    def calculate_coordination_overhead(self, total_time: float) -> float:
        """The part of ``total_time`` that went into coordination, by what was measured in all workflows so far."""
        with self._lock:
            return total_time * self._overhead_s / self._elapsed_s if self._elapsed_s else 0.0

    def update_performance_metrics(self, task_count: int, execution_time: float, ops_per_sec: float) -> None:
        """Counts one workflow of ``execution_time`` seconds."""
        utilization = self.calculate_npu_utilization()
        with self._lock:
            metrics = self.performance_metrics
            executed = metrics["workflows_executed"] + 1
            metrics["average_ops_per_sec"] += (ops_per_sec - metrics["average_ops_per_sec"]) / executed
            metrics["workflows_executed"] = executed
            metrics["total_execution_time"] += execution_time
            metrics["npu_utilization"] = utilization
            metrics["coordination_overhead"] = self.calculate_coordination_overhead(execution_time)

    def get_performance_summary(self) -> dict[str, Any]:
        """The figures since the start, of the last ten workflows, and what is available."""
        with self._lock:
            recent = self.workflow_history[-10:]
            metrics = dict(self.performance_metrics)
        count = len(recent)
        rates = [result.performance_metrics["ops_per_sec"] for result in recent]
        return {
            "bridge_metrics": metrics,
            "recent_performance": {
                "workflows_count": count,
                "average_ops_per_sec": sum(rates) / count if count else 0.0,
                "average_success_rate": sum(result.success_rate for result in recent) / count if count else 0.0,
                "total_tasks_executed": sum(result.tasks_completed for result in recent),
            },
            "system_status": {
                "npu_available": npu_available(),
                "coordination_available": COORDINATION_AVAILABLE,
                "agents_cached": len(self.agent_cache),
            },
        }

    async def performance_test(self) -> dict[str, Any]:
        """Runs one workflow of 50 tasks and gives the summary."""
        tasks = [{"agent": "director", "description": f"Performance task {index}"} for index in range(50)]
        workflow_id, workflow_tasks = await self.create_workflow(tasks)  # type: ignore[misc]
        await self.execute_workflow(workflow_id, workflow_tasks)
        return self.get_performance_summary()

    # The second generation: operations.

    def _engine(self) -> Bridge:
        """The bridge under this one; a process that was forked gets another."""
        with self._lock:
            bridge = self._bridge
            if bridge is None or bridge.forked:
                bridge = self._bridge = Bridge(config=lenient(self.config))
            return bridge

    async def submit_operation(self, op: NPUOperation) -> str:
        """Runs the operation and keeps its result, the newest ``RESULTS_KEPT``; gives its id.

        Types are those of ``OPERATION_TYPES``. ``metadata`` names the ``model`` of an inference and, if it is not
        ``input``, its ``input``; a ``matrix_multiply`` takes a pair as ``input_data``. A failure is a result whose
        ``success`` is false.
        """
        started = time.perf_counter()
        with self._lock:
            waiting = self._running.setdefault(op.operation_id, [])
        try:
            try:
                data, metadata = await self._run(op)
                result = NPUResult(op.operation_id, True, data, metadata=metadata)
            except (NpuBridgeError, TypeError, ValueError, KeyError) as error:
                message = f"{op.operation_type} lacks {error}" if isinstance(error, KeyError) else str(error)
                result = NPUResult(op.operation_id, False, error_message=message, metadata=op.metadata)
            result.execution_time_ms = (time.perf_counter() - started) * 1000
            with self._lock:
                self.stats["operations_completed" if result.success else "operations_failed"] += 1
                self.stats["total_execution_time_ms"] += result.execution_time_ms
                self.results_cache[op.operation_id] = result
        finally:
            with self._lock:
                self._running.pop(op.operation_id, None)
            for loop, future in waiting:
                _wake(loop, future)
        return op.operation_id

    async def _run(self, op: NPUOperation) -> tuple[Any, Any]:
        if op.operation_type not in OPERATION_TYPES:
            raise UnsupportedOperationError(
                f"operation_type is {op.operation_type!r}; known types: {', '.join(OPERATION_TYPES)}"
            )
        if op.operation_type == "echo":
            return await self._echo(op), op.metadata
        coordinator = _coordinator()
        if not isinstance(coordinator, _coordination.Native):
            raise UnsupportedOperationError(
                f"{op.operation_type} needs the native engine, and {_binding.reason or 'it is not used'}"
            )
        result = await self._submit(op, **_arguments(op))
        if not result.outputs:
            return result.report, op.metadata
        outputs = dict(result.outputs)
        data = next(iter(outputs.values())) if len(outputs) == 1 else outputs
        return data, {**(op.metadata or {}), "device": result.device, "fallback": result.fallback}

    async def _echo(self, op: NPUOperation) -> Any:
        data = op.input_data
        is_array = hasattr(data, "dtype")
        numbers = data if is_array else [float(value) for value in data]
        coordinator = _coordinator()
        if isinstance(coordinator, _coordination.Legacy):
            return await coordinator.echo(numbers)
        if is_array:
            return (await self._submit(op, data=numbers)).data
        packed = Tensor("FP64", (len(numbers),), struct.pack(f"={len(numbers)}d", *numbers))
        return (await self._submit(op, data=packed)).data.tolist()

    async def _submit(self, op: NPUOperation, **arguments: Any) -> Any:
        priority = op.priority.value if isinstance(op.priority, Enum) else op.priority
        return await self._engine().submit(
            op.operation_type, priority=min(max(int(priority), 0), 4), timeout_ms=op.timeout_ms, **arguments
        )

    async def get_result(self, operation_id: str, timeout_ms: int = 5000) -> NPUResult:
        """The result of an operation, also a second time; waits for one that runs. ``ValueError`` for an id that is not
        known (any more), ``asyncio.TimeoutError`` when it is not done in time."""
        with self._lock:
            waiting = self._running.get(operation_id)
            if waiting is not None:
                loop = asyncio.get_running_loop()
                future: asyncio.Future[None] = loop.create_future()
                waiting.append((loop, future))
        if waiting is not None:
            await asyncio.wait_for(future, timeout_ms / 1000)
        with self._lock:
            result = self.results_cache.get(operation_id)
        if result is None:
            raise ValueError(f"Operation {operation_id} not found")
        return result

    def get_performance_stats(self) -> dict[str, Any]:
        """The counters of the second generation with their average, times in milliseconds, and under ``engine`` what
        the engine itself has counted (``None`` before its first operation)."""
        with self._lock:
            stats = dict(self.stats)
        total = stats["operations_completed"] + stats["operations_failed"]
        bridge = self._bridge
        return {
            **stats,
            "average_execution_time_ms": stats["total_execution_time_ms"] / total if total else 0.0,
            "engine": bridge.metrics() if bridge is not None and bridge.running else None,
        }

    async def shutdown(self) -> None:
        """Ends the engine and forgets the results. Another operation starts another engine."""
        with self._lock:
            bridge, self._bridge = self._bridge, None
            self.results_cache.clear()
            self.initialized = False
        if bridge is not None and not bridge.forked:
            await bridge.shutdown()


def _wake(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    def complete() -> None:
        if not future.done():
            future.set_result(None)

    try:
        loop.call_soon_threadsafe(complete)
    except RuntimeError:
        logger.debug("a loop was closed while it waited for a result")


def _utilization(results: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    agents: dict[str, Any] = {}
    for result in results:
        agent = agents.setdefault(result["agent_used"], {"tasks_executed": 0, "total_time_ms": 0.0})
        agent["tasks_executed"] += 1
        agent["total_time_ms"] += result.get("actual_execution_time_ms", 0.0)
    return sum(1 for result in results if result["status"] == "completed"), agents


def _routing_method(config: dict[str, Any]) -> str:
    return resolve(lenient(config), {}).get("routing", {}).get("method", "auto")


async def create_npu_bridge(config: dict[str, Any] | None = None) -> NPUCoordinationBridge:
    """A bridge that is ready to use."""
    bridge = NPUCoordinationBridge(config)
    await bridge.initialize()
    return bridge


def get_bridge_status() -> dict[str, Any]:
    """What runs: ``performance_mode`` is ``rust`` with the native engine, ``python`` with an old module."""
    native = isinstance(_coordinator(), _coordination.Native)
    return {
        "rust_available": native,
        "fallback_mode": not native,
        "performance_mode": "rust" if native else "python",
    }


_global_bridge: NPUCoordinationBridge | None = None
_global_lock = threading.Lock()


async def get_global_bridge() -> NPUCoordinationBridge:
    """The one bridge that callers without a bridge of their own share."""
    global _global_bridge
    with _global_lock:
        known = _global_bridge
    if known is not None:
        return known
    made = await create_npu_bridge()
    with _global_lock:
        if _global_bridge is None:
            _global_bridge = made
        return _global_bridge


class LegacyNPUCoordinator:
    """The interface that the second generation offered to callers of an even older one."""

    def __init__(self) -> None:
        deprecation.warn("LegacyNPUCoordinator", "npubridge.Bridge")
        self._bridge: NPUCoordinationBridge | None = None

    async def coordinate_operation(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Runs an operation given as ``{id, type, data, priority}``; ``execution_time`` is in milliseconds."""
        if self._bridge is None:
            self._bridge = await create_npu_bridge()
        operation_id = await self._bridge.submit_operation(
            NPUOperation(
                operation_id=operation.get("id", f"legacy_{time.time_ns()}"),
                operation_type=operation.get("type", "unknown"),
                input_data=operation.get("data", []),
                priority=operation.get("priority", 1),
            )
        )
        result = await self._bridge.get_result(operation_id)
        return {
            "success": result.success,
            "data": result.result_data,
            "execution_time": result.execution_time_ms,
            "error": result.error_message,
        }


RustNPUBridge = NPUBridge
"""The name under which the second generation looked for it."""


def create_default_bridge() -> NPUBridge:
    """A bridge with defaults."""
    return NPUBridge()


def get_system_info() -> dict[str, Any]:
    """What this machine has. What is not known is ``None``."""
    folder = None
    if RUST_BRIDGE_AVAILABLE:
        from . import _devices

        folder = _devices.find_runtime(None)
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        memory = None
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cpu_count": os.cpu_count(),
        "memory_bytes": memory,
        "openvino_runtime": folder,
        "npu_available": npu_available(),
    }
