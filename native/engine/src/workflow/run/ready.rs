//! The tasks that may go on, most urgent first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::order::rank_key;

/// A heap of positions by rank.
#[derive(Debug)]
pub(super) struct Ready {
    heap: BinaryHeap<Reverse<u64>>,
}

impl Ready {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new() }
    }

    pub(super) fn push(&mut self, task: u32, priority: i32) {
        self.heap.push(Reverse(rank_key(priority, task)));
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let Reverse(key) = self.heap.pop()?;
        Some(key as u32)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }
}
