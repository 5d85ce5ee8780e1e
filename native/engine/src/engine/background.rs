//! Work that takes long and needs no place on a device: loading, unloading, and what goes with it.

use std::sync::Arc;

use crate::sync::MutexGuard;

use super::answer::Answer;
use super::models::{Job, Status, Variant, model_index};
use super::state::{BACKGROUND, Pending, State};
use super::{Shared, benchmark, direct, embedding, foreign, host, loading, proof};
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{
    Benchmark, Completion, Kind, LoadModel, Name, Operation, OperationResult, Options, Output,
    Signal,
};
use crate::scheduler::Ticket;
use crate::tensor::Tensor;

/// An operation of the background without what is needed to answer it.
enum Task {
    Load(LoadModel),
    Unload(Name),
    Initialize,
    Benchmark(Benchmark),
    Embedding(embedding::Job),
    Signal(Box<Signal>),
    Unknown(Kind),
}

impl Task {
    fn of(operation: &Operation) -> Self {
        match operation {
            Operation::LoadModel(load) => Self::Load((**load).clone()),
            Operation::UnloadModel { model } => Self::Unload(model.clone()),
            Operation::Initialize => Self::Initialize,
            Operation::Benchmark(benchmark) => Self::Benchmark((**benchmark).clone()),
            Operation::Embed(embed) => Self::Embedding(embedding::Job::Embed((**embed).clone())),
            Operation::Route(route) => Self::Embedding(embedding::Job::Route(route.clone())),
            Operation::Signal(signal) => Self::Signal(signal.clone()),
            other => Self::Unknown(other.kind()),
        }
    }
}

/// Takes jobs and operations of the background lane until the engine closes.
pub(super) fn work(shared: &Arc<Shared>) {
    let mut expired = Vec::new();
    let mut state = shared.state.lock();
    while !state.closed {
        if let Some(job) = state.models.jobs.pop_front() {
            MutexGuard::unlocked(&mut state, || run_job(shared, job));
            continue;
        }
        let task = take(shared, &mut state, &mut expired);
        if task.is_none() && expired.is_empty() {
            shared.background_wake.wait(&mut state);
            continue;
        }
        MutexGuard::unlocked(&mut state, || {
            shared.deliver_expired(shared.background_shard(), &mut expired);
            if let Some((ticket, task)) = task {
                run(shared, ticket, task);
            }
        });
    }
}

fn take(
    shared: &Shared,
    state: &mut State,
    expired: &mut Vec<(Ticket, Pending)>,
) -> Option<(Ticket, Task)> {
    let now = shared.now();
    let State { scheduler, background_turn, apart, .. } = state;
    let choice = scheduler.choose([BACKGROUND].into_iter(), now, background_turn)?;
    let (ticket, pending) = scheduler.take(choice, now, expired)?;
    let task = Task::of(&pending.operation);
    apart.insert(ticket, pending);
    Some((ticket, task))
}

fn run_job(shared: &Arc<Shared>, job: Job) {
    match job {
        Job::Load(model, load) => loading::load(shared, model, load),
        Job::Probe(device) => shared.spawn_probe(device),
        Job::Return(model) => loading::bring_back(shared, model),
        Job::Prove(model, instance) => proof::prove(shared, model, &instance),
        Job::RunDirectly(request) => direct::prepare(shared, request),
    }
}

fn run(shared: &Arc<Shared>, ticket: Ticket, task: Task) {
    match task {
        Task::Load(load) => load_model(shared, ticket, load),
        Task::Unload(model) => unload(shared, ticket, &model),
        Task::Initialize => initialize(shared, ticket),
        Task::Benchmark(benchmark) => benchmark::spawn(shared, ticket, benchmark),
        Task::Embedding(job) => embedding::begin(shared, ticket, job),
        Task::Signal(signal) => foreign::begin(shared, ticket, *signal),
        Task::Unknown(kind) => {
            let message = format!("{} is not an operation of the background", kind.name());
            shared.answer_at_once(ticket, Err(Error::new(ErrorCode::Internal, message)));
        }
    }
}

impl State {
    /// Takes an operation back to answer it, unless somebody else did.
    pub(super) fn leave_apart(&mut self, ticket: Ticket) -> Option<Pending> {
        let pending = self.apart.remove(&ticket)?;
        self.scheduler.finish(ticket);
        Some(pending)
    }
}

impl Shared {
    /// Answers an operation that was kept apart, unless it has been answered meanwhile.
    pub(super) fn answer_apart(&self, ticket: Ticket, answer: impl FnOnce(Pending) -> Answer) {
        let mut state = self.state.lock();
        let pending = state.leave_apart(ticket);
        self.finished(&state);
        drop(state);
        self.deliver(self.background_shard(), pending.map(answer));
    }

    fn answer_at_once(&self, ticket: Ticket, outcome: Result<Output>) {
        let now = self.now();
        self.answer_apart(ticket, |pending| Answer::on_host(pending, outcome, now, now));
    }

    /// Lets a loaded model go, for good unless inferences wait for it: those load it again. Gives what must be dropped
    /// outside of the lock.
    pub(super) fn let_go(&self, state: &mut State, model: usize) -> Vec<Variant> {
        let dropped = state.models.take_out(model);
        let entry = &mut state.models.entries[model];
        entry.forget();
        entry.status = Status::Unloaded;
        if !state.scheduler.is_lane_empty(entry.lane) {
            state.models.load_again(model);
            self.background_wake.notify_one();
        }
        dropped
    }
}

fn load_model(shared: &Shared, ticket: Ticket, load: LoadModel) {
    let now = shared.now();
    let mut state = shared.state.lock();
    let model = model_index(&mut state, &load.model);
    let entry = &mut state.models.entries[model];
    match &mut entry.status {
        Status::Loading(waiters) => waiters.push(ticket),
        Status::Ready(instance) => {
            let instance = Arc::clone(instance);
            drop(state);
            shared.answer_apart(ticket, |pending| instance.answer(pending, now, now));
        }
        Status::Unloaded | Status::Failed { .. } => {
            entry.forget();
            entry.status = Status::Loading(vec![ticket]);
            drop(state);
            loading::load(shared, model, load);
        }
    }
}

fn unload(shared: &Shared, ticket: Ticket, name: &Name) {
    let mut state = shared.state.lock();
    let not_loaded = Error::new(ErrorCode::ModelNotFound, format!("{name} is not loaded"));
    let Some(model) = state.models.find(name) else {
        drop(state);
        return shared.answer_at_once(ticket, Err(not_loaded));
    };
    let mut dropped = Vec::new();
    let entry = &mut state.models.entries[model];
    let outcome = match &mut entry.status {
        // It goes when it is there.
        Status::Loading(waiters) => {
            waiters.push(ticket);
            return;
        }
        Status::Ready(_) => {
            dropped = shared.let_go(&mut state, model);
            unloaded(name)
        }
        // Let go by the engine itself, for the time being.
        Status::Unloaded if entry.load.is_some() => {
            entry.forget();
            unloaded(name)
        }
        Status::Unloaded | Status::Failed { .. } => Err(not_loaded),
    };
    drop(state);
    drop(dropped);
    shared.answer_at_once(ticket, outcome);
}

pub(super) fn unloaded(name: &Name) -> Result<Output> {
    host::report(&serde_json::json!({ "model": &**name, "unloaded": true }))
}

/// Runs a tiny product as any other operation: it is guarded against a device that hangs, and falls back.
fn initialize(shared: &Arc<Shared>, ticket: Ticket) {
    let one = || Tensor::from_f32(&[1, 1], &[1.0]);
    let product = one().and_then(|a| Operation::matrix_multiply(a, one()?));
    let product = match product {
        Ok(product) => product,
        Err(error) => return shared.answer_at_once(ticket, Err(error)),
    };
    let owner = Arc::downgrade(shared);
    let completion = Completion::call(move |result| {
        if let Some(shared) = owner.upgrade() {
            shared.initialized(ticket, result);
        }
    });
    let priority = {
        let state = shared.state.lock();
        state.apart.get(&ticket).map(|pending| pending.priority).unwrap_or_default()
    };
    shared.submit_for_itself(product, Options { priority, timeout: None }, completion);
}

impl Shared {
    fn initialized(&self, ticket: Ticket, result: OperationResult) {
        let outcome = result.outcome.and_then(|_| {
            host::report(&serde_json::json!({
                "device": result.device.as_deref(),
                "runtime": self.runtime_info(),
            }))
        });
        let (end, compute) = (self.now(), result.times.compute);
        self.answer_apart(ticket, |pending| Answer {
            device: result.device,
            fallback: result.fallback,
            ..Answer::on_host(pending, outcome, end.saturating_sub(compute), end)
        });
    }
}
