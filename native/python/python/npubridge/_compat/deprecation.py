"""Warnings for those who still call the old names."""

from __future__ import annotations

import asyncio
import os
import sys
import warnings
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
SKIPPED = (str(PACKAGE) + os.sep, str(Path(asyncio.__file__).parent) + os.sep)


def warn(what: str, instead: str) -> None:
    """Warns at the line of the caller, also when a coroutine is run by asyncio on the caller's behalf."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(SKIPPED):
        level, frame = level + 1, frame.f_back
    message = f"{what} of npu_coordination_bridge is deprecated: use {instead} (npubridge migrate finds every use)"
    warnings.warn(message, DeprecationWarning, stacklevel=level)
