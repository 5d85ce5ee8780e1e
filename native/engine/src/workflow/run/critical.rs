//! Which chain of tasks took the time.

use super::super::order::{Discipline, order};
use super::WorkflowRun;

impl WorkflowRun {
    /// The chain of tasks, each waiting for the one before it, whose running times add up to most, with that sum in
    /// microseconds: no number of places makes the workflow quicker than this.
    #[must_use]
    pub fn critical_path(&self) -> (Vec<u32>, u64) {
        let priorities = vec![0; self.tasks.len()];
        let sequence = order(&self.graph, &priorities, Discipline::Rounds).order;
        let mut finished = vec![0_u64; self.tasks.len()];
        let mut before: Vec<Option<u32>> = vec![None; self.tasks.len()];
        let mut last: Option<u32> = None;
        for &task in &sequence {
            let at = task as usize;
            let dependencies = self.graph.dependencies(task).iter().copied();
            before[at] = dependencies.max_by_key(|&d| (finished[d as usize], std::cmp::Reverse(d)));
            finished[at] = self.duration_us(task)
                + before[at].map_or(0, |dependency| finished[dependency as usize]);
            if last.is_none_or(|last| finished[at] > finished[last as usize]) {
                last = Some(task);
            }
        }
        let length = last.map_or(0, |task| finished[task as usize]);
        let mut path: Vec<u32> =
            std::iter::successors(last, |&task| before[task as usize]).collect();
        path.reverse();
        (path, length)
    }

    fn duration_us(&self, task: u32) -> u64 {
        let state = &self.states[task as usize];
        let started = state.started_us.zip(state.settled_us);
        started.map_or(0, |(started, settled)| settled - started)
    }
}
