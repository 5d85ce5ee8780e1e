"""Answers of a pool."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .._tensors import Tensor, _array
from ..errors import NpuBridgeError, ProtocolError, from_native


@dataclass(frozen=True)
class ClusterResult:
    """What an operation gave, and where. Times are in microseconds; ``queue_us`` has the way through the pool."""

    node: str
    attempt: int
    device: str | None
    engine: str
    fallback: Mapping[str, str] | None
    queue_us: float
    compute_us: float
    total_us: float
    data: Any = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Arrays where numpy is used, else ``Tensor``."""
    ok: ClassVar[bool] = True


def error_of(reply: Mapping[str, Any]) -> NpuBridgeError:
    """The exception of a reply that tells an error."""
    error = reply["error"]
    return from_native(str(error["code"]), str(error["message"]), error.get("suggestions", ()), None)


def result_of(reply: Mapping[str, Any], tensors: list[bytes], total_us: float) -> ClusterResult:
    """The result that a reply tells."""
    try:
        answer = json.loads(reply["text"])
        compute = float(answer["compute_us"])
        return ClusterResult(
            node=str(reply["node"]),
            attempt=int(reply["attempt"]),
            device=answer["device"],
            engine=answer["engine"],
            fallback=answer["fallback"],
            queue_us=max(0.0, total_us - compute),
            compute_us=compute,
            total_us=total_us,
            data=answer.get("data"),
            outputs=_outputs(answer.get("outputs", {}), b"".join(tensors)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"a worker gave an answer that is none: {error!r}") from error


def _outputs(described: Mapping[str, Mapping[str, Any]], data: bytes) -> dict[str, Any]:
    outputs, at = {}, 0
    for name, each in described.items():
        end = at + int(each["byte_length"])
        if end > len(data):
            raise ValueError(f"the bytes of {name} are missing")
        outputs[name] = _array(Tensor(str(each["datatype"]), tuple(each["shape"]), data[at:end]))
        at = end
    return outputs


def inline_bytes(reference: Mapping[str, Any]) -> bytes | None:
    """The bytes of a tensor that the answer has itself; None for one that is elsewhere."""
    text = reference.get("inline")
    return None if text is None else base64.b64decode(text)
