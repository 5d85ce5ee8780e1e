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

import functools
import os
import threading
import time
from pathlib import Path
from typing import Any

from . import _binding, _coordination
from ._bounded import BoundedDict, BoundedList
from ._bridge import Bridge
from ._compat import agents, deprecation, figures, machine, operations, workflows
from ._compat import logger as logger
from ._compat.direct import NPUBridge
from ._compat.operations import OPERATION_TYPES as OPERATION_TYPES
from ._compat.types import CoordinationMode, NPUOperation, NPUResult, Priority, WorkflowResult, WorkflowTask
from ._config import lenient

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
    return RUST_BRIDGE_AVAILABLE and machine.npu_works(ACCELERATOR_NODES)


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
        self.performance_metrics = figures.of_no_workflow()
        self.workflow_history: list[WorkflowResult] = BoundedList(HISTORY_KEPT)
        self.broken_cycles: list[dict[str, Any]] = BoundedList(HISTORY_KEPT)
        self.config: dict[str, Any] = config or {}
        self.initialized = False
        self.stats = figures.of_no_operation(rust_mode=RUST_BRIDGE_AVAILABLE)
        self.results_cache: dict[str, NPUResult] = BoundedDict(RESULTS_KEPT)
        self._lock = threading.RLock()
        self._bridge: Bridge | None = None
        self._running = operations.RunningOperations()
        self._selection = agents.AgentSelection(_coordinator)
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
        found = agents.read(get_agents_dir(), _coordinator)
        with self._lock:
            self.agent_cache = BoundedDict(AGENTS_KEPT, ((agent["name"], agent) for agent in found))
            self.coordination_matrix = agents.by_capability(found)

    def calculate_priority(self, agent_name: str) -> int:
        """The priority that an agent's name (in lower case) gives it; 1 is most urgent."""
        return _coordinator().priority(agent_name)

    async def create_workflow(
        self,
        tasks: list[dict[str, Any]],
        mode: CoordinationMode = CoordinationMode.NPU_ACCELERATED,
    ) -> str:
        """Makes tasks out of dicts and orders them; gives ``(workflow_id, tasks)``, whatever its annotation says."""
        workflow_id = workflows.new_id()
        workflow_tasks = workflows.tasks_of(workflow_id, tasks)
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
        return await self._selection.select(descriptions, self.agent_cache, self.config, self._submit_route)

    async def _submit_route(self, type: str, **arguments: Any) -> Any:
        return await self._engine().submit(type, **arguments)

    def resolve_dependencies(self, tasks: list[WorkflowTask]) -> list[WorkflowTask]:
        """The tasks so that each follows what it depends on, the most urgent of those that are ready first.

        Dependencies on unknown ids are ignored; a cycle is broken at its most urgent task, and logged.
        """
        plan = _coordinator().plan(list(tasks), levels=False)
        workflows.report_cycles(plan)
        return plan.order

    def group_by_execution_level(self, tasks: list[WorkflowTask]) -> dict[int, list[WorkflowTask]]:
        """The tasks by how many must have run one after the other before them, from 0; each level by priority."""
        return _coordinator().plan(list(tasks), order=False).levels

    async def execute_workflow(
        self, workflow_id: str, tasks: list[WorkflowTask], max_parallel: int = 10
    ) -> WorkflowResult:
        """Goes through the tasks in the order of their dependencies, the most urgent first, ``max_parallel`` at a time.

        A task has no handler here, so it is routed to its agent and counts as completed, unless a subclass gives
        ``execute_single_task`` something to do.
        """
        if max_parallel < 1:
            raise ValueError(f"max_parallel is {max_parallel}, at least 1 is needed")
        work = self.execute_single_task if self._works() else None
        run = await workflows.go_through(workflow_id, tasks, _coordinator, work, max_parallel, self.broken_cycles)
        result = run.result(workflow_id, self.calculate_npu_utilization())
        with self._lock:
            self._overhead_s += run.overhead_s
            self._elapsed_s += run.seconds
            self.update_performance_metrics(run.total, run.seconds, run.tasks_per_second)
            self.workflow_history.append(result)
        return result

    def _works(self) -> bool:
        """Whether a task is more than routed: somebody has overridden what is done for it."""
        method = getattr(self.execute_single_task, "__func__", None)
        return method is not NPUCoordinationBridge.execute_single_task

    async def execute_single_task(self, task: WorkflowTask) -> dict[str, Any]:
        """Routes a task to its agent. It says ``completed``, as it always did, and that nothing was executed."""
        return workflows.route(task)

    def calculate_npu_utilization(self) -> float:
        """The share of its time in which the engine's NPU computed, between 0 and 1; 0 where there is none."""
        return figures.npu_utilization(self._bridge)

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
        return {
            "bridge_metrics": metrics,
            "recent_performance": figures.averages(recent),
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
        waiters = self._running.begin(op.operation_id)
        try:
            result = await operations.perform(op, _coordinator, self._engine)
            result.execution_time_ms = (time.perf_counter() - started) * 1000
            with self._lock:
                figures.count_operation(self.stats, result)
                self.results_cache[op.operation_id] = result
        finally:
            self._running.end(op.operation_id, waiters)
        return op.operation_id

    async def get_result(self, operation_id: str, timeout_ms: int = 5000) -> NPUResult:
        """The result of an operation, also a second time; waits for one that runs. ``ValueError`` for an id that is not
        known (any more), ``asyncio.TimeoutError`` when it is not done in time."""
        await self._running.wait(operation_id, timeout_ms)
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
        bridge = self._bridge
        return {
            **stats,
            "average_execution_time_ms": figures.average_execution_time_ms(stats),
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
        operation_id = await self._bridge.submit_operation(operations.of_dict(operation))
        return operations.as_dict(await self._bridge.get_result(operation_id))


RustNPUBridge = NPUBridge
"""The name under which the second generation looked for it."""


def create_default_bridge() -> NPUBridge:
    """A bridge with defaults."""
    return NPUBridge()


def get_system_info() -> dict[str, Any]:
    """What this machine has. What is not known is ``None``."""
    runtime = machine.find_runtime() if RUST_BRIDGE_AVAILABLE else None
    return machine.describe(openvino_runtime=runtime, npu_available=npu_available())
