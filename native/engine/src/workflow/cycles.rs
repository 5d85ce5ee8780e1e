//! Names the cycles of a graph.

use super::{Graph, Task};
use crate::{Error, ErrorCode, Result};

/// How many tasks of a cycle an error message lists.
const NAMED: usize = 8;

impl Graph {
    /// One cycle of each knot of tasks that depend on each other: every task depends on the next, the last on the
    /// first, and the first is the earliest by position.
    ///
    /// Empty for a graph without cycles. Linear in tasks and dependencies; knots are listed by their earliest task.
    #[must_use]
    pub fn cycles(&self) -> Vec<Vec<u32>> {
        let knots = Knots::of(self);
        let mut visited = vec![false; self.len() as usize];
        let mut named = vec![false; self.len() as usize];
        let mut cycles = Vec::new();
        for task in self.tasks() {
            let knot = knots.of_task[task as usize];
            if named[knot as usize] {
                continue;
            }
            named[knot as usize] = true;
            cycles.extend(self.walk_cycle(task, &knots, &mut visited));
        }
        cycles
    }

    /// Refuses a graph with a cycle.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` naming the tasks of the first cycle by their ids.
    pub fn require_acyclic(&self, tasks: &[Task]) -> Result<()> {
        let cycles = self.cycles();
        let Some(cycle) = cycles.first() else {
            return Ok(());
        };
        let name = |&task: &u32| format!("{:?}", tasks[task as usize].id);
        let mut path: Vec<_> = cycle.iter().take(NAMED).map(name).collect();
        if cycle.len() > NAMED {
            path.push(format!("… ({} more)", cycle.len() - NAMED));
        }
        path.extend(cycle.first().map(name));
        let others = match cycles.len() - 1 {
            0 => String::new(),
            1 => "; there is 1 other cycle".into(),
            more => format!("; there are {more} other cycles"),
        };
        Err(Error::new(
            ErrorCode::InvalidArgument,
            format!("tasks wait for each other: {}{others}", path.join(" → ")),
        )
        .suggest("remove one of these dependencies"))
    }

    /// Follows dependencies inside the knot of `start` until a task comes again.
    fn walk_cycle(&self, start: u32, knots: &Knots, visited: &mut [bool]) -> Option<Vec<u32>> {
        let knot = knots.of_task[start as usize];
        let mut path = Vec::new();
        let mut task = start;
        while !visited[task as usize] {
            visited[task as usize] = true;
            path.push(task);
            // Only a knot of one task without a dependency on itself has no way on: no cycle.
            task = *self
                .dependencies(task)
                .iter()
                .find(|&&next| knots.of_task[next as usize] == knot)?;
        }
        let first = path.iter().position(|&seen| seen == task)?;
        let mut cycle = path.split_off(first);
        let earliest = (0..cycle.len()).min_by_key(|&index| cycle[index])?;
        cycle.rotate_left(earliest);
        Some(cycle)
    }
}

/// Tarjan's strongly connected components, with a stack of our own instead of the thread's.
struct Knots {
    /// The knot of each task; numbers have no gaps.
    of_task: Vec<u32>,
}

impl Knots {
    fn of(graph: &Graph) -> Self {
        const UNSEEN: u32 = u32::MAX;
        let count = graph.len() as usize;
        let mut seen_as = vec![UNSEEN; count];
        let mut lowest = vec![0_u32; count];
        let mut of_task = vec![UNSEEN; count];
        let mut open: Vec<u32> = Vec::new();
        // Task and how many of its dependencies have been looked at.
        let mut path: Vec<(u32, usize)> = Vec::new();
        let mut seen = 0;
        let mut knots = 0;

        for root in graph.tasks() {
            if seen_as[root as usize] != UNSEEN {
                continue;
            }
            path.push((root, 0));
            while let Some((task, looked_at)) = path.last_mut() {
                let at = *task as usize;
                if *looked_at == 0 {
                    seen_as[at] = seen;
                    lowest[at] = seen;
                    seen += 1;
                    open.push(*task);
                }
                if let Some(&next) = graph.dependencies(*task).get(*looked_at) {
                    *looked_at += 1;
                    if seen_as[next as usize] == UNSEEN {
                        path.push((next, 0));
                    } else if of_task[next as usize] == UNSEEN {
                        lowest[at] = lowest[at].min(seen_as[next as usize]);
                    }
                    continue;
                }
                let task = *task;
                path.pop();
                if lowest[at] == seen_as[at] {
                    while let Some(member) = open.pop() {
                        of_task[member as usize] = knots;
                        if member == task {
                            break;
                        }
                    }
                    knots += 1;
                }
                if let Some(&(parent, _)) = path.last() {
                    lowest[parent as usize] = lowest[parent as usize].min(lowest[at]);
                }
            }
        }
        Self { of_task }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(tasks: &[Task]) -> Graph {
        Graph::from_tasks(tasks).unwrap().0
    }

    #[test]
    fn each_knot_is_named_by_one_cycle_from_its_earliest_task() {
        let tasks = [
            Task::new("waits").after(["c"]),
            Task::new("b").after(["d"]),
            Task::new("c").after(["b", "waits2"]),
            Task::new("d").after(["c"]),
            Task::new("self").after(["b", "self"]),
            Task::new("waits2"),
        ];
        assert_eq!(graph(&tasks).cycles(), [vec![1, 3, 2], vec![4]]);
    }

    #[test]
    fn a_graph_without_cycles_has_none() {
        let tasks = [Task::new("a"), Task::new("b").after(["a"]), Task::new("c").after(["a", "b"])];
        let graph = graph(&tasks);
        assert!(graph.cycles().is_empty());
        graph.require_acyclic(&tasks).unwrap();
    }

    #[test]
    fn a_knot_of_several_cycles_gives_a_true_one() {
        // The walk from 0 enters the loop 1 ⇄ 2 and never comes back to 0.
        let graph = Graph::from_rows(&[0, 1, 3, 4], &[1, 2, 0, 1]).unwrap();
        assert_eq!(graph.cycles(), [vec![1, 2]]);
    }

    #[test]
    fn the_refusal_names_the_cycle() {
        let tasks =
            [Task::new("a").after(["b"]), Task::new("b").after(["a"]), Task::new("c").after(["c"])];
        let error = graph(&tasks).require_acyclic(&tasks).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert_eq!(
            error.message(),
            r#"tasks wait for each other: "a" → "b" → "a"; there is 1 other cycle"#
        );
    }

    #[test]
    fn a_cycle_of_100_000_tasks_is_named_in_short() {
        let count = 100_000;
        let tasks: Vec<_> = (0..count)
            .map(|i| Task::new(format!("t{i}")).after([format!("t{}", (i + 1) % count)]))
            .collect();
        let graph = graph(&tasks);
        assert_eq!(graph.cycles()[0].len(), count);
        let error = graph.require_acyclic(&tasks).unwrap_err();
        assert_eq!(
            error.message(),
            r#"tasks wait for each other: "t0" → "t1" → "t2" → "t3" → "t4" → "t5" → "t6" → "t7" → … (99992 more) → "t0""#
        );
    }
}
