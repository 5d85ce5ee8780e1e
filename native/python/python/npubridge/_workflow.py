"""Workflows whose tasks are done by Python functions; what may start when is decided by the engine."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import re
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from . import _binding, _config
from .errors import InvalidArgumentError


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
    places: asyncio.Semaphore | None = None,
) -> list[TaskResult]:
    """Runs tasks in the order of their dependencies, the most urgent first, and gives them as they were settled.

    ``handlers`` are functions by agent; a task whose agent has none is ``routed``. A function that raises fails its
    task. ``on_failure`` is ``skip_dependents``, ``continue`` or ``stop``. ``places`` are shared with other workflows:
    no more tasks than that run at once; those of ``NPUBRIDGE_WORKFLOW_MAX_PARALLEL`` for all workflows of an event loop
    when it is not given.

    Raises ``InvalidArgumentError`` for ids that come twice and for cycles, which ``break_cycles`` allows.
    """
    described = [(t.id, t.agent, t.priority, list(t.dependencies), t.agent in handlers) for t in tasks]
    run = _binding.need().WorkflowRun(
        described, max_parallel, on_failure, break_cycles, dict(agent_limits) if agent_limits else None
    )
    outcomes = _Outcomes()
    outputs: dict[str, Any] = {}
    results: list[TaskResult] = []
    free = _places_of_process() if places is None else places

    async def do(position: int) -> None:
        task = tasks[position]
        try:
            async with free:
                output = handlers[task.agent](task, {id: outputs.get(id) for id in task.dependencies})
                if inspect.isawaitable(output):
                    output = await output
        except Exception as error:  # noqa: BLE001  # whatever a task raises is what came of it
            outcomes.errors[position] = error
            run.fail(position, f"{type(error).__name__}: {error}")
        else:
            outcomes.outputs[position] = outputs[task.id] = output
            run.complete(position)

    def settle(news: Iterable[tuple[int, str, str | None]]) -> None:
        for position, status, reason in news:
            error = outcomes.errors.pop(position, None)
            output = outcomes.outputs.pop(position, None)
            why = reason if error is None else None
            results.append(TaskResult(tasks[position], status, output, error, why))

    await go_through(run, do, settle)
    return results


async def go_through(
    run: Any,
    do: Callable[[int], Awaitable[None]],
    settle: Callable[[Iterable[tuple[int, str, str | None]]], None] = lambda news: None,
) -> float:
    """Lets ``do`` work on the tasks of a run by their positions, as they may start, until all are settled.

    ``do`` reports to the run what came of each; what it raises ends everything. Gives the seconds in which there was
    nothing to do but wait for tasks.
    """
    running: set[asyncio.Future[None]] = set()
    waited = 0.0
    try:
        while True:
            settle(run.take_settled())
            if run.is_finished():
                return waited
            running |= {asyncio.ensure_future(do(position)) for position in run.next()}
            started = time.perf_counter()
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            waited += time.perf_counter() - started
            for each in done:
                each.result()
    finally:
        for each in running:
            each.cancel()


_places: weakref.WeakKeyDictionary[Any, dict[int, asyncio.Semaphore]] = weakref.WeakKeyDictionary()


def _places_of_process() -> AbstractAsyncContextManager[Any]:
    if not os.environ.get("NPUBRIDGE_WORKFLOW_MAX_PARALLEL"):
        return contextlib.nullcontext()
    count = _config.resolve(None, {})["workflow"]["max_parallel"]
    known = _places.setdefault(asyncio.get_running_loop(), {})
    return known.setdefault(count, asyncio.Semaphore(count))


_PLACEHOLDER = re.compile(r"\{(description|task_id|inputs)(?:\.([^{}]+))?\}")


def operation_handler(bridge: Any, template: Mapping[str, Any]) -> Handler:
    """Does the tasks of an agent with an operation of ``bridge``: a dict of the arguments of ``submit``.

    In its texts, ``{description}``, ``{task_id}`` and ``{inputs}`` (as JSON) stand for those of the task, and
    ``{inputs.ID}`` for the output of the task that it depends on, which ``"{inputs.ID}"`` alone becomes as it is.
    Values are put in as they are and never looked at again. The output is the ``OperationResult``.
    """

    async def do(task: Task, inputs: Mapping[str, Any]) -> Any:
        arguments = {name: _fill(value, task, inputs) for name, value in template.items()}
        return await bridge.submit(arguments.pop("type"), **arguments)

    return do


def _fill(value: Any, task: Task, inputs: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        only = re.fullmatch(r"\{inputs\.([^{}]+)\}", value)
        if only:
            return _input(only[1], task, inputs)
        return _PLACEHOLDER.sub(lambda match: _text(match, task, inputs), value)
    if isinstance(value, Mapping):
        return {key: _fill(each, task, inputs) for key, each in value.items()}
    return [_fill(each, task, inputs) for each in value] if isinstance(value, list | tuple) else value


def _text(match: re.Match[str], task: Task, inputs: Mapping[str, Any]) -> str:
    name, key = match.groups()
    if name != "inputs":
        return match[0] if key else {"description": task.description, "task_id": task.id}[name]
    value = dict(inputs) if key is None else _input(key, task, inputs)
    return value if isinstance(value, str) else json.dumps(value)


def _input(name: str, task: Task, inputs: Mapping[str, Any]) -> Any:
    if name in inputs:
        return inputs[name]
    raise InvalidArgumentError(
        f"task {task.id!r} has no input {name!r}, which its agent asks for",
        suggestions=(f"dependencies=[{name!r}]",),
    )
