//! The whole engine on runtimes that cannot be used: one that lacks a function, one whose listing of devices kills the
//! process. Operations that need no device work all the same, and the others say why they do not.
#![allow(clippy::unwrap_used)]

mod common;
mod support;

use npubridge_engine::config::Config;
use npubridge_engine::engine::Engine;
use npubridge_engine::operation::Options;
use npubridge_engine::{ErrorCode, runtime};
use npubridge_testing::folder;
use std::path::Path;
use std::process::Command;
use support::*;

const LISTS: &str = "NPUBRIDGE_TEST_LISTS_DEVICES_OF";

fn make_runtime(out: &Path, without: &[String]) -> Option<()> {
    let real = common::runtime_folder()?;
    let interposer = folder::built_interposer().expect("cargo builds the library with its tests");
    folder::make(&real, &interposer, out, without).unwrap();
    Some(())
}

#[test]
fn a_runtime_that_lacks_a_function_leaves_what_needs_no_device_and_is_named_by_the_rest() {
    let _turn = turn();
    let temporary = tempfile::tempdir().unwrap();
    let runtime = temporary.path().join("runtime");
    let Some(()) = make_runtime(&runtime, &["ov_core_compile_model_props".to_owned()]) else {
        return;
    };
    let before = threads().len();
    let world = load::World::make(temporary.path());
    let engine = Engine::start(Config {
        runtime: Some(runtime),
        ..config(&["NPU", "CPU"], temporary.path())
    })
    .unwrap();
    let count = if std::env::var_os("NPUBRIDGE_HEAVY").is_some() { 10_000 } else { 1_000 };
    let tally = Tally::new(count, true);
    let kinds = load::World::KINDS;
    let submissions = (0..count).map(|token| {
        let operation = world.of_kind(kinds[token % kinds.len()], token);
        tally.submission(token, operation, Options::default())
    });
    engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
    tally.wait();
    for (token, result) in tally.take() {
        let kind = result.kind.name();
        let code = result.outcome.as_ref().err().map(npubridge_engine::Error::code);
        let expected = match kind {
            "initialize" | "load_model" | "inference" | "matrix_multiply" => {
                Some(ErrorCode::RuntimeNotFound)
            }
            "unload_model" => Some(ErrorCode::ModelNotFound),
            // A load that fails just then takes those with it that wait for its end.
            _ => code.filter(|_| kind == "benchmark"),
        };
        let allowed = code == expected
            || (kind == "unload_model" && code == Some(ErrorCode::RuntimeNotFound));
        assert!(allowed, "operation {token}, {kind}: {result:?}");
        if let (Err(error), Some(ErrorCode::RuntimeNotFound)) = (&result.outcome, code) {
            assert!(error.message().contains("ov_core_compile_model_props"), "{error}");
        }
    }
    let metrics = engine.metrics();
    assert_eq!(metrics.completed + metrics.failed, metrics.submitted);
    assert_eq!(metrics.resources.system_memory.used, 0);
    drop(engine);
    eventually("no thread is left", || threads().len() <= before);
}

#[test]
fn a_runtime_whose_listing_of_devices_kills_the_process_kills_only_the_one_that_asks() {
    if let Some(folder) = std::env::var_os(LISTS) {
        runtime::load(Path::new(&folder)).unwrap();
        let listed = npubridge_engine::openvino::Core::new().unwrap().available_devices();
        panic!("listed {listed:?}");
    }
    let _turn = turn();
    let temporary = tempfile::tempdir().unwrap();
    let runtime = temporary.path().join("runtime");
    let Some(()) = make_runtime(&runtime, &[]) else { return };
    let this = "a_runtime_whose_listing_of_devices_kills_the_process_kills_only_the_one_that_asks";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this])
        .env(LISTS, &runtime)
        .env("NPUBRIDGE_FAULTS", "crash_at_enumeration")
        .output()
        .unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&child.status);
    assert_eq!(signal, Some(libc::SIGSEGV), "{child:?}");
}
