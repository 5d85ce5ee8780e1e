//! Ordered series of inferences whose state is carried from one to the next.

use std::collections::VecDeque;

use crate::scheduler::{Nanos, Ticket};
use crate::tensor::Tensor;

/// One stream of one model. At most one of its inferences waits in the lane or runs; the others are parked.
#[derive(Debug)]
pub(super) struct Stream {
    /// What the next inference reads, by input index; empty before the first.
    pub(super) carried: Vec<(usize, Tensor)>,
    holder: Option<Ticket>,
    parked: VecDeque<Ticket>,
    last_used: Nanos,
}

impl Stream {
    pub(super) fn new(now: Nanos) -> Self {
        Self { carried: Vec::new(), holder: None, parked: VecDeque::new(), last_used: now }
    }

    pub(super) fn is_free(&self) -> bool {
        self.holder.is_none()
    }

    /// The inference whose turn it is.
    pub(super) fn hold(&mut self, ticket: Ticket) {
        self.holder = Some(ticket);
    }

    /// An inference that must wait for those before it.
    pub(super) fn queue(&mut self, ticket: Ticket) {
        self.parked.push_back(ticket);
    }

    /// Ends the turn of `ticket`; `release` lets a parked one go and tells whether it was still there.
    pub(super) fn advance(
        &mut self,
        ticket: Ticket,
        now: Nanos,
        mut release: impl FnMut(Ticket) -> bool,
    ) {
        if self.holder != Some(ticket) {
            return;
        }
        self.last_used = now;
        self.holder = None;
        while let Some(next) = self.parked.pop_front() {
            if release(next) {
                self.holder = Some(next);
                return;
            }
        }
    }

    /// Whether nothing waits or runs here and nothing has since `limit`.
    pub(super) fn is_idle_since(&self, limit: Nanos) -> bool {
        self.is_free() && self.last_used <= limit
    }
}
