//! How many tasks of one agent may run at once.

use std::collections::HashMap;

use super::super::Task;
use crate::{Error, ErrorCode, Result};

/// The agents that are limited, with the tasks that wait for one of their places.
#[derive(Debug)]
pub(super) struct AgentLimits {
    agents: Vec<Places>,
    /// For each task, the index of its agent; empty when no agent is limited.
    of_task: Vec<Option<u32>>,
}

#[derive(Debug)]
struct Places {
    free: u32,
    parked: Vec<u32>,
}

impl AgentLimits {
    pub(super) fn new(tasks: &[Task], limits: &HashMap<String, u32>) -> Result<Self> {
        if limits.is_empty() {
            return Ok(Self { agents: Vec::new(), of_task: Vec::new() });
        }
        let mut places = HashMap::new();
        let mut agents = Vec::new();
        for (agent, &most) in limits {
            if most == 0 {
                return Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!("max_parallel of agent {agent:?} is 0: none of its tasks could start"),
                ));
            }
            places.insert(agent.as_str(), agents.len() as u32);
            agents.push(Places { free: most, parked: Vec::new() });
        }
        let of_task = tasks.iter().map(|task| places.get(task.agent.as_str()).copied());
        Ok(Self { of_task: of_task.collect(), agents })
    }

    /// Takes a place for a task; false when there is none, and the task is given back by [`AgentLimits::release`].
    pub(super) fn admit(&mut self, task: u32) -> bool {
        let Some(places) = self.places(task) else { return true };
        if places.free == 0 {
            places.parked.push(task);
            return false;
        }
        places.free -= 1;
        true
    }

    /// Gives the place of a task back, and the tasks that waited for it.
    pub(super) fn release(&mut self, task: u32) -> Vec<u32> {
        let Some(places) = self.places(task) else { return Vec::new() };
        places.free += 1;
        std::mem::take(&mut places.parked)
    }

    /// Forgets the tasks that wait, because they are settled otherwise.
    pub(super) fn forget_parked(&mut self) {
        for places in &mut self.agents {
            places.parked.clear();
        }
    }

    fn places(&mut self, task: u32) -> Option<&mut Places> {
        let agent = self.of_task.get(task as usize).copied().flatten()?;
        Some(&mut self.agents[agent as usize])
    }
}
