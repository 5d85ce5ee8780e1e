//! How a workflow is run, and what a failure means for it.

use std::collections::HashMap;

use super::super::Preference;

/// How a workflow is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// How many tasks may run at the same time; at least 1.
    pub max_parallel: u32,
    /// How many tasks of one agent may run at the same time, by agent; at least 1.
    pub agent_limits: HashMap<String, u32>,
    /// What a failure means for other tasks.
    pub on_failure: FailurePolicy,
    /// Whether tasks are as urgent as what waits for them.
    pub inherit: bool,
    /// What decides among tasks that are equally urgent.
    pub preference: Preference,
    /// Positions of tasks that an earlier run has completed.
    pub done: Vec<u32>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            max_parallel: 10,
            agent_limits: HashMap::new(),
            on_failure: FailurePolicy::default(),
            inherit: false,
            preference: Preference::default(),
            done: Vec::new(),
        }
    }
}

/// What the failure of a task means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// Nothing more is started.
    Stop,
    /// Those that depend on it run as if it had succeeded.
    Continue,
    /// Those that depend on it are skipped, the others run.
    #[default]
    SkipDependents,
}
