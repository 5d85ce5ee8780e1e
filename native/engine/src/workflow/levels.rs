//! Levels: which tasks may run side by side.

use super::Graph;

/// The level of each task: 0 without dependencies, else one more than the highest level among them.
///
/// `order` is an execution order of the graph. A dependency that comes later in it was dropped to break a cycle and
/// does not count.
///
/// # Panics
/// When `order` does not hold every task.
#[must_use]
pub fn levels(graph: &Graph, order: &[u32]) -> Vec<u32> {
    assert_eq!(graph.len() as usize, order.len(), "an execution order holds every task");
    const NOT_YET: u32 = u32::MAX;
    let mut levels = vec![NOT_YET; order.len()];
    for &task in order {
        let before = graph
            .dependencies(task)
            .iter()
            .map(|&dependency| levels[dependency as usize])
            .filter(|&level| level != NOT_YET);
        levels[task as usize] = before.max().map_or(0, |level| level + 1);
    }
    levels
}

/// The tasks of each level by position, as v1's `group_by_execution_level` lists them.
#[must_use]
pub fn group_by_level(levels: &[u32]) -> Vec<Vec<u32>> {
    let count = levels.iter().max().map_or(0, |&level| level as usize + 1);
    let mut groups = vec![Vec::new(); count];
    for (&level, task) in levels.iter().zip(0..) {
        groups[level as usize].push(task);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_more_than_the_highest_dependency() {
        // 0; 1 ← 0; 2 ← 0, 1; 3
        let graph = Graph::from_rows(&[0, 0, 1, 3, 3], &[0, 0, 1]).unwrap();
        let levels = levels(&graph, &[0, 3, 1, 2]);
        assert_eq!(levels, [0, 1, 2, 0]);
        assert_eq!(group_by_level(&levels), [vec![0, 3], vec![1], vec![2]]);
    }

    #[test]
    fn a_dropped_dependency_does_not_count() {
        let graph = Graph::from_rows(&[0, 1, 2], &[1, 0]).unwrap();
        assert_eq!(levels(&graph, &[1, 0]), [1, 0]);
        let alone = Graph::from_rows(&[0, 1], &[0]).unwrap();
        assert_eq!(levels(&alone, &[0]), [0]);
    }

    #[test]
    fn no_tasks_have_no_groups() {
        assert!(group_by_level(&[]).is_empty());
    }
}
