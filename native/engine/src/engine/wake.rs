//! Waking the threads that have something to do.

use smallvec::SmallVec;

use super::state::State;
use super::{BACKGROUND_WORKERS, Shared};

/// Which threads an update of the state gives work to.
#[derive(Debug, Default)]
pub(super) struct Wake {
    pub(super) host: usize,
    /// How many of those of the host are short.
    pub(super) short: usize,
    pub(super) background: usize,
    pub(super) timer: bool,
    /// How many operations each device got; shorter than the list of devices when the last ones got none.
    pub(super) devices: SmallVec<[usize; 4]>,
}

impl Wake {
    /// One more operation for a device.
    pub(super) fn device(&mut self, index: usize) {
        if self.devices.len() <= index {
            self.devices.resize(index + 1, 0);
        }
        self.devices[index] += 1;
    }
}

impl Shared {
    /// Wakes as many threads as there are operations for, if they are idle.
    pub(super) fn wake(&self, state: &State, wake: &Wake) {
        for _ in 0..wake.host.min(state.idle_hosts) {
            self.host_wake.notify_one();
        }
        for _ in 0..wake.background.min(BACKGROUND_WORKERS) {
            self.background_wake.notify_one();
        }
        if wake.timer {
            self.timer_wake.notify_one();
        }
        for (index, operations) in wake.devices.iter().enumerate() {
            for _ in 0..(*operations).min(state.idle_workers[index]) {
                self.devices[index].wake.notify_one();
            }
        }
    }

    pub(super) fn wake_all(&self) {
        self.host_wake.notify_all();
        self.background_wake.notify_all();
        self.timer_wake.notify_all();
        self.power_wake.notify_all();
        for device in &self.devices {
            device.wake.notify_all();
        }
    }
}
