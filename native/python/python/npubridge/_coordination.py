"""Who orders tasks and chooses agents: the engine, else an archived old module, else the bundled reference."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from . import _binding
from ._choosing import AgentChooser
from ._workflow import go_through
from .errors import InvalidArgumentError, NpuBridgeError

logger = logging.getLogger("npubridge.compat")

ARCHIVE = "deprecated/npu_bridge_python_legacy_*/npu_coordination_bridge*.py"
"""Where ``npubridge migrate`` puts the old module, below the project's folder."""


Work = Callable[[Any], Awaitable[dict[str, Any]]]
"""Does a task."""
Choose = Callable[[Sequence[str], Any], Awaitable[list[Any]]]
"""The agents for texts; takes what runs an operation on an engine, for the methods that need one."""


class Plan(NamedTuple):
    """Tasks in execution order and by level, and the cycles that were broken: a task with those it did not wait for."""

    order: list[Any]
    levels: dict[int, list[Any]]
    broken: list[tuple[Any, list[Any]]]


class Native:
    """The engine's planner and router."""

    name = "native"

    def __init__(self) -> None:
        self._native = _binding.need()

    def plan(self, tasks: list[Any], *, order: bool = True, levels: bool = True) -> Plan:
        """Plans tasks; ids may be anything that a dict takes, priorities anything that can be sorted. What is not asked
        for stays empty."""
        native = self._native.plan
        try:
            planned = native(tasks, order=order, levels=levels)
        except (NpuBridgeError, TypeError, OverflowError) as error:
            if isinstance(error, InvalidArgumentError):
                # Two tasks of one id: what the engine refuses, the old module did.
                logger.warning("tasks are ordered by the bundled reference: %s", error)
                return Legacy([reference()]).plan(tasks)
            if isinstance(error, NpuBridgeError):
                raise
            planned = native(tasks, ranks(tasks), order=order, levels=levels)
        ordered, groups, broken = planned
        return Plan(ordered or [], dict(enumerate(groups or ())), broken)

    async def execute(self, work: Work, tasks: list[Any], plan: Plan, at_once: int) -> tuple[list[Any], float]:
        """Works on tasks as soon as what they depend on has ended, the most urgent first, ``at_once`` side by side.

        A task that fails holds nothing up, as ever. Gives the results, and the seconds that the tasks were waited for.
        """
        position_of = {task.task_id: position for position, task in enumerate(tasks)}
        urgency = [task.priority for task in tasks]
        if not all(type(priority) is int and abs(priority) < 2**31 for priority in urgency):
            urgency = ranks(tasks)
        described = [
            (
                str(position),
                str(task.agent_name),
                urgency[position],
                [str(position_of[each]) for each in dict.fromkeys(task.dependencies) if each in position_of],
                True,
            )
            for position, task in enumerate(tasks)
        ]
        run = self._native.WorkflowRun(described, at_once, "continue", break_cycles=True, inherit=False)
        results: list[Any] = []

        async def do(position: int) -> None:
            result = await work(tasks[position])
            results.append(result)
            if result["status"] == "completed":
                run.complete(position)
            else:
                run.fail(position, str(result["status"]))

        return results, await go_through(run, do)

    def read_agents(self, folder: Path) -> tuple[list[dict[str, Any]], list[tuple[Any, str]]]:
        """The agents of a folder, and the files that describe none with the reason."""
        return self._native.Router.read(folder)

    def chooser(self, agents: Mapping[Any, Any], method: str) -> Choose:
        """Chooses among agents; see ``AgentChooser``."""
        return AgentChooser(agents, self._native.Router(list(agents)).select, method).select

    def priority(self, name: str) -> int:
        """The priority that a name gives."""
        return self._native.calculate_priority(name)


class Legacy:
    """Old modules, the first that has a method answers; the bundled reference, which has all, is the last."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self.modules = modules
        self.name = "legacy" if len(modules) > 1 else "reference"
        self._bridges = [module.NPUCoordinationBridge() for module in modules]
        for bridge in self._bridges:
            bridge.simulate_delay = False

    def _first(self, method: str, *arguments: Any) -> Any:
        for module, bridge in zip(self.modules, self._bridges, strict=True):
            if not hasattr(bridge, method):
                continue
            try:
                return getattr(bridge, method)(*arguments)
            except Exception as error:
                if module is self.modules[-1]:
                    raise
                logger.warning("%s of %s failed, the next one is asked: %r", method, module.__file__, error)
        raise AttributeError(method)

    def plan(self, tasks: list[Any], *, order: bool = True, levels: bool = True) -> Plan:
        """Plans tasks. Cycles are broken as ever; which, the old module does not say, so they are looked for here."""
        ordered = self._first("resolve_dependencies", tasks)
        known = {task.task_id: task for task in tasks}
        done: set[Any] = set()
        broken = []
        for task in ordered:
            late = [known[each] for each in dict.fromkeys(task.dependencies) if each in known and each not in done]
            if late:
                broken.append((task, late))
            done.add(task.task_id)
        return Plan(ordered, self._first("group_by_execution_level", tasks) if levels else {}, broken)

    async def execute(self, work: Work, tasks: list[Any], plan: Plan, at_once: int) -> tuple[list[Any], float]:
        """Works on tasks level by level, ``at_once`` side by side, as the old module did: a group begins when the one
        before has ended."""
        results: list[Any] = []
        started = time.perf_counter()
        for level in plan.levels.values():
            for first in range(0, len(level), at_once):
                results.extend(await asyncio.gather(*(work(task) for task in level[first : first + at_once])))
        return results, time.perf_counter() - started

    def read_agents(self, folder: Path) -> tuple[list[dict[str, Any]], list[tuple[Any, str]]]:
        """The agents of a folder, as the reference reads them, which logs the files that it leaves out."""
        module = self.modules[-1]
        module.get_agents_dir = lambda: folder  # type: ignore[attr-defined]
        bridge = module.NPUCoordinationBridge()
        _finish(bridge.load_agent_cache())
        fields = ("name", "path", "description", "priority", "capabilities")
        return [{field: agent[field] for field in fields} for agent in bridge.agent_cache.values()], []

    def chooser(self, agents: Mapping[Any, Any], method: str) -> Choose:
        """Chooses among agents as the reference does, by their names."""
        bridge = self.modules[-1].NPUCoordinationBridge()
        bridge.agent_cache = {name: bridge._known({"name": name}) for name in agents}

        async def choose(texts: Sequence[str], submit: Any) -> list[Any]:
            return [_finish(bridge.npu_select_agent(text)) for text in texts]

        return choose

    def priority(self, name: str) -> int:
        """The priority that a name gives."""
        return self._bridges[-1].calculate_priority(name)

    async def echo(self, numbers: Any) -> Any:
        """A round trip through the first module that has operations."""
        for module, bridge in zip(self.modules, self._bridges, strict=True):
            if not hasattr(bridge, "submit_operation"):
                continue
            result = await bridge.get_result(
                await bridge.submit_operation(module.NPUOperation("echo", "echo", numbers))
            )
            if result is not None and result.success:
                return result.result_data
            logger.warning("the echo of %s failed, the next one is asked: %s", module.__file__, result)
        raise RuntimeError("no module echoed the input")


GetCoordinator = Callable[[], Native | Legacy]
"""Gives the one there is. Each step down to it is logged when it is first asked for, so nobody asks without need."""


def _finish(coroutine: Any) -> Any:
    """The value of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("the old module waits where it never did")


def ranks(tasks: list[Any]) -> list[int]:
    """Numbers that are ordered as the priorities of tasks are, whatever these be."""
    rank = {priority: index for index, priority in enumerate(sorted({task.priority for task in tasks}))}
    return [rank[task.priority] for task in tasks]


def load(path: Path, name: str) -> ModuleType:
    """An old module under a name of ours. What it does to ``sys.path`` and to logging at import is undone."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    root = logging.getLogger()
    path_before, handlers, level = list(sys.path), list(root.handlers), root.level
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path[:] = path_before
        root.handlers[:] = handlers
        root.setLevel(level)
    if not hasattr(module, "NPUCoordinationBridge"):
        raise ImportError(f"{path} has no class NPUCoordinationBridge")
    return module


def reference() -> ModuleType:
    """The bundled reference."""
    known = sys.modules.get("npubridge._reference.npu_coordination_bridge")
    if known is None:
        from ._reference import npu_coordination_bridge as known
    return known


def archived(project: Path) -> ModuleType:
    """The archived old module: ``NPUBRIDGE_LEGACY_MODULE``, else the newest archive below the project's folder."""
    named = os.environ.get("NPUBRIDGE_LEGACY_MODULE")
    found = [Path(named)] if named else sorted(project.glob(ARCHIVE))
    if not found:
        raise FileNotFoundError(f"there is no {ARCHIVE} below {project}")
    return load(found[-1].resolve(), "npubridge_archived_legacy_module")


def choose(project: Path) -> Native | Legacy:
    """The best there is. Each step down is logged with its reason."""
    try:
        return Native()
    except NpuBridgeError as error:
        logger.warning("the native engine is not used: %s", error)
    modules = []
    try:
        modules.append(archived(project))
        logger.warning("the archived module %s runs instead", modules[0].__file__)
    except Exception as error:  # noqa: BLE001  # an old module may raise anything when it is imported
        logger.warning("no archived module is used: %s", error)
        logger.warning("the bundled reference runs instead")
    return Legacy([*modules, reference()])
