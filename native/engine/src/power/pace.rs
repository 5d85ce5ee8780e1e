//! When telemetry is read: by the machine's clock, or when somebody says so.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::{Condvar, Mutex};

use super::PERIOD;

/// When readings are taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Pace {
    /// Every [`PERIOD`] of the machine's clock.
    #[default]
    Clock,
    /// One for each call of [`Steps::advance`], so that a recorded trace can be gone through exactly.
    Steps(Steps),
}

/// Readings on demand; the time between two of them is [`PERIOD`], however long it took.
#[derive(Clone, Default)]
pub struct Steps(Arc<Shared>);

#[derive(Default)]
struct Shared {
    count: Mutex<Count>,
    taken: Condvar,
}

#[derive(Debug, Default)]
struct Count {
    wanted: u32,
    taken: u32,
}

impl Steps {
    /// Lets one reading be taken, waits until it has been, and gives its time. Waits for ever where no engine reads.
    #[must_use]
    pub fn advance(&self) -> Duration {
        let mut count = self.0.count.lock();
        count.wanted += 1;
        let until = count.wanted;
        while count.taken < until {
            self.0.taken.wait(&mut count);
        }
        PERIOD * until
    }

    /// The time of the reading that is wanted, if one is.
    pub(crate) fn wanted(&self) -> Option<Duration> {
        let count = self.0.count.lock();
        (count.taken < count.wanted).then(|| PERIOD * (count.taken + 1))
    }

    /// The reading that was wanted has been taken.
    pub(crate) fn taken(&self) {
        self.0.count.lock().taken += 1;
        self.0.taken.notify_all();
    }
}

impl PartialEq for Steps {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.count.lock().fmt(f)
    }
}
