//! Ordered series of inferences whose state is carried from one to the next.

use std::collections::VecDeque;

use crate::scheduler::{Nanos, Ticket};
use crate::tensor::Tensor;

/// One stream of one model. At most one of its inferences waits in the lane or runs; the others are parked.
#[derive(Debug)]
pub(super) struct Stream {
    /// What the next inference reads, by input index; empty before the first.
    carried: Vec<(usize, Tensor)>,
    /// Set when the stream began anew while an inference ran, whose state belongs to what was before.
    stale: bool,
    holder: Option<Ticket>,
    parked: VecDeque<Ticket>,
    last_used: Nanos,
}

impl Stream {
    pub(super) fn new(now: Nanos) -> Self {
        Self {
            carried: Vec::new(),
            stale: false,
            holder: None,
            parked: VecDeque::new(),
            last_used: now,
        }
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

    /// What an inference that starts now reads; none at the beginning.
    pub(super) fn start(&mut self) -> Option<&Vec<(usize, Tensor)>> {
        self.stale = false;
        Some(&self.carried).filter(|carried| !carried.is_empty())
    }

    /// Carries on what the inference of `ticket` gave; nothing: the next one is a first one.
    pub(super) fn carry(&mut self, ticket: Ticket, carried: Vec<(usize, Tensor)>) {
        if self.holder == Some(ticket) && !self.stale {
            self.carried = carried;
        }
    }

    /// Lets the stream begin anew with its next inference.
    pub(super) fn reset(&mut self) {
        self.carried.clear();
        self.stale = true;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(number: u64) -> Ticket {
        Ticket::from_bits(number)
    }

    fn state(value: f32) -> Vec<(usize, Tensor)> {
        vec![(0, Tensor::from_f32(&[1], &[value]).unwrap())]
    }

    fn carried(stream: &mut Stream) -> Option<f32> {
        stream.start().map(|carried| carried[0].1.as_f32().unwrap()[0])
    }

    #[test]
    fn state_goes_from_one_inference_to_the_next() {
        let mut stream = Stream::new(0);
        stream.hold(ticket(1));
        assert_eq!(carried(&mut stream), None);
        stream.carry(ticket(1), state(1.0));
        assert_eq!(carried(&mut stream), Some(1.0));
    }

    #[test]
    fn an_inference_whose_turn_it_is_not_carries_nothing() {
        let mut stream = Stream::new(0);
        stream.hold(ticket(1));
        stream.carry(ticket(2), state(2.0));
        assert_eq!(carried(&mut stream), None);
    }

    #[test]
    fn what_ran_when_the_stream_began_anew_carries_nothing() {
        let mut stream = Stream::new(0);
        stream.hold(ticket(1));
        assert_eq!(carried(&mut stream), None);
        stream.reset();
        stream.carry(ticket(1), state(1.0));
        stream.advance(ticket(1), 1, |_| true);
        stream.hold(ticket(2));
        assert_eq!(carried(&mut stream), None);
        stream.carry(ticket(2), state(2.0));
        assert_eq!(carried(&mut stream), Some(2.0));
    }

    #[test]
    fn the_next_of_those_that_are_still_there_has_its_turn() {
        let mut stream = Stream::new(0);
        stream.hold(ticket(1));
        for number in 2..5 {
            stream.queue(ticket(number));
        }
        stream.advance(ticket(2), 1, |_| unreachable!("it was not its turn"));
        let mut asked = Vec::new();
        stream.advance(ticket(1), 1, |next| {
            asked.push(next);
            next == ticket(3)
        });
        assert_eq!(asked, [ticket(2), ticket(3)]);
        assert!(!stream.is_free());
        stream.advance(ticket(3), 7, |_| false);
        assert!(stream.is_idle_since(7) && !stream.is_idle_since(6));
    }
}
