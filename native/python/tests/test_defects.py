"""The six defects of the old module: each check fails on a module that has them and passes on ``npubridge.compat``."""

from __future__ import annotations

import asyncio
import builtins
import dis
import importlib
import inspect
import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from pkgutil import iter_modules
from types import CodeType, ModuleType
from typing import Any

import npubridge.compat
import pytest
from npubridge import _compat

compat = npubridge.compat


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No warnings, and no waiting where the old module only pretends to work."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda delay, result=None: sleep(0, result))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def fails(check: Callable[..., Any], *arguments: Any) -> None:
    """The check finds the defect."""
    with pytest.raises((AssertionError, NameError, RecursionError)):
        check(*arguments)


def paths_are_paths(module: ModuleType) -> None:
    for folder in (module.get_agents_dir(), module.get_database_dir(), module.get_python_src_dir()):
        assert not any(sign in str(folder) for sign in "${}()"), folder


def test_defect_1_shell_syntax_in_paths(defective_v1: ModuleType) -> None:
    fails(paths_are_paths, defective_v1)
    paths_are_paths(compat)


def globals_of(code: CodeType) -> set[str]:
    """The global names that code reads, with that of all functions in it."""
    names = {each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return names.union(*(globals_of(each) for each in code.co_consts if isinstance(each, CodeType)))


def names_are_imported(module: ModuleType) -> None:
    """Every global name that a function of the module reads is there."""
    module.get_project_root()
    globals_are_there(module)


def globals_are_there(module: ModuleType) -> None:
    functions = [value for _, value in inspect.getmembers(module, inspect.isfunction)]
    for _, owner in inspect.getmembers(module, inspect.isclass):
        functions += [value for _, value in inspect.getmembers(owner, inspect.isfunction)]
    for function in functions:
        if function.__module__ == module.__name__ and function.__code__.co_filename == module.__file__:
            missing = globals_of(function.__code__) - set(vars(module)) - set(dir(builtins))
            assert not missing, (function.__qualname__, missing)


def test_defect_2_missing_imports(defective_v1: ModuleType, defective_v2: ModuleType) -> None:
    fails(names_are_imported, defective_v1)
    defective_v2.get_project_root = compat.get_project_root  # type: ignore[attr-defined]  # of the first generation
    with pytest.raises(AssertionError, match=r"save_results.*json"):
        names_are_imported(defective_v2)
    names_are_imported(compat)
    parts = [importlib.import_module(f"npubridge._compat.{each.name}") for each in iter_modules(_compat.__path__)]
    assert len(parts) > 1
    for part in parts:
        globals_are_there(part)


def histories_are_bounded(module: ModuleType) -> None:
    async def run() -> None:
        bridge = module.NPUCoordinationBridge()
        for index in range(3000):
            if hasattr(bridge, "execute_workflow"):
                await bridge.execute_workflow(f"w{index}", [])
            if hasattr(bridge, "submit_operation"):
                operation = module.NPUOperation(str(index), "echo", [1.0])
                await bridge.get_result(await bridge.submit_operation(operation))
        for cache in ("workflow_history", "results_cache"):
            assert len(getattr(bridge, cache, ())) <= 1000, cache

    asyncio.run(run())


def test_defect_3_unbounded_caches(defective_v1: ModuleType, defective_v2: ModuleType) -> None:
    fails(histories_are_bounded, defective_v1)
    fails(histories_are_bounded, defective_v2)
    histories_are_bounded(compat)


def test_defect_3_the_sizes_are_documented_and_kept() -> None:
    for size in ("1,000", "10,000"):
        assert size in str(compat.__doc__)
    bridge = compat.NPUCoordinationBridge()
    for index in range(10_100):
        bridge.agent_cache[index] = {}
        bridge.workflow_history.append(index)
        bridge.results_cache[index] = index
    assert (len(bridge.agent_cache), len(bridge.workflow_history), len(bridge.results_cache)) == (10_000, 1000, 1000)
    assert (bridge.workflow_history[-1], next(iter(bridge.results_cache))) == (10_099, 9100)
    bridge.workflow_history += [1, 2]
    bridge.workflow_history.extend([3])
    bridge.workflow_history.insert(0, 4)
    assert (len(bridge.workflow_history), bridge.workflow_history[-1]) == (1000, 3)


def failures_are_told(module: ModuleType, caplog: pytest.LogCaptureFixture, folder: Path) -> None:
    async def run() -> None:
        bridge = module.NPUCoordinationBridge()
        if hasattr(bridge, "load_agent_cache"):
            folder.mkdir(exist_ok=True)
            (folder / "broken.md").write_bytes(b"---\nname: \xff\n---\n")
            with caplog.at_level(logging.WARNING):
                await bridge.load_agent_cache()
            assert "broken.md" in caplog.text
        if hasattr(bridge, "submit_operation"):
            operation = module.NPUOperation("op", "echo", None)
            result = await bridge.get_result(await bridge.submit_operation(operation))
            assert result is not None
            assert result.error_message

    asyncio.run(run())


def test_defect_4_swallowed_exceptions(
    defective_v1: ModuleType,
    defective_v2: ModuleType,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "agents"
    monkeypatch.setattr(defective_v1, "AGENTS_DIR", folder)
    monkeypatch.setattr(compat, "get_agents_dir", lambda: folder)
    fails(failures_are_told, defective_v1, caplog, folder)
    caplog.clear()
    fails(failures_are_told, defective_v2, caplog, folder)
    caplog.clear()
    failures_are_told(compat, caplog, folder)


class SlowNumber(float):
    """Gives other threads their turn between reading a total and writing it back."""

    def _wait(self, value: float) -> float:
        time.sleep(0.005)
        return value

    def __truediv__(self, other: float) -> float:
        return self._wait(float(self) / other)

    def __radd__(self, other: float) -> float:
        return self._wait(other + float(self))

    def __add__(self, other: float) -> float:
        return self._wait(float(self) + other)


def counts_are_right(record: Callable[[], None], total: Callable[[], float]) -> None:
    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total() == pytest.approx(8)


def test_defect_5_shared_state_without_a_guard(defective_v1: ModuleType) -> None:
    old = defective_v1.NPUCoordinationBridge()
    fails(
        counts_are_right,
        lambda: old._record({"task_id": "t", "execution_time_ms": SlowNumber(1000)}),
        lambda: old.performance_metrics["total_execution_time"],
    )
    new = compat.NPUCoordinationBridge()
    counts_are_right(
        lambda: new.update_performance_metrics(1, SlowNumber(1), 1.0),
        lambda: new.performance_metrics["total_execution_time"],
    )


def test_defect_5_threads_with_loops_of_their_own_share_a_bridge() -> None:
    bridge = compat.NPUCoordinationBridge()

    async def run(thread: int) -> None:
        for index in range(50):
            operation = compat.NPUOperation(f"{thread}-{index}", "echo", [thread, index])
            result = await bridge.get_result(await bridge.submit_operation(operation))
            assert result.result_data == [thread, index]
            await bridge.execute_workflow(f"{thread}-{index}", [])

    threads = [threading.Thread(target=lambda thread=index: asyncio.run(run(thread))) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bridge.stats["operations_completed"] == 400
    assert bridge.performance_metrics["workflows_executed"] == 400
    asyncio.run(bridge.shutdown())


def cycles_end(module: ModuleType, count: int) -> None:
    tasks = [module.WorkflowTask(f"t{i}", "a", "", 50, [f"t{(i + 1) % count}"]) for i in range(count)]
    bridge = module.NPUCoordinationBridge()
    levels = bridge.group_by_execution_level(tasks)
    assert sum(map(len, levels.values())) == count
    assert sorted(bridge.resolve_dependencies(tasks), key=id) == sorted(tasks, key=id)


def test_defect_6_cycles_without_end(defective_v1: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    fails(cycles_end, defective_v1, 2)
    cycles_end(compat, 2)
    cycles_end(compat, 100_000)
    assert "a cycle is broken: t0 does not wait for t1" in caplog.text


def test_defect_6_a_broken_cycle_is_reported() -> None:
    tasks = [compat.WorkflowTask(name, "x", "", 1, [other]) for name, other in ("ab", "ba")]
    bridge = compat.NPUCoordinationBridge()
    result = asyncio.run(bridge.execute_workflow("w", tasks))
    assert result.tasks_completed == 2
    assert bridge.broken_cycles == [{"workflow_id": "w", "task_id": "a", "dropped": ["b"]}]


def test_defect_6_ordering_is_not_quadratic(defective_v1: ModuleType) -> None:
    def growth(module: ModuleType, small: int) -> float:
        times = []
        for count in (small, 8 * small):
            tasks = [
                module.WorkflowTask(f"t{i}", "a", "", i % 100, [f"t{i - 1}"] if i % 50 else []) for i in range(count)
            ]
            bridge = module.NPUCoordinationBridge()
            best = float("inf")
            for _ in range(3):
                begun = time.process_time()
                bridge.resolve_dependencies(tasks)
                best = min(best, time.process_time() - begun)
            times.append(best)
        return times[1] / times[0]

    assert growth(defective_v1, 150) > 20
    # 8 times the tasks; caches make it somewhat more.
    assert growth(compat, 3000) < 20


def test_nothing_sleeps_or_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    async def run() -> Any:
        bridge = compat.NPUCoordinationBridge()
        workflow_id, tasks = await bridge.create_workflow([{}] * 500)
        begun = time.perf_counter()
        result = await bridge.execute_workflow(workflow_id, tasks)
        assert time.perf_counter() - begun < 5
        overhead = result.performance_metrics["coordination_overhead_ms"]
        assert overhead == pytest.approx(result.execution_time_ms)
        assert bridge.calculate_coordination_overhead(100.0) == pytest.approx(100.0)
        assert bridge.calculate_npu_utilization() == 0.0
        return await bridge.get_result(await bridge.submit_operation(compat.NPUOperation("x", "anything", [1.0])))

    result = asyncio.run(run())
    assert (result.success, result.result_data) == (False, None)
    assert "'anything'" in result.error_message
    assert all(name in result.error_message for name in compat.OPERATION_TYPES)
