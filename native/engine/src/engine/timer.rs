//! The thread that watches the clock: deadlines, hung inferences, idle streams, devices to try again.

use std::time::Duration;

use super::Shared;
use super::state::State;
use crate::scheduler::{NO_DEADLINE, Nanos, nanos};

/// How often running inferences and idle streams are looked at, at the most.
const ROUND: Duration = Duration::from_millis(100);

/// Watches until the engine closes.
pub(super) fn work(shared: &Shared) {
    let mut expired = Vec::new();
    let mut next_round = nanos(ROUND);
    let mut state = shared.state.lock();
    while !state.closed {
        let now = shared.now();
        state.scheduler.expire(now, &mut expired);
        let mut wake_at = state.scheduler.next_deadline().unwrap_or(NO_DEADLINE);
        wake_at = wake_at.min(shared.retry(&mut state, now));
        let round = now >= next_round;
        if round {
            forget_idle_streams(shared, &mut state, now);
            shared.load_waiting(&mut state);
            next_round = now + nanos(ROUND);
        }
        if needs_rounds(&state) {
            wake_at = wake_at.min(next_round);
        }
        if round || !expired.is_empty() {
            drop(state);
            shared.deliver_expired(shared.timer_shard(), &mut expired);
            if round {
                shared.abandon_hung();
            }
            state = shared.state.lock();
            continue;
        }
        state.timer_at = wake_at;
        if wake_at == NO_DEADLINE {
            shared.timer_wake.wait(&mut state);
        } else {
            shared
                .timer_wake
                .wait_until(&mut state, shared.started + Duration::from_nanos(wake_at));
        }
        state.timer_at = 0;
    }
}

/// Whether anything is there that only rounds notice.
fn needs_rounds(state: &State) -> bool {
    !state.models.waiting.is_empty()
        || !state.signals.is_empty()
        || state.models.entries.iter().any(|entry| entry.running > 0 || !entry.streams.is_empty())
}

impl Shared {
    /// Makes sure that the timer looks after an inference that starts now.
    pub(super) fn watch(&self, state: &mut State, now: Nanos) {
        if state.timer_at > now.saturating_add(nanos(ROUND)) {
            // Told once; it finds out itself what else there is.
            state.timer_at = 0;
            self.timer_wake.notify_one();
        }
    }
}

fn forget_idle_streams(shared: &Shared, state: &mut State, now: Nanos) {
    let limit = now.saturating_sub(nanos(shared.config.stream_idle));
    state.signals.retain(|_, stream| !stream.turn.is_idle_since(limit));
    for entry in &mut state.models.entries {
        entry.streams.retain(|_, stream| !stream.is_idle_since(limit));
    }
}
