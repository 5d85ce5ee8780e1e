//! What runs next: priorities, deadlines, aging and cancellation, without threads and without a clock.
//!
//! The scheduler is plain data behind the engine's one lock. Times are nanoseconds since the engine started and are
//! always passed in, so every rule here is tested without waiting.
//!
//! Operations wait in **lanes**: one for work on the host, one for each model. A lane keeps a calendar for each priority,
//! ordered by deadline and then by arrival (earliest deadline first). Because a calendar knows its earliest deadline,
//! the same calendars tell the timer when to wake up.
//!
//! Nothing starves: an operation that has waited longer than [`Aging::after`] is overdue, and every
//! [`Aging::every`]-th pick goes to the overdue operation that has waited longest. The share is bounded on purpose. Under
//! a flood the urgent operations keep (every − 1)/every of the capacity, and a realtime operation waits for at most
//! one overdue one; promoting overdue operations to higher priorities instead would let a backlog overrun them.

mod calendar;
mod lane;
mod slots;

use std::time::Duration;

use lane::Lane;
pub use slots::Ticket;
use slots::{Slots, Taken};

/// A point in time: nanoseconds since the engine started.
pub type Nanos = u64;

/// A deadline that never comes.
pub const NO_DEADLINE: Nanos = Nanos::MAX;

/// How many priorities there are: low, normal, high, critical, realtime.
pub const PRIORITIES: usize = 5;

/// Distance between the numbers of two arrivals. An operation that is put back takes the number behind its last, which
/// keeps its turn and tells its new entry in a lane from its dead ones.
const ARRIVAL: u64 = 1 << 16;

/// When a waiting operation becomes overdue, and how much of the capacity overdue operations get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aging {
    /// Waiting time after which an operation is overdue.
    pub after: Duration,
    /// Every n-th pick goes to the longest waiting overdue operation. At least 1; 1 means always.
    pub every: u32,
}

impl Default for Aging {
    fn default() -> Self {
        Self { after: Duration::from_secs(1), every: 8 }
    }
}

/// How many operations may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// For all priorities together.
    pub total: usize,
    /// For each priority, `usize::MAX` when only the total counts.
    pub per_priority: [usize; PRIORITIES],
}

impl Default for Capacity {
    fn default() -> Self {
        Self { total: 1 << 20, per_priority: [usize::MAX; PRIORITIES] }
    }
}

/// Which limit an operation ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// How many operations wait.
    pub depth: usize,
    /// How many may wait.
    pub capacity: usize,
    /// Whether the limit is that of the operation's priority alone.
    pub of_priority: bool,
}

/// Where and when an operation waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index of the lane.
    pub lane: usize,
    /// 0 (low) to 4 (realtime).
    pub priority: usize,
    /// The instant after which it must not start, or [`NO_DEADLINE`].
    pub deadline: Nanos,
    /// When it was submitted.
    pub submitted: Nanos,
}

/// What became of a cancellation.
#[derive(Debug, PartialEq, Eq)]
pub enum Cancelled<T> {
    /// It was still waiting; here it is, to be answered.
    Waiting(T),
    /// It is running and stays so until [`Scheduler::finish`]; [`Scheduler::is_cancelled`] is now true for it.
    Running,
    /// It is not known: finished before, or never submitted.
    Unknown,
}

/// Operations of type `T` in the order in which they are to run.
#[derive(Debug)]
pub struct Scheduler<T> {
    slots: Slots<T>,
    lanes: Vec<Lane>,
    aging: Aging,
    capacity: Capacity,
    waiting: [usize; PRIORITIES],
    next_arrival: u64,
}

/// Alternates between urgency and age for one group of lanes that share their workers.
#[derive(Debug, Default)]
pub struct Turn(u32);

impl<T> Scheduler<T> {
    /// An empty scheduler without lanes.
    #[must_use]
    pub fn new(aging: Aging, capacity: Capacity) -> Self {
        Self {
            slots: Slots::new(),
            lanes: Vec::new(),
            aging: Aging { every: aging.every.max(1), ..aging },
            capacity,
            waiting: [0; PRIORITIES],
            next_arrival: 0,
        }
    }

    /// Adds a lane and gives its index.
    pub fn add_lane(&mut self) -> usize {
        self.lanes.push(Lane::default());
        self.lanes.len() - 1
    }

    /// How many operations wait, over all lanes.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.waiting.iter().sum()
    }

    /// How many operations of each priority wait.
    #[must_use]
    pub fn depth_by_priority(&self) -> [usize; PRIORITIES] {
        self.waiting
    }

    /// How many operations wait in one lane.
    #[must_use]
    pub fn lane_depth(&self, lane: usize) -> usize {
        self.lanes[lane].len()
    }

    /// Whether nothing waits in a lane or is parked for it.
    #[must_use]
    pub fn is_lane_empty(&self, lane: usize) -> bool {
        self.lanes[lane].is_empty()
    }

    /// How many operations are known: waiting, parked and running.
    #[must_use]
    pub fn known(&self) -> usize {
        self.slots.occupied()
    }

    /// Room for `place`, or the limit that is reached.
    ///
    /// # Errors
    /// [`Full`] when one more operation of this priority does not fit.
    pub fn admit(&self, priority: usize) -> Result<(), Full> {
        let depth = self.depth();
        if depth >= self.capacity.total {
            return Err(Full { depth, capacity: self.capacity.total, of_priority: false });
        }
        let (depth, capacity) = (self.waiting[priority], self.capacity.per_priority[priority]);
        if depth >= capacity {
            return Err(Full { depth, capacity, of_priority: true });
        }
        Ok(())
    }

    /// Lets an operation wait at `place`. Capacity is [`Scheduler::admit`]'s business.
    pub fn push(&mut self, place: Place, item: T) -> Ticket {
        let (ticket, arrival) = self.insert(place, item, false);
        self.enqueue(ticket, place, arrival);
        ticket
    }

    fn insert(&mut self, place: Place, item: T, parked: bool) -> (Ticket, u64) {
        self.next_arrival += ARRIVAL;
        (self.slots.insert(place, item, self.next_arrival, parked), self.next_arrival)
    }

    /// Keeps an operation out of every lane until [`Scheduler::release`]; it still counts, expires and can be
    /// cancelled.
    pub fn park(&mut self, place: Place, item: T) -> Ticket {
        let (ticket, _) = self.insert(place, item, true);
        self.waiting[place.priority] += 1;
        self.lanes[place.lane].park(ticket, place.deadline);
        ticket
    }

    /// Lets a parked operation wait in its lane. Gives whether it was parked.
    pub fn release(&mut self, ticket: Ticket) -> bool {
        let Some((place, arrival)) = self.slots.unpark(ticket) else {
            return false;
        };
        self.waiting[place.priority] -= 1;
        self.lanes[place.lane].unpark(&self.slots);
        self.enqueue(ticket, place, arrival);
        true
    }

    /// Lets a running operation wait again, in its old turn and with its old deadline; used for retries. An operation
    /// that was cancelled meanwhile is given back to be answered.
    ///
    /// # Errors
    /// Gives `item` back when the operation has been cancelled.
    pub fn put_back(&mut self, ticket: Ticket, lane: usize, item: T) -> Result<(), T> {
        let (place, arrival) = self.slots.put_back(ticket, lane, item)?;
        self.enqueue(ticket, place, arrival);
        Ok(())
    }

    fn enqueue(&mut self, ticket: Ticket, place: Place, arrival: u64) {
        self.waiting[place.priority] += 1;
        self.lanes[place.lane].push(ticket, &place, arrival);
    }

    /// The lane among `lanes` whose turn it is.
    pub fn choose(
        &mut self,
        lanes: impl Iterator<Item = usize> + Clone,
        now: Nanos,
        turn: &mut Turn,
    ) -> Option<Choice> {
        turn.0 = turn.0.wrapping_add(1);
        if turn.0.is_multiple_of(self.aging.every)
            && let Some(choice) = self.longest_overdue(lanes.clone(), now)
        {
            return Some(choice);
        }
        let slots = &self.slots;
        let mut best = None;
        for lane in lanes {
            if let Some(key) = self.lanes[lane].most_urgent(slots)
                && best.as_ref().is_none_or(|(other, _)| key < *other)
            {
                best = Some((key, lane));
            }
        }
        best.map(|(_, lane)| Choice { lane, overdue: None })
    }

    fn longest_overdue(
        &mut self,
        lanes: impl Iterator<Item = usize>,
        now: Nanos,
    ) -> Option<Choice> {
        let limit = now.saturating_sub(nanos(self.aging.after));
        let slots = &self.slots;
        let mut oldest: Option<(Nanos, usize, Ticket)> = None;
        for lane in lanes {
            if let Some((submitted, ticket)) = self.lanes[lane].oldest(slots)
                && submitted < limit
                && oldest.is_none_or(|(other, ..)| submitted < other)
            {
                oldest = Some((submitted, lane, ticket));
            }
        }
        oldest.map(|(_, lane, ticket)| Choice { lane, overdue: Some(ticket) })
    }

    /// Takes the chosen operation to run it. Operations found expired on the way are put into `expired`.
    pub fn take(
        &mut self,
        choice: Choice,
        now: Nanos,
        expired: &mut Vec<(Ticket, T)>,
    ) -> Option<(Ticket, T)> {
        if let Some(ticket) = choice.overdue
            && let Some(place) = self.slots.place(ticket)
            && place.deadline > now
        {
            return self.start(ticket);
        }
        self.take_from(choice.lane, now, expired)
    }

    /// Takes the most urgent operation of `lane`, as [`Scheduler::take`] does.
    pub fn take_from(
        &mut self,
        lane: usize,
        now: Nanos,
        expired: &mut Vec<(Ticket, T)>,
    ) -> Option<(Ticket, T)> {
        loop {
            let (ticket, deadline) = self.lanes[lane].peek(&self.slots)?;
            if deadline > now {
                return self.start(ticket);
            }
            expired.extend(self.remove(ticket));
        }
    }

    /// The most urgent operation of `lane`, looked at and left where it is.
    pub fn peek(&mut self, lane: usize) -> Option<&T> {
        let (ticket, _) = self.lanes[lane].peek(&self.slots)?;
        self.slots.get(ticket)
    }

    /// The earliest deadline in one lane, or [`NO_DEADLINE`].
    pub fn lane_deadline(&mut self, lane: usize) -> Nanos {
        self.lanes[lane].next_deadline(&self.slots)
    }

    /// Removes every operation whose deadline has come into `expired`.
    pub fn expire(&mut self, now: Nanos, expired: &mut Vec<(Ticket, T)>) {
        for lane in 0..self.lanes.len() {
            while let Some(ticket) = self.lanes[lane].due(&self.slots, now) {
                expired.extend(self.remove(ticket));
            }
        }
    }

    /// The earliest deadline of all that waits.
    pub fn next_deadline(&mut self) -> Option<Nanos> {
        let slots = &self.slots;
        let next = self.lanes.iter_mut().map(|lane| lane.next_deadline(slots)).min()?;
        (next != NO_DEADLINE).then_some(next)
    }

    /// Cancels an operation wherever it is.
    pub fn cancel(&mut self, ticket: Ticket) -> Cancelled<T> {
        if let Some((_, item)) = self.remove(ticket) {
            return Cancelled::Waiting(item);
        }
        if self.slots.mark_cancelled(ticket) { Cancelled::Running } else { Cancelled::Unknown }
    }

    /// Whether a running operation has been cancelled.
    #[must_use]
    pub fn is_cancelled(&self, ticket: Ticket) -> bool {
        self.slots.is_cancelled(ticket)
    }

    /// Forgets a running operation: it has been answered.
    pub fn finish(&mut self, ticket: Ticket) {
        self.slots.finish(ticket);
    }

    /// Takes everything that waits or is parked, in one lane or in all, most urgent first.
    pub fn drain(&mut self, lane: Option<usize>) -> Vec<(Ticket, T)> {
        let tickets = self.slots.waiting(lane);
        tickets.into_iter().filter_map(|ticket| self.remove(ticket)).collect()
    }

    /// Removes a waiting operation and forgets it.
    fn remove(&mut self, ticket: Ticket) -> Option<(Ticket, T)> {
        let taken = self.slots.take(ticket)?;
        self.left(&taken);
        self.slots.finish(ticket);
        Some((ticket, taken.item))
    }

    fn start(&mut self, ticket: Ticket) -> Option<(Ticket, T)> {
        let taken = self.slots.take(ticket)?;
        self.left(&taken);
        Some((ticket, taken.item))
    }

    /// Keeps the counts when an operation leaves the lanes; its entries die and are swept later.
    fn left(&mut self, taken: &Taken<T>) {
        self.waiting[taken.place.priority] -= 1;
        self.lanes[taken.place.lane].left(taken.place.priority, taken.parked, &self.slots);
    }
}

/// A lane whose turn it is, and the overdue operation in it if age decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Index of the lane.
    pub lane: usize,
    overdue: Option<Ticket>,
}

/// A duration as [`Nanos`], saturating after 584 years.
#[must_use]
pub fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

#[cfg(test)]
mod tests;
