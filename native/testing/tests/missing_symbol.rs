//! A runtime that lacks a function, as older ones do, and one that is not a runtime.
#![allow(clippy::unwrap_used)]

#[path = "../../engine/tests/common/mod.rs"]
mod common;

use npubridge_engine::{ErrorCode, runtime};
use npubridge_testing::folder;

#[test]
fn a_runtime_without_a_needed_function_is_refused_by_name() {
    let Some(real) = common::runtime_folder() else {
        return;
    };
    let interposer = folder::built_interposer().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("runtime");
    for function in ["ov_core_compile_model_props", "ov_tensor_data"] {
        folder::make(&real, &interposer, &out, &[function.to_owned()]).unwrap();
        let error = runtime::load(&out).unwrap_err();
        assert_eq!(error.code(), ErrorCode::RuntimeNotFound);
        for part in [function, "at least OpenVINO 2026.4"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
    folder::make(&real, &interposer, &out, &[]).unwrap();
    runtime::load(&out).unwrap();
}

#[test]
fn a_folder_is_not_made_over_something_else_or_without_a_library() {
    let temporary = tempfile::tempdir().unwrap();
    let interposer = folder::built_interposer().unwrap();
    let empty = temporary.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let problem = folder::make(&empty, &interposer, &temporary.path().join("out"), &[]);
    assert!(problem.unwrap_err().to_string().contains("no libopenvino_c.so"));
    let Some(real) = common::runtime_folder() else {
        return;
    };
    let problem = folder::make(&real, &interposer, &empty, &[]);
    assert!(problem.unwrap_err().to_string().contains("not ours"));
    let none = ["ov_none_such".to_owned()];
    let problem = folder::make(&real, &interposer, &temporary.path().join("out"), &none);
    assert!(problem.unwrap_err().to_string().contains("ov_none_such"));
}
