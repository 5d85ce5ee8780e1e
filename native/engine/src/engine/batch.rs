//! Which operations a worker takes next, and which of them run together.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Answer;
use super::device::Flight;
use super::models::{Entry, Instance, Job, Shapes, Stacking};
use super::run::{On, Work};
use super::state::{Pending, State};
use super::{Shared, Wake};
use crate::error::{Error, ErrorCode, Result};
use crate::model::signature::rows;
use crate::operation::Priority;
use crate::scheduler::{NO_DEADLINE, Nanos, Scheduler, Ticket, nanos};
use crate::tensor::Tensor;

pub(super) enum Next {
    Work(Box<Work>),
    /// Nothing now; at this time a batch is due.
    WaitUntil(Nanos),
}

/// Takes the most urgent work of a device: one operation, or several that run together.
pub(super) fn take(
    shared: &Shared,
    state: &mut State,
    device: usize,
    expired: &mut Vec<(Ticket, Pending)>,
    refused: &mut Vec<Answer>,
) -> Next {
    let now = shared.now();
    let mut due = NO_DEADLINE;
    let at_least = shared.devices[device].admission.delay();
    loop {
        let is_full = shared.is_full(state, device);
        let State { scheduler, models, .. } = &mut *state;
        let mut ready = models.lanes[device].clone();
        ready.retain(|lane| {
            // What is realtime is not held back by a device that is throttled.
            if is_full && !is_realtime(scheduler, *lane) {
                return false;
            }
            let ripe = ripe_at(scheduler, &models.entries[models.of_lane(*lane)], at_least);
            if ripe > now {
                due = due.min(ripe);
            }
            ripe <= now
        });
        let Some(choice) = scheduler.choose(ready.into_iter(), now, &mut models.turns[device])
        else {
            return Next::WaitUntil(due);
        };
        let Some((ticket, pending)) = scheduler.take(choice, now, expired) else {
            if expired.is_empty() {
                continue;
            }
            return Next::WaitUntil(due);
        };
        match form(shared, state, choice.lane, ticket, pending, now, expired) {
            Ok(work) => return Next::Work(Box::new(work)),
            Err(refusal) => {
                let (ticket, answer) = *refusal;
                state.scheduler.finish(ticket);
                let mut wake = Wake::default();
                shared.left(state, ticket, &answer.pending, &mut wake);
                shared.wake(state, &wake);
                refused.push(answer);
            }
        }
    }
}

/// When the inferences that wait for a model are to run: at once, or when others have had time to join them.
fn ripe_at(scheduler: &mut Scheduler<Pending>, entry: &Entry, at_least: Duration) -> Nanos {
    let Some(instance) = entry.instance() else {
        return NO_DEADLINE;
    };
    let batching = &instance.batching;
    let delay = nanos(batching.delay.max(at_least));
    let enough = batching.preferred.first().copied().unwrap_or(batching.max);
    let alone = delay == 0 || entry.stacking == Stacking::Never;
    if alone || scheduler.lane_depth(entry.lane) >= enough {
        return 0;
    }
    if delay > nanos(batching.delay) && is_realtime(scheduler, entry.lane) {
        return 0;
    }
    let Some(first) = scheduler.peek(entry.lane) else {
        return NO_DEADLINE;
    };
    let ripe = first.submitted.saturating_add(delay);
    // What would be too late by then does not wait.
    if scheduler.lane_deadline(entry.lane) <= ripe { 0 } else { ripe }
}

fn is_realtime(scheduler: &mut Scheduler<Pending>, lane: usize) -> bool {
    scheduler.peek(lane).is_some_and(|first| first.priority == Priority::Realtime)
}

/// Makes an inference of an operation and of those behind it that can run with it.
fn form(
    shared: &Shared,
    state: &mut State,
    lane: usize,
    ticket: Ticket,
    pending: Pending,
    now: Nanos,
    expired: &mut Vec<(Ticket, Pending)>,
) -> std::result::Result<Work, Box<(Ticket, Answer)>> {
    let model = state.models.of_lane(lane);
    let entry = &mut state.models.entries[model];
    let instance = Arc::clone(entry.instance().expect("the lane belongs to a model in service"));
    let refuse = |pending, error| Box::new((ticket, Answer::failed(pending, error, now)));
    let carried = match carried_state(entry, &instance, &pending) {
        Ok(carried) => carried,
        Err(error) => return Err(refuse(pending, error)),
    };
    let mut shapes = match input_shapes(&instance, &pending, &carried) {
        Ok(shapes) => shapes,
        Err(error) => return Err(refuse(pending, error)),
    };
    let alone = pending.alone || instance.batching.max <= 1;
    let mut flights = vec![Flight { ticket, pending, carried }];
    let stacks = stacking(shared, state, model, &instance) == Stacking::Proven;
    if stacks && !alone {
        let limit = rows_together(shared, state, lane, &instance, shapes[0][0]);
        let stack = Stack { lane, instance: &instance, shapes: &shapes, limit };
        let total = stack.fill(state, now, expired, &mut flights);
        for shape in &mut shapes {
            shape[0] = total;
        }
    }
    let total = shapes.first().and_then(|shape| shape.first()).copied();
    let shapes = variant_shapes(&instance, shapes, stacks);
    let padded = shapes.as_ref().is_some_and(|shapes| shapes[0].first().copied() != total);
    let by_rows = flights.len() > 1 || padded;
    let entry = &mut state.models.entries[model];
    entry.running += 1;
    entry.used = now;
    let found = entry.variant(shapes.as_ref(), now);
    let generation = entry.generation;
    shared.watch(state, now);
    shared.devices[instance.device].admission.note_work();
    let on = On { model, instance, generation, shapes, by_rows, start: now };
    Ok(Work { on, found, flights })
}

/// Whether requests of a model run together. That is found out when there first are some that could.
fn stacking(
    shared: &Shared,
    state: &mut State,
    model: usize,
    instance: &Arc<Instance>,
) -> Stacking {
    let entry = &mut state.models.entries[model];
    if entry.stacking == Stacking::Unproven && state.scheduler.lane_depth(entry.lane) > 0 {
        entry.stacking = Stacking::Proving;
        state.models.jobs.push_back(Job::Prove(model, Arc::clone(instance)));
        shared.background_wake.notify_one();
    }
    state.models.entries[model].stacking
}

/// How many rows to run in one inference, given how many wait and how many workers share them.
fn rows_together(
    shared: &Shared,
    state: &mut State,
    lane: usize,
    instance: &Instance,
    first: usize,
) -> usize {
    let waiting = first + state.scheduler.lane_depth(lane);
    let batching = &instance.batching;
    let max = batching.max;
    if !batching.preferred.is_empty() {
        return batching.filled_by(waiting).unwrap_or_else(|| waiting.min(max));
    }
    if !batching.adaptive {
        return waiting.min(max);
    }
    let workers = shared.devices[instance.device].workers().max(1);
    let model = state.models.of_lane(lane);
    state.models.entries[model].pace.rows(waiting.div_ceil(workers), max)
}

/// An inference that is being filled with operations of one lane.
struct Stack<'a> {
    lane: usize,
    instance: &'a Instance,
    /// Shapes of the first operation: the others differ in their rows only.
    shapes: &'a Shapes,
    /// Rows at the most.
    limit: usize,
}

impl Stack<'_> {
    /// Takes operations that can run together with the first and gives how many rows there are then.
    fn fill(
        &self,
        state: &mut State,
        now: Nanos,
        expired: &mut Vec<(Ticket, Pending)>,
        flights: &mut Vec<Flight>,
    ) -> usize {
        let mut total = self.shapes[0][0];
        while total < self.limit {
            let next = state.scheduler.peek(self.lane);
            let Some(count) = next.and_then(|next| stackable(self.instance, next, self.shapes))
            else {
                break;
            };
            if total + count > self.limit {
                break;
            }
            let before = expired.len();
            let Some((ticket, pending)) = state.scheduler.take_from(self.lane, now, expired) else {
                break;
            };
            // The one that was looked at may have expired; another has come then, which need not fit.
            let changed = expired.len() > before;
            if changed && stackable(self.instance, &pending, self.shapes) != Some(count) {
                if let Err(pending) = state.scheduler.put_back(ticket, self.lane, pending) {
                    expired.push((ticket, pending));
                }
                break;
            }
            total += count;
            flights.push(Flight { ticket, pending, carried: Vec::new() });
        }
        total
    }
}

/// What the stream of an operation carries into it.
fn carried_state(
    entry: &mut Entry,
    instance: &Instance,
    pending: &Pending,
) -> Result<Vec<(usize, Tensor)>> {
    let Some(step) = pending.stream() else {
        return Ok(Vec::new());
    };
    match entry.streams.get_mut(&step.name).and_then(|stream| stream.start()) {
        Some(carried) => Ok(carried.clone()),
        None => instance.signature.initial_state(),
    }
}

fn input_shapes(
    instance: &Instance,
    pending: &Pending,
    carried: &[(usize, Tensor)],
) -> Result<Shapes> {
    let inputs = instance.signature.arrange(pending.inference(), carried)?;
    if instance.signature.stacks && rows(&inputs).is_none() {
        return Err(Error::new(
            ErrorCode::ShapeMismatch,
            format!("the inputs of {} differ in their first dimension", instance.signature.model),
        ));
    }
    Ok(inputs.iter().map(|tensor| tensor.shape().to_vec()).collect())
}

/// The rows of an operation that can run together with one of `shapes`.
fn stackable(instance: &Instance, pending: &Pending, shapes: &Shapes) -> Option<usize> {
    if pending.alone || pending.stream().is_some() {
        return None;
    }
    let inputs = instance.signature.arrange(pending.inference(), &[]).ok()?;
    let same = inputs.iter().zip(shapes).all(|(tensor, shape)| tensor.shape()[1..] == shape[1..]);
    rows(&inputs).filter(|_| same)
}

/// Which compiled form takes inputs of these shapes; none in particular: the model as it is.
fn variant_shapes(instance: &Instance, mut shapes: Shapes, stacks: bool) -> Option<Shapes> {
    let signature = &instance.signature;
    if signature.fixed {
        return None;
    }
    let rows = shapes[0].first().copied().unwrap_or(1);
    let rung = instance.batching.rung(rows);
    let few = signature.only_rows_open && rows == rung;
    if instance.open_shapes && !few {
        return None;
    }
    if stacks {
        for shape in &mut shapes {
            shape[0] = rung;
        }
    }
    Some(shapes)
}
