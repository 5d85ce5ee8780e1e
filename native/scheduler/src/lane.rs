//! Operations that compete for the same workers, ordered by priority, deadline and arrival.
//!
//! Operations without a deadline run in the order of their arrival, so they wait in a plain queue: its memory is read
//! and written one after the other however long it is. Those with a deadline are filed in a calendar.
//!
//! Entries are removed lazily: an operation that was taken or cancelled leaves dead entries behind, which are skipped
//! at the top and swept when they outnumber the living.

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::calendar::{Calendar, Entry};
use super::slots::{Slots, Ticket};
use super::{NO_DEADLINE, Nanos, PRIORITIES, Place};

/// Dead entries that are not worth sweeping.
const SWEEP_ABOVE: usize = 1024;

/// What runs first: smaller is more urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency {
    priority: Reverse<usize>,
    deadline: Nanos,
    arrival: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Arrival {
    submitted: Nanos,
    arrival: u64,
    ticket: Ticket,
}

/// Operations of one priority.
#[derive(Debug, Default)]
struct Level {
    /// Those with a deadline, earliest first.
    timed: Calendar,
    /// The same, longest waiting first.
    timed_by_arrival: Queue,
    /// Those without one.
    untimed: Queue,
    living: usize,
}

/// Entries in the order of their arrival.
#[derive(Debug, Default)]
struct Queue(VecDeque<Arrival>);

impl Queue {
    fn push(&mut self, entry: Arrival) {
        // What was retried or released is older than what arrived meanwhile.
        match self.0.back() {
            Some(last) if entry < *last => {
                let at = self.0.partition_point(|other| *other < entry);
                self.0.insert(at, entry);
            }
            _ => self.0.push_back(entry),
        }
    }

    fn first<T>(&mut self, slots: &Slots<T>) -> Option<Arrival> {
        while let Some(first) = self.0.front() {
            if slots.stands(first.ticket, first.arrival) {
                return Some(*first);
            }
            self.0.pop_front();
        }
        None
    }

    fn sweep<T>(&mut self, living: usize, slots: &Slots<T>) {
        if self.0.len() > 2 * living + SWEEP_ABOVE {
            self.0.retain(|entry| slots.stands(entry.ticket, entry.arrival));
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    levels: [Level; PRIORITIES],
    /// Deadlines of operations that may not run yet.
    parked: Calendar,
    living_parked: usize,
}

impl Level {
    fn push(&mut self, ticket: Ticket, place: &Place, arrival: u64) {
        let entry = Arrival { submitted: place.submitted, arrival, ticket };
        if place.deadline == NO_DEADLINE {
            self.untimed.push(entry);
        } else {
            self.timed.push(Entry { deadline: place.deadline, arrival, ticket });
            self.timed_by_arrival.push(entry);
        }
        self.living += 1;
    }

    /// The one with the earliest deadline.
    fn first_due<T>(&mut self, slots: &Slots<T>) -> Option<Entry> {
        while let Some(entry) = self.timed.first() {
            if slots.stands(entry.ticket, entry.arrival) {
                return Some(entry);
            }
            self.timed.pop();
            // Deadlines lead all over memory: asked for early, it answers while others are run.
            if let Some(soon) = self.timed.soon() {
                slots.touch(soon.ticket);
            }
        }
        None
    }

    fn most_urgent<T>(&mut self, slots: &Slots<T>) -> Option<Entry> {
        self.first_due(slots).or_else(|| {
            let Arrival { arrival, ticket, .. } = self.untimed.first(slots)?;
            Some(Entry { deadline: NO_DEADLINE, arrival, ticket })
        })
    }

    fn oldest<T>(&mut self, slots: &Slots<T>) -> Option<Arrival> {
        let (timed, untimed) = (self.timed_by_arrival.first(slots), self.untimed.first(slots));
        timed.into_iter().chain(untimed).min()
    }

    fn sweep<T>(&mut self, slots: &Slots<T>) {
        if self.timed.len() > 2 * self.living + SWEEP_ABOVE {
            self.timed.retain(|entry| slots.stands(entry.ticket, entry.arrival));
        }
        self.timed_by_arrival.sweep(self.living, slots);
        self.untimed.sweep(self.living, slots);
    }
}

impl Lane {
    pub(super) fn len(&self) -> usize {
        self.levels.iter().map(|level| level.living).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.living_parked == 0
    }

    pub(super) fn push(&mut self, ticket: Ticket, place: &Place, arrival: u64) {
        self.levels[place.priority].push(ticket, place, arrival);
    }

    pub(super) fn park(&mut self, ticket: Ticket, deadline: Nanos) {
        self.living_parked += 1;
        if deadline != NO_DEADLINE {
            self.parked.push(Entry { deadline, arrival: 0, ticket });
        }
    }

    pub(super) fn unpark<T>(&mut self, slots: &Slots<T>) {
        self.living_parked -= 1;
        self.sweep_parked(slots);
    }

    fn sweep_parked<T>(&mut self, slots: &Slots<T>) {
        if self.parked.len() > 2 * self.living_parked + SWEEP_ABOVE {
            self.parked.retain(|entry| slots.is_parked(entry.ticket));
        }
    }

    /// An operation of `priority` left; its entries are dead now.
    pub(super) fn left<T>(&mut self, priority: usize, parked: bool, slots: &Slots<T>) {
        if parked {
            self.living_parked -= 1;
            self.sweep_parked(slots);
        } else {
            self.levels[priority].living -= 1;
            self.levels[priority].sweep(slots);
        }
    }

    pub(super) fn most_urgent<T>(&mut self, slots: &Slots<T>) -> Option<Urgency> {
        for (priority, level) in self.levels.iter_mut().enumerate().rev() {
            if level.living == 0 {
                continue;
            }
            if let Some(Entry { deadline, arrival, .. }) = level.most_urgent(slots) {
                return Some(Urgency { priority: Reverse(priority), deadline, arrival });
            }
        }
        None
    }

    pub(super) fn peek<T>(&mut self, slots: &Slots<T>) -> Option<(Ticket, Nanos)> {
        self.levels
            .iter_mut()
            .rev()
            .filter(|level| level.living > 0)
            .find_map(|level| level.most_urgent(slots))
            .map(|entry| (entry.ticket, entry.deadline))
    }

    pub(super) fn oldest<T>(&mut self, slots: &Slots<T>) -> Option<(Nanos, Ticket)> {
        let oldest = self.levels.iter_mut().filter_map(|level| level.oldest(slots)).min();
        oldest.map(|entry| (entry.submitted, entry.ticket))
    }

    /// One operation whose deadline has come.
    pub(super) fn due<T>(&mut self, slots: &Slots<T>, now: Nanos) -> Option<Ticket> {
        let waiting = self.levels.iter_mut().filter_map(|level| level.first_due(slots));
        let parked = first_parked(&mut self.parked, slots);
        waiting.chain(parked).find(|entry| entry.deadline <= now).map(|entry| entry.ticket)
    }

    pub(super) fn next_deadline<T>(&mut self, slots: &Slots<T>) -> Nanos {
        let parked = first_parked(&mut self.parked, slots);
        let waiting = self.levels.iter_mut().filter_map(|level| level.first_due(slots));
        waiting.chain(parked).map(|entry| entry.deadline).min().unwrap_or(NO_DEADLINE)
    }
}

#[cfg(test)]
impl Lane {
    /// How many entries are kept, dead ones included.
    pub(super) fn entries(&self) -> usize {
        let levels = self.levels.iter();
        let waiting: usize = levels
            .map(|level| level.timed.len() + level.timed_by_arrival.0.len() + level.untimed.0.len())
            .sum();
        waiting + self.parked.len()
    }
}

fn first_parked<T>(parked: &mut Calendar, slots: &Slots<T>) -> Option<Entry> {
    while let Some(entry) = parked.first() {
        if slots.is_parked(entry.ticket) {
            return Some(entry);
        }
        parked.pop();
    }
    None
}
