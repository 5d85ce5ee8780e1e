"""One contract for the old module's reference and for ``npubridge.compat``; ``DIFFERENCES`` says where they part."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import npubridge.compat
import pytest
from conftest import ROOT
from support import ids

DIFFERENCES = {
    "unknown operation types": "the reference echoes their input, compat fails and names the known types",
    "arrays": "the reference gives an array back as a list, compat as an array of the same type",
    "execute_single_task": "compat adds executed: False",
    "coordination_overhead_ms": "a constant 5 % in the reference, measured in compat",
    "calculate_coordination_overhead": "likewise",
    "total_time_ms of agent_utilization": "0.0 in compat for tasks that are only routed",
    "workflow_history, results_cache": "bounded in compat",
    "status": "compat says rust where the native engine runs, and COORDINATION_AVAILABLE is true",
    "get_performance_stats": "compat adds engine",
    "agent_cache": "words and points, with which the reference counts, are missing in compat",
    "max_parallel below 1": "always a ValueError in compat; the reference does nothing for negative numbers",
    "failed operations": "the message of compat says more",
    "DeprecationWarning": "compat warns for NPUCoordinationBridge too",
    "workflow ids": "two workflows of one millisecond share their id in the reference",
    "npu_select_agent": "compat compares descriptions first, then names and capabilities by the rules of the reference",
    "levels": "a task of compat that works starts when its dependencies have ended, not when a whole level has",
    "shutdown": "compat ends its engine too, and starts another when it is used again",
}

CHOSEN_BY_A_PART_OF_THE_NAME = {
    "the words of a name must follow each other": "code-reviewer",
    "the name is cut off at the end of the description": "code-reviewer",
}
"""Shared examples that compat answers otherwise, by why they are there: shared words are enough for it."""

ADDED_TO_THE_REFERENCE = {"choose_agent"}
"""What the old module never had: the process that serves the reference uses it."""


@pytest.fixture(params=["reference", "compat"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Both modules, the reference without its sleep. Agents are compared by words: no model has a say."""
    monkeypatch.setenv("NPUBRIDGE_ROUTING_METHOD", "lexical")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield request.getfixturevalue("reference") if request.param == "reference" else npubridge.compat


def tasks_of(module: ModuleType, *rows: tuple[Any, Any, list[Any]]) -> list[Any]:
    return [module.WorkflowTask(name, "director", str(name), priority, needs) for name, priority, needs in rows]


def levels_of(bridge: Any, tasks: list[Any]) -> dict[int, list[str]]:
    return {level: ids(group) for level, group in bridge.group_by_execution_level(tasks).items()}


def test_compat_has_all_that_the_reference_has_with_the_same_signatures(reference: ModuleType) -> None:
    public = [
        "NPUCoordinationBridge",
        "LegacyNPUCoordinator",
        "CoordinationMode",
        "Priority",
        "WorkflowTask",
        "WorkflowResult",
        "NPUOperation",
        "NPUResult",
        "create_npu_bridge",
        "get_bridge_status",
        "get_global_bridge",
        "get_project_root",
        "get_agents_dir",
        "get_database_dir",
        "get_python_src_dir",
    ]
    for name in public:
        old, new = getattr(reference, name), getattr(npubridge.compat, name)
        assert inspect.signature(old) == inspect.signature(new), name
        assert inspect.iscoroutinefunction(old) == inspect.iscoroutinefunction(new), name
        assert name in npubridge.compat.__all__
        if is_dataclass(old):
            told = [[(field.name, field.type, field.default) for field in fields(each)] for each in (old, new)]
            assert told[0] == told[1], name
        for method, function in inspect.getmembers(old, inspect.isfunction) if inspect.isclass(old) else ():
            if method.startswith("_") or method in ADDED_TO_THE_REFERENCE:
                continue
            other = getattr(new, method)
            # As text: the modes of two modules are two enums.
            assert str(inspect.signature(function)) == str(inspect.signature(other)), f"{name}.{method}"
            assert inspect.iscoroutinefunction(function) == inspect.iscoroutinefunction(other), f"{name}.{method}"
    for name in ("NPU_AVAILABLE", "COORDINATION_AVAILABLE", "RUST_BRIDGE_AVAILABLE", "FALLBACK_MODE"):
        assert isinstance(getattr(npubridge.compat, name), bool)


def test_attributes(module: ModuleType) -> None:
    bridge = module.NPUCoordinationBridge({"worker_threads": 2})
    assert bridge.config == {"worker_threads": 2}
    assert (bridge.npu_orchestrator, bridge.coordination_matrix, bridge.agent_cache) == (None, {}, {})
    assert (bridge.workflow_history, bridge.results_cache, bridge.initialized) == ([], {}, False)
    assert set(bridge.performance_metrics) == {
        "workflows_executed",
        "total_execution_time",
        "average_ops_per_sec",
        "npu_utilization",
        "coordination_overhead",
    }
    assert set(bridge.stats) == {
        "operations_completed",
        "operations_failed",
        "total_execution_time_ms",
        "rust_mode",
    }


def test_enums(module: ModuleType) -> None:
    assert [(mode.name, mode.value) for mode in module.CoordinationMode] == [
        ("NPU_ACCELERATED", "npu_accelerated"),
        ("PARALLEL_OPTIMIZED", "parallel_optimized"),
        ("INTELLIGENT_ROUTING", "intelligent_routing"),
        ("PERFORMANCE_FIRST", "performance_first"),
        ("RELIABILITY_FIRST", "reliability_first"),
    ]
    assert [(each.name, each.value) for each in module.Priority] == [
        ("LOW", 0),
        ("NORMAL", 1),
        ("HIGH", 2),
        ("CRITICAL", 3),
        ("REALTIME", 4),
    ]


def test_a_task_dict_takes_the_old_defaults(module: ModuleType) -> None:
    workflow_id, tasks = asyncio.run(module.NPUCoordinationBridge().create_workflow([{}]))
    assert re.fullmatch(r"workflow_\d{13}", workflow_id)
    assert tasks == [module.WorkflowTask(f"{workflow_id}_task_0", "director", "Task", 50, [], 1000)]
    assert is_dataclass(tasks[0])


def test_tasks_are_ordered_when_they_are_made_and_keep_their_index(module: ModuleType) -> None:
    rows = [{"priority": 90}, {"priority": 10, "agent": "a", "dependencies": ["nobody"]}, {"priority": 10}]
    workflow_id, tasks = asyncio.run(module.NPUCoordinationBridge().create_workflow(rows))
    assert ids(tasks) == [f"{workflow_id}_task_{index}" for index in (1, 2, 0)]
    assert (tasks[0].agent_name, tasks[0].dependencies) == ("a", ["nobody"])


def test_order_and_levels_by_the_shared_examples(module: ModuleType) -> None:
    bridge = module.NPUCoordinationBridge()
    cases = json.loads((ROOT / "native" / "engine" / "testdata" / "workflow-vectors.json").read_text())["cases"]
    assert len(cases) > 5
    for case in cases:
        tasks = tasks_of(module, *((task["id"], task["priority"], task["dependencies"]) for task in case["tasks"]))
        assert ids(bridge.resolve_dependencies(tasks)) == case["order"], case["why"]
        level_of = {task: level for level, group in levels_of(bridge, tasks).items() for task in group}
        assert [level_of[task.task_id] for task in tasks] == case["levels"], case["why"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("self", 1, ["self"])],
        [("a", 30, ["c"]), ("b", 10, ["a"]), ("c", 20, ["b"]), ("free", 99, [])],
        [("late", 1, ["first"]), ("first", 90, []), ("urgent", 5, [])],
        [("d", 1, ["b", "a"]), ("a", 9, []), ("b", 5, ["a"]), ("c", 7, [])],
        [(1, 2.5, [2]), (2, 1e300, ()), ((3,), -(10**30), [1, 4])],
        [("twice", 5, []), ("after", 1, ["twice"]), ("twice", 3, ["after"])],
        [("half", 0.5, []), ("\ud800", 0.25, ["half"])],
    ],
    ids=["none", "self", "cycle", "priority", "levels", "other types", "two of one id", "surrogate"],
)
def test_both_order_alike(reference: ModuleType, rows: list[tuple[Any, Any, Any]]) -> None:
    def planned(module: ModuleType) -> Any:
        tasks, bridge = tasks_of(module, *rows), module.NPUCoordinationBridge()
        return ids(bridge.resolve_dependencies(tasks)), levels_of(bridge, tasks)

    assert planned(npubridge.compat) == planned(reference)


def test_agents_and_choices_by_the_shared_examples(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = json.loads((ROOT / "native" / "engine" / "testdata" / "routing-vectors.json").read_text())
    bridge = module.NPUCoordinationBridge()
    assert {name: bridge.calculate_priority(name) for name in rules["priorities"]} == rules["priorities"]

    def load(folder: Path) -> Any:
        monkeypatch.setattr(module, "get_agents_dir", lambda: folder)
        asyncio.run(bridge.load_agent_cache())
        return bridge.agent_cache

    for index, entry in enumerate(rules["files"]):
        folder = tmp_path / f"file{index}"
        folder.mkdir()
        (folder / entry["file"]).write_bytes(entry["text"].encode())
        found = [{"name": name, "description": each["description"]} for name, each in load(folder).items()]
        assert found == ([entry["agent"]] if entry["agent"] else []), entry
    for index, entry in enumerate(rules["select"]):
        folder = tmp_path / f"select{index}"
        folder.mkdir()
        for name in entry["agents"]:
            (folder / f"{name}.md").touch()
        load(folder)
        expected = (entry["expected"] or {}).get("agent")
        if module is npubridge.compat:
            expected = CHOSEN_BY_A_PART_OF_THE_NAME.get(entry["why"], expected)
        chosen = asyncio.run(bridge.npu_select_agent(entry["description"]))
        assert chosen == expected, entry


def test_agents_are_the_markdown_files_of_the_agents_folder(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "agents"
    folder.mkdir()
    for name in ("README", "TEMPLATE", "WHERE_I_AM", "SECURITY", "monitor"):
        (folder / f"{name}.md").write_text("# agent")
    (folder / "notes.txt").write_text("no agent")
    monkeypatch.setenv("CLAUDE_PROJECT_ROOT", str(tmp_path))
    bridge = asyncio.run(module.create_npu_bridge())
    assert bridge.initialized
    assert {name: (each["priority"], each["capabilities"]) for name, each in bridge.agent_cache.items()} == {
        "security": (10, ["security"]),
        "monitor": (50, ["operations"]),
    }
    assert bridge.agent_cache["monitor"]["path"] == str(folder / "monitor.md")
    assert bridge.coordination_matrix["operations"] == ["monitor"]
    assert bridge.get_performance_summary()["system_status"]["agents_cached"] == 2
    rows = [{"agent": "nobody", "description": "audit it"}, {"agent": "monitor"}, {"agent": "x", "description": "tea"}]
    _, tasks = asyncio.run(bridge.create_workflow(rows))
    assert sorted(task.agent_name for task in tasks) == ["monitor", "security", "x"]
    _, tasks = asyncio.run(bridge.create_workflow(rows, module.CoordinationMode.PERFORMANCE_FIRST))
    assert sorted(task.agent_name for task in tasks) == ["monitor", "nobody", "x"]


def test_without_an_agents_folder_there_are_no_agents(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLAUDE_PROJECT_ROOT", str(tmp_path))
    bridge = module.NPUCoordinationBridge()
    assert asyncio.run(bridge.initialize()) is True
    assert bridge.agent_cache == {}
    assert asyncio.run(bridge.npu_select_agent("audit it")) is None


def test_folders(module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLAUDE_PROJECT_ROOT", str(tmp_path))
    assert module.get_project_root() == tmp_path
    assert module.get_agents_dir() == tmp_path / "agents"
    assert module.get_database_dir() == tmp_path / "database"
    assert module.get_python_src_dir() == tmp_path / "agents" / "src" / "python"
    monkeypatch.delenv("CLAUDE_PROJECT_ROOT")
    assert module.get_project_root() == Path.cwd()


def test_a_workflow_result_has_the_old_shape(module: ModuleType) -> None:
    async def run() -> tuple[Any, Any]:
        bridge = module.NPUCoordinationBridge()
        workflow_id, tasks = await bridge.create_workflow([{"agent": "a"}, {"agent": "b"}, {"agent": "a"}])
        return bridge, await bridge.execute_workflow(workflow_id, tasks, max_parallel=2)

    bridge, result = asyncio.run(run())
    assert (result.tasks_completed, result.total_tasks, result.success_rate) == (3, 3, 1.0)
    metrics = result.performance_metrics
    assert set(metrics) == {
        "execution_time_ms",
        "ops_per_sec",
        "tasks_per_second",
        "average_task_time_ms",
        "npu_utilization",
        "coordination_overhead_ms",
    }
    assert metrics["execution_time_ms"] == result.execution_time_ms > 0
    assert metrics["average_task_time_ms"] == pytest.approx(result.execution_time_ms / 3)
    assert 0 < metrics["coordination_overhead_ms"] <= result.execution_time_ms
    assert {agent: used["tasks_executed"] for agent, used in result.agent_utilization.items()} == {"a": 2, "b": 1}
    assert bridge.workflow_history == [result]
    summary = bridge.get_performance_summary()
    assert set(summary["bridge_metrics"]) == set(bridge.performance_metrics)
    assert summary["bridge_metrics"]["workflows_executed"] == 1
    assert summary["bridge_metrics"]["total_execution_time"] == pytest.approx(result.execution_time_ms / 1000)
    assert set(summary["recent_performance"]) == {
        "workflows_count",
        "average_ops_per_sec",
        "average_success_rate",
        "total_tasks_executed",
    }
    assert summary["recent_performance"]["total_tasks_executed"] == 3
    assert set(summary["system_status"]) == {"npu_available", "coordination_available", "agents_cached"}


def test_an_empty_workflow_completes_nothing(module: ModuleType) -> None:
    result = asyncio.run(module.NPUCoordinationBridge().execute_workflow("w", []))
    assert (result.total_tasks, result.success_rate, result.agent_utilization) == (0, 0.0, {})


def test_a_single_task_says_completed_and_for_how_long(module: ModuleType) -> None:
    (task,) = tasks_of(module, ("t", 1, []))
    result = asyncio.run(module.NPUCoordinationBridge().execute_single_task(task))
    expected = {"task_id", "agent_used", "execution_time_ms", "status", "actual_execution_time_ms"}
    assert set(result) - {"executed"} == expected
    assert (result["task_id"], result["agent_used"], result["status"]) == ("t", "director", "completed")
    assert result.get("executed", False) is False


def test_a_subclass_that_works_is_called_in_order_and_in_groups(module: ModuleType) -> None:
    class Working(module.NPUCoordinationBridge):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []
            self.now = self.most = 0

        async def execute_single_task(self, task: Any) -> dict[str, Any]:
            self.now += 1
            self.most = max(self.most, self.now)
            self.seen.append(task.task_id)
            await asyncio.sleep(0.001)
            self.now -= 1
            status = "failed" if task.task_id == "a" else "completed"
            return {"task_id": task.task_id, "agent_used": "x", "status": status, "actual_execution_time_ms": 1.0}

    bridge = Working()
    tasks = tasks_of(module, ("late", 1, ["a", "b", "c"]), ("c", 9, []), ("a", 5, []), ("b", 7, []))
    result = asyncio.run(bridge.execute_workflow("w", tasks, max_parallel=2))
    assert (bridge.seen, bridge.most) == (["a", "b", "c", "late"], 2)
    assert (result.tasks_completed, result.success_rate) == (3, 0.75)
    assert result.agent_utilization == {"x": {"tasks_executed": 4, "total_time_ms": 4.0}}
    assert result.performance_metrics["coordination_overhead_ms"] < result.execution_time_ms


def test_a_failing_task_is_not_swallowed(module: ModuleType) -> None:
    class Failing(module.NPUCoordinationBridge):  # type: ignore[name-defined]
        async def execute_single_task(self, task: Any) -> dict[str, Any]:
            raise LookupError(task.task_id)

    with pytest.raises(LookupError, match="t"):
        asyncio.run(Failing().execute_workflow("w", tasks_of(module, ("t", 1, []))))


def test_no_place_for_a_task_is_a_value_error(module: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"max_parallel|range\(\)"):
        asyncio.run(module.NPUCoordinationBridge().execute_workflow("w", tasks_of(module, ("t", 1, [])), 0))


def test_the_performance_test_runs_fifty_tasks(module: ModuleType) -> None:
    summary = asyncio.run(module.NPUCoordinationBridge().performance_test())
    assert summary["recent_performance"]["total_tasks_executed"] == 50


def test_metrics_are_averages(module: ModuleType) -> None:
    bridge = module.NPUCoordinationBridge()
    for rate in (10.0, 20.0, 60.0):
        bridge.update_performance_metrics(1, 2.0, rate)
    assert bridge.performance_metrics["average_ops_per_sec"] == pytest.approx(30)
    assert bridge.performance_metrics["total_execution_time"] == pytest.approx(6)
    assert bridge.performance_metrics["workflows_executed"] == 3


def operation(module: ModuleType, *arguments: Any, **named: Any) -> tuple[Any, Any]:
    """A bridge, and the result of an operation on it."""

    async def run() -> tuple[Any, Any]:
        bridge = module.NPUCoordinationBridge()
        operation_id = await bridge.submit_operation(module.NPUOperation(*arguments, **named))
        result = await bridge.get_result(operation_id)
        assert await bridge.get_result(operation_id, timeout_ms=1) is result
        stats = bridge.get_performance_stats()
        await bridge.shutdown()
        return stats, result

    return asyncio.run(run())


@pytest.mark.parametrize("data", [[1, 2.5], (3,), [], ["1.5"], [True]], ids=str)
def test_numbers_are_echoed(module: ModuleType, data: Any) -> None:
    stats, result = operation(module, "op", "echo", data, priority=4, timeout_ms=1000, metadata={"mine": 1})
    assert (result.operation_id, result.success, result.error_message) == ("op", True, None)
    assert result.result_data == [float(value) for value in data]
    assert all(type(value) is float for value in result.result_data)
    assert result.metadata == {"mine": 1}
    assert result.execution_time_ms > 0
    assert (stats["operations_completed"], stats["operations_failed"]) == (1, 0)
    assert stats["average_execution_time_ms"] == pytest.approx(result.execution_time_ms)


@pytest.mark.parametrize("data", [["a"], [None], None, 5], ids=str)
def test_input_that_is_no_series_of_numbers_fails_and_says_why(module: ModuleType, data: Any) -> None:
    stats, result = operation(module, "op", "echo", data)
    assert (result.success, result.result_data) == (False, None)
    assert re.search("float|iterable", result.error_message)
    assert (stats["operations_completed"], stats["operations_failed"]) == (0, 1)


def test_a_result_of_an_unknown_operation_is_a_value_error(module: ModuleType) -> None:
    with pytest.raises(ValueError, match="Operation nobody not found"):
        asyncio.run(module.NPUCoordinationBridge().get_result("nobody"))


def test_shutdown_forgets_results(module: ModuleType) -> None:
    async def run() -> None:
        bridge = await module.create_npu_bridge()
        await bridge.submit_operation(module.NPUOperation("op", "echo", [1]))
        await bridge.shutdown()
        assert not bridge.initialized
        with pytest.raises(ValueError, match="op"):
            await bridge.get_result("op")

    asyncio.run(run())


def test_status_has_the_old_keys(module: ModuleType) -> None:
    status = module.get_bridge_status()
    assert set(status) == {"rust_available", "fallback_mode", "performance_mode"}
    assert status["rust_available"] is not status["fallback_mode"]
    assert status["performance_mode"] == ("rust" if status["rust_available"] else "python")
    assert (status["rust_available"], status["fallback_mode"]) == (module.RUST_BRIDGE_AVAILABLE, module.FALLBACK_MODE)


def test_the_global_bridge_is_one(module: ModuleType) -> None:
    async def run() -> bool:
        return await module.get_global_bridge() is await module.get_global_bridge()

    assert asyncio.run(run())


def test_the_coordinator_of_the_oldest_callers_answers(module: ModuleType) -> None:
    coordinator = module.LegacyNPUCoordinator()

    async def run() -> list[Any]:
        one = await coordinator.coordinate_operation({"id": "1", "type": "echo", "data": [1], "priority": 2})
        return [one, await coordinator.coordinate_operation({"type": "echo", "data": ["x"]})]

    good, bad = asyncio.run(run())
    assert set(good) == {"success", "data", "execution_time", "error"}
    assert (good["success"], good["data"], good["error"]) == (True, [1.0], None)
    assert (bad["success"], bad["data"]) == (False, None)
    assert "float" in bad["error"]
