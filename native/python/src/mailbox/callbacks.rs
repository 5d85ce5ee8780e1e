//! What event loops call: when they are woken for answers, and at the turn after they collected operations.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;

use super::Mailbox;

/// What a loop calls when it is woken: completes all futures whose answers are there.
#[pyclass(frozen, module = "npubridge._native")]
pub(super) struct Drain {
    pub(super) mailbox: Arc<Mailbox>,
}

#[pymethods]
impl Drain {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.mailbox.clear_wake(py)?;
        self.mailbox.drain(py);
        Ok(())
    }
}

/// What a loop calls at its next turn: submits what it has collected.
#[pyclass(frozen, module = "npubridge._native")]
pub(super) struct SubmitOutgoing {
    pub(super) mailbox: Arc<Mailbox>,
}

#[pymethods]
impl SubmitOutgoing {
    fn __call__(&self, py: Python<'_>) {
        self.mailbox.submit_outgoing();
        if self.mailbox.retired.load(Ordering::SeqCst) {
            // The engine has refused all, and the loop is not woken any more.
            self.mailbox.drain(py);
        }
    }
}
