//! Operations, what is submitted with them, and what comes back.

mod completion;
mod kind;
mod priority;
mod request;
mod result;

use std::sync::Arc;
use std::time::Duration;

use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use crate::model::matmul;
use crate::tensor::Tensor;
pub use completion::{Completion, Sink};
pub use kind::Kind;
pub use priority::Priority;
pub use request::{
    Agents, Benchmark, Embed, Inference, LoadModel, Payload, Route, Signal, StreamStep, Workflow,
};
pub use result::{Fallback, OperationResult, Output, Times};

/// A name that is shared instead of copied: of a model, an input, an output, a device.
pub type Name = Arc<str>;

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

/// What is submitted with an operation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// How urgent it is.
    pub priority: Priority,
    /// It must start within this time.
    pub timeout: Option<Duration>,
}
