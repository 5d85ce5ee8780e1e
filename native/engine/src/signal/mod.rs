//! The operation `signal`: what is asked for in JSON, run by npubridge-signal on tensors.

mod convert;
mod elsewhere;
mod graph;
mod interpreter;
mod matlab;
mod octave;
mod plan;
mod program;

use std::sync::Arc;

use npubridge_signal::{Outputs, Signal as Samples, Stream};

use crate::error::{Error, ErrorCode, Result};
use crate::operation::{Output, Signal};
use crate::sync::Mutex;
use convert::{fault, processed, samples};
use plan::Plan;

pub(crate) use elsewhere::{Place, by_program, device_step, from_device, place, run_elsewhere};
pub(crate) use interpreter::{Interpreter, Language, Patience, start};

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
    if plan.backend.place() != Place::Native {
        return Err(Error::new(
            ErrorCode::UnsupportedOperation,
            format!(
                "backend {} keeps nothing between blocks: streams run natively",
                plan.backend.name()
            ),
        )
        .suggest("leave out stream, or backend and device"));
    }
    let data = samples("data", &signal.data, plan.complex)?;
    let others = others(signal)?;
    let outputs = match memory {
        None => plan.pipeline.run(&data, &others).map_err(fault)?,
        Some(memory) => next_block(&plan, memory, signal, &data, &others)?,
    };
    processed(outputs, plan.backend.name(), plan.backend.reason())
}

fn others(signal: &Signal) -> Result<Vec<(&str, Samples<'_>)>> {
    let read = |name: &str, tensor| samples(&format!("inputs.{name}"), tensor, false);
    signal.inputs.iter().map(|(name, tensor)| Ok((&**name, read(name, tensor)?))).collect()
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
