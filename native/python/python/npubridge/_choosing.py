"""How the agents of the old module are chosen today: by what they say of themselves, else by their names."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from . import _binding, _paths
from .errors import NpuBridgeError

logger = logging.getLogger("npubridge.compat")

MODEL = "minilm"
"""The model that texts are embedded with."""

Submit = Callable[..., Awaitable[Any]]


class AgentChooser:
    """Chooses among agents: ``lexical`` by shared words, ``semantic`` by meaning, ``hybrid`` by both.

    ``auto`` is hybrid where the model is installed, and lexical where it is not or cannot run, which is logged. A text
    that shares nothing with what agents say of themselves is held against their names and capabilities, as ever.
    """

    def __init__(self, agents: Mapping[Any, Any], names: Callable[[str], Any], method: str) -> None:
        self._names = names
        self._keys = list(agents)
        self._profiles = [_profile(name, agents[name]) for name in self._keys]
        # A name of one letter would be found in half of all texts.
        by_words = [(name if len(name) > 1 else "", *others) for name, *others in self._profiles]
        self._lexical = _binding.need().LexicalIndex(by_words)
        self.method = _installed(method)
        self._asked = method

    async def select(self, texts: Sequence[str], submit: Submit) -> list[Any]:
        """The agent for each text, ``None`` where no agent fits. ``submit`` runs an operation on an engine."""
        texts = list(texts)
        if not self._keys or not texts:
            return [None] * len(texts)
        found = None
        if self.method != "lexical":
            found = await self._by_meaning(texts, submit)
        if found is None:
            chosen = self._lexical.select(texts)
            found = [None if position is None else self._keys[position] for position in chosen]
        return [self._names(text) if name is None else name for text, name in zip(texts, found, strict=True)]

    async def _by_meaning(self, texts: list[str], submit: Submit) -> list[Any] | None:
        try:
            result = await submit("route", descriptions=texts, agents=self._profiles, method=self.method, top=0)
        except NpuBridgeError as error:
            if self._asked != "auto":
                raise
            logger.warning("agents are chosen by words only: %s", error)
            self.method = "lexical"
            return None
        keys = {profile[0]: key for profile, key in zip(self._profiles, self._keys, strict=True)}
        return [keys.get(route["agent"]) for route in result.report["routes"]]


def _installed(method: str) -> str:
    if method != "auto":
        return method
    return "hybrid" if (_paths.models_folder() / MODEL / "model.json").exists() else "lexical"


def _profile(name: Any, agent: Any) -> tuple[str, str, list[str], int]:
    """What is known of an agent; callers put what they like into the cache."""
    known = agent if isinstance(agent, Mapping) else {}
    description, examples, priority = (known.get(key) for key in ("description", "examples", "priority"))
    return (
        str(name),
        description if isinstance(description, str) else "",
        [each for each in examples if isinstance(each, str)] if isinstance(examples, list | tuple) else [],
        priority if isinstance(priority, int) else _binding.need().calculate_priority(str(name).lower()),
    )
