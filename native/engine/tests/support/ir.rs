//! Small models, written as OpenVINO IR.
#![allow(dead_code)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A model under construction; a size of -1 is open.
#[derive(Default)]
pub struct Ir {
    layers: String,
    edges: String,
    weights: Vec<u8>,
    /// For each layer, the XML of its output's dimensions, its element type, and the number of its output port.
    made: Vec<(Vec<i64>, &'static str, usize)>,
}

fn dims(sizes: &[i64]) -> String {
    sizes.iter().map(|size| format!("<dim>{size}</dim>")).collect()
}

fn listed(sizes: &[i64]) -> String {
    let sizes: Vec<_> =
        sizes.iter().map(|size| if *size < 0 { "?".into() } else { size.to_string() }).collect();
    sizes.join(",")
}

fn precision(element: &str) -> &'static str {
    if element == "f32" { "FP32" } else { "I64" }
}

impl Ir {
    fn output(&mut self, sizes: &[i64], element: &'static str, port: usize, name: &str) -> String {
        self.made.push((sizes.to_vec(), element, port));
        let names = if name.is_empty() { String::new() } else { format!(r#" names="{name}""#) };
        let precision = precision(element);
        format!(
            r#"<output><port id="{port}" precision="{precision}"{names}>{}</port></output>"#,
            dims(sizes)
        )
    }

    /// An FP32 input.
    pub fn input(&mut self, name: &str, sizes: &[i64]) -> usize {
        self.parameter(name, sizes, "f32")
    }

    /// An input of whole numbers.
    pub fn whole_input(&mut self, name: &str, sizes: &[i64]) -> usize {
        self.parameter(name, sizes, "i64")
    }

    fn parameter(&mut self, name: &str, sizes: &[i64], element: &'static str) -> usize {
        let id = self.made.len();
        let output = self.output(sizes, element, 0, name);
        let _ = write!(
            self.layers,
            r#"<layer id="{id}" name="{name}" type="Parameter" version="opset1"><data shape="{}" element_type="{element}"/>{output}</layer>"#,
            listed(sizes)
        );
        id
    }

    fn constant(&mut self, sizes: &[i64], element: &'static str, bytes: &[u8]) -> usize {
        let (id, offset) = (self.made.len(), self.weights.len());
        let output = self.output(sizes, element, 0, "");
        let _ = write!(
            self.layers,
            r#"<layer id="{id}" name="c{id}" type="Const" version="opset1"><data element_type="{element}" shape="{}" offset="{offset}" size="{}"/>{output}</layer>"#,
            listed(sizes),
            bytes.len()
        );
        self.weights.extend_from_slice(bytes);
        id
    }

    /// FP32 weights.
    pub fn weights(&mut self, sizes: &[i64], values: &[f32]) -> usize {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(sizes, "f32", &bytes)
    }

    /// A whole number, an axis say.
    pub fn number(&mut self, value: i64) -> usize {
        self.constant(&[], "i64", &value.to_le_bytes())
    }

    /// Whole numbers, a shape say.
    pub fn numbers(&mut self, values: &[i64]) -> usize {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(&[i64::try_from(values.len()).unwrap()], "i64", &bytes)
    }

    /// Any layer with one FP32 output; `kind` is type and version, `MatMul opset1`.
    pub fn layer(
        &mut self,
        kind: &str,
        data: &str,
        from: &[usize],
        name: &str,
        sizes: &[i64],
    ) -> usize {
        let id = self.made.len();
        let (kind, version) = kind.split_once(' ').unwrap();
        let mut inputs = String::new();
        for (port, source) in from.iter().enumerate() {
            let (sizes, element, out) = &self.made[*source];
            let _ = write!(
                inputs,
                r#"<port id="{port}" precision="{}">{}</port>"#,
                precision(element),
                dims(sizes)
            );
            let _ = write!(
                self.edges,
                r#"<edge from-layer="{source}" from-port="{out}" to-layer="{id}" to-port="{port}"/>"#
            );
        }
        let output = self.output(sizes, "f32", from.len(), name);
        let _ = write!(
            self.layers,
            r#"<layer id="{id}" name="n{id}" type="{kind}" version="{version}">{data}<input>{inputs}</input>{output}</layer>"#
        );
        id
    }

    /// Makes a layer's output an output of the model.
    pub fn result(&mut self, from: usize) {
        let id = self.made.len();
        let (sizes, element, out) = self.made[from].clone();
        self.made.push((sizes.clone(), element, 0));
        let _ = write!(
            self.layers,
            r#"<layer id="{id}" name="r{id}" type="Result" version="opset1"><input><port id="0" precision="{}">{}</port></input></layer>"#,
            precision(element),
            dims(&sizes)
        );
        let _ = write!(
            self.edges,
            r#"<edge from-layer="{from}" from-port="{out}" to-layer="{id}" to-port="0"/>"#
        );
    }

    /// Writes `<name>.xml` and `<name>.bin` and gives the path of the first.
    pub fn write(self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(format!("{name}.xml"));
        let text = format!(
            r#"<?xml version="1.0"?><net name="{name}" version="11"><layers>{}</layers><edges>{}</edges></net>"#,
            self.layers, self.edges
        );
        std::fs::write(&path, text).unwrap();
        std::fs::write(path.with_extension("bin"), self.weights).unwrap();
        path
    }
}

/// Weights that no two of are alike and all of which are exact in FP32.
pub fn distinct(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 37 % 1021) as f32 - 510.0) / 64.0).collect()
}

/// `x [?,64] · W [64,128]`: requests stack.
pub fn tiny(folder: &Path, name: &str) -> PathBuf {
    sized(folder, name, -1, 64, 128)
}

/// `x [rows,k] · W [k,n]` named `y`.
pub fn sized(folder: &Path, name: &str, rows: i64, k: i64, n: i64) -> PathBuf {
    let mut ir = Ir::default();
    let x = ir.input("x", &[rows, k]);
    let w = ir.weights(&[k, n], &distinct(usize::try_from(k * n).unwrap()));
    let y = ir.layer(
        "MatMul opset1",
        r#"<data transpose_a="false" transpose_b="false"/>"#,
        &[x, w],
        "y",
        &[rows, n],
    );
    ir.result(y);
    ir.write(folder, name)
}

/// A recurrent model: `stateN = state + state + x`, `y = stateN + x`, all [1,4]. Neither order nor number of the steps
/// before can be mistaken, and for up to 20 steps of inputs 0 and 1 everything is exact.
pub fn recurrent(folder: &Path, name: &str) -> PathBuf {
    const ADD: &str = r#"<data auto_broadcast="numpy"/>"#;
    let mut ir = Ir::default();
    let x = ir.input("x", &[1, 4]);
    let state = ir.input("state", &[1, 4]);
    let twice = ir.layer("Add opset1", ADD, &[state, state], "", &[1, 4]);
    let next = ir.layer("Add opset1", ADD, &[twice, x], "stateN", &[1, 4]);
    let y = ir.layer("Add opset1", ADD, &[next, x], "y", &[1, 4]);
    ir.result(y);
    ir.result(next);
    ir.write(folder, name)
}

/// Running sums down the rows of `x [?,4]`: looks like a batch by its shapes and is none.
pub fn running_sum(folder: &Path, name: &str) -> PathBuf {
    let mut ir = Ir::default();
    let x = ir.input("x", &[-1, 4]);
    let axis = ir.number(0);
    let data = r#"<data exclusive="false" reverse="false"/>"#;
    let y = ir.layer("CumSum opset3", data, &[x, axis], "y", &[-1, 4]);
    ir.result(y);
    ir.write(folder, name)
}

/// `a [?,4] · bᵀ [4,?]`: each row's result has as many columns as `b` has rows.
pub fn outer(folder: &Path, name: &str) -> PathBuf {
    let mut ir = Ir::default();
    let a = ir.input("a", &[-1, 4]);
    let b = ir.input("b", &[-1, 4]);
    let data = r#"<data transpose_a="false" transpose_b="true"/>"#;
    let y = ir.layer("MatMul opset1", data, &[a, b], "y", &[-1, -1]);
    ir.result(y);
    ir.write(folder, name)
}

/// Splits each row of `x [?,4]` into two of two: twice as many rows out as in.
pub fn doubled_rows(folder: &Path, name: &str) -> PathBuf {
    let mut ir = Ir::default();
    let x = ir.input("x", &[-1, 4]);
    let shape = ir.numbers(&[-1, 2]);
    let y =
        ir.layer("Reshape opset1", r#"<data special_zero="false"/>"#, &[x, shape], "y", &[-1, 2]);
    ir.result(y);
    ir.write(folder, name)
}

/// Adds up the rows of a table of four that `x [?,2]` names; an inference fails when one of its rows names another.
pub fn picky(folder: &Path, name: &str) -> PathBuf {
    let mut ir = Ir::default();
    let table = ir.weights(&[4, 4], &distinct(16));
    let x = ir.whole_input("x", &[-1, 2]);
    let y = ir.layer("EmbeddingBagPackedSum opset3", "", &[table, x], "y", &[-1, 4]);
    ir.result(y);
    ir.write(folder, name)
}
