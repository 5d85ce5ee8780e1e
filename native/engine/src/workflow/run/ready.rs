//! The tasks that may go on, most urgent first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A heap of positions by rank.
#[derive(Debug)]
pub(super) struct Ready {
    heap: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Ready {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new() }
    }

    pub(super) fn push(&mut self, task: u32, rank: u32) {
        self.heap.push(Reverse((rank, task)));
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let Reverse((_, task)) = self.heap.pop()?;
        Some(task)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }
}
