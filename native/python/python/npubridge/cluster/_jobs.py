"""The jobs of a pool, as ``src/core/cluster/job/job.ts`` has them: what callers and workers have agreed on."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from .._tensors import BUFFER_FORMATS, Tensor, to_tensor
from ..errors import DtypeMismatchError, InvalidArgumentError, UnsupportedOperationError

JOB_VERSION = 2
PRIORITIES = {"realtime": 1, "critical": 2, "high": 3, "normal": 4, "low": 5}
"""What BullMQ calls them; a job without one would run before all others."""

URGENT = frozenset({"realtime", "critical"})
DEVICES = ("auto", "npu", "gpu", "cpu")
SHORTEST_KEY = 16


@dataclass(frozen=True)
class Work:
    """An operation as a line of ``npubridge run``, with the bytes of its tensors beside it."""

    line: str
    tensors: tuple[bytes, ...]
    model: str | None


def work_of(operation: Mapping[str, Any]) -> Work:
    """The line of an operation, given by the arguments of ``submit``."""
    fields = {name: value for name, value in operation.items() if value is not None}
    if not isinstance(fields.get("type"), str):
        raise InvalidArgumentError(f"an operation has a type, not {fields.get('type')!r}")
    if "stream" in fields:
        raise UnsupportedOperationError(
            "streams are kept by callers in TypeScript, and by npubridge serve --cluster", suggestions=("leave it out",)
        )
    model = fields.get("model")
    described, tensors = _describe(fields.pop("inputs", {}))
    if described:
        fields["inputs"] = described
    try:
        # In ASCII, so that no text differs on its way.
        line = json.dumps({"type": fields.pop("type"), **fields}, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"the operation has something that is no JSON: {error}") from error
    return Work(line, tuple(tensors), model)


def _describe(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    described, tensors = {}, []
    for name, value in inputs.items():
        tensor = _tensor(name, value)
        described[name] = {"shape": tensor.shape, "datatype": tensor.datatype, "byte_length": len(tensor.data)}
        tensors.append(tensor.data)
    return described, tensors


def _tensor(name: str, value: Any) -> Tensor:
    given = to_tensor(name, value)
    if isinstance(given, Tensor):
        return given
    if not hasattr(given, "dtype"):
        raise DtypeMismatchError(f"inputs.{name} is {type(value).__name__}, not numbers")
    datatype = BUFFER_FORMATS.get(given.dtype.char) if given.dtype.char != "c" else None
    if datatype is None:
        raise DtypeMismatchError(f"inputs.{name} has elements of type {given.dtype}")
    # Workers read it in the order of nearly every machine.
    return Tensor(datatype, tuple(given.shape), given.astype(given.dtype.newbyteorder("<")).tobytes())


def inline(tensor: bytes) -> dict[str, Any]:
    """A small tensor, in the job itself."""
    return {"inline": base64.b64encode(tensor).decode()}


@dataclass(frozen=True)
class Order:
    """How an operation is to be run."""

    priority: str = "normal"
    device: str = "auto"
    deadline: int | None = None
    """Milliseconds on Redis's clock."""
    idempotency_key: str | None = None

    def check(self) -> None:
        """Raises ``InvalidArgumentError`` for what no job may have."""
        if self.priority not in PRIORITIES:
            raise InvalidArgumentError(f"priority is {self.priority!r}", suggestions=(", ".join(PRIORITIES),))
        if self.device not in DEVICES:
            raise InvalidArgumentError(f"device is {self.device!r}", suggestions=(", ".join(DEVICES),))
        key = self.idempotency_key
        if key is not None and not 1 <= len(key) <= 200:
            raise InvalidArgumentError(f"idempotency_key has {len(key)} characters, 1 to 200 are allowed")


def job_of(work: Work, order: Order, *, caller: str, tensors: list[dict[str, Any]], key: str | None) -> dict[str, Any]:
    """One operation, complete in itself; signed where there is a key."""
    job: dict[str, Any] = {
        "id": str(uuid4()),
        "reply": caller,
        "priority": order.priority,
        "deadline": order.deadline,
        "need": {"device": order.device, **({} if work.model is None else {"model": work.model})},
        "line": work.line,
        "tensors": tensors,
    }
    if order.idempotency_key is not None:
        job["key"] = order.idempotency_key
    if key is not None:
        job["sig"] = signature(job, key)
    return job


def signature(job: Mapping[str, Any], key: str) -> str:
    """HMAC-SHA256 over everything that decides what is done, for whom and until when."""
    need = job["need"]
    signed = [
        JOB_VERSION,
        job["id"],
        job["reply"],
        job["priority"],
        job["deadline"],
        [need["device"], need.get("model"), need.get("stream", False)],
        [job.get("line"), job.get("agent"), job["tensors"], job.get("key")],
    ]
    text = json.dumps(signed, separators=(",", ":"), ensure_ascii=False)
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def bullmq_id(job: Mapping[str, Any]) -> str:
    """The job's id in BullMQ: with an idempotency key the same for all who give it."""
    if "key" not in job:
        return str(job["id"])
    return f"key-{hashlib.sha256(job['key'].encode()).hexdigest()[:40]}"


def bullmq_options(job: Mapping[str, Any], attempts: int) -> dict[str, Any]:
    """What BullMQ is told of a job."""
    return {
        "jobId": bullmq_id(job),
        "priority": PRIORITIES[job["priority"]],
        "attempts": attempts,
        "backoff": {"type": "exponential", "delay": 200},
        "removeOnComplete": True,
        "removeOnFail": True if "key" in job else {"count": 10_000},
    }
