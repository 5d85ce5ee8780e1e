//! The whole engine on a real CPU: operations in, answers out.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../support/mod.rs"]
mod support;

mod batches;
mod inference;
mod models;
mod scheduling;
mod shutdown;
mod streams;

use common::{core, model_file};
use npubridge_engine::ErrorCode;
use npubridge_engine::config::{Batching, Config, Resources};
use npubridge_engine::engine::Engine;
use npubridge_engine::openvino::{self, Core};
use npubridge_engine::operation::{
    Benchmark, Kind, LoadModel, Operation, Options, Payload, Priority,
};
use npubridge_engine::tensor::Tensor;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::*;

/// One inference without the engine, compiled the way the engine does it.
fn directly(core: &Core, model: &Path, inputs: &[(&str, &Tensor)]) -> HashMap<String, Vec<u8>> {
    let mut read = core.read_model(model).unwrap();
    // A compiled model may call an output by another of its names.
    let names: Vec<_> = read.outputs().unwrap().into_iter().map(|port| port.name).collect();
    let shapes: Vec<(&str, Vec<i64>)> = inputs
        .iter()
        .map(|(name, tensor)| (*name, tensor.shape().iter().map(|size| *size as i64).collect()))
        .collect();
    let borrowed: Vec<_> = shapes.iter().map(|(name, sizes)| (*name, sizes.as_slice())).collect();
    read.reshape(&borrowed).unwrap();
    let as_the_engine = [("PERFORMANCE_HINT", "LATENCY"), ("INFERENCE_PRECISION_HINT", "f32")];
    let compiled = core.compile(&read, "CPU", &as_the_engine).unwrap();
    let mut request = compiled.create_request().unwrap();
    for (index, port) in read.inputs().unwrap().iter().enumerate() {
        let (_, tensor) = inputs.iter().find(|(name, _)| *name == port.name).unwrap();
        let mut own = openvino::Tensor::new(tensor.datatype(), tensor.shape()).unwrap();
        own.as_bytes_mut().copy_from_slice(tensor.bytes());
        request.set_input(index, &own).unwrap();
    }
    request.start().unwrap();
    request.wait().unwrap();
    let named = names.into_iter().enumerate();
    named.map(|(index, name)| (name, request.output(index).unwrap().as_bytes().to_vec())).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_ne_bytes(four.try_into().unwrap())).collect()
}

fn close(left: &[f32], right: &[f32]) -> bool {
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
    left.len() == right.len() && left.iter().zip(right).all(near)
}

struct Rig {
    engine: Engine,
    folder: tempfile::TempDir,
    core: Core,
    _turn: std::sync::MutexGuard<'static, ()>,
}

impl Rig {
    fn start() -> Option<Self> {
        Self::with(|config| config)
    }

    fn with(change: impl FnOnce(Config) -> Config) -> Option<Self> {
        let turn = turn();
        let core = core()?;
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(change(config(&["CPU"], folder.path()))).unwrap();
        Some(Self { engine, folder, core, _turn: turn })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A product that takes long enough for others to come meanwhile.
fn heavy() -> Operation {
    let ones = Tensor::from_f32(&[900, 900], &vec![1.0; 810_000]).unwrap();
    Operation::matrix_multiply(ones.clone(), ones).unwrap()
}

fn one(index: usize) -> Tensor {
    Tensor::from_f32(&[1, 4], &[(index % 2) as f32, ((index / 2) % 2) as f32, 1.0, 0.0]).unwrap()
}
