"""The figures of a bridge: how its dicts of them begin, are kept up and are summed up."""

from __future__ import annotations

from typing import Any

from .._bridge import Bridge
from .types import NPUResult, WorkflowResult


def of_no_workflow() -> dict[str, float]:
    """``performance_metrics`` before the first workflow."""
    return {
        "workflows_executed": 0,
        "total_execution_time": 0.0,
        "average_ops_per_sec": 0.0,
        "npu_utilization": 0.0,
        "coordination_overhead": 0.0,
    }


def of_no_operation(*, rust_mode: bool) -> dict[str, Any]:
    """``stats`` before the first operation."""
    return {
        "operations_completed": 0,
        "operations_failed": 0,
        "total_execution_time_ms": 0.0,
        "rust_mode": rust_mode,
    }


def count_operation(stats: dict[str, Any], result: NPUResult) -> None:
    """Counts one operation in ``stats``."""
    stats["operations_completed" if result.success else "operations_failed"] += 1
    stats["total_execution_time_ms"] += result.execution_time_ms


def average_execution_time_ms(stats: dict[str, Any]) -> float:
    """What an operation took; 0 before the first."""
    total = stats["operations_completed"] + stats["operations_failed"]
    return stats["total_execution_time_ms"] / total if total else 0.0


def averages(results: list[WorkflowResult]) -> dict[str, Any]:
    """What several workflows have in common."""
    count = len(results)
    rates = [result.performance_metrics["ops_per_sec"] for result in results]
    return {
        "workflows_count": count,
        "average_ops_per_sec": sum(rates) / count if count else 0.0,
        "average_success_rate": sum(result.success_rate for result in results) / count if count else 0.0,
        "total_tasks_executed": sum(result.tasks_completed for result in results),
    }


def npu_utilization(bridge: Bridge | None) -> float:
    """The share of its time in which the NPU of an engine computed, between 0 and 1; 0 where there is none."""
    if bridge is None or bridge.performance_mode != "npu":
        return 0.0
    metrics = bridge.metrics()
    busy_us = sum(
        model["compute"]["mean"] * model["compute"]["count"]
        for model in metrics["models"]
        if model["device"].startswith("NPU")
    )
    return min(1.0, busy_us / 1000 / metrics["uptime_ms"]) if metrics["uptime_ms"] else 0.0
