//! Where operations live from submission to answer, under tickets that are never mistaken for one another.

use std::cmp::Reverse;

use super::Place;

/// Names one operation for its whole life. A slot is used again, a ticket never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    index: u32,
    generation: u32,
}

impl Ticket {
    /// The ticket as one number, for bindings.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The ticket that [`Ticket::to_bits`] made `bits` of.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        #[allow(clippy::cast_possible_truncation)]
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

#[derive(Debug)]
enum State<T> {
    Free,
    Waiting { item: T, parked: bool },
    Running { cancelled: bool },
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    place: Place,
    /// The number of its last entry in a lane: entries with another number are dead.
    entry: u64,
    state: State<T>,
}

/// An operation taken out of its slot to be run or answered.
#[derive(Debug)]
pub(super) struct Taken<T> {
    pub(super) place: Place,
    pub(super) parked: bool,
    pub(super) item: T,
}

#[derive(Debug)]
pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

const NOWHERE: Place = Place { lane: 0, priority: 0, deadline: 0, submitted: 0 };

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(super) fn occupied(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, place: Place, item: T, entry: u64, parked: bool) -> Ticket {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, place: NOWHERE, entry: 0, state: State::Free });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 operations at once")
        });
        let slot = &mut self.slots[index as usize];
        slot.place = place;
        slot.entry = entry;
        slot.state = State::Waiting { item, parked };
        Ticket { index, generation: slot.generation }
    }

    fn slot(&self, ticket: Ticket) -> Option<&Slot<T>> {
        self.slots.get(ticket.index as usize).filter(|slot| slot.generation == ticket.generation)
    }

    fn slot_mut(&mut self, ticket: Ticket) -> Option<&mut Slot<T>> {
        self.slots
            .get_mut(ticket.index as usize)
            .filter(|slot| slot.generation == ticket.generation)
    }

    /// Where a waiting operation waits; none for running, finished and unknown ones.
    pub(super) fn place(&self, ticket: Ticket) -> Option<Place> {
        let slot = self.slot(ticket)?;
        matches!(slot.state, State::Waiting { .. }).then_some(slot.place)
    }

    pub(super) fn get(&self, ticket: Ticket) -> Option<&T> {
        match &self.slot(ticket)?.state {
            State::Waiting { item, .. } => Some(item),
            _ => None,
        }
    }

    /// Whether the lane entry with number `entry` still stands for a waiting operation.
    pub(super) fn stands(&self, ticket: Ticket, entry: u64) -> bool {
        self.slot(ticket).is_some_and(|slot| {
            slot.entry == entry && matches!(slot.state, State::Waiting { parked: false, .. })
        })
    }

    /// Brings a slot near, without waiting for it.
    pub(super) fn touch(&self, ticket: Ticket) {
        if let Some(slot) = self.slots.get(ticket.index as usize) {
            std::hint::black_box(slot.generation);
        }
    }

    /// Turns a parked operation into a waiting one and gives where, and the number of its entry.
    pub(super) fn unpark(&mut self, ticket: Ticket) -> Option<(Place, u64)> {
        let slot = self.slot_mut(ticket)?;
        match &mut slot.state {
            State::Waiting { parked, .. } if *parked => *parked = false,
            _ => return None,
        }
        Some((slot.place, slot.entry))
    }

    /// Everything that waits or is parked, of one lane or of all, most urgent first.
    pub(super) fn waiting(&self, lane: Option<usize>) -> Vec<Ticket> {
        let mut found: Vec<_> = (0u32..)
            .zip(&self.slots)
            .filter(|(_, slot)| matches!(slot.state, State::Waiting { .. }))
            .filter(|(_, slot)| lane.is_none_or(|lane| slot.place.lane == lane))
            .map(|(index, slot)| {
                let urgency = (Reverse(slot.place.priority), slot.place.deadline, slot.entry);
                (urgency, Ticket { index, generation: slot.generation })
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, ticket)| ticket).collect()
    }

    pub(super) fn is_parked(&self, ticket: Ticket) -> bool {
        matches!(self.slot(ticket), Some(Slot { state: State::Waiting { parked: true, .. }, .. }))
    }

    /// Turns a waiting operation into a running one.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Taken<T>> {
        let slot = self.slot_mut(ticket)?;
        if !matches!(slot.state, State::Waiting { .. }) {
            return None;
        }
        match std::mem::replace(&mut slot.state, State::Running { cancelled: false }) {
            State::Waiting { item, parked } => Some(Taken { place: slot.place, parked, item }),
            _ => None,
        }
    }

    /// Turns a running operation into a waiting one in `lane`, unless it was cancelled or is not known. Gives where,
    /// and the number of its new entry.
    pub(super) fn put_back(
        &mut self,
        ticket: Ticket,
        lane: usize,
        item: T,
    ) -> Result<(Place, u64), T> {
        match self.slot_mut(ticket) {
            Some(slot) if matches!(slot.state, State::Running { cancelled: false }) => {
                slot.place.lane = lane;
                slot.entry += 1;
                slot.state = State::Waiting { item, parked: false };
                Ok((slot.place, slot.entry))
            }
            _ => Err(item),
        }
    }

    pub(super) fn mark_cancelled(&mut self, ticket: Ticket) -> bool {
        match self.slot_mut(ticket) {
            Some(Slot { state: State::Running { cancelled }, .. }) => {
                *cancelled = true;
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_cancelled(&self, ticket: Ticket) -> bool {
        matches!(self.slot(ticket), Some(Slot { state: State::Running { cancelled: true }, .. }))
    }

    pub(super) fn finish(&mut self, ticket: Ticket) {
        if let Some(slot) = self.slot_mut(ticket) {
            slot.state = State::Free;
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(ticket.index);
        }
    }
}
