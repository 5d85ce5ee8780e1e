//! The workers of a device: each runs one inference at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::sync::{Condvar, Mutex, MutexGuard};

use super::answer::Untold;
use super::batch::{Next, take};
use super::models::Instance;
use super::pool::Told;
use super::power::Admission;
use super::run::{On, run};
use super::service::{Failed, Service};
use super::settle::{Again, Ended, Failure, settle};
use super::state::{Pending, State};
use super::{Shared, Wake};
use crate::config::Profile;
use crate::error::{Error, ErrorCode};
use crate::openvino::Canceller;
use crate::operation::{Inference, Name, Operation};
use crate::scheduler::{NO_DEADLINE, Nanos, Ticket, nanos};
use crate::tensor::Tensor;

/// Requests at once on a device that does not say what is best.
const REQUESTS_UNKNOWN: usize = 2;

/// One OpenVINO device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) name: Name,
    pub(super) wake: Condvar,
    places: Mutex<Vec<Arc<Place>>>,
    pub(super) service: Mutex<Service>,
    pub(super) told: Told,
    pub(super) admission: Admission,
}

/// What one worker runs now, reachable for the timer and for cancellation.
#[derive(Debug, Default)]
pub(super) struct Place {
    running: Mutex<Occupied>,
}

#[derive(Debug, Default)]
enum Occupied {
    #[default]
    Idle,
    Running(Running),
    /// The inference was given up; its worker ends when it comes back.
    Abandoned,
}

#[derive(Debug)]
struct Running {
    /// [`NO_DEADLINE`] while it is prepared only: a compiler may take as long as it needs.
    since: Nanos,
    flights: Vec<Flight>,
    canceller: Option<Canceller>,
    model: usize,
    instance: Arc<Instance>,
    generation: u64,
}

/// One operation on a device.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    pub(super) pending: Pending,
    /// State of its stream, by input index.
    pub(super) carried: Vec<(usize, Tensor)>,
}

impl Flight {
    /// How many rows its inputs have.
    pub(super) fn rows(&self) -> usize {
        let first = self.pending.inference().inputs.first();
        first.and_then(|(_, tensor)| tensor.shape().first().copied()).unwrap_or(1)
    }
}

impl Place {
    /// Keeps what is about to run here where the end of the engine finds it, while `prepare` takes its time. None when
    /// it was given up meanwhile.
    pub(super) fn keep_while<T>(
        &self,
        flights: Vec<Flight>,
        on: &On,
        prepare: impl FnOnce() -> T,
    ) -> Option<(T, Vec<Flight>)> {
        self.hold(flights, on, NO_DEADLINE, None);
        let prepared = prepare();
        self.vacate().map(|flights| (prepared, flights))
    }

    fn is_busy(&self) -> bool {
        matches!(&*self.running.lock(), Occupied::Running(_))
    }

    pub(super) fn occupy(&self, flights: Vec<Flight>, on: &On, since: Nanos, canceller: Canceller) {
        self.hold(flights, on, since, Some(canceller));
    }

    fn hold(&self, flights: Vec<Flight>, on: &On, since: Nanos, canceller: Option<Canceller>) {
        *self.running.lock() = Occupied::Running(Running {
            since,
            flights,
            canceller,
            model: on.model,
            instance: Arc::clone(&on.instance),
            generation: on.generation,
        });
    }

    /// What ran here; none when it was given up.
    pub(super) fn vacate(&self) -> Option<Vec<Flight>> {
        match std::mem::take(&mut *self.running.lock()) {
            Occupied::Running(running) => Some(running.flights),
            Occupied::Idle | Occupied::Abandoned => None,
        }
    }
}

impl Device {
    pub(super) fn new(name: Name) -> Self {
        Self {
            name,
            wake: Condvar::new(),
            places: Mutex::default(),
            service: Mutex::default(),
            told: Told::default(),
            admission: Admission::default(),
        }
    }

    /// How many workers run an inference now, or prepare one.
    pub(super) fn busy(&self) -> usize {
        let places = self.places.lock();
        let busy = places.iter().filter(|place| place.is_busy());
        busy.count()
    }

    /// How many workers the device has.
    pub(super) fn workers(&self) -> usize {
        self.places.lock().len()
    }

    /// Gives up what runs and is to be given up; their workers end when they come back.
    fn give_up(&self, is_to_be: impl Fn(&Running) -> bool) -> Vec<Running> {
        let mut given_up = Vec::new();
        self.places.lock().retain(|place| {
            let mut occupied = place.running.lock();
            if !matches!(&*occupied, Occupied::Running(running) if is_to_be(running)) {
                return true;
            }
            if let Occupied::Running(running) =
                std::mem::replace(&mut *occupied, Occupied::Abandoned)
            {
                given_up.push(running);
            }
            false
        });
        given_up
    }
}

impl Shared {
    /// Starts as many workers as the device wants to have requests at once.
    pub(super) fn ensure_workers(&self, state: &mut State, device: usize, requests: Option<usize>) {
        let wanted = requests.unwrap_or(REQUESTS_UNKNOWN).min(self.slots_limit(device));
        while !state.closed && self.devices[device].workers() < wanted {
            self.add_worker(state, device);
        }
    }

    /// Starts workers for those that hang, on a device that has models which it got since.
    fn replace_workers(&self, device: usize, count: usize) {
        let mut state = self.state.lock();
        for _ in 0..count {
            if !state.closed {
                self.add_worker(&mut state, device);
            }
        }
    }

    fn add_worker(&self, state: &mut State, device: usize) {
        let Some(shared) = self.myself.upgrade() else {
            return;
        };
        let place = Arc::new(Place::default());
        self.devices[device].places.lock().push(Arc::clone(&place));
        let number = self.devices[device].workers();
        let name = format!("npubridge-{}-{number}", self.devices[device].name);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            work(&shared, device, &place);
        });
        state.add_thread(thread.expect("the system can start a thread"));
    }

    /// Asks the device to stop the inference of a cancelled operation, when no other operation is in it.
    pub(super) fn cancel_running(&self, _: &State, ticket: Ticket) {
        self.cancel_where(|running| {
            running.flights.len() == 1 && running.flights[0].ticket == ticket
        });
    }

    pub(super) fn cancel_all_running(&self, _: &State) {
        self.cancel_where(|_| true);
    }

    fn cancel_where(&self, is_to_be: impl Fn(&Running) -> bool) {
        for device in &self.devices {
            for place in device.places.lock().iter() {
                if let Occupied::Running(running) = &*place.running.lock()
                    && is_to_be(running)
                    && let Some(canceller) = &running.canceller
                {
                    // A device that cannot cancel goes on; the operation is answered as cancelled when it ends.
                    let _ = canceller.cancel();
                }
            }
        }
    }

    /// Answers what is still on devices when the engine ends.
    pub(super) fn give_up_running(&self) {
        for device in &self.devices {
            let error = Error::new(
                ErrorCode::Cancelled,
                format!("the engine was shut down while {} was busy with it", device.name),
            );
            for running in device.give_up(|_| true) {
                self.retry_or_answer(running, error.clone());
            }
        }
    }

    /// Gives up inferences that have been running for longer than allowed.
    pub(super) fn abandon_hung(&self) {
        let limit = self.now().saturating_sub(nanos(self.config.hang_after));
        for device in 0..self.devices.len() {
            let hung = self.devices[device].give_up(|running| running.since <= limit);
            if hung.is_empty() {
                continue;
            }
            let name = &self.devices[device].name;
            let message = format!(
                "{name} hangs: an inference did not end within {:?}",
                self.config.hang_after
            );
            let current = hung.iter().any(|running| {
                let entries = &self.state.lock().models.entries;
                entries[running.model].generation == running.generation
            });
            // First, or the next try would be on the same device.
            if current {
                self.take_out_of_service(device, &message);
            } else {
                self.replace_workers(device, hung.len());
            }
            let error = Error::new(ErrorCode::DeviceLost, message).suggest("npubridge probe");
            for running in hung {
                self.metrics.count_abandoned(self.timer_shard());
                self.retry_or_answer(running, error.clone());
            }
        }
    }

    /// Sends the operations of a given-up inference back into their lane, or answers those that have been tried often
    /// enough.
    fn retry_or_answer(&self, running: Running, error: Error) {
        let Running { since, flights, model, instance, .. } = running;
        let now = self.now();
        let failed = Failed::device(error);
        let mut wake = Wake::default();
        let mut state = self.state.lock();
        let entry = &mut state.models.entries[model];
        entry.running = entry.running.saturating_sub(1);
        let compute = now.saturating_sub(since);
        let ended = Ended { instance: &instance, start: since.min(now), compute, end: now };
        let failure = Failure { failed: &failed, again: Again::Counted, ended: &ended };
        let answers: Vec<_> = flights
            .into_iter()
            .filter_map(|flight| self.try_again(&mut state, flight, &failure, &mut wake))
            .collect();
        self.wake(&state, &wake);
        self.finished(&state);
        drop(state);
        self.deliver(self.timer_shard(), answers);
    }
}

/// Runs inferences on `device` until the engine closes or this worker is given up.
fn work(shared: &Shared, device: usize, place: &Place) {
    let shard = shared.device_shard(device);
    let mut answers = Vec::new();
    let mut expired = Vec::new();
    let mut untold = Untold::default();
    // How long the last inference took.
    let mut last = 0;
    let mut state = shared.state.lock();
    loop {
        let next = take(shared, &mut state, device, &mut expired, &mut answers);
        shared.finished(&state);
        let Next::Work(work) = next else {
            if !answers.is_empty() || !expired.is_empty() || !untold.is_empty() {
                MutexGuard::unlocked(&mut state, || {
                    shared.deliver_untold(shard, answers.drain(..), &mut untold);
                    untold.tell();
                    shared.deliver_expired(shard, &mut expired);
                });
                continue;
            }
            if state.closed {
                return;
            }
            state.idle_workers[device] += 1;
            wait(shared, device, &mut state, &next);
            state.idle_workers[device] -= 1;
            continue;
        };
        let plenty = shared.config.profile == Profile::Throughput
            && state.scheduler.lane_depth(state.models.entries[work.on.model].lane)
                >= 2 * shared.devices[device].workers();
        drop(state);
        shared.deliver_untold(shard, answers.drain(..), &mut untold);
        if !(plenty && untold.can_wait(last, shared.now())) {
            untold.tell();
        }
        shared.deliver_expired(shard, &mut expired);
        let Some(done) = run(shared, place, *work) else {
            return;
        };
        shared.metrics.count_batch(shard, done.flights.len());
        last = done.end.saturating_sub(done.on.start);
        let may_help = match &done.outcome {
            Ok(_) => {
                shared.succeeded(device);
                true
            }
            Err(failed) => shared.judge(device, done.on.model, done.on.generation, failed),
        };
        state = shared.state.lock();
        let let_go = settle(shared, &mut state, done, may_help, &mut answers);
        shared.finished(&state);
        if !let_go.is_empty() {
            MutexGuard::unlocked(&mut state, || drop(let_go));
        }
    }
}

fn wait(shared: &Shared, device: usize, state: &mut MutexGuard<'_, State>, next: &Next) {
    let wake = &shared.devices[device].wake;
    match next {
        Next::WaitUntil(time) if *time != NO_DEADLINE => {
            wake.wait_until(state, shared.started + Duration::from_nanos(*time));
        }
        _ => wake.wait(state),
    }
}

impl Pending {
    /// The inference of an operation in a model's lane.
    pub(super) fn inference(&self) -> &Inference {
        match &self.operation {
            Operation::Inference(inference) | Operation::MatrixMultiply(inference) => inference,
            other => unreachable!("{} in the lane of a model", other.kind().name()),
        }
    }
}
