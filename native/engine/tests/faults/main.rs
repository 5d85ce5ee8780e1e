//! The whole engine on an emulated NPU that fails, with the real CPU to fall back to.
//!
//! Emulated: nothing measured here says anything about an NPU. All tests of this file share one process and one
//! runtime, and take turns.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../support/npu.rs"]
mod npu;
#[path = "../support/mod.rs"]
mod support;

mod compilers;
mod hangs;
mod loads;
mod memory;
mod recovery;

use npu::Npu;
use npubridge_engine::config::{Batching, Breaker, Config, Profile, Resources};
use npubridge_engine::engine::Engine;
use npubridge_engine::operation::{Fallback, Operation, OperationResult, Options};
use npubridge_engine::tensor::Tensor;
use npubridge_engine::{ErrorCode, runtime};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::*;

fn tiny(model: &Path, seed: usize) -> Operation {
    infer(model, &[("x", rows(1, 64, seed))])
}

fn product(size: usize) -> Operation {
    let ones = Tensor::from_f32(&[size, size], &vec![1.0; size * size]).unwrap();
    Operation::matrix_multiply(ones.clone(), ones).unwrap()
}

fn ran_on(result: &OperationResult) -> &str {
    result.device.as_deref().unwrap_or("nothing")
}

fn fallback(result: &OperationResult) -> &Arc<Fallback> {
    result.fallback.as_ref().unwrap_or_else(|| panic!("no fallback in {result:?}"))
}

/// Runs an operation that must be the NPU's.
fn on_npu(engine: &Engine, operation: Operation) {
    let result = simply(engine, operation).answer();
    assert_eq!(ran_on(&result), "NPU", "{result:?}");
    assert_eq!(result.fallback, None);
    result.outcome.unwrap();
}

/// An NPU on which a model has run; none where there is no runtime.
fn working() -> Option<(Npu, Engine, PathBuf)> {
    let npu = Npu::take()?;
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    Some((npu, engine, model))
}

/// Runs inferences until one ran on the NPU as its first choice.
fn comes_back(engine: &Engine, model: &Path) {
    eventually("the model is back on the NPU", || {
        let result = simply(engine, tiny(model, 0)).answer();
        assert!(result.outcome.is_ok(), "{result:?}");
        ran_on(&result) == "NPU" && result.fallback.is_none()
    });
}

/// Whether the tests are to take their time.
fn is_heavy() -> bool {
    std::env::var_os("NPUBRIDGE_HEAVY").is_some()
}
