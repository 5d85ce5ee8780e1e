//! The end of an operation: counted, then answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Shared;
use super::state::Pending;
use crate::error::{Error, Result};
use crate::metrics::Sample;
use crate::operation::{
    Completion, Fallback, Name, Operation, OperationResult, Output, Sink, Times,
};
use crate::scheduler::Nanos;

/// An operation with its outcome, on its way to whoever asked.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) pending: Pending,
    pub(super) outcome: Result<Output>,
    pub(super) device: Option<Name>,
    pub(super) fallback: Option<Arc<Fallback>>,
    pub(super) times: Times,
}

impl Answer {
    /// The answer of an operation that never ran.
    pub(super) fn failed(pending: Pending, error: Error, now: Nanos) -> Self {
        let waited = now.saturating_sub(pending.submitted);
        let times = Times { queue: waited, compute: 0, total: waited };
        Self { pending, outcome: Err(error), device: None, fallback: None, times }
    }

    /// The answer of an operation that ran on the host from `start` to `end`.
    pub(super) fn on_host(
        pending: Pending,
        outcome: Result<Output>,
        start: Nanos,
        end: Nanos,
    ) -> Self {
        let times = times(pending.submitted, start, end);
        Self { pending, outcome, device: None, fallback: None, times }
    }

    fn sample(&self) -> Sample {
        let model = match &self.pending.operation {
            Operation::Inference(inference) => Some(inference.model.clone()),
            _ => None,
        };
        Sample {
            kind: self.pending.operation.kind(),
            priority: self.pending.priority,
            model,
            device: self.device.clone(),
            times: self.times,
            failure: self.outcome.as_ref().err().map(Error::code),
            fallback: self.fallback.is_some(),
        }
    }
}

pub(super) fn times(submitted: Nanos, start: Nanos, end: Nanos) -> Times {
    Times {
        queue: start.saturating_sub(submitted),
        compute: end.saturating_sub(start),
        total: end.saturating_sub(submitted),
    }
}

impl Shared {
    /// Counts and answers. Never under the lock: completions run foreign code.
    pub(super) fn deliver(&self, shard: usize, answers: impl IntoIterator<Item = Answer>) {
        let answers: Vec<Answer> = answers.into_iter().collect();
        if answers.is_empty() {
            return;
        }
        self.metrics.record(shard, answers.iter().map(Answer::sample));
        let mut sink: Option<Arc<dyn Sink>> = None;
        for answer in answers {
            let kind = answer.pending.operation.kind();
            let result = OperationResult {
                kind,
                outcome: answer.outcome,
                device: answer.device,
                fallback: answer.fallback,
                times: answer.times,
            };
            match answer.pending.completion {
                Completion::Callback(callback) => guarded(|| callback(result)),
                Completion::Sink(target, token) => {
                    guarded(|| target.complete(token, result));
                    if !sink.as_ref().is_some_and(|sink| Arc::ptr_eq(sink, &target))
                        && let Some(previous) = sink.replace(target)
                    {
                        guarded(|| previous.flush());
                    }
                }
            }
        }
        if let Some(sink) = sink {
            guarded(|| sink.flush());
        }
    }
}

/// Calls foreign code: a panic in it must not take the other answers and the thread with it.
fn guarded(call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        tracing::error!("a completion panicked");
    }
}
