"""The reference behaves as the old module did, and costs what it cost."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest
from conftest import REFERENCE


def tasks_of(module: ModuleType, *rows: tuple[str, int, list[str]]) -> list[Any]:
    """Tasks from (id, priority, dependencies)."""
    return [
        module.WorkflowTask(name, "director", name, priority, dependencies) for name, priority, dependencies in rows
    ]


def ids(tasks: list[Any]) -> list[str]:
    return [task.task_id for task in tasks]


def test_a_task_dict_takes_the_old_defaults(reference: ModuleType) -> None:
    workflow_id, tasks = asyncio.run(reference.NPUCoordinationBridge().create_workflow([{}]))
    assert re.fullmatch(r"workflow_\d{13}", workflow_id)
    assert tasks == [reference.WorkflowTask(f"{workflow_id}_task_0", "director", "Task", 50, [], 1000)]


def test_tasks_keep_the_index_of_their_dict_in_their_id(reference: ModuleType) -> None:
    workflow_id, tasks = asyncio.run(
        reference.NPUCoordinationBridge().create_workflow([{"priority": 90}, {"priority": 10}])
    )
    assert ids(tasks) == [f"{workflow_id}_task_1", f"{workflow_id}_task_0"]


@pytest.mark.parametrize(
    ("agent", "priority"),
    [
        ("director", 1),
        ("projectorchestrator", 1),
        ("security", 10),
        ("websecurity-auditor", 10),
        ("architect", 20),
        ("debugger", 20),
        ("debugger2", 50),
        ("linter", 50),
    ],
)
def test_an_agents_name_gives_its_priority(reference: ModuleType, agent: str, priority: int) -> None:
    assert reference.NPUCoordinationBridge().calculate_priority(agent) == priority


def test_order_follows_dependencies_then_priority(reference: ModuleType) -> None:
    tasks = tasks_of(reference, ("late", 1, ["first"]), ("first", 90, []), ("urgent", 5, []))
    assert ids(reference.NPUCoordinationBridge().resolve_dependencies(tasks)) == ["urgent", "first", "late"]


def test_a_cycle_is_broken_at_its_most_urgent_task(reference: ModuleType) -> None:
    tasks = tasks_of(reference, ("a", 30, ["c"]), ("b", 10, ["a"]), ("c", 20, ["b"]), ("free", 99, []))
    bridge = reference.NPUCoordinationBridge()
    assert ids(bridge.resolve_dependencies(tasks)) == ["free", "b", "c", "a"]
    levels = bridge.group_by_execution_level(tasks)
    assert {level: ids(group) for level, group in levels.items()} == {0: ["b", "free"], 1: ["c"], 2: ["a"]}


def test_a_task_that_depends_on_itself_still_runs(reference: ModuleType) -> None:
    tasks = tasks_of(reference, ("self", 1, ["self"]))
    bridge = reference.NPUCoordinationBridge()
    assert ids(bridge.resolve_dependencies(tasks)) == ["self"]
    assert list(bridge.group_by_execution_level(tasks)) == [0]


def test_dependencies_on_unknown_ids_are_ignored(reference: ModuleType) -> None:
    tasks = tasks_of(reference, ("a", 50, ["nobody"]), ("b", 50, ["a", "nobody"]))
    bridge = reference.NPUCoordinationBridge()
    assert ids(bridge.resolve_dependencies(tasks)) == ["a", "b"]
    assert {level: ids(group) for level, group in bridge.group_by_execution_level(tasks).items()} == {
        0: ["a"],
        1: ["b"],
    }


def test_levels_are_the_longest_way_from_the_start(reference: ModuleType) -> None:
    tasks = tasks_of(reference, ("d", 1, ["b", "a"]), ("a", 9, []), ("b", 5, ["a"]), ("c", 7, []))
    levels = reference.NPUCoordinationBridge().group_by_execution_level(tasks)
    assert {level: ids(group) for level, group in levels.items()} == {0: ["c", "a"], 1: ["b"], 2: ["d"]}


def test_a_long_chain_does_not_overflow_the_stack(reference: ModuleType) -> None:
    tasks = tasks_of(reference, *((f"t{i}", 50, [f"t{i - 1}"] if i else []) for i in range(20_000)))
    assert len(reference.NPUCoordinationBridge().group_by_execution_level(tasks)) == 20_000


def test_a_workflow_result_has_the_old_shape(reference: ModuleType) -> None:
    async def run() -> tuple[Any, Any]:
        bridge = reference.NPUCoordinationBridge()
        workflow_id, tasks = await bridge.create_workflow([{"agent": "a"}, {"agent": "b"}, {"agent": "a"}])
        return bridge, await bridge.execute_workflow(workflow_id, tasks)

    bridge, result = asyncio.run(run())
    assert (result.tasks_completed, result.total_tasks, result.success_rate) == (3, 3, 1.0)
    assert set(result.performance_metrics) == {
        "execution_time_ms",
        "ops_per_sec",
        "tasks_per_second",
        "average_task_time_ms",
        "npu_utilization",
        "coordination_overhead_ms",
    }
    assert result.performance_metrics["coordination_overhead_ms"] == pytest.approx(result.execution_time_ms * 0.05)
    assert {agent: used["tasks_executed"] for agent, used in result.agent_utilization.items()} == {"a": 2, "b": 1}
    summary = bridge.get_performance_summary()
    assert summary["bridge_metrics"]["workflows_executed"] == 1
    assert summary["recent_performance"]["total_tasks_executed"] == 3
    assert summary["system_status"] == {
        "npu_available": False,
        "coordination_available": False,
        "agents_cached": 0,
    }


def test_an_empty_workflow_completes_nothing(reference: ModuleType) -> None:
    result = asyncio.run(reference.NPUCoordinationBridge().execute_workflow("w", []))
    assert (result.total_tasks, result.success_rate) == (0, 0.0)


def test_a_single_task_says_completed_and_for_how_long(reference: ModuleType) -> None:
    (task,) = tasks_of(reference, ("t", 1, []))
    result = asyncio.run(reference.NPUCoordinationBridge().execute_single_task(task))
    assert set(result) == {"task_id", "agent_used", "execution_time_ms", "status", "actual_execution_time_ms"}
    assert (result["task_id"], result["agent_used"], result["status"]) == ("t", "director", "completed")


def test_as_shipped_a_task_sleeps_a_tenth_of_a_second(reference: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPUBRIDGE_LEGACY_SLEEP")
    (task,) = tasks_of(reference, ("t", 1, []))
    result = asyncio.run(reference.NPUCoordinationBridge().execute_single_task(task))
    assert 95 < result["actual_execution_time_ms"] < 1000


def test_agents_are_the_markdown_files_of_the_agents_folder(
    reference: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "agents"
    folder.mkdir()
    for name in ("README", "TEMPLATE", "WHERE_I_AM", "SECURITY", "monitor"):
        (folder / f"{name}.md").write_text("# agent")
    (folder / "notes.txt").write_text("no agent")
    monkeypatch.setenv("CLAUDE_PROJECT_ROOT", str(tmp_path))
    bridge = asyncio.run(reference.create_npu_bridge())
    assert {name: (agent["priority"], agent["capabilities"]) for name, agent in bridge.agent_cache.items()} == {
        "security": (10, ["security"]),
        "monitor": (50, ["operations"]),
    }


def test_operations_of_the_second_generation_are_echoed(reference: ModuleType) -> None:
    async def run() -> tuple[Any, Any, Any]:
        bridge = await reference.create_npu_bridge({"worker_threads": 2})
        operation_id = await bridge.submit_operation(reference.NPUOperation("op", "anything", [1, 2.5]))
        first = await bridge.get_result(operation_id)
        return bridge, first, await bridge.get_result(operation_id)

    bridge, first, second = asyncio.run(run())
    assert (first.operation_id, first.success, first.result_data) == ("op", True, [1.0, 2.5])
    assert second is first
    assert bridge.config == {"worker_threads": 2}
    stats = bridge.get_performance_stats()
    assert (stats["operations_completed"], stats["operations_failed"], stats["rust_mode"]) == (1, 0, False)
    assert stats["average_execution_time_ms"] > 0


def test_input_that_is_no_series_of_numbers_fails_and_says_why(reference: ModuleType) -> None:
    async def run() -> Any:
        bridge = reference.NPUCoordinationBridge()
        await bridge.submit_operation(reference.NPUOperation("op", "x", ["a"]))
        return bridge, await bridge.get_result("op")

    bridge, result = asyncio.run(run())
    assert not result.success
    assert "could not convert string to float" in result.error_message
    assert bridge.stats["operations_failed"] == 1


def test_a_result_of_an_unknown_operation_is_a_value_error(reference: ModuleType) -> None:
    with pytest.raises(ValueError, match="nobody"):
        asyncio.run(reference.NPUCoordinationBridge().get_result("nobody"))


def test_status_says_python(reference: ModuleType) -> None:
    assert reference.get_bridge_status() == {
        "rust_available": False,
        "fallback_mode": True,
        "performance_mode": "python",
    }


def test_the_global_bridge_is_one(reference: ModuleType) -> None:
    async def run() -> bool:
        return await reference.get_global_bridge() is await reference.get_global_bridge()

    assert asyncio.run(run())


def test_the_coordinator_of_the_oldest_callers_warns_and_answers(reference: ModuleType) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        coordinator = reference.LegacyNPUCoordinator()
    assert [(warning.category, Path(warning.filename).name) for warning in caught] == [
        (DeprecationWarning, Path(__file__).name)
    ]
    answer = asyncio.run(coordinator.coordinate_operation({"id": "1", "type": "x", "data": [1], "priority": 2}))
    assert (answer["success"], answer["data"], answer["error"]) == (True, [1.0], None)


def test_signatures_are_the_old_ones(reference: ModuleType) -> None:
    bridge = reference.NPUCoordinationBridge
    assert list(inspect.signature(bridge.execute_workflow).parameters) == [
        "self",
        "workflow_id",
        "tasks",
        "max_parallel",
    ]
    assert list(inspect.signature(bridge).parameters) == ["config"]
    assert [mode.value for mode in reference.CoordinationMode] == [
        "npu_accelerated",
        "parallel_optimized",
        "intelligent_routing",
        "performance_first",
        "reliability_first",
    ]


def test_importing_it_changes_nothing_else() -> None:
    script = (
        "import logging, runpy, sys; before = list(sys.path);"
        f" runpy.run_path({str(REFERENCE)!r});"
        " assert sys.path == before; assert not logging.getLogger().handlers; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-B", "-c", script], check=True)
    assert logging.getLogger("npu_coordination_bridge").level == logging.NOTSET


def steps(work: Callable[[], object]) -> int:
    """Lines of the coordination modules that some work runs: what it costs, the same on every machine."""
    count = 0

    def line(_frame: FrameType, event: str, _value: object) -> Any:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: FrameType, _event: str, _value: object) -> Any:
        file = frame.f_code.co_filename
        # A dataclass compares its objects by a method that comes from a string.
        return line if file == "<string>" or "coordination" in file else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def workflow(module: ModuleType, count: int) -> tuple[int, int]:
    """Steps to create a workflow of tasks with all priorities, and to execute it."""
    rows = [{"agent": f"agent{i % 7}", "description": f"t{i}", "priority": 1 + i % 100} for i in range(count)]
    bridge = module.NPUCoordinationBridge()
    workflow_id, tasks = asyncio.run(bridge.create_workflow(rows))
    return (
        steps(lambda: asyncio.run(bridge.create_workflow(rows))),
        steps(lambda: asyncio.run(bridge.execute_workflow(workflow_id, tasks))),
    )


def test_creating_a_workflow_is_quadratic_and_executing_it_is_not(reference: ModuleType) -> None:
    created, executed = workflow(reference, 400)
    created_4, executed_4 = workflow(reference, 1600)
    # 4 times the tasks: 16 times the steps when quadratic, 4 times when linear, 64 times when cubic.
    assert 10 < created_4 / created < 22
    assert 3.5 < executed_4 / executed < 4.5


def test_it_takes_no_more_steps_than_the_old_module(reference: ModuleType, defective_v1: ModuleType) -> None:
    # The delay of the old module is no line of it.
    assert sum(workflow(reference, 50)) <= 1.5 * sum(workflow(defective_v1, 50))
