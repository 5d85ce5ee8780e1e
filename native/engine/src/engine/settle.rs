//! What becomes of an inference that is over: answers, another try, streams that go on.

use std::sync::Arc;

use super::answer::{Answer, times};
use super::device::Flight;
use super::direct;
use super::models::{Form, Instance, Status, Variant};
use super::run::{Done, On, rows_of};
use super::service::{Failed, Part};
use super::state::{Pending, State};
use super::{Shared, Wake};
use crate::error::{Error, ErrorCode, Result};
use crate::model::cell::Cell;
use crate::model::signature::Signature;
use crate::operation::{Name, Output, Times};
use crate::scheduler::{Nanos, Ticket};
use crate::tensor::Tensor;

/// Where and when an inference ran.
pub(super) struct Ended<'a> {
    pub(super) instance: &'a Arc<Instance>,
    pub(super) start: Nanos,
    pub(super) compute: Nanos,
    pub(super) end: Nanos,
}

/// What must be dropped outside of the lock.
#[derive(Debug, Default)]
pub(super) struct LetGo {
    cell: Option<Cell>,
    form: Option<Form>,
    moved: Vec<Variant>,
}

impl LetGo {
    pub(super) fn is_empty(&self) -> bool {
        self.cell.is_none() && self.form.is_none() && self.moved.is_empty()
    }
}

/// Takes a finished inference into the state: the place is free again, streams go on, operations are answered or
/// wait for another try if that `may_help`. Gives what must be dropped outside of the lock.
pub(super) fn settle(
    shared: &Shared,
    state: &mut State,
    done: Done,
    may_help: bool,
    answers: &mut Vec<Answer>,
) -> LetGo {
    let Done { on, place, flights, outcome, compute, end } = done;
    let entry = &mut state.models.entries[on.model];
    entry.running = entry.running.saturating_sub(1);
    let rows = rows_of(&on.instance, &flights);
    let mut let_go = LetGo::default();
    if let Some((compiled, cell)) = place {
        if entry.generation == on.generation {
            if outcome.is_ok() {
                let_go.form = direct::learn(shared, state, &on, &compiled, rows, end);
            }
            let_go.cell = state.models.entries[on.model].keep(on.shapes.as_ref(), &compiled, cell);
        } else {
            let_go.cell = Some(cell);
        }
    }
    let entry = &mut state.models.entries[on.model];
    let ended = Ended { instance: &on.instance, start: on.start, compute, end };
    let mut wake = Wake::default();
    match outcome {
        Ok(outputs) => {
            entry.pace.learn(rows, end.saturating_sub(on.start));
            for (flight, outputs) in flights.into_iter().zip(outputs) {
                answers.push(succeed(shared, state, flight, outputs, &ended, &mut wake));
            }
        }
        Err(failed) => {
            let again = match may_help {
                true => Again::Counted,
                false if flights.len() > 1 => Again::Alone,
                false => Again::Never,
            };
            let is_last = |flight: &Flight| flight.pending.attempts >= shared.config.retries;
            if again == Again::Counted && flights.iter().any(is_last) {
                let_go.moved = shared.move_away(state, &on, &failed);
            }
            let failure = Failure { failed: &failed, again, ended: &ended };
            for flight in flights {
                answers.extend(shared.try_again(state, flight, &failure, &mut wake));
            }
        }
    }
    shared.wake(state, &wake);
    let_go
}

fn succeed(
    shared: &Shared,
    state: &mut State,
    flight: Flight,
    mut outputs: Vec<(Name, Tensor)>,
    ended: &Ended<'_>,
    wake: &mut Wake,
) -> Answer {
    let Flight { ticket, pending, .. } = flight;
    let cancelled = state.scheduler.is_cancelled(ticket);
    if !cancelled {
        outputs = step_on(state, ticket, &pending, outputs, &ended.instance.signature);
    }
    shared.left(state, ticket, &pending, wake);
    if !cancelled {
        close_stream(state, &pending);
    }
    state.scheduler.finish(ticket);
    let outcome = if cancelled { Err(cancelled_error()) } else { Ok(Output::Tensors(outputs)) };
    answer(pending, outcome, ended)
}

/// Carries the state of a stream on, and gives the outputs that are not state.
fn step_on(
    state: &mut State,
    ticket: Ticket,
    pending: &Pending,
    outputs: Vec<(Name, Tensor)>,
    signature: &Signature,
) -> Vec<(Name, Tensor)> {
    let (Some(step), Some(model)) = (pending.stream(), pending.model) else {
        return outputs;
    };
    if let Some(stream) = state.models.entries[model].streams.get_mut(&step.name) {
        let carried = if step.last { Vec::new() } else { carry(signature, &outputs) };
        stream.carry(ticket, carried);
    }
    let is_state = |index: usize| signature.state.iter().any(|(output, _)| *output == index);
    let outputs = outputs.into_iter().enumerate();
    outputs.filter(|(index, _)| !is_state(*index)).map(|(_, output)| output).collect()
}

/// What the outputs of one inference carry into the next.
fn carry(signature: &Signature, outputs: &[(Name, Tensor)]) -> Vec<(usize, Tensor)> {
    signature.state.iter().map(|(output, input)| (*input, outputs[*output].1.clone())).collect()
}

/// Forgets a stream after its last inference, unless others already wait to begin it anew.
fn close_stream(state: &mut State, pending: &Pending) {
    let (Some(step), Some(model)) = (pending.stream(), pending.model) else {
        return;
    };
    let streams = &mut state.models.entries[model].streams;
    if step.last && streams.get(&step.name).is_some_and(super::streams::Stream::is_free) {
        streams.remove(&step.name);
    }
}

fn answer(pending: Pending, outcome: Result<Output>, ended: &Ended<'_>) -> Answer {
    Answer {
        times: Times { compute: ended.compute, ..times(pending.submitted, ended.start, ended.end) },
        pending,
        outcome,
        device: Some(ended.instance.device_name.clone()),
        fallback: ended.instance.fallback.clone(),
    }
}

fn cancelled_error() -> Error {
    Error::new(ErrorCode::Cancelled, "the operation was cancelled while it ran")
}

/// Whether to try again what failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// As often as the configuration allows, and once more if the model has gone to another device then.
    Counted,
    /// Once more, alone: only then it shows which of several requests is to blame.
    Alone,
}

/// Why an inference gave nothing, and what to do about it.
pub(super) struct Failure<'a> {
    pub(super) failed: &'a Failed,
    pub(super) again: Again,
    pub(super) ended: &'a Ended<'a>,
}

impl Shared {
    /// Lets an operation whose inference failed wait for another try, or answers it: when it was cancelled, when
    /// trying again is in vain, or when it has been tried often enough. Its stream stays as it was.
    pub(super) fn try_again(
        &self,
        state: &mut State,
        flight: Flight,
        failure: &Failure<'_>,
        wake: &mut Wake,
    ) -> Option<Answer> {
        let Flight { ticket, mut pending, .. } = flight;
        let error = &failure.failed.error;
        let cancelled = state.scheduler.is_cancelled(ticket);
        // A neighbour of the same inference was cancelled: no fault of this one.
        let innocent = error.code() == ErrorCode::Cancelled;
        let alone = failure.again == Again::Alone;
        let counted = failure.again == Again::Counted || innocent;
        let device = failure.ended.instance.device;
        // One more try where the device that failed has no part in it.
        let elsewhere = pending.attempts == self.config.retries
            && pending.model.is_some_and(|model| self.is_kept_from(state, model, device));
        let tried_out = pending.attempts >= self.config.retries && !elsewhere;
        let again = alone || (counted && !tried_out);
        let mut last = None;
        if again && !cancelled && !state.closed {
            pending.attempts += 1;
            pending.alone |= alone;
            match self.wait_again(state, ticket, pending, wake) {
                Ok(()) => {
                    self.metrics.count_retries(self.device_shard(device), 1);
                    return None;
                }
                Err(back) => (pending, last) = *back,
            }
        }
        let error = match last {
            _ if cancelled => cancelled_error(),
            // The device let itself be stopped.
            _ if innocent && state.closed => {
                Error::new(ErrorCode::Cancelled, "the engine was shut down while the operation ran")
            }
            Some(error) => error,
            None => explain(error, &pending),
        };
        self.left(state, ticket, &pending, wake);
        state.scheduler.finish(ticket);
        Some(answer(pending, Err(error), failure.ended))
    }

    /// Moves a model to another device when an operation has failed on this one as often as it may: others may have
    /// succeeded there meanwhile, which helps this one nothing. Gives what must be dropped outside of the lock.
    fn move_away(&self, state: &mut State, on: &On, failed: &Failed) -> Vec<Variant> {
        if failed.part == Part::Request
            || state.models.entries[on.model].generation != on.generation
        {
            return Vec::new();
        }
        self.refuse_in(state, on.instance.device, on.model, &failed.error).unwrap_or_default()
    }

    /// Puts an operation back into the lane of its model, which may be loaded elsewhere by now, or not at all.
    ///
    /// # Errors
    /// Gives the operation back, with the error of a load that failed just now.
    fn wait_again(
        &self,
        state: &mut State,
        ticket: Ticket,
        pending: Pending,
        wake: &mut Wake,
    ) -> std::result::Result<(), Box<(Pending, Option<Error>)>> {
        let Some(model) = pending.model else {
            return Err(Box::new((pending, None)));
        };
        let now = self.now();
        let entry = &state.models.entries[model];
        if let Status::Failed { error, until } = &entry.status
            && *until > now
        {
            return Err(Box::new((pending, Some(error.clone()))));
        }
        let lane = entry.lane;
        state.scheduler.put_back(ticket, lane, pending).map_err(|back| Box::new((back, None)))?;
        match &state.models.entries[model].status {
            Status::Ready(instance) => wake.device(instance.device),
            Status::Loading(_) => {}
            Status::Unloaded | Status::Failed { .. } => {
                state.models.load_again(model);
                wake.background += 1;
            }
        }
        Ok(())
    }
}

fn explain(error: &Error, pending: &Pending) -> Error {
    if pending.attempts == 0 {
        return error.clone();
    }
    let tries = pending.attempts + 1;
    let again = Error::new(error.code(), format!("{} (tried {tries} times)", error.message()));
    let again = error.suggestions().iter().fold(again, |sum, hint| sum.suggest(hint));
    match error.cause() {
        Some(cause) => again.caused_by(cause),
        None => again,
    }
}
