//! Operations, what is submitted with them, and what comes back.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use crate::model::matmul;
use crate::routing::{Method, Profile, Query};
use crate::tensor::Tensor;
use crate::workflow::Task;

/// A name that is shared instead of copied: of a model, an input, an output, a device.
pub type Name = Arc<str>;

/// How urgent an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[allow(missing_docs)]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Critical,
    Realtime,
}

impl Priority {
    /// Every priority, least urgent first: index `priority as usize`.
    pub const ALL: [Self; 5] =
        [Self::Low, Self::Normal, Self::High, Self::Critical, Self::Realtime];

    /// The name that every language and the wire use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Realtime => "realtime",
        }
    }
}

impl TryFrom<usize> for Priority {
    type Error = Error;

    fn try_from(number: usize) -> Result<Self> {
        Self::ALL.get(number).copied().ok_or_else(|| {
            Error::new(ErrorCode::InvalidArgument, format!("priority {number} is not 0 to 4"))
        })
    }
}

/// One unit of work.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Operation {
    /// Compiles and runs something tiny on the first device, so that the first inference does not pay for it.
    Initialize,
    LoadModel(Box<LoadModel>),
    UnloadModel {
        model: Name,
    },
    Inference(Box<Inference>),
    /// Made by [`Operation::matrix_multiply`].
    MatrixMultiply(Box<Inference>),
    /// Gives the payload back after a full round trip.
    Echo(Payload),
    HealthCheck,
    Statistics,
    Benchmark(Box<Benchmark>),
    Route(Box<Route>),
    Workflow(Box<Workflow>),
    /// Texts as vectors of length 1; the output is named `embeddings` [texts, dimensions].
    Embed(Box<Embed>),
    Signal(Box<Signal>),
}

/// What an operation is, without its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Kind {
    Initialize,
    LoadModel,
    UnloadModel,
    Inference,
    MatrixMultiply,
    Echo,
    HealthCheck,
    Statistics,
    Benchmark,
    Route,
    Workflow,
    Embed,
    Signal,
}

impl Kind {
    /// Every kind, in declaration order: index `kind as usize`.
    pub const ALL: [Self; 13] = [
        Self::Initialize,
        Self::LoadModel,
        Self::UnloadModel,
        Self::Inference,
        Self::MatrixMultiply,
        Self::Echo,
        Self::HealthCheck,
        Self::Statistics,
        Self::Benchmark,
        Self::Route,
        Self::Workflow,
        Self::Embed,
        Self::Signal,
    ];

    /// The name that every language and the wire use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::LoadModel => "load_model",
            Self::UnloadModel => "unload_model",
            Self::Inference => "inference",
            Self::MatrixMultiply => "matrix_multiply",
            Self::Echo => "echo",
            Self::HealthCheck => "health_check",
            Self::Statistics => "statistics",
            Self::Benchmark => "benchmark",
            Self::Route => "route",
            Self::Workflow => "workflow",
            Self::Embed => "embed",
            Self::Signal => "signal",
        }
    }
}

impl Operation {
    /// `a` [m,k] times `b` [k,n], both FP32, on the device; the output is named `product` [m,n].
    ///
    /// # Errors
    /// `SHAPE_MISMATCH` or `DTYPE_MISMATCH` when these are not two FP32 matrices that fit.
    pub fn matrix_multiply(a: Tensor, b: Tensor) -> Result<Self> {
        for (name, tensor) in [("a", &a), ("b", &b)] {
            if tensor.datatype() != DataType::F32 {
                let message =
                    format!("inputs.{name} is {}, matrix_multiply takes FP32", tensor.datatype());
                return Err(Error::new(ErrorCode::DtypeMismatch, message));
            }
            if tensor.shape().len() != 2 {
                let message = format!(
                    "inputs.{name}.shape is {:?}, a matrix has two dimensions",
                    tensor.shape()
                );
                return Err(Error::new(ErrorCode::ShapeMismatch, message));
            }
        }
        if a.shape()[1] != b.shape()[0] {
            return Err(Error::new(
                ErrorCode::ShapeMismatch,
                format!(
                    "inputs.a.shape is {:?} and inputs.b.shape is {:?}: the columns of a must be as many as the rows of b",
                    a.shape(),
                    b.shape()
                ),
            ));
        }
        Ok(Self::MatrixMultiply(Box::new(Inference {
            model: matmul::NAME.into(),
            inputs: vec![("a".into(), a), ("b".into(), b)],
            stream: None,
        })))
    }

    /// What the operation is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Initialize => Kind::Initialize,
            Self::LoadModel(_) => Kind::LoadModel,
            Self::UnloadModel { .. } => Kind::UnloadModel,
            Self::Inference(_) => Kind::Inference,
            Self::MatrixMultiply(_) => Kind::MatrixMultiply,
            Self::Echo(_) => Kind::Echo,
            Self::HealthCheck => Kind::HealthCheck,
            Self::Statistics => Kind::Statistics,
            Self::Benchmark(_) => Kind::Benchmark,
            Self::Route(_) => Kind::Route,
            Self::Workflow(_) => Kind::Workflow,
            Self::Embed(_) => Kind::Embed,
            Self::Signal(_) => Kind::Signal,
        }
    }
}

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

/// What is submitted with an operation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// How urgent it is.
    pub priority: Priority,
    /// It must start within this time.
    pub timeout: Option<Duration>,
}

/// Running on another device or engine than the first choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The first choice.
    pub from: Name,
    /// What runs instead.
    pub to: Name,
    /// Why.
    pub reason: String,
}

/// Times of one operation, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// From submission to start.
    pub queue: u64,
    /// The work itself.
    pub compute: u64,
    /// From submission to completion.
    pub total: u64,
}

/// The answer to an operation.
#[derive(Debug)]
pub struct OperationResult {
    /// What was asked for.
    pub kind: Kind,
    /// What came out, or why nothing did.
    pub outcome: Result<Output>,
    /// The device that ran it; none for operations that need none.
    pub device: Option<Name>,
    /// Whether and why that was not the first choice.
    pub fallback: Option<Arc<Fallback>>,
    /// How long it took.
    pub times: Times,
}

/// What an operation gives.
#[derive(Debug)]
pub enum Output {
    /// Tensors by output name.
    Tensors(Vec<(Name, Tensor)>),
    /// Processed signals by output name, with who did it and why that one.
    Processed {
        /// The results; complex ones end with a dimension of 2.
        tensors: Vec<(Name, Tensor)>,
        /// The backend.
        backend: &'static str,
        /// Why that backend.
        reason: Cow<'static, str>,
    },
    /// The payload of an echo.
    Payload(Payload),
    /// The JSON text of anything that is asked for seldom: health, statistics, a loaded model's description.
    Report(String),
}

/// Where an operation's answer goes: exactly once, from a thread of the engine.
pub enum Completion {
    /// Called with the answer.
    Callback(Box<dyn FnOnce(OperationResult) + Send>),
    /// Shared by many operations; the number tells them apart. Costs no allocation.
    Sink(Arc<dyn Sink>, u64),
}

/// Takes the answers of many operations.
pub trait Sink: Send + Sync {
    /// One answer. Must be quick and must not call the engine.
    fn complete(&self, token: u64, result: OperationResult);
    /// Called after a group of answers, so that they can be handed on together.
    fn flush(&self) {}
}

impl Completion {
    /// A completion that calls `callback`.
    pub fn call(callback: impl FnOnce(OperationResult) + Send + 'static) -> Self {
        Self::Callback(Box::new(callback))
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callback(_) => f.write_str("Callback"),
            Self::Sink(_, token) => write!(f, "Sink({token})"),
        }
    }
}
