//! Devices that could not compile a model, and when they are asked again.
//!
//! A compiler that fails may lack memory for a moment, or never learn this model, and may take minutes to fail. So a
//! device is asked again, but ever more seldom, until the model is loaded anew or the device comes back into service.

use std::time::Duration;

use crate::error::Error;
use crate::scheduler::{NO_DEADLINE, Nanos, nanos};

/// How much longer each pause is than the one before.
const GROWTH: u64 = 4;

/// What the devices said that refused one model.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<Refusal>);

#[derive(Debug)]
struct Refusal {
    device: usize,
    error: Error,
    tries: u32,
    ask_again: Nanos,
}

impl Refusals {
    /// Remembers that `device` could not compile the model; it is asked again after `pause`, or longer each time.
    pub(super) fn add(&mut self, device: usize, error: Error, pause: Duration, now: Nanos) {
        let tries = self.of(device).map_or(0, |refusal| refusal.tries) + 1;
        let pause = nanos(pause).saturating_mul(GROWTH.saturating_pow(tries - 1));
        let ask_again = now.saturating_add(pause);
        self.clear(device);
        self.0.push(Refusal { device, error, tries, ask_again });
    }

    /// Why not to ask `device` now.
    pub(super) fn reason(&self, device: usize, now: Nanos) -> Option<&Error> {
        self.of(device).filter(|refusal| refusal.ask_again > now).map(|refusal| &refusal.error)
    }

    /// Forgets that `device` refused.
    pub(super) fn clear(&mut self, device: usize) {
        self.0.retain(|refusal| refusal.device != device);
    }

    /// Lets devices that should have been asked by now wait a little longer, since they could not be.
    pub(super) fn postpone(&mut self, pause: Duration, now: Nanos) {
        for refusal in &mut self.0 {
            if refusal.ask_again <= now {
                refusal.ask_again = now.saturating_add(nanos(pause));
            }
        }
    }

    /// When to ask one of the devices before `device` again that are `in_service`, or [`NO_DEADLINE`].
    pub(super) fn ask_again(&self, device: usize, in_service: impl Fn(usize) -> bool) -> Nanos {
        let before = self.0.iter();
        let before = before.filter(|refusal| refusal.device < device && in_service(refusal.device));
        before.map(|refusal| refusal.ask_again).min().unwrap_or(NO_DEADLINE)
    }

    fn of(&self, device: usize) -> Option<&Refusal> {
        self.0.iter().find(|refusal| refusal.device == device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    const PAUSE: Duration = Duration::from_nanos(10);

    fn error() -> Error {
        Error::new(ErrorCode::Internal, "no")
    }

    #[test]
    fn a_device_is_asked_again_ever_later() {
        let mut refusals = Refusals::default();
        for pause in [10, 40, 160, 640] {
            refusals.add(0, error(), PAUSE, 0);
            assert_eq!(refusals.ask_again(1, |_| true), pause);
            assert!(refusals.reason(0, pause - 1).is_some());
            assert!(refusals.reason(0, pause).is_none());
        }
        refusals.clear(0);
        assert!(refusals.reason(0, 0).is_none());
        refusals.add(0, error(), PAUSE, 0);
        assert_eq!(refusals.ask_again(1, |_| true), 10);
    }

    #[test]
    fn only_preferred_devices_are_worth_asking() {
        let mut refusals = Refusals::default();
        refusals.add(1, error(), PAUSE, 0);
        assert_eq!(refusals.ask_again(1, |_| true), NO_DEADLINE);
        assert_eq!(refusals.ask_again(2, |_| true), 10);
        refusals.add(0, error(), PAUSE, 3);
        assert_eq!(refusals.ask_again(1, |_| true), 13);
        assert_eq!(refusals.ask_again(1, |_| false), NO_DEADLINE);
        assert!(refusals.reason(2, 0).is_none());
        refusals.postpone(PAUSE, 12);
        assert_eq!(refusals.ask_again(2, |_| true), 13);
        refusals.postpone(PAUSE, 13);
        assert_eq!(refusals.ask_again(2, |_| true), 22);
    }
}
