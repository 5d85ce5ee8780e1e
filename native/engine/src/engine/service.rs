//! Which devices are trusted with work: taken out of service when they fail, tried again, and taken back.

use std::collections::BTreeMap;

use super::Shared;
use super::models::{Job, Returning, Status, Variant};
use super::state::State;
use crate::config::Breaker;
use crate::error::{Error, ErrorCode};
use crate::metrics::BreakerUse;
use crate::scheduler::{NO_DEADLINE, Nanos, nanos};

/// Tries of one device that may be under way without an end, each of them a thread that cannot be ended.
const STUCK_TRIES: u32 = 4;

/// Whether a device is trusted with work.
#[derive(Debug, Default)]
pub(super) struct Service {
    failures: u32,
    /// How often it was taken out of service.
    opened: u64,
    /// Set while the device is out of service.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    reason: String,
    pause: std::time::Duration,
    retry_at: Nanos,
    /// Since when it is being tried.
    trying: Option<Nanos>,
    /// Tries that took too long and may never end.
    stuck: u32,
}

impl Open {
    /// Lets the device rest for longer before it is tried again.
    fn rest(&mut self, breaker: Breaker, now: Nanos) {
        self.trying = None;
        self.pause = (self.pause * 2).min(breaker.longest_pause);
        self.retry_at = now.saturating_add(nanos(self.pause));
    }
}

/// What failed in an inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// What was asked for: no device could do it.
    Request,
    /// The device's compiler, for the shapes of this request.
    Compiler,
    /// The device itself, unless the error says otherwise.
    Device,
}

/// A failure with what is needed to judge it.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) part: Part,
}

impl Failed {
    pub(super) fn request(error: Error) -> Self {
        Self { error, part: Part::Request }
    }

    pub(super) fn compiler(error: Error) -> Self {
        Self { error, part: Part::Compiler }
    }

    pub(super) fn device(error: Error) -> Self {
        Self { error, part: Part::Device }
    }
}

/// An error's message with the telling part of what it came from.
pub(super) fn reason_of(error: &Error) -> String {
    let cause = error.cause().unwrap_or_default().lines().map(str::trim);
    let telling: Vec<_> = cause.filter(|line| !line.starts_with("Exception from")).collect();
    if telling.is_empty() {
        return error.message().to_owned();
    }
    format!("{} ({})", error.message(), telling.join(" "))
}

/// Whether the device is gone, and all that was compiled for it with it.
fn is_loss(error: &Error) -> bool {
    matches!(error.code(), ErrorCode::DeviceLost | ErrorCode::DeviceUnavailable)
}

/// How the devices stood at one moment. A device that is back a moment later was passed over all the same, and for the
/// reason of then.
pub(super) struct Standing {
    /// Those that work, in order of preference; all when none does, since trying costs nothing then.
    pub(super) usable: Vec<usize>,
    /// Those that are out of service, with the reason.
    pub(super) out: Vec<(usize, String)>,
}

impl Shared {
    pub(super) fn is_in_service(&self, device: usize) -> bool {
        self.devices[device].service.lock().open.is_none()
    }

    /// How the devices stand now.
    pub(super) fn standing(&self) -> Standing {
        let mut standing = Standing { usable: Vec::new(), out: Vec::new() };
        for device in 0..self.devices.len() {
            match self.why_out_of_service(device) {
                None => standing.usable.push(device),
                Some(reason) => standing.out.push((device, reason)),
            }
        }
        if standing.usable.is_empty() {
            standing.usable = (0..self.devices.len()).collect();
        }
        standing
    }

    /// Why a device is out of service, if it is.
    pub(super) fn why_out_of_service(&self, device: usize) -> Option<String> {
        self.devices[device].service.lock().open.as_ref().map(|open| open.reason.clone())
    }

    /// How the breaker of each device stands.
    pub(super) fn breakers(&self) -> BTreeMap<String, BreakerUse> {
        let breakers = self.devices.iter().map(|device| {
            let service = device.service.lock();
            let state = match &service.open {
                None => "closed",
                Some(Open { trying: Some(_), .. }) => "half-open",
                Some(_) => "open",
            };
            let reason = service.open.as_ref().map(|open| open.reason.clone());
            let (failures, opened) = (service.failures, service.opened);
            (device.name.to_string(), BreakerUse { state, failures, opened, reason })
        });
        breakers.collect()
    }

    /// A device has run an inference.
    pub(super) fn succeeded(&self, device: usize) {
        let mut service = self.devices[device].service.lock();
        if service.open.is_none() {
            service.failures = 0;
        }
    }

    /// Counts the failure of an inference against whoever is to blame, and gives whether trying again may help: on the
    /// same device, or on the one that the model is moved to. `generation` is that of the model when it was started:
    /// what failed long ago says nothing of now.
    pub(super) fn judge(
        &self,
        device: usize,
        model: usize,
        generation: u64,
        failed: &Failed,
    ) -> bool {
        let error = &failed.error;
        // A processor has no driver that loses its head: what fails there is the model or the request.
        let unknown = error.code() == ErrorCode::Internal && !self.is_cpu(device);
        let exhausted = error.code() == ErrorCode::ResourceExhausted;
        if failed.part == Part::Request || !(is_loss(error) || unknown || exhausted) {
            return failed.part == Part::Compiler && self.refuse(device, model, generation, error);
        }
        let current = self.state.lock().models.entries[model].generation == generation;
        if current && is_loss(error) {
            self.take_out_of_service(device, &reason_of(error));
        } else if current && failed.part == Part::Compiler {
            return self.refuse(device, model, generation, error);
        } else if current {
            self.count_failure(device, error);
        }
        true
    }

    fn is_cpu(&self, device: usize) -> bool {
        self.devices[device].name.starts_with("CPU")
    }

    fn count_failure(&self, device: usize, error: &Error) {
        let failures = {
            let mut service = self.devices[device].service.lock();
            service.failures += 1;
            service.failures
        };
        if failures >= self.config.breaker.failures {
            self.take_out_of_service(device, &reason_of(error));
        }
    }

    /// Moves a model away from a device that cannot compile a shape of it. Gives whether there is another place.
    fn refuse(&self, device: usize, model: usize, generation: u64, error: &Error) -> bool {
        let mut state = self.state.lock();
        if state.models.entries[model].generation != generation {
            return true;
        }
        let dropped = self.refuse_in(&mut state, device, model, error);
        drop(state);
        dropped.is_some()
    }

    /// Moves a model away from a device, which is asked again only after a while. Gives what must be dropped outside
    /// of the lock; none when there is no other place.
    pub(super) fn refuse_in(
        &self,
        state: &mut State,
        device: usize,
        model: usize,
        error: &Error,
    ) -> Option<Vec<Variant>> {
        let now = self.now();
        let refusals = &mut state.models.entries[model].refusals;
        let is_open = |other| self.is_in_service(other) && refusals.reason(other, now).is_none();
        if !(device + 1..self.devices.len()).any(is_open) {
            return None;
        }
        refusals.add(device, error.clone(), self.config.breaker.pause, now);
        Some(self.reload(state, model))
    }

    /// Whether a model will not be loaded on a device for now.
    pub(super) fn is_kept_from(&self, state: &State, model: usize, device: usize) -> bool {
        let refused = state.models.entries[model].refusals.reason(device, self.now()).is_some();
        self.devices.len() > 1 && (refused || !self.is_in_service(device))
    }

    /// Why a device is not to be asked to compile a model now.
    pub(super) fn refusal(&self, model: usize, device: usize) -> Option<Error> {
        let now = self.now();
        self.state.lock().models.entries[model].refusals.reason(device, now).cloned()
    }

    /// Remembers that a device could not compile a model, or that it is gone.
    pub(super) fn note_refusal(&self, model: usize, device: usize, error: &Error) {
        if self.devices.len() == 1 {
            return;
        }
        if is_loss(error) {
            return self.take_out_of_service(device, &reason_of(error));
        }
        if error.code() == ErrorCode::ResourceExhausted {
            self.count_failure(device, error);
        }
        self.refuse_for_now(model, device, error);
    }

    /// Has a device asked again only after a while whether it takes a model.
    pub(super) fn refuse_for_now(&self, model: usize, device: usize, error: &Error) {
        let now = self.now();
        let mut state = self.state.lock();
        let refusals = &mut state.models.entries[model].refusals;
        refusals.add(device, error.clone(), self.config.breaker.pause, now);
        self.timer_wake.notify_one();
    }

    /// Takes a device out of service and lets the others take over its models. The only one stays, for failing is
    /// better than having nothing to try; its models are compiled anew.
    pub(super) fn take_out_of_service(&self, device: usize, reason: &str) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        self.open(device, reason);
        let mut dropped = Vec::new();
        for model in 0..state.models.entries.len() {
            let instance = state.models.entries[model].instance();
            if instance.is_some_and(|instance| instance.device == device) {
                dropped.extend(self.reload(&mut state, model));
            }
        }
        self.timer_wake.notify_one();
        drop(state);
        drop(dropped);
    }

    fn open(&self, device: usize, reason: &str) {
        let mut service = self.devices[device].service.lock();
        service.failures = 0;
        if service.open.is_some() || self.devices.len() == 1 {
            return;
        }
        let pause = self.config.breaker.pause;
        service.opened += 1;
        service.open = Some(Open {
            reason: reason.to_owned(),
            pause,
            retry_at: self.now().saturating_add(nanos(pause)),
            trying: None,
            stuck: 0,
        });
        tracing::warn!(device = &*self.devices[device].name, reason, "device out of service");
    }

    /// Loads a model in service anew, wherever that is possible now. Gives what must be dropped outside of the lock.
    fn reload(&self, state: &mut State, model: usize) -> Vec<Variant> {
        let Status::Ready(instance) = &state.models.entries[model].status else {
            return Vec::new();
        };
        let load = instance.recipe.load.clone();
        let dropped = state.models.take_out(model);
        state.models.begin_loading(model, load);
        self.background_wake.notify_one();
        dropped
    }

    /// Has devices tried whose pause is over, and models brought back whose devices are to be asked again; gives when
    /// there is something of this kind to do next.
    pub(super) fn retry(&self, state: &mut State, now: Nanos) -> Nanos {
        let devices = (0..self.devices.len()).map(|device| self.retry_device(state, device, now));
        let devices = devices.min().unwrap_or(NO_DEADLINE);
        let models =
            (0..state.models.entries.len()).map(|model| self.retry_model(state, model, now));
        devices.min(models.min().unwrap_or(NO_DEADLINE))
    }

    fn retry_device(&self, state: &mut State, device: usize, now: Nanos) -> Nanos {
        let mut service = self.devices[device].service.lock();
        let Some(open) = &mut service.open else {
            return NO_DEADLINE;
        };
        if let Some(since) = open.trying {
            let limit = since.saturating_add(nanos(self.config.hang_after));
            if now < limit || open.stuck >= STUCK_TRIES {
                return if open.stuck < STUCK_TRIES { limit } else { NO_DEADLINE };
            }
            open.stuck += 1;
            open.rest(self.config.breaker, now);
        }
        if now < open.retry_at {
            return open.retry_at;
        }
        open.trying = Some(now);
        state.models.jobs.push_back(Job::Probe(device));
        self.background_wake.notify_one();
        now.saturating_add(nanos(self.config.hang_after))
    }

    fn retry_model(&self, state: &mut State, model: usize, now: Nanos) -> Nanos {
        let entry = &state.models.entries[model];
        let Some(instance) = entry.instance().filter(|_| entry.returning == Returning::No) else {
            return NO_DEADLINE;
        };
        let in_service = |device| self.is_in_service(device);
        let due = entry.refusals.ask_again(instance.device, in_service);
        if due > now {
            return due;
        }
        state.models.begin_return(model);
        self.background_wake.notify_one();
        NO_DEADLINE
    }

    /// Tries a device on a thread of its own, since it may not come back.
    pub(super) fn spawn_probe(&self, device: usize) {
        let Some(shared) = self.myself.upgrade() else {
            return;
        };
        let name = "npubridge-probe".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            shared.probe(device);
        });
        match thread {
            Ok(thread) => self.state.lock().add_thread(thread),
            Err(error) => tracing::error!(%error, "no thread to try a device on"),
        }
    }

    /// Tries a device with a tiny inference; brings its models back when it works.
    fn probe(&self, device: usize) {
        let works = self
            .core()
            .and_then(|core| crate::runtime::try_device(&core, &self.devices[device].name));
        let mut state = self.state.lock();
        let mut service = self.devices[device].service.lock();
        if let Err(error) = works {
            if let Some(open) = &mut service.open {
                open.rest(self.config.breaker, self.now());
                open.reason = reason_of(&error);
            }
            self.timer_wake.notify_one();
            return;
        }
        *service = Service { opened: service.opened, ..Service::default() };
        drop(service);
        tracing::info!(device = &*self.devices[device].name, "device back in service");
        for model in 0..state.models.entries.len() {
            let entry = &mut state.models.entries[model];
            entry.refusals.clear(device);
            if entry.instance().is_some_and(|instance| instance.device > device) {
                state.models.begin_return(model);
            }
        }
        self.background_wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_leaves_out_where_in_openvino_it_happened() {
        let error = Error::new(ErrorCode::Internal, "it failed").caused_by(
            "Exception from src/a.cpp:12:\nException from b.cpp\nL0 x: LOST\n  for ever",
        );
        assert_eq!(reason_of(&error), "it failed (L0 x: LOST for ever)");
        assert_eq!(reason_of(&Error::new(ErrorCode::Internal, "it failed")), "it failed");
    }
}
