//! Signals that are worked out elsewhere: on a device, or by another program.
//!
//! Each of those has a thread that is started when there is something to do and ends when nothing is left. While it
//! waits, the operation is kept apart, so that it can be cancelled.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use lru::LruCache;
use npubridge_signal::{Lowered, Outputs};

use super::Shared;
use super::answer::Answer;
use super::state::Pending;
use crate::error::{Error, ErrorCode, Result};
use crate::model::source::Generated;
use crate::operation::{
    Completion, Fallback, Inference, Name, Operation, Options, Output, Priority, Signal,
};
use crate::scheduler::Ticket;
use crate::signal::{self, Interpreter, Language, Patience, Place};
use crate::sync::Mutex;

/// Models of steps that stay loaded.
const KEPT: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");

/// What is worked out elsewhere.
#[derive(Debug)]
pub(super) struct Foreign {
    device: Mutex<Queue>,
    octave: Program,
    matlab: Program,
    models: Mutex<LruCache<Name, Arc<Generated>>>,
}

/// Another program, with what waits for it.
#[derive(Debug, Default)]
struct Program {
    queue: Mutex<Queue>,
    running: Mutex<Option<Box<dyn Interpreter>>>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<(Ticket, Signal)>,
    working: bool,
}

impl Default for Foreign {
    fn default() -> Self {
        Self {
            device: Mutex::default(),
            octave: Program::default(),
            matlab: Program::default(),
            models: Mutex::new(LruCache::new(KEPT)),
        }
    }
}

impl Foreign {
    fn queue(&self, place: &Place) -> &Mutex<Queue> {
        match place {
            Place::Program(language) => &self.program(*language).queue,
            Place::Native | Place::Device(_) => &self.device,
        }
    }

    fn program(&self, language: Language) -> &Program {
        match language {
            Language::Octave => &self.octave,
            Language::Matlab => &self.matlab,
        }
    }

    /// The model of a step by its name.
    pub(super) fn model(&self, name: &str) -> Option<Arc<Generated>> {
        self.models.lock().get(name).cloned()
    }
}

/// Whether an operation is worked out elsewhere. Blocks of a stream never are: the host refuses to.
pub(super) fn is_meant_for(pending: &Pending) -> bool {
    match &pending.operation {
        Operation::Signal(signal) => {
            signal.stream.is_none() && signal::place(&signal.description) != Place::Native
        }
        _ => false,
    }
}

/// Hands an operation to the thread of its place, which is started if there is none.
pub(super) fn begin(shared: &Arc<Shared>, ticket: Ticket, signal: Signal) {
    let place = signal::place(&signal.description);
    let mut queue = shared.foreign.queue(&place).lock();
    queue.jobs.push_back((ticket, signal));
    if std::mem::replace(&mut queue.working, true) {
        return;
    }
    drop(queue);
    let owner = Arc::clone(shared);
    let of = place.clone();
    let thread = std::thread::Builder::new()
        .name("npubridge-signal".into())
        .spawn(move || work(&owner, &of));
    match thread {
        Ok(thread) => shared.state.lock().add_thread(thread),
        Err(error) => {
            let error =
                Error::new(ErrorCode::ResourceExhausted, "no thread for signals").caused_by(error);
            let jobs = {
                let mut queue = shared.foreign.queue(&place).lock();
                queue.working = false;
                std::mem::take(&mut queue.jobs)
            };
            for (ticket, _) in jobs {
                let now = shared.now();
                shared.answer_apart(ticket, |pending| Answer::failed(pending, error.clone(), now));
            }
        }
    }
}

fn work(shared: &Arc<Shared>, place: &Place) {
    loop {
        let next = {
            let mut queue = shared.foreign.queue(place).lock();
            let next = queue.jobs.pop_front();
            queue.working = next.is_some();
            next
        };
        let Some((ticket, signal)) = next else { return };
        let start = shared.now();
        let priority = shared.state.lock().apart.get(&ticket).map(|pending| pending.priority);
        // Cancelled while it waited.
        let Some(priority) = priority else { continue };
        let mut used = (None, None);
        let outcome = run(shared, ticket, &signal, priority, &mut used);
        let end = shared.now();
        shared.answer_apart(ticket, |pending| Answer {
            device: used.0,
            fallback: used.1,
            ..Answer::on_host(pending, outcome, start, end)
        });
    }
}

/// The device that ran, and whether that was not the first choice.
type Used = (Option<Name>, Option<Arc<Fallback>>);

fn run(
    shared: &Shared,
    ticket: Ticket,
    signal: &Signal,
    priority: Priority,
    used: &mut Used,
) -> Result<Output> {
    signal::run_elsewhere(signal, |place, limit, lowered| match place {
        Place::Native => Err(Error::new(ErrorCode::Internal, "native signals run on the host")),
        Place::Program(language) => shared.by_program(*language, ticket, limit, lowered),
        Place::Device(device) => {
            let (outputs, by) = shared.on_device(device.as_deref(), lowered, priority)?;
            *used = by;
            Ok(outputs)
        }
    })
}

impl Shared {
    fn by_program(
        &self,
        language: Language,
        ticket: Ticket,
        limit: Duration,
        lowered: Lowered,
    ) -> Result<Outputs> {
        let wanted = || {
            let state = self.state.lock();
            !state.closing && state.apart.contains_key(&ticket)
        };
        let patience = Patience { limit, wanted: &wanted };
        let mut slot = self.foreign.program(language).running.lock();
        let mut program = match slot.take() {
            Some(running) => running,
            None => signal::start(language, &self.config.matlab, &patience)?,
        };
        let outputs = signal::by_program(&mut *program, lowered, &patience);
        // After anything but its own objection it is in an unknown state.
        let sound = outputs
            .as_ref()
            .map_or_else(|error| error.code() == ErrorCode::InvalidArgument, |_| true);
        if sound {
            *slot = Some(program);
        }
        outputs
    }

    /// Runs a step as a model, by the scheduler like any other.
    fn on_device(
        &self,
        device: Option<&str>,
        lowered: Lowered,
        priority: Priority,
    ) -> Result<(Outputs, Used)> {
        let device = device.map(|wanted| self.device_called(wanted)).transpose()?;
        let step = signal::device_step(&lowered, device)?;
        let replaced = {
            let mut models = self.foreign.models.lock();
            match models.get(&step.name) {
                Some(_) => None,
                None => models.push(step.name.clone(), Arc::new(step.model)),
            }
        };
        if let Some((model, _)) = replaced {
            let ignored = Completion::call(|_| {});
            let unload = Operation::UnloadModel { model };
            self.submit_for_itself(unload, Options::default(), ignored);
        }
        let (answered, answer) = mpsc::channel();
        let completion = Completion::call(move |result| {
            // Nobody listens any more at the end of the engine.
            let _ = answered.send(result);
        });
        let inference = Inference { model: step.name, inputs: vec![step.input], stream: None };
        let operation = Operation::Inference(Box::new(inference));
        self.submit_for_itself(operation, Options { priority, timeout: None }, completion);
        let lost = || Error::new(ErrorCode::Internal, "the device gave no answer");
        let result = answer.recv().map_err(|_| lost())?;
        let Output::Tensors(outputs) = result.outcome? else { return Err(lost()) };
        let (_, tensor) = outputs.into_iter().next().ok_or_else(lost)?;
        let outputs = signal::from_device(lowered, &tensor)?;
        Ok((outputs, (result.device, result.fallback)))
    }

    /// The device of this engine that is called like that, whatever its number.
    fn device_called(&self, wanted: &str) -> Result<Name> {
        let family = |name: &str| name.split('.').next().unwrap_or(name).to_ascii_uppercase();
        let names = || self.devices.iter().map(|device| &device.name);
        let found = names().find(|name| {
            name.eq_ignore_ascii_case(wanted) || family(name) == wanted.to_ascii_uppercase()
        });
        found.cloned().ok_or_else(|| {
            let known: Vec<&str> = names().map(|name| &**name).collect();
            Error::new(
                ErrorCode::DeviceUnavailable,
                format!(
                    "device {wanted} is not one of this engine, which has {}",
                    known.join(", ")
                ),
            )
            .suggest("run `npubridge probe` to see why a device is missing")
        })
    }
}
