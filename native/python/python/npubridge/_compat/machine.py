"""What this machine has."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def find_runtime() -> str | None:
    """The folder of the runtime that is used when none is asked for."""
    # Most callers never ask, and importing must stay cheap.
    from .. import _devices

    return _devices.find_runtime(None)


def npu_works(accelerator_nodes: str) -> bool:
    """Whether an NPU works, as a child process found. Without an accelerator node none is started."""
    if not any(Path(accelerator_nodes).glob("accel*")):
        return False
    from .. import _devices

    folder = find_runtime()
    return folder is not None and bool(_devices.probe(folder, ("NPU",)).working)


def describe(*, openvino_runtime: str | None, npu_available: bool) -> dict[str, Any]:
    """System and sizes, with the runtime and the NPU that were found. What is not known is ``None``."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        memory = None
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cpu_count": os.cpu_count(),
        "memory_bytes": memory,
        "openvino_runtime": openvino_runtime,
        "npu_available": npu_available,
    }
