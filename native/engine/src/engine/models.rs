//! Which models are known, where they are loaded, and the places where they can run.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::sync::Mutex;

use super::direct::Direct;
use super::pace::Pace;
use super::pool::Of;
use super::refusals::Refusals;
use super::state::{Pending, State};
use super::streams::Stream;
use super::{Shared, Wake, direct};
use crate::config::Batching;
use crate::error::{Error, Result};
use crate::model::cell::Cell;
use crate::model::compile::{Compiled, Recipe};
use crate::model::matmul;
use crate::model::properties::Properties;
use crate::model::signature::Signature;
use crate::openvino::Core;
use crate::operation::{Fallback, LoadModel, Name, Operation};
use crate::scheduler::{Nanos, Ticket, Turn};

/// How long a failed load is remembered, so that a flood of inferences does not repeat it each time.
pub(super) const FAILURE_KEPT: Nanos = 1_000_000_000;
/// Compiled shapes kept for one model on a device that takes no open shapes.
const VARIANTS_KEPT: usize = 8;
/// Names that are remembered before those are forgotten of which nothing is loaded.
const NAMES_KEPT: usize = 128;

/// Shapes of all inputs of a model, in their order.
pub(super) type Shapes = Vec<Vec<usize>>;

/// A model on a device.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) recipe: Recipe,
    pub(super) signature: Signature,
    pub(super) core: Core,
    /// Index of the device.
    pub(super) device: usize,
    pub(super) device_name: Name,
    pub(super) fallback: Option<Arc<Fallback>>,
    /// Memory it is charged with, in bytes.
    pub(super) bytes: u64,
    pub(super) batching: Batching,
    /// What the profile means on this device.
    pub(super) properties: Properties,
    /// What of it the compiled model says of itself; nothing before there is one.
    pub(super) effective: BTreeMap<&'static str, String>,
    /// Whether the device runs a model whose shapes are open; NPUs do not.
    pub(super) open_shapes: bool,
    /// Requests that the device wants to have at once, where it says so.
    pub(super) requests: Option<usize>,
    /// Held while a further shape is compiled, so that no two workers compile the same.
    pub(super) compiling: Mutex<()>,
}

/// One compiled form of a model, with its places on the device.
#[derive(Debug)]
pub(super) struct Variant {
    /// None: the model as it is, shapes open or not.
    pub(super) shapes: Option<Shapes>,
    pub(super) compiled: Arc<Compiled>,
    pub(super) idle: Vec<Cell>,
    /// Whose threads run it best.
    pub(super) direct: Direct,
    /// What it was, while another way to run it is tried.
    pub(super) before: Option<Arc<Compiled>>,
    used: Nanos,
}

impl Variant {
    pub(super) fn new(
        instance: &Instance,
        shapes: Option<Shapes>,
        compiled: Arc<Compiled>,
        now: Nanos,
    ) -> Self {
        let direct = Direct::of(instance, &compiled);
        Self { shapes, compiled, idle: Vec::new(), direct, before: None, used: now }
    }
}

/// Where a model stands.
#[derive(Debug)]
pub(super) enum Status {
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
pub(super) enum Stacking {
    /// Not possible, or proven to give other results.
    Never,
    /// Not yet asked, since no two requests met.
    Unproven,
    /// Being found out.
    Proving,
    /// Proven to give each request what it gets alone.
    Proven,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) lane: usize,
    pub(super) status: Status,
    pub(super) variants: Vec<Variant>,
    /// What is known of how many requests to run together.
    pub(super) pace: Pace,
    pub(super) streams: HashMap<Name, Stream>,
    /// Inferences that run now.
    pub(super) running: usize,
    pub(super) used: Nanos,
    /// Counts the times it was put into service and taken out, so that nothing of an earlier time is kept.
    pub(super) generation: u64,
    /// How it was loaded last: so it is again when the engine let it go by itself.
    pub(super) load: Option<LoadModel>,
    /// Memory set aside while it is loaded, in bytes.
    pub(super) reserved: u64,
    /// Memory of a device set aside while it is compiled there, in bytes.
    pub(super) reserved_on: Option<(usize, u64)>,
    /// Devices that could not compile it.
    pub(super) refusals: Refusals,
    pub(super) returning: Returning,
    pub(super) stacking: Stacking,
}

/// Whether a job to bring a model back to a preferred device is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returning {
    No,
    UnderWay,
    /// There is reason to begin anew when that job is done: a device came back that it may not have seen.
    Again,
}

/// A model that is loaded when others have let go of memory.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) model: usize,
    pub(super) load: LoadModel,
    pub(super) bytes: u64,
    /// Whose memory it waits for.
    pub(super) of: Of,
}

/// What the background workers do without being asked by an operation.
#[derive(Debug)]
pub(super) enum Job {
    /// Load a model that inferences wait for.
    Load(usize, LoadModel),
    /// See whether a device that was taken out of service works again.
    Probe(usize),
    /// Bring a model back to a device that is preferred and works again.
    Return(usize),
    /// Find out whether requests of a model may be run together.
    Prove(usize, Arc<Instance>),
    /// Compile a form of a model anew, to run on the workers' own threads.
    RunDirectly(direct::Form),
}

#[derive(Debug)]
pub(super) struct Models {
    pub(super) entries: Vec<Entry>,
    by_name: HashMap<Name, usize>,
    by_lane: HashMap<usize, usize>,
    /// Lanes of the models that are ready on each device.
    pub(super) lanes: Vec<Vec<usize>>,
    pub(super) turns: Vec<Turn>,
    pub(super) jobs: std::collections::VecDeque<Job>,
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
            jobs: std::collections::VecDeque::new(),
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

impl Entry {
    fn new(name: Name, lane: usize) -> Self {
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
    pub(super) fn charged(&self, of: Of) -> u64 {
        let loaded = self.instance();
        let Some(device) = of else {
            return self.reserved + loaded.map_or(0, |instance| instance.bytes);
        };
        let loaded = loaded.filter(|instance| instance.device == device);
        let reserved = self.reserved_on.filter(|(on, _)| *on == device);
        loaded.map_or(0, |instance| instance.bytes).max(reserved.map_or(0, |(_, bytes)| bytes))
    }

    /// Gives back what was set aside while it was loaded.
    pub(super) fn release(&mut self) {
        (self.reserved, self.reserved_on) = (0, None);
    }

    /// Forgets what was learnt of the model as it was loaded, since it may be another one next time.
    pub(super) fn forget(&mut self) {
        self.load = None;
        self.refusals = Refusals::default();
        self.stacking = Stacking::Unproven;
        for stream in self.streams.values_mut() {
            stream.reset();
        }
        self.streams.retain(|_, stream| !stream.is_free());
    }

    /// Whether the name can be forgotten: nothing of it is loaded, runs or is remembered.
    fn is_empty(&self) -> bool {
        matches!(self.status, Status::Unloaded | Status::Failed { .. })
            && self.running == 0
            && self.load.is_none()
            && self.streams.is_empty()
    }

    pub(super) fn instance(&self) -> Option<&Arc<Instance>> {
        match &self.status {
            Status::Ready(instance) => Some(instance),
            _ => None,
        }
    }

    /// The compiled form for `shapes`, if there is one, and a place in it, if one is free.
    pub(super) fn variant(
        &mut self,
        shapes: Option<&Shapes>,
        now: Nanos,
    ) -> Option<(Arc<Compiled>, Option<Cell>)> {
        let variant = self.variants.iter_mut().find(|variant| variant.shapes.as_ref() == shapes)?;
        variant.used = now;
        Some((Arc::clone(&variant.compiled), variant.idle.pop()))
    }

    /// Keeps a compiled form; gives one that was let go for it, to be dropped outside of the lock.
    pub(super) fn add_variant(&mut self, variant: Variant) -> Option<Variant> {
        let full = self.variants.len() >= VARIANTS_KEPT;
        let oldest = (0..self.variants.len()).min_by_key(|index| self.variants[*index].used);
        let let_go = oldest.filter(|_| full).map(|index| self.variants.swap_remove(index));
        self.variants.push(variant);
        let_go
    }

    /// The compiled form, as long as it is kept.
    pub(super) fn variant_of(
        &mut self,
        shapes: Option<&Shapes>,
        compiled: &Arc<Compiled>,
    ) -> Option<&mut Variant> {
        self.variants.iter_mut().find(|variant| {
            variant.shapes.as_ref() == shapes && Arc::ptr_eq(&variant.compiled, compiled)
        })
    }

    /// Keeps a place for the next inference; gives it back when its compiled form is no longer kept.
    pub(super) fn keep(
        &mut self,
        shapes: Option<&Shapes>,
        compiled: &Arc<Compiled>,
        cell: Cell,
    ) -> Option<Cell> {
        match self.variant_of(shapes, compiled) {
            Some(variant) => {
                variant.idle.push(cell);
                None
            }
            None => Some(cell),
        }
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
