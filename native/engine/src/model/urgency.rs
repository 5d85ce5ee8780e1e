//! How urgent a device takes a model to be, after the operations that it runs.
//!
//! OpenVINO's `MODEL_PRIORITY` belongs to a compiled model and may change while it is used. It is set before an
//! inference whose operations are of another level than those of the last one.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::openvino::CompiledModel;
use crate::operation::Priority;

const LEVELS: [&str; 3] = ["LOW", "MEDIUM", "HIGH"];
/// What a model is compiled with.
const MEDIUM: u8 = 1;
/// The device has no such property, or refused it.
const UNKNOWN: u8 = u8::MAX;

/// The level that a compiled model has.
#[derive(Debug)]
pub(crate) struct Urgency(AtomicU8);

impl Urgency {
    pub(crate) fn new(supported: bool) -> Self {
        Self(AtomicU8::new(if supported { MEDIUM } else { UNKNOWN }))
    }

    /// Makes `model` as urgent as an operation of this priority.
    pub(crate) fn follow(&self, model: &CompiledModel, priority: Priority) {
        let Some(name) = self.change(priority) else {
            return;
        };
        if let Err(error) = model.set_properties(&[("MODEL_PRIORITY", name)]) {
            tracing::warn!(%error, "the device does not let a model's priority change");
            self.0.store(UNKNOWN, Ordering::Relaxed);
        }
    }

    /// The level to set, if it is another one.
    fn change(&self, priority: Priority) -> Option<&'static str> {
        let wanted = match priority {
            Priority::Low => 0,
            Priority::Normal => MEDIUM,
            Priority::High | Priority::Critical | Priority::Realtime => 2,
        };
        let current = self.0.load(Ordering::Relaxed);
        if current == UNKNOWN || current == wanted {
            return None;
        }
        self.0.store(wanted, Ordering::Relaxed);
        Some(LEVELS[usize::from(wanted)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_told_to_the_device() {
        let urgency = Urgency::new(true);
        let told = [
            Priority::Normal,
            Priority::Realtime,
            Priority::High,
            Priority::Critical,
            Priority::Low,
            Priority::Normal,
        ]
        .map(|priority| urgency.change(priority));
        assert_eq!(told, [None, Some("HIGH"), None, None, Some("LOW"), Some("MEDIUM")]);
    }

    #[test]
    fn a_device_without_the_property_is_told_nothing() {
        let urgency = Urgency::new(false);
        assert_eq!(Priority::ALL.map(|priority| urgency.change(priority)), [None; 5]);
    }
}
