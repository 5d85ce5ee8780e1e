//! What the engine's one lock guards.

use std::collections::HashMap;
use std::thread::JoinHandle;

use super::models::Models;
use super::streams::Stream;
use crate::config::Config;
use crate::operation::{Completion, Name, Operation, Priority, StreamStep};
use crate::scheduler::{NO_DEADLINE, Nanos, Place, Scheduler, Ticket, Turn};
use crate::signal::Memory;

/// The lane of operations that need no device.
pub(super) const HOST: usize = 0;
/// The lane of operations that load and unload.
pub(super) const BACKGROUND: usize = 1;

/// An operation between submission and answer.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) operation: Operation,
    pub(super) priority: Priority,
    pub(super) completion: Completion,
    pub(super) submitted: Nanos,
    /// How often it has been tried on a device.
    pub(super) attempts: u32,
    /// The model it runs on, as an index into the models.
    pub(super) model: Option<usize>,
    /// Not to be run together with others, since an inference with others failed.
    pub(super) alone: bool,
}

impl Pending {
    pub(super) fn new(
        operation: Operation,
        priority: Priority,
        completion: Completion,
        submitted: Nanos,
    ) -> Self {
        Self { operation, priority, completion, submitted, attempts: 0, model: None, alone: false }
    }

    pub(super) fn stream(&self) -> Option<&StreamStep> {
        match &self.operation {
            Operation::Inference(inference) => inference.stream.as_ref(),
            _ => None,
        }
    }

    /// The stream of a signal, which belongs to no model.
    pub(super) fn signal_stream(&self) -> Option<&StreamStep> {
        match &self.operation {
            Operation::Signal(signal) => signal.stream.as_ref(),
            _ => None,
        }
    }
}

/// A stream of signals: whose turn it is, and what the blocks before left behind.
#[derive(Debug)]
pub(super) struct SignalStream {
    pub(super) turn: Stream,
    pub(super) memory: Memory,
}

/// What the engine's one lock guards.
#[derive(Debug)]
pub(super) struct State {
    pub(super) scheduler: Scheduler<Pending>,
    pub(super) host_turn: Turn,
    pub(super) background_turn: Turn,
    pub(super) idle_hosts: usize,
    /// Workers of each device that have nothing to do.
    pub(super) idle_workers: Vec<usize>,
    pub(super) models: Models,
    pub(super) signals: HashMap<Name, SignalStream>,
    /// Operations that something long is done for, by a thread that only has the ticket. Whoever takes one out of here
    /// answers it: that thread when it is done, a cancellation, or the end of the engine.
    pub(super) apart: HashMap<Ticket, Pending>,
    pub(super) submitted: u64,
    /// When the timer wakes up by itself.
    pub(super) timer_at: Nanos,
    /// No further operations are taken.
    pub(super) closing: bool,
    /// The threads end.
    pub(super) closed: bool,
    /// Threads that were started on the way, for devices and benchmarks.
    threads: Vec<JoinHandle<()>>,
}

impl State {
    pub(super) fn new(config: &Config) -> Self {
        let mut scheduler = Scheduler::new(config.aging, config.capacity);
        let (host, background) = (scheduler.add_lane(), scheduler.add_lane());
        assert_eq!((host, background), (HOST, BACKGROUND));
        Self {
            scheduler,
            host_turn: Turn::default(),
            background_turn: Turn::default(),
            idle_hosts: 0,
            idle_workers: vec![0; config.devices.len()],
            apart: HashMap::new(),
            signals: HashMap::new(),
            models: Models::new(config.devices.len()),
            submitted: 0,
            timer_at: NO_DEADLINE,
            closing: false,
            closed: false,
            threads: Vec::new(),
        }
    }

    /// Keeps a thread to be waited for at the end.
    pub(super) fn add_thread(&mut self, thread: JoinHandle<()>) {
        // What a thread takes is freed only when its handle is.
        self.threads.retain(|other| !other.is_finished());
        self.threads.push(thread);
    }

    pub(super) fn take_threads(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.threads)
    }

    /// Lets an operation wait: in its lane, or behind the others of its stream.
    pub(super) fn place(&mut self, place: Place, pending: Pending, now: Nanos) -> Ticket {
        if let Some(step) = pending.signal_stream() {
            let name = step.name.clone();
            return self.place_signal(place, pending, name, now);
        }
        let Some(step) = pending.stream().cloned() else {
            return self.scheduler.push(place, pending);
        };
        let model = pending.model.expect("streams belong to models");
        let stream = self.models.stream(model, &step.name, now);
        if stream.is_free() {
            let ticket = self.scheduler.push(place, pending);
            self.models.stream(model, &step.name, now).hold(ticket);
            ticket
        } else {
            let ticket = self.scheduler.park(place, pending);
            self.models.stream(model, &step.name, now).queue(ticket);
            ticket
        }
    }

    fn place_signal(&mut self, place: Place, pending: Pending, name: Name, now: Nanos) -> Ticket {
        let Self { scheduler, signals, .. } = self;
        let stream = signals
            .entry(name)
            .or_insert_with(|| SignalStream { turn: Stream::new(now), memory: Memory::default() });
        if stream.turn.is_free() {
            let ticket = scheduler.push(place, pending);
            stream.turn.hold(ticket);
            ticket
        } else {
            let ticket = scheduler.park(place, pending);
            stream.turn.queue(ticket);
            ticket
        }
    }

    /// A block of a stream of signals is done or gone: the next may go. A stream that was `closed` is forgotten, unless
    /// others already wait to begin it anew.
    pub(super) fn signal_left(&mut self, ticket: Ticket, name: &Name, closed: bool, now: Nanos) {
        let Self { scheduler, signals, .. } = self;
        let Some(stream) = signals.get_mut(name) else { return };
        stream.turn.advance(ticket, now, |next| scheduler.release(next));
        if closed && stream.turn.is_free() {
            signals.remove(name);
        }
    }
}
