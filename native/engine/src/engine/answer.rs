//! The end of an operation: counted, then answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Shared;
use super::state::Pending;
use crate::error::{Error, Result};
use crate::metrics::Sample;
use crate::operation::{
    Completion, Fallback, Name, Operation, OperationResult, Output, Priority, Sink, Times,
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
        self.deliver_untold(shard, answers, &mut Untold::default());
    }

    /// As [`Shared::deliver`], but leaves it to the caller to tell the last receiver that there is something.
    pub(super) fn deliver_untold(
        &self,
        shard: usize,
        answers: impl IntoIterator<Item = Answer>,
        untold: &mut Untold,
    ) {
        let answers: Vec<Answer> = answers.into_iter().collect();
        if answers.is_empty() {
            return;
        }
        self.metrics.record(shard, answers.iter().map(Answer::sample));
        for answer in answers {
            untold.add(&answer, || self.now());
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
                    untold.to(target);
                }
            }
        }
    }
}

/// Answers that their receiver has but has not been told of yet. It is told when this is dropped.
///
/// Waking the receiver for each answer of a short inference costs the cores as much as a fifth of what the inferences
/// take. So under the throughput profile a few answers are told together, as long as enough wait to keep the device busy.
#[derive(Default)]
pub(super) struct Untold {
    sink: Option<Arc<dyn Sink>>,
    count: usize,
    /// When the first of them came.
    since: Nanos,
    urgent: bool,
}

/// Answers that are told together at the most.
const TOGETHER: usize = 8;
/// How old the first of them may be when another inference begins.
const HELD: Nanos = 300_000;
/// Answers are held over a further inference only if the one before was as short as this.
const HELD_OVER: Nanos = 200_000;

impl Untold {
    fn add(&mut self, answer: &Answer, now: impl FnOnce() -> Nanos) {
        if self.count == 0 {
            self.since = now();
        }
        self.count += 1;
        self.urgent |= answer.pending.priority >= Priority::Critical;
    }

    fn to(&mut self, sink: Arc<dyn Sink>) {
        if self.sink.as_ref().is_some_and(|other| Arc::ptr_eq(other, &sink)) {
            return;
        }
        if let Some(other) = self.sink.replace(sink) {
            guarded(|| other.flush());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether it can be told of them after another inference, given how long the last one took.
    pub(super) fn can_wait(&self, last: Nanos, now: Nanos) -> bool {
        !self.urgent
            && self.count < TOGETHER
            && last <= HELD_OVER
            && now.saturating_sub(self.since) <= HELD
    }

    pub(super) fn tell(&mut self) {
        (self.count, self.urgent) = (0, false);
        if let Some(sink) = self.sink.take() {
            guarded(|| sink.flush());
        }
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Calls foreign code: a panic in it must not take the other answers and the thread with it.
fn guarded(call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        tracing::error!("a completion panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Payload;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Sink for Counted {
        fn complete(&self, _: u64, _: OperationResult) {}

        fn flush(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn answer(priority: Priority) -> Answer {
        let completion = Completion::call(|_| {});
        let pending = Pending::new(Operation::Echo(Payload::None), priority, completion, 0);
        Answer::on_host(pending, Ok(Output::Payload(Payload::None)), 0, 0)
    }

    fn with(priorities: &[Priority]) -> Untold {
        let mut untold = Untold::default();
        priorities.iter().for_each(|priority| untold.add(&answer(*priority), || 1_000));
        untold
    }

    #[test]
    fn answers_wait_for_others_only_while_few_young_short_and_not_urgent() {
        let one = with(&[Priority::High]);
        assert!(one.can_wait(HELD_OVER, 1_000 + HELD));
        assert!(!one.can_wait(HELD_OVER + 1, 1_000));
        assert!(!one.can_wait(0, 1_001 + HELD));
        assert!(!with(&[Priority::Low, Priority::Critical]).can_wait(0, 1_000));
        assert!(!with(&[Priority::Low; TOGETHER]).can_wait(0, 1_000));
    }

    #[test]
    fn each_receiver_is_told_once_and_none_is_forgotten() {
        let (first, second) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
        let told = |sink: &Arc<Counted>| sink.0.load(Ordering::Relaxed);
        let mut untold = with(&[Priority::Low]);
        untold.to(Arc::clone(&first) as _);
        untold.to(Arc::clone(&first) as _);
        assert_eq!(told(&first), 0);
        untold.to(Arc::clone(&second) as _);
        assert_eq!((told(&first), told(&second)), (1, 0));
        drop(untold);
        assert_eq!((told(&first), told(&second)), (1, 1));
    }
}
