"""npubridge for Python: operations on an Intel NPU, GPU or CPU through the real OpenVINO runtime.

``Bridge`` submits operations; ``npubridge.compat`` serves code that was written for the old coordination module.
"""

from __future__ import annotations

from . import _binding
from ._bridge import Bridge
from ._results import Failure
from ._signal import process_signal
from ._tensors import Tensor
from ._workflow import Task, TaskResult, operation_handler, run_workflow
from .errors import (
    ConfigInvalidError,
    DeadlineExceededError,
    DeviceLostError,
    DeviceUnavailableError,
    DtypeMismatchError,
    InternalError,
    InvalidArgumentError,
    LegacyFailedError,
    ModelInvalidError,
    ModelNotFoundError,
    NpuBridgeError,
    OperationCancelledError,
    ProtocolError,
    QueueFullError,
    ResourceExhaustedError,
    RuntimeNotFoundError,
    ShapeMismatchError,
    UnsupportedOperationError,
)

__version__: str = getattr(_binding.native, "__version__", "unknown")

__all__ = [
    "Bridge",
    "ConfigInvalidError",
    "DeadlineExceededError",
    "DeviceLostError",
    "DeviceUnavailableError",
    "DtypeMismatchError",
    "Failure",
    "InternalError",
    "InvalidArgumentError",
    "LegacyFailedError",
    "ModelInvalidError",
    "ModelNotFoundError",
    "NpuBridgeError",
    "OperationCancelledError",
    "ProtocolError",
    "QueueFullError",
    "ResourceExhaustedError",
    "RuntimeNotFoundError",
    "ShapeMismatchError",
    "Task",
    "TaskResult",
    "Tensor",
    "UnsupportedOperationError",
    "operation_handler",
    "process_signal",
    "run_workflow",
]
