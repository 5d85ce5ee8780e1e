//! Answers of the engine as Python objects.

use npubridge_engine::operation::{
    Fallback, OperationResult as Answer, Output, Payload as EchoPayload,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::arguments::EchoForm;
use crate::errors::exception;
use crate::tensors;

static PARSE_REPORT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// What an operation gave. Times are in microseconds.
#[pyclass(frozen, get_all, module = "npubridge")]
pub(crate) struct OperationResult {
    /// Always true; a failed operation raises, or is a `Failure` in a batch.
    ok: bool,
    /// The type of the operation.
    r#type: Py<PyString>,
    /// Tensors by output name; empty for operations that have none.
    outputs: Py<PyDict>,
    /// What an echo carried.
    data: Option<Py<PyAny>>,
    /// What is not tensors: health, statistics, the choice of an agent, a workflow's report.
    report: Option<Py<PyAny>>,
    /// The OpenVINO device that ran it.
    device: Option<Py<PyString>>,
    /// Always "native".
    engine: Py<PyString>,
    /// Why it ran elsewhere than on the first choice: a dict of from, to and reason.
    fallback: Option<Py<PyDict>>,
    queue_us: f64,
    compute_us: f64,
    total_us: f64,
}

#[pymethods]
impl OperationResult {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let device = self.device.as_ref().map(|device| device.to_str(py)).transpose()?;
        let kind = self.r#type.to_str(py)?;
        let outputs = self.outputs.bind(py).keys();
        Ok(format!(
            "OperationResult(type={kind:?}, device={device:?}, outputs={outputs}, total_us={:.1})",
            self.total_us
        ))
    }
}

/// The result of an answer, or the exception that it stands for.
pub(crate) fn result(
    py: Python<'_>,
    answer: Answer,
    form: EchoForm,
) -> PyResult<Bound<'_, OperationResult>> {
    let output = answer.outcome.map_err(|error| exception(py, &error))?;
    let outputs = PyDict::new(py);
    let (mut data, mut report) = (None, None);
    match output {
        Output::Tensors(found) => {
            for (name, tensor) in &found {
                outputs.set_item(PyString::intern(py, name), tensors::write(py, tensor)?)?;
            }
        }
        Output::Processed { tensors: found, backend, reason } => {
            for (name, tensor) in &found {
                outputs.set_item(PyString::intern(py, name), tensors::write(py, tensor)?)?;
            }
            let how = PyDict::new(py);
            how.set_item("backend", backend)?;
            how.set_item("reason", reason)?;
            report = Some(how.into_any().unbind());
        }
        Output::Payload(payload) => data = echoed(py, &payload, form)?,
        Output::Report(text) => {
            let parse = PARSE_REPORT.import(py, "npubridge._reports", "parse")?;
            report = Some(parse.call1((text,))?.unbind());
        }
    }
    let fallback = answer.fallback.map(|fallback| describe(py, &fallback)).transpose()?;
    let result = OperationResult {
        ok: true,
        r#type: PyString::intern(py, answer.kind.name()).unbind(),
        outputs: outputs.unbind(),
        data,
        report,
        device: answer.device.map(|device| PyString::intern(py, &device).unbind()),
        engine: pyo3::intern!(py, "native").clone().unbind(),
        fallback,
        queue_us: micros(answer.times.queue),
        compute_us: micros(answer.times.compute),
        total_us: micros(answer.times.total),
    };
    Bound::new(py, result)
}

fn echoed(py: Python<'_>, payload: &EchoPayload, form: EchoForm) -> PyResult<Option<Py<PyAny>>> {
    Ok(match (payload, form) {
        (EchoPayload::None, _) => None,
        (EchoPayload::Tensor(tensor), _) => Some(tensors::write(py, tensor)?.unbind()),
        (EchoPayload::Bytes(bytes), EchoForm::Json) => {
            let text = PyBytes::new(py, bytes);
            Some(LOADS.import(py, "json", "loads")?.call1((text,))?.unbind())
        }
        (EchoPayload::Bytes(bytes), EchoForm::AsIs) => {
            Some(PyBytes::new(py, bytes).into_any().unbind())
        }
    })
}

fn describe(py: Python<'_>, fallback: &Fallback) -> PyResult<Py<PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("from", &*fallback.from)?;
    fields.set_item("to", &*fallback.to)?;
    fields.set_item("reason", &fallback.reason)?;
    Ok(fields.unbind())
}

#[allow(clippy::cast_precision_loss)]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}
