//! Operations that need no device.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::answer::Answer;
use super::state::{HOST, Pending, State};
use super::{Shared, Wake, coordination};
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{Operation, Output, StreamStep};
use crate::scheduler::{Nanos, Ticket};
use crate::signal;
use crate::sync::MutexGuard;

/// Operations taken at once: enough to make the lock cheap, few enough that an urgent one does not wait for long.
const GROUP: usize = 64;

/// As many short operations run on the thread that submits them: what takes less than waking a thread is not worth one.
const HERE: usize = 8;

/// Operations that are taken together, on their way through a thread.
#[derive(Default)]
struct Group {
    taken: Vec<(Ticket, Pending)>,
    expired: Vec<(Ticket, Pending)>,
    done: Vec<(Ticket, Option<StreamStep>)>,
}

impl Group {
    fn take(&mut self, state: &mut State, now: Nanos) {
        while self.taken.len() < GROUP {
            let Some(choice) =
                state.scheduler.choose([HOST].into_iter(), now, &mut state.host_turn)
            else {
                break;
            };
            let next = state.scheduler.take(choice, now, &mut self.expired);
            let long = next.as_ref().is_some_and(|(_, pending)| takes_long(&pending.operation));
            self.taken.extend(next);
            // Nothing waits behind it that others could run, or that may expire or be cancelled meanwhile.
            if long {
                break;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.expired.is_empty()
    }

    fn run(&mut self, shared: &Shared, shard: usize) {
        shared.deliver_expired(shard, &mut self.expired);
        let stream = |pending: &Pending| pending.signal_stream().cloned();
        self.done.extend(self.taken.iter().map(|(ticket, pending)| (*ticket, stream(pending))));
        run(shared, shard, &mut self.taken);
    }

    fn end(&mut self, shared: &Shared, state: &mut MutexGuard<'_, State>) {
        for (ticket, step) in self.done.drain(..) {
            end(shared, state, ticket, step);
        }
        shared.finished(state);
    }
}

/// Takes and runs operations of the host lane until the engine closes.
pub(super) fn work(shared: &Shared, shard: usize) {
    let mut group = Group::default();
    let mut state = shared.state.lock();
    loop {
        group.end(shared, &mut state);
        group.take(&mut state, shared.now());
        if group.is_empty() {
            if state.closed {
                return;
            }
            state.idle_hosts += 1;
            shared.host_wake.wait(&mut state);
            state.idle_hosts -= 1;
            continue;
        }
        drop(state);
        group.run(shared, shard);
        state = shared.state.lock();
    }
}

/// Whether what was just submitted is run at once by who submits it: little that is short, for which a thread would have
/// to be woken, and nothing waited before it.
pub(super) fn is_quicker_here(state: &State, wake: &Wake, waited: bool) -> bool {
    let few = (1..=HERE).contains(&wake.host);
    few && wake.host == wake.short && !waited && state.idle_hosts > 0
}

/// Runs what waits in the host lane, all of it short.
pub(super) fn run_here(shared: &Shared, mut state: MutexGuard<'_, State>) {
    let (mut group, shard) = (Group::default(), shared.submit_shard());
    group.take(&mut state, shared.now());
    drop(state);
    group.run(shared, shard);
    group.end(shared, &mut shared.state.lock());
}

/// An operation has run: the next of its stream may. Nobody is woken for that one: whoever ends an operation looks for
/// the next itself.
fn end(shared: &Shared, state: &mut State, ticket: Ticket, step: Option<StreamStep>) {
    if let Some(step) = step {
        state.signal_left(ticket, &step.name, step.last, shared.now());
    }
    state.scheduler.finish(ticket);
}

/// Runs what was taken: short operations as one, so that the clock is read once for all and each has taken its share,
/// then the long one that may be the last.
fn run(shared: &Shared, shard: usize, taken: &mut Vec<(Ticket, Pending)>) {
    let long = taken.pop_if(|(_, pending)| takes_long(&pending.operation));
    let mut start = shared.now();
    if !taken.is_empty() {
        let ran: Vec<_> = taken
            .drain(..)
            .map(|(_, mut pending)| (run_one(shared, &mut pending), pending))
            .collect();
        let end = shared.now();
        let share = (end - start) / ran.len() as Nanos;
        let answers = ran
            .into_iter()
            .map(|(outcome, pending)| Answer::on_host(pending, outcome, start, start + share));
        shared.deliver(shard, answers);
        start = end;
    }
    if let Some((_, mut pending)) = long {
        let outcome = run_one(shared, &mut pending);
        let answer = Answer::on_host(pending, outcome, start, shared.now());
        shared.deliver(shard, std::iter::once(answer));
    }
}

fn takes_long(operation: &Operation) -> bool {
    !matches!(operation, Operation::Echo(_))
}

fn run_one(shared: &Shared, pending: &mut Pending) -> Result<Output> {
    let kind = pending.operation.kind();
    let ran = catch_unwind(AssertUnwindSafe(|| execute(shared, pending)));
    ran.unwrap_or_else(|_| {
        let message = format!("{} failed for a fault of the engine", kind.name());
        Err(Error::new(ErrorCode::Internal, message))
    })
}

fn execute(shared: &Shared, pending: &mut Pending) -> Result<Output> {
    match &mut pending.operation {
        Operation::Echo(payload) => Ok(Output::Payload(std::mem::take(payload))),
        Operation::HealthCheck => report(&shared.health()),
        Operation::Statistics => report(&shared.snapshot()),
        Operation::Route(route) => coordination::route(shared, route),
        Operation::Signal(asked) => {
            let stream = asked.stream.as_ref().and_then(|step| {
                shared.state.lock().signals.get(&step.name).map(|stream| stream.memory.clone())
            });
            signal::run(asked, stream.as_ref())
        }
        Operation::Workflow(workflow) => coordination::workflow(shared, (**workflow).clone()),
        other => Err(Error::new(
            ErrorCode::Internal,
            format!("{} is not an operation of the host", other.kind().name()),
        )),
    }
}

/// Anything that serde can write, as the JSON text of a report.
pub(super) fn report(value: &impl serde::Serialize) -> Result<Output> {
    let text = serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorCode::Internal, "a report could not be written").caused_by(error)
    })?;
    Ok(Output::Report(text))
}

impl Shared {
    /// Answers operations whose deadline came before their turn.
    pub(super) fn deliver_expired(&self, shard: usize, expired: &mut Vec<(Ticket, Pending)>) {
        if expired.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let mut wake = Wake::default();
        for (ticket, pending) in expired.iter() {
            self.left(&mut state, *ticket, pending, &mut wake);
        }
        self.wake(&state, &wake);
        self.finished(&state);
        drop(state);
        let now = self.now();
        self.deliver(shard, expired.drain(..).map(|(_, pending)| too_late(pending, now)));
    }
}

fn too_late(pending: Pending, now: Nanos) -> Answer {
    let waited = std::time::Duration::from_nanos(now.saturating_sub(pending.submitted));
    let error = Error::new(
        ErrorCode::DeadlineExceeded,
        format!(
            "the operation had not started when its time was up, after {waited:.1?} in the queue"
        ),
    );
    Answer::failed(pending, error, now)
}
