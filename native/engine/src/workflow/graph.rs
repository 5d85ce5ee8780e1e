//! The structure of a workflow, compact: positions and two adjacency lists, no strings.

use std::collections::HashMap;
use std::ops::Range;

use super::{BrokenCycle, Task};
use crate::{Error, ErrorCode, Result};

/// Who depends on whom, by position.
///
/// Both directions are kept in compressed rows, so a pass over the graph reads memory in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    dependencies: Rows,
    dependents: Rows,
}

/// A dependency on an id that no task of the workflow has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDependency {
    /// Position of the task that names it.
    pub task: u32,
    /// The id that nobody has.
    pub id: String,
}

impl Graph {
    /// Builds the graph of a list of tasks and reports the dependencies that lead nowhere.
    ///
    /// Unknown dependencies come in the order in which they are written, each mention once.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when two tasks share an id; `RESOURCE_EXHAUSTED` beyond 2³² − 2 tasks or dependencies.
    pub fn from_tasks(tasks: &[Task]) -> Result<(Self, Vec<UnknownDependency>)> {
        let positions = intern(tasks)?;
        let mut unknown = Vec::new();
        let mut builder = Builder::new(tasks.len())?;
        for (task, position) in tasks.iter().zip(0_u32..) {
            for id in &task.dependencies {
                match positions.get(id.as_str()) {
                    Some(&dependency) => builder.depend_on(dependency)?,
                    None => unknown.push(UnknownDependency { task: position, id: id.clone() }),
                }
            }
            builder.finish_task();
        }
        Ok((builder.build(), unknown))
    }

    /// Builds the graph from positions: task `i` depends on `dependencies[offsets[i]..offsets[i + 1]]`.
    ///
    /// This is the form in which a binding hands over two typed arrays; `offsets` has one element more than there are
    /// tasks.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` naming the element that is out of place.
    pub fn from_rows(offsets: &[u32], dependencies: &[u32]) -> Result<Self> {
        let tasks = check_offsets(offsets, dependencies.len())?;
        let mut builder = Builder::new(tasks)?;
        for row in offsets.windows(2) {
            for index in row[0]..row[1] {
                let dependency = dependencies[index as usize];
                if dependency as usize >= tasks {
                    return Err(invalid(format!(
                        "dependencies[{index}] is {dependency}, but there are only {tasks} tasks"
                    )));
                }
                builder.depend_on(dependency)?;
            }
            builder.finish_task();
        }
        Ok(builder.build())
    }

    /// The number of tasks.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.dependencies.len()
    }

    /// Whether there is no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of dependencies, each counted once.
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.dependencies.targets.len()
    }

    /// Every position.
    #[must_use]
    pub fn tasks(&self) -> Range<u32> {
        0..self.len()
    }

    /// What `task` waits for, in the order in which it was written.
    ///
    /// # Panics
    /// When `task` is not a position of this graph.
    #[must_use]
    pub fn dependencies(&self, task: u32) -> &[u32] {
        self.dependencies.row(task)
    }

    /// What waits for `task`, by position.
    ///
    /// # Panics
    /// When `task` is not a position of this graph.
    #[must_use]
    pub fn dependents(&self, task: u32) -> &[u32] {
        self.dependents.row(task)
    }

    /// How many dependencies each task has.
    pub(super) fn dependency_counts(&self) -> Vec<u32> {
        self.dependencies.offsets.windows(2).map(|row| row[1] - row[0]).collect()
    }

    /// The same graph without the dependencies that were dropped to break cycles.
    pub(super) fn without_dropped(self, broken: &[BrokenCycle]) -> Self {
        if broken.is_empty() {
            return self;
        }
        let mut kept = self.dependency_counts();
        let mut dropped: Vec<&[u32]> = vec![&[]; kept.len()];
        for cycle in broken {
            kept[cycle.task as usize] -= cycle.dropped.len() as u32;
            dropped[cycle.task as usize] = &cycle.dropped;
        }
        let mut targets = Vec::with_capacity(self.edge_count());
        for task in self.tasks() {
            // Both lists are in the written order, so one walk along them is enough.
            let mut skip = dropped[task as usize].iter().peekable();
            for dependency in self.dependencies(task) {
                if skip.next_if_eq(&dependency).is_none() {
                    targets.push(*dependency);
                }
            }
        }
        Self::from_dependencies(Rows { offsets: running_total(&kept), targets })
    }

    fn from_dependencies(dependencies: Rows) -> Self {
        let dependents = dependencies.transposed();
        Self { dependencies, dependents }
    }
}

/// Maps each id to the position of its task.
fn intern(tasks: &[Task]) -> Result<HashMap<&str, u32>> {
    let mut positions = HashMap::with_capacity(tasks.len());
    for (task, position) in tasks.iter().zip(0_u32..) {
        if let Some(first) = positions.insert(task.id.as_str(), position) {
            return Err(invalid(format!(
                "task id {:?} is used twice, at positions {first} and {position} (counted from 0)",
                task.id
            ))
            .suggest("give every task of a workflow an id of its own"));
        }
    }
    Ok(positions)
}

fn check_offsets(offsets: &[u32], dependencies: usize) -> Result<usize> {
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
        return Err(invalid(
            "offsets is empty; it has one element more than there are tasks".into(),
        ));
    };
    if first != 0 {
        return Err(invalid(format!("offsets[0] is {first}, it must be 0")));
    }
    if let Some(row) = offsets.windows(2).position(|row| row[0] > row[1]) {
        return Err(invalid(format!(
            "offsets[{}] is {}, less than {} before it",
            row + 1,
            offsets[row + 1],
            offsets[row]
        )));
    }
    if last as usize != dependencies {
        return Err(invalid(format!(
            "offsets end at {last}, but there are {dependencies} dependencies"
        )));
    }
    Ok(offsets.len() - 1)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

/// Adjacency in compressed rows: row `i` is `targets[offsets[i]..offsets[i + 1]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rows {
    offsets: Vec<u32>,
    targets: Vec<u32>,
}

impl Rows {
    fn len(&self) -> u32 {
        (self.offsets.len() - 1) as u32
    }

    fn row(&self, index: u32) -> &[u32] {
        let index = index as usize;
        &self.targets[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// The opposite direction, each row by position.
    fn transposed(&self) -> Self {
        let mut counts = vec![0_u32; self.len() as usize];
        for &target in &self.targets {
            counts[target as usize] += 1;
        }
        let offsets = running_total(&counts);
        let mut free = offsets.clone();
        let mut targets = vec![0; self.targets.len()];
        for source in 0..self.len() {
            for &target in self.row(source) {
                let slot = &mut free[target as usize];
                targets[*slot as usize] = source;
                *slot += 1;
            }
        }
        Self { offsets, targets }
    }
}

fn running_total(counts: &[u32]) -> Vec<u32> {
    let mut offsets = Vec::with_capacity(counts.len() + 1);
    let mut total = 0;
    offsets.push(total);
    for count in counts {
        total += count;
        offsets.push(total);
    }
    offsets
}

/// Collects dependencies task by task, each once.
struct Builder {
    rows: Rows,
    /// The last task that mentioned each dependency: recognises a repeated mention without a set a task.
    mentioned_by: Vec<u32>,
}

impl Builder {
    fn new(tasks: usize) -> Result<Self> {
        if tasks >= u32::MAX as usize {
            return Err(too_large("tasks"));
        }
        let mut offsets = Vec::with_capacity(tasks + 1);
        offsets.push(0);
        Ok(Self {
            rows: Rows { offsets, targets: Vec::new() },
            mentioned_by: vec![u32::MAX; tasks],
        })
    }

    fn depend_on(&mut self, dependency: u32) -> Result<()> {
        let task = self.rows.len();
        let last = &mut self.mentioned_by[dependency as usize];
        if *last == task {
            return Ok(());
        }
        *last = task;
        if self.rows.targets.len() >= u32::MAX as usize - 1 {
            return Err(too_large("dependencies"));
        }
        self.rows.targets.push(dependency);
        Ok(())
    }

    fn finish_task(&mut self) {
        self.rows.offsets.push(self.rows.targets.len() as u32);
    }

    fn build(self) -> Graph {
        Graph::from_dependencies(self.rows)
    }
}

fn too_large(what: &str) -> Error {
    Error::new(
        ErrorCode::ResourceExhausted,
        format!("a workflow is limited to {} {what}", u32::MAX - 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_known_and_a_repeated_mention_counts_once() {
        let tasks = [
            Task::new("a"),
            Task::new("b").after(["a", "a"]),
            Task::new("c").after(["b", "a", "b"]),
        ];
        let (graph, unknown) = Graph::from_tasks(&tasks).unwrap();
        assert_eq!(graph.dependencies(2), [1, 0]);
        assert_eq!(graph.dependents(0), [1, 2]);
        assert_eq!(graph.dependents(1), [2]);
        assert_eq!(graph.edge_count(), 3);
        assert!(unknown.is_empty());
    }

    #[test]
    fn unknown_dependencies_are_reported_where_they_are_written() {
        let tasks = [Task::new("a").after(["ghost"]), Task::new("b").after(["a", "", "ghost"])];
        let (graph, unknown) = Graph::from_tasks(&tasks).unwrap();
        let named: Vec<_> = unknown.iter().map(|u| (u.task, u.id.as_str())).collect();
        assert_eq!(named, [(0, "ghost"), (1, ""), (1, "ghost")]);
        assert_eq!(graph.dependencies(1), [0]);
    }

    #[test]
    fn a_repeated_id_is_refused_with_both_positions() {
        let tasks = [Task::new("a"), Task::new("b"), Task::new("a")];
        let error = Graph::from_tasks(&tasks).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert_eq!(
            error.message(),
            r#"task id "a" is used twice, at positions 0 and 2 (counted from 0)"#
        );
    }

    #[test]
    fn rows_and_tasks_build_the_same_graph() {
        let tasks = [Task::new("a"), Task::new("b").after(["a"]), Task::new("c").after(["a", "b"])];
        let (graph, _) = Graph::from_tasks(&tasks).unwrap();
        assert_eq!(Graph::from_rows(&[0, 0, 1, 3], &[0, 0, 1]).unwrap(), graph);
    }

    #[test]
    fn rows_out_of_place_are_named() {
        let message = |offsets: &[u32], dependencies: &[u32]| {
            let error = Graph::from_rows(offsets, dependencies).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            error.message().to_owned()
        };
        assert_eq!(
            message(&[], &[]),
            "offsets is empty; it has one element more than there are tasks"
        );
        assert_eq!(message(&[1, 1], &[0]), "offsets[0] is 1, it must be 0");
        assert_eq!(message(&[0, 2, 1, 2], &[0, 0]), "offsets[2] is 1, less than 2 before it");
        assert_eq!(message(&[0, 1], &[0, 0]), "offsets end at 1, but there are 2 dependencies");
        assert_eq!(
            message(&[0, 0, 2], &[0, 2]),
            "dependencies[1] is 2, but there are only 2 tasks"
        );
    }

    #[test]
    fn dropped_dependencies_disappear_in_both_directions() {
        let graph = Graph::from_rows(&[0, 2, 3, 4], &[1, 2, 0, 0]).unwrap();
        let broken = [BrokenCycle { task: 0, dropped: vec![2] }];
        let kept = graph.without_dropped(&broken);
        assert_eq!(kept.dependencies(0), [1]);
        assert_eq!(kept.dependents(2), [0; 0]);
        assert_eq!(kept.dependents(0), [1, 2]);
    }
}
