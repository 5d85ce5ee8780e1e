//! What is known of one model, loaded or not.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Instance, Shapes, Variant};
use crate::engine::pace::Pace;
use crate::engine::pool::Of;
use crate::engine::refusals::Refusals;
use crate::engine::streams::Stream;
use crate::error::Error;
use crate::model::cell::Cell;
use crate::model::compile::Compiled;
use crate::operation::{LoadModel, Name};
use crate::scheduler::{Nanos, Ticket};

/// Compiled shapes kept for one model on a device that takes no open shapes.
const VARIANTS_KEPT: usize = 8;

/// Where a model stands.
#[derive(Debug)]
pub(in crate::engine) enum Status {
    Unloaded,
    /// Being loaded; these operations, kept apart, wait for the outcome besides the inferences in the lane.
    Loading(Vec<Ticket>),
    Ready(Arc<Instance>),
    Failed {
        error: Error,
        until: Nanos,
    },
}

/// Whether several requests may be run in one inference. Shapes alone do not tell: rows may be moments of a signal as
/// well as requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Stacking {
    /// Not possible, or proven to give other results.
    Never,
    /// Not yet asked, since no two requests met.
    Unproven,
    /// Being found out.
    Proving,
    /// Proven to give each request what it gets alone.
    Proven,
}

/// A name of a model, and what is known of the model under it.
#[derive(Debug)]
pub(in crate::engine) struct Entry {
    pub(in crate::engine) name: Name,
    pub(in crate::engine) lane: usize,
    pub(in crate::engine) status: Status,
    pub(in crate::engine) variants: Vec<Variant>,
    /// What is known of how many requests to run together.
    pub(in crate::engine) pace: Pace,
    pub(in crate::engine) streams: HashMap<Name, Stream>,
    /// Inferences that run now.
    pub(in crate::engine) running: usize,
    pub(in crate::engine) used: Nanos,
    /// Counts the times it was put into service and taken out, so that nothing of an earlier time is kept.
    pub(in crate::engine) generation: u64,
    /// How it was loaded last: so it is again when the engine let it go by itself.
    pub(in crate::engine) load: Option<LoadModel>,
    /// Memory set aside while it is loaded, in bytes.
    pub(in crate::engine) reserved: u64,
    /// Memory of a device set aside while it is compiled there, in bytes.
    pub(in crate::engine) reserved_on: Option<(usize, u64)>,
    /// Devices that could not compile it.
    pub(in crate::engine) refusals: Refusals,
    pub(in crate::engine) returning: Returning,
    pub(in crate::engine) stacking: Stacking,
}

/// Whether a job to bring a model back to a preferred device is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Returning {
    No,
    UnderWay,
    /// There is reason to begin anew when that job is done: a device came back that it may not have seen.
    Again,
}

impl Entry {
    pub(super) fn new(name: Name, lane: usize) -> Self {
        Self {
            name,
            lane,
            status: Status::Unloaded,
            variants: Vec::new(),
            pace: Pace::default(),
            streams: HashMap::new(),
            running: 0,
            used: 0,
            generation: 0,
            load: None,
            reserved: 0,
            reserved_on: None,
            refusals: Refusals::default(),
            returning: Returning::No,
            stacking: Stacking::Unproven,
        }
    }

    /// Memory that the model is charged with, in bytes.
    pub(in crate::engine) fn charged(&self, of: Of) -> u64 {
        let loaded = self.instance();
        let Some(device) = of else {
            return self.reserved + loaded.map_or(0, |instance| instance.bytes);
        };
        let loaded = loaded.filter(|instance| instance.device == device);
        let reserved = self.reserved_on.filter(|(on, _)| *on == device);
        loaded.map_or(0, |instance| instance.bytes).max(reserved.map_or(0, |(_, bytes)| bytes))
    }

    /// Gives back what was set aside while it was loaded.
    pub(in crate::engine) fn release(&mut self) {
        (self.reserved, self.reserved_on) = (0, None);
    }

    /// Forgets what was learnt of the model as it was loaded, since it may be another one next time.
    pub(in crate::engine) fn forget(&mut self) {
        self.load = None;
        self.refusals = Refusals::default();
        self.stacking = Stacking::Unproven;
        for stream in self.streams.values_mut() {
            stream.reset();
        }
        self.streams.retain(|_, stream| !stream.is_free());
    }

    /// Whether the name can be forgotten: nothing of it is loaded, runs or is remembered.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.status, Status::Unloaded | Status::Failed { .. })
            && self.running == 0
            && self.load.is_none()
            && self.streams.is_empty()
    }

    pub(in crate::engine) fn instance(&self) -> Option<&Arc<Instance>> {
        match &self.status {
            Status::Ready(instance) => Some(instance),
            _ => None,
        }
    }

    /// The compiled form for `shapes`, if there is one, and a place in it, if one is free.
    pub(in crate::engine) fn variant(
        &mut self,
        shapes: Option<&Shapes>,
        now: Nanos,
    ) -> Option<(Arc<Compiled>, Option<Cell>)> {
        let variant = self.variants.iter_mut().find(|variant| variant.shapes.as_ref() == shapes)?;
        variant.used = now;
        Some((Arc::clone(&variant.form.compiled), variant.form.idle.pop()))
    }

    /// Keeps a compiled form; gives one that was let go for it, to be dropped outside of the lock.
    pub(in crate::engine) fn add_variant(&mut self, variant: Variant) -> Option<Variant> {
        let full = self.variants.len() >= VARIANTS_KEPT;
        let oldest = (0..self.variants.len()).min_by_key(|index| self.variants[*index].used);
        let let_go = oldest.filter(|_| full).map(|index| self.variants.swap_remove(index));
        self.variants.push(variant);
        let_go
    }

    /// What has the compiled form, as long as it is kept.
    pub(in crate::engine) fn variant_of(
        &mut self,
        shapes: Option<&Shapes>,
        compiled: &Arc<Compiled>,
    ) -> Option<&mut Variant> {
        let mut variants = self.variants.iter_mut();
        variants.find(|variant| variant.shapes.as_ref() == shapes && variant.has(compiled))
    }

    /// Keeps a place for the next inference; gives it back when its compiled form is no longer kept.
    pub(in crate::engine) fn keep(
        &mut self,
        shapes: Option<&Shapes>,
        compiled: &Arc<Compiled>,
        cell: Cell,
    ) -> Option<Cell> {
        match self.variant_of(shapes, compiled) {
            Some(variant) => {
                variant.keep(compiled, cell);
                None
            }
            None => Some(cell),
        }
    }
}
