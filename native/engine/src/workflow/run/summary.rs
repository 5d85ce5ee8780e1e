//! The account of a run.

use std::collections::HashMap;

use super::super::{BrokenCycle, UnknownDependency};
use super::{TaskStatus, WorkflowRun};

/// What came of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowSummary {
    /// Every task of the workflow.
    pub total: u32,
    /// Executed with success.
    pub completed: u32,
    /// Assigned to an agent without a handler, not executed.
    pub routed: u32,
    /// Executed without success.
    pub failed: u32,
    /// Not executed, because a dependency did not succeed.
    pub skipped: u32,
    /// Not executed, because the run was cancelled.
    pub cancelled: u32,
    /// Not settled yet; 0 when the run is finished.
    pub unsettled: u32,
    /// (completed + routed) / total; 0 for an empty workflow, as in v1.
    pub success_rate: f64,
    /// From the start to the last settled task, or to now while the run goes on.
    pub elapsed_us: u64,
    /// Time during which at least one task ran.
    pub active_us: u64,
    /// `elapsed_us - active_us`: time that went into coordination and waiting, not into tasks.
    pub overhead_us: u64,
    /// The running times of all tasks added up.
    pub busy_us: u64,
    /// The most tasks that ran at the same time.
    pub peak_running: u32,
    /// One entry for each agent, in the order in which the tasks first name them.
    pub agents: Vec<AgentUse>,
    /// Cycles that were broken.
    pub broken: Vec<BrokenCycle>,
    /// Dependencies on ids that no task has.
    pub unknown: Vec<UnknownDependency>,
}

/// What one agent did.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentUse {
    /// Its name as the tasks give it.
    pub agent: String,
    /// How many tasks are its own.
    pub tasks: u32,
    /// Of these, executed with success.
    pub completed: u32,
    /// Of these, assigned but not executed.
    pub routed: u32,
    /// Of these, executed without success.
    pub failed: u32,
    /// Of these, not executed because a dependency did not succeed.
    pub skipped: u32,
    /// Of these, not executed because the run was cancelled.
    pub cancelled: u32,
    /// The running times of its tasks added up.
    pub busy_us: u64,
    /// `busy_us / elapsed_us` of the workflow: how many of its tasks ran at a time on average, so above 1 for an agent
    /// that ran several at once; 0 when no time passed.
    pub utilisation: f64,
}

impl WorkflowRun {
    /// The account of the run up to now.
    #[must_use]
    pub fn summary(&self, now_us: u64) -> WorkflowSummary {
        let now_us = now_us.max(self.now_us);
        let end_us = if self.is_finished() {
            let last = self.settled.last();
            last.and_then(|&task| self.states[task as usize].settled_us).unwrap_or(self.started_us)
        } else {
            now_us
        };
        let elapsed_us = end_us - self.started_us;
        let active_us =
            if self.running > 0 { self.active_us + (now_us - self.now_us) } else { self.active_us };
        let agents = self.agents(end_us, elapsed_us);
        let count = |of: fn(&AgentUse) -> u32| agents.iter().map(of).sum();
        let total = self.tasks.len() as u32;
        let completed = count(|agent| agent.completed);
        let routed = count(|agent| agent.routed);
        WorkflowSummary {
            total,
            completed,
            routed,
            failed: count(|agent| agent.failed),
            skipped: count(|agent| agent.skipped),
            cancelled: count(|agent| agent.cancelled),
            unsettled: total - self.settled.len() as u32,
            success_rate: share(u64::from(completed + routed), u64::from(total)),
            elapsed_us,
            active_us,
            overhead_us: elapsed_us - active_us,
            busy_us: agents.iter().map(|agent| agent.busy_us).sum(),
            peak_running: self.peak_running,
            broken: self.broken.clone(),
            unknown: self.unknown.clone(),
            agents,
        }
    }

    fn agents(&self, end_us: u64, elapsed_us: u64) -> Vec<AgentUse> {
        let mut agents: Vec<AgentUse> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (task, state) in self.tasks.iter().zip(&self.states) {
            let place = *places.entry(&task.agent).or_insert_with(|| {
                agents.push(AgentUse::idle(&task.agent));
                agents.len() - 1
            });
            let agent = &mut agents[place];
            agent.tasks += 1;
            match state.status {
                TaskStatus::Completed => agent.completed += 1,
                TaskStatus::Routed => agent.routed += 1,
                TaskStatus::Failed => agent.failed += 1,
                TaskStatus::Skipped => agent.skipped += 1,
                TaskStatus::Cancelled => agent.cancelled += 1,
                TaskStatus::Waiting | TaskStatus::Ready | TaskStatus::Running => {}
            }
            if let Some(started_us) = state.started_us {
                agent.busy_us += state.settled_us.unwrap_or(end_us) - started_us;
            }
        }
        for agent in &mut agents {
            agent.utilisation = share(agent.busy_us, elapsed_us);
        }
        agents
    }
}

impl AgentUse {
    fn idle(agent: &str) -> Self {
        Self {
            agent: agent.into(),
            tasks: 0,
            completed: 0,
            routed: 0,
            failed: 0,
            skipped: 0,
            cancelled: 0,
            busy_us: 0,
            utilisation: 0.0,
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
