"""Workflows of the first generation: their tasks, the way through them, and what came of it."""

from __future__ import annotations

import asyncio
import collections
import operator
import threading
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from .._coordination import GetCoordinator, Native, Plan, Work
from . import logger
from .types import WorkflowResult, WorkflowTask


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


def new_id() -> str:
    """An id that no other workflow of this process has."""
    return f"workflow_{_clock.next()}"


def tasks_of(workflow_id: str, tasks: list[dict[str, Any]]) -> list[WorkflowTask]:
    """Tasks out of dicts, with what these leave out."""
    prefix = f"{workflow_id}_task_"
    return [
        WorkflowTask(
            f"{prefix}{index}",
            task.get("agent", "director"),
            task.get("description", "Task"),
            task.get("priority", 50),
            task.get("dependencies", []),
        )
        for index, task in enumerate(tasks)
    ]


def report_cycles(plan: Plan, workflow_id: str | None = None) -> list[dict[str, Any]]:
    """Logs the cycles that were broken, and gives them as a bridge remembers them."""
    entries = []
    for task, late in plan.broken:
        dropped = [each.task_id for each in late]
        logger.warning("a cycle is broken: %s does not wait for %s", task.task_id, ", ".join(map(str, dropped)))
        entries.append({"workflow_id": workflow_id, "task_id": task.task_id, "dropped": dropped})
    return entries


def route(task: WorkflowTask) -> dict[str, Any]:
    """The result of a task without a handler: it says ``completed``, and that nothing was executed."""
    started = time.perf_counter()
    return {
        "task_id": task.task_id,
        "agent_used": task.agent_name,
        "execution_time_ms": 0.0,
        "status": "completed",
        "executed": False,
        "actual_execution_time_ms": (time.perf_counter() - started) * 1000,
    }


class Run(NamedTuple):
    """What came of the tasks of a workflow."""

    completed: int
    total: int
    seconds: float
    overhead_s: float
    agents: dict[str, Any]

    @property
    def tasks_per_second(self) -> float:
        """Its rate; 0 where no time passed."""
        return self.total / self.seconds if self.seconds > 0 else 0.0

    def result(self, workflow_id: str, npu_utilization: float) -> WorkflowResult:
        """What callers get of it."""
        milliseconds = self.seconds * 1000
        return WorkflowResult(
            workflow_id=workflow_id,
            tasks_completed=self.completed,
            total_tasks=self.total,
            execution_time_ms=milliseconds,
            success_rate=self.completed / self.total if self.total else 0.0,
            performance_metrics={
                "execution_time_ms": milliseconds,
                "ops_per_sec": self.tasks_per_second,
                "tasks_per_second": self.tasks_per_second,
                "average_task_time_ms": milliseconds / self.total if self.total else 0.0,
                "npu_utilization": npu_utilization,
                "coordination_overhead_ms": self.overhead_s * 1000,
            },
            agent_utilization=self.agents,
        )


async def go_through(
    workflow_id: str,
    tasks: Iterable[WorkflowTask],
    coordinator: GetCoordinator,
    work: Work | None,
    at_once: int,
    broken_cycles: list[dict[str, Any]],
) -> Run:
    """Does ``work`` for each task, ``at_once`` side by side; without it, tasks are only counted as routed.

    Cycles are added to ``broken_cycles`` before the first task begins.
    """
    started = time.perf_counter()
    tasks = list(tasks)
    planner = coordinator()
    levels = work is not None and not isinstance(planner, Native)
    plan = planner.plan(tasks, order=False, levels=levels)
    broken_cycles.extend(report_cycles(plan, workflow_id))
    working = 0.0
    if work is not None:
        results, working = await planner.execute(work, tasks, plan, at_once)
        completed, agents = _utilization(results)
    else:
        counts = collections.Counter(map(operator.attrgetter("agent_name"), tasks))
        completed = len(tasks)
        agents = {agent: {"tasks_executed": count, "total_time_ms": 0.0} for agent, count in counts.items()}
        await asyncio.sleep(0)
    seconds = time.perf_counter() - started
    return Run(completed, len(tasks), seconds, seconds - working, agents)


def _utilization(results: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    agents: dict[str, Any] = {}
    for result in results:
        agent = agents.setdefault(result["agent_used"], {"tasks_executed": 0, "total_time_ms": 0.0})
        agent["tasks_executed"] += 1
        agent["total_time_ms"] += result.get("actual_execution_time_ms", 0.0)
    return sum(1 for result in results if result["status"] == "completed"), agents
