//! The product of two matrices as a model of our own: OpenVINO IR made in memory, for the C API builds no graphs.

/// The name under which the model is loaded; no file or catalogue name contains a space.
pub(crate) const NAME: &str = "matrix multiply";

/// OpenVINO IR, version 11, of `product = a · b` for FP32 matrices of any size.
///
/// Source of the format: OpenVINO, "Intermediate Representation format", opset1 MatMul and Parameter.
pub(crate) const IR: &str = r#"<?xml version="1.0"?>
<net name="matrix_multiply" version="11">
  <layers>
    <layer id="0" name="a" type="Parameter" version="opset1">
      <data shape="?,?" element_type="f32"/>
      <output><port id="0" precision="FP32" names="a"><dim>-1</dim><dim>-1</dim></port></output>
    </layer>
    <layer id="1" name="b" type="Parameter" version="opset1">
      <data shape="?,?" element_type="f32"/>
      <output><port id="0" precision="FP32" names="b"><dim>-1</dim><dim>-1</dim></port></output>
    </layer>
    <layer id="2" name="multiply" type="MatMul" version="opset1">
      <data transpose_a="false" transpose_b="false"/>
      <input>
        <port id="0" precision="FP32"><dim>-1</dim><dim>-1</dim></port>
        <port id="1" precision="FP32"><dim>-1</dim><dim>-1</dim></port>
      </input>
      <output><port id="2" precision="FP32" names="product"><dim>-1</dim><dim>-1</dim></port></output>
    </layer>
    <layer id="3" name="product" type="Result" version="opset1">
      <input><port id="0" precision="FP32"><dim>-1</dim><dim>-1</dim></port></input>
    </layer>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
    <edge from-layer="2" from-port="2" to-layer="3" to-port="0"/>
  </edges>
</net>
"#;
