"""The old coordination module, both of its generations in one class, without what made it crash.

It exists for two reasons: as the last resort of npubridge where neither OpenVINO nor the native engine can run, and as
the baseline that the accelerated engine is compared with. It therefore keeps what the old module did and what that
cost: ``resolve_dependencies`` is quadratic, every task sleeps 100 ms instead of working, every operation of the second
generation echoes its input after a pause, overhead is a constant 5 % and results are never evicted. What it leaves out
are the failures: paths with shell syntax, names that were never imported, swallowed exceptions and endless recursion
on a dependency cycle.

Only the standard library is needed; numpy arrays are understood where numpy is used. CPython 3.10 or newer.

The pauses are the old module's own ("as shipped"). ``NPUBRIDGE_LEGACY_SLEEP=0`` in the environment, or
``bridge.simulate_delay = False``, leaves them out ("without sleep").
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
import unicodedata
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

NPU_AVAILABLE = False
COORDINATION_AVAILABLE = False
RUST_BRIDGE_AVAILABLE = False
FALLBACK_MODE = True

TASK_DELAY_S = 0.1
"""What the first generation slept for each task."""
OPERATION_DELAY_S = 0.001
"""What the second generation slept for each operation."""
OVERHEAD_SHARE = 0.05
"""What the first generation reported as its overhead, whatever it was."""

NOT_AGENTS = frozenset({"README.md", "TEMPLATE.md", "WHERE_I_AM.md"})
"""Markdown files of the agents folder that describe no agent."""
LARGEST_AGENT_FILE = 1 << 20
LONGEST_AGENT_NAME = 128

CAPABILITIES: dict[str, re.Pattern[str]] = {
    "security": re.compile("security|audit|crypto"),
    "development": re.compile("debug|test|lint"),
    "operations": re.compile("deploy|infrastructure|monitor"),
    "strategic": re.compile("^(director|projectorchestrator)$"),
}
"""A capability by what the name of an agent contains, or is."""

KEYWORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "secur": ("security", ()),
    "audit": ("security", ()),
    "crypto": ("security", ()),
    "encrypt": ("security", ()),
    "decrypt": ("security", ()),
    "vulnerab": ("security", ()),
    "threat": ("security", ()),
    "exploit": ("security", ()),
    "pentest": ("security", ()),
    "cve": ("security", ("cve", "cves")),
    "debug": ("development", ()),
    "refactor": ("development", ()),
    "test": ("development", ("test", "tests", "tested", "tester", "testers", "testing")),
    "lint": ("development", ("lint", "lints", "linted", "linter", "linters", "linting")),
    "bug": ("development", ("bug", "bugs", "bugfix", "bugfixes")),
    "crash": ("development", ("crash", "crashes", "crashed", "crashing")),
    "deploy": ("operations", ()),
    "infrastructure": ("operations", ()),
    "monitor": ("operations", ()),
    "provision": ("operations", ()),
    "rollout": ("operations", ()),
    "rollback": ("operations", ()),
    "docker": ("operations", ()),
    "kubernetes": ("operations", ()),
    "strateg": ("strategic", ()),
    "roadmap": ("strategic", ()),
    "orchestrat": ("strategic", ()),
    "coordinat": ("strategic", ()),
    "plan": ("strategic", ("plan", "plans", "planned", "planner", "planning")),
}
"""Stems with the capability that they ask for; without words of its own, a stem matches every word it begins.

The rules of routing are those of the engine: native/engine/src/routing/README.md.
"""

WORD = re.compile("[0-9a-zA-Z\u00c0-\u1fff\u2070-\u2dff\u2e80-\u2fff\u3040-\U0010ffff]+")


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


class CoordinationMode(Enum):
    """How a workflow is meant to be run."""

    NPU_ACCELERATED = "npu_accelerated"
    PARALLEL_OPTIMIZED = "parallel_optimized"
    INTELLIGENT_ROUTING = "intelligent_routing"
    PERFORMANCE_FIRST = "performance_first"
    RELIABILITY_FIRST = "reliability_first"


class Priority(Enum):
    """Priorities of the second generation; the first one counts from 1, most urgent, to 100."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    CRITICAL = 3
    REALTIME = 4


@dataclass
class WorkflowTask:
    """A piece of work for an agent; ``priority`` 1 is most urgent, ``estimated_duration`` is in milliseconds."""

    task_id: str
    agent_name: str
    description: str
    priority: int = 50
    dependencies: list[str] = None  # type: ignore[assignment]  # the old signature
    estimated_duration: float = 1000

    def __post_init__(self) -> None:
        if self.dependencies is None:
            self.dependencies = []


@dataclass
class WorkflowResult:
    """What ``execute_workflow`` gives; ``success_rate`` is a share between 0 and 1."""

    workflow_id: str
    tasks_completed: int
    total_tasks: int
    execution_time_ms: float
    success_rate: float
    performance_metrics: dict[str, float]
    agent_utilization: dict[str, Any]


@dataclass
class NPUOperation:
    """An operation of the second generation."""

    operation_id: str
    operation_type: str
    input_data: np.ndarray | list[float]
    priority: int = 1
    timeout_ms: int = 5000
    metadata: dict[str, Any] = None  # type: ignore[assignment]  # the old signature


@dataclass
class NPUResult:
    """The result of an operation of the second generation."""

    operation_id: str
    success: bool
    result_data: Any = None
    execution_time_ms: float = 0.0
    error_message: str | None = None
    metadata: dict[str, Any] = None  # type: ignore[assignment]  # the old signature


def capabilities_of(name: str) -> list[str]:
    """The capabilities that an agent's name tells; callers pass it in lower case."""
    return [capability for capability, pattern in CAPABILITIES.items() if pattern.search(name)]


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return WORD.findall(text.lower())


def keyword_of(word: str) -> str | None:
    """The stem that a word is recognised by."""
    for stem, (_, words) in KEYWORDS.items():
        if word.startswith(stem) and (not words or word in words):
            return stem
    return None


def read_agent(path: Path) -> dict[str, Any]:
    """The agent that a file describes; ``ValueError`` when the file is not understood."""
    if not path.is_file():
        raise ValueError("it is no regular file")
    if path.stat().st_size > LARGEST_AGENT_FILE:
        raise ValueError(f"it is larger than {LARGEST_AGENT_FILE} bytes")
    fields = front_matter(path.read_bytes().decode())
    name = (fields.get("name") or path.name.removesuffix(".md")).strip().lower()
    if not name or len(name) > LONGEST_AGENT_NAME or any(unicodedata.category(each) == "Cc" for each in name):
        raise ValueError(f"{name!r} is no name")
    return {"name": name, "path": str(path), "description": fields.get("description")}


def _named_at(agent: dict[str, Any], words: list[str]) -> list[int]:
    """Where the words of a text name an agent: the first place, or none."""
    name = agent["words"]
    places = range(len(words) - len(name) + 1) if name else range(0)
    return next(([at] for at in places if words[at : at + len(name)] == name), [])


def _reason(agent: dict[str, Any], words: list[str]) -> str:
    """What in a text speaks for an agent, in its order."""
    named = _named_at(agent, words)
    seen: set[str] = set()
    parts: list[str] = []
    for at, word in enumerate(words):
        if at in named:
            parts.append(f'the description names "{agent["name"]}"')
        stem = keyword_of(word)
        if stem is None or stem in seen:
            continue
        seen.add(stem)
        if stem in agent["points"]:
            in_name = f' and "{stem}" is in the name' if stem in agent["name"] else ""
            parts.append(f'"{word}" asks for {KEYWORDS[stem][0]}{in_name}')
    return ", ".join(parts)


def front_matter(text: str) -> dict[str, str]:
    """``name`` and ``description`` of the front matter that a file begins with; ``ValueError`` when it is malformed."""
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    if lines[0].rstrip() != "---":
        return {}
    end = next((index for index, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), None)
    if end is None:
        raise ValueError("the front matter is never closed")
    body = lines[1:end]
    fields: dict[str, str] = {}
    while body:
        line = body.pop(0)
        if not line.strip() or line[0] in "# \t" or line.rstrip() == "-" or line.startswith("- "):
            continue
        match = re.fullmatch(r"([0-9A-Za-z_-]+):(?:[ \t](.*))?", line, re.DOTALL)
        if match is None or match[1] in fields:
            raise ValueError(f"{line!r} is no new key with a value")
        fields[match[1]] = _value(match[1], (match[2] or "").strip(), body)
    return {key: value for key, value in fields.items() if value.strip() and key in ("name", "description")}


def _value(key: str, rest: str, following: list[str]) -> str:
    """The value that begins with ``rest``; takes the lines that continue it."""
    if rest[:1] in ("'", '"'):
        return _quoted(rest)
    header = _without_comment(rest)
    if re.fullmatch(r"[|>][-+0-9]*", header):
        return _block(header[0] == ">", following)
    value = _plain(header, following)
    if key == "name" and value in ("~", "null"):
        return ""
    if key == "name" and value[:1] in tuple("[]{}&*!%@`"):
        raise ValueError(f"{value!r} is no plain name")
    return value


def _quoted(text: str) -> str:
    quoted = (
        re.match(r"'((?:[^']|'')*)'(?=[ \t]|$)", text, re.DOTALL)
        if text[0] == "'"
        else re.match(r'"((?:[^"\\]|\\["\\/nrt]|\\u[0-9A-Fa-f]{4})*)"(?=[ \t]|$)', text, re.DOTALL)
    )
    rest = text[quoted.end() :].strip() if quoted else ""
    if quoted is None or (rest and rest[0] != "#"):
        raise ValueError(f"{text!r} is no quoted text")
    if text[0] == "'":
        return quoted[1].replace("''", "'")
    if re.search(r"\\u[dD][89a-fA-F]", re.sub(r"\\\\", "", quoted[1])):
        raise ValueError("an escape is half a character")
    escapes = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(
        r"\\(?:u([0-9A-Fa-f]{4})|(.))",
        lambda match: chr(int(match[1], 16)) if match[1] else escapes.get(match[2], match[2]),
        quoted[1],
    )


def _without_comment(text: str) -> str:
    return "" if text.startswith("#") else re.split(r"[ \t]#", text, maxsplit=1)[0].rstrip()


def _block(folded: bool, following: list[str]) -> str:
    taken: list[str] = []
    while following and (not following[0].strip() or following[0][0] in " \t"):
        taken.append(following.pop(0).rstrip())
    indent = min((len(line) - len(line.lstrip(" \t")) for line in taken if line), default=0)
    lines = [line[indent:] for line in taken]
    if not folded:
        return "\n".join(lines).rstrip()
    text = ""
    for line in lines:
        text += line + " " if line else "\n"
    return text.replace(" \n", "\n").rstrip()


def _plain(text: str, following: list[str]) -> str:
    first = following[0].strip() if following else ""
    if not text and (first == "-" or first.startswith("- ") or ": " in first or first.endswith(":")):
        return ""
    parts = [text]
    while following and following[0].strip() and following[0][0] in " \t":
        parts.append(_without_comment(following.pop(0).strip()))
    return " ".join(part for part in parts if part)


class NPUCoordinationBridge:
    """Coordinates workflows (first generation) and operations (second generation)."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        self.npu_orchestrator = None
        self.coordination_matrix: dict[str, list[str]] = {}
        self.agent_cache: dict[str, dict[str, Any]] = {}
        self.performance_metrics: dict[str, float] = {
            "workflows_executed": 0,
            "total_execution_time": 0.0,
            "average_ops_per_sec": 0.0,
            "npu_utilization": 0.0,
            "coordination_overhead": 0.0,
        }
        self.workflow_history: list[WorkflowResult] = []
        self.config: dict[str, Any] = config or {}
        self.initialized = False
        self.stats: dict[str, Any] = {
            "operations_completed": 0,
            "operations_failed": 0,
            "total_execution_time_ms": 0.0,
            "rust_mode": False,
        }
        self.results_cache: dict[str, NPUResult] = {}
        self.simulate_delay = os.environ.get("NPUBRIDGE_LEGACY_SLEEP", "1") != "0"

    async def initialize(self) -> bool:
        """Reads the agents; there is no accelerator to prepare."""
        await self.load_agent_cache()
        self.initialized = True
        return True

    async def load_agent_cache(self) -> None:
        """Reads the agents; a folder that does not exist has none, a file that is not understood is left out."""
        agents: dict[str, dict[str, Any]] = {}
        files = [path for path in get_agents_dir().glob("*.md") if path.name not in NOT_AGENTS]
        for path in sorted(files, key=lambda path: os.fsencode(path.name)):
            try:
                agent = read_agent(path)
            except (OSError, ValueError) as error:
                logger.warning("%s is left out: %s", path, error)
                continue
            if agent["name"] in agents:
                logger.warning("%s is left out: there is another agent %s", path, agent["name"])
                continue
            agents[agent["name"]] = self._known(agent)
        self.agent_cache = agents
        self.coordination_matrix = {
            capability: [name for name, agent in agents.items() if capability in agent["capabilities"]]
            for capability in CAPABILITIES
        }

    def _known(self, agent: dict[str, Any]) -> dict[str, Any]:
        """An agent with what its name tells and what each keyword is worth to it."""
        name = agent["name"]
        capabilities = capabilities_of(name)
        points = {stem: (capability in capabilities) + 2 * (stem in name) for stem, (capability, _) in KEYWORDS.items()}
        return {
            **agent,
            "priority": self.calculate_priority(name),
            "capabilities": capabilities,
            "words": words_of(name) if len(name) > 1 else [],
            "points": {stem: worth for stem, worth in points.items() if worth},
        }

    def calculate_priority(self, agent_name: str) -> int:
        """The priority that an agent's name (in lower case) gives it; 1 is most urgent."""
        if agent_name in ("director", "projectorchestrator"):
            return 1
        if "security" in agent_name:
            return 10
        if agent_name in ("architect", "debugger"):
            return 20
        return 50

    async def create_workflow(
        self,
        tasks: list[dict[str, Any]],
        mode: CoordinationMode = CoordinationMode.NPU_ACCELERATED,
    ) -> str:
        """Makes tasks out of dicts and orders them; gives ``(workflow_id, tasks)``, whatever its annotation says."""
        workflow_id = f"workflow_{int(time.time() * 1000)}"
        workflow_tasks = [
            WorkflowTask(
                task_id=f"{workflow_id}_task_{index}",
                agent_name=task.get("agent", "director"),
                description=task.get("description", "Task"),
                priority=task.get("priority", 50),
                dependencies=task.get("dependencies", []),
            )
            for index, task in enumerate(tasks)
        ]
        return workflow_id, await self.optimize_workflow(workflow_tasks, mode)  # type: ignore[return-value]

    async def optimize_workflow(self, tasks: list[WorkflowTask], mode: CoordinationMode) -> list[WorkflowTask]:
        """The tasks in execution order; the routing modes first give unknown agents' tasks to a known one."""
        if self.agent_cache and mode in (CoordinationMode.NPU_ACCELERATED, CoordinationMode.INTELLIGENT_ROUTING):
            for task in tasks:
                if task.agent_name not in self.agent_cache:
                    task.agent_name = await self.npu_select_agent(task.description) or task.agent_name
        return self.resolve_dependencies(tasks)

    async def npu_select_agent(self, description: str) -> str | None:
        """The agent that the description names or whose work its keywords ask for; ``None`` when no agent fits."""
        return self.choose_agent(description)["agent"]

    def choose_agent(self, description: str) -> dict[str, Any]:
        """The choice with how well it fits and why; not of the old module, which never explained itself."""
        words = words_of(description)
        stems = dict.fromkeys(stem for stem in map(keyword_of, words) if stem)
        best: tuple[int, int, str] | None = None
        for name, agent in self.agent_cache.items():
            points = agent["points"]
            score = sum(points.get(stem, 0) for stem in stems)
            score += 100 * len(agent["words"]) * bool(_named_at(agent, words))
            rank = (-score, agent["priority"], name)
            if score and (best is None or rank < best):
                best = rank
        if best is None:
            return {"agent": None, "score": 0, "reason": None}
        return {"agent": best[2], "score": -best[0], "reason": _reason(self.agent_cache[best[2]], words)}

    def resolve_dependencies(self, tasks: list[WorkflowTask]) -> list[WorkflowTask]:
        """The tasks so that each follows what it depends on, the most urgent of those that are ready first.

        Dependencies on unknown ids are ignored; a cycle is broken at its most urgent task. Quadratic, as it was: every
        round looks at all remaining tasks, and taking a task out searches for it.
        """
        known = {task.task_id for task in tasks}
        remaining = list(tasks)
        resolved: list[WorkflowTask] = []
        done: set[str] = set()
        while remaining:
            ready = [task for task in remaining if all(dep in done for dep in task.dependencies if dep in known)]
            if not ready:
                ready = [min(remaining, key=lambda task: task.priority)]
            ready.sort(key=lambda task: task.priority)
            for task in ready:
                remaining.remove(task)
                resolved.append(task)
                done.add(task.task_id)
        return resolved

    def group_by_execution_level(self, tasks: list[WorkflowTask]) -> dict[int, list[WorkflowTask]]:
        """The tasks by how many must have run one after the other before them, from 0; each level by priority."""
        position = {task.task_id: index for index, task in enumerate(tasks)}
        level_of: dict[str, int] = {}
        groups: dict[int, list[WorkflowTask]] = {}

        def place(task: WorkflowTask) -> None:
            level = 1 + max((level_of[dep] for dep in task.dependencies if dep in level_of), default=-1)
            level_of[task.task_id] = level
            groups.setdefault(level, []).append(task)

        remaining: Iterable[WorkflowTask] = tasks
        while remaining:
            waiting: list[WorkflowTask] = []
            placed = False
            for task in remaining:
                if all(dep in level_of for dep in task.dependencies if dep in position):
                    place(task)
                    placed = True
                else:
                    waiting.append(task)
            if waiting and not placed:
                urgent = min(waiting, key=lambda task: task.priority)
                place(urgent)
                waiting = [task for task in waiting if task is not urgent]
            remaining = waiting
        for level in groups.values():
            level.sort(key=lambda task: (task.priority, position[task.task_id]))
        return dict(sorted(groups.items()))

    async def execute_workflow(
        self, workflow_id: str, tasks: list[WorkflowTask], max_parallel: int = 10
    ) -> WorkflowResult:
        """Goes through the tasks level by level, ``max_parallel`` at a time, and remembers the result for ever."""
        started = time.perf_counter()
        results: list[dict[str, Any]] = []
        for level in self.group_by_execution_level(tasks).values():
            for first in range(0, len(level), max_parallel):
                batch = level[first : first + max_parallel]
                results.extend(await asyncio.gather(*(self.execute_single_task(task) for task in batch)))
        seconds = time.perf_counter() - started
        result = self._summarize(workflow_id, results, len(tasks), seconds)
        self.update_performance_metrics(len(tasks), seconds, result.performance_metrics["ops_per_sec"])
        self.workflow_history.append(result)
        return result

    def _summarize(self, workflow_id: str, results: list[dict[str, Any]], total: int, seconds: float) -> WorkflowResult:
        completed = sum(1 for result in results if result["status"] == "completed")
        agents: dict[str, Any] = {}
        for result in results:
            agent = agents.setdefault(result["agent_used"], {"tasks_executed": 0, "total_time_ms": 0.0})
            agent["tasks_executed"] += 1
            agent["total_time_ms"] += result["actual_execution_time_ms"]
        rate = total / seconds if seconds > 0 else 0.0
        return WorkflowResult(
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
                "coordination_overhead_ms": self.calculate_coordination_overhead(seconds * 1000),
            },
            agent_utilization=agents,
        )

    async def execute_single_task(self, task: WorkflowTask) -> dict[str, Any]:
        """Sleeps instead of working, and says ``completed``, as the old module did."""
        started = time.perf_counter()
        delay = TASK_DELAY_S if self.simulate_delay else 0.0
        if delay:
            await asyncio.sleep(delay)
        return {
            "task_id": task.task_id,
            "agent_used": task.agent_name,
            "execution_time_ms": delay * 1000,
            "status": "completed",
            "actual_execution_time_ms": (time.perf_counter() - started) * 1000,
        }

    def calculate_npu_utilization(self) -> float:
        """Always 0: there is no accelerator behind this module."""
        return 0.0

    def calculate_coordination_overhead(self, total_time: float) -> float:
        """A constant share of ``total_time``, in its unit."""
        return total_time * OVERHEAD_SHARE

    def update_performance_metrics(self, task_count: int, execution_time: float, ops_per_sec: float) -> None:
        """Counts one workflow of ``execution_time`` seconds."""
        metrics = self.performance_metrics
        executed = metrics["workflows_executed"] + 1
        metrics["average_ops_per_sec"] += (ops_per_sec - metrics["average_ops_per_sec"]) / executed
        metrics["workflows_executed"] = executed
        metrics["total_execution_time"] += execution_time
        metrics["npu_utilization"] = self.calculate_npu_utilization()
        metrics["coordination_overhead"] = self.calculate_coordination_overhead(execution_time)

    def get_performance_summary(self) -> dict[str, Any]:
        """The figures since the start, of the last ten workflows, and what is available."""
        recent = self.workflow_history[-10:]
        count = len(recent)
        return {
            "bridge_metrics": dict(self.performance_metrics),
            "recent_performance": {
                "workflows_count": count,
                "average_ops_per_sec": _mean(result.performance_metrics["ops_per_sec"] for result in recent),
                "average_success_rate": _mean(result.success_rate for result in recent),
                "total_tasks_executed": sum(result.tasks_completed for result in recent),
            },
            "system_status": {
                "npu_available": NPU_AVAILABLE,
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

    async def submit_operation(self, op: NPUOperation) -> str:
        """Runs the operation, which is to echo its input after a pause, and keeps the result for ever."""
        started = time.perf_counter()
        try:
            echoed = [float(value) for value in op.input_data]
            if self.simulate_delay:
                await asyncio.sleep(OPERATION_DELAY_S)
            result = NPUResult(op.operation_id, True, echoed, metadata=op.metadata)
            self.stats["operations_completed"] += 1
        except (TypeError, ValueError) as error:
            result = NPUResult(op.operation_id, False, error_message=str(error), metadata=op.metadata)
            self.stats["operations_failed"] += 1
        result.execution_time_ms = (time.perf_counter() - started) * 1000
        self.stats["total_execution_time_ms"] += result.execution_time_ms
        self.results_cache[op.operation_id] = result
        return op.operation_id

    async def get_result(self, operation_id: str, timeout_ms: int = 5000) -> NPUResult:
        """The result of an operation that was submitted; ``ValueError`` for any other id."""
        if operation_id not in self.results_cache:
            raise ValueError(f"Operation {operation_id} not found")
        return self.results_cache[operation_id]

    def get_performance_stats(self) -> dict[str, Any]:
        """The counters of the second generation with their average; times in milliseconds."""
        total = self.stats["operations_completed"] + self.stats["operations_failed"]
        return {
            **self.stats,
            "average_execution_time_ms": self.stats["total_execution_time_ms"] / total if total else 0.0,
        }

    async def shutdown(self) -> None:
        """Forgets the results."""
        self.results_cache.clear()
        self.initialized = False


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else 0.0


async def create_npu_bridge(config: dict[str, Any] | None = None) -> NPUCoordinationBridge:
    """A bridge that is ready to use."""
    bridge = NPUCoordinationBridge(config)
    await bridge.initialize()
    return bridge


def get_bridge_status() -> dict[str, Any]:
    """What runs: always Python here."""
    return {
        "rust_available": RUST_BRIDGE_AVAILABLE,
        "fallback_mode": FALLBACK_MODE,
        "performance_mode": "python",
    }


_global_bridge: NPUCoordinationBridge | None = None


async def get_global_bridge() -> NPUCoordinationBridge:
    """The one bridge that callers without a bridge of their own share."""
    global _global_bridge
    if _global_bridge is None:
        _global_bridge = await create_npu_bridge()
    return _global_bridge


class LegacyNPUCoordinator:
    """The interface that the second generation offered to callers of an even older one."""

    def __init__(self) -> None:
        warnings.warn("LegacyNPUCoordinator is deprecated, use NPUCoordinationBridge", DeprecationWarning, stacklevel=2)
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
