//! The arguments of operations.

use std::path::PathBuf;
use std::time::Duration;

use super::{Kind, Name};
use crate::routing::{Method, Profile, Query};
use crate::tensor::Tensor;
use crate::workflow::Task;

/// A model to be compiled.
#[derive(Debug, Clone)]
pub struct LoadModel {
    /// A name of the catalogue, or a path.
    pub model: Name,
    /// Input shapes to fix before compiling, by input name.
    pub shapes: Vec<(Name, Vec<usize>)>,
    /// How requests may be run together; the engine's default when absent.
    pub batching: Option<crate::config::Batching>,
}

/// One run of a model.
#[derive(Debug, Clone)]
pub struct Inference {
    /// A name of the catalogue, or a path; loaded at its first use.
    pub model: Name,
    /// Tensors by input name.
    pub inputs: Vec<(Name, Tensor)>,
    /// The ordered series it belongs to, whose state it reads and writes.
    pub stream: Option<StreamStep>,
}

/// The place of an inference in its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStep {
    /// The name of the stream, unique for its model.
    pub name: Name,
    /// Whether the stream is closed after this inference.
    pub last: bool,
}

/// What an echo carries.
#[derive(Debug, Clone, Default)]
pub enum Payload {
    /// Nothing.
    #[default]
    None,
    /// Bytes that mean something to the caller, JSON for example.
    Bytes(Box<[u8]>),
    /// A tensor.
    Tensor(Box<Tensor>),
}

/// A timed loop of real operations through the engine's own scheduler.
#[derive(Debug, Clone)]
pub struct Benchmark {
    /// What is repeated: `Echo`, `MatrixMultiply` or `Inference`.
    pub kind: Kind,
    /// For how long operations are submitted.
    pub duration: Duration,
    /// The model of an `Inference`, run on zeros.
    pub model: Option<Name>,
}

/// A choice among agents, for one text or many.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// What is to be done.
    pub texts: Vec<String>,
    /// Whether the answer is a list, though there be one text.
    pub many: bool,
    /// The agents; the configured folder when absent.
    pub agents: Option<Agents>,
    /// What was learned, instead of agents: a file.
    pub head: Option<PathBuf>,
    /// How they are compared, and what is asked for.
    pub query: Query,
}

impl Route {
    /// Asks for the agent for one text, by the old module's rules.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            texts: vec![text.into()],
            many: false,
            agents: None,
            head: None,
            query: Query { method: Method::Keywords, top: 3, threshold: None, explain: true },
        }
    }
}

/// Where agents come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Agents {
    /// A folder with one Markdown file for each.
    Folder(PathBuf),
    /// A list.
    Listed(Vec<Profile>),
}

/// A whole graph of tasks.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// The tasks, each naming those it depends on.
    pub tasks: Vec<Task>,
    /// How many may run at once.
    pub max_parallel: u32,
    /// Among whom tasks that name no agent are shared out, by their words; the default agent gets them when absent.
    pub agents: Option<Agents>,
    /// Numbers of the tasks that name no agent.
    pub unassigned: Vec<u32>,
}

/// Texts to be turned into vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embed {
    /// The texts.
    pub texts: Vec<String>,
    /// A model of the catalogue that has a tokenizer; `minilm` when absent.
    pub model: Option<Name>,
}

/// Samples to be processed, channels first and time last.
#[derive(Debug, Clone)]
pub struct Signal {
    /// JSON: `{operation, parameters}` or `{steps: [{operation, parameters}]}`, with `backend` and `complex`.
    pub description: Box<[u8]>,
    /// FP32 or FP64.
    pub data: Tensor,
    /// Further samples, by the names that members give them.
    pub inputs: Vec<(Name, Tensor)>,
    /// The stream whose next block this is.
    pub stream: Option<StreamStep>,
}
