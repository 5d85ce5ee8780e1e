"""What callers give and get: the enums and records of both generations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class CoordinationMode(Enum):
    """How a workflow is meant to be run."""

    NPU_ACCELERATED = "npu_accelerated"
    PARALLEL_OPTIMIZED = "parallel_optimized"
    INTELLIGENT_ROUTING = "intelligent_routing"
    PERFORMANCE_FIRST = "performance_first"
    RELIABILITY_FIRST = "reliability_first"


class Priority(Enum):
    """Priorities of the second generation; the first one counts from 1, most urgent, to 100."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    CRITICAL = 3
    REALTIME = 4


@dataclass
class WorkflowTask:
    """A piece of work for an agent; ``priority`` 1 is most urgent, ``estimated_duration`` is in milliseconds."""

    task_id: str
    agent_name: str
    description: str
    priority: int = 50
    dependencies: list[str] = None  # type: ignore[assignment]  # the old signature
    estimated_duration: float = 1000

    def __post_init__(self) -> None:
        if self.dependencies is None:
            self.dependencies = []


@dataclass
class WorkflowResult:
    """What ``execute_workflow`` gives; ``success_rate`` is a share between 0 and 1."""

    workflow_id: str
    tasks_completed: int
    total_tasks: int
    execution_time_ms: float
    success_rate: float
    performance_metrics: dict[str, float]
    agent_utilization: dict[str, Any]


@dataclass
class NPUOperation:
    """An operation of the second generation. ``metadata`` holds what its type needs besides ``input_data``."""

    operation_id: str
    operation_type: str
    input_data: np.ndarray | list[float]
    priority: int = 1
    timeout_ms: int = 5000
    metadata: dict[str, Any] = None  # type: ignore[assignment]  # the old signature


@dataclass
class NPUResult:
    """The result of an operation of the second generation."""

    operation_id: str
    success: bool
    result_data: Any = None
    execution_time_ms: float = 0.0
    error_message: str | None = None
    metadata: dict[str, Any] = None  # type: ignore[assignment]  # the old signature
