//! Signals in tests: samples, descriptions, and a comparison of backends.
#![allow(dead_code, clippy::unwrap_used, clippy::cast_precision_loss)]

use npubridge_engine::DataType;
use npubridge_engine::engine::Engine;
use npubridge_engine::operation::{Name, Operation, OperationResult, Output, Signal};
use npubridge_engine::tensor::Tensor;
use serde_json::{Value, json};

use crate::support::simply;

/// Samples without any pattern, the same each time.
pub(crate) fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

pub(crate) fn wide(shape: &[usize]) -> Tensor {
    let values = noise(shape.iter().product(), 7);
    Tensor::copy_of(DataType::F64, shape, bytemuck::cast_slice(&values)).unwrap()
}

pub(crate) fn narrow(shape: &[usize]) -> Tensor {
    let values: Vec<f32> = noise(shape.iter().product(), 7).iter().map(|x| *x as f32).collect();
    Tensor::from_f32(shape, &values).unwrap()
}

pub(crate) fn asked(description: &Value, data: Tensor) -> Operation {
    let description = description.to_string().into_bytes().into();
    Operation::Signal(Box::new(Signal { description, data, inputs: Vec::new(), stream: None }))
}

/// A description with other fields.
pub(crate) fn with(description: &Value, others: &Value) -> Value {
    let mut all = description.clone();
    all.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    all
}

/// Outputs by name, with their shapes and values.
pub(crate) type Named = Vec<(Name, Vec<usize>, Vec<f64>)>;

/// Names, shapes and values of what came out, with who did it.
pub(crate) fn outputs(result: OperationResult) -> (Named, &'static str, String) {
    let Output::Processed { tensors, backend, reason } = result.outcome.unwrap() else {
        panic!("no signal")
    };
    let values = |tensor: &Tensor| match tensor.datatype() {
        DataType::F64 => bytemuck::pod_collect_to_vec(tensor.bytes()),
        _ => tensor.as_f32().unwrap().iter().map(|value| f64::from(*value)).collect(),
    };
    let all = tensors.iter().map(|(name, t)| (name.clone(), t.shape().to_vec(), values(t)));
    (all.collect(), backend, reason.into_owned())
}

/// Runs a description here and elsewhere, and compares everything that comes out. Gives the device it ran on.
pub(crate) fn agrees(
    engine: &Engine,
    description: &Value,
    elsewhere: &Value,
    data: &Tensor,
    bound: f64,
) -> Option<Name> {
    let (native, ..) = outputs(simply(engine, asked(description, data.clone())).answer());
    let there = with(description, elsewhere);
    let result = simply(engine, asked(&there, data.clone())).answer();
    let device = result.device.clone();
    assert_eq!(result.fallback, None, "{there}");
    let (other, backend, _) = outputs(result);
    assert_eq!(Value::from(backend), elsewhere["backend"], "{there}");
    assert_eq!(native.len(), other.len(), "{there}");
    for ((name, shape, values), (other_name, other_shape, others)) in native.iter().zip(&other) {
        assert_eq!((name, shape), (other_name, other_shape), "{there}");
        let most = values.iter().fold(f64::MIN_POSITIVE, |most, value| most.max(value.abs()));
        let differences = values.iter().zip(others).map(|(a, b)| (a - b).abs());
        let error = differences.fold(0.0_f64, f64::max) / most;
        assert!(error <= bound, "{there}: {name} differs by {error:e}, more than {bound:e}");
    }
    device
}

pub(crate) fn one(family: &str, parameters: Value) -> Value {
    json!({"operation": family, "parameters": parameters})
}

/// What devices can do.
pub(crate) fn for_devices() -> Vec<Value> {
    let taps: Vec<f64> = (0..9).map(|tap| 0.1 * f64::from(tap) - 0.3).collect();
    let mut all = vec![
        one("fft", json!({"kind": "fft", "shift": true})),
        one("fft", json!({"kind": "fft", "n": 512})),
        one("fft", json!({"kind": "ifft", "n": 256})),
        one("fft", json!({"kind": "irfft", "n": 512})),
        one("fft", json!({"kind": "fft", "n": 300, "norm": "ortho", "window": "hann"})),
        one("fft", json!({"kind": "ifft", "shift": true})),
        one("fft", json!({"kind": "rfft", "n": 128, "fs": 8000})),
        one("fft", json!({"kind": "irfft", "n": 255})),
        one("fft", json!({"kind": "irfft", "norm": "forward"})),
        one("fft", json!({"kind": "fft2", "shift": true})),
        one("filter", json!({"kind": "firwin", "numtaps": 31, "cutoff": 0.3})),
        one("filter", json!({"kind": "lfilter", "b": [0.5, -1, 0.25]})),
        one("spectral", json!({"kind": "periodogram", "fs": 100})),
        one("spectral", json!({"kind": "welch", "nperseg": 64, "nfft": 100, "detrend": "linear"})),
        one(
            "spectral",
            json!({"kind": "welch", "nperseg": 64, "scaling": "spectrum", "detrend": false}),
        ),
        one("spectral", json!({"kind": "spectrogram", "nperseg": 50})),
        one("spectral", json!({"kind": "stft", "nperseg": 64, "boundary": "even"})),
        one("spectral", json!({"kind": "mel", "sr": 8000, "n_fft": 128, "n_mels": 20})),
        one("spectral", json!({"kind": "mel", "sr": 8000, "n_fft": 128, "n_mels": 20, "power": 1})),
        one(
            "spectral",
            json!({"kind": "mfcc", "sr": 8000, "n_fft": 128, "n_mels": 20, "n_mfcc": 8}),
        ),
    ];
    all.extend(
        ["full", "same", "valid"]
            .map(|mode| one("filter", json!({"kind": "convolve", "in2": taps, "mode": mode}))),
    );
    all
}

pub(crate) fn only_for_programs() -> Vec<Value> {
    vec![
        one("filter", json!({"kind": "butter", "N": 5, "Wn": 0.3})),
        one(
            "filter",
            json!({"kind": "ellip", "N": 4, "rp": 1, "rs": 40, "Wn": [0.2, 0.4], "btype": "bandpass"}),
        ),
        one("filter", json!({"kind": "lfilter", "b": [1, 0.5], "a": [2, -1, 0.25]})),
        one("filter", json!({"kind": "resample_poly", "up": 3, "down": 2})),
        one("filter", json!({"kind": "resample_poly", "up": 2, "down": 5})),
    ]
}

/// Complex members take real and imaginary part as a last dimension.
pub(crate) fn shape_for(description: &Value, length: usize) -> Vec<usize> {
    match description["parameters"]["kind"].as_str() {
        Some("ifft" | "irfft") => vec![3, length, 2],
        _ => vec![3, length],
    }
}

#[cfg(target_os = "linux")]
pub(crate) fn send(process: i32, signal: i32) {
    // SAFETY: kill takes plain numbers; the process is a child of this one.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}
