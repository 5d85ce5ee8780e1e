//! From a submission to a place in the queue, or its refusal.

use super::answer::Answer;
use super::state::{BACKGROUND, HOST, Pending, State};
use super::wake::Wake;
use super::{Shared, Submission, coordination, foreign};
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{Completion, Kind, Operation, Options};
use crate::scheduler::{NO_DEADLINE, Nanos, Place, Ticket, nanos};

impl Shared {
    /// Lets an operation wait, or gives the answer of one that cannot.
    pub(super) fn enqueue(
        &self,
        state: &mut State,
        submission: Submission,
        now: Nanos,
        wake: &mut Wake,
    ) -> std::result::Result<Ticket, Box<Answer>> {
        state.submitted += 1;
        if let Err(error) = self.admit(state, submission.options.priority as usize) {
            let Submission { operation, options, completion } = submission;
            let pending = Pending::new(operation, options.priority, completion, now);
            return Err(Box::new(Answer::failed(pending, error, now)));
        }
        self.enqueue_admitted(state, submission, now, wake)
    }

    /// As [`Shared::enqueue`], for an operation that there is room for.
    fn enqueue_admitted(
        &self,
        state: &mut State,
        submission: Submission,
        now: Nanos,
        wake: &mut Wake,
    ) -> std::result::Result<Ticket, Box<Answer>> {
        let Submission { operation, options, completion } = submission;
        let priority = options.priority as usize;
        let deadline =
            options.timeout.map_or(NO_DEADLINE, |timeout| now.saturating_add(nanos(timeout)));
        let mut pending = Pending::new(operation, options.priority, completion, now);
        let lane = match pending.operation.kind() {
            Kind::Route if coordination::may_embed(&pending.operation) => {
                wake.background += 1;
                BACKGROUND
            }
            Kind::Echo => {
                wake.host += 1;
                wake.short += 1;
                HOST
            }
            Kind::HealthCheck | Kind::Statistics | Kind::Route | Kind::Workflow => {
                wake.host += 1;
                HOST
            }
            Kind::Signal if foreign::is_meant_for(&pending) => {
                wake.background += 1;
                BACKGROUND
            }
            Kind::Signal => {
                if pending.signal_stream().is_some() {
                    self.watch(state, now);
                }
                wake.host += 1;
                HOST
            }
            Kind::Inference | Kind::MatrixMultiply => {
                match self.model_lane(state, &mut pending, now, wake) {
                    Ok(lane) => lane,
                    Err(error) => return Err(Box::new(Answer::failed(pending, error, now))),
                }
            }
            _ => {
                wake.background += 1;
                BACKGROUND
            }
        };
        if deadline < state.timer_at {
            wake.timer = true;
        }
        let place = Place { lane, priority, deadline, submitted: now };
        Ok(state.place(place, pending, now))
    }

    /// Submits an operation that is part of another one: it is not refused, since that one was not.
    pub(super) fn submit_for_itself(
        &self,
        operation: Operation,
        options: Options,
        completion: Completion,
    ) {
        let mut wake = Wake::default();
        let mut state = self.state.lock();
        state.submitted += 1;
        let submission = Submission { operation, options, completion };
        let refused = self.enqueue_admitted(&mut state, submission, self.now(), &mut wake);
        self.wake(&state, &wake);
        drop(state);
        self.deliver(self.background_shard(), refused.err().map(|answer| *answer));
    }

    fn admit(&self, state: &State, priority: usize) -> Result<()> {
        if state.closing {
            return Err(Error::new(ErrorCode::Cancelled, "the engine is shutting down"));
        }
        state.scheduler.admit(priority).map_err(|full| {
            let of = if full.of_priority { " of this priority" } else { "" };
            Error::new(
                ErrorCode::QueueFull,
                format!("{} operations{of} wait and the queue takes {}", full.depth, full.capacity),
            )
            .suggest("submit again when some have been answered, or raise queue.capacity")
        })
    }
}
