//! One error taxonomy for the engine and its bindings.

use std::fmt;

/// The stable codes that Rust, TypeScript, Python and HTTP share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum ErrorCode {
    RuntimeNotFound,
    DeviceUnavailable,
    DeviceLost,
    ModelNotFound,
    ModelInvalid,
    ShapeMismatch,
    DtypeMismatch,
    DeadlineExceeded,
    Cancelled,
    QueueFull,
    ResourceExhausted,
    UnsupportedOperation,
    InvalidArgument,
    ConfigInvalid,
    LegacyFailed,
    ProtocolError,
    Internal,
}

impl ErrorCode {
    /// Every code, in declaration order: index `code as usize`.
    pub const ALL: [ErrorCode; 17] = [
        Self::RuntimeNotFound,
        Self::DeviceUnavailable,
        Self::DeviceLost,
        Self::ModelNotFound,
        Self::ModelInvalid,
        Self::ShapeMismatch,
        Self::DtypeMismatch,
        Self::DeadlineExceeded,
        Self::Cancelled,
        Self::QueueFull,
        Self::ResourceExhausted,
        Self::UnsupportedOperation,
        Self::InvalidArgument,
        Self::ConfigInvalid,
        Self::LegacyFailed,
        Self::ProtocolError,
        Self::Internal,
    ];

    /// The name that every language and the wire use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RuntimeNotFound => "RUNTIME_NOT_FOUND",
            Self::DeviceUnavailable => "DEVICE_UNAVAILABLE",
            Self::DeviceLost => "DEVICE_LOST",
            Self::ModelNotFound => "MODEL_NOT_FOUND",
            Self::ModelInvalid => "MODEL_INVALID",
            Self::ShapeMismatch => "SHAPE_MISMATCH",
            Self::DtypeMismatch => "DTYPE_MISMATCH",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Cancelled => "CANCELLED",
            Self::QueueFull => "QUEUE_FULL",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::UnsupportedOperation => "UNSUPPORTED_OPERATION",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::ConfigInvalid => "CONFIG_INVALID",
            Self::LegacyFailed => "LEGACY_FAILED",
            Self::ProtocolError => "PROTOCOL_ERROR",
            Self::Internal => "INTERNAL",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failure: what happened with the offending value, what to do, and what it came from.
///
/// Boxed inside, so that a `Result` stays one word beside its value on the hot path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Report>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Report {
    code: ErrorCode,
    message: String,
    suggestions: Vec<String>,
    cause: Option<String>,
}

/// The result type of the whole crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with a message that names the offending value and the place.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Report {
            code,
            message: message.into(),
            suggestions: Vec::new(),
            cause: None,
        }))
    }

    /// Adds one thing the caller can do about it: a sentence, or a command that can be pasted.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.0.suggestions.push(suggestion.into());
        self
    }

    /// Records what the failure came from, for example OpenVINO's own text.
    #[must_use]
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// What happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, most useful first.
    #[must_use]
    pub fn suggestions(&self) -> &[String] {
        &self.0.suggestions
    }

    /// What the failure came from, if anything underneath reported it.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.message, self.0.code)?;
        if let Some(cause) = &self.0.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_listed_at_their_own_index() {
        for (index, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, index, "{code}");
        }
    }

    #[test]
    fn display_names_message_code_and_cause() {
        let error = Error::new(ErrorCode::ModelInvalid, "a.onnx is empty").caused_by("no graph");
        assert_eq!(error.to_string(), "a.onnx is empty (MODEL_INVALID): no graph");
    }
}
