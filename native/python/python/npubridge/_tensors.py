"""Tensors out of whatever callers have, with numpy and without it."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .errors import DtypeMismatchError, InvalidArgumentError, ShapeMismatchError

FORMATS = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
"""Element types by their names of the Open Inference Protocol, with the code of ``struct``. BF16 has none."""

BUFFER_FORMATS = {code: name for name, code in FORMATS.items()} | {"l": "INT64", "L": "UINT64", "c": "UINT8"}


@dataclass(frozen=True)
class Tensor:
    """A dense row-major tensor without numpy: its elements as bytes in the order of the machine."""

    datatype: str
    shape: tuple[int, ...]
    data: bytes

    def tolist(self) -> list[Any]:
        """The elements in one flat list; BF16 has no such form."""
        code = FORMATS.get(self.datatype)
        if code is None:
            raise DtypeMismatchError(f"{self.datatype} has no numbers in Python", suggestions=("read data as bytes",))
        return list(struct.unpack(f"={len(self.data) // struct.calcsize('=' + code)}{code}", self.data))


def to_tensor(name: str, value: Any) -> Any:
    """An array (or a ``Tensor`` where there is no numpy) of a value that is neither.

    Understood are ``{"data", "shape", "datatype"}``, buffers such as ``array.array``, and numbers or nested lists of
    numbers: fractions become FP32, integers INT64, truth values BOOL.
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        return _of_dict(name, value)
    if isinstance(value, (str, bytes, bytearray)):
        raise DtypeMismatchError(f"inputs.{name} is {type(value).__name__}, not numbers")
    try:
        view = memoryview(value)
    except TypeError:
        return _of_numbers(name, value)
    datatype = BUFFER_FORMATS.get(view.format.lstrip("@="))
    if datatype is None:
        raise DtypeMismatchError(f"inputs.{name} has elements of format {view.format!r}")
    return _array(Tensor(datatype, view.shape or (), view.tobytes()))


def _of_dict(name: str, value: dict[str, Any]) -> Any:
    extra = set(value) - {"data", "shape", "datatype"}
    if extra or "data" not in value:
        raise InvalidArgumentError(f"inputs.{name} has the keys {sorted(value)}, it takes data, shape and datatype")
    data, shape, datatype = value["data"], value.get("shape"), value.get("datatype")
    if datatype is not None and datatype not in FORMATS and datatype != "BF16":
        raise DtypeMismatchError(f"inputs.{name}.datatype is {datatype!r}", suggestions=(", ".join(FORMATS),))
    if isinstance(data, (bytes, bytearray)):
        if datatype is None or shape is None:
            raise InvalidArgumentError(f"inputs.{name} is bytes and says no shape and datatype")
        return Tensor(datatype, tuple(shape), bytes(data))
    if datatype == "BF16":
        if hasattr(data, "tobytes"):
            return Tensor("BF16", tuple(shape or (len(data),)), data.tobytes())
        raise DtypeMismatchError(f"inputs.{name} is BF16, whose elements are given as bytes or 16-bit patterns")
    flat, found = ([], ()) if hasattr(data, "dtype") else _flatten(name, data)
    if hasattr(data, "dtype"):
        array = data if datatype is None else data.astype(_numpy_name(datatype))
        return array if shape is None else _reshape(name, array, tuple(shape))
    return _array(_pack(name, flat, tuple(shape) if shape is not None else found, datatype or _guess(name, flat)))


def _reshape(name: str, array: Any, shape: tuple[int, ...]) -> Any:
    try:
        return array.reshape(shape)
    except ValueError as error:
        raise ShapeMismatchError(f"inputs.{name}.shape is {shape}: {error}") from error


def _of_numbers(name: str, value: Any) -> Any:
    if hasattr(value, "__array__"):
        import numpy

        return numpy.asarray(value)
    flat, shape = _flatten(name, value)
    return _array(_pack(name, flat, shape, _guess(name, flat)))


def _flatten(name: str, value: Any) -> tuple[list[Any], tuple[int, ...]]:
    if isinstance(value, (bool, int, float)):
        return [value], ()
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise DtypeMismatchError(f"inputs.{name} holds {value!r:.60}, which is no number")
    if all(type(each) in (bool, int, float) for each in value):
        return list(value), (len(value),)
    parts = [_flatten(name, each) for each in value]
    shapes = {shape for _, shape in parts}
    if len(shapes) != 1:
        raise ShapeMismatchError(f"inputs.{name} has rows of different lengths")
    return [number for flat, _ in parts for number in flat], (len(parts), *shapes.pop())


def _guess(name: str, flat: list[Any]) -> str:
    if any(isinstance(each, float) for each in flat) or not flat:
        return "FP32"
    return "BOOL" if all(isinstance(each, bool) for each in flat) else "INT64"


def _pack(name: str, flat: list[Any], shape: tuple[int, ...], datatype: str) -> Tensor:
    try:
        return Tensor(datatype, shape, struct.pack(f"={len(flat)}{FORMATS[datatype]}", *flat))
    except (struct.error, OverflowError) as error:
        raise DtypeMismatchError(f"inputs.{name} has an element that is no {datatype}: {error}") from error


def _numpy_name(datatype: str) -> str:
    return datatype.lower().replace("fp", "float")


def _array(tensor: Tensor) -> Any:
    """An array where somebody uses numpy; what the engine reads is the same."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return tensor
    array = numpy.frombuffer(tensor.data, dtype=_numpy_name(tensor.datatype))
    if array.size != _product(tensor.shape):
        # The engine tells the sizes.
        return tensor
    return array.reshape(tensor.shape)


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
