//! The engine: takes operations, lets the scheduler order them, runs them, and answers each exactly once.
//!
//! One lock guards what waits and what is loaded ([`state::State`]); it is never held while anything runs, compiles or
//! is answered. Four kinds of threads work on it: host workers (operations that need no device), background workers
//! (loading), workers of each device (inference; as many as the device takes requests at once) and the timer
//! (deadlines, hung inferences, idle streams, devices to try again).
//!
//! Inference runs synchronously on the device workers. OpenVINO's asynchronous callback is not told whether the
//! inference succeeded, and the status cannot be read before the callback has returned; a thread that waits for each
//! request hands errors over at once, needs no second wake-up, and can be given up when its device hangs.

mod answer;
mod background;
mod batch;
mod benchmark;
mod coordination;
mod description;
mod device;
mod direct;
mod embedding;
mod enqueue;
mod foreign;
mod health;
mod host;
mod instance;
mod loading;
mod models;
mod pace;
mod pool;
mod power;
mod proof;
mod refusals;
mod room;
mod run;
mod service;
mod settle;
mod state;
mod streams;
mod timer;
mod wake;

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, MutexGuard};

pub use health::{DeviceHealth, Health, RuntimeInfo};

use crate::config::{Batching, Config};
use crate::error::{Error, ErrorCode, Result};
use crate::metrics::{Gauges, Metrics, SettingsInUse, Snapshot};
use crate::openvino::Core;
use crate::operation::{Completion, Name, Operation, Options};
use crate::prometheus;
use crate::runtime;
use crate::scheduler::{Cancelled, Nanos, Ticket, nanos};
use answer::Answer;
use models::Status;
use state::{HOST, Pending, State};
use wake::Wake;

/// Threads that load models. Two, so that a quick load does not wait for a slow compiler.
const BACKGROUND_WORKERS: usize = 2;
/// Operations that one submission enqueues before it lets others at the lock.
const SUBMIT_CHUNK: usize = 256;

/// A running engine. Dropping it shuts it down without draining.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What all threads of an engine share.
#[derive(Debug)]
struct Shared {
    myself: Weak<Self>,
    config: Config,
    started: Instant,
    state: Mutex<State>,
    host_wake: Condvar,
    background_wake: Condvar,
    timer_wake: Condvar,
    /// Told when an operation has been answered while somebody waits for the end of all.
    idle_wake: Condvar,
    power_wake: Condvar,
    metrics: Metrics,
    core: Mutex<Option<Core>>,
    devices: Vec<device::Device>,
    agents: coordination::Agents,
    embeddings: embedding::Embeddings,
    foreign: foreign::Foreign,
}

/// One operation with all that goes with it.
#[derive(Debug)]
pub struct Submission {
    /// What to do.
    pub operation: Operation,
    /// How urgently.
    pub options: Options,
    /// Where the answer goes.
    pub completion: Completion,
}

impl Engine {
    /// Starts the threads of an engine. The runtime is loaded when an operation first needs it, except to list the
    /// devices where the configuration names none.
    ///
    /// # Errors
    /// `RUNTIME_NOT_FOUND` when devices must be listed and no runtime can be loaded.
    pub fn start(mut config: Config) -> Result<Self> {
        if config.devices.is_empty() {
            let core = load_core(&config)?;
            config.devices = by_preference(core.available_devices()?);
        }
        let devices: Vec<_> = config.devices.iter().cloned().map(device::Device::new).collect();
        let started = Instant::now();
        let host_workers = config.worker_threads.max(1);
        // One shard for each host worker, the background, the timer, submitters, and each device's workers together.
        let metrics = Metrics::new(started, host_workers + 3 + devices.len(), config.metrics);
        let shared = Arc::new_cyclic(|myself| Shared {
            myself: Weak::clone(myself),
            state: Mutex::new(State::new(&config)),
            started,
            host_wake: Condvar::new(),
            background_wake: Condvar::new(),
            timer_wake: Condvar::new(),
            idle_wake: Condvar::new(),
            power_wake: Condvar::new(),
            metrics,
            core: Mutex::new(None),
            devices,
            agents: coordination::Agents::default(),
            embeddings: embedding::Embeddings::default(),
            foreign: foreign::Foreign::default(),
            config,
        });
        let engine = Self { shared, threads: Mutex::default() };
        for index in 0..host_workers {
            engine
                .spawn(format!("npubridge-host-{index}"), move |shared| host::work(&shared, index));
        }
        for index in 0..BACKGROUND_WORKERS {
            engine.spawn(format!("npubridge-load-{index}"), |shared| background::work(&shared));
        }
        engine.spawn("npubridge-timer".into(), |shared| timer::work(&shared));
        if engine.shared.follows_power() {
            engine.spawn("npubridge-power".into(), |shared| power::work(&shared));
        }
        Ok(engine)
    }

    fn spawn(&self, name: String, work: impl FnOnce(Arc<Shared>) + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(name).spawn(move || work(shared));
        self.threads.lock().push(thread.expect("the system can start a thread"));
    }

    /// Submits one operation. It is answered exactly once through its completion, also when it is refused; the ticket
    /// of an operation that was accepted serves to cancel it. What takes no time may be answered before this returns.
    pub fn submit(
        &self,
        operation: Operation,
        options: Options,
        completion: Completion,
    ) -> Option<Ticket> {
        let mut ticket = None;
        let submission = Submission { operation, options, completion };
        let refused = self.enter(std::iter::once(submission), &mut |given| ticket = given);
        self.shared.deliver(self.shared.submit_shard(), refused);
        ticket
    }

    /// Submits many operations, as [`Engine::submit`] does, at the cost of one lock for each few hundred.
    /// `accepted` is told the ticket of each, in order; none for those that were refused. It runs under the engine's
    /// lock: it must be quick and must not call the engine.
    pub fn submit_all(
        &self,
        submissions: impl IntoIterator<Item = Submission>,
        mut accepted: impl FnMut(Option<Ticket>),
    ) {
        let mut submissions = submissions.into_iter();
        let mut refused = Vec::new();
        let mut chunk = Vec::new();
        loop {
            // What it takes to make them, such as copies of their tensors, is nothing to hold the lock for.
            chunk.extend(submissions.by_ref().take(SUBMIT_CHUNK));
            let is_last = chunk.len() < SUBMIT_CHUNK;
            refused.extend(self.enter(chunk.drain(..), &mut accepted));
            if is_last {
                break;
            }
        }
        self.shared.deliver(self.shared.submit_shard(), refused);
    }

    /// Queues operations under one lock; gives the answers of those that were refused.
    fn enter(
        &self,
        submissions: impl Iterator<Item = Submission>,
        accepted: &mut impl FnMut(Option<Ticket>),
    ) -> Vec<Answer> {
        let shared = &*self.shared;
        let now = shared.now();
        let mut refused = Vec::new();
        let mut wake = Wake::default();
        let mut state = shared.state.lock();
        let waited = !state.scheduler.is_lane_empty(HOST);
        for submission in submissions {
            match shared.enqueue(&mut state, submission, now, &mut wake) {
                Ok(ticket) => accepted(Some(ticket)),
                Err(answer) => {
                    accepted(None);
                    refused.push(*answer);
                }
            }
        }
        let is_quicker_here = host::is_quicker_here(&state, &wake, waited);
        if is_quicker_here {
            wake.host = 0;
        }
        shared.wake(&state, &wake);
        if is_quicker_here {
            host::run_here(shared, state);
        }
        refused
    }

    /// Cancels an operation at any stage. One that waits is answered `CANCELLED` at once; one that runs is stopped if
    /// its device can be, and then answered. Gives whether the operation was known.
    pub fn cancel(&self, ticket: Ticket) -> bool {
        let shared = &*self.shared;
        let mut state = shared.state.lock();
        match state.scheduler.cancel(ticket) {
            Cancelled::Waiting(pending) => {
                let mut wake = Wake::default();
                shared.left(&mut state, ticket, &pending, &mut wake);
                shared.wake(&state, &wake);
                shared.finished(&state);
                drop(state);
                shared.answer_cancelled(pending);
                true
            }
            Cancelled::Running => {
                if let Some(pending) = state.leave_apart(ticket) {
                    shared.finished(&state);
                    drop(state);
                    shared.answer_cancelled(pending);
                } else {
                    shared.cancel_running(&state, ticket);
                }
                true
            }
            Cancelled::Unknown => false,
        }
    }

    /// What the engine has counted so far.
    #[must_use]
    pub fn metrics(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// What the engine has counted so far, in the text format of Prometheus.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        prometheus::text(&self.metrics())
    }

    /// Whether the engine and its devices work.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// Stops taking work, waits up to `drain` for what is queued and running, cancels the rest with a reason, and
    /// ends the threads. A device that hangs does not hold it up longer than a second.
    pub fn shutdown(&self, drain: Duration) {
        let shared = &*self.shared;
        // A year stands for ever: adding more to an instant may overflow.
        let until = Instant::now() + drain.min(Duration::from_secs(31_536_000));
        let mut state = shared.state.lock();
        state.closing = true;
        while state.scheduler.known() > 0 {
            if shared.idle_wake.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        let mut left: Vec<_> =
            state.scheduler.drain(None).into_iter().map(|(_, pending)| pending).collect();
        let apart: Vec<_> = state.apart.keys().copied().collect();
        left.extend(apart.into_iter().filter_map(|ticket| state.leave_apart(ticket)));
        state.closed = true;
        state.models.jobs.clear();
        shared.cancel_all_running(&state);
        shared.wake_all();
        drop(state);
        let now = shared.now();
        let answers = left.into_iter().map(|pending| {
            let error = Error::new(
                ErrorCode::Cancelled,
                format!(
                    "the engine was shut down before the operation was done, after {drain:?} of draining"
                ),
            );
            Answer::failed(pending, error, now)
        });
        shared.deliver(shared.submit_shard(), answers);
        self.join();
        shared.let_all_go();
    }

    /// Ends the threads; those stuck in a device are left behind, since they cannot be ended safely.
    fn join(&self) {
        let until = Instant::now() + Duration::from_secs(1);
        let mut threads = std::mem::take(&mut *self.threads.lock());
        threads.append(&mut self.shared.state.lock().take_threads());
        for thread in threads {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_micros(200));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
        self.shared.give_up_running();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.shared.state.lock().closed {
            self.shutdown(Duration::ZERO);
        }
    }
}

impl Shared {
    fn now(&self) -> Nanos {
        nanos(self.started.elapsed())
    }

    fn submit_shard(&self) -> usize {
        self.config.worker_threads.max(1)
    }

    fn background_shard(&self) -> usize {
        self.submit_shard() + 1
    }

    fn timer_shard(&self) -> usize {
        self.submit_shard() + 2
    }

    fn device_shard(&self, device: usize) -> usize {
        self.submit_shard() + 3 + device
    }

    /// OpenVINO, loaded at the first call. A failure is not remembered: the runtime may be installed meanwhile.
    fn core(&self) -> Result<Core> {
        let mut core = self.core.lock();
        if let Some(core) = &*core {
            return Ok(core.clone());
        }
        let loaded = load_core(&self.config)?;
        *core = Some(loaded.clone());
        Ok(loaded)
    }

    fn answer_cancelled(&self, pending: Pending) {
        let error = Error::new(ErrorCode::Cancelled, "the operation was cancelled");
        let answer = Answer::failed(pending, error, self.now());
        self.deliver(self.submit_shard(), [answer]);
    }

    /// Lets everything go that the runtime holds for this engine.
    fn let_all_go(&self) {
        let mut dropped = Vec::new();
        let mut state = self.state.lock();
        for model in 0..state.models.entries.len() {
            dropped.extend(state.models.take_out(model));
            let entry = &mut state.models.entries[model];
            entry.status = Status::Unloaded;
            entry.release();
            entry.streams.clear();
        }
        drop(state);
        drop(dropped);
        *self.core.lock() = None;
    }

    /// Tells a waiting shutdown that an operation has been answered.
    fn finished(&self, state: &MutexGuard<'_, State>) {
        if state.closing {
            self.idle_wake.notify_all();
        }
    }

    fn snapshot(&self) -> Snapshot {
        let gauges = {
            let state = self.state.lock();
            Gauges {
                submitted: state.submitted,
                waiting: state.scheduler.depth_by_priority(),
                running: state.scheduler.known() - state.scheduler.depth(),
                resources: self.resource_use(&state),
                breakers: self.breakers(),
                power: self.power_use(),
                settings: self.settings_in_use(),
            }
        };
        self.metrics.snapshot(gauges)
    }

    /// The settings that a snapshot must be read by.
    fn settings_in_use(&self) -> SettingsInUse {
        let Batching { max, delay, .. } = &self.config.batching;
        SettingsInUse {
            queue_capacity: self.config.capacity.total,
            batch_max: *max,
            batch_delay_us: u64::try_from(delay.as_micros()).unwrap_or(u64::MAX),
            worker_threads: self.config.worker_threads,
        }
    }
}

fn load_core(config: &Config) -> Result<Core> {
    runtime::load_configured(config.runtime.as_deref())?;
    Core::new()
}

/// NPU before GPU before CPU before anything else, otherwise as the runtime lists them.
fn by_preference(devices: Vec<String>) -> Vec<Name> {
    let rank = |name: &str| match name.split('.').next() {
        Some("NPU") => 0,
        Some("GPU") => 1,
        Some("CPU") => 2,
        _ => 3,
    };
    let mut devices: Vec<Name> = devices.into_iter().map(Name::from).collect();
    devices.sort_by_key(|name| rank(name));
    devices
}

#[cfg(test)]
mod tests;
