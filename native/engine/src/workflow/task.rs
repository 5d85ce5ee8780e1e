//! What a caller says about one task.

/// One unit of work for an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Unique within its workflow; what `dependencies` of other tasks name.
    pub id: String,
    /// The name of the agent that does it.
    pub agent: String,
    /// What is to be done, in words.
    pub description: String,
    /// 1 is the most urgent, 100 the least; any other number is taken as it stands.
    pub priority: i32,
    /// Ids of the tasks that must be done before this one.
    pub dependencies: Vec<String>,
    /// How long it is expected to take, in milliseconds.
    pub estimated_ms: f64,
    /// When it should be done, in microseconds from the start of its workflow.
    pub deadline_us: Option<u64>,
}

impl Task {
    /// The agent of a task that names none.
    pub const DEFAULT_AGENT: &str = "director";
    /// The description of a task that has none.
    pub const DEFAULT_DESCRIPTION: &str = "Task";
    /// The priority of a task that has none.
    pub const DEFAULT_PRIORITY: i32 = 50;
    /// The estimate of a task that has none.
    pub const DEFAULT_ESTIMATED_MS: f64 = 1000.0;

    /// A task with an id and otherwise defaults.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            agent: Self::DEFAULT_AGENT.into(),
            description: Self::DEFAULT_DESCRIPTION.into(),
            priority: Self::DEFAULT_PRIORITY,
            dependencies: Vec::new(),
            estimated_ms: Self::DEFAULT_ESTIMATED_MS,
            deadline_us: None,
        }
    }

    /// The same task with another priority.
    #[must_use]
    pub fn with_priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// The same task for another agent.
    #[must_use]
    pub fn with_agent(mut self, agent: impl Into<String>) -> Self {
        self.agent = agent.into();
        self
    }

    /// The same task after others.
    #[must_use]
    pub fn after<I>(mut self, dependencies: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.dependencies.extend(dependencies.into_iter().map(Into::into));
        self
    }
}
