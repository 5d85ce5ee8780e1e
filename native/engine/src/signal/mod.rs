//! The operation `signal`: what is asked for in JSON, run by npubridge-signal on tensors.

mod convert;
mod plan;

use std::sync::Arc;

use npubridge_signal::{Outputs, Signal as Samples, Stream};

use crate::error::{Error, ErrorCode, Result};
use crate::operation::{Name, Output, Signal};
use crate::sync::Mutex;
use convert::{fault, samples, tensor};
use plan::Plan;

/// What a stream of blocks remembers; nothing before its first block.
pub(crate) type Memory = Arc<Mutex<Option<Running>>>;

/// A stream that has begun.
#[derive(Debug)]
pub(crate) struct Running {
    plan: Arc<Plan>,
    stream: Stream,
}

/// Runs an operation; with `memory`, as the next block of its stream.
pub(crate) fn run(signal: &Signal, memory: Option<&Memory>) -> Result<Output> {
    let plan = plan::find(&signal.description)?;
    let data = samples("data", &signal.data, plan.complex)?;
    let others: Vec<(&str, Samples<'_>)> = signal
        .inputs
        .iter()
        .map(|(name, tensor)| Ok((&**name, samples(&format!("inputs.{name}"), tensor, false)?)))
        .collect::<Result<_>>()?;
    let outputs = match memory {
        None => plan.pipeline.run(&data, &others).map_err(fault)?,
        Some(memory) => next_block(&plan, memory, signal, &data, &others)?,
    };
    let tensors = outputs
        .into_iter()
        .map(|(name, signal)| Ok((Name::from(name), tensor(signal)?)))
        .collect::<Result<_>>()?;
    Ok(Output::Processed { tensors, backend: plan.backend.name(), reason: plan.backend.reason() })
}

fn next_block(
    plan: &Arc<Plan>,
    memory: &Memory,
    signal: &Signal,
    data: &Samples<'_>,
    others: &[(&str, Samples<'_>)],
) -> Result<Outputs> {
    let mut memory = memory.lock();
    let running = match &mut *memory {
        Some(running) => running,
        empty => {
            let stream = plan.pipeline.stream().map_err(fault)?;
            empty.insert(Running { plan: Arc::clone(plan), stream })
        }
    };
    if running.plan.text != plan.text {
        let name = signal.stream.as_ref().map_or("", |step| &step.name);
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            format!("stream \"{name}\" began with other steps or parameters"),
        )
        .suggest("use another stream, or end this one first"));
    }
    let outputs = running.stream.next(data, others).map_err(fault);
    if signal.stream.as_ref().is_some_and(|step| step.last) {
        *memory = None;
    }
    outputs
}

/// Everything that can be asked for, as family and its members.
#[must_use]
pub fn families() -> &'static [(&'static str, &'static [&'static str])] {
    &npubridge_signal::FAMILIES
}

#[cfg(test)]
mod tests;
