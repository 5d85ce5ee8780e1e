"""What stands in a batch for an operation that failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .errors import NpuBridgeError


@dataclass(frozen=True)
class Failure:
    """An operation of a batch that failed, beside others that did not."""

    error: NpuBridgeError
    ok: ClassVar[bool] = False
