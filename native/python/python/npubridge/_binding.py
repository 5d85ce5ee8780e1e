"""The native extension, or why there is none."""

from __future__ import annotations

import atexit
import json
import os
import weakref
from typing import Any

from .errors import UnsupportedOperationError

native: Any
reason: str | None
try:
    from . import _native as native
except ImportError as error:
    native = None
    reason = f"the native extension cannot be loaded: {error}"
else:
    reason = None
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=native.forked)

engines: weakref.WeakSet[Any] = weakref.WeakSet()
"""The engines that run: they have threads, which must end before the interpreter does."""


def need() -> Any:
    """The native extension; ``UnsupportedOperationError`` when it cannot be loaded."""
    if native is None:
        raise UnsupportedOperationError(
            str(reason), suggestions=("install a wheel of npubridge for this Python and machine",)
        )
    return native


def start(settings: dict[str, Any]) -> Any:
    """A running engine, which ends with the interpreter at the latest."""
    engine = need().NativeEngine(json.dumps(settings, default=os.fspath))
    engines.add(engine)
    return engine


@atexit.register
def _end() -> None:
    for engine in list(engines):
        if not engine.forked:
            engine.shutdown(0.0)
