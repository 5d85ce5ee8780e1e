"""Asks a runtime what it has, in a process that may crash: ``main`` prints a line of JSON for each thing it learns."""

from __future__ import annotations

import json
import sys

from . import _native
from .errors import NpuBridgeError


def tell(**fields: object) -> None:
    """Prints one line at once: the next step may be the last."""
    print(json.dumps(fields), flush=True)


def main(folder: str, *devices: str) -> None:
    """Inspects the runtime in ``folder``, then tries those of ``devices`` that it lists."""
    try:
        report = json.loads(_native.inspect_runtime(folder))
    except NpuBridgeError as error:
        tell(failed=str(error))
        return
    listed = [device["name"] for device in report["devices"]]
    tell(version=report["version"], listed=listed)
    for name in (name for name in listed if name.split(".")[0] in devices):
        tell(testing=name)
        try:
            tell(device=name, compute_us=_native.test_device(folder, name))
        except NpuBridgeError as error:
            tell(device=name, problem=str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
