"""The parts that ``npubridge.compat`` is made of. They import each other and the engine, never that module."""

from __future__ import annotations

import logging

logger = logging.getLogger("npubridge.compat")
"""Callers know the public module only, so its name is what they configure."""
