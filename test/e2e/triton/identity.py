"""Models made here, in OpenVINO's IR, so that every datatype can be sent through a real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

ELEMENTS = {
    "BOOL": "boolean",
    "UINT8": "u8",
    "UINT16": "u16",
    "UINT32": "u32",
    "UINT64": "u64",
    "INT8": "i8",
    "INT16": "i16",
    "INT32": "i32",
    "INT64": "i64",
    "FP16": "f16",
    "FP32": "f32",
    "FP64": "f64",
}
PRECISIONS = {**{name: element.upper() for name, element in ELEMENTS.items()}, "BOOL": "BOOL"}
PRECISIONS |= {"FP16": "FP16", "FP32": "FP32", "FP64": "FP64"}

ITEMS = "<dim>-1</dim><dim>4</dim>"


def identity_name(datatype: str) -> str:
    return f"identity_{datatype.lower()}"


def write_identity(folder: Path, datatype: str) -> None:
    """`NAME/1/model.xml`: gives back what it gets, a number of items of four elements each."""
    element, precision = ELEMENTS[datatype], PRECISIONS[datatype]
    port = f'precision="{precision}"'
    text = f"""<?xml version="1.0"?>
<net name="{identity_name(datatype)}" version="11">
  <layers>
    <layer id="0" name="input" type="Parameter" version="opset1">
      <data shape="?,4" element_type="{element}"/>
      <output><port id="0" {port} names="input">{ITEMS}</port></output>
    </layer>
    <layer id="1" name="axes" type="Const" version="opset1">
      <data element_type="i64" shape="1" offset="0" size="8"/>
      <output><port id="0" precision="I64"><dim>1</dim></port></output>
    </layer>
    <layer id="2" name="wide" type="Unsqueeze" version="opset1">
      <input><port id="0" {port}>{ITEMS}</port><port id="1" precision="I64"><dim>1</dim></port></input>
      <output><port id="2" {port}><dim>-1</dim><dim>1</dim><dim>4</dim></port></output>
    </layer>
    <layer id="3" name="narrow" type="Squeeze" version="opset1">
      <input><port id="0" {port}><dim>-1</dim><dim>1</dim><dim>4</dim></port><port id="1" precision="I64"><dim>1</dim></port></input>
      <output><port id="2" {port} names="output">{ITEMS}</port></output>
    </layer>
    <layer id="4" name="result" type="Result" version="opset1">
      <input><port id="0" {port}>{ITEMS}</port></input>
    </layer>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
    <edge from-layer="2" from-port="2" to-layer="3" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="3" to-port="1"/>
    <edge from-layer="3" from-port="2" to-layer="4" to-port="0"/>
  </edges>
</net>
"""
    place = folder / identity_name(datatype) / "1"
    place.mkdir(parents=True)
    (place / "model.xml").write_text(text)
    np.array([1], np.int64).tofile(place / "model.bin")


SLOW_ROWS = 512
SLOW_PRODUCTS = 200


def write_slow(folder: Path) -> None:
    """`slow.xml`: products of large matrices one after the other, some 50 GFLOP, which keep a processor busy for long."""
    sizes = f"<dim>{SLOW_ROWS}</dim><dim>{SLOW_ROWS}</dim>"

    def port(number: int, names: str = "") -> str:
        return f'<port id="{number}" precision="FP32"{names}>{sizes}</port>'

    parameters = "".join(
        f"""
    <layer id="{index}" name="{name}" type="Parameter" version="opset1">
      <data shape="{SLOW_ROWS},{SLOW_ROWS}" element_type="f32"/>
      <output>{port(0, f' names="{name}"')}</output>
    </layer>"""
        for index, name in enumerate(("a", "b"))
    )
    last = 1 + SLOW_PRODUCTS
    products = "".join(
        f"""
    <layer id="{index}" name="product{index}" type="MatMul" version="opset1">
      <data transpose_a="false" transpose_b="false"/>
      <input>{port(0)}{port(1)}</input>
      <output>{port(2, ' names="product"' if index == last else "")}</output>
    </layer>"""
        for index in range(2, last + 1)
    )
    edges = "".join(
        f"""
    <edge from-layer="{index - 1 if index > 2 else 0}" from-port="{2 if index > 2 else 0}" to-layer="{index}" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="{index}" to-port="1"/>"""
        for index in range(2, last + 1)
    )
    text = f"""<?xml version="1.0"?>
<net name="slow" version="11">
  <layers>{parameters}{products}
    <layer id="{last + 1}" name="result" type="Result" version="opset1">
      <input>{port(0)}</input>
    </layer>
  </layers>
  <edges>{edges}
    <edge from-layer="{last}" from-port="2" to-layer="{last + 1}" to-port="0"/>
  </edges>
</net>
"""
    (folder / "slow.xml").write_text(text)
