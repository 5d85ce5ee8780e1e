//! One answer for a whole list of tasks.

use super::levels::{group_by_level, levels};
use super::order::{BrokenCycle, Discipline, order};
use super::{Graph, Task, UnknownDependency};
use crate::Result;

/// How a workflow will be executed, and what had to be given up for it. Tasks are positions in the caller's list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Execution order: every task once.
    pub order: Vec<u32>,
    /// The level of each task, by position.
    pub levels: Vec<u32>,
    /// Cycles that were broken, in the order in which they stood in the way.
    pub broken: Vec<BrokenCycle>,
    /// Dependencies on ids that no task has, in the order in which they are written.
    pub unknown: Vec<UnknownDependency>,
}

impl Plan {
    /// The tasks of each level by position, level 0 first.
    #[must_use]
    pub fn groups(&self) -> Vec<Vec<u32>> {
        group_by_level(&self.levels)
    }
}

/// Plans a list of tasks as v1 ordered them: [`Discipline::Rounds`].
///
/// # Errors
/// `INVALID_ARGUMENT` when two tasks share an id.
pub fn plan(tasks: &[Task]) -> Result<Plan> {
    plan_with(tasks, Discipline::Rounds)
}

/// Plans a list of tasks.
///
/// # Errors
/// `INVALID_ARGUMENT` when two tasks share an id.
pub fn plan_with(tasks: &[Task], discipline: Discipline) -> Result<Plan> {
    let (graph, unknown) = Graph::from_tasks(tasks)?;
    let priorities: Vec<_> = tasks.iter().map(|task| task.priority).collect();
    Ok(Plan { unknown, ..plan_graph(&graph, &priorities, discipline) })
}

/// Plans a graph that was built from positions.
///
/// # Panics
/// When there are not as many priorities as tasks.
#[must_use]
pub fn plan_graph(graph: &Graph, priorities: &[i32], discipline: Discipline) -> Plan {
    let sequence = order(graph, priorities, discipline);
    Plan {
        levels: levels(graph, &sequence.order),
        order: sequence.order,
        broken: sequence.broken,
        unknown: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 100_000;

    /// `MANY` tasks, each depending on the next in the list, so that the order is the opposite of the positions.
    fn chain(closed: bool) -> Vec<Task> {
        (0..MANY)
            .map(|i| match (i + 1 < MANY, closed) {
                (true, _) => Task::new(format!("t{i}")).after([format!("t{}", i + 1)]),
                (false, true) => Task::new(format!("t{i}")).after(["t0"]),
                (false, false) => Task::new(format!("t{i}")),
            })
            .collect()
    }

    #[test]
    fn a_chain_of_100_000_tasks_is_planned() {
        let plan = plan(&chain(false)).unwrap();
        assert!(plan.order.iter().copied().eq((0..MANY as u32).rev()));
        assert!(plan.levels.iter().copied().eq((0..MANY as u32).rev()));
        assert!(plan.broken.is_empty());
    }

    #[test]
    fn a_cycle_of_100_000_tasks_is_broken_once() {
        let plan = plan(&chain(true)).unwrap();
        let order = std::iter::once(0).chain((1..MANY as u32).rev());
        assert!(plan.order.iter().copied().eq(order));
        assert_eq!(plan.levels[0], 0);
        assert_eq!(plan.levels[1], MANY as u32 - 1);
        assert_eq!(plan.broken, [BrokenCycle { task: 0, dropped: vec![1] }]);
    }

    #[test]
    fn an_empty_workflow_has_an_empty_plan() {
        assert_eq!(plan(&[]).unwrap(), Plan::default());
    }
}
