//! Entries ordered by deadline, in a form whose cost does not grow with how many wait.
//!
//! One heap of a million entries is slow because each step down it reads memory that no cache holds. Here entries lie
//! in days of some 67 ms, unsorted, until their day comes; only then are they put in order, a few at a time.
//! What is filed for a later day is appended to the end of a list, and reading a day reads its list from the front.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::Nanos;
use super::slots::Ticket;

/// Nanoseconds of a day, as a power of two.
const DAY_BITS: u32 = 26;
/// How far [`Calendar::soon`] looks ahead: what memory takes to answer, in operations.
const AHEAD: usize = 16;
/// How many emptied days are kept, so that short ones cost no allocation.
const SPARE_DAYS: usize = 128;
/// The longest day that is sorted at once, which takes some 0.1 ms. The engine's lock is held for it.
/// Miri, a thousand times slower, is to see longer ones, too.
const SORT_AT_MOST: usize = if cfg!(miri) { 64 } else { 4096 };

/// An operation with a deadline. Earlier deadlines are smaller; of the same, what arrived earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) deadline: Nanos,
    pub(super) arrival: u64,
    pub(super) ticket: Ticket,
}

#[derive(Debug, Default)]
pub(super) struct Calendar {
    days: BTreeMap<Nanos, Day>,
    spare: Vec<Day>,
    len: usize,
}

/// Never empty while it is in a calendar.
#[derive(Debug, Default)]
struct Day {
    /// As they came, and in order once the day has begun.
    entries: VecDeque<Entry>,
    /// What came too late to be put in order with the others, or was too much to be sorted at once.
    late: BinaryHeap<Reverse<Entry>>,
    has_begun: bool,
}

impl Calendar {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.len += 1;
        let day = self.days.entry(entry.deadline >> DAY_BITS);
        day.or_insert_with(|| self.spare.pop().unwrap_or_default()).push(entry);
    }

    /// The earliest entry.
    pub(super) fn first(&mut self) -> Option<Entry> {
        self.days.first_entry()?.get_mut().first()
    }

    /// Takes the earliest entry away.
    pub(super) fn pop(&mut self) {
        let Some(mut day) = self.days.first_entry() else { return };
        self.len -= 1;
        day.get_mut().pop();
        if day.get().len() == 0 {
            let mut day = day.remove();
            if self.spare.len() < SPARE_DAYS && day.entries.capacity() <= SORT_AT_MOST {
                day.has_begun = false;
                self.spare.push(day);
            }
        }
    }

    /// One of the entries that will soon be the first.
    pub(super) fn soon(&self) -> Option<&Entry> {
        self.days.first_key_value()?.1.entries.get(AHEAD)
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        self.days.retain(|_, day| {
            day.entries.retain(&mut keep);
            day.late.retain(|Reverse(entry)| keep(entry));
            day.len() > 0
        });
        self.len = self.days.values().map(Day::len).sum();
    }
}

impl Day {
    fn len(&self) -> usize {
        self.entries.len() + self.late.len()
    }

    fn push(&mut self, entry: Entry) {
        if !self.has_begun || self.entries.back().is_none_or(|last| *last < entry) {
            self.entries.push_back(entry);
        } else {
            self.late.push(Reverse(entry));
        }
    }

    fn first(&mut self) -> Option<Entry> {
        if !self.has_begun {
            self.begin();
        }
        let late = self.late.peek().map(|Reverse(entry)| entry);
        self.entries.front().into_iter().chain(late).min().copied()
    }

    fn pop(&mut self) {
        if self.first().as_ref() == self.entries.front() {
            self.entries.pop_front();
        } else {
            self.late.pop();
        }
    }

    fn begin(&mut self) {
        self.has_begun = true;
        if self.entries.len() <= SORT_AT_MOST {
            self.entries.make_contiguous().sort_unstable();
        } else if !self.entries.iter().is_sorted() {
            self.late = self.entries.drain(..).map(Reverse).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Place, slots::Slots};

    fn entry(deadline: Nanos, arrival: u64) -> Entry {
        let place = Place { lane: 0, priority: 0, deadline, submitted: 0 };
        Entry { deadline, arrival, ticket: Slots::new().insert(place, (), 0, false) }
    }

    fn emptied(calendar: &mut Calendar) -> Vec<(Nanos, u64)> {
        std::iter::from_fn(|| {
            let first = calendar.first()?;
            calendar.pop();
            Some((first.deadline, first.arrival))
        })
        .collect()
    }

    #[test]
    fn what_comes_late_for_its_day_keeps_its_turn() {
        let mut calendar = Calendar::default();
        calendar.push(entry(50, 1));
        calendar.push(entry(70, 2));
        assert_eq!(calendar.first().map(|first| first.deadline), Some(50));
        calendar.push(entry(60, 3));
        calendar.push(entry(40, 4));
        calendar.push(entry(80, 5));
        assert_eq!(calendar.len(), 5);
        assert_eq!(emptied(&mut calendar), [(40, 4), (50, 1), (60, 3), (70, 2), (80, 5)]);
        assert_eq!(calendar.len(), 0);
    }

    #[test]
    fn a_day_that_is_too_long_to_be_sorted_comes_in_order_all_the_same() {
        let mut calendar = Calendar::default();
        let count = 2 * SORT_AT_MOST as u64;
        (0..count).for_each(|at| calendar.push(entry(at * 7919 % count, at)));
        let deadlines: Vec<_> =
            emptied(&mut calendar).into_iter().map(|(deadline, _)| deadline).collect();
        assert_eq!(deadlines, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn what_will_soon_be_first_is_known_ahead() {
        let mut calendar = Calendar::default();
        (0..2 * AHEAD as u64).rev().for_each(|at| calendar.push(entry(at, at)));
        calendar.first();
        assert_eq!(calendar.soon().map(|soon| soon.deadline), Some(AHEAD as u64));
        (0..AHEAD).for_each(|_| calendar.pop());
        assert!(calendar.soon().is_none());
    }

    #[test]
    fn days_that_were_short_are_used_again_and_few_are_kept() {
        let mut calendar = Calendar::default();
        let days = 2 * SPARE_DAYS as u64;
        (0..days).for_each(|day| calendar.push(entry(day << DAY_BITS, day)));
        assert_eq!(emptied(&mut calendar).len(), 2 * SPARE_DAYS);
        assert_eq!(calendar.spare.len(), SPARE_DAYS);
        let long = 2 * SORT_AT_MOST as u64;
        (0..long).for_each(|at| calendar.push(entry(at, at)));
        assert_eq!(calendar.spare.len(), SPARE_DAYS - 1);
        assert_eq!(emptied(&mut calendar).len(), 2 * SORT_AT_MOST);
        assert_eq!(calendar.spare.len(), SPARE_DAYS - 1);
        assert!(calendar.spare.iter().all(|day| day.len() == 0 && !day.has_begun));
    }

    proptest! {
        /// Whatever is filed, taken and swept in between: always the earliest of what is there.
        #[test]
        fn the_earliest_comes_first(
            steps in prop::collection::vec((0..12_u8, 0..4_u64, 0..3_u64 << DAY_BITS), 1..300),
        ) {
            let mut calendar = Calendar::default();
            let mut model = std::collections::BTreeSet::new();
            for (arrival, (step, day, within)) in (0..).zip(steps) {
                match step {
                    0..=6 => {
                        let deadline = (day << DAY_BITS) + within;
                        calendar.push(entry(deadline, arrival));
                        model.insert((deadline, arrival));
                    }
                    7..=10 => {
                        calendar.pop();
                        model.pop_first();
                    }
                    _ => {
                        calendar.retain(|entry| entry.arrival % 3 != day);
                        model.retain(|(_, arrival)| arrival % 3 != day);
                    }
                }
                prop_assert_eq!(calendar.len(), model.len());
                let first = calendar.first().map(|first| (first.deadline, first.arrival));
                prop_assert_eq!(first, model.first().copied());
            }
            prop_assert_eq!(emptied(&mut calendar), model.into_iter().collect::<Vec<_>>());
        }
    }
}
