"""Serves the old coordination module, or its reference, over a pair of pipes: one JSON object a line, both ways.

The first line says whether the module could be loaded: ``{"ready": true, …}`` or ``{"ready": false, "reason": …}``.
Then each request ``{"id", "type", …}`` is answered, in order and one at a time, by ``{"id", "ok": true, "data",
"compute_us"}`` or ``{"id", "ok": false, "error": {"code", "message"}}``. That order is a promise: when this process
dies, only the oldest unanswered request can have begun.

The pipes belong to the protocol alone. What the module prints goes to stderr, what it reads is empty, processes that it
starts inherit neither, and a ``sys.exit`` of the module is answered before it takes effect. Whatever it does, this
process ends when its parent is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import importlib.util
import inspect
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, ClassVar

REFERENCE = Path(__file__).with_name("npu_coordination_bridge.py")
MODULE_NAME = "npu_coordination_bridge"
"""What callers import the module as, and what its second generation imports itself as."""

PARENT_CHECK_S = 1.0
HISTORY_KEPT = 100
SIMULATED_AT_MOST_S = 0.2
"""A pause up to this long stands for work; ``--no-sleep`` takes no other away."""

Request = dict[str, Any]
real_sleep = time.sleep


class OperationError(Exception):
    """A failure with a code of npubridge's taxonomy."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Pipes:
    """The two pipes to the parent, taken away from everything else in this process."""

    def __init__(self) -> None:
        self._requests: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._answers: BinaryIO = os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  # stays open like the one it replaces
        sys.stdout = sys.stderr

    def send(self, answer: dict[str, Any]) -> None:
        """Writes one line; a value that JSON has no form for is a failure of the operation."""
        try:
            line = json.dumps(answer, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            line = json.dumps(failure(answer.get("id"), OperationError("LEGACY_FAILED", f"no JSON: {error}")))
        self._answers.write(line.encode() + b"\n")
        self._answers.flush()

    def requests(self) -> BinaryIO:
        """The requests, a line each, until the parent closes the pipe."""
        return self._requests


class Server:
    """The operations of npubridge on what the loaded module offers."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.bridge = module.NPUCoordinationBridge()
        self.has_operations = hasattr(self.bridge, "submit_operation") and hasattr(module, "NPUOperation")
        self.has_workflows = hasattr(self.bridge, "execute_workflow") and hasattr(module, "WorkflowTask")
        self._agents: tuple[str, frozenset[tuple[str, int, int]]] | None = None
        self._count = 0

    async def initialize(self, _request: Request) -> dict[str, Any]:
        """Prepares the module; a generation without ``initialize`` needs none."""
        if hasattr(self.bridge, "initialize"):
            await settled(self.bridge.initialize())
        return {}

    async def echo(self, request: Request) -> Any:
        """``data`` after a round trip through the module; what is no list of numbers travels beside it."""
        data = request.get("data")
        numbers = isinstance(data, list) and all(type(value) in (int, float) for value in data)
        echoed = await self._round_trip(self.bridge, data if numbers else [0.0])
        return echoed if numbers and echoed is not None else data

    async def _round_trip(self, bridge: Any, numbers: Any) -> Any:
        self._count += 1
        if not self.has_operations:
            task = self.module.WorkflowTask(f"task_{self._count}", "director", "Task")
            await settled(bridge.execute_single_task(task))
            return None
        operation = self.module.NPUOperation(f"operation_{self._count}", "echo", numbers)
        operation_id = await settled(bridge.submit_operation(operation))
        result = await settled(bridge.get_result(operation_id))
        if bridge is self.bridge:
            self._forget(operation_id)
        if result is None or not result.success:
            raise OperationError("LEGACY_FAILED", f"the module failed: {getattr(result, 'error_message', 'no result')}")
        return result.result_data

    def _forget(self, operation_id: str) -> None:
        """Keeps the module's caches from growing for as long as this process lives."""
        results = getattr(self.bridge, "results_cache", None)
        if isinstance(results, dict):
            results.pop(operation_id, None)
        history = getattr(self.bridge, "workflow_history", None)
        if isinstance(history, list):
            del history[:-HISTORY_KEPT]

    async def route(self, request: Request) -> dict[str, Any]:
        """The agent that the module chooses for ``description`` among the files of the folder ``agents``."""
        if not hasattr(self.bridge, "npu_select_agent"):
            raise OperationError("UNSUPPORTED_OPERATION", "this generation of the module does not choose agents")
        await self._use_agents(request.get("agents"))
        description = request["description"]
        if hasattr(self.bridge, "choose_agent"):
            return self.bridge.choose_agent(description)
        # The old modules never said how sure they were, nor why.
        return {"agent": await settled(self.bridge.npu_select_agent(description)), "score": None, "reason": None}

    async def _use_agents(self, folder: str | None) -> None:
        if folder is None:
            return
        try:
            stats = {entry.name: entry.stat() for entry in os.scandir(folder) if entry.name.endswith(".md")}
        except OSError as error:
            what = f"agents folder {folder} cannot be read: {error.strerror}"
            raise OperationError("INVALID_ARGUMENT", what) from error
        state = (folder, frozenset((name, each.st_mtime_ns, each.st_size) for name, each in stats.items()))
        if state != self._agents:
            self.module.get_agents_dir = lambda: Path(folder)
            await settled(self.bridge.load_agent_cache())
            self._agents = state

    async def health_check(self, _request: Request) -> dict[str, Any]:
        """That the module answers, and what it says of itself."""
        status = getattr(self.module, "get_bridge_status", None)
        return {"status": status() if status else None}

    async def statistics(self, _request: Request) -> dict[str, Any]:
        """The module's own counters, by generation."""
        stats = getattr(self.bridge, "get_performance_stats", None)
        summary = getattr(self.bridge, "get_performance_summary", None)
        return {"operations": stats() if stats else None, "workflows": summary() if summary else None}

    async def workflow(self, request: Request) -> dict[str, Any]:
        """Coordinates the tasks as the module does, and reports what it did: nothing is executed, all is routed."""
        self._need_workflows()
        started = time.perf_counter_ns()
        tasks = [
            self.module.WorkflowTask(
                task_id=task["id"],
                agent_name=task.get("agent", "director"),
                description=task.get("description", "Task"),
                priority=task.get("priority", 50),
                dependencies=list(task.get("dependencies", [])),
            )
            for task in request["tasks"]
        ]
        planned = await settled(self.bridge.optimize_workflow(tasks, self.module.CoordinationMode.NPU_ACCELERATED))
        levels = self.bridge.group_by_execution_level(planned)
        result = await settled(self.bridge.execute_workflow("workflow", planned, request.get("max_parallel", 10)))
        self._forget("")
        elapsed_us = (time.perf_counter_ns() - started) // 1000
        return workflow_report(tasks, levels, result, elapsed_us)

    async def _run_workflow(self, bridge: Any, tasks: list[dict[str, Any]], request: Request) -> tuple[Any, int, int]:
        modes = self.module.CoordinationMode
        mode = modes(request.get("mode", modes.NPU_ACCELERATED.value))
        started = time.perf_counter_ns()
        workflow_id, planned = await settled(bridge.create_workflow(tasks, mode))
        created = time.perf_counter_ns()
        result = await settled(bridge.execute_workflow(workflow_id, planned, request.get("max_parallel", 10)))
        return result, created - started, time.perf_counter_ns() - created

    def _need_workflows(self) -> None:
        if not self.has_workflows:
            raise OperationError("UNSUPPORTED_OPERATION", "this generation of the module runs no workflows")

    async def measure(self, request: Request) -> dict[str, Any]:
        """Times the module from inside this process, on a bridge of its own whose caches are left as they are."""
        bridge = self.module.NPUCoordinationBridge()
        before = resident_bytes()
        kinds = {
            "workflow": self._measure_workflow,
            "coordination": self._measure_coordination,
            "open_loop": self._measure_open_loop,
        }
        samples = await kinds[request["kind"]](bridge, request)
        return {**samples, "rss_before": before, "rss_after": resident_bytes(), "rss_peak": peak_bytes()}

    async def _measure_workflow(self, bridge: Any, request: Request) -> dict[str, Any]:
        self._need_workflows()
        if "dependencies" in request:
            return await self._measure_graph(bridge, request)
        tasks = [
            {"agent": f"agent{index % 7}", "description": f"Task {index}", "priority": 1 + index % 100}
            for index in range(request["tasks"])
        ]
        _, create_ns, execute_ns = await self._run_workflow(bridge, tasks, request)
        return {"create_us": create_ns / 1000, "execute_us": execute_ns / 1000}

    async def _measure_graph(self, bridge: Any, request: Request) -> dict[str, Any]:
        """A workflow whose tasks depend on each other, given by their positions. ``create_workflow`` makes the ids
        itself, so that nobody can name them before; what it does with the tasks is done here by
        the module's own method."""
        tasks = [
            self.module.WorkflowTask(
                task_id=str(index),
                agent_name=f"agent{index % 7}",
                description=f"Task {index}",
                priority=1 + index % 100,
                dependencies=[str(each) for each in dependencies],
            )
            for index, dependencies in enumerate(request["dependencies"])
        ]
        mode = self.module.CoordinationMode.NPU_ACCELERATED
        started = time.perf_counter_ns()
        planned = await settled(bridge.optimize_workflow(tasks, mode))
        created = time.perf_counter_ns()
        await settled(bridge.execute_workflow("workflow", planned, request.get("max_parallel", 10)))
        ended = time.perf_counter_ns()
        return {"create_us": (created - started) / 1000, "execute_us": (ended - created) / 1000}

    async def _measure_coordination(self, bridge: Any, request: Request) -> dict[str, Any]:
        """Round trips, ``window`` at a time, until ``operations`` or ``duration_ms`` are over, each at least one."""
        values = [index / 7 for index in range(request.get("elements", 1))]
        most = request.get("operations", 1_000_000)
        rss_every = request.get("rss_every", 0)
        rss: list[tuple[int, int | None]] = []
        latencies: list[int] = []
        now = time.perf_counter_ns
        started = now()
        end = started + int(request.get("duration_ms", 1e9) * 1e6)

        async def caller() -> None:
            while True:
                # Every operation brings a payload of its own, as callers do.
                numbers = [value + len(latencies) for value in values]
                begun = now()
                await self._round_trip(bridge, numbers)
                latencies.append(now() - begun)
                if rss_every and len(latencies) % rss_every == 0:
                    rss.append((len(latencies), resident_bytes()))
                if len(latencies) >= most or now() >= end:
                    return

        window = request.get("window", 1)
        # A caller that is alone is not made a task, which would only add to its work.
        await (caller() if window == 1 else asyncio.gather(*(caller() for _ in range(window))))
        elapsed_us = (now() - started) / 1000
        return {"latencies_us": [each / 1000 for each in latencies], "elapsed_us": elapsed_us, "rss": rss}

    async def _measure_open_loop(self, bridge: Any, request: Request) -> dict[str, Any]:
        """Round trips that begin at ``arrivals_us`` whether or not earlier ones are done, timed from these instants."""
        values = [index / 7 for index in range(request.get("elements", 1))]
        latencies: list[int] = []
        now = time.perf_counter_ns

        async def trip(due: int) -> None:
            await self._round_trip(bridge, list(values))
            latencies.append(now() - due)

        started = now()
        trips: list[asyncio.Task[None]] = []
        for arrival in request["arrivals_us"]:
            due = started + int(arrival * 1000)
            while now() < due:
                await asyncio.sleep(0)
            trips.append(asyncio.ensure_future(trip(due)))
        await asyncio.gather(*trips)
        return {"latencies_us": [each / 1000 for each in latencies], "elapsed_us": (now() - started) / 1000}

    async def matrix_multiply(self, request: Request) -> dict[str, Any]:
        """The product of two FP32 matrices, which travel as base64."""
        numpy = need_numpy()
        left, right = (
            numpy.frombuffer(base64.b64decode(matrix["data"]), dtype="<f4").reshape(matrix["shape"])
            for matrix in (request["a"], request["b"])
        )
        product = numpy.ascontiguousarray(left @ right, dtype="<f4")
        return {"shape": list(product.shape), "data": base64.b64encode(product.tobytes()).decode()}

    async def benchmark(self, request: Request) -> dict[str, Any]:
        """A timed loop of round trips, or of products of two 128 by 128 matrices."""
        if request["kind"] == "echo":
            return await self._measure_coordination(self.bridge, {"duration_ms": request["duration_ms"]})
        numpy = need_numpy()
        matrix = numpy.random.default_rng(0).random((128, 128), dtype=numpy.float32)
        latencies: list[float] = []
        end = time.perf_counter_ns() + int(request["duration_ms"] * 1e6)
        while time.perf_counter_ns() < end:
            begun = time.perf_counter_ns()
            matrix @ matrix
            latencies.append((time.perf_counter_ns() - begun) / 1000)
        return {"latencies_us": latencies}

    OPERATIONS: ClassVar[dict[str, Callable[..., Any]]] = {
        each.__name__: each
        for each in (
            initialize,
            echo,
            route,
            health_check,
            statistics,
            workflow,
            measure,
            matrix_multiply,
            benchmark,
        )
    }


def workflow_report(tasks: list[Any], levels: dict[int, list[Any]], result: Any, elapsed_us: int) -> dict[str, Any]:
    """What came of a workflow, by columns: element i of each belongs to task i."""
    number = {task.task_id: index for index, task in enumerate(tasks)}
    level_of = {task.task_id: level for level, group in levels.items() for task in group}
    agents: dict[str, int] = {}
    broken: list[dict[str, Any]] = []
    unknown: list[dict[str, str]] = []
    for task in tasks:
        agents[task.agent_name] = agents.get(task.agent_name, 0) + 1
        unknown += [{"task": task.task_id, "id": dep} for dep in task.dependencies if dep not in number]
        known = dict.fromkeys(dep for dep in task.dependencies if dep in number)
        # What should have come before and did not is where a cycle was cut.
        dropped = [dep for dep in known if level_of[dep] >= level_of[task.task_id]]
        if dropped:
            broken.append({"task": task.task_id, "dropped": dropped})
    return {
        "order": [number[task.task_id] for level in sorted(levels) for task in levels[level]],
        "levels": [level_of[task.task_id] for task in tasks],
        "status": ["routed"] * len(tasks),
        "total": len(tasks),
        "completed": 0,
        "routed": result.tasks_completed,
        "skipped": 0,
        "successRate": result.success_rate,
        "elapsedUs": elapsed_us,
        # The share that the module calls its overhead is a constant: all it does here is coordination.
        "overheadUs": elapsed_us,
        "agents": agents,
        "broken": broken,
        "unknown": unknown,
    }


async def settled(value: Any) -> Any:
    """The value itself, or what it gives when awaited: modules differ in which of their methods are coroutines."""
    return await value if inspect.isawaitable(value) else value


def need_numpy() -> Any:
    """numpy, or the failure that names what is missing."""
    try:
        import numpy
    except ImportError as error:
        raise OperationError("UNSUPPORTED_OPERATION", f"numpy cannot be imported: {error}") from error
    return numpy


def resident_bytes() -> int | None:
    """Memory of this process that is in RAM; ``None`` where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_bytes() -> int | None:
    """The most memory that this process has had in RAM so far; ``None`` where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    # Not ru_maxrss, which begins with what the parent had when it forked.
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak[0]) * 1024 if peak else None


def failure(request_id: Any, error: BaseException) -> dict[str, Any]:
    """The answer to a request that failed."""
    return {"id": request_id, "ok": False, "error": describe(error)}


def describe(error: BaseException) -> dict[str, Any]:
    """An exception with the place in the module where it was raised."""
    if isinstance(error, OperationError):
        return {"code": error.code, "message": str(error)}
    if isinstance(error, SystemExit):
        return {"code": "LEGACY_FAILED", "message": f"the module called sys.exit({error.code!r})"}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return {"code": "LEGACY_FAILED", "message": f"{type(error).__name__}: {error}{place}"}


def load_module(path: Path) -> ModuleType:
    """The module at ``path``, under the name by which its callers know it."""
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != REFERENCE.parent]
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module
    spec.loader.exec_module(module)
    if not hasattr(module, "NPUCoordinationBridge"):
        raise ImportError("it has no class NPUCoordinationBridge")
    return module


def leave_out_sleep() -> None:
    """Turns the pauses that stand for work into a turn for others."""
    os.environ["NPUBRIDGE_LEGACY_SLEEP"] = "0"
    sleep = asyncio.sleep

    async def brief(delay: float, result: Any = None) -> Any:
        return await sleep(0 if delay <= SIMULATED_AT_MOST_S else delay, result)

    asyncio.sleep = brief  # type: ignore[assignment]


def end_with_parent() -> None:
    """Ends this process when its parent is gone, even while the module never returns."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            real_sleep(PARENT_CHECK_S)
        os._exit(1)

    threading.Thread(target=watch, name="npubridge-parent", daemon=True).start()


def start(path: Path, loop: asyncio.AbstractEventLoop) -> tuple[Server | None, dict[str, Any]]:
    """The server with its greeting; no server when the module cannot be used."""
    about = {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "executable": sys.executable,
        "module": str(path),
    }
    try:
        server = Server(load_module(path))
        loop.run_until_complete(server.initialize({}))
    except BaseException as error:  # noqa: BLE001  # SystemExit too: whatever happens is told
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        return None, {"ready": False, "reason": "module", "missing": missing, "error": describe(error), **about}
    if not server.has_operations and not server.has_workflows:
        error = {"code": "LEGACY_FAILED", "message": "its NPUCoordinationBridge is of neither generation"}
        return None, {"ready": False, "reason": "module", "missing": None, "error": error, **about}
    generations = [name for name, there in (("v1", server.has_workflows), ("v2", server.has_operations)) if there]
    numpy = importlib.util.find_spec("numpy") is not None
    return server, {"ready": True, "generations": generations, "numpy": numpy, **about}


def serve(server: Server, pipes: Pipes, loop: asyncio.AbstractEventLoop) -> None:
    """Answers requests until the parent closes the pipe, or the module exits."""
    for line in pipes.requests():
        request = json.loads(line)
        started = time.perf_counter_ns()
        try:
            operation = Server.OPERATIONS[request["type"]]
            data = loop.run_until_complete(operation(server, request))
            compute_us = (time.perf_counter_ns() - started) / 1000
            pipes.send({"id": request["id"], "ok": True, "data": data, "compute_us": compute_us})
        except (SystemExit, KeyboardInterrupt) as error:
            pipes.send(failure(request["id"], error))
            raise
        except BaseException as error:  # noqa: BLE001  # a module may raise anything, and the next request may work
            pipes.send(failure(request["id"], error))


def main(arguments: list[str]) -> None:
    """Takes the pipes, loads the module, serves it."""
    parser = argparse.ArgumentParser(prog="legacy_runner.py")
    parser.add_argument("--module", type=Path, default=REFERENCE)
    parser.add_argument("--no-sleep", action="store_true")
    options = parser.parse_args(arguments)
    pipes = Pipes()
    # Ctrl-C reaches the whole group; it is the parent that decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    if options.no_sleep:
        leave_out_sleep()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    server, greeting = start(options.module.resolve(), loop)
    pipes.send(greeting)
    if server is None:
        sys.exit(1)
    serve(server, pipes, loop)
