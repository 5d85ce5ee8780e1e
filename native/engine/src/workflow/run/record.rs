//! What is known of one task of a run, and why it failed or was skipped.

use super::super::Task;
use super::{TaskStatus, WorkflowRun};
use crate::Error;

/// Why a task was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skip {
    /// Its dependency that did not succeed.
    pub dependency: u32,
    /// The failed task with which it began; the dependency itself or something before it.
    pub failed: u32,
}

/// What is known beyond the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskDetail {
    /// The error of a failed task.
    Failed(Error),
    /// The reason of a skipped task.
    Skipped(Skip),
}

/// One task of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskRecord<'a> {
    /// What was asked for.
    pub task: &'a Task,
    /// Where it stands.
    pub status: TaskStatus,
    /// When it started, if it did; a routed task starts and settles at the same instant.
    pub started_us: Option<u64>,
    /// When it was settled, if it is.
    pub settled_us: Option<u64>,
    /// The error or the reason, if there is one.
    pub detail: Option<&'a TaskDetail>,
}

impl WorkflowRun {
    /// What is known of one task.
    #[must_use]
    pub fn record(&self, task: u32) -> Option<TaskRecord<'_>> {
        let state = self.states.get(task as usize)?;
        Some(TaskRecord {
            task: &self.tasks[task as usize],
            status: state.status,
            started_us: state.started_us,
            settled_us: state.settled_us,
            detail: self.details.get(&task),
        })
    }

    /// The reason of a skipped task in words.
    #[must_use]
    pub fn skip_reason(&self, skip: Skip) -> String {
        let id = |task: u32| &self.tasks[task as usize].id;
        if skip.dependency == skip.failed {
            format!("its dependency {:?} failed", id(skip.failed))
        } else {
            format!(
                "its dependency {:?} was skipped because {:?} failed",
                id(skip.dependency),
                id(skip.failed)
            )
        }
    }
}
