//! Where the answers of operations go.

use std::fmt;
use std::sync::Arc;

use super::OperationResult;

/// Where an operation's answer goes: exactly once, from a thread of the engine.
pub enum Completion {
    /// Called with the answer.
    Callback(Box<dyn FnOnce(OperationResult) + Send>),
    /// Shared by many operations; the number tells them apart. Costs no allocation.
    Sink(Arc<dyn Sink>, u64),
}

/// Takes the answers of many operations.
pub trait Sink: Send + Sync {
    /// One answer. Must be quick and must not call the engine.
    fn complete(&self, token: u64, result: OperationResult);
    /// Called after a group of answers, so that they can be handed on together.
    fn flush(&self) {}
}

impl Completion {
    /// A completion that calls `callback`.
    pub fn call(callback: impl FnOnce(OperationResult) + Send + 'static) -> Self {
        Self::Callback(Box::new(callback))
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callback(_) => f.write_str("Callback"),
            Self::Sink(_, token) => write!(f, "Sink({token})"),
        }
    }
}
