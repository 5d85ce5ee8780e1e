"""The agents of the first generation: who there is, and who fits a description."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._choosing import Submit
from .._config import lenient, resolve
from .._coordination import GetCoordinator
from . import logger

CAPABILITIES = ("security", "development", "operations", "strategic")


def read(folder: Path, coordinator: GetCoordinator) -> list[dict[str, Any]]:
    """Reads the agents; a folder that does not exist has none, a file that is not understood is left out."""
    if not folder.is_dir():
        logger.info("there are no agents: %s is no folder", folder)
        return []
    agents, problems = coordinator().read_agents(folder)
    for file, problem in problems:
        logger.warning("%s is left out: %s", file, problem)
    return agents


def by_capability(agents: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The names of the agents that have each capability."""
    return {
        capability: [agent["name"] for agent in agents if capability in agent["capabilities"]]
        for capability in CAPABILITIES
    }


class AgentSelection:
    """Chooses among the agents of a cache. What is known of them is kept for as long as the cache does not change."""

    def __init__(self, coordinator: GetCoordinator) -> None:
        self._coordinator = coordinator
        self._chooser: tuple[Any, Any] = (None, None)

    async def select(
        self, descriptions: list[str], agents: Mapping[Any, Any], config: Mapping[str, Any], submit: Submit
    ) -> list[str | None]:
        """The agent for each description, ``None`` where no agent fits. ``submit`` runs an operation on an engine."""
        state = (id(agents), getattr(agents, "version", tuple(agents)))
        known, choose = self._chooser
        if known != state:
            choose = self._coordinator().chooser(agents, _method(config))
            self._chooser = (state, choose)
        return await choose(descriptions, submit)


def _method(config: Mapping[str, Any]) -> str:
    return resolve(lenient(config), {}).get("routing", {}).get("method", "auto")
