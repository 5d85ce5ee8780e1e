//! Why an operation could not be done.

use std::fmt;

/// The result type of the crate.
pub type Result<T> = std::result::Result<T, Fault>;

/// What kind of mistake it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A parameter has a value that makes no sense, or the data has.
    Argument,
    /// Dimensions do not fit.
    Shape,
    /// It would take more than the limit.
    Limit,
    /// There is no such family, member or combination.
    Unsupported,
}

/// A refusal: what was wrong with its value, and what can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of mistake it was.
    pub kind: FaultKind,
    /// The value and the place, and the limit if there is one.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
}

impl Fault {
    /// A wrong value.
    pub fn argument(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Argument, message: message.into(), suggestion: None }
    }

    /// Dimensions that do not fit.
    pub fn shape(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Shape, message: message.into(), suggestion: None }
    }

    /// More than the limit.
    pub fn limit(what: &str, value: usize, limit: usize) -> Self {
        let message = format!("{what} would be {value} values, the limit is {limit}");
        Self { kind: FaultKind::Limit, message, suggestion: None }
    }

    /// Something that does not exist.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Unsupported, message: message.into(), suggestion: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
