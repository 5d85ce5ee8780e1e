//! Work that takes long and needs no place on a device: loading, unloading, bringing devices back.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;

use super::answer::Answer;
use super::benchmark;
use super::models::{FAILURE_KEPT, Instance, Job, Shapes, Status, model_index};
use super::state::{BACKGROUND, Pending, State};
use super::{Shared, host};
use crate::error::{Error, ErrorCode, Result};
use crate::model::cell::Cell;
use crate::model::compile::{Compiled, Loaded, Recipe};
use crate::model::{matmul, source};
use crate::openvino::Core;
use crate::operation::{Fallback, LoadModel, Name, Operation, Output};
use crate::scheduler::Ticket;

/// A model that can be put into service; none compiled yet where the shapes must be known first.
type Prepared = (Arc<Instance>, Option<(Option<Shapes>, Compiled)>);

/// Takes jobs and operations of the background lane until the engine closes.
pub(super) fn work(shared: &Arc<Shared>) {
    let mut expired = Vec::new();
    let mut state = shared.state.lock();
    loop {
        if let Some(job) = state.models.jobs.pop_front() {
            MutexGuard::unlocked(&mut state, || run_job(shared, job));
            continue;
        }
        let now = shared.now();
        let State { scheduler, background_turn, .. } = &mut *state;
        let choice = scheduler.choose([BACKGROUND].into_iter(), now, background_turn);
        let taken = choice.and_then(|choice| scheduler.take(choice, now, &mut expired));
        if taken.is_some() || !expired.is_empty() {
            MutexGuard::unlocked(&mut state, || {
                shared.deliver_expired(shared.background_shard(), &mut expired);
                if let Some((ticket, pending)) = taken {
                    run(shared, ticket, pending);
                }
            });
            continue;
        }
        if state.closed {
            return;
        }
        shared.background_wake.wait(&mut state);
    }
}

fn run_job(shared: &Shared, job: Job) {
    match job {
        Job::Load(model, load) => {
            let prepared = prepare(shared, &load);
            shared.finish_loading(model, prepared);
        }
        Job::Probe(device) => shared.probe_device(device),
        Job::Return(model) => bring_back(shared, model),
    }
}

fn run(shared: &Arc<Shared>, ticket: Ticket, pending: Pending) {
    let start = shared.now();
    let outcome = match &pending.operation {
        Operation::LoadModel(load) => {
            let load = load.clone();
            return load_model(shared, ticket, pending, &load);
        }
        Operation::Benchmark(benchmark) => {
            let benchmark = benchmark.clone();
            return benchmark::spawn(shared, ticket, pending, benchmark);
        }
        Operation::UnloadModel { model } => unload(shared, model),
        Operation::Initialize => initialize(shared),
        other => Err(Error::new(
            ErrorCode::Internal,
            format!("{} is not an operation of the background", other.kind().name()),
        )),
    };
    let end = shared.now();
    shared.answer_background(ticket, Answer::on_host(pending, outcome, start, end));
}

impl Shared {
    /// Answers an operation of the background and forgets it.
    pub(super) fn answer_background(&self, ticket: Ticket, mut answer: Answer) {
        let mut state = self.state.lock();
        if state.scheduler.is_cancelled(ticket) {
            answer.outcome = Err(Error::new(ErrorCode::Cancelled, "the operation was cancelled"));
        }
        state.scheduler.finish(ticket);
        self.finished(&state);
        drop(state);
        self.deliver(self.background_shard(), [answer]);
    }

    /// Puts a model into service, or answers everything that waited for it with the error.
    fn finish_loading(&self, model: usize, prepared: Result<Prepared>) {
        let now = self.now();
        let mut state = self.state.lock();
        let entry = &mut state.models.entries[model];
        let waiters = match std::mem::replace(&mut entry.status, Status::Unloaded) {
            Status::Loading(waiters) => waiters,
            other => {
                entry.status = other;
                Vec::new()
            }
        };
        let mut answers = Vec::new();
        match &prepared {
            Ok((instance, _)) => {
                let device = instance.device;
                let description = describe(instance);
                for (ticket, pending) in waiters {
                    state.scheduler.finish(ticket);
                    let start = pending.submitted;
                    let mut answer =
                        Answer::on_host(pending, host::report(&description), start, now);
                    answer.device = Some(instance.device_name.clone());
                    answer.fallback.clone_from(&instance.fallback);
                    answers.push(answer);
                }
                let (instance, compiled) = prepared.expect("just looked at");
                let waiting = state.scheduler.lane_depth(state.models.entries[model].lane);
                self.ensure_workers(
                    &mut state,
                    device,
                    compiled.as_ref().map(|(_, compiled)| compiled),
                );
                state.models.set_ready(model, instance, compiled, now);
                for _ in 0..waiting.min(64) {
                    self.devices[device].wake.notify_one();
                }
            }
            Err(error) => {
                state.models.take_out(model);
                let entry = &mut state.models.entries[model];
                entry.status = Status::Failed { error: error.clone(), until: now + FAILURE_KEPT };
                entry.streams.clear();
                let lane = entry.lane;
                for (ticket, pending) in waiters {
                    state.scheduler.finish(ticket);
                    answers.push(Answer::failed(pending, error.clone(), now));
                }
                let drained = state.scheduler.drain(Some(lane));
                answers.extend(
                    drained
                        .into_iter()
                        .map(|(_, pending)| Answer::failed(pending, error.clone(), now)),
                );
            }
        }
        self.finished(&state);
        drop(state);
        self.deliver(self.background_shard(), answers);
    }
}

fn load_model(shared: &Shared, ticket: Ticket, pending: Pending, load: &LoadModel) {
    let now = shared.now();
    let mut state = shared.state.lock();
    let model = model_index(&mut state, &load.model);
    let entry = &mut state.models.entries[model];
    match &mut entry.status {
        Status::Loading(waiters) => {
            waiters.push((ticket, pending));
            return;
        }
        Status::Ready(instance) => {
            let same = load.shapes.is_empty() || instance.recipe.load.shapes == load.shapes;
            let outcome =
                if same { host::report(&describe(instance)) } else { Err(loaded_otherwise(load)) };
            let mut answer = Answer::on_host(pending, outcome, now, now);
            answer.device = Some(instance.device_name.clone());
            answer.fallback.clone_from(&instance.fallback);
            drop(state);
            return shared.answer_background(ticket, answer);
        }
        Status::Unloaded | Status::Failed { .. } => {
            entry.status = Status::Loading(vec![(ticket, pending)]);
        }
    }
    drop(state);
    let prepared = prepare(shared, load);
    shared.finish_loading(model, prepared);
}

fn loaded_otherwise(load: &LoadModel) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("{} is loaded with other shapes", load.model))
        .suggest("unload_model first")
}

fn unload(shared: &Shared, name: &Name) -> Result<Output> {
    let mut state = shared.state.lock();
    let model = state.models.find(name);
    let loaded = model.filter(|model| state.models.entries[*model].instance().is_some());
    let Some(model) = loaded else {
        return Err(Error::new(ErrorCode::ModelNotFound, format!("{name} is not loaded")));
    };
    let dropped = state.models.take_out(model);
    let entry = &mut state.models.entries[model];
    entry.streams.clear();
    let waiting = state.scheduler.lane_depth(state.models.entries[model].lane);
    // Inferences that wait load the model again; without them it is gone.
    if waiting > 0 {
        let load = LoadModel { model: name.clone(), shapes: Vec::new(), batching: None };
        state.models.entries[model].status = Status::Loading(Vec::new());
        state.models.jobs.push_back(Job::Load(model, load));
        shared.background_wake.notify_one();
    } else {
        state.models.entries[model].status = Status::Unloaded;
    }
    drop(state);
    drop(dropped);
    host::report(&serde_json::json!({ "model": &**name, "unloaded": true }))
}

fn initialize(shared: &Shared) -> Result<Output> {
    let load = LoadModel { model: matmul::NAME.into(), shapes: Vec::new(), batching: None };
    let (instance, compiled) = prepare(shared, &load)?;
    let compiled = match compiled {
        Some((_, compiled)) => compiled,
        None => instance.compile_for(Some(&vec![vec![1, 1], vec![1, 1]]))?,
    };
    let mut cell = Cell::new(&compiled, &instance.signature.inputs, &instance.signature.outputs)?;
    let zeros = [instance.signature.zeros(0)?, instance.signature.zeros(1)?];
    cell.bind(&[zeros.iter().collect()])?;
    cell.run()?;
    host::report(&serde_json::json!({
        "device": &*instance.device_name,
        "runtime": shared.runtime_info(),
    }))
}

/// Finds, reads and compiles a model on the first device that takes it.
fn prepare(shared: &Shared, load: &LoadModel) -> Result<Prepared> {
    let core = shared.core()?;
    let recipe = Recipe {
        source: source::find(&load.model, &shared.config.models)?,
        load: load.clone(),
        profile: shared.config.profile,
        cache: shared.config.cache.clone(),
    };
    let loaded = recipe.inspect(&core)?;
    shared.make_room(&load.model, loaded.bytes)?;
    let mut rejected: Vec<(Name, Error)> = Vec::new();
    for device in shared.devices_in_service() {
        match instantiate(shared, &core, &recipe, &loaded, device, &rejected) {
            Ok(prepared) => return Ok(prepared),
            Err(error) => rejected.push((shared.devices[device].name.clone(), error)),
        }
    }
    Err(no_device(load, rejected))
}

fn instantiate(
    shared: &Shared,
    core: &Core,
    recipe: &Recipe,
    loaded: &Loaded,
    device: usize,
    rejected: &[(Name, Error)],
) -> Result<Prepared> {
    let name = shared.devices[device].name.clone();
    let signature = loaded.signature.clone();
    let instance = Instance {
        recipe: recipe.clone(),
        core: core.clone(),
        device,
        fallback: shared.fallback_to(&name, rejected),
        bytes: loaded.bytes,
        batching: recipe.load.batching.unwrap_or(shared.config.batching),
        open_shapes: !name.starts_with("NPU"),
        device_name: name,
        signature,
        compiling: Mutex::new(()),
    };
    let first = match instance.first_shapes() {
        Some(shapes) => {
            let compiled = instance.compile_for(shapes.as_ref())?;
            Some((shapes, compiled))
        }
        None => None,
    };
    Ok((Arc::new(instance), first))
}

fn no_device(load: &LoadModel, mut rejected: Vec<(Name, Error)>) -> Error {
    if rejected.len() == 1 {
        return rejected.remove(0).1;
    }
    let reasons: Vec<_> =
        rejected.iter().map(|(device, error)| format!("{device}: {}", error.message())).collect();
    let reason =
        if reasons.is_empty() { "no device is in service".into() } else { reasons.join("; ") };
    Error::new(ErrorCode::DeviceUnavailable, format!("no device takes {}: {reason}", load.model))
}

/// Loads a model again, on a device that is preferred to the one it is on; until then it stays where it is.
fn bring_back(shared: &Shared, model: usize) {
    let load = {
        let state = shared.state.lock();
        let entry = &state.models.entries[model];
        entry.instance().map(|instance| instance.recipe.load.clone())
    };
    let Some(load) = load else { return };
    let Ok((instance, compiled)) = prepare(shared, &load) else {
        return;
    };
    let mut state = shared.state.lock();
    let Some(current) = state.models.entries[model].instance() else {
        return;
    };
    if current.device == instance.device {
        return;
    }
    let device = instance.device;
    shared.ensure_workers(&mut state, device, compiled.as_ref().map(|(_, compiled)| compiled));
    let dropped = state.models.take_out(model);
    state.models.set_ready(model, instance, compiled, shared.now());
    shared.devices[device].wake.notify_all();
    drop(state);
    drop(dropped);
}

impl Instance {
    /// The form to compile when the model is loaded: as it is (inner none), or for one row when only the number of rows
    /// is open, since fixed shapes run faster. None when nothing can be compiled before the first request tells its
    /// shapes.
    #[allow(clippy::option_option)]
    fn first_shapes(&self) -> Option<Option<Shapes>> {
        if self.signature.fixed {
            return Some(None);
        }
        if self.signature.only_rows_open {
            return self.signature.least_shapes().map(Some);
        }
        self.open_shapes.then_some(None)
    }

    /// Compiles the model for these input shapes only, or as it is.
    pub(super) fn compile_for(&self, shapes: Option<&Shapes>) -> Result<Compiled> {
        let named: Option<Vec<(Name, Vec<usize>)>> = shapes.map(|shapes| {
            let ports = self.signature.inputs.iter().zip(shapes);
            ports.map(|(port, shape)| (port.name.clone(), shape.clone())).collect()
        });
        self.recipe.compile(&self.core, &self.device_name, named.as_deref())
    }
}

impl Shared {
    /// How running on `device` differs from the first choice, given what this model was refused by.
    fn fallback_to(&self, device: &Name, rejected: &[(Name, Error)]) -> Option<Arc<Fallback>> {
        let refused = rejected.iter().map(|(name, error)| {
            let cause = error.cause().map_or(String::new(), |cause| format!(" ({cause})"));
            (name.clone(), format!("{}{cause}", error.message()))
        });
        let before = self
            .config
            .rejected
            .iter()
            .map(|other| (other.candidate.clone(), other.reason.clone()));
        let out_of_service = self.out_of_service();
        let all: Vec<(Name, String)> = before.chain(out_of_service).chain(refused).collect();
        let (first, _) = all.iter().find(|(name, _)| name != device)?;
        let reasons: Vec<_> = all
            .iter()
            .filter(|(name, _)| name != device)
            .map(|(name, reason)| format!("{name}: {reason}"))
            .collect();
        Some(Arc::new(Fallback {
            from: first.clone(),
            to: device.clone(),
            reason: reasons.join("; "),
        }))
    }

    /// Makes room for a model by letting idle ones go, least recently used first.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` naming need and limit when it cannot fit.
    fn make_room(&self, name: &str, bytes: u64) -> Result<()> {
        let limit = self.config.resources.memory;
        if bytes > limit {
            return Err(Error::new(
                ErrorCode::ResourceExhausted,
                format!(
                    "{name} needs at least {bytes} bytes of memory, the limit for models is {limit}"
                ),
            )
            .suggest("raise resources.memory_mb"));
        }
        let mut dropped = Vec::new();
        let mut state = self.state.lock();
        while state.models.memory() + bytes > limit {
            let idle = if self.config.resources.evict_idle { idle_model(&state) } else { None };
            let Some(idle) = idle else {
                let used = state.models.memory();
                return Err(Error::new(
                    ErrorCode::ResourceExhausted,
                    format!("{name} needs {bytes} bytes of memory; {used} of {limit} are used by models in use"),
                )
                .suggest("unload a model, or raise resources.memory_mb"));
            };
            dropped.push(state.models.take_out(idle));
            state.models.entries[idle].status = Status::Unloaded;
        }
        drop(state);
        Ok(())
    }
}

/// The loaded model that has not been used for the longest time and has nothing to do.
fn idle_model(state: &State) -> Option<usize> {
    (0..state.models.entries.len())
        .filter(|model| {
            let entry = &state.models.entries[*model];
            entry.instance().is_some()
                && entry.running == 0
                && entry.streams.is_empty()
                && state.scheduler.lane_depth(entry.lane) == 0
        })
        .min_by_key(|model| state.models.entries[*model].used)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    model: String,
    device: String,
    inputs: Vec<PortDescription>,
    outputs: Vec<PortDescription>,
    state: Vec<StateDescription>,
    max_batch: usize,
}

#[derive(Debug, Serialize)]
struct PortDescription {
    name: String,
    datatype: &'static str,
    shape: Vec<i64>,
}

#[derive(Debug, Serialize)]
struct StateDescription {
    output: String,
    input: String,
}

fn describe(instance: &Instance) -> Description {
    let signature = &instance.signature;
    let ports = |ports: &[crate::model::signature::Port]| {
        ports
            .iter()
            .map(|port| PortDescription {
                name: port.name.to_string(),
                datatype: port.datatype.name(),
                shape: port.shape.to_signed(),
            })
            .collect()
    };
    Description {
        model: signature.model.to_string(),
        device: instance.device_name.to_string(),
        inputs: ports(&signature.inputs),
        outputs: ports(&signature.outputs),
        state: signature
            .state
            .iter()
            .map(|(output, input)| StateDescription {
                output: signature.outputs[*output].name.to_string(),
                input: signature.inputs[*input].name.to_string(),
            })
            .collect(),
        max_batch: if signature.stacks { instance.batching.max } else { 1 },
    }
}
