//! Every member against numpy, scipy, PyWavelets, filterpy, padasip and librosa, in both types.
//!
//! testdata/record.py recorded what they give. The bound of the relative error is max(1e-12, 100·ε·cond) in float64 and
//! max(1e-5, 100·ε·cond) in float32, where cond is by how much rounding of what the caller gave is magnified.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use npubridge_signal::{Array, Outputs, Pipeline, Signal, Step, Values};
use num_complex::Complex;
use serde_json::Value;

struct References {
    numbers: Vec<f64>,
    cases: Vec<Value>,
}

impl References {
    fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
        let bytes = std::fs::read(folder.join("references.bin")).unwrap();
        let numbers = bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap()));
        let text = std::fs::read_to_string(folder.join("references.json")).unwrap();
        let mut whole: Value = serde_json::from_str(&text).unwrap();
        let Value::Array(cases) = whole["cases"].take() else { panic!("there are cases") };
        Self { numbers: numbers.collect(), cases }
    }

    fn array(&self, place: &Value) -> Array<'static, f64> {
        let shape: Vec<usize> = place["shape"].as_array().unwrap().iter().map(index).collect();
        let count: usize = shape.iter().product();
        let at = index(&place["at"]);
        if place["complex"] == true {
            let pairs = self.numbers[at..at + 2 * count].chunks_exact(2);
            let values: Vec<_> = pairs.map(|p| Complex::new(p[0], p[1])).collect();
            return Array::complex(values, &shape);
        }
        Array::real(self.numbers[at..at + count].to_vec(), &shape)
    }
}

fn index(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[allow(clippy::cast_possible_truncation)]
fn rounded(array: &Array<'static, f64>) -> Array<'static, f32> {
    match &array.values {
        Values::Real(values) => {
            Array::real(values.iter().map(|x| *x as f32).collect::<Vec<_>>(), &array.shape)
        }
        Values::Complex(values) => {
            let values: Vec<_> =
                values.iter().map(|z| Complex::new(z.re as f32, z.im as f32)).collect();
            Array::complex(values, &array.shape)
        }
    }
}

fn signal(array: Array<'static, f64>, double: bool) -> Signal<'static> {
    if double { Signal::F64(array) } else { Signal::F32(rounded(&array)) }
}

fn flat(signal: &Signal<'_>) -> Vec<f64> {
    fn all<T: npubridge_signal::Real>(array: &Array<'_, T>) -> Vec<f64> {
        array.complexes().iter().flat_map(|z| [z.re.wide(), z.im.wide()]).collect()
    }
    match signal {
        Signal::F32(array) => all(array),
        Signal::F64(array) => all(array),
    }
}

fn run(references: &References, case: &Value, double: bool) -> Result<Outputs, String> {
    let step = Step {
        operation: case["operation"].as_str().unwrap().into(),
        parameters: case["parameters"].as_object().unwrap().clone(),
    };
    let pipeline = Pipeline::new(vec![step]).map_err(|fault| fault.message)?;
    let others: Vec<(&str, Signal<'static>)> = case["inputs"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, place)| (name.as_str(), signal(references.array(place), double)))
        .collect();
    let data = signal(references.array(&case["data"]), double);
    pipeline.run(&data, &others).map_err(|fault| fault.message)
}

/// The largest difference beside the largest value.
fn relative_error(got: &[f64], wanted: &[f64]) -> f64 {
    let size = wanted.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let off = got.iter().zip(wanted).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
    if size == 0.0 { off } else { off / size }
}

fn compare(family: &str) {
    let references = References::read();
    let mut failures = Vec::new();
    let mut worst = [0.0_f64; 2];
    let mut count = 0;
    for (number, case) in references.cases.iter().enumerate() {
        if case["operation"] != family {
            continue;
        }
        let cond = case["cond"].as_f64().unwrap();
        for double in [true, false] {
            let (floor, eps) =
                if double { (1e-12, f64::EPSILON) } else { (1e-5, f64::from(f32::EPSILON)) };
            let bound = (100.0 * eps * cond).max(floor);
            let place =
                format!("case {number} {} f{}", case["parameters"], if double { 64 } else { 32 });
            let outputs = match run(&references, case, double) {
                Ok(outputs) => outputs,
                Err(message) => {
                    failures.push(format!("{place}: {message}"));
                    continue;
                }
            };
            for (name, place_of) in case["expected"].as_object().unwrap() {
                let wanted = references.array(place_of);
                let Some((_, got)) = outputs.iter().find(|(known, _)| known == name) else {
                    failures.push(format!("{place}: no {name}"));
                    continue;
                };
                if got.shape() != wanted.shape {
                    failures.push(format!("{place}: {name} {:?} {:?}", got.shape(), wanted.shape));
                    continue;
                }
                let error = relative_error(&flat(got), &flat(&Signal::F64(wanted)));
                worst[usize::from(double)] = worst[usize::from(double)].max(error / bound);
                count += 1;
                // Also refuses what is no number.
                if error.partial_cmp(&bound) != Some(std::cmp::Ordering::Less) && error != bound {
                    failures.push(format!(
                        "{place}: {name} is off by {error:e}, the bound is {bound:e}"
                    ));
                }
            }
        }
    }
    println!("{family}: {count} comparisons, worst part of the bound {worst:?}");
    assert!(count > 0);
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn fft_is_that_of_scipy() {
    compare("fft");
}

#[test]
fn filter_is_that_of_scipy() {
    compare("filter");
}

#[test]
fn kalman_is_that_of_filterpy() {
    compare("kalman");
}

#[test]
fn wavelet_is_that_of_pywavelets() {
    compare("wavelet");
}

#[test]
fn spectral_is_that_of_scipy_and_librosa() {
    compare("spectral");
}

#[test]
fn adaptive_is_that_of_padasip() {
    compare("adaptive");
}
