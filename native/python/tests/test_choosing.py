"""How the old module's agents are chosen today: by words, by meaning, and by names where neither has a say."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import npubridge
import pytest
from npubridge import _choosing, _paths, compat

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

AGENTS = {
    "speech-analyst": "Finds where people speak in recordings of sound",
    "librarian": "Finds documents and counts their pages",
    "security": "",
}


def bridge_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any] | None = None
) -> compat.NPUCoordinationBridge:
    """A bridge that knows ``AGENTS``, from files."""
    agents = folder / "agents"
    agents.mkdir()
    for name, description in AGENTS.items():
        (agents / f"{name}.md").write_text(f"---\nname: {name}\ndescription: {description}\n---\n")
    monkeypatch.setenv("CLAUDE_PROJECT_ROOT", str(folder))
    bridge = compat.NPUCoordinationBridge(config)
    asyncio.run(bridge.initialize())
    return bridge


def chosen(bridge: compat.NPUCoordinationBridge, text: str) -> str | None:
    async def choose() -> str | None:
        try:
            return await bridge.npu_select_agent(text)
        finally:
            await bridge.shutdown()

    return asyncio.run(choose())


def test_words_of_descriptions_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = bridge_with(tmp_path, monkeypatch, {"routing": {"method": "lexical"}})
    assert chosen(bridge, "count the pages of this document") == "librarian"
    assert chosen(bridge, "in which recordings does somebody speak?") == "speech-analyst"


def test_names_and_capabilities_choose_where_no_word_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = bridge_with(tmp_path, monkeypatch, {"routing": {"method": "lexical"}})
    assert chosen(bridge, "encrypt the backups") == "security"
    assert chosen(bridge, "make tea") is None


def test_equal_agents_go_by_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = bridge_with(tmp_path, monkeypatch, {"routing": {"method": "lexical"}})
    for name, priority in (("bob", 50), ("zoe", 10)):
        bridge.agent_cache[name] = {"name": name, "description": "sorts mail", "priority": priority}
    bridge.agent_cache["odd"] = None
    assert chosen(bridge, "sort the mail") == "zoe"
    del bridge.agent_cache["zoe"]
    assert chosen(bridge, "sort the mail") == "bob"


def test_meaning_chooses_where_the_model_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (_paths.models_folder() / _choosing.MODEL / "model.json").exists():
        assert not os.environ.get("NPUBRIDGE_REQUIRE_ALL"), "minilm is not installed"
        pytest.skip("minilm is not installed")
    bridge = bridge_with(tmp_path, monkeypatch)
    # No word is shared with any agent.
    assert chosen(bridge, "who is talking on this tape?") == "speech-analyst"

    async def workflow() -> list[str]:
        rows = [{"agent": "nobody", "description": "who is talking on this tape?"}, {"agent": "librarian"}]
        _, tasks = await bridge.create_workflow(rows)
        await bridge.shutdown()
        return [task.agent_name for task in tasks]

    assert asyncio.run(workflow()) == ["speech-analyst", "librarian"]


def test_without_the_model_words_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPUBRIDGE_HOME", str(tmp_path))
    bridge = bridge_with(tmp_path, monkeypatch)
    assert chosen(bridge, "count the pages") == "librarian"
    assert not bridge._engine().running


def test_a_model_that_cannot_run_is_told_and_words_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = tmp_path / "models" / _choosing.MODEL
    model.mkdir(parents=True)
    (model / "model.json").write_text("{}")
    monkeypatch.setenv("NPUBRIDGE_HOME", str(tmp_path))
    assert chosen(bridge_with(tmp_path, monkeypatch), "count the pages") == "librarian"
    assert "agents are chosen by words only" in caplog.text


def test_a_method_that_is_asked_for_and_cannot_be_had_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPUBRIDGE_HOME", str(tmp_path))
    monkeypatch.setenv("NPUBRIDGE_ROUTING_METHOD", "semantic")
    with pytest.raises(npubridge.NpuBridgeError):
        chosen(bridge_with(tmp_path, monkeypatch), "count the pages")
    monkeypatch.setenv("NPUBRIDGE_ROUTING_METHOD", "magic")
    with pytest.raises(npubridge.ConfigInvalidError, match=r"routing\.method is 'magic'"):
        chosen(compat.NPUCoordinationBridge(), "count the pages")


def test_route_takes_listed_agents_and_many_texts() -> None:
    agents = [("baker", "bakes bread", [], 50), ("brewer", "brews beer", ["a pint"], 50)]

    async def routes() -> Any:
        async with npubridge.Bridge(device="cpu") as bridge:
            result = await bridge.submit(
                "route", descriptions=["bread", "one pint", "tea"], agents=agents, method="lexical"
            )
            with pytest.raises(npubridge.InvalidArgumentError, match="agents is"):
                await bridge.submit("route", description="bread", agents=[("baker",)], method="lexical")
            return result.report["routes"]

    assert [route["agent"] for route in asyncio.run(routes())] == ["baker", "brewer", None]
