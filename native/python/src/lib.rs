//! Python binding of the npubridge engine: converts arguments and completes futures in batches, decides nothing.
//!
//! Threads of the engine never touch Python. They leave answers in a [`mailbox`] for each event loop and wake that loop,
//! which turns the answers into Python objects.

mod answers;
mod arguments;
mod coordination;
mod engine;
mod errors;
mod mailbox;
mod runtime;
mod tensors;
mod workflow;

use pyo3::prelude::*;

/// The extension module. `npubridge` is its public face.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::answers::OperationResult;
    #[pymodule_export]
    use super::coordination::{LexicalIndex, Router, calculate_priority, capabilities, plan};
    #[pymodule_export]
    use super::engine::{NativeEngine, forked};
    #[pymodule_export]
    use super::runtime::{inspect_runtime, runtime_candidates, test_device};
    #[pymodule_export]
    use super::tensors::EngineMemory;
    #[pymodule_export]
    use super::workflow::WorkflowRun;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
