//! Signals on backends: here, on devices, by Octave, and by a MATLAB that cannot be loaded.
//!
//! The NPU is emulated: it computes what the CPU does. All tests of this file share one process and one runtime.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod common;
#[path = "support/npu.rs"]
mod npu;
#[path = "support/signals.rs"]
mod signals;
mod support;

use std::time::Duration;

use npu::Npu;
use npubridge_engine::config::{Config, Matlab};
use npubridge_engine::operation::{Operation, Options, StreamStep};
use npubridge_engine::{Error, ErrorCode};
use npubridge_testing::folder;
use serde_json::{Value, json};
use signals::*;
use support::*;

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

#[test]
#[cfg(target_os = "linux")]
fn a_matlab_that_is_absent_or_too_old_is_told_with_what_was_tried() {
    let Some(npu) = Npu::take() else { return };
    let root = tempfile::tempdir().unwrap();
    let transform = with(&one("fft", json!({"kind": "rfft"})), &json!({"backend": "matlab"}));
    let refused = |matlab: Matlab| {
        let engine = npu.engine_with(&["CPU"], |config| Config { matlab, ..config });
        simply(&engine, asked(&transform, narrow(&[64]))).error()
    };
    let installed = Matlab { root: Some(root.path().to_owned()), ..Matlab::default() };

    let error = refused(installed.clone());
    assert_eq!(error.code(), ErrorCode::RuntimeNotFound);
    let file = root.path().join("bin/glnxa64/libmx.so");
    let tried = format!("tried {} (matlab_root: no {})", root.path().display(), file.display());
    assert!(error.message().ends_with(&tried), "{error}");
    assert!(error.suggestions()[0].contains("matlab_config.matlab_root"), "{error:?}");

    let stand_in =
        folder::built(npubridge_testing_matlab::LIBRARY).expect("cargo builds it with its tests");
    npubridge_testing_matlab::make(root.path(), &stand_in).unwrap();
    for name in ["engPutVariable", "mxCreateNumericArray"] {
        let hidden = ["", "_730", "_800"].map(|suffix| format!("{name}{suffix}"));
        // The library that was loaded before keeps its file.
        std::fs::remove_file(&file).unwrap();
        folder::hide(&stand_in, &file, &hidden, false).unwrap();
        let error = refused(installed.clone());
        assert_eq!(error.code(), ErrorCode::RuntimeNotFound);
        let missing = format!("has no function {name}");
        assert!(error.message().contains(&missing), "{error}");
        assert!(error.message().contains("R2006b or later"), "{error}");
    }

    let off = refused(Matlab { enabled: false, ..installed });
    assert_eq!(off.code(), ErrorCode::UnsupportedOperation);
    assert!(off.message().contains("enable_signal_processing"), "{off}");
}
