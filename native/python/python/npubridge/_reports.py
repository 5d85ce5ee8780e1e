"""Reports of the engine as Python writes them."""

from __future__ import annotations

import json
import re
from typing import Any

HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake_case(name: str) -> str:
    """``queueDepth`` as ``queue_depth``; names in capitals (codes, devices) stay as they are."""
    return HUMP.sub("_", name).lower() if name[:1].islower() and name.isalnum() else name


def parse(text: str) -> Any:
    """A report, with its keys in snake case. Model and agent names among the keys have no humps to lose."""
    return json.loads(text, object_pairs_hook=lambda pairs: {snake_case(name): value for name, value in pairs})
