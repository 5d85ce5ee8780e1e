//! A step as a model of our own: OpenVINO IR made in memory, for the C API builds no graphs.
//!
//! Source of the format: OpenVINO, "Intermediate Representation format", version 11, and the operation sets 1 to 9.

use std::fmt::Write;

use npubridge_signal::{Frames, Lowered, Spectra, Transform, Work};

use crate::error::{Error, ErrorCode, Result};

/// The name of the input and of the output.
pub(super) const INPUT: &str = "samples";
pub(super) const OUTPUT: &str = "result";

/// Transforms of other lengths than powers of two are products with a matrix of cosines and sines: what devices do for
/// them by themselves is as slow, and loses a digit more.
const LONGEST_ODD: usize = 1 << 10;
/// Samples of all frames together: each is an index in the model.
const MOST_FRAMED: usize = 1 << 24;

/// A model with its weights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Graph {
    pub(crate) ir: String,
    pub(crate) weights: Vec<u8>,
    /// The dimensions of the input.
    pub(crate) input: Vec<usize>,
}

/// Something that an operation of the model gives.
#[derive(Debug, Clone)]
struct Node {
    layer: usize,
    port: usize,
    shape: Vec<usize>,
    precision: &'static str,
}

#[derive(Debug, Default)]
struct Builder {
    layers: String,
    edges: String,
    weights: Vec<u8>,
    count: usize,
    /// What the tensor of the next layer is called.
    called: Option<&'static str>,
}

/// The model of a step; none when devices have no operation for it.
///
/// # Errors
/// `RESOURCE_EXHAUSTED` for what would take a device too long or too much.
pub(super) fn graph(lowered: &Lowered) -> Result<Option<Graph>> {
    if matches!(lowered.work, Work::Recurse(_) | Work::Resample { .. }) {
        return Ok(None);
    }
    let channels = lowered.channels();
    let elements: usize = lowered.data.shape().iter().product();
    let length = elements / channels;
    let mut builder = Builder::default();
    let (input, result) = match &lowered.work {
        Work::Convolve { taps, skip } => {
            let input = vec![channels, length];
            let data = builder.parameter(&input);
            (input, builder.convolve(&data, taps, *skip, lowered.tail[0]))
        }
        Work::Transform(transform, factor) => {
            let (input, result, divided_by) = builder.transform(*transform, channels, length)?;
            (input, builder.scaled(&result, factor * divided_by))
        }
        Work::Frames(frames) => {
            let input = vec![channels, length];
            let data = builder.parameter(&input);
            (input, builder.frames(&data, frames)?)
        }
        Work::Recurse(_) | Work::Resample { .. } => return Ok(None),
    };
    let (ir, weights) = builder.finish(&result);
    Ok(Some(Graph { ir, weights, input }))
}

fn dims(shape: &[usize]) -> String {
    shape.iter().map(|size| format!("<dim>{size}</dim>")).collect()
}

fn list(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn too_long(what: &str, value: usize, limit: usize) -> Error {
    let message = format!("{what} is {value}, the limit on a device is {limit}");
    Error::new(ErrorCode::ResourceExhausted, message).suggest("use backend \"native\"")
}

fn check_transform(n: usize) -> Result<()> {
    if n.is_power_of_two() || n <= LONGEST_ODD {
        return Ok(());
    }
    Err(too_long("the length of a transform that is no power of two", n, LONGEST_ODD))
}

/// Cosine and sine of `steps` steps of a circle of `n`.
#[allow(clippy::cast_precision_loss)]
fn turn(steps: usize, n: usize) -> (f64, f64) {
    let angle = std::f64::consts::TAU * (steps % n) as f64 / n as f64;
    (angle.cos(), angle.sin())
}

impl Builder {
    fn layer(
        &mut self,
        (kind, version): (&str, &str),
        attributes: &str,
        inputs: &[&Node],
        shape: &[usize],
        precision: &'static str,
    ) -> Node {
        let (layer, port) = (self.count, inputs.len());
        self.count += 1;
        let _ = write!(
            self.layers,
            "<layer id=\"{layer}\" name=\"{kind}{layer}\" type=\"{kind}\" version=\"{version}\">\n<data {attributes}/>\n"
        );
        if !inputs.is_empty() {
            self.layers.push_str("<input>");
            for (port, input) in inputs.iter().enumerate() {
                let (precision, dims) = (input.precision, dims(&input.shape));
                let _ = write!(
                    self.layers,
                    "<port id=\"{port}\" precision=\"{precision}\">{dims}</port>"
                );
                let _ = writeln!(
                    self.edges,
                    "<edge from-layer=\"{}\" from-port=\"{}\" to-layer=\"{layer}\" to-port=\"{port}\"/>",
                    input.layer, input.port
                );
            }
            self.layers.push_str("</input>");
        }
        let called = self.called.take();
        let names = called.map(|name| format!(" names=\"{name}\"")).unwrap_or_default();
        let _ = writeln!(
            self.layers,
            "<output><port id=\"{port}\" precision=\"{precision}\"{names}>{}</port></output>\n</layer>",
            dims(shape)
        );
        Node { layer, port, shape: shape.to_vec(), precision }
    }

    fn parameter(&mut self, shape: &[usize]) -> Node {
        let attributes = format!("shape=\"{}\" element_type=\"f32\"", list(shape));
        self.called = Some(INPUT);
        self.layer(("Parameter", "opset1"), &attributes, &[], shape, "FP32")
    }

    fn constant(
        &mut self,
        (element, precision): (&str, &'static str),
        shape: &[usize],
        bytes: impl Iterator<Item = u8>,
    ) -> Node {
        self.weights.resize(self.weights.len().next_multiple_of(64), 0);
        let offset = self.weights.len();
        self.weights.extend(bytes);
        let attributes = format!(
            "element_type=\"{element}\" shape=\"{}\" offset=\"{offset}\" size=\"{}\"",
            list(shape),
            self.weights.len() - offset
        );
        self.layer(("Const", "opset1"), &attributes, &[], shape, precision)
    }

    fn floats(&mut self, shape: &[usize], values: impl Iterator<Item = f64>) -> Node {
        #[allow(clippy::cast_possible_truncation)]
        let bytes = values.flat_map(|value| (value as f32).to_le_bytes());
        self.constant(("f32", "FP32"), shape, bytes)
    }

    fn integers(&mut self, shape: &[usize], values: impl Iterator<Item = usize>) -> Node {
        let bytes = values.flat_map(|value| (value as u64).to_le_bytes());
        self.constant(("i64", "I64"), shape, bytes)
    }

    fn both(&mut self, kind: &str, a: &Node, b: &Node) -> Node {
        let attributes = "auto_broadcast=\"numpy\"";
        let shape = if a.shape.len() >= b.shape.len() { &a.shape } else { &b.shape }.clone();
        self.layer((kind, "opset1"), attributes, &[a, b], &shape, "FP32")
    }

    fn scaled(&mut self, node: &Node, factor: f64) -> Node {
        if factor == 1.0 {
            return node.clone();
        }
        let factor = self.floats(&[1], [factor].into_iter());
        self.both("Multiply", node, &factor)
    }

    fn reshaped(&mut self, node: &Node, shape: &[usize]) -> Node {
        let wanted = self.integers(&[shape.len()], shape.iter().copied());
        let attributes = "special_zero=\"false\"";
        self.layer(("Reshape", "opset1"), attributes, &[node, &wanted], shape, "FP32")
    }

    fn turned(&mut self, node: &Node, order: &[usize]) -> Node {
        let shape: Vec<usize> = order.iter().map(|axis| node.shape[*axis]).collect();
        let order = self.integers(&[order.len()], order.iter().copied());
        self.layer(("Transpose", "opset1"), "", &[node, &order], &shape, "FP32")
    }

    fn reduced(&mut self, kind: &str, node: &Node, axes: &[usize], keep: bool) -> Node {
        let shape: Vec<usize> = (0..node.shape.len())
            .filter(|axis| keep || !axes.contains(axis))
            .map(|axis| if axes.contains(&axis) { 1 } else { node.shape[axis] })
            .collect();
        let list = self.integers(&[axes.len()], axes.iter().copied());
        let attributes = format!("keep_dims=\"{keep}\"");
        self.layer((kind, "opset1"), &attributes, &[node, &list], &shape, "FP32")
    }

    /// The product of matrices; `b` is given by rows and turned.
    fn product(&mut self, a: &Node, b: &Node, turn_b: bool) -> Node {
        let mut shape = a.shape.clone();
        let (rows, columns) = (b.shape[0], b.shape[1]);
        if let Some(last) = shape.last_mut() {
            *last = if turn_b { rows } else { columns };
        }
        let attributes = format!("transpose_a=\"false\" transpose_b=\"{turn_b}\"");
        self.layer(("MatMul", "opset1"), &attributes, &[a, b], &shape, "FP32")
    }

    fn matrix(&mut self, rows: &[Vec<f64>]) -> Node {
        let shape = [rows.len(), rows.first().map_or(0, Vec::len)];
        self.floats(&shape, rows.iter().flatten().copied())
    }

    fn convolve(&mut self, data: &Node, taps: &[f64], skip: usize, out: usize) -> Node {
        let (channels, length, size) = (data.shape[0], data.shape[1], taps.len());
        let image = self.reshaped(data, &[channels, 1, length]);
        let kernel = self.floats(&[1, 1, size], taps.iter().rev().copied());
        let before = size - 1 - skip.min(size - 1);
        let after = out + size - 1 - length - before;
        let attributes = format!(
            "strides=\"1\" dilations=\"1\" pads_begin=\"{before}\" pads_end=\"{after}\" auto_pad=\"explicit\""
        );
        let shape = [channels, 1, out];
        let result =
            self.layer(("Convolution", "opset1"), &attributes, &[&image, &kernel], &shape, "FP32");
        self.reshaped(&result, &[channels, out])
    }

    /// A transform as its input, its result, and what devices have divided that by.
    #[allow(clippy::cast_precision_loss)]
    fn transform(
        &mut self,
        transform: Transform,
        channels: usize,
        length: usize,
    ) -> Result<(Vec<usize>, Node, f64)> {
        Ok(match transform {
            Transform::Half => {
                let input = vec![channels, length];
                let data = self.parameter(&input);
                (input, self.half_spectra(&data, length)?, 1.0)
            }
            Transform::Forward => {
                let input = vec![channels, length, 2];
                let data = self.parameter(&input);
                (input, self.along_last(&data, false)?, 1.0)
            }
            Transform::Inverse => {
                let input = vec![channels, length, 2];
                let data = self.parameter(&input);
                let divided = if length.is_power_of_two() { length as f64 } else { 1.0 };
                (input, self.along_last(&data, true)?, divided)
            }
            Transform::Plane(rows, columns) => {
                let input = vec![channels, rows, columns, 2];
                let data = self.parameter(&input);
                let across = self.along_last(&data, false)?;
                let turned = self.turned(&across, &[0, 2, 1, 3]);
                let down = self.along_last(&turned, false)?;
                (input, self.turned(&down, &[0, 2, 1, 3]), 1.0)
            }
            Transform::InverseHalf(n) => {
                check_transform(n)?;
                let input = vec![channels, length, 2];
                let data = self.parameter(&input);
                if n.is_power_of_two() {
                    let axis = self.integers(&[1], std::iter::once(1));
                    let size = self.integers(&[1], std::iter::once(n));
                    let inputs = [&data, &axis, &size];
                    let result =
                        self.layer(("IRDFT", "opset9"), "", &inputs, &[channels, n], "FP32");
                    (input, result, n as f64)
                } else {
                    let flat = self.reshaped(&data, &[channels, 2 * length]);
                    let matrix = self.back_matrix(n, length);
                    (input, self.product(&flat, &matrix, false), 1.0)
                }
            }
        })
    }

    /// The complex transform of rows: [..., n, 2] as it is.
    fn along_last(&mut self, data: &Node, inverse: bool) -> Result<Node> {
        let (n, axis) = (data.shape[data.shape.len() - 2], data.shape.len() - 2);
        check_transform(n)?;
        if n.is_power_of_two() {
            let axis = self.integers(&[1], std::iter::once(axis));
            let kind = if inverse { "IDFT" } else { "DFT" };
            let shape = data.shape.clone();
            return Ok(self.layer((kind, "opset7"), "", &[data, &axis], &shape, "FP32"));
        }
        let shape = data.shape.clone();
        let flat = self.reshaped(data, &[&shape[..axis], &[2 * n]].concat());
        let sign = if inverse { 1.0 } else { -1.0 };
        // Row of a real or imaginary part in, column of a real or imaginary part out.
        let values = (0..2 * n).flat_map(|row| {
            (0..2 * n).map(move |column| {
                let (cos, sin) = turn((row / 2) * (column / 2), n);
                match (row % 2, column % 2) {
                    (0, 1) => sign * sin,
                    (1, 0) => -sign * sin,
                    _ => cos,
                }
            })
        });
        let matrix = self.floats(&[2 * n, 2 * n], values);
        let result = self.product(&flat, &matrix, false);
        Ok(self.reshaped(&result, &shape))
    }

    /// The half spectra of rows that are filled up with zeros to `n`: [..., size] to [..., n / 2 + 1, 2].
    fn half_spectra(&mut self, data: &Node, n: usize) -> Result<Node> {
        check_transform(n)?;
        let (axis, lines) = (data.shape.len() - 1, n / 2 + 1);
        let (leading, size) = (data.shape[..axis].to_vec(), data.shape[axis]);
        let shape = [&leading[..], &[lines, 2]].concat();
        if n.is_power_of_two() {
            let axis = self.integers(&[1], std::iter::once(axis));
            let count = self.integers(&[1], std::iter::once(n));
            let inputs = [data, &axis, &count];
            return Ok(self.layer(("RDFT", "opset9"), "", &inputs, &shape, "FP32"));
        }
        let values = (0..size).flat_map(|sample| {
            (0..lines).flat_map(move |line| {
                let (cos, sin) = turn(sample * line, n);
                [cos, -sin]
            })
        });
        let matrix = self.floats(&[size, 2 * lines], values);
        let result = self.product(data, &matrix, false);
        Ok(self.reshaped(&result, &shape))
    }

    /// From pairs of a half spectrum to `n` samples.
    fn back_matrix(&mut self, n: usize, lines: usize) -> Node {
        let values = (0..2 * lines).flat_map(|row| {
            let line = row / 2;
            // All but the first line, and the one at half the rate, stand for two.
            let weight = if line == 0 || 2 * line == n { 1.0 } else { 2.0 };
            (0..n).map(move |sample| {
                let (cos, sin) = turn(sample * line, n);
                if row % 2 == 0 { weight * cos } else { -weight * sin }
            })
        });
        self.floats(&[2 * lines, n], values)
    }

    fn frames(&mut self, data: &Node, frames: &Frames) -> Result<Node> {
        let (channels, count, size) = (data.shape[0], frames.count, frames.window.len());
        if count.saturating_mul(size) > MOST_FRAMED {
            return Err(too_long("the samples of all frames", count * size, MOST_FRAMED));
        }
        let places = (0..count).flat_map(|frame| (0..size).map(move |at| frame * frames.step + at));
        let places = self.integers(&[count, size], places);
        let axis = self.integers(&[1], std::iter::once(1));
        let shape = [channels, count, size];
        let inputs = [data, &places, &axis];
        let mut framed =
            self.layer(("Gather", "opset8"), "batch_dims=\"0\"", &inputs, &shape, "FP32");
        if !frames.trend.is_empty() {
            let trend = self.matrix(&frames.trend);
            let shares = self.product(&framed, &trend, true);
            let taken = self.product(&shares, &trend, false);
            framed = self.both("Subtract", &framed, &taken);
        }
        let window = self.floats(&[size], frames.window.iter().copied());
        let weighted = self.both("Multiply", &framed, &window);
        let spectra = self.half_spectra(&weighted, frames.nfft)?;
        Ok(self.spectra(&spectra, &frames.of))
    }

    fn spectra(&mut self, spectra: &Node, of: &Spectra) -> Node {
        if let Spectra::Whole(factor) = of {
            let scaled = self.scaled(spectra, *factor);
            return self.turned(&scaled, &[0, 2, 1, 3]);
        }
        let squares = self.both("Multiply", spectra, spectra);
        let power = self.reduced("ReduceSum", &squares, &[3], false);
        match of {
            Spectra::Whole(_) => power,
            Spectra::Power(factors) => {
                let factors = self.floats(&[factors.len()], factors.iter().copied());
                let scaled = self.both("Multiply", &power, &factors);
                self.turned(&scaled, &[0, 2, 1])
            }
            Spectra::MeanPower(factors) => {
                let factors = self.floats(&[factors.len()], factors.iter().copied());
                let mean = self.reduced("ReduceMean", &power, &[1], false);
                self.both("Multiply", &mean, &factors)
            }
            Spectra::Bands { bands, exponent, cepstrum } => {
                let raised = if *exponent == 2.0 {
                    power
                } else {
                    let half = self.floats(&[1], std::iter::once(exponent / 2.0));
                    self.both("Power", &power, &half)
                };
                let bands = self.matrix(bands);
                let mut result = self.product(&raised, &bands, true);
                if let Some((rows, top)) = cepstrum {
                    result = self.cepstrum(&result, rows, *top);
                }
                self.turned(&result, &[0, 2, 1])
            }
        }
    }

    fn cepstrum(&mut self, bands: &Node, rows: &[Vec<f64>], top: f64) -> Node {
        let least = self.floats(&[1], std::iter::once(1e-10));
        let bounded = self.both("Maximum", bands, &least);
        let logarithm = self.layer(("Log", "opset1"), "", &[&bounded], &bounded.shape, "FP32");
        let mut decibels = self.scaled(&logarithm, 10.0 / std::f64::consts::LN_10);
        if top.is_finite() {
            let most = self.reduced("ReduceMax", &decibels, &[1, 2], true);
            let top = self.floats(&[1], std::iter::once(top));
            let floor = self.both("Subtract", &most, &top);
            decibels = self.both("Maximum", &decibels, &floor);
        }
        let rows = self.matrix(rows);
        self.product(&decibels, &rows, true)
    }

    fn finish(mut self, result: &Node) -> (String, Vec<u8>) {
        // The tensor that comes out has the name, so it is given to an operation of its own.
        let shape = &result.shape;
        let one = self.floats(&[1], std::iter::once(1.0));
        self.called = Some(OUTPUT);
        let named = self.both("Multiply", result, &one);
        let last = self.count;
        let _ = write!(
            self.layers,
            "<layer id=\"{last}\" name=\"output\" type=\"Result\" version=\"opset1\"><input><port id=\"0\" precision=\"FP32\">{}</port></input></layer>",
            dims(shape)
        );
        let _ = writeln!(
            self.edges,
            "<edge from-layer=\"{}\" from-port=\"{}\" to-layer=\"{last}\" to-port=\"0\"/>",
            named.layer, named.port
        );
        let ir = format!(
            "<?xml version=\"1.0\"?>\n<net name=\"signal\" version=\"11\">\n<layers>\n{}\n</layers>\n<edges>\n{}</edges>\n</net>\n",
            self.layers, self.edges
        );
        (ir, self.weights)
    }
}
