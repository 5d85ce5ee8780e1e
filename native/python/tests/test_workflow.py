"""Workflows whose tasks are done by Python functions."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import npubridge
import npubridge.compat
import pytest

CASES = json.loads(
    (Path(__file__).parents[2] / "engine" / "testdata" / "workflow-contract.json").read_text(encoding="utf-8")
)["cases"]


def _tasks(case: dict[str, Any]) -> list[npubridge.Task]:
    return [npubridge.Task(**task) for task in case["tasks"]]


def _bad(task: npubridge.Task, inputs: object) -> None:
    raise ValueError("it broke")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_contract(case: dict[str, Any]) -> None:
    """The same cases are run in Rust and in TypeScript."""
    run = npubridge.run_workflow(
        _tasks(case),
        {"good": lambda task, inputs: task.id, "bad": _bad},
        max_parallel=1,
        on_failure=case.get("onFailure", "skip_dependents"),
        break_cycles=case.get("breakCycles", False),
    )
    if "error" in case:
        with pytest.raises(npubridge.InvalidArgumentError) as raised:
            asyncio.run(run)
        assert case["error"] in str(raised.value)
        return
    results = asyncio.run(run)
    assert [result.task.id for result in results] == case["order"]
    assert {result.task.id: result.status for result in results} == case["statuses"]


class Counting:
    """Does tasks, one more than what they are given, and counts how many are being done."""

    now = 0
    most = 0

    async def __call__(self, task: npubridge.Task, inputs: dict[str, Any]) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return 1 + sum(inputs.values())


def test_outputs_are_handed_on_and_tasks_run_side_by_side() -> None:
    work = Counting()

    tasks = [npubridge.Task(id, "w") for id in "abc"]
    tasks.append(npubridge.Task("d", "w", dependencies=["a", "b", "c"]))
    results = asyncio.run(npubridge.run_workflow(tasks, {"w": work}, max_parallel=2))
    assert results[-1].output == 4
    assert work.most == 2


def test_a_failure_keeps_what_was_raised() -> None:
    tasks = [npubridge.Task("a", "bad"), npubridge.Task("b", "bad", dependencies=["a"])]
    failed, skipped = asyncio.run(npubridge.run_workflow(tasks, {"bad": _bad}))
    assert isinstance(failed.error, ValueError)
    assert skipped.reason == 'its dependency "a" failed'


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(npubridge.InvalidArgumentError, match="on_failure is"):
        asyncio.run(npubridge.run_workflow([], {}, on_failure="never"))
    twice = [npubridge.Task("a", "x"), npubridge.Task("a", "x")]
    with pytest.raises(npubridge.InvalidArgumentError, match="used twice"):
        asyncio.run(npubridge.run_workflow(twice, {}))


COMPATIBLE = [
    case
    for case in CASES
    # The old module refuses nothing, lets failures count for nothing, and knows no inherited urgency.
    if "error" not in case
    and case.get("onFailure", "continue") == "continue"
    and case["name"] != "what the urgent waits for is urgent"
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("case", COMPATIBLE, ids=lambda case: case["name"])
def test_the_old_module_keeps_the_contract(case: dict[str, Any]) -> None:
    """``compat`` runs the tasks of the shared cases in the same order, through the same planner."""
    ended: list[str] = []

    class Working(npubridge.compat.NPUCoordinationBridge):
        async def execute_single_task(self, task: Any) -> dict[str, Any]:
            await asyncio.sleep(0)
            ended.append(task.task_id)
            status = "failed" if task.agent_name == "bad" else "completed"
            return {"task_id": task.task_id, "agent_used": task.agent_name, "status": status}

    rows = [
        npubridge.compat.WorkflowTask(
            task["id"], task["agent"], "", task.get("priority", 50), task.get("dependencies", [])
        )
        for task in case["tasks"]
    ]
    result = asyncio.run(Working().execute_workflow("w", rows, max_parallel=1))
    assert ended == case["order"]
    failed = sum(status == "failed" for status in case["statuses"].values())
    assert result.tasks_completed == len(rows) - failed


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_old_module_starts_a_task_when_its_own_dependencies_have_ended() -> None:
    ended: list[str] = []

    class Working(npubridge.compat.NPUCoordinationBridge):
        async def execute_single_task(self, task: Any) -> dict[str, Any]:
            if task.task_id == "slow":
                await released.wait()
            if task.task_id == "next":
                released.set()
            ended.append(task.task_id)
            return {"task_id": task.task_id, "agent_used": "x", "status": "completed"}

    async def run() -> None:
        await asyncio.wait_for(Working().execute_workflow("w", tasks), 10)

    made = npubridge.compat.WorkflowTask
    tasks = [made("slow", "x", ""), made("quick", "x", ""), made("next", "x", "", dependencies=["quick"])]
    released = asyncio.Event()
    # Level by level, "next" would wait for "slow", and that for "next".
    asyncio.run(run())
    assert ended == ["quick", "next", "slow"]


def _most_at_once(monkeypatch: pytest.MonkeyPatch, *, places: int | None, variable: str | None) -> int:
    work = Counting()

    async def both() -> None:
        shared = None if places is None else asyncio.Semaphore(places)
        tasks = [npubridge.Task(str(number), "w") for number in range(6)]
        runs = [npubridge.run_workflow(tasks, {"w": work}, places=shared) for _ in range(2)]
        assert [len(results) for results in await asyncio.gather(*runs)] == [6, 6]

    if variable is not None:
        monkeypatch.setenv("NPUBRIDGE_WORKFLOW_MAX_PARALLEL", variable)
    asyncio.run(both())
    return work.most


def test_workflows_share_places(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _most_at_once(monkeypatch, places=None, variable=None) > 3
    assert _most_at_once(monkeypatch, places=3, variable=None) == 3
    assert _most_at_once(monkeypatch, places=None, variable="2") == 2
    with pytest.raises(npubridge.ConfigInvalidError, match="max_parallel is 0"):
        _most_at_once(monkeypatch, places=None, variable="0")


def test_an_operation_does_the_tasks_of_an_agent() -> None:
    async def run() -> list[npubridge.TaskResult]:
        async with npubridge.Bridge(device="cpu") as bridge:
            handlers = {
                "text": npubridge.operation_handler(bridge, {"type": "echo", "data": "{task_id}: {description}"}),
                "first": npubridge.operation_handler(bridge, {"type": "echo", "data": "{inputs.a}"}),
                "sum": lambda task, inputs: inputs["b"].data + "!",
            }
            tasks = [
                npubridge.Task("a", "text", "{inputs.x} is not looked at"),
                npubridge.Task("b", "text", "two"),
                npubridge.Task("c", "sum", dependencies=["b"]),
                npubridge.Task("d", "first"),
            ]
            return await npubridge.run_workflow(tasks, handlers)

    results = {result.task.id: result for result in asyncio.run(run())}
    assert results["a"].output.data == "a: {inputs.x} is not looked at"
    assert results["c"].output == "b: two!"
    assert (results["d"].status, str(results["d"].error)[:27]) == ("failed", "task 'd' has no input 'a', ")


def test_an_operation_takes_the_outputs_of_others_as_they_are() -> None:
    numpy = pytest.importorskip("numpy")

    async def run() -> list[npubridge.TaskResult]:
        async with npubridge.Bridge(device="cpu") as bridge:
            template = {"type": "matrix_multiply", "inputs": {"a": "{inputs.left}", "b": "{inputs.right}"}}
            handlers = {
                "product": npubridge.operation_handler(bridge, template),
                "matrix": lambda task, inputs: numpy.full((2, 2), float(task.description), dtype=numpy.float32),
            }
            tasks = [
                npubridge.Task("left", "matrix", "2"),
                npubridge.Task("right", "matrix", "3"),
                npubridge.Task("done", "product", dependencies=["left", "right"]),
            ]
            return await npubridge.run_workflow(tasks, handlers)

    done = asyncio.run(run())[-1]
    assert done.status == "completed", done.error
    (product,) = done.output.outputs.values()
    assert product.tolist() == [[12.0, 12.0], [12.0, 12.0]]
