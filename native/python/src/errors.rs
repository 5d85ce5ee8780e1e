//! Errors of the engine as exceptions of `npubridge.errors`.

use npubridge_engine::{Error, ErrorCode};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The exception that stands for an error: its class follows from the code.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let made = MAKE.import(py, "npubridge.errors", "from_native").and_then(|make| {
        make.call1((error.code().name(), error.message(), error.suggestions(), error.cause()))
    });
    made.map_or_else(|failure| failure, PyErr::from_value)
}

/// An `INVALID_ARGUMENT` of the binding itself.
pub(crate) fn invalid(py: Python<'_>, message: impl Into<String>) -> PyErr {
    exception(py, &Error::new(ErrorCode::InvalidArgument, message))
}
