//! Which models are known, where they are loaded, and the places where they can run.

mod entry;
mod instance;
mod job;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::pace::Pace;
use super::state::{Pending, State};
use super::streams::Stream;
use super::{Shared, Wake};
use crate::error::Result;
use crate::model::compile::Compiled;
use crate::model::matmul;
use crate::operation::{LoadModel, Name, Operation};
use crate::scheduler::{Nanos, Ticket, Turn};
pub(super) use entry::{Entry, Returning, Stacking, Status};
pub(super) use instance::{Form, Instance, Shapes, Variant};
pub(super) use job::{Job, Waiting};

/// How long a failed load is remembered, so that a flood of inferences does not repeat it each time.
pub(super) const FAILURE_KEPT: Nanos = 1_000_000_000;
/// Names that are remembered before those are forgotten of which nothing is loaded.
const NAMES_KEPT: usize = 128;

#[derive(Debug)]
pub(super) struct Models {
    pub(super) entries: Vec<Entry>,
    by_name: HashMap<Name, usize>,
    by_lane: HashMap<usize, usize>,
    /// Lanes of the models that are ready on each device.
    pub(super) lanes: Vec<Vec<usize>>,
    pub(super) turns: Vec<Turn>,
    pub(super) jobs: VecDeque<Job>,
    /// Models that others must make room for first.
    pub(super) waiting: Vec<Waiting>,
}

impl Models {
    pub(super) fn new(devices: usize) -> Self {
        Self {
            entries: Vec::new(),
            by_name: HashMap::new(),
            by_lane: HashMap::new(),
            lanes: vec![Vec::new(); devices],
            turns: (0..devices).map(|_| Turn::default()).collect(),
            jobs: VecDeque::new(),
            waiting: Vec::new(),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(super) fn of_lane(&self, lane: usize) -> usize {
        self.by_lane[&lane]
    }

    fn add(&mut self, name: Name, lane: usize) -> usize {
        let index = self.entries.len();
        self.entries.push(Entry::new(name.clone(), lane));
        self.by_name.insert(name, index);
        self.by_lane.insert(lane, index);
        index
    }

    /// Gives the place of the entry `index`, of which nothing is left, to another name.
    fn rename(&mut self, index: usize, name: Name) {
        let entry = &mut self.entries[index];
        self.by_name.remove(&entry.name);
        // What was going on under the old name must not take the new one for it.
        let generation = entry.generation + 1;
        *entry = Entry { generation, ..Entry::new(name.clone(), entry.lane) };
        self.by_name.insert(name, index);
    }

    /// The stream `name` of a model, made when there is none.
    pub(super) fn stream(&mut self, model: usize, name: &Name, now: Nanos) -> &mut Stream {
        let streams = &mut self.entries[model].streams;
        if !streams.contains_key(name) {
            streams.insert(name.clone(), Stream::new(now));
        }
        streams.get_mut(name).expect("just made")
    }

    /// Asks the background to load a model that is not loaded.
    pub(super) fn begin_loading(&mut self, model: usize, load: LoadModel) {
        self.entries[model].status = Status::Loading(Vec::new());
        self.jobs.push_back(Job::Load(model, load));
    }

    /// Asks the background to load a model for an inference, the way it was loaded last.
    pub(super) fn load_again(&mut self, model: usize) {
        let entry = &self.entries[model];
        let load = entry.load.clone().unwrap_or_else(|| LoadModel {
            model: entry.name.clone(),
            shapes: Vec::new(),
            batching: None,
        });
        self.begin_loading(model, load);
    }

    /// Asks the background to bring a model to a preferred device.
    pub(super) fn begin_return(&mut self, model: usize) {
        let returning = &mut self.entries[model].returning;
        if *returning == Returning::No {
            *returning = Returning::UnderWay;
            self.jobs.push_back(Job::Return(model));
        } else {
            *returning = Returning::Again;
        }
    }

    /// The job to bring a model back is done.
    pub(super) fn end_return(&mut self, model: usize) {
        let entry = &mut self.entries[model];
        let before = std::mem::replace(&mut entry.returning, Returning::No);
        if !matches!(entry.status, Status::Loading(_)) {
            entry.reserved_on = None;
        }
        if before == Returning::Again {
            self.begin_return(model);
        }
    }

    /// Puts a loaded model into service. Gives what must be dropped outside of the lock.
    pub(super) fn set_ready(
        &mut self,
        model: usize,
        instance: Arc<Instance>,
        first: Option<(Option<Shapes>, Compiled)>,
        now: Nanos,
    ) -> Vec<Variant> {
        let dropped = self.take_out(model);
        let entry = &mut self.entries[model];
        self.lanes[instance.device].push(entry.lane);
        let first = first
            .map(|(shapes, compiled)| Variant::new(&instance, shapes, Arc::new(compiled), now));
        entry.variants = first.into_iter().collect();
        entry.pace = Pace::default();
        entry.load = Some(instance.recipe.load.clone());
        entry.release();
        if !instance.signature.stacks {
            entry.stacking = Stacking::Never;
        }
        entry.status = Status::Ready(instance);
        entry.used = now;
        dropped
    }

    /// Takes a model out of service: no worker takes its inferences any more. Gives what must be dropped outside of
    /// the lock.
    pub(super) fn take_out(&mut self, model: usize) -> Vec<Variant> {
        let entry = &mut self.entries[model];
        if let Status::Ready(instance) = &entry.status {
            let lane = entry.lane;
            self.lanes[instance.device].retain(|other| *other != lane);
        }
        entry.generation += 1;
        std::mem::take(&mut entry.variants)
    }
}

impl Shared {
    /// The lane of the operation's model; asks for the model to be loaded if it is not.
    ///
    /// # Errors
    /// The error of a load that failed just now.
    pub(super) fn model_lane(
        &self,
        state: &mut State,
        pending: &mut Pending,
        now: Nanos,
        wake: &mut Wake,
    ) -> Result<usize> {
        let index = match &pending.operation {
            Operation::Inference(inference) => model_index(state, &inference.model),
            _ => model_index(state, &matmul::NAME.into()),
        };
        pending.model = Some(index);
        let entry = &mut state.models.entries[index];
        entry.used = now;
        match &entry.status {
            Status::Ready(instance) => wake.device(instance.device),
            Status::Loading(_) => {}
            Status::Failed { error, until } if *until > now => return Err(error.clone()),
            Status::Failed { .. } | Status::Unloaded => {
                state.models.load_again(index);
                wake.background += 1;
            }
        }
        Ok(state.models.entries[index].lane)
    }

    /// An operation has left the scheduler for good: the next of its stream may go.
    pub(super) fn left(
        &self,
        state: &mut State,
        ticket: Ticket,
        pending: &Pending,
        wake: &mut Wake,
    ) {
        if let Some(step) = pending.signal_stream() {
            state.signal_left(ticket, &step.name, false, self.now());
            wake.host += 1;
            return;
        }
        let (Some(step), Some(model)) = (pending.stream(), pending.model) else {
            return;
        };
        let now = self.now();
        let State { scheduler, models, .. } = state;
        let entry = &mut models.entries[model];
        if let Some(stream) = entry.streams.get_mut(&step.name) {
            stream.advance(ticket, now, |next| scheduler.release(next));
            if let Status::Ready(instance) = &entry.status {
                wake.device(instance.device);
            }
        }
    }
}

/// The index of a model by name; a new entry for one that was not heard of before.
pub(super) fn model_index(state: &mut State, name: &Name) -> usize {
    if let Some(index) = state.models.find(name) {
        return index;
    }
    let State { scheduler, models, .. } = state;
    if models.entries.len() >= NAMES_KEPT {
        let entries = models.entries.iter().enumerate();
        let empty =
            entries.filter(|(_, entry)| entry.is_empty() && scheduler.is_lane_empty(entry.lane));
        if let Some((index, _)) = empty.min_by_key(|(_, entry)| entry.used) {
            models.rename(index, name.clone());
            return index;
        }
    }
    let lane = scheduler.add_lane();
    models.add(name.clone(), lane)
}
