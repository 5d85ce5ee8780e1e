//! The emulated hardware: one inference at a time, and all that can go wrong with it.

use crate::failure::{self, Failure};
use crate::faults::{Faults, take};
use crate::properties::Values;
use crate::request::{Job, Outcome};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, LazyLock, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The one device of the process.
pub(crate) static DEVICE: LazyLock<Device> = LazyLock::new(Device::from_environment);

pub(crate) struct Device {
    state: Mutex<State>,
    control: Option<PathBuf>,
}

#[derive(Default)]
struct State {
    faults: Faults,
    /// Inferences that ran since the faults were set.
    done: u64,
    /// When the device was lost, while it is.
    lost_since: Option<Instant>,
    /// Raised each time the device is lost: what was compiled before is dead for ever.
    epoch: u64,
    hanging: Vec<Job>,
    engine: Weak<Engine>,
    control_seen: Option<(SystemTime, u64)>,
    counts: Counts,
    /// Properties set on the device.
    values: Values,
}

/// What happened since the library was loaded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) compiles: u64,
    pub(crate) inferences: u64,
    pub(crate) failed_inferences: u64,
    pub(crate) hung_inferences: u64,
    pub(crate) lost: u64,
}

/// The threads of the device. They end when nothing compiled for it is left.
pub(crate) struct Engine {
    jobs: Sender<Job>,
    finished: Sender<(Job, Outcome)>,
}

/// What is to become of an inference.
enum Verdict {
    Run(Duration),
    Fail(Failure),
    Hang,
}

impl Device {
    fn from_environment() -> Self {
        let faults = std::env::var("NPUBRIDGE_FAULTS").unwrap_or_default();
        let control = std::env::var_os("NPUBRIDGE_FAULTS_FILE").map(PathBuf::from);
        let device = Self { state: Mutex::default(), control };
        if let Err(problem) = device.set_faults(&faults) {
            complain("NPUBRIDGE_FAULTS", &problem);
        }
        device
    }

    /// Replaces the faults; nothing changes if the text is not understood.
    pub(crate) fn set_faults(&self, text: &str) -> Result<(), String> {
        let faults = Faults::parse(text)?;
        let (hanging, engine) = {
            let mut state = self.state.lock();
            state.faults = faults;
            state.done = 0;
            state.lost_since = None;
            (std::mem::take(&mut state.hanging), state.engine.upgrade())
        };
        if let Some(engine) = engine {
            for job in hanging {
                let lost = failure::device_lost("zeFenceHostSynchronize");
                let _ = engine.finished.send((job, Err(lost)));
            }
        }
        Ok(())
    }

    /// Reads the control file if it changed, and lets a lost device come back when its time has come.
    pub(crate) fn refresh(&self) {
        if let Some(path) = &self.control {
            let now = std::fs::metadata(path)
                .ok()
                .and_then(|found| Some((found.modified().ok()?, found.len())));
            let changed = {
                let mut state = self.state.lock();
                let changed = state.control_seen != now;
                state.control_seen = now;
                changed
            };
            if changed {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                if let Err(problem) = self.set_faults(&text) {
                    complain(&path.display().to_string(), &problem);
                }
            }
        }
        let mut state = self.state.lock();
        let is_back = match (state.lost_since, state.faults.back_after) {
            (Some(since), Some(after)) => since.elapsed() >= after,
            _ => false,
        };
        if is_back {
            state.lost_since = None;
        }
    }

    /// Whether the device is to be listed; does not come back if listing is to crash.
    pub(crate) fn enumerate(&self) -> bool {
        self.refresh();
        let state = self.state.lock();
        if state.faults.crash_at_enumeration {
            crash();
        }
        !state.faults.absent && state.lost_since.is_none()
    }

    /// Whether the device can be asked for anything.
    pub(crate) fn present(&self) -> Result<(), Failure> {
        self.refresh();
        let state = self.state.lock();
        if state.faults.absent || state.lost_since.is_some() {
            Err(failure::no_device())
        } else {
            Ok(())
        }
    }

    /// Lets a compilation begin; gives the epoch that what is compiled belongs to.
    pub(crate) fn admit_compile(&self) -> Result<u64, Failure> {
        self.refresh();
        let mut state = self.state.lock();
        if state.faults.absent {
            return Err(failure::no_device());
        }
        if state.lost_since.is_some() {
            return Err(failure::device_lost("zeContextCreate"));
        }
        if take(&mut state.faults.compile_failure) {
            return Err(failure::compilation());
        }
        if take(&mut state.faults.oom) {
            return Err(failure::out_of_memory("zeMemAllocHost"));
        }
        state.counts.compiles += 1;
        let (epoch, slow) = (state.epoch, state.faults.slow_compile);
        drop(state);
        thread::sleep(slow);
        Ok(epoch)
    }

    /// Lets a request be made of something compiled in `epoch`.
    pub(crate) fn admit_request(&self, epoch: u64) -> Result<(), Failure> {
        self.refresh();
        let mut state = self.state.lock();
        if state.lost_since.is_some() || state.epoch != epoch {
            return Err(failure::device_lost("zeCommandListCreate"));
        }
        if take(&mut state.faults.oom) {
            return Err(failure::out_of_memory("zeMemAllocHost"));
        }
        Ok(())
    }

    fn judge(&self, epoch: u64) -> Verdict {
        const EXECUTE: &str = "zeCommandQueueExecuteCommandLists";
        self.refresh();
        let mut state = self.state.lock();
        let reached = |limit: Option<u64>, done: u64| limit.is_some_and(|limit| done >= limit);
        if state.lost_since.is_some() || state.epoch != epoch {
            state.counts.failed_inferences += 1;
            return Verdict::Fail(failure::device_lost(EXECUTE));
        }
        if reached(state.faults.hang_after, state.done) {
            state.counts.hung_inferences += 1;
            return Verdict::Hang;
        }
        if reached(state.faults.lost_after, state.done) {
            state.faults.lost_after = None;
            state.lost_since = Some(Instant::now());
            state.epoch += 1;
            state.counts.lost += 1;
            state.counts.failed_inferences += 1;
            return Verdict::Fail(failure::device_lost(EXECUTE));
        }
        if take(&mut state.faults.inference_failure) {
            state.counts.failed_inferences += 1;
            return Verdict::Fail(failure::unknown(EXECUTE));
        }
        state.done += 1;
        state.counts.inferences += 1;
        Verdict::Run(state.faults.slow)
    }

    /// The threads of the device, started if there are none.
    pub(crate) fn engine(&'static self) -> Arc<Engine> {
        let mut state = self.state.lock();
        state.engine.upgrade().unwrap_or_else(|| {
            let engine = Arc::new(self.start());
            state.engine = Arc::downgrade(&engine);
            if self.control.is_some() {
                self.watch(Weak::clone(&state.engine));
            }
            engine
        })
    }

    fn start(&'static self) -> Engine {
        let (jobs, to_run) = mpsc::channel::<Job>();
        let (finished, to_tell) = mpsc::channel::<(Job, Outcome)>();
        let tell = finished.clone();
        spawn("emulated-npu", move || {
            for job in to_run {
                match self.judge(job.epoch()) {
                    Verdict::Hang => self.state.lock().hanging.push(job),
                    Verdict::Fail(failure) => drop(tell.send((job, Err(failure)))),
                    Verdict::Run(slow) => {
                        // A device takes its time before the result is there, not after.
                        if !slow.is_zero() {
                            thread::sleep(slow);
                        }
                        let outcome = job.run();
                        let _ = tell.send((job, outcome));
                    }
                }
            }
        });
        spawn("emulated-npu-cb", move || {
            for (job, outcome) in to_tell {
                job.finish(outcome);
            }
        });
        Engine { jobs, finished }
    }

    /// Looks at the control file from time to time: when everything hangs, no call comes in that would.
    fn watch(&'static self, engine: Weak<Engine>) {
        spawn("emulated-npu-fs", move || {
            while engine.strong_count() > 0 {
                thread::sleep(Duration::from_millis(20));
                self.refresh();
            }
        });
    }

    pub(crate) fn values(&self) -> Values {
        self.state.lock().values.clone()
    }

    pub(crate) fn set_values(&self, values: Values) {
        self.state.lock().values.extend(values);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.lock().counts
    }
}

impl Engine {
    /// Queues an inference.
    pub(crate) fn enqueue(&self, job: Job) {
        // The receiver lives as long as this sender.
        let _ = self.jobs.send(job);
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) {
    let spawned = thread::Builder::new().name(name.into()).spawn(body);
    if let Err(error) = spawned {
        complain("the emulated NPU", &format!("has no thread: {error}"));
    }
}

/// Dies as a driver bug makes a process die.
fn crash() -> ! {
    // SAFETY: raising a signal in one's own process; the default action of SIGSEGV ends it.
    unsafe {
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        libc::raise(libc::SIGSEGV);
    }
    std::process::abort()
}

fn complain(place: &str, problem: &str) {
    eprintln!("npubridge-testing: {place}: {problem}");
}
