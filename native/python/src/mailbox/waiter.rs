//! Who waits for an answer: a future of its own, or a batch whose answers are handed over together.

use std::sync::Arc;

use npubridge_engine::sync::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

static FAILURE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Who waits for an answer.
pub(crate) enum Waiter {
    /// An asyncio future of its own.
    Future(Py<PyAny>),
    /// A place in a batch.
    Place(Arc<Batch>, usize),
}

/// Operations whose answers are handed over together.
pub(crate) struct Batch {
    future: Py<PyAny>,
    answers: Mutex<Answers>,
}

struct Answers {
    given: Vec<Option<Py<PyAny>>>,
    missing: usize,
}

impl Batch {
    pub(crate) fn new(future: Py<PyAny>, size: usize) -> Self {
        let given = std::iter::repeat_with(|| None).take(size).collect();
        Self { future, answers: Mutex::new(Answers { given, missing: size }) }
    }

    /// Puts an answer in its place; the last one completes the future.
    pub(crate) fn put(
        &self,
        py: Python<'_>,
        index: usize,
        answer: PyResult<Py<PyAny>>,
    ) -> PyResult<()> {
        let answer = answer.or_else(|error| {
            let class = FAILURE.import(py, "npubridge._results", "Failure")?;
            Ok::<_, PyErr>(class.call1((error.value(py),))?.unbind())
        })?;
        let complete = {
            let mut answers = self.answers.lock();
            answers.given[index] = Some(answer);
            answers.missing -= 1;
            (answers.missing == 0).then(|| std::mem::take(&mut answers.given))
        };
        match complete {
            None => Ok(()),
            Some(given) => {
                let list = PyList::new(py, given.into_iter().flatten())?;
                settle(self.future.bind(py), Ok(list.into_any()))
            }
        }
    }
}

/// Completes a future that still waits.
pub(super) fn settle(
    future: &Bound<'_, PyAny>,
    outcome: PyResult<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = future.py();
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match outcome {
        Ok(result) => future.call_method1(intern!(py, "set_result"), (result,))?,
        Err(error) => future.call_method1(intern!(py, "set_exception"), (error.value(py),))?,
    };
    Ok(())
}
