"""The fixtures with defects really have them: what `migrate` finds and what the compatibility layer must not do."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest
from conftest import FIXTURES


def test_defect_1_a_path_holds_shell_syntax(defective_v1: ModuleType) -> None:
    assert "${CLAUDE_PROJECT_ROOT:-$(dirname" in str(defective_v1.get_agents_dir())
    assert not defective_v1.get_agents_dir().exists()


def test_defect_2_names_are_used_that_were_never_imported(defective_v1: ModuleType, defective_v2: ModuleType) -> None:
    with pytest.raises(NameError, match="os"):
        defective_v1.get_project_root()
    assert not hasattr(defective_v1, "json")
    assert not hasattr(defective_v2, "json")


def test_defect_3_caches_grow_without_bound(
    defective_v1: ModuleType, defective_v2: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _delay: sleep(0))

    async def run() -> tuple[int, int]:
        v1 = defective_v1.NPUCoordinationBridge()
        for _ in range(2000):
            await v1.execute_workflow("w", [])
        v2 = defective_v2.NPUCoordinationBridge()
        for index in range(2000):
            await v2.get_result(await v2.submit_operation(defective_v2.NPUOperation(str(index), "x", [1.0])))
        return len(v1.workflow_history), len(v2.results_cache)

    assert asyncio.run(run()) == (2000, 2000)


def test_defect_4_exceptions_are_swallowed(defective_v1: ModuleType, defective_v2: ModuleType, tmp_path: Path) -> None:
    v1 = defective_v1.NPUCoordinationBridge()
    assert asyncio.run(v1.npu_select_agent("audit the login")) is None
    assert v1.save_history(tmp_path / "history.json") is None
    v2 = defective_v2.NPUCoordinationBridge()
    assert v2.save_results(tmp_path / "results.json") is None

    async def run() -> object:
        return await v2.get_result(await v2.submit_operation(defective_v2.NPUOperation("op", "x", None)))

    assert asyncio.run(run()) is None


def test_defect_5_threads_change_shared_state_without_a_guard(
    defective_v1: ModuleType, defective_v2: ModuleType
) -> None:
    v1 = defective_v1.NPUCoordinationBridge()

    class SlowNumber(float):
        """Gives other threads their turn between reading the total and writing it back."""

        def __truediv__(self, other: float) -> float:
            time.sleep(0.01)
            return float(self) / other

    def record() -> None:
        v1._record({"task_id": "t", "execution_time_ms": SlowNumber(1000)})

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert v1.performance_metrics["total_execution_time"] < 8

    v2 = defective_v2.NPUCoordinationBridge()
    assert not any(isinstance(value, type(threading.Lock())) for value in vars(v2).values())


def test_defect_6_a_cycle_recurses_without_end(defective_v1: ModuleType) -> None:
    tasks = [
        defective_v1.WorkflowTask("a", "x", "x", 1, ["b"]),
        defective_v1.WorkflowTask("b", "x", "x", 2, ["a"]),
    ]
    bridge = defective_v1.NPUCoordinationBridge()
    with pytest.raises(RecursionError):
        bridge.group_by_execution_level(tasks)
    assert [task.task_id for task in bridge.resolve_dependencies(tasks)] == ["a", "b"]


def test_importing_v1_configures_logging_and_edits_the_path() -> None:
    script = (
        "import logging, runpy, sys; before = list(sys.path);"
        f" runpy.run_path({str(FIXTURES / 'v1' / 'npu_coordination_bridge.py')!r});"
        " assert len(sys.path) > len(before); assert logging.getLogger().handlers"
    )
    subprocess.run([sys.executable, "-B", "-c", script], check=True)
    assert logging.getLogger("x").level == logging.NOTSET


def test_v2_imports_itself_by_name_and_falls_back(defective_v2: ModuleType) -> None:
    assert "from npu_coordination_bridge import" in Path(str(defective_v2.__file__)).read_text()
    assert defective_v2.get_bridge_status() == {
        "rust_available": False,
        "fallback_mode": True,
        "performance_mode": "python",
    }
