//! Steps on other backends: what they are given, and what is made of their answer.

use std::time::Duration;

use npubridge_signal::{Array, Lowered, Made, Outputs, Signal as Samples, Transform, Values, Work};
use sha2::{Digest, Sha256};

use super::convert::{fault, processed, samples};
use super::graph::{self, INPUT};
use super::interpreter::{Interpreter, Language, Patience};
use super::plan::{self, Backend};
use super::program::program;
use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use crate::model::source::Generated;
use crate::operation::{Name, Output, Signal};
use crate::tensor::Tensor;

/// Where signals are worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Here.
    Native,
    /// On a device, this one if one was named.
    Device(Option<String>),
    /// By another program.
    Program(Language),
}

/// Where a description sends its signal. One that is wrong stays here, where it is refused.
pub(crate) fn place(description: &[u8]) -> Place {
    plan::place(description)
}

/// Runs a pipeline step by step with `work`.
///
/// # Errors
/// What a step refuses, and what `work` does.
pub(crate) fn run_elsewhere(
    signal: &Signal,
    mut work: impl FnMut(&Place, Duration, Lowered) -> Result<Outputs>,
) -> Result<Output> {
    let plan = plan::find(&signal.description)?;
    let data = samples("data", &signal.data, plan.complex)?;
    let others = super::others(signal)?;
    let place = plan.backend.place();
    let run = plan.pipeline.run_on(&data, &others, |name, lowered| {
        work(&place, plan.limit, lowered).map_err(|error| named(error, name))
    });
    let outcome = match run {
        Ok(outcome) => outcome,
        Err(refused) => Err(fault(refused)),
    };
    let native_only = |error: &Error| {
        matches!(error.code(), ErrorCode::UnsupportedOperation | ErrorCode::DtypeMismatch)
    };
    match outcome {
        Err(error) if plan.backend.is_automatic() && native_only(&error) => {
            let outputs = plan.pipeline.run(&data, &others).map_err(fault)?;
            processed(outputs, Backend::NATIVE, error.message().to_owned().into())
        }
        outcome => processed(outcome?, plan.backend.name(), plan.backend.reason()),
    }
}

/// Says which step it was, where the message does not.
fn named(error: Error, name: &str) -> Error {
    if error.code() != ErrorCode::UnsupportedOperation {
        return error;
    }
    Error::new(error.code(), format!("{name} {}", error.message()))
}

/// Runs a step with another program.
///
/// # Errors
/// `INVALID_ARGUMENT` with what it objects to, `DEVICE_LOST` when it ends or does not answer.
pub(crate) fn by_program(
    interpreter: &mut dyn Interpreter,
    lowered: Lowered,
    patience: &Patience<'_>,
) -> Result<Outputs> {
    let made = interpreter.run(program(&lowered), patience)?;
    lowered.finish(made).ok_or_else(other_size)
}

fn other_size() -> Error {
    Error::new(ErrorCode::Internal, "a backend gave another number of values than a step has")
}

/// A step for a device.
#[derive(Debug)]
pub(crate) struct DeviceStep {
    /// A name that belongs to this model only.
    pub(crate) name: Name,
    pub(crate) model: Generated,
    pub(crate) input: (Name, Tensor),
}

/// A step as a model and its input.
///
/// # Errors
/// `UNSUPPORTED_OPERATION` for what devices cannot do, `DTYPE_MISMATCH` for float64, `RESOURCE_EXHAUSTED` above a limit.
pub(crate) fn device_step(lowered: &Lowered, device: Option<Name>) -> Result<DeviceStep> {
    let Samples::F32(array) = &lowered.data else {
        return Err(Error::new(ErrorCode::DtypeMismatch, "devices work in FP32, the data is FP64")
            .suggest("give the data as FP32, or use backend \"native\""));
    };
    let graph = graph::graph(lowered)?.ok_or_else(|| {
        Error::new(ErrorCode::UnsupportedOperation, "has no form for devices").suggest(
            "devices run fft, convolution and FIR filters, welch, spectrogram, stft, mel and mfcc",
        )
    })?;
    let values = device_values(array, &lowered.work);
    let tensor = Tensor::from_f32(&graph.input, &values)?;
    let mut hash = Sha256::new();
    hash.update(&graph.ir);
    hash.update(&graph.weights);
    let hash = hash.finalize();
    let key: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let on = device.as_deref().unwrap_or("any device");
    // No file or catalogue name contains a space.
    let name = Name::from(format!("signal {key} on {on}"));
    let model = Generated { ir: graph.ir, weights: graph.weights, device };
    Ok(DeviceStep { name, model, input: (INPUT.into(), tensor) })
}

/// The samples as the model takes them: those of a complex transform in pairs.
fn device_values(array: &Array<'_, f32>, work: &Work) -> Vec<f32> {
    let pairs = matches!(work, Work::Transform(transform, _) if *transform != Transform::Half);
    match &array.values {
        Values::Real(values) if pairs => values.iter().flat_map(|value| [*value, 0.0]).collect(),
        Values::Real(values) => values.to_vec(),
        Values::Complex(values) => values.iter().flat_map(|value| [value.re, value.im]).collect(),
    }
}

/// The outputs of a step from what its model gave.
///
/// # Errors
/// `INTERNAL` when that has another size.
pub(crate) fn from_device(lowered: Lowered, tensor: &Tensor) -> Result<Outputs> {
    if tensor.datatype() != DataType::F32 {
        return Err(other_size());
    }
    let made = Made::F32(bytemuck::pod_collect_to_vec(tensor.bytes()));
    lowered.finish(made).ok_or_else(other_size)
}
