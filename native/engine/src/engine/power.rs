//! Admission that follows the telemetry of an NPU: a thread reads it and moves the limits that workers keep to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::sync::{Mutex, MutexGuard};

use super::Shared;
use super::state::State;
use crate::metrics::PowerUse;
use crate::power::sysfs::Telemetry;
use crate::power::{Condition, Control, PERIOD, Pace, Step};

/// Steps that are remembered.
const STEPS_KEPT: usize = 64;
/// How soon it is seen that somebody wants a reading.
const STEPPED: Duration = Duration::from_millis(1);

/// What a device may be given at the moment.
#[derive(Debug)]
pub(super) struct Admission {
    /// Inferences at once; [`usize::MAX`] while nothing limits them but the number of workers.
    limit: AtomicUsize,
    delay_nanos: AtomicU64,
    /// Whether an inference was started since this was last asked.
    worked: AtomicBool,
    record: Mutex<Record>,
}

/// What is told of it.
#[derive(Debug, Default)]
struct Record {
    control: Option<Control>,
    /// Why there is no telemetry.
    without: Option<String>,
    steps: VecDeque<Step>,
    steps_total: u64,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            limit: AtomicUsize::new(usize::MAX),
            delay_nanos: AtomicU64::new(0),
            worked: AtomicBool::new(false),
            record: Mutex::default(),
        }
    }
}

impl Admission {
    /// How long operations wait for others to join them, at least.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_nanos(self.delay_nanos.load(Ordering::Relaxed))
    }

    /// An inference starts.
    pub(super) fn note_work(&self) {
        if !self.worked.load(Ordering::Relaxed) {
            self.worked.store(true, Ordering::Relaxed);
        }
    }

    fn without(&self, reason: &str) {
        self.record.lock().without = Some(reason.to_owned());
    }

    fn apply(&self, step: Step, is_full: bool) {
        self.limit.store(if is_full { usize::MAX } else { step.limit }, Ordering::Relaxed);
        self.delay_nanos.store(step.batch_delay_us * 1000, Ordering::Relaxed);
        let mut record = self.record.lock();
        record.steps_total += 1;
        if record.steps.len() == STEPS_KEPT {
            record.steps.pop_front();
        }
        record.steps.push_back(step);
    }
}

/// Reads the telemetry and follows it until the engine closes.
pub(super) fn work(shared: &Shared) {
    let Some(device) = shared.npus().next() else {
        return;
    };
    let telemetry = match Telemetry::find(&shared.config.power.sysfs_root) {
        Ok(telemetry) => telemetry,
        Err(reason) => return shared.devices[device].admission.without(&reason),
    };
    let admission = &shared.devices[device].admission;
    admission.record.lock().control =
        Some(Control::new(shared.devices[device].workers(), shared.config.power.budget_watts));
    let mut state = shared.state.lock();
    while !state.closed {
        let pause = if matches!(shared.config.power.pace, Pace::Clock) { PERIOD } else { STEPPED };
        shared.power_wake.wait_for(&mut state, pause);
        if state.closed {
            return;
        }
        MutexGuard::unlocked(&mut state, || match &shared.config.power.pace {
            Pace::Clock => follow(shared, device, &telemetry, shared.started.elapsed()),
            Pace::Steps(steps) => {
                if let Some(at) = steps.wanted() {
                    follow(shared, device, &telemetry, at);
                    steps.taken();
                }
            }
        });
    }
}

fn follow(shared: &Shared, device: usize, telemetry: &Telemetry, at: Duration) {
    let device = &shared.devices[device];
    let admission = &device.admission;
    let busy = admission.worked.swap(false, Ordering::Relaxed) || device.busy() > 0;
    let reading = telemetry.read(at, busy);
    let step = {
        let mut record = admission.record.lock();
        let Some(control) = &mut record.control else {
            return;
        };
        control.set_base(device.workers());
        control.take(&reading).map(|step| (step, control.is_full()))
    };
    if let Some((step, is_full)) = step {
        tracing::info!(device = %device.name, limit = step.limit, reason = %step.reason, "admission changed");
        admission.apply(step, is_full);
        device.wake.notify_all();
    }
}

impl Shared {
    fn npus(&self) -> impl Iterator<Item = usize> {
        (0..self.devices.len()).filter(|device| self.devices[*device].name.starts_with("NPU"))
    }

    /// Whether telemetry is to be followed.
    pub(super) fn follows_power(&self) -> bool {
        if self.config.power.adapt {
            return self.npus().next().is_some();
        }
        self.npus().for_each(|npu| self.devices[npu].admission.without("power.adapt is false"));
        false
    }

    /// Whether as many inferences are on a device as it may be given now.
    pub(super) fn is_full(&self, state: &State, device: usize) -> bool {
        let limit = self.devices[device].admission.limit.load(Ordering::Relaxed);
        if limit == usize::MAX {
            return false;
        }
        let entries = state.models.entries.iter();
        let here = entries
            .filter(|entry| entry.instance().is_some_and(|instance| instance.device == device));
        here.map(|entry| entry.running).sum::<usize>() >= limit
    }

    /// How admission stands on each NPU.
    pub(super) fn power_use(&self) -> BTreeMap<String, PowerUse> {
        let npus = self.npus().map(|npu| {
            let device = &self.devices[npu];
            let record = device.admission.record.lock();
            let control = record.control.as_ref();
            let told = PowerUse {
                condition: control.map_or(Condition::Unknown, Control::condition),
                reason: record.without.clone(),
                figures: control.map(Control::figures).unwrap_or_default(),
                places: device.workers(),
                limit: control.map_or(device.workers(), Control::limit).min(device.workers()),
                batch_delay_us: control.map_or(0, |control| {
                    u64::try_from(control.batch_delay().as_micros()).unwrap_or(u64::MAX)
                }),
                steps_total: record.steps_total,
                steps: record.steps.iter().cloned().collect(),
            };
            (device.name.to_string(), told)
        });
        npus.collect()
    }
}
