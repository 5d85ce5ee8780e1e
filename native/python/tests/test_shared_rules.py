"""The reference follows the rules that the engine follows, by the examples they share."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import ROOT

TESTDATA = ROOT / "native" / "engine" / "testdata"


def vectors(name: str) -> Any:
    file = TESTDATA / f"{name}-vectors.json"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    return json.loads(file.read_text(encoding="utf-8"))


def agents_in(module: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bridge that knows the agents of ``folder``."""
    monkeypatch.setattr(module, "get_agents_dir", lambda: folder)
    return asyncio.run(module.create_npu_bridge())


def test_priorities_and_capabilities(reference: ModuleType) -> None:
    rules = vectors("routing")
    bridge = reference.NPUCoordinationBridge()
    assert {name: bridge.calculate_priority(name) for name in rules["priorities"]} == rules["priorities"]
    assert {name: reference.capabilities_of(name) for name in rules["capabilities"]} == rules["capabilities"]


def test_keywords(reference: ModuleType) -> None:
    expected = {
        entry["stem"]: (entry["capability"], tuple(entry["words"] or ())) for entry in vectors("routing")["keywords"]
    }
    assert expected == reference.KEYWORDS


def test_words(reference: ModuleType) -> None:
    for entry in vectors("routing")["words"]:
        assert reference.words_of(entry["text"]) == entry["words"]


def test_agents_of_files(reference: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for index, entry in enumerate(vectors("routing")["files"]):
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / entry["file"]).write_bytes(entry["text"].encode())
        found = [
            {"name": name, "description": agent["description"]}
            for name, agent in agents_in(reference, folder, monkeypatch).agent_cache.items()
        ]
        assert found == ([entry["agent"]] if entry["agent"] else []), entry


def test_choices(reference: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for index, entry in enumerate(vectors("routing")["select"]):
        folder = tmp_path / str(index)
        folder.mkdir()
        for name in entry["agents"]:
            (folder / f"{name}.md").touch()
        bridge = agents_in(reference, folder, monkeypatch)
        expected = entry["expected"] or {"agent": None, "score": 0}
        assert asyncio.run(bridge.npu_select_agent(entry["description"])) == expected["agent"], entry
        choice = bridge.choose_agent(entry["description"])
        assert {"agent": choice["agent"], "score": choice["score"]} == expected, entry
        assert bool(choice["reason"]) == (choice["agent"] is not None)


def test_order_and_levels_of_workflows(reference: ModuleType) -> None:
    bridge = reference.NPUCoordinationBridge()
    for case in vectors("workflow")["cases"]:
        tasks = [
            reference.WorkflowTask(task["id"], "x", "x", task["priority"], task["dependencies"])
            for task in case["tasks"]
        ]
        assert [task.task_id for task in bridge.resolve_dependencies(tasks)] == case["order"], case["why"]
        level_of = {
            task.task_id: level for level, group in bridge.group_by_execution_level(tasks).items() for task in group
        }
        assert [level_of[task.task_id] for task in tasks] == case["levels"], case["why"]
