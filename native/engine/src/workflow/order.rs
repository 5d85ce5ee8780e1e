//! The order in which tasks are taken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Graph;

/// Who is compared with whom when several tasks are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Discipline {
    /// All tasks that are ready now, by rank; then all that have become ready. What v1's `resolve_dependencies` does.
    #[default]
    Rounds,
    /// Always the one ready task of the least rank. What [`super::WorkflowRun`] does with one task at a time.
    Urgency,
}

/// A cycle and what was given up to get past it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenCycle {
    /// The task that was taken although it still waited.
    pub task: u32,
    /// Its dependencies that no longer count, in the order in which they were written; never empty.
    pub dropped: Vec<u32>,
}

/// Every task once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sequence {
    /// Positions in execution order.
    pub order: Vec<u32>,
    /// The cycles, in the order in which they stood in the way.
    pub broken: Vec<BrokenCycle>,
}

/// Orders the tasks of a graph: dependencies first, then by priority, then by position.
///
/// # Panics
/// When there are not as many priorities as tasks.
#[must_use]
pub fn order(graph: &Graph, priorities: &[i32], discipline: Discipline) -> Sequence {
    order_counted(graph, priorities, discipline, &mut ())
}

/// A number that compares as the rank does; its lower half is the position.
pub(super) fn rank_key(priority: i32, position: u32) -> u64 {
    // Flipping the sign bit makes unsigned comparison agree with signed.
    u64::from(priority.cast_unsigned() ^ (1 << 31)) << 32 | u64::from(position)
}

/// Positions by rank: by priority, then by position.
fn by_rank(priorities: &[i32]) -> Vec<u32> {
    let mut keys: Vec<u64> = priorities
        .iter()
        .zip(0..)
        .map(|(&priority, position)| rank_key(priority, position))
        .collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| key as u32).collect()
}

/// The inverse of [`by_rank`]: the rank of each position.
fn ranks(by_rank: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; by_rank.len()];
    for (&task, rank) in by_rank.iter().zip(0..) {
        ranks[task as usize] = rank;
    }
    ranks
}

/// Counts steps, so that a test proves growth without a clock.
trait Steps {
    fn task_pushed(&mut self) {}
    fn edge_followed(&mut self) {}
    fn stall_searched(&mut self) {}
}

impl Steps for () {}

fn order_counted(
    graph: &Graph,
    priorities: &[i32],
    discipline: Discipline,
    steps: &mut impl Steps,
) -> Sequence {
    assert_eq!(graph.len() as usize, priorities.len(), "one priority for each task");
    let by_rank = by_rank(priorities);
    let mut ready = Ready { heap: BinaryHeap::new(), ranks: ranks(&by_rank), discipline };
    let mut waiting = graph.dependency_counts();
    let mut taken = vec![false; waiting.len()];
    let mut sequence = Sequence { order: Vec::with_capacity(waiting.len()), broken: Vec::new() };

    for task in graph.tasks().filter(|&task| waiting[task as usize] == 0) {
        steps.task_pushed();
        ready.push(task, 0);
    }
    // Only ever moves forward: what has been taken stays taken.
    let mut remaining = by_rank.iter().copied();
    let mut round = 0;
    loop {
        let task = if let Some((rank, its_round)) = ready.pop() {
            round = its_round;
            by_rank[rank as usize]
        } else {
            let next = remaining.find(|&task| {
                steps.stall_searched();
                !taken[task as usize]
            });
            let Some(task) = next else { break };
            let dropped = graph.dependencies(task).iter().copied();
            sequence.broken.push(BrokenCycle {
                task,
                dropped: dropped.filter(|&d| !taken[d as usize]).collect(),
            });
            task
        };
        taken[task as usize] = true;
        sequence.order.push(task);
        for &dependent in graph.dependents(task) {
            steps.edge_followed();
            waiting[dependent as usize] -= 1;
            // A task taken at a cycle is done with, though what it waited for comes later.
            if waiting[dependent as usize] == 0 && !taken[dependent as usize] {
                steps.task_pushed();
                ready.push(dependent, round + 1);
            }
        }
    }
    sequence
}

/// The ready tasks, least (round, rank) first.
struct Ready {
    heap: BinaryHeap<Reverse<u64>>,
    ranks: Vec<u32>,
    discipline: Discipline,
}

impl Ready {
    fn push(&mut self, task: u32, round: u32) {
        let round = match self.discipline {
            Discipline::Rounds => round,
            Discipline::Urgency => 0,
        };
        let rank = self.ranks[task as usize];
        self.heap.push(Reverse(u64::from(round) << 32 | u64::from(rank)));
    }

    fn pop(&mut self) -> Option<(u32, u32)> {
        let Reverse(key) = self.heap.pop()?;
        Some((key as u32, (key >> 32) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Task;
    use super::*;

    fn sequence(tasks: &[Task], discipline: Discipline) -> Sequence {
        let (graph, _) = Graph::from_tasks(tasks).unwrap();
        let priorities: Vec<_> = tasks.iter().map(|task| task.priority).collect();
        order(&graph, &priorities, discipline)
    }

    #[test]
    fn rounds_finish_before_what_they_make_ready() {
        let tasks = [
            Task::new("a"),
            Task::new("b").with_priority(1).after(["a"]),
            Task::new("c").with_priority(60),
        ];
        assert_eq!(sequence(&tasks, Discipline::Rounds).order, [0, 2, 1]);
        assert_eq!(sequence(&tasks, Discipline::Urgency).order, [0, 1, 2]);
    }

    #[test]
    fn equal_priorities_keep_their_places() {
        let tasks: Vec<_> =
            (0..50).map(|i| Task::new(format!("t{i}")).with_priority(i % 3)).collect();
        let mut expected: Vec<u32> = (0..50).collect();
        expected.sort_by_key(|i| i % 3);
        assert_eq!(sequence(&tasks, Discipline::Rounds).order, expected);
        assert_eq!(sequence(&tasks, Discipline::Urgency).order, expected);
    }

    #[test]
    fn the_whole_range_of_priorities_is_ordered() {
        assert_eq!(by_rank(&[i32::MAX, 0, i32::MIN, -1, 1, i32::MIN]), [2, 5, 3, 1, 4, 0]);
    }

    #[test]
    fn a_cycle_is_broken_at_the_most_urgent_remaining_task() {
        let tasks = [
            Task::new("a").with_priority(30).after(["c", "free"]),
            Task::new("b").with_priority(10).after(["a"]),
            Task::new("c").with_priority(20).after(["b"]),
            Task::new("free").with_priority(90),
        ];
        let found = sequence(&tasks, Discipline::Rounds);
        assert_eq!(found.order, [3, 1, 2, 0]);
        assert_eq!(found.broken, [BrokenCycle { task: 1, dropped: vec![0] }]);
    }

    #[test]
    fn the_most_urgent_task_is_taken_even_when_it_only_waits_for_the_cycle() {
        let tasks = [
            Task::new("a").after(["b"]),
            Task::new("b").after(["a"]),
            Task::new("urgent").with_priority(1).after(["b"]),
        ];
        let found = sequence(&tasks, Discipline::Rounds);
        assert_eq!(found.order, [2, 0, 1]);
        assert_eq!(found.broken[0].dropped, [1]);
        assert_eq!(found.broken[1], BrokenCycle { task: 0, dropped: vec![1] });
    }

    #[test]
    fn a_task_that_depends_on_itself_is_a_cycle_of_one() {
        let tasks = [Task::new("self").with_priority(1).after(["self"]), Task::new("other")];
        let found = sequence(&tasks, Discipline::Rounds);
        assert_eq!(found.order, [1, 0]);
        assert_eq!(found.broken[0].dropped, [0]);
    }

    #[test]
    fn nothing_is_ordered_as_nothing() {
        assert_eq!(sequence(&[], Discipline::Rounds), Sequence::default());
    }

    #[derive(Default)]
    struct Counted {
        pushed: usize,
        followed: usize,
        searched: usize,
    }

    impl Steps for Counted {
        fn task_pushed(&mut self) {
            self.pushed += 1;
        }
        fn edge_followed(&mut self) {
            self.followed += 1;
        }
        fn stall_searched(&mut self) {
            self.searched += 1;
        }
    }

    /// `tasks` tasks, each depending on the `width` before it (around the end when `closed`).
    fn band(tasks: u32, width: u32, closed: bool) -> Graph {
        let mut offsets = vec![0];
        let mut dependencies = Vec::new();
        for task in 0..tasks {
            for back in 1..=width.min(tasks - 1) {
                if task >= back {
                    dependencies.push(task - back);
                } else if closed {
                    dependencies.push(tasks + task - back);
                }
            }
            offsets.push(dependencies.len() as u32);
        }
        Graph::from_rows(&offsets, &dependencies).unwrap()
    }

    #[test]
    fn every_edge_is_followed_once_and_every_task_pushed_at_most_once() {
        for discipline in [Discipline::Rounds, Discipline::Urgency] {
            for closed in [false, true] {
                for tasks in [10, 1_000, 100_000] {
                    let graph = band(tasks, 4, closed);
                    // Least urgent first: the worst case for the search after a stall.
                    let priorities: Vec<i32> = (0..tasks as i32).rev().collect();
                    let mut steps = Counted::default();
                    let found = order_counted(&graph, &priorities, discipline, &mut steps);
                    assert_eq!(found.order.len(), tasks as usize);
                    assert_eq!(steps.followed, graph.edge_count());
                    assert_eq!(steps.pushed + found.broken.len(), tasks as usize);
                    assert_eq!(steps.searched, tasks as usize);
                }
            }
        }
    }

    #[test]
    fn a_chain_that_waits_for_a_cycle_is_searched_once_though_broken_everywhere() {
        // 0 ⇄ 1 ← 2 ← 3 …, the end most urgent: each task in turn is the most urgent that remains.
        let tasks = 100_000_u32;
        let mut offsets = vec![0, 1];
        let mut dependencies = vec![1];
        for task in 1..tasks {
            dependencies.push(task - 1);
            offsets.push(dependencies.len() as u32);
        }
        let graph = Graph::from_rows(&offsets, &dependencies).unwrap();
        let priorities: Vec<i32> = (0..tasks as i32).rev().collect();
        let mut steps = Counted::default();
        let found = order_counted(&graph, &priorities, Discipline::Rounds, &mut steps);
        // The last one taken is freed by its neighbour; every other had to be broken loose.
        assert_eq!(found.broken.len(), tasks as usize - 1);
        assert_eq!(steps.searched, tasks as usize);
        assert_eq!(steps.followed, graph.edge_count());
    }
}
