//! Memory set aside for models, those that are let go for it, and those that wait for it.

use super::Shared;
use super::models::{Status, Waiting};
use super::pool::{Of, Room};
use super::state::State;
use crate::error::{Error, Result};

impl Shared {
    /// Sets memory aside for a model, letting idle ones go for it, least recently used first.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` naming need and limit when it can never fit.
    pub(super) fn make_room(&self, model: usize, name: &str, bytes: u64, of: Of) -> Result<Room> {
        let Some(limit) = self.memory_limit(of) else {
            return Ok(Room::Made);
        };
        if bytes > limit {
            return Err(self.never_fits(name, bytes, limit, of));
        }
        let mut dropped = Vec::new();
        let mut state = self.state.lock();
        let mut room = Room::Made;
        while state.models.memory_of_others(model, of).saturating_add(bytes) > limit {
            let Some(idle) = self.idle_model(&state, model, of) else {
                room = Room::Taken(self.in_the_way(&state, name, bytes, limit, of));
                break;
            };
            dropped.push(state.models.take_out(idle));
            state.models.entries[idle].status = Status::Unloaded;
        }
        let entry = &mut state.models.entries[model];
        let being_loaded = matches!(entry.status, Status::Loading(_));
        if matches!(room, Room::Made) {
            match of {
                None if being_loaded => entry.reserved = bytes,
                None => {}
                Some(device) => entry.reserved_on = Some((device, bytes)),
            }
        }
        drop(state);
        drop(dropped);
        Ok(room)
    }

    /// Lets a model wait for memory that others use: it is loaded when they are done.
    ///
    /// # Errors
    /// `error` when others may not be let go for it, or when it is loaded already, elsewhere.
    pub(super) fn wait_for_room(&self, waiting: Waiting, error: Error) -> Result<()> {
        let mut state = self.state.lock();
        let entry = &mut state.models.entries[waiting.model];
        let being_loaded = matches!(entry.status, Status::Loading(_));
        if !self.config.resources.evict_idle || !being_loaded {
            return Err(error);
        }
        // Two that wait must not be in each other's way.
        entry.release();
        state.models.waiting.push(waiting);
        self.timer_wake.notify_one();
        Ok(())
    }

    /// The loaded model, other than `model`, that may be let go, has nothing to do and was not used for longest.
    fn idle_model(&self, state: &State, model: usize, of: Of) -> Option<usize> {
        let entries = &state.models.entries;
        let candidates = (0..entries.len())
            .filter(|other| self.config.resources.evict_idle && *other != model)
            .filter(|other| is_idle(state, *other) && entries[*other].charged(of) > 0);
        candidates.min_by_key(|other| entries[*other].used)
    }

    /// Loads models that waited for memory which there is now, and forgets those that nothing waits for any more.
    pub(super) fn load_waiting(&self, state: &mut State) {
        let mut waiting = std::mem::take(&mut state.models.waiting);
        waiting.retain(|waiting| {
            let entry = &state.models.entries[waiting.model];
            let Status::Loading(waiters) = &entry.status else {
                return false;
            };
            let wanted = waiters.iter().any(|ticket| state.apart.contains_key(ticket))
                || !state.scheduler.is_lane_empty(entry.lane);
            if !wanted {
                state.models.entries[waiting.model].status = Status::Unloaded;
                return false;
            }
            let busy: u64 = (0..state.models.entries.len())
                .filter(|other| *other != waiting.model && !is_idle(state, *other))
                .map(|other| state.models.entries[other].charged(waiting.of))
                .sum();
            let limit = self.memory_limit(waiting.of).unwrap_or(u64::MAX);
            if busy.saturating_add(waiting.bytes) > limit {
                return true;
            }
            let load = waiting.load.clone();
            state.models.jobs.push_back(super::models::Job::Load(waiting.model, load));
            self.background_wake.notify_one();
            false
        });
        state.models.waiting.append(&mut waiting);
    }
}

/// Whether a model is loaded and has nothing to do.
fn is_idle(state: &State, model: usize) -> bool {
    let entry = &state.models.entries[model];
    entry.instance().is_some()
        && entry.running == 0
        && entry.streams.is_empty()
        && state.scheduler.is_lane_empty(entry.lane)
}
