"""What the Python package is worth: ratios to the old module and to a bare round trip, measured in turns.

``python bench_python.py [--rounds N] [--json] [--check]``. Both sides of a ratio run one after the other in each round,
so that what else the machine does meets both; the median of the rounds' ratios is told, with their range. ``--check``
ends with 3 when a goal is not met.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import platform
import queue
import statistics
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ["NPUBRIDGE_LEGACY_SLEEP"] = "0"
warnings.simplefilter("ignore", DeprecationWarning)
logging.getLogger("npubridge.compat").setLevel(logging.ERROR)

import npubridge  # noqa: E402
import numpy as np  # noqa: E402
from npubridge import compat  # noqa: E402
from npubridge._reference import npu_coordination_bridge as reference  # noqa: E402

PAYLOAD = np.arange(4096, dtype=np.float32)
"""16 KiB."""


@dataclass
class Figure:
    """A ratio (or a share, for memory) with its goal and the rates behind it."""

    name: str
    ratio: float
    least: float | None
    most: float | None
    low: float
    high: float
    rounds: int
    ours: float
    theirs: float
    unit: str

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; ``None`` where there is none."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or self.ratio >= self.least) and (self.most is None or self.ratio <= self.most)


def compare(
    name: str,
    rounds: int,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    *,
    least: float | None = None,
    most: float | None = None,
    unit: str = "/s",
) -> Figure:
    """Measures both in turns, the order changing with each round."""
    pairs = []
    for index in range(rounds):
        gc.collect()
        if index % 2:
            their = theirs()
            pairs.append((ours(), their))
        else:
            our = ours()
            pairs.append((our, theirs()))
    ratios = [our / their for our, their in pairs]
    return Figure(
        name,
        statistics.median(ratios),
        least,
        most,
        min(ratios),
        max(ratios),
        rounds,
        statistics.median(our for our, _ in pairs),
        statistics.median(their for _, their in pairs),
        unit,
    )


class Bare:
    """The least that an answer from another thread can cost: a queue there, ``call_soon_threadsafe`` back."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while (future := self.queue.get()) is not None:
            self.loop.call_soon_threadsafe(future.set_result, None)

    async def trip(self) -> None:
        """One round trip."""
        future = self.loop.create_future()
        self.queue.put(future)
        await future


async def rate(work: Callable[[], Awaitable[Any]], count: int) -> float:
    """How often work is done in a second, one after the other."""
    begun = time.perf_counter()
    for _ in range(count):
        await work()
    return count / (time.perf_counter() - begun)


async def rate_in_flight(work: Callable[[], Awaitable[Any]], count: int, in_flight: int) -> float:
    """How often work is done in a second, many at a time."""

    async def share() -> None:
        for _ in range(count // in_flight):
            await work()

    begun = time.perf_counter()
    await asyncio.gather(*(share() for _ in range(in_flight)))
    return count / (time.perf_counter() - begun)


def echoes(rounds: int) -> list[Figure]:
    """The cost of coordination alone."""
    with asyncio.Runner() if sys.version_info >= (3, 11) else _Runner() as runner:
        bridge = npubridge.Bridge("cpu")
        bridge.start()
        bare = Bare(runner.get_loop())
        old = reference.NPUCoordinationBridge()

        async def ours() -> None:
            await bridge.submit("echo", data=PAYLOAD)

        async def theirs() -> None:
            await old.get_result(await old.submit_operation(reference.NPUOperation("op", "echo", PAYLOAD)))

        runner.run(rate(ours, 1000))
        figures = [
            compare(
                "echo of 16 KiB, one at a time / bare call_soon_threadsafe",
                rounds,
                lambda: runner.run(rate(ours, 3000)),
                lambda: runner.run(rate(bare.trip, 3000)),
                least=0.7,
            ),
            compare(
                "echo of 16 KiB, 100 in flight / old module",
                rounds,
                lambda: runner.run(rate_in_flight(ours, 10_000, 100)),
                lambda: runner.run(rate(theirs, 300)),
                least=20,
            ),
        ]
        bare.queue.put(None)
        runner.run(bridge.shutdown())
        return figures


class _Runner:
    """``asyncio.Runner`` for Python 3.10."""

    def __enter__(self) -> _Runner:
        self.loop = asyncio.new_event_loop()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.close()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop."""
        return self.loop

    def run(self, work: Any) -> Any:
        """Runs a coroutine."""
        return self.loop.run_until_complete(work)


def resident() -> int:
    """Memory of this process that is in RAM, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory() -> Figure:
    """Whether memory grows over 100,000 operations through the old interface, which keeps the newest results."""

    async def measure() -> tuple[int, int]:
        bridge = compat.NPUCoordinationBridge({"hardware_acceleration": False})

        async def work(index: int) -> None:
            name = await bridge.submit_operation(compat.NPUOperation(f"op{index}", "echo", PAYLOAD + index))
            await bridge.get_result(name)

        # Until the cache of results is full and the allocator has seen the peak.
        for index in range(5000):
            await work(index)
        before = resident()
        for start in range(0, 100_000, 20):
            await asyncio.gather(*(work(start + index) for index in range(20)))
        after = resident()
        await bridge.shutdown()
        return before, after

    before, after = asyncio.run(measure())
    share = after / before
    return Figure(
        "memory after / before 100,000 operations", share, None, 1.05, share, share, 1, after, before, " bytes"
    )


def workflow_rates(module: Any, rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Tasks in a second for creation with execution, and for execution alone."""

    async def measure() -> tuple[float, float]:
        bridge = module.NPUCoordinationBridge()
        begun = time.perf_counter()
        workflow_id, tasks = await bridge.create_workflow(rows)
        created = time.perf_counter()
        result = await bridge.execute_workflow(workflow_id, tasks)
        done = time.perf_counter()
        assert result.tasks_completed == len(rows)
        return len(rows) / (done - begun), len(rows) / (done - created)

    return asyncio.run(measure())


def workflows(rounds: int) -> list[Figure]:
    """Workflows of 5,000 tasks."""
    rows = [{"agent": f"agent{i % 7}", "description": f"Task {i}", "priority": 1 + i % 100} for i in range(5000)]

    def mean(module: Any, times: int, which: int) -> float:
        return statistics.harmonic_mean([workflow_rates(module, rows)[which] for _ in range(times)])

    compat.NPUCoordinationBridge().resolve_dependencies([])
    return [
        compare(
            "workflow of 5,000 tasks, creation and execution / old module (goal 50, least 30)",
            rounds,
            lambda: mean(compat, 5, 0),
            lambda: mean(reference, 1, 0),
            least=30,
        ),
        compare(
            "workflow of 5,000 tasks, execution alone / old module",
            rounds,
            lambda: mean(compat, 5, 1),
            lambda: mean(reference, 1, 1),
        ),
    ]


def long_workflows() -> dict[str, float]:
    """Seconds for a chain and a cycle of 100,000 tasks."""
    times = {}
    for name, closed in (("chain", False), ("cycle", True)):
        count = 100_000
        tasks = [
            compat.WorkflowTask(f"t{i}", "a", "", 50, [f"t{(i + 1) % count}"] if closed or i + 1 < count else [])
            for i in range(count)
        ]
        begun = time.perf_counter()
        result = asyncio.run(compat.NPUCoordinationBridge().execute_workflow("w", tasks))
        times[name] = time.perf_counter() - begun
        assert result.tasks_completed == count
    return times


def imports(rounds: int) -> Figure:
    """Seconds to import the wrapper and numpy, each in an interpreter of its own."""

    def seconds(module: str) -> float:
        script = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        return float(done.stdout)

    seconds("numpy"), seconds("npubridge.compat")
    name = "import npubridge.compat / import numpy"
    return compare(name, rounds, lambda: seconds("npubridge.compat"), lambda: seconds("numpy"), most=1.5, unit=" s")


def show(figures: list[Figure], times: dict[str, float]) -> None:
    """The figures as a table."""
    for each in figures:
        goal = "" if each.met is None else f"  goal {'≥' if each.least else '≤'} {each.least or each.most}"
        mark = {True: "  met", False: "  NOT MET", None: ""}[each.met]
        spread = f"{each.low:.2f} to {each.high:.2f} in {each.rounds} rounds"
        rates = f"{each.ours:,.4g} and {each.theirs:,.4g}{each.unit}"
        print(f"{each.name}\n    {each.ratio:.2f} ({spread}){goal}{mark}; {rates}")
    for name, seconds in times.items():
        print(f"a {name} of 100,000 tasks\n    {seconds:.2f} s")


def main() -> None:
    """Measures all and tells it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="end with 3 when a goal is not met")
    options = parser.parse_args()
    figures = [*echoes(options.rounds), *workflows(options.rounds), imports(options.rounds), memory()]
    times = long_workflows()
    if options.json:
        about = {"python": platform.python_version(), "numpy": np.__version__, "cpus": os.cpu_count()}
        told = [{**asdict(each), "met": each.met} for each in figures]
        print(json.dumps({**about, "ratios": told, "seconds_100000_tasks": times}))
    else:
        print(f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} CPUs; coordination only")
        show(figures, times)
    if options.check and any(each.met is False for each in figures):
        sys.exit(3)


if __name__ == "__main__":
    main()
