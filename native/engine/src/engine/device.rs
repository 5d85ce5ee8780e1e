//! The workers of a device: each runs one inference at a time.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::answer::{Answer, times};
use super::models::{Instance, Job, Shapes, Status};
use super::state::{Pending, State};
use super::{Shared, Wake};
use crate::config::Breaker;
use crate::error::{Error, ErrorCode, Result};
use crate::model::cell::{Cell, Rows};
use crate::model::compile::Compiled;
use crate::model::signature::{Inputs, rows};
use crate::openvino::Canceller;
use crate::operation::{Inference, Name, Operation, Output};
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
    service: Mutex<Service>,
}

/// What one worker runs now, reachable for the timer and for cancellation.
#[derive(Debug, Default)]
struct Place {
    running: Mutex<Occupied>,
}

#[derive(Debug, Default)]
enum Occupied {
    #[default]
    Idle,
    Running(Running),
    /// The inference hung and was given up; its worker ends when it comes back.
    Abandoned,
}

#[derive(Debug)]
struct Running {
    since: Nanos,
    flights: Vec<Flight>,
    canceller: Canceller,
    instance: Arc<Instance>,
}

/// One operation on a device.
#[derive(Debug)]
struct Flight {
    ticket: Ticket,
    pending: Pending,
    /// State of its stream, by input index.
    carried: Vec<(usize, Tensor)>,
}

/// Whether a device is trusted with work.
#[derive(Debug, Default)]
struct Service {
    failures: u32,
    /// Set while the device is out of service.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    reason: String,
    pause: Duration,
    retry_at: Nanos,
    probing: bool,
}

/// One inference for one or several operations.
#[derive(Debug)]
struct Work {
    model: usize,
    instance: Arc<Instance>,
    generation: u64,
    shapes: Option<Shapes>,
    place: Option<(Arc<Compiled>, Option<Cell>)>,
    flights: Vec<Flight>,
}

/// A finished inference on its way into the state.
#[derive(Debug)]
struct Done {
    model: usize,
    generation: u64,
    shapes: Option<Shapes>,
    place: Option<(Arc<Compiled>, Cell)>,
    flights: Vec<Flight>,
    outcome: Result<Vec<Vec<(Name, Tensor)>>>,
    instance: Arc<Instance>,
    start: Nanos,
    end: Nanos,
}

enum Next {
    Work(Box<Work>),
    /// Nothing now; at this time a batch is due.
    WaitUntil(Nanos),
}

impl Device {
    pub(super) fn new(name: Name) -> Self {
        Self { name, wake: Condvar::new(), places: Mutex::default(), service: Mutex::default() }
    }

    /// How many workers the device has.
    pub(super) fn workers(&self) -> usize {
        self.places.lock().len()
    }

    /// Why the device is out of service, if it is.
    pub(super) fn out_of_service(&self) -> Option<String> {
        self.service.lock().open.as_ref().map(|open| open.reason.clone())
    }
}

impl Shared {
    /// Starts as many workers as the device takes requests of this model at once.
    pub(super) fn ensure_workers(
        self: &Shared,
        state: &mut State,
        device: usize,
        compiled: Option<&Compiled>,
    ) {
        let optimal = compiled
            .and_then(|compiled| compiled.model.property("OPTIMAL_NUMBER_OF_INFER_REQUESTS").ok())
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(REQUESTS_UNKNOWN);
        while self.devices[device].workers() < optimal {
            self.add_worker(state, device);
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
        state.threads.push(thread.expect("the system can start a thread"));
    }

    /// Devices that work, in order of preference; all when none does, since trying costs nothing then.
    pub(super) fn devices_in_service(&self) -> Vec<usize> {
        let all = 0..self.devices.len();
        let working: Vec<_> =
            all.clone().filter(|device| self.devices[*device].out_of_service().is_none()).collect();
        if working.is_empty() { all.collect() } else { working }
    }

    /// Names of devices that are out of service, with the reason.
    pub(super) fn out_of_service(&self) -> Vec<(Name, String)> {
        self.devices
            .iter()
            .filter_map(|device| Some((device.name.clone(), device.out_of_service()?)))
            .collect()
    }

    /// Asks the device to stop the inference of a cancelled operation, when no other operation is in it.
    pub(super) fn cancel_running(&self, _: &State, ticket: Ticket) {
        for device in &self.devices {
            for place in device.places.lock().iter() {
                if let Occupied::Running(running) = &*place.running.lock()
                    && running.flights.len() == 1
                    && running.flights[0].ticket == ticket
                {
                    let _ = running.canceller.cancel();
                    return;
                }
            }
        }
    }

    pub(super) fn cancel_all_running(&self, _: &State) {
        for device in &self.devices {
            for place in device.places.lock().iter() {
                if let Occupied::Running(running) = &*place.running.lock() {
                    let _ = running.canceller.cancel();
                }
            }
        }
    }

    /// Answers what runs on workers that never came back; used when the engine ends.
    pub(super) fn give_up_running(&self) {
        for (device, _) in self.devices.iter().enumerate() {
            self.abandon(device, 0, "the engine was shut down while the device was still busy");
        }
    }

    /// Gives up inferences of a device that have been running for longer than allowed.
    pub(super) fn abandon_hung(&self) {
        let limit = self.now().saturating_sub(nanos(self.config.hang_after));
        for device in 0..self.devices.len() {
            let reason = format!("the inference did not end within {:?}", self.config.hang_after);
            let hung = self.abandon_since(device, limit, &reason);
            if hung > 0 {
                self.take_out_of_service(device, &reason);
                let mut state = self.state.lock();
                if !state.closed {
                    for _ in 0..hung {
                        self.add_worker(&mut state, device);
                    }
                }
            }
        }
    }

    fn abandon(&self, device: usize, after: Nanos, reason: &str) {
        self.abandon_since(device, self.now().saturating_sub(after), reason);
    }

    fn abandon_since(&self, device: usize, started_before: Nanos, reason: &str) -> usize {
        let mut hung = Vec::new();
        self.devices[device].places.lock().retain(|place| {
            let mut occupied = place.running.lock();
            match &*occupied {
                Occupied::Running(running) if running.since <= started_before => {
                    if let Occupied::Running(running) =
                        std::mem::replace(&mut *occupied, Occupied::Abandoned)
                    {
                        hung.push(running);
                    }
                    false
                }
                _ => true,
            }
        });
        let count = hung.len();
        for running in hung {
            self.metrics.count_abandoned(self.timer_shard());
            let error = Error::new(
                ErrorCode::DeviceLost,
                format!("{} hangs: {reason}", self.devices[device].name),
            )
            .suggest("npubridge probe");
            self.retry_or_answer(running, &error);
        }
        count
    }

    /// Sends the operations of a given-up inference back into their lane, or answers those that have been tried often
    /// enough.
    fn retry_or_answer(&self, running: Running, error: &Error) {
        let now = self.now();
        let mut answers = Vec::new();
        let mut wake = Wake::default();
        let mut state = self.state.lock();
        if let Some(model) = running.flights.first().and_then(|flight| flight.pending.model) {
            let entry = &mut state.models.entries[model];
            entry.running = entry.running.saturating_sub(1);
        }
        for flight in running.flights {
            let end = Ended { instance: &running.instance, start: running.since, end: now };
            answers.extend(self.try_again(&mut state, flight, error, &end, &mut wake));
        }
        self.wake(&state, &wake);
        self.finished(&state);
        drop(state);
        self.deliver(self.timer_shard(), answers);
    }

    /// Counts a failure of a device and takes it out of service when there have been too many, or at once when it
    /// is lost.
    fn count_failure(&self, device: usize, error: &Error) {
        let open = {
            let mut service = self.devices[device].service.lock();
            service.failures += 1;
            error.code() == ErrorCode::DeviceLost
                || service.failures >= self.config.breaker.failures
        };
        if open {
            self.take_out_of_service(device, error.message());
        }
    }

    /// Takes a device out of service and lets the others take over its models. The last one stays, for failing is
    /// better than having nothing to try.
    fn take_out_of_service(&self, device: usize, reason: &str) {
        if self.devices.len() == 1 {
            return;
        }
        {
            let mut service = self.devices[device].service.lock();
            if service.open.is_some() {
                return;
            }
            let Breaker { pause, .. } = self.config.breaker;
            service.open = Some(Open {
                reason: reason.to_owned(),
                pause,
                retry_at: self.now() + nanos(pause),
                probing: false,
            });
        }
        tracing::warn!(device = &*self.devices[device].name, reason, "device out of service");
        let mut state = self.state.lock();
        let mut dropped = Vec::new();
        for model in 0..state.models.entries.len() {
            let Status::Ready(instance) = &state.models.entries[model].status else {
                continue;
            };
            if instance.device == device {
                let load = instance.recipe.load.clone();
                dropped.push(state.models.take_out(model));
                state.models.entries[model].status = Status::Loading(Vec::new());
                state.models.jobs.push_back(Job::Load(model, load));
            }
        }
        self.background_wake.notify_all();
        self.timer_wake.notify_one();
        drop(state);
        drop(dropped);
    }

    /// Asks for a try of each device whose pause is over; gives when the next one is.
    pub(super) fn retry_devices(&self, state: &mut State, now: Nanos) -> Nanos {
        let mut next = NO_DEADLINE;
        for (index, device) in self.devices.iter().enumerate() {
            let mut service = device.service.lock();
            let Some(open) = &mut service.open else {
                continue;
            };
            if open.probing {
                continue;
            }
            if open.retry_at <= now {
                open.probing = true;
                state.models.jobs.push_back(Job::Probe(index));
                self.background_wake.notify_one();
            } else {
                next = next.min(open.retry_at);
            }
        }
        next
    }

    /// Tries a device with a tiny inference; brings its models back when it works.
    pub(super) fn probe_device(&self, device: usize) {
        let works = self
            .core()
            .and_then(|core| crate::runtime::try_device(&core, &self.devices[device].name));
        let mut state = self.state.lock();
        let mut service = self.devices[device].service.lock();
        if let Err(error) = works {
            if let Some(open) = &mut service.open {
                open.pause = (open.pause * 2).min(self.config.breaker.longest_pause);
                open.retry_at = self.now() + nanos(open.pause);
                open.probing = false;
                open.reason = error.message().to_owned();
            }
            self.timer_wake.notify_one();
            return;
        }
        *service = Service::default();
        drop(service);
        tracing::info!(device = &*self.devices[device].name, "device back in service");
        for model in 0..state.models.entries.len() {
            let instance = state.models.entries[model].instance();
            if instance.is_some_and(|instance| instance.device > device) {
                state.models.jobs.push_back(Job::Return(model));
            }
        }
        self.background_wake.notify_all();
    }
}

/// Runs inferences on `device` until the engine closes or this worker is given up.
fn work(shared: &Shared, device: usize, place: &Place) {
    let shard = shared.device_shard(device);
    let mut answers = Vec::new();
    let mut expired = Vec::new();
    let mut state = shared.state.lock();
    loop {
        let next = take(shared, &mut state, device, &mut expired, &mut answers);
        let Next::Work(work) = next else {
            if !answers.is_empty() || !expired.is_empty() {
                MutexGuard::unlocked(&mut state, || {
                    shared.deliver(shard, answers.drain(..));
                    shared.deliver_expired(shard, &mut expired);
                });
                continue;
            }
            if state.closed {
                return;
            }
            wait(shared, device, &mut state, &next);
            continue;
        };
        drop(state);
        shared.deliver(shard, answers.drain(..));
        shared.deliver_expired(shard, &mut expired);
        let Some(done) = run(shared, place, *work) else {
            return;
        };
        shared.metrics.count_batch(shard, done.flights.len());
        if let Err(error) = &done.outcome {
            shared.judge(device, error);
        } else {
            shared.devices[device].succeeded();
        }
        state = shared.state.lock();
        let let_go = settle(shared, &mut state, done, &mut answers);
        shared.finished(&state);
        if let_go.is_some() {
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

impl Device {
    fn succeeded(&self) {
        let mut service = self.service.lock();
        if service.open.is_none() {
            service.failures = 0;
        }
    }
}

impl Shared {
    /// Counts an error against the device when it is the device's, not the caller's.
    fn judge(&self, device: usize, error: &Error) {
        if is_transient(error) {
            self.count_failure(device, error);
        }
    }
}

/// Whether trying again may help: the device failed, not the request.
fn is_transient(error: &Error) -> bool {
    matches!(error.code(), ErrorCode::DeviceLost | ErrorCode::ResourceExhausted)
}

/// Takes the most urgent work of a device: one operation, or several that run together.
fn take(
    shared: &Shared,
    state: &mut State,
    device: usize,
    expired: &mut Vec<(Ticket, Pending)>,
    refused: &mut Vec<Answer>,
) -> Next {
    let now = shared.now();
    let mut due = NO_DEADLINE;
    loop {
        let State { scheduler, models, .. } = &mut *state;
        let mut ready = models.lanes[device].clone();
        ready.retain(|lane| {
            let entry = &models.entries[models.of_lane(*lane)];
            let Some(instance) = entry.instance() else {
                return false;
            };
            let (delay, max) = (nanos(instance.batching.delay), instance.batching.max);
            if delay == 0 || !instance.signature.stacks || scheduler.lane_depth(*lane) >= max {
                return true;
            }
            let ripe = scheduler.peek(*lane).map_or(NO_DEADLINE, |first| first.submitted + delay);
            if ripe > now {
                due = due.min(ripe);
            }
            ripe <= now
        });
        let Some(choice) = scheduler.choose(ready.into_iter(), now, &mut models.turns[device])
        else {
            return Next::WaitUntil(due);
        };
        let Some((ticket, pending)) = scheduler.take(choice, now, expired) else {
            if expired.is_empty() {
                continue;
            }
            return Next::WaitUntil(due);
        };
        match form(shared, state, choice.lane, ticket, pending, now, expired) {
            Ok(work) => return Next::Work(Box::new(work)),
            Err(refusal) => {
                let (ticket, answer) = *refusal;
                state.scheduler.finish(ticket);
                let mut wake = Wake::default();
                shared.left(state, ticket, &answer.pending, &mut wake);
                refused.push(answer);
            }
        }
    }
}

/// Makes an inference of an operation and of those behind it that can run with it.
fn form(
    shared: &Shared,
    state: &mut State,
    lane: usize,
    ticket: Ticket,
    pending: Pending,
    now: Nanos,
    expired: &mut Vec<(Ticket, Pending)>,
) -> std::result::Result<Work, Box<(Ticket, Answer)>> {
    let model = state.models.of_lane(lane);
    let entry = &mut state.models.entries[model];
    let instance = Arc::clone(entry.instance().expect("the lane belongs to a model in service"));
    let refuse = |pending, error| Box::new((ticket, Answer::failed(pending, error, now)));
    let carried = match carried_state(entry, &instance, &pending) {
        Ok(carried) => carried,
        Err(error) => return Err(refuse(pending, error)),
    };
    let shapes = match input_shapes(&instance, &pending, &carried) {
        Ok(shapes) => shapes,
        Err(error) => return Err(refuse(pending, error)),
    };
    let mut flights = vec![Flight { ticket, pending, carried }];
    let mut shapes = shapes;
    if instance.signature.stacks && instance.batching.max > 1 {
        let limit = rows_together(shared, state, lane, &instance, shapes[0][0]);
        let stack = Stack { lane, instance: &instance, shapes: &shapes, limit };
        let total = stack.fill(state, now, expired, &mut flights);
        for shape in &mut shapes {
            shape[0] = total;
        }
    }
    let shapes = variant_shapes(&instance, shapes);
    let entry = &mut state.models.entries[model];
    entry.running += 1;
    entry.used = now;
    let place = entry.variant(shapes.as_ref(), now);
    Ok(Work { model, generation: entry.generation, instance, shapes, place, flights })
}

/// How many rows to run in one inference, given how many wait and how many workers share them.
fn rows_together(
    shared: &Shared,
    state: &mut State,
    lane: usize,
    instance: &Instance,
    first: usize,
) -> usize {
    let waiting = first + state.scheduler.lane_depth(lane);
    let max = instance.batching.max;
    if !instance.batching.adaptive {
        return waiting.min(max);
    }
    let workers = shared.devices[instance.device].workers().max(1);
    let model = state.models.of_lane(lane);
    state.models.entries[model].pace.rows(waiting.div_ceil(workers), max)
}

/// An inference that is being filled with operations of one lane.
struct Stack<'a> {
    lane: usize,
    instance: &'a Instance,
    /// Shapes of the first operation: the others differ in their rows only.
    shapes: &'a Shapes,
    /// Rows at the most.
    limit: usize,
}

impl Stack<'_> {
    /// Takes operations that can run together with the first and gives how many rows there are then.
    fn fill(
        &self,
        state: &mut State,
        now: Nanos,
        expired: &mut Vec<(Ticket, Pending)>,
        flights: &mut Vec<Flight>,
    ) -> usize {
        let mut total = self.shapes[0][0];
        while total < self.limit {
            let next = state.scheduler.peek(self.lane);
            let Some(count) = next.and_then(|next| stackable(self.instance, next, self.shapes))
            else {
                break;
            };
            if total + count > self.limit {
                break;
            }
            let before = expired.len();
            let Some((ticket, pending)) = state.scheduler.take_from(self.lane, now, expired) else {
                break;
            };
            // The one that was looked at may have expired; another has come then, which need not fit.
            let changed = expired.len() > before;
            if changed && stackable(self.instance, &pending, self.shapes) != Some(count) {
                if let Err(pending) = state.scheduler.put_back(ticket, self.lane, pending) {
                    expired.push((ticket, pending));
                }
                break;
            }
            total += count;
            flights.push(Flight { ticket, pending, carried: Vec::new() });
        }
        total
    }
}

/// What the stream of an operation carries into it.
fn carried_state(
    entry: &mut super::models::Entry,
    instance: &Instance,
    pending: &Pending,
) -> Result<Vec<(usize, Tensor)>> {
    let Some(step) = pending.stream() else {
        return Ok(Vec::new());
    };
    match entry.streams.get(&step.name) {
        Some(stream) if !stream.carried.is_empty() => Ok(stream.carried.clone()),
        _ => instance.signature.initial_state(),
    }
}

fn input_shapes(
    instance: &Instance,
    pending: &Pending,
    carried: &[(usize, Tensor)],
) -> Result<Shapes> {
    let inputs = instance.signature.arrange(pending.inference(), carried)?;
    if instance.signature.stacks && rows(&inputs).is_none() {
        return Err(Error::new(
            ErrorCode::ShapeMismatch,
            format!("the inputs of {} differ in their first dimension", instance.signature.model),
        ));
    }
    Ok(inputs.iter().map(|tensor| tensor.shape().to_vec()).collect())
}

/// The rows of an operation that can run together with one of `shapes`.
fn stackable(instance: &Instance, pending: &Pending, shapes: &Shapes) -> Option<usize> {
    let inputs = instance.signature.arrange(pending.inference(), &[]).ok()?;
    let same = inputs.iter().zip(shapes).all(|(tensor, shape)| tensor.shape()[1..] == shape[1..]);
    rows(&inputs).filter(|_| same)
}

/// Which compiled form takes inputs of these shapes; none in particular: the model as it is.
fn variant_shapes(instance: &Instance, mut shapes: Shapes) -> Option<Shapes> {
    let signature = &instance.signature;
    if signature.fixed {
        return None;
    }
    let few = signature.only_rows_open && shapes[0][0].is_power_of_two();
    if instance.open_shapes && !few {
        return None;
    }
    if signature.stacks {
        // A ladder of powers of two: few forms to compile, at most half of the rows unused.
        for shape in &mut shapes {
            shape[0] = shape[0].next_power_of_two();
        }
    }
    Some(shapes)
}

/// Runs an inference. None when it was given up meanwhile and this worker must end.
fn run(shared: &Shared, place: &Place, work: Work) -> Option<Done> {
    let Work { model, instance, generation, shapes, place: found, flights } = work;
    let start = shared.now();
    let (compiled, cell) = match ready_cell(shared, model, &instance, shapes.as_ref(), found) {
        Ok(ready) => ready,
        Err(error) => {
            let end = shared.now();
            let outcome = Err(error);
            return Some(Done {
                model,
                generation,
                shapes,
                place: None,
                flights,
                outcome,
                instance,
                start,
                end,
            });
        }
    };
    let mut cell = cell;
    if let Err(error) = bind(&mut cell, &instance, &flights) {
        let end = shared.now();
        let (place, outcome) = (Some((compiled, cell)), Err(error));
        return Some(Done {
            model,
            generation,
            shapes,
            place,
            flights,
            outcome,
            instance,
            start,
            end,
        });
    }
    let split = split_rows(&instance, &flights);
    *place.running.lock() = Occupied::Running(Running {
        since: shared.now(),
        flights,
        canceller: cell.canceller(),
        instance: Arc::clone(&instance),
    });
    let ran = cell.run();
    let occupied = std::mem::take(&mut *place.running.lock());
    let Occupied::Running(Running { flights, .. }) = occupied else {
        // The timer answered for it. The device came back after all, but nobody knows what it still touches.
        cell.abandon();
        return None;
    };
    let ports = &instance.signature.outputs;
    let outcome =
        ran.and_then(|()| split.into_iter().map(|rows| cell.outputs(ports, rows)).collect());
    let end = shared.now();
    Some(Done {
        model,
        generation,
        shapes,
        place: Some((compiled, cell)),
        flights,
        outcome,
        instance,
        start,
        end,
    })
}

/// A place in the compiled form for `shapes`; both are made when there are none.
fn ready_cell(
    shared: &Shared,
    model: usize,
    instance: &Instance,
    shapes: Option<&Shapes>,
    found: Option<(Arc<Compiled>, Option<Cell>)>,
) -> Result<(Arc<Compiled>, Cell)> {
    let signature = &instance.signature;
    let (compiled, cell) = match found {
        Some(found) => found,
        None => compile_variant(shared, model, instance, shapes)?,
    };
    let cell = match cell {
        Some(cell) => cell,
        None => Cell::new(&compiled, &signature.inputs, &signature.outputs)?,
    };
    Ok((compiled, cell))
}

fn compile_variant(
    shared: &Shared,
    model: usize,
    instance: &Instance,
    shapes: Option<&Shapes>,
) -> Result<(Arc<Compiled>, Option<Cell>)> {
    let _one_at_a_time = instance.compiling.lock();
    let now = shared.now();
    if let Some(found) = shared.state.lock().models.entries[model].variant(shapes, now) {
        return Ok(found);
    }
    let compiled = Arc::new(instance.compile_for(shapes)?);
    let mut state = shared.state.lock();
    let let_go =
        state.models.entries[model].add_variant(shapes.cloned(), Arc::clone(&compiled), now);
    drop(state);
    drop(let_go);
    Ok((compiled, None))
}

fn bind(cell: &mut Cell, instance: &Instance, flights: &[Flight]) -> Result<()> {
    let inputs = flights
        .iter()
        .map(|flight| instance.signature.arrange(flight.pending.inference(), &flight.carried))
        .collect::<Result<Vec<Inputs<'_>>>>()?;
    cell.bind(&inputs)
}

/// Which rows of the outputs belong to which operation; none: all of them to the only one.
fn split_rows(instance: &Instance, flights: &[Flight]) -> Vec<Option<Rows>> {
    let alone = flights.len() == 1 && rows_of(instance, flights).is_power_of_two();
    if !instance.signature.stacks || alone {
        return vec![None; flights.len()];
    }
    let mut first = 0;
    flights
        .iter()
        .map(|flight| {
            let tensor = &flight.pending.inference().inputs[0].1;
            let count = tensor.shape().first().copied().unwrap_or(1);
            first += count;
            Some(Rows { first: first - count, count })
        })
        .collect()
}

/// Where and when an inference ran.
struct Ended<'a> {
    instance: &'a Arc<Instance>,
    start: Nanos,
    end: Nanos,
}

/// Takes a finished inference into the state: the place is free again, streams go on, operations are answered or
/// wait for another try. Gives what must be dropped outside of the lock.
fn settle(
    shared: &Shared,
    state: &mut State,
    done: Done,
    answers: &mut Vec<Answer>,
) -> Option<Cell> {
    let Done { model, generation, shapes, place, flights, outcome, instance, start, end } = done;
    let entry = &mut state.models.entries[model];
    entry.running = entry.running.saturating_sub(1);
    let mut let_go = None;
    if let Some((compiled, cell)) = place {
        let_go = if entry.generation == generation {
            entry.keep(shapes.as_ref(), &compiled, cell)
        } else {
            Some(cell)
        };
    }
    let ended = Ended { instance: &instance, start, end };
    let mut wake = Wake::default();
    match outcome {
        Ok(outputs) => {
            let entry = &mut state.models.entries[model];
            entry.pace.learn(rows_of(&instance, &flights), end.saturating_sub(start));
            for (flight, outputs) in flights.into_iter().zip(outputs) {
                answers.push(succeed(shared, state, flight, outputs, &ended, &mut wake));
            }
        }
        Err(error) => {
            for flight in flights {
                answers.extend(shared.try_again(state, flight, &error, &ended, &mut wake));
            }
        }
    }
    shared.wake(state, &wake);
    let_go
}

/// How many rows an inference had.
fn rows_of(instance: &Instance, flights: &[Flight]) -> usize {
    let rows = |flight: &Flight| {
        let first = flight.pending.inference().inputs.first();
        first.and_then(|(_, tensor)| tensor.shape().first().copied()).unwrap_or(1)
    };
    if instance.signature.stacks { flights.iter().map(rows).sum() } else { 1 }
}

fn succeed(
    shared: &Shared,
    state: &mut State,
    flight: Flight,
    mut outputs: Vec<(Name, Tensor)>,
    ended: &Ended<'_>,
    wake: &mut Wake,
) -> Answer {
    let Flight { ticket, pending, .. } = flight;
    if let (Some(step), Some(model)) = (pending.stream(), pending.model) {
        let streams = &mut state.models.entries[model].streams;
        if let Some(stream) = streams.get_mut(&step.name) {
            stream.carried =
                if step.last { Vec::new() } else { carry(&ended.instance.signature, &outputs) };
        }
        let state_outputs = &ended.instance.signature.state;
        let mut index = 0;
        outputs.retain(|_| {
            index += 1;
            !state_outputs.iter().any(|(output, _)| *output == index - 1)
        });
    }
    let cancelled = state.scheduler.is_cancelled(ticket);
    shared.left(state, ticket, &pending, wake);
    close_stream(state, &pending);
    state.scheduler.finish(ticket);
    let outcome = if cancelled { Err(cancelled_error()) } else { Ok(Output::Tensors(outputs)) };
    answer(pending, outcome, ended)
}

/// What the outputs of one inference carry into the next.
fn carry(
    signature: &crate::model::signature::Signature,
    outputs: &[(Name, Tensor)],
) -> Vec<(usize, Tensor)> {
    signature.state.iter().map(|(output, input)| (*input, outputs[*output].1.clone())).collect()
}

/// Forgets a stream after its last inference, unless others already wait to begin it anew.
fn close_stream(state: &mut State, pending: &Pending) {
    let (Some(step), Some(model)) = (pending.stream(), pending.model) else {
        return;
    };
    let streams = &mut state.models.entries[model].streams;
    if step.last && streams.get(&step.name).is_some_and(super::streams::Stream::is_free) {
        streams.remove(&step.name);
    }
}

fn answer(pending: Pending, outcome: Result<Output>, ended: &Ended<'_>) -> Answer {
    Answer {
        times: times(pending.submitted, ended.start, ended.end),
        pending,
        outcome,
        device: Some(ended.instance.device_name.clone()),
        fallback: ended.instance.fallback.clone(),
    }
}

fn cancelled_error() -> Error {
    Error::new(ErrorCode::Cancelled, "the operation was cancelled while it ran")
}

impl Shared {
    /// Lets an operation whose inference failed wait for another try, or answers it: when it was cancelled, when the
    /// error is its own, or when it has been tried often enough.
    fn try_again(
        &self,
        state: &mut State,
        flight: Flight,
        error: &Error,
        ended: &Ended<'_>,
        wake: &mut Wake,
    ) -> Option<Answer> {
        let Flight { ticket, mut pending, .. } = flight;
        let cancelled = state.scheduler.is_cancelled(ticket);
        // A neighbour of the same inference was cancelled: no fault of this one.
        let innocent = error.code() == ErrorCode::Cancelled && !cancelled && !state.closed;
        let again = innocent || (is_transient(error) && pending.attempts < self.config.retries);
        if again && !cancelled && !state.closed {
            pending.attempts += u32::from(!innocent);
            let lane = pending.model.map(|model| state.models.entries[model].lane)?;
            self.metrics.count_retries(self.device_shard(ended.instance.device), 1);
            match state.scheduler.put_back(ticket, lane, pending) {
                Ok(()) => {
                    wake.device(ended.instance.device);
                    return None;
                }
                Err(back) => pending = back,
            }
        }
        let error = if cancelled { cancelled_error() } else { self.explain(error, &pending) };
        self.left(state, ticket, &pending, wake);
        close_stream(state, &pending);
        state.scheduler.finish(ticket);
        Some(answer(pending, Err(error), ended))
    }

    fn explain(&self, error: &Error, pending: &Pending) -> Error {
        if pending.attempts == 0 {
            return error.clone();
        }
        let tries = pending.attempts + 1;
        let again = Error::new(error.code(), format!("{} (tried {tries} times)", error.message()));
        let again = error.suggestions().iter().fold(again, |sum, hint| sum.suggest(hint));
        match error.cause() {
            Some(cause) => again.caused_by(cause),
            None => again,
        }
    }
}

impl Pending {
    /// The inference of an operation in a model's lane.
    fn inference(&self) -> &Inference {
        match &self.operation {
            Operation::Inference(inference) | Operation::MatrixMultiply(inference) => inference,
            other => unreachable!("{} in the lane of a model", other.kind().name()),
        }
    }
}
