//! Locks that go on working in a forked child, and that a panic does not poison.
//!
//! Waiting threads of parking_lot stand in one table of the process. A child inherits it with the parent's threads in
//! it, whose memory it gives to threads of its own: the table gets a cycle, and the child looks through it for ever.
//! The standard library's locks know nothing but their own word of memory.

use std::ops::{Deref, DerefMut};
use std::sync::{self, PoisonError, TryLockError, WaitTimeoutResult};
use std::time::{Duration, Instant};

/// Mutual exclusion.
#[derive(Debug, Default)]
pub struct Mutex<T>(sync::Mutex<T>);

/// What a locked [`Mutex`] guards.
#[derive(Debug)]
#[must_use]
pub struct MutexGuard<'a, T> {
    mutex: &'a sync::Mutex<T>,
    /// None only while the lock is given up for something else.
    held: Option<sync::MutexGuard<'a, T>>,
}

/// Lets threads wait for each other.
#[derive(Debug, Default)]
pub struct Condvar(sync::Condvar);

impl<T> Mutex<T> {
    /// A mutex that nobody has locked.
    pub const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    /// Waits until nobody else has it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: &self.0, held: Some(locked(&self.0)) }
    }

    /// None where somebody else has it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let held = match self.0.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard { mutex: &self.0, held: Some(held) })
    }
}

fn locked<T>(mutex: &sync::Mutex<T>) -> sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> MutexGuard<'_, T> {
    /// Gives the lock up while `work` is done.
    pub fn unlocked<R>(guard: &mut Self, work: impl FnOnce() -> R) -> R {
        struct Relock<'g, 'a, T>(&'g mut MutexGuard<'a, T>);
        impl<T> Drop for Relock<'_, '_, T> {
            fn drop(&mut self) {
                self.0.held = Some(locked(self.0.mutex));
            }
        }
        guard.held = None;
        let _relock = Relock(guard);
        work()
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_deref().expect("a guard holds its lock")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_deref_mut().expect("a guard holds its lock")
    }
}

impl Condvar {
    /// One that nobody waits for.
    #[must_use]
    pub const fn new() -> Self {
        Self(sync::Condvar::new())
    }

    /// Gives the lock up until somebody notifies; may return without.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.held.take().expect("a guard holds its lock");
        guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// As [`Condvar::wait`], for no longer than `limit`.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, limit: Duration) -> WaitTimeoutResult {
        let held = guard.held.take().expect("a guard holds its lock");
        let waited = self.0.wait_timeout(held, limit);
        let (held, result) = waited.unwrap_or_else(PoisonError::into_inner);
        guard.held = Some(held);
        result
    }

    /// As [`Condvar::wait`], no longer than to an instant.
    pub fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        until: Instant,
    ) -> WaitTimeoutResult {
        self.wait_for(guard, until.saturating_duration_since(Instant::now()))
    }

    /// Wakes one that waits.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_leaves_the_lock_usable() {
        let mutex = Mutex::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut guard = mutex.lock();
            *guard = 2;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(*mutex.lock(), 2);
        assert_eq!(mutex.try_lock().as_deref(), Some(&2));
    }

    #[test]
    fn a_lock_that_is_given_up_can_be_taken_and_is_held_again_after_a_panic_too() {
        let mutex = Mutex::new(0);
        let mut guard = mutex.lock();
        assert!(mutex.try_lock().is_none());
        MutexGuard::unlocked(&mut guard, || *mutex.lock() += 1);
        assert_eq!(*guard, 1);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            MutexGuard::unlocked(&mut guard, || panic!("on purpose"));
        }));
        assert!(panicked.is_err());
        assert_eq!(*guard, 1);
        assert!(mutex.try_lock().is_none());
    }

    #[test]
    fn waiting_ends_by_notice_or_by_time() {
        let (mutex, wake) = (Mutex::new(false), Condvar::new());
        let mut ready = mutex.lock();
        assert!(wake.wait_for(&mut ready, Duration::from_millis(1)).timed_out());
        assert!(wake.wait_until(&mut ready, Instant::now()).timed_out());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                *mutex.lock() = true;
                wake.notify_one();
            });
            while !*ready {
                wake.wait(&mut ready);
            }
        });
    }
}
