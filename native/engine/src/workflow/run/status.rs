//! Where the tasks of a run stand.

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskStatus {
    /// Its dependencies are not yet done.
    Waiting,
    /// It may start as soon as a place is free.
    Ready,
    /// The host executes it.
    Running,
    /// The host reported success.
    Completed,
    /// Its agent has no handler: assigned, not executed.
    Routed,
    /// The host reported a failure.
    Failed,
    /// A dependency did not succeed.
    Skipped,
    /// The run was cancelled before it started.
    Cancelled,
}

impl TaskStatus {
    /// The name that every language and the wire use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Routed => "routed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen to the task.
    #[must_use]
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Waiting | Self::Ready | Self::Running)
    }
}
