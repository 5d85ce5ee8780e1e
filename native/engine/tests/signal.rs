//! Signals on every backend: here, on devices, and by Octave.
//!
//! The NPU is emulated: it computes what the CPU does. All tests of this file share one process and one runtime.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod common;
#[path = "support/npu.rs"]
mod npu;
mod support;

use std::time::Duration;

use npu::Npu;
use npubridge_engine::DataType;
use npubridge_engine::engine::Engine;
use npubridge_engine::operation::{
    Name, Operation, OperationResult, Options, Output, Signal, StreamStep,
};
use npubridge_engine::tensor::Tensor;
use npubridge_engine::{Error, ErrorCode};
use serde_json::{Value, json};
use support::*;

/// Samples without any pattern, the same each time.
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

fn wide(shape: &[usize]) -> Tensor {
    let values = noise(shape.iter().product(), 7);
    Tensor::copy_of(DataType::F64, shape, bytemuck::cast_slice(&values)).unwrap()
}

fn narrow(shape: &[usize]) -> Tensor {
    let values: Vec<f32> = noise(shape.iter().product(), 7).iter().map(|x| *x as f32).collect();
    Tensor::from_f32(shape, &values).unwrap()
}

fn asked(description: &Value, data: Tensor) -> Operation {
    let description = description.to_string().into_bytes().into();
    Operation::Signal(Box::new(Signal { description, data, inputs: Vec::new(), stream: None }))
}

/// A description with other fields.
fn with(description: &Value, others: &Value) -> Value {
    let mut all = description.clone();
    all.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    all
}

/// Outputs by name, with their shapes and values.
type Named = Vec<(Name, Vec<usize>, Vec<f64>)>;

/// Names, shapes and values of what came out, with who did it.
fn outputs(result: OperationResult) -> (Named, &'static str, String) {
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
fn agrees(
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

fn one(family: &str, parameters: Value) -> Value {
    json!({"operation": family, "parameters": parameters})
}

/// What devices can do.
fn for_devices() -> Vec<Value> {
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

fn only_for_programs() -> Vec<Value> {
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
fn shape_for(description: &Value, length: usize) -> Vec<usize> {
    match description["parameters"]["kind"].as_str() {
        Some("ifft" | "irfft") => vec![3, length, 2],
        _ => vec![3, length],
    }
}

#[test]
fn octave_gives_what_is_worked_out_here() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let octave = json!({"backend": "octave"});
    for description in for_devices().iter().chain(&only_for_programs()) {
        let shape = shape_for(description, 301);
        // Cepstra are logarithms of small numbers.
        agrees(&engine, description, &octave, &wide(&shape), 1e-11);
        agrees(&engine, description, &octave, &narrow(&shape), 1e-5);
    }
}

#[test]
fn devices_give_what_is_worked_out_here() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    for description in for_devices() {
        for device in ["npu", "cpu"] {
            let there = json!({"backend": "openvino", "device": device});
            let data = narrow(&shape_for(&description, 301));
            let ran = agrees(&engine, &description, &there, &data, 1e-5);
            assert_eq!(ran.as_deref(), Some(&*device.to_uppercase()));
        }
    }
}

#[test]
fn one_pipeline_agrees_on_all_backends() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let pipeline = json!({"steps": [
        {"operation": "filter", "parameters": {"kind": "firwin", "numtaps": 41, "cutoff": 0.4}},
        {"operation": "filter", "parameters": {"kind": "convolve", "in2": [1, -0.9], "mode": "same"}},
        {"operation": "spectral", "parameters": {"kind": "welch", "nperseg": 128}},
    ]});
    let data = narrow(&[2, 2000]);
    for there in [
        json!({"backend": "native"}),
        json!({"backend": "octave"}),
        json!({"backend": "openvino", "device": "cpu"}),
        json!({"backend": "openvino", "device": "npu"}),
        json!({"backend": "openvino"}),
    ] {
        agrees(&engine, &pipeline, &there, &data, 1e-5);
    }
}

#[test]
fn what_devices_cannot_do_is_done_here_and_said() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let filter = one("filter", json!({"kind": "butter", "N": 2, "Wn": 0.3}));
    let there = with(&filter, &json!({"device": "npu"}));
    let (_, backend, reason) = outputs(simply(&engine, asked(&there, narrow(&[100]))).answer());
    assert_eq!((backend, &*reason), ("native", "filter butter has no form for devices"));
    let forced = with(&filter, &json!({"backend": "openvino"}));
    let error = simply(&engine, asked(&forced, narrow(&[100]))).error();
    assert_eq!(error.code(), ErrorCode::UnsupportedOperation);
    assert_eq!(error.message(), "filter butter has no form for devices");

    let transform = with(&one("fft", json!({"kind": "rfft"})), &json!({"device": "npu"}));
    let (_, backend, reason) = outputs(simply(&engine, asked(&transform, wide(&[64]))).answer());
    assert_eq!((backend, &*reason), ("native", "devices work in FP32, the data is FP64"));
    let (_, backend, reason) = outputs(simply(&engine, asked(&transform, narrow(&[64]))).answer());
    assert_eq!((backend, &*reason), ("openvino", "device NPU was asked for"));
}

#[test]
fn wrong_places_are_refused_by_name() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let transform = one("fft", json!({"kind": "rfft"}));
    let refused =
        |others: Value| simply(&engine, asked(&with(&transform, &others), narrow(&[64]))).error();
    let error = refused(json!({"device": "gpu"}));
    assert_eq!(error.code(), ErrorCode::DeviceUnavailable);
    assert!(error.message().contains("which has NPU, CPU"), "{error}");
    assert_eq!(refused(json!({"device": "tpu"})).code(), ErrorCode::InvalidArgument);
    assert_eq!(refused(json!({"backend": "scipy"})).code(), ErrorCode::UnsupportedOperation);
    let error = refused(json!({"backend": "octave", "device": "cpu"}));
    assert_eq!(error.message(), "device is \"cpu\", and backend octave runs on no device");
    assert_eq!(
        refused(json!({"backend": "octave", "time_limit_ms": 0})).code(),
        ErrorCode::InvalidArgument
    );

    let longest = with(&transform, &json!({"backend": "openvino"}));
    let error = simply(&engine, asked(&longest, narrow(&[10_007]))).error();
    assert_eq!(error.code(), ErrorCode::ResourceExhausted);
    assert!(error.message().contains("is 10007, the limit on a device is 1024"), "{error}");

    let median = one("filter", json!({"kind": "medfilt"}));
    let median = with(&median, &json!({"backend": "octave"}));
    let error = simply(&engine, asked(&median, narrow(&[64]))).error();
    assert_eq!(error.code(), ErrorCode::UnsupportedOperation);

    let Operation::Signal(mut block) = asked(&longest, narrow(&[64])) else { return };
    block.stream = Some(StreamStep { name: "s".into(), last: false });
    let error = simply(&engine, Operation::Signal(block)).error();
    assert_eq!(
        error.message(),
        "backend openvino keeps nothing between blocks: streams run natively"
    );
}

/// The process of Octave that this process has started.
#[cfg(target_os = "linux")]
fn octave_process() -> i32 {
    let own = std::process::id().to_string();
    let stat = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()
    };
    let found = std::fs::read_dir("/proc").unwrap().filter_map(stat).find_map(|stat| {
        let (before, after) = stat.rsplit_once(')')?;
        let (number, name) = before.split_once(" (")?;
        let parent = after.split_whitespace().nth(1)?;
        (parent == own && name.starts_with("octave")).then(|| number.parse().unwrap())
    });
    found.expect("an Octave runs")
}

#[cfg(target_os = "linux")]
fn send(process: i32, signal: i32) {
    // SAFETY: kill takes plain numbers; the process is a child of this one.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

#[test]
#[cfg(target_os = "linux")]
fn an_octave_that_dies_or_hangs_is_told_and_started_again() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let sums =
        one("filter", json!({"kind": "lfilter", "b": [1], "a": [1, -0.5], "nonfinite": "refuse"}));
    let octave = json!({"backend": "octave"});
    let by_octave = with(&sums, &octave);
    let run = || agrees(&engine, &sums, &octave, &wide(&[10]), 1e-12);
    run();

    let first = octave_process();
    send(first, libc::SIGSTOP);
    let asked_of_it = simply(&engine, asked(&by_octave, wide(&[10])));
    std::thread::sleep(Duration::from_millis(100));
    send(first, libc::SIGKILL);
    let error: Error = asked_of_it.error();
    assert_eq!(error.code(), ErrorCode::DeviceLost);
    assert!(error.message().starts_with("Octave ended in mid-call (signal: 9"), "{error}");
    run();

    let second = octave_process();
    assert_ne!(first, second);
    send(second, libc::SIGSTOP);
    let hurried = with(&by_octave, &json!({"time_limit_ms": 200}));
    let error = simply(&engine, asked(&hurried, wide(&[10]))).error();
    assert_eq!(error.code(), ErrorCode::DeviceLost);
    assert!(error.message().contains("did not answer within 200"), "{error}");
    run();

    // Cancelled while it hangs.
    let third = octave_process();
    send(third, libc::SIGSTOP);
    let hangs = ask(&engine, asked(&by_octave, wide(&[10])), Options::default());
    std::thread::sleep(Duration::from_millis(100));
    engine.cancel(hangs.ticket.unwrap());
    assert_eq!(hangs.error().code(), ErrorCode::Cancelled);
    run();
}
