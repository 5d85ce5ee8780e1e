"""Workflows whose tasks are done by Python functions; what may start when is decided by the engine."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import _binding


@dataclass(frozen=True)
class Task:
    """A task for an agent. ``priority`` is from 1 (most urgent) to 100; ``dependencies`` are ids of other tasks."""

    id: str
    agent: str
    description: str = ""
    priority: int = 50
    dependencies: Sequence[str] = ()


@dataclass(frozen=True)
class TaskResult:
    """What came of a task: ``completed``, ``failed``, ``skipped``, ``routed`` or ``cancelled``.

    ``output`` is what its function gave, ``error`` what it raised, ``reason`` why it was not done.
    """

    task: Task
    status: str
    output: Any = None
    error: Exception | None = None
    reason: str | None = None


@dataclass
class _Outcomes:
    outputs: dict[int, Any] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)


Handler = Callable[[Task, Mapping[str, Any]], Any]
"""Does a task; is given the outputs of the tasks that it depends on, by id. May be a coroutine function."""


async def run_workflow(
    tasks: Sequence[Task],
    handlers: Mapping[str, Handler],
    *,
    max_parallel: int = 10,
    on_failure: str = "skip_dependents",
    break_cycles: bool = False,
    agent_limits: Mapping[str, int] | None = None,
) -> list[TaskResult]:
    """Runs tasks in the order of their dependencies, the most urgent first, and gives them as they were settled.

    ``handlers`` are functions by agent; a task whose agent has none is ``routed``. A function that raises fails its
    task. ``on_failure`` is ``skip_dependents``, ``continue`` or ``stop``.

    Raises ``InvalidArgumentError`` for ids that come twice and for cycles, which ``break_cycles`` allows.
    """
    described = [(t.id, t.agent, t.priority, list(t.dependencies), t.agent in handlers) for t in tasks]
    run = _binding.need().WorkflowRun(
        described, max_parallel, on_failure, break_cycles, dict(agent_limits) if agent_limits else None
    )
    outcomes = _Outcomes()
    outputs: dict[str, Any] = {}
    results: list[TaskResult] = []
    running: set[asyncio.Task[None]] = set()

    async def do(position: int) -> None:
        task = tasks[position]
        try:
            output = handlers[task.agent](task, {id: outputs.get(id) for id in task.dependencies})
            if inspect.isawaitable(output):
                output = await output
        except Exception as error:  # noqa: BLE001  # whatever a task raises is what came of it
            outcomes.errors[position] = error
            run.fail(position, f"{type(error).__name__}: {error}")
        else:
            outcomes.outputs[position] = outputs[task.id] = output
            run.complete(position)

    try:
        while True:
            for position, status, reason in run.take_settled():
                error = outcomes.errors.pop(position, None)
                output = outcomes.outputs.pop(position, None)
                why = reason if error is None else None
                results.append(TaskResult(tasks[position], status, output, error, why))
            if run.is_finished():
                return results
            running |= {asyncio.ensure_future(do(position)) for position in run.next()}
            _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in running:
            each.cancel()
