"""The exceptions of npubridge: one class for each code that all its languages share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class NpuBridgeError(Exception):
    """A failure: ``code`` is stable, ``message`` names the offending value, ``suggestions`` say what to do about it.

    ``cause`` is what was reported underneath, OpenVINO's own text for example.
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, suggestions: Sequence[str] = (), cause: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.suggestions = tuple(suggestions)
        self.cause = cause

    def __str__(self) -> str:
        parts = [self.message]
        if self.cause:
            parts.append(f": {self.cause}")
        if self.suggestions:
            parts.append(f" (try: {'; '.join(self.suggestions)})")
        return "".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.suggestions, self.cause)


def _rebuild(
    error: type[NpuBridgeError], message: str, suggestions: Sequence[str], cause: str | None
) -> NpuBridgeError:
    return error(message, suggestions=suggestions, cause=cause)


class RuntimeNotFoundError(NpuBridgeError):
    """There is no usable OpenVINO."""

    code = "RUNTIME_NOT_FOUND"


class DeviceUnavailableError(NpuBridgeError):
    """The device that was asked for cannot be used."""

    code = "DEVICE_UNAVAILABLE"


class DeviceLostError(NpuBridgeError):
    """The device stopped working."""

    code = "DEVICE_LOST"


class ModelNotFoundError(NpuBridgeError):
    """There is no such model."""

    code = "MODEL_NOT_FOUND"


class ModelInvalidError(NpuBridgeError):
    """The model cannot be read or compiled."""

    code = "MODEL_INVALID"


class ShapeMismatchError(NpuBridgeError, ValueError):
    """A tensor has a shape that does not fit."""

    code = "SHAPE_MISMATCH"


class DtypeMismatchError(NpuBridgeError, TypeError):
    """A tensor has an element type that does not fit."""

    code = "DTYPE_MISMATCH"


class DeadlineExceededError(NpuBridgeError, TimeoutError):
    """The operation did not start in time."""

    code = "DEADLINE_EXCEEDED"


class OperationCancelledError(NpuBridgeError):
    """The engine ended before the operation ran. What asyncio cancels raises ``asyncio.CancelledError``."""

    code = "CANCELLED"


class QueueFullError(NpuBridgeError):
    """Too many operations wait."""

    code = "QUEUE_FULL"


class ResourceExhaustedError(NpuBridgeError):
    """There is not enough memory or another resource."""

    code = "RESOURCE_EXHAUSTED"


class UnsupportedOperationError(NpuBridgeError):
    """What was asked for cannot be done here."""

    code = "UNSUPPORTED_OPERATION"


class InvalidArgumentError(NpuBridgeError, ValueError):
    """An argument is wrong."""

    code = "INVALID_ARGUMENT"


class ConfigInvalidError(NpuBridgeError, ValueError):
    """The configuration is wrong."""

    code = "CONFIG_INVALID"


class LegacyFailedError(NpuBridgeError):
    """The old module failed."""

    code = "LEGACY_FAILED"


class ProtocolError(NpuBridgeError):
    """Another program does not keep to what was agreed."""

    code = "PROTOCOL_ERROR"


class InternalError(NpuBridgeError):
    """A defect of npubridge."""

    code = "INTERNAL"


BY_CODE: dict[str, type[NpuBridgeError]] = {error.code: error for error in NpuBridgeError.__subclasses__()}
"""The class of each code."""


def from_native(code: str, message: str, suggestions: Sequence[str], cause: str | None) -> NpuBridgeError:
    """The exception for an error of the engine."""
    return BY_CODE.get(code, InternalError)(message, suggestions=suggestions, cause=cause)
