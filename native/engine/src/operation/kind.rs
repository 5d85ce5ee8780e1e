//! What operations are, without their arguments.

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
