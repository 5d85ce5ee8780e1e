//! How urgent tasks are when what waits for them counts too.

use super::{Discipline, Graph, Task, order};

/// What decides among ready tasks of equal priority and deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preference {
    /// The place in the list, as v1 did.
    #[default]
    Position,
    /// The longer the chain of estimated work behind it, the sooner: what shortens the whole workflow.
    CriticalPath,
}

/// The place of each task among all, most urgent 0, by position.
///
/// With `inherit` a task is as urgent as the most urgent task that waits for it, directly or through others: priorities
/// and deadlines go up the graph. Dependencies that close a cycle pass nothing on.
#[must_use]
pub fn ranks(graph: &Graph, tasks: &[Task], inherit: bool, preference: Preference) -> Vec<u32> {
    let mut priorities: Vec<i32> = tasks.iter().map(|task| task.priority).collect();
    let mut deadlines: Vec<u64> =
        tasks.iter().map(|task| task.deadline_us.unwrap_or(u64::MAX)).collect();
    let mut chains: Vec<f64> = tasks.iter().map(|task| task.estimated_ms.max(0.0)).collect();
    if inherit || preference == Preference::CriticalPath {
        let sequence = order(graph, &priorities, Discipline::Rounds).order;
        for &task in sequence.iter().rev() {
            let task = task as usize;
            let behind = graph.dependents(task as u32).iter().map(|&dependent| dependent as usize);
            let mut longest = 0.0_f64;
            for dependent in behind {
                if inherit {
                    priorities[task] = priorities[task].min(priorities[dependent]);
                    deadlines[task] = deadlines[task].min(deadlines[dependent]);
                }
                longest = longest.max(chains[dependent]);
            }
            chains[task] += longest;
        }
    }
    let mut by_urgency: Vec<u32> = (0..tasks.len() as u32).collect();
    by_urgency.sort_by(|&a, &b| {
        let (left, right) = (a as usize, b as usize);
        let keys = (priorities[left], deadlines[left]).cmp(&(priorities[right], deadlines[right]));
        keys.then_with(|| match preference {
            Preference::Position => std::cmp::Ordering::Equal,
            Preference::CriticalPath => chains[right].total_cmp(&chains[left]),
        })
        .then(a.cmp(&b))
    });
    let mut ranks = vec![0; by_urgency.len()];
    for (task, rank) in by_urgency.into_iter().zip(0..) {
        ranks[task as usize] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks_of(tasks: &[Task], inherit: bool, preference: Preference) -> Vec<u32> {
        let (graph, _) = Graph::from_tasks(tasks).unwrap();
        ranks(&graph, tasks, inherit, preference)
    }

    #[test]
    fn a_task_is_as_urgent_as_what_waits_for_it() {
        let tasks = [
            Task::new("fetch").with_priority(90),
            Task::new("tidy").with_priority(40),
            Task::new("alarm").with_priority(1).after(["parse"]),
            Task::new("parse").with_priority(80).after(["fetch"]),
        ];
        assert_eq!(ranks_of(&tasks, true, Preference::Position), [0, 3, 1, 2]);
        assert_eq!(ranks_of(&tasks, false, Preference::Position), [3, 1, 0, 2]);
    }

    #[test]
    fn deadlines_are_inherited_and_decide_among_equal_priorities() {
        let mut tasks =
            [Task::new("a"), Task::new("b"), Task::new("c").after(["b"]), Task::new("d")];
        tasks[2].deadline_us = Some(5);
        tasks[3].deadline_us = Some(4);
        assert_eq!(ranks_of(&tasks, true, Preference::Position), [3, 1, 2, 0]);
    }

    #[test]
    fn the_longest_chain_goes_first_where_that_is_preferred() {
        let mut tasks = [Task::new("short"), Task::new("long"), Task::new("end").after(["long"])];
        assert_eq!(ranks_of(&tasks, true, Preference::CriticalPath), [1, 0, 2]);
        tasks[0].estimated_ms = 5000.0;
        assert_eq!(ranks_of(&tasks, true, Preference::CriticalPath), [0, 1, 2]);
    }

    #[test]
    fn cycles_and_long_chains_are_no_trouble() {
        let many = 100_000;
        let tasks: Vec<_> = (0..many)
            .map(|i| Task::new(format!("t{i}")).after([format!("t{}", (i + 1) % many)]))
            .collect();
        let found = ranks_of(&tasks, true, Preference::CriticalPath);
        assert_eq!(found.len(), many);
    }
}
