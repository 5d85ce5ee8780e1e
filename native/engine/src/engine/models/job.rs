//! What is still to be done for models: jobs of the background, and loads that wait for memory.

use std::sync::Arc;

use super::Instance;
use crate::engine::direct;
use crate::engine::pool::Of;
use crate::operation::LoadModel;

/// A model that is loaded when others have let go of memory.
#[derive(Debug)]
pub(in crate::engine) struct Waiting {
    pub(in crate::engine) model: usize,
    pub(in crate::engine) load: LoadModel,
    pub(in crate::engine) bytes: u64,
    /// Whose memory it waits for.
    pub(in crate::engine) of: Of,
}

/// What the background workers do without being asked by an operation.
#[derive(Debug)]
pub(in crate::engine) enum Job {
    /// Load a model that inferences wait for.
    Load(usize, LoadModel),
    /// See whether a device that was taken out of service works again.
    Probe(usize),
    /// Bring a model back to a device that is preferred and works again.
    Return(usize),
    /// Find out whether requests of a model may be run together.
    Prove(usize, Arc<Instance>),
    /// Compile a form of a model anew, to run on the workers' own threads.
    RunDirectly(direct::Request),
}
