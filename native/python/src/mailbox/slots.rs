//! Who waits, kept under the tokens that go to the engine with the operations.

use npubridge_engine::scheduler::Ticket;

use super::Waiter;
use crate::arguments::EchoForm;

/// Who waits, what the bytes of the answer mean, and the ticket once there is one.
pub(super) struct Entry {
    pub(super) waiter: Waiter,
    pub(super) form: EchoForm,
    pub(super) ticket: Option<Ticket>,
}

#[derive(Default)]
pub(super) struct Slot {
    generation: u32,
    pub(super) entry: Option<Entry>,
}

/// Who waits, under numbers that are not used twice.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    pub(super) fn insert(&mut self, entry: Entry) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 operations at once")
        });
        let slot = &mut self.slots[index as usize];
        slot.entry = Some(entry);
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    pub(super) fn occupied(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn get(&mut self, token: u64) -> Option<&mut Slot> {
        #[allow(clippy::cast_possible_truncation)]
        let (index, generation) = (token as u32, (token >> 32) as u32);
        self.slots.get_mut(index as usize).filter(|slot| slot.generation == generation)
    }

    pub(super) fn take(&mut self, token: u64) -> Option<Entry> {
        let slot = self.get(token)?;
        let entry = slot.entry.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        #[allow(clippy::cast_possible_truncation)]
        self.free.push(token as u32);
        Some(entry)
    }

    pub(super) fn take_all(&mut self) -> Vec<Entry> {
        let mut all = Vec::new();
        for (slot, index) in self.slots.iter_mut().zip(0..) {
            if let Some(entry) = slot.entry.take() {
                slot.generation = slot.generation.wrapping_add(1);
                self.free.push(index);
                all.push(entry);
            }
        }
        all
    }
}
