//! What is asked of a runtime without an engine: in a child process, because enumerating an NPU can crash it.

use std::path::PathBuf;
use std::time::Instant;

use npubridge_engine::openvino::Core;
use npubridge_engine::runtime;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::errors::exception;

/// Where OpenVINO may be, best first: (folder, source, version, problem). Nothing is loaded.
#[pyfunction]
#[pyo3(signature = (explicit=None))]
#[allow(clippy::type_complexity)]
pub(crate) fn runtime_candidates(
    py: Python<'_>,
    explicit: Option<PathBuf>,
) -> Vec<(PathBuf, &'static str, Option<String>, Option<String>)> {
    let found = py.detach(|| runtime::SearchOptions::from_process(explicit).candidates());
    found
        .into_iter()
        .map(|each| (each.folder, each.source.name(), each.version, each.problem))
        .collect()
}

/// The version and the devices of the runtime in `folder`, as JSON.
#[pyfunction]
pub(crate) fn inspect_runtime(py: Python<'_>, folder: PathBuf) -> PyResult<String> {
    let report = py.detach(|| runtime::inspect(&folder)).map_err(|error| exception(py, &error))?;
    serde_json::to_string(&report).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// Compiles and runs a tiny model on `device`; how long the run took, in microseconds.
#[pyfunction]
pub(crate) fn test_device(py: Python<'_>, folder: PathBuf, device: &str) -> PyResult<f64> {
    let tested = py.detach(|| {
        runtime::load(&folder)?;
        let core = Core::new()?;
        let started = Instant::now();
        runtime::try_device(&core, device)?;
        Ok(started.elapsed())
    });
    tested
        .map(|elapsed| elapsed.as_secs_f64() * 1e6)
        .map_err(|error: npubridge_engine::Error| exception(py, &error))
}
