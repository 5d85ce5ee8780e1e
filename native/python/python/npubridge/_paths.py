"""Where npubridge keeps what it fetched and what it can make again: the folders of all its languages."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """``NPUBRIDGE_HOME``, else ``npubridge`` in ``XDG_DATA_HOME`` or ``~/.local/share``."""
    if home := os.environ.get("NPUBRIDGE_HOME"):
        return Path(home).absolute()
    share = os.environ.get("XDG_DATA_HOME")
    return (Path(share) if share else Path.home() / ".local" / "share") / "npubridge"


def models_folder() -> Path:
    """Models of the catalogue, one folder a name."""
    return data_folder() / "models"


def cache_folder() -> Path:
    """Compiled models and probe results: safe to delete at any time."""
    if home := os.environ.get("NPUBRIDGE_HOME"):
        return Path(home).absolute() / "cache"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "npubridge"
