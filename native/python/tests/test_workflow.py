"""Workflows whose tasks are done by Python functions."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import npubridge
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


def test_outputs_are_handed_on_and_tasks_run_side_by_side() -> None:
    at_once = 0
    most = 0

    async def work(task: npubridge.Task, inputs: dict[str, Any]) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return 1 + sum(inputs.values())

    tasks = [npubridge.Task(id, "w") for id in "abc"]
    tasks.append(npubridge.Task("d", "w", dependencies=["a", "b", "c"]))
    results = asyncio.run(npubridge.run_workflow(tasks, {"w": work}, max_parallel=2))
    assert results[-1].output == 4
    assert most == 2


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
