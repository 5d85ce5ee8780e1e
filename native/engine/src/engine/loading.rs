//! From the name of a model to a model in service on the best device that takes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sync::Mutex;

use super::Shared;
use super::answer::Answer;
use super::background::unloaded;
use super::models::{FAILURE_KEPT, Instance, Shapes, Status, Waiting};
use super::pool::Room;
use super::service::{Standing, reason_of};
use super::state::State;
use crate::config::{ModelSettings, Tuning};
use crate::error::{Error, ErrorCode, Result};
use crate::model::compile::{Compiled, Loaded, Recipe};
use crate::model::properties::{self, Facts, PRECISION_HINT, Properties};
use crate::model::source::{self, Source};
use crate::openvino::Core;
use crate::operation::{Fallback, LoadModel, Name, Operation};
use crate::scheduler::{Nanos, Ticket};

/// A model that can be put into service; none compiled yet where the shapes must be known first.
type Prepared = (Arc<Instance>, Option<(Option<Shapes>, Compiled)>);

/// Loads a model that is marked as being loaded.
pub(super) fn load(shared: &Shared, model: usize, load: LoadModel) {
    match prepare(shared, model, &load) {
        Ok(Some(prepared)) => shared.finish_loading(model, Ok(prepared)),
        Ok(None) => {}
        Err(error) => shared.finish_loading(model, Err(error)),
    }
}

impl Shared {
    /// Puts a model into service, or answers everything that waited for it with the error.
    fn finish_loading(&self, model: usize, prepared: Result<Prepared>) {
        let now = self.now();
        let mut state = self.state.lock();
        let entry = &mut state.models.entries[model];
        let waiters = match std::mem::replace(&mut entry.status, Status::Unloaded) {
            Status::Loading(waiters) => waiters,
            other => {
                // The engine was shut down meanwhile.
                entry.status = other;
                drop(state);
                return;
            }
        };
        let mut dropped = Vec::new();
        let answers = match prepared {
            Ok((instance, compiled)) if self.is_usable(instance.device) => {
                dropped.extend(self.put_into_service(&mut state, model, &instance, compiled));
                let (answers, unload) = self.loaded(&mut state, waiters, &instance, now);
                if unload {
                    dropped.extend(self.let_go(&mut state, model));
                }
                answers
            }
            Ok((instance, compiled)) => {
                // Its device was lost while it was compiled.
                state.models.begin_loading(model, instance.recipe.load.clone());
                state.models.entries[model].status = Status::Loading(waiters);
                self.background_wake.notify_one();
                drop(state);
                drop(compiled);
                return;
            }
            Err(error) => not_loaded(&mut state, model, waiters, &error, now),
        };
        self.finished(&state);
        drop(state);
        drop(dropped);
        self.deliver(self.background_shard(), answers);
    }

    /// Whether a device is in service, or as good as the others since none is.
    fn is_usable(&self, device: usize) -> bool {
        self.standing().usable.contains(&device)
    }

    /// Gives what must be dropped outside of the lock.
    fn put_into_service(
        &self,
        state: &mut State,
        model: usize,
        instance: &Arc<Instance>,
        compiled: Option<(Option<Shapes>, Compiled)>,
    ) -> Vec<super::models::Variant> {
        let now = self.now();
        let device = instance.device;
        self.ensure_workers(state, device, instance.requests);
        let dropped = state.models.set_ready(model, Arc::clone(instance), compiled, now);
        let entry = &state.models.entries[model];
        let waiting = state.scheduler.lane_depth(entry.lane);
        for _ in 0..waiting.min(self.devices[device].workers()) {
            self.devices[device].wake.notify_one();
        }
        // A preferred device may have come back while this one was prepared.
        let better = (0..device)
            .any(|other| self.is_in_service(other) && entry.refusals.reason(other, now).is_none());
        if better {
            state.models.begin_return(model);
            self.background_wake.notify_one();
        }
        dropped
    }

    /// The answers of what waited for a model that is loaded now, and whether one of them wants it to go again.
    fn loaded(
        &self,
        state: &mut State,
        waiters: Vec<Ticket>,
        instance: &Instance,
        now: Nanos,
    ) -> (Vec<Answer>, bool) {
        let mut unload = false;
        let waiting = waiters.into_iter().filter_map(|ticket| state.leave_apart(ticket));
        let answers = waiting
            .map(|pending| {
                let start = pending.submitted;
                if let Operation::UnloadModel { model } = &pending.operation {
                    unload = true;
                    let outcome = unloaded(model);
                    return Answer::on_host(pending, outcome, start, now);
                }
                instance.answer(pending, start, now)
            })
            .collect();
        (answers, unload)
    }
}

/// The answers of everything that waited for a model that could not be loaded.
fn not_loaded(
    state: &mut State,
    model: usize,
    waiters: Vec<Ticket>,
    error: &Error,
    now: Nanos,
) -> Vec<Answer> {
    let entry = &mut state.models.entries[model];
    entry.status = Status::Failed { error: error.clone(), until: now + FAILURE_KEPT };
    entry.streams.clear();
    entry.release();
    entry.refusals = super::refusals::Refusals::default();
    let lane = entry.lane;
    let mut pending: Vec<_> =
        waiters.into_iter().filter_map(|ticket| state.leave_apart(ticket)).collect();
    pending.extend(state.scheduler.drain(Some(lane)).into_iter().map(|(_, pending)| pending));
    pending.into_iter().map(|pending| Answer::failed(pending, error.clone(), now)).collect()
}

/// Finds, reads and compiles a model on the first device that takes it. None when it must wait for memory.
fn prepare(shared: &Shared, model: usize, load: &LoadModel) -> Result<Option<Prepared>> {
    let source = match shared.foreign.model(&load.model) {
        Some(model) => Source::Generated(model),
        None => source::find(&load.model, &shared.config.models)?,
    };
    let core = shared.core()?;
    let recipe = recipe(shared, source, load);
    let loaded = recipe.inspect(&core)?;
    let wait = |of| Waiting { model, load: recipe.load.clone(), bytes: loaded.bytes, of };
    if let Room::Taken(error) = shared.make_room(model, &load.model, loaded.bytes, None)? {
        return shared.wait_for_room(wait(None), error).map(|()| None);
    }
    match on_best_device(shared, &core, model, &recipe, &loaded) {
        Ok(prepared) => Ok(Some(prepared)),
        Err(NoDevice { to_wait_for: Some((device, error)), .. }) => {
            shared.wait_for_room(wait(Some(device)), error).map(|()| None)
        }
        Err(NoDevice { rejected, .. }) => Err(no_device(load, rejected)),
    }
}

/// Why no device has a model now.
struct NoDevice {
    rejected: Vec<(Name, Error)>,
    /// The best of those that would have it if others let go of their memory.
    to_wait_for: Option<(usize, Error)>,
}

/// Compiles a model on the first device that takes it.
fn on_best_device(
    shared: &Shared,
    core: &Core,
    model: usize,
    recipe: &Recipe,
    loaded: &Loaded,
) -> std::result::Result<Prepared, NoDevice> {
    let mut rejected: Vec<(Name, Error)> = Vec::new();
    let mut too_full = Vec::new();
    let mut to_wait_for = None;
    let standing = shared.standing();
    for device in standing.usable.iter().copied() {
        let name = &shared.devices[device].name;
        if !recipe.source.is_for(name) {
            continue;
        }
        if let Some(error) = shared.refusal(model, device) {
            rejected.push((name.clone(), error));
            continue;
        }
        shared.ask_for_memory(core, device);
        let room = shared.make_room(model, &recipe.load.model, loaded.bytes, Some(device));
        if let Err(error) | Ok(Room::Taken(error)) = &room {
            rejected.push((name.clone(), error.clone()));
            too_full.push((device, error.clone()));
            if room.is_ok() && to_wait_for.is_none() {
                to_wait_for = Some((device, error.clone()));
            }
            continue;
        }
        let fallback = shared.fallback_to(device, &standing, &rejected);
        match instantiate(shared, core, recipe, loaded, device, fallback) {
            Ok(prepared) => {
                // It runs here rather than wait; what is preferred is asked again after a while.
                too_full
                    .iter()
                    .for_each(|(device, error)| shared.refuse_for_now(model, *device, error));
                return Ok(prepared);
            }
            Err(error) => {
                shared.note_refusal(model, device, &error);
                rejected.push((name.clone(), error));
            }
        }
    }
    Err(NoDevice { rejected, to_wait_for })
}

/// How a model is compiled: as it was asked for, else as the configuration says.
fn recipe(shared: &Shared, source: Source, load: &LoadModel) -> Recipe {
    let settings = shared.config.model_settings.get(&load.model);
    let own_tuning = settings.and_then(|settings| settings.tuning);
    let own_profile = settings.and_then(|settings| settings.profile);
    Recipe {
        source,
        load: with_settings(load, settings),
        profile: own_profile.unwrap_or(shared.config.profile),
        // A model with a profile of its own has nothing of the tuning of others.
        tuning: own_tuning.unwrap_or(if own_profile.is_some() {
            Tuning::default()
        } else {
            shared.config.tuning
        }),
        npu: shared.config.npu,
        cache: shared.config.cache.clone(),
        cpu_threads: shared.cpu_threads(),
    }
}

/// How a model is loaded: as it was asked for, else as the configuration says.
fn with_settings(load: &LoadModel, settings: Option<&ModelSettings>) -> LoadModel {
    let mut load = load.clone();
    if let Some(settings) = settings {
        if load.shapes.is_empty() {
            load.shapes.clone_from(&settings.shapes);
        }
        load.batching = load.batching.or_else(|| settings.batching.clone());
    }
    load
}

fn instantiate(
    shared: &Shared,
    core: &Core,
    recipe: &Recipe,
    loaded: &Loaded,
    device: usize,
    fallback: Option<Arc<Fallback>>,
) -> Result<Prepared> {
    let name = shared.devices[device].name.clone();
    let facts = Facts::of(core, &name);
    let mut batching =
        recipe.load.batching.clone().unwrap_or_else(|| shared.config.batching.clone());
    if let (Some(max), true) = (shared.config.npu.max_batch, name.starts_with("NPU")) {
        batching.max = batching.max.min(max).max(1);
        let preferred = batching.preferred.clone();
        batching = batching.preferring(&preferred);
    }
    let mut instance = Instance {
        recipe: recipe.clone(),
        core: core.clone(),
        device,
        fallback,
        bytes: loaded.bytes,
        batching,
        properties: recipe.properties(&facts),
        effective: BTreeMap::new(),
        open_shapes: !name.starts_with("NPU"),
        device_name: name,
        signature: loaded.signature.clone(),
        requests: None,
        compiling: Mutex::new(()),
    };
    let first = match instance.first_shapes() {
        Some(shapes) => {
            let compiled = instance.compile_for(shapes.as_ref())?;
            Some((shapes, compiled))
        }
        None => None,
    };
    if let Some((_, compiled)) = &first {
        instance.effective = effective(&instance.properties, compiled);
    }
    let hint = properties::hint(recipe.profile, &recipe.tuning);
    instance.requests = instance
        .properties
        .requests
        .or_else(|| first.as_ref().and_then(|(_, compiled)| optimal_requests(compiled)))
        .or_else(|| facts.usual_requests(hint));
    Ok((Arc::new(instance), first))
}

/// What came of the properties that a model was compiled with, and of those that follow from them.
fn effective(given: &Properties, compiled: &Compiled) -> BTreeMap<&'static str, String> {
    let follow = ["NUM_STREAMS", "INFERENCE_NUM_THREADS", PRECISION_HINT];
    let names = given.set.iter().map(|(name, _)| *name).chain(follow);
    names.filter_map(|name| Some((name, compiled.model.property(name).ok()?))).collect()
}

fn optimal_requests(compiled: &Compiled) -> Option<usize> {
    let text = compiled.model.property("OPTIMAL_NUMBER_OF_INFER_REQUESTS").ok()?;
    text.trim().parse().ok()
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
pub(super) fn bring_back(shared: &Shared, model: usize) {
    let (load, generation) = {
        let state = shared.state.lock();
        let entry = &state.models.entries[model];
        let load = entry.instance().map(|instance| instance.recipe.load.clone());
        (load, entry.generation)
    };
    let mut prepared = load.and_then(|load| prepare(shared, model, &load).ok().flatten());
    let mut state = shared.state.lock();
    let closed = state.closed;
    state.models.end_return(model);
    let entry = &mut state.models.entries[model];
    let here = entry.instance().map(|instance| instance.device);
    let here = here.filter(|_| entry.generation == generation && !closed);
    let better = matches!((&prepared, here), (Some((instance, _)), Some(here))
        if instance.device < here && shared.is_usable(instance.device));
    let mut dropped = Vec::new();
    match prepared.take_if(|_| better) {
        Some((instance, compiled)) => {
            dropped = shared.put_into_service(&mut state, model, &instance, compiled);
        }
        None => entry.refusals.postpone(shared.config.breaker.pause, shared.now()),
    }
    drop(state);
    drop((prepared, dropped));
}

impl Shared {
    /// How running on `device` differs from the first choice, given how the devices stood when it was chosen and what this
    /// model was refused by.
    fn fallback_to(
        &self,
        device: usize,
        standing: &Standing,
        rejected: &[(Name, Error)],
    ) -> Option<Arc<Fallback>> {
        let before = self.config.rejected.iter();
        let before = before.map(|other| (other.candidate.clone(), other.reason.clone()));
        let out = standing.out.iter().filter(|(other, _)| *other < device);
        let out = out.map(|(other, reason)| (self.devices[*other].name.clone(), reason.clone()));
        let refused = rejected.iter().map(|(name, error)| (name.clone(), reason_of(error)));
        let all: Vec<(Name, String)> = before.chain(out).chain(refused).collect();
        let (first, _) = all.first()?;
        let reasons: Vec<_> =
            all.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        Some(Arc::new(Fallback {
            from: first.clone(),
            to: self.devices[device].name.clone(),
            reason: reasons.join("; "),
        }))
    }
}
