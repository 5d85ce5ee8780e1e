//! The engine as Python sees it.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use npubridge_engine::engine::Submission;
use npubridge_engine::operation::{Completion, Operation};
use npubridge_engine::scheduler::Ticket;
use npubridge_engine::sync::Mutex;
use npubridge_engine::{Config, Engine, Error, ErrorCode, runtime};
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};

use crate::answers;
use crate::arguments::{Arguments, Given, Ready};
use crate::errors::exception;
use crate::mailbox::{Batch, Courier, Mailbox, Waiter};

/// How often a blocking call looks whether a signal (Ctrl-C) has come.
const SIGNAL_CHECK: Duration = Duration::from_millis(50);

/// How many times this process was forked from one that had this module.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// Whether OpenVINO was loaded before a fork: its threads exist in the parent only.
static RUNTIME_WAS_LOADED: AtomicBool = AtomicBool::new(false);
static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Called in a child process after a fork.
#[pyfunction]
pub(crate) fn forked() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    RUNTIME_WAS_LOADED.fetch_or(runtime::loaded().is_some(), Ordering::SeqCst);
}

/// A running engine. Its methods may be called from any thread.
#[pyclass(frozen, weakref, module = "npubridge._native")]
pub(crate) struct NativeEngine {
    inner: ManuallyDrop<Inner>,
    fork: u32,
}

struct Inner {
    engine: Arc<Engine>,
    courier: Arc<Courier>,
    /// By address of the loop.
    mailboxes: Mutex<HashMap<usize, Arc<Mailbox>>>,
    closed: AtomicBool,
}

#[pymethods]
impl NativeEngine {
    /// Starts an engine; `settings` is JSON, see `Config::from_json`.
    #[new]
    fn new(py: Python<'_>, settings: &str) -> PyResult<Self> {
        let config = Config::from_json(settings).map_err(|error| exception(py, &error))?;
        let engine = py.detach(|| Engine::start(config)).map_err(|error| exception(py, &error))?;
        let inner = Inner {
            engine: Arc::new(engine),
            courier: Courier::new(),
            mailboxes: Mutex::default(),
            closed: AtomicBool::new(false),
        };
        let fork = FORKS.load(Ordering::SeqCst);
        Ok(Self { inner: ManuallyDrop::new(inner), fork })
    }

    /// Submits one operation: a future of the running loop, and the token to cancel it with.
    #[pyo3(signature = (kind, model, inputs, data, priority, timeout_ms, stream, end_of_stream, transfer, others))]
    #[allow(clippy::too_many_arguments)]
    fn submit<'py>(
        &self,
        py: Python<'py>,
        kind: &Bound<'py, PyAny>,
        model: Option<&Bound<'py, PyAny>>,
        inputs: Option<&Bound<'py, PyAny>>,
        data: Option<&Bound<'py, PyAny>>,
        priority: Option<&Bound<'py, PyAny>>,
        timeout_ms: Option<&Bound<'py, PyAny>>,
        stream: Option<&Bound<'py, PyAny>>,
        end_of_stream: bool,
        transfer: bool,
        others: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(Bound<'py, PyAny>, u64)> {
        let inner = self.inner(py)?;
        let arguments = Arguments {
            py,
            kind,
            model,
            inputs,
            data,
            priority,
            timeout_ms,
            stream,
            end_of_stream,
            transfer,
            others,
        };
        let ready = arguments.read()?;
        check_runtime(py, &ready.operation)?;
        let (running, mailbox) = inner.mailbox(py)?;
        let future = running.call_method0(intern!(py, "create_future"))?;
        let token = mailbox.post(&running, &future, ready)?;
        Ok((future, token))
    }

    /// Submits many operations, given as dicts: a future of the list of their results and failures, and their tokens.
    fn submit_batch<'py>(
        &self,
        py: Python<'py>,
        operations: &Bound<'py, PyList>,
    ) -> PyResult<(Bound<'py, PyAny>, Vec<u64>)> {
        let inner = self.inner(py)?;
        let (running, mailbox) = inner.mailbox(py)?;
        let future = running.call_method0(intern!(py, "create_future"))?;
        if operations.is_empty() {
            future.call_method1("set_result", (PyList::empty(py),))?;
            return Ok((future, Vec::new()));
        }
        let batch = Arc::new(Batch::new(future.clone().unbind(), operations.len()));
        let mut tokens = Vec::with_capacity(operations.len());
        let mut submissions = Vec::with_capacity(operations.len());
        for (index, operation) in operations.iter().enumerate() {
            let ready = Given::read(&operation).and_then(|ready| {
                check_runtime(py, &ready.operation)?;
                Ok(ready)
            });
            let Ready { operation, options, form } = match ready {
                Ok(ready) => ready,
                Err(error) => {
                    batch.put(py, index, Err(error))?;
                    continue;
                }
            };
            let token = mailbox.expect(Waiter::Place(Arc::clone(&batch), index), form);
            tokens.push(token);
            submissions.push(mailbox.submission(token, operation, options));
        }
        mailbox.submit_outgoing();
        mailbox.submit_all(&tokens, submissions);
        Ok((future, tokens))
    }

    /// Cancels operations that the running loop waits for; nobody is told of their answers.
    fn cancel(&self, py: Python<'_>, tokens: Vec<u64>) -> PyResult<()> {
        let inner = self.inner(py)?;
        let (_, mailbox) = inner.mailbox(py)?;
        for token in tokens {
            if let Some(ticket) = mailbox.forget(token) {
                inner.engine.cancel(ticket);
            }
        }
        Ok(())
    }

    /// Runs operations, given as dicts, and waits for their answers without an event loop: a list of results and of the
    /// errors of those that failed.
    fn call<'py>(
        &self,
        py: Python<'py>,
        operations: &Bound<'py, PyList>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let inner = self.inner(py)?;
        let mut forms = Vec::with_capacity(operations.len());
        let mut submissions = Vec::with_capacity(operations.len());
        let (sender, receiver) = mpsc::channel();
        for (index, operation) in operations.iter().enumerate() {
            let Ready { operation, options, form } = Given::read(&operation)?;
            check_runtime(py, &operation)?;
            forms.push(form);
            let sender = sender.clone();
            let completion = Completion::call(move |answer| {
                // Nobody waits any more after a signal.
                let _ = sender.send((index, answer));
            });
            submissions.push(Submission { operation, options, completion });
        }
        let mut tickets: Vec<Option<Ticket>> = Vec::with_capacity(submissions.len());
        inner.engine.submit_all(submissions, |ticket| tickets.push(ticket));
        let mut results: Vec<Option<Bound<'py, PyAny>>> = vec![None; forms.len()];
        // A receiver is not to be shared, but only this thread uses it.
        let receiver = Mutex::new(receiver);
        for _ in 0..forms.len() {
            let (index, answer) = loop {
                match py.detach(|| receiver.lock().recv_timeout(SIGNAL_CHECK)) {
                    Ok(answer) => break answer,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        if let Err(interrupted) = py.check_signals() {
                            for ticket in tickets.into_iter().flatten() {
                                inner.engine.cancel(ticket);
                            }
                            return Err(interrupted);
                        }
                    }
                    Err(mpsc::RecvTimeoutError::Disconnected) => {
                        return Err(PyRuntimeError::new_err("the engine dropped an operation"));
                    }
                }
            };
            results[index] = Some(match answers::result(py, answer, forms[index]) {
                Ok(result) => result.into_any(),
                Err(error) => error.into_value(py).into_bound(py).into_any(),
            });
        }
        Ok(results.into_iter().flatten().collect())
    }

    /// What the engine has counted, as JSON.
    fn metrics(&self, py: Python<'_>) -> PyResult<String> {
        let engine = &self.inner(py)?.engine;
        to_json(&py.detach(|| engine.metrics()))
    }

    /// What the engine has counted, in the text format of Prometheus.
    fn metrics_text(&self, py: Python<'_>) -> PyResult<String> {
        let engine = &self.inner(py)?.engine;
        Ok(py.detach(|| engine.metrics_text()))
    }

    /// Whether the engine and its devices work, as JSON.
    fn health(&self, py: Python<'_>) -> PyResult<String> {
        let engine = &self.inner(py)?.engine;
        to_json(&py.detach(|| engine.health()))
    }

    /// Stops taking operations, waits up to `drain_ms` for those that are there, cancels the rest and ends the threads.
    /// Blocks.
    fn shutdown(&self, py: Python<'_>, drain_ms: f64) -> PyResult<()> {
        let inner = self.inner(py)?;
        let drain = Duration::try_from_secs_f64(drain_ms.max(0.0) / 1e3).unwrap_or(Duration::MAX);
        py.detach(|| inner.close(drain));
        Ok(())
    }

    /// Whether this process is a fork of the one that started the engine, whose threads did not follow.
    #[getter]
    fn forked(&self) -> bool {
        self.fork != FORKS.load(Ordering::SeqCst)
    }
}

impl NativeEngine {
    fn inner(&self, py: Python<'_>) -> PyResult<&Inner> {
        if !self.forked() {
            return Ok(&self.inner);
        }
        let error = Error::new(
            ErrorCode::UnsupportedOperation,
            "this bridge belongs to the parent process: the threads of its engine did not follow the fork",
        );
        Err(exception(py, &error.suggest("create another Bridge in the child process")))
    }
}

impl Drop for NativeEngine {
    fn drop(&mut self) {
        // In a forked process, locks may be held by threads that do not exist there.
        if self.forked() {
            return;
        }
        // SAFETY: nothing uses it after this.
        let inner = unsafe { ManuallyDrop::take(&mut self.inner) };
        if inner.closed.load(Ordering::SeqCst) {
            return;
        }
        Python::attach(|py| py.detach(|| inner.close(Duration::ZERO)));
    }
}

impl Inner {
    /// The running loop with its mailbox.
    fn mailbox<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Arc<Mailbox>)> {
        if self.closed.load(Ordering::SeqCst) {
            let error = Error::new(ErrorCode::Cancelled, "the engine was shut down");
            return Err(exception(py, &error));
        }
        let running = RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0()?;
        let key = running.as_ptr().addr();
        let known = self.mailboxes.lock().get(&key).map(Arc::clone);
        if let Some(mailbox) = known
            && mailbox.is_of(&running)?
        {
            return Ok((running, mailbox));
        }
        self.forget_closed_loops(py)?;
        let mailbox = Mailbox::new(&running, &self.engine, &self.courier)?;
        let replaced = self.mailboxes.lock().insert(key, Arc::clone(&mailbox));
        drop(replaced);
        Ok((running, mailbox))
    }

    fn forget_closed_loops(&self, py: Python<'_>) -> PyResult<()> {
        let all: Vec<_> =
            self.mailboxes.lock().iter().map(|(key, each)| (*key, Arc::clone(each))).collect();
        for (key, mailbox) in all {
            if mailbox.is_closed(py)? {
                let forgotten = self.mailboxes.lock().remove(&key);
                mailbox.abandon();
                drop(forgotten);
            }
        }
        Ok(())
    }

    fn close(&self, drain: Duration) {
        self.closed.store(true, Ordering::SeqCst);
        self.engine.shutdown(drain);
        let mailboxes = std::mem::take(&mut *self.mailboxes.lock());
        for mailbox in mailboxes.values() {
            mailbox.retire();
        }
        drop(mailboxes);
        self.courier.close();
    }
}

/// Refuses what needs a device where OpenVINO's threads are missing: it would wait for ever.
fn check_runtime(py: Python<'_>, operation: &Operation) -> PyResult<()> {
    let needs_device = matches!(
        operation,
        Operation::Initialize
            | Operation::LoadModel(_)
            | Operation::Inference(_)
            | Operation::MatrixMultiply(_)
            | Operation::Benchmark(_)
            | Operation::Embed(_)
    ) || embeds(operation);
    if !needs_device || !RUNTIME_WAS_LOADED.load(Ordering::SeqCst) {
        return Ok(());
    }
    let error = Error::new(
        ErrorCode::UnsupportedOperation,
        "OpenVINO was loaded before this process was forked, and its threads did not follow",
    );
    Err(exception(
        py,
        &error.suggest("start the process with multiprocessing.get_context(\"spawn\")"),
    ))
}

/// Whether a route compares meanings: a model runs for it.
fn embeds(operation: &Operation) -> bool {
    matches!(operation, Operation::Route(route) if route.query.method.needs_embeddings())
}

fn to_json(value: &impl serde::Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
