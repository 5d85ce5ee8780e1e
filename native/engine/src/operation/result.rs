//! What comes back from an operation.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Kind, Name, Payload};
use crate::error::Result;
use crate::tensor::Tensor;

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
    /// The work itself: of an inference, the time on the device, without its inputs' way there and its outputs' way back.
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
