//! Signals by MATLAB's engine interface, for real but for MATLAB: a stand-in for its libraries evaluates by Octave.
//!
//! All tests of this file share one process, one runtime and one installation, since a process loads one MATLAB.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "support/npu.rs"]
mod npu;
#[path = "support/signals.rs"]
mod signals;
mod support;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use npu::Npu;
use npubridge_engine::ErrorCode;
use npubridge_engine::config::{Config, Matlab};
use npubridge_engine::engine::Engine;
use npubridge_engine::operation::Options;
use npubridge_testing::folder;
use npubridge_testing_matlab::{LIBRARY, LICENCE, PROCESS, THREADS, make};
use serde_json::{Value, json};
use signals::*;
use support::*;

/// The installation that all tests load.
struct StandIn {
    root: &'static Path,
}

impl StandIn {
    fn made() -> Self {
        static ROOT: OnceLock<tempfile::TempDir> = OnceLock::new();
        let root = ROOT.get_or_init(|| {
            let root = tempfile::tempdir().unwrap();
            make(root.path(), &folder::built(LIBRARY).expect("cargo builds it with its tests"))
                .unwrap();
            root
        });
        Self { root: root.path() }
    }

    fn engine(&self, npu: &Npu, max_workers: Option<usize>) -> Engine {
        let root = Some(self.root.to_owned());
        let matlab = Matlab { root, max_workers, ..Matlab::default() };
        npu.engine_with(&["NPU", "CPU"], |config| Config { matlab, ..config })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The process that was started last.
    fn process(&self) -> i32 {
        std::fs::read_to_string(self.file(PROCESS)).unwrap().trim().parse().unwrap()
    }
}

fn matlab() -> Value {
    json!({"backend": "matlab"})
}

fn sums() -> Value {
    one("filter", json!({"kind": "lfilter", "b": [1], "a": [1, -0.5]}))
}

#[test]
fn matlab_gives_what_is_worked_out_here() {
    let Some(npu) = Npu::take() else { return };
    let stand_in = StandIn::made();
    let engine = stand_in.engine(&npu, Some(2));
    for description in for_devices().iter().chain(&only_for_programs()) {
        let shape = shape_for(description, 301);
        agrees(&engine, description, &matlab(), &wide(&shape), 1e-11);
        agrees(&engine, description, &matlab(), &narrow(&shape), 1e-5);
    }
    assert_eq!(std::fs::read_to_string(stand_in.file(THREADS)).unwrap(), "2");
}

#[test]
fn one_pipeline_agrees_on_all_backends() {
    let Some(npu) = Npu::take() else { return };
    let matlab = StandIn::made();
    let engine = matlab.engine(&npu, None);
    let pipeline = json!({"steps": [
        {"operation": "filter", "parameters": {"kind": "firwin", "numtaps": 41, "cutoff": 0.4}},
        {"operation": "filter", "parameters": {"kind": "convolve", "in2": [1, -0.9], "mode": "same"}},
        {"operation": "spectral", "parameters": {"kind": "welch", "nperseg": 128}},
    ]});
    let data = narrow(&[2, 2000]);
    for there in [
        json!({"backend": "native"}),
        json!({"backend": "octave"}),
        json!({"backend": "matlab"}),
        json!({"backend": "openvino", "device": "cpu"}),
        json!({"backend": "openvino", "device": "npu"}),
        json!({"backend": "openvino"}),
    ] {
        agrees(&engine, &pipeline, &there, &data, 1e-5);
    }
}

#[test]
fn a_matlab_that_dies_or_hangs_is_told_and_started_again() {
    let Some(npu) = Npu::take() else { return };
    let stand_in = StandIn::made();
    let engine = stand_in.engine(&npu, None);
    let by_matlab = with(&sums(), &matlab());
    let run = || agrees(&engine, &sums(), &matlab(), &wide(&[10]), 1e-12);
    run();

    let first = stand_in.process();
    send(first, libc::SIGSTOP);
    let in_mid_call = simply(&engine, asked(&by_matlab, wide(&[10])));
    std::thread::sleep(Duration::from_millis(100));
    send(first, libc::SIGKILL);
    let error = in_mid_call.error();
    assert_eq!(error.code(), ErrorCode::DeviceLost);
    assert_eq!(error.message(), "MATLAB ended in mid-call");
    run();

    let second = stand_in.process();
    assert_ne!(first, second);
    send(second, libc::SIGSTOP);
    let hurried = with(&by_matlab, &json!({"time_limit_ms": 200}));
    let error = simply(&engine, asked(&hurried, wide(&[10]))).error();
    assert_eq!(error.code(), ErrorCode::DeviceLost);
    assert!(error.message().contains("MATLAB did not answer within 200"), "{error}");
    // The process that hung was ended, and is started again.
    run();
    assert_ne!(stand_in.process(), second);
    assert!(!Path::new(&format!("/proc/{second}")).exists());

    let third = stand_in.process();
    send(third, libc::SIGSTOP);
    let hangs = ask(&engine, asked(&by_matlab, wide(&[10])), Options::default());
    std::thread::sleep(Duration::from_millis(100));
    engine.cancel(hangs.ticket.unwrap());
    assert_eq!(hangs.error().code(), ErrorCode::Cancelled);
    run();
}

#[test]
fn a_matlab_without_a_licence_is_told_in_its_own_words() {
    let Some(npu) = Npu::take() else { return };
    let stand_in = StandIn::made();
    let engine = stand_in.engine(&npu, None);
    std::fs::write(stand_in.file(LICENCE), "").unwrap();
    let error = simply(&engine, asked(&with(&sums(), &matlab()), wide(&[10]))).error();
    std::fs::remove_file(stand_in.file(LICENCE)).unwrap();
    assert_eq!(error.code(), ErrorCode::DeviceUnavailable);
    let tried = format!("tried `{}/bin/matlab -nodisplay", stand_in.root.display());
    assert!(error.message().contains(&tried), "{error}");
    assert_eq!(error.cause(), Some("License checkout failed."));
    agrees(&engine, &sums(), &matlab(), &wide(&[10]), 1e-12);
}

#[test]
fn one_process_loads_one_matlab() {
    let Some(npu) = Npu::take() else { return };
    let stand_in = StandIn::made();
    agrees(&stand_in.engine(&npu, None), &sums(), &matlab(), &wide(&[10]), 1e-12);
    let other = Matlab { root: Some("/other".into()), ..Matlab::default() };
    let engine = npu.engine_with(&["CPU"], |config| Config { matlab: other, ..config });
    let error = simply(&engine, asked(&with(&sums(), &matlab()), wide(&[10]))).error();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().starts_with("matlab_root is /other, and"), "{error}");
}

#[test]
fn nothing_goes_to_matlab_that_is_not_asked_for() {
    let Some(npu) = Npu::take() else { return };
    let stand_in = StandIn::made();
    let engine = stand_in.engine(&npu, None);
    let _ = std::fs::remove_file(stand_in.file(PROCESS));
    for there in [json!({}), json!({"backend": "auto", "device": "cpu"})] {
        let (_, backend, _) =
            outputs(simply(&engine, asked(&with(&sums(), &there), narrow(&[10]))).answer());
        assert_eq!(backend, "native");
    }
    assert!(!stand_in.file(PROCESS).exists());
    let error = simply(
        &engine,
        asked(&with(&sums(), &json!({"backend": "matlab", "device": "cpu"})), wide(&[10])),
    );
    assert_eq!(error.error().code(), ErrorCode::InvalidArgument);
}
