//! One operation of a batch, as Python gives it: a dict.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Arguments, Ready, shown};
use crate::errors::invalid;

/// The arguments of `Bridge.submit`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Given<'py> {
    r#type: Bound<'py, PyAny>,
    #[pyo3(default)]
    model: Option<Bound<'py, PyAny>>,
    #[pyo3(default)]
    inputs: Option<Bound<'py, PyAny>>,
    #[pyo3(default)]
    data: Option<Bound<'py, PyAny>>,
    #[pyo3(default)]
    priority: Option<Bound<'py, PyAny>>,
    #[pyo3(default)]
    timeout_ms: Option<Bound<'py, PyAny>>,
    #[pyo3(default)]
    stream: Option<Bound<'py, PyAny>>,
    #[pyo3(default)]
    end_of_stream: bool,
    #[pyo3(default)]
    transfer: bool,
}

impl<'py> Given<'py> {
    /// One operation of a batch, from its dict.
    pub(crate) fn read(operation: &Bound<'py, PyAny>) -> PyResult<Ready> {
        let py = operation.py();
        let Ok(fields) = operation.cast::<PyDict>() else {
            let what = format!("an operation is {}, not a dict", shown(operation));
            return Err(invalid(py, what));
        };
        let given: Self = fields
            .extract()
            .map_err(|error: PyErr| invalid(py, format!("an operation is wrong: {error}")))?;
        let others = fields.copy()?;
        for known in [
            "type",
            "model",
            "inputs",
            "data",
            "priority",
            "timeout_ms",
            "stream",
            "end_of_stream",
            "transfer",
        ] {
            if others.contains(known)? {
                others.del_item(known)?;
            }
        }
        let arguments = Arguments {
            py,
            kind: &given.r#type,
            model: given.model.as_ref(),
            inputs: given.inputs.as_ref(),
            data: given.data.as_ref(),
            priority: given.priority.as_ref(),
            timeout_ms: given.timeout_ms.as_ref(),
            stream: given.stream.as_ref(),
            end_of_stream: given.end_of_stream,
            transfer: given.transfer,
            others: (!others.is_empty()).then_some(&others),
        };
        arguments.read()
    }
}
