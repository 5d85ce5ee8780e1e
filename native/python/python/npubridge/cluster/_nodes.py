"""The nodes of a pool, and the lanes that operations go to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import DeviceUnavailableError
from ._jobs import JOB_VERSION, URGENT

AFFINITY_WORTH = 1.0
"""A node that has the model is taken although another one is less busy by up to this share of its places."""


def parse(texts: Iterable[str | None]) -> list[Mapping[str, Any]]:
    """The announcements among what Redis has of nodes."""
    nodes = []
    for text in texts:
        try:
            node = json.loads(text or "")
        except ValueError:
            continue
        if isinstance(node, dict) and {"name", "state", "jobVersion", "devices", "models"} <= node.keys():
            nodes.append(node)
    return nodes


def lane_for(
    nodes: Iterable[Mapping[str, Any]],
    *,
    device: str,
    model: str | None,
    priority: str,
    where: str,
    bears: bool = False,
) -> str:
    """The queue of an operation: of the node that has its model, or of all that can run it.

    ``where`` is the Redis server, for the message of the ``DeviceUnavailableError`` where nobody can. With ``bears``,
    what any node can run waits where there is none now: between two heartbeats, or while workers are started again.
    """
    ready = [each for each in nodes if each["state"] == "ready" and each["jobVersion"] == JOB_VERSION]
    fitting = [each for each in ready if device == "auto" or device in _kinds(each)]
    if not fitting and not (bears and not ready and device == "auto"):
        if ready:
            raise DeviceUnavailableError(f"no node of the pool has the device {device}")
        raise DeviceUnavailableError(
            f"no worker takes operations from the pool at {where}",
            suggestions=(f"npubridge worker --queue {where}    on each host that is to work",),
        )
    least = min((_load(each) for each in fitting), default=0.0)
    known = [each for each in fitting if model is not None and model in each["models"]]
    best = min(known, key=_load, default=None)
    if best is not None and _load(best) <= least + AFFINITY_WORTH:
        name = f"node.{best['name']}"
    else:
        name = "any" if device == "auto" else device
    return f"{name}@urgent" if priority in URGENT else name


def _kinds(node: Mapping[str, Any]) -> set[str]:
    return {str(device["name"]).split(".")[0].lower() for device in node["devices"]}


def _load(node: Mapping[str, Any]) -> float:
    return float(node.get("running", 0)) / max(1, int(node.get("capacity", 1)))
