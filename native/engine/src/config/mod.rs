//! What an engine is started with. Every value has a default that fits the machine it runs on.

mod settings;
mod tuning;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

pub use tuning::{Hint, Precision, Tuning, Workload};

use crate::error::Result;
use crate::machine;
use crate::operation::Name;
use crate::power::Pace;
pub use crate::scheduler::{Aging, Capacity};

/// What an engine is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder or library of OpenVINO; found as [`crate::runtime`] says when absent.
    pub runtime: Option<PathBuf>,
    /// OpenVINO devices in order of preference. Empty: all that the runtime lists, NPU before GPU before CPU.
    pub devices: Vec<Name>,
    /// Devices that would have been preferred, each with the reason why it cannot be used.
    pub rejected: Vec<Rejected>,
    /// Where models of the catalogue are, one folder each.
    pub models: PathBuf,
    /// Where compiled models are kept between runs; nowhere when absent.
    pub cache: Option<PathBuf>,
    /// What devices are tuned for.
    pub profile: Profile,
    /// What overrules the profile.
    pub tuning: Tuning,
    /// What holds for NPUs only.
    pub npu: Npu,
    /// What happens when an NPU gets hot or takes too much power.
    pub power: Power,
    /// Where MATLAB is, for signals that ask for it.
    pub matlab: Matlab,
    /// Settings of single models, by the name that operations use.
    pub model_settings: HashMap<Name, ModelSettings>,
    /// Threads for operations that need no device.
    pub worker_threads: usize,
    /// How many operations may wait.
    pub capacity: Capacity,
    /// How waiting operations age.
    pub aging: Aging,
    /// How requests of one model are run together.
    pub batching: Batching,
    /// How often an operation is tried again after a transient failure of its device, before it is tried on another one.
    pub retries: u32,
    /// After how long a running inference counts as hung and is abandoned.
    pub hang_after: Duration,
    /// After how long an idle stream is forgotten.
    pub stream_idle: Duration,
    /// How a failing device is taken out of service and brought back.
    pub breaker: Breaker,
    /// Limits of what models and operations may use.
    pub resources: Resources,
    /// The folder of the agents' files, for operations that name none.
    pub agents: Option<PathBuf>,
    /// Whether histograms are kept.
    pub metrics: bool,
}

/// A device that would have been preferred, and why it is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The device's name.
    pub candidate: Name,
    /// Why not.
    pub reason: String,
}

/// What holds for NPUs only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Npu {
    /// The most operations in one inference; as on other devices when absent.
    pub max_batch: Option<usize>,
    /// The precision of models whose tuning names none.
    pub precision: Option<Precision>,
    /// Whether compiled models are kept between runs.
    pub caching: bool,
}

impl Default for Npu {
    fn default() -> Self {
        Self { max_batch: None, precision: None, caching: true }
    }
}

/// What happens when an NPU gets hot or takes too much power.
#[derive(Debug, Clone, PartialEq)]
pub struct Power {
    /// Whether admission follows the telemetry.
    pub adapt: bool,
    /// Power that an NPU may take, in watts.
    pub budget_watts: Option<f64>,
    /// Where `/sys` is found.
    pub sysfs_root: PathBuf,
    /// When it is read.
    pub pace: Pace,
}

impl Default for Power {
    fn default() -> Self {
        Self {
            adapt: true,
            budget_watts: None,
            sysfs_root: PathBuf::from("/"),
            pace: Pace::default(),
        }
    }
}

/// Where MATLAB is, for signals that ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matlab {
    /// The folder that it is installed in, what its own command `matlabroot` tells; looked for when absent.
    pub root: Option<PathBuf>,
    /// Whether signals may be worked out by it.
    pub enabled: bool,
    /// Threads that it computes with; as many as it chooses when absent.
    pub max_workers: Option<usize>,
}

impl Default for Matlab {
    fn default() -> Self {
        Self { root: None, enabled: true, max_workers: None }
    }
}

/// Settings of one model; what is absent is that of all models.
#[derive(Debug, Clone, Default)]
pub struct ModelSettings {
    /// What it is tuned for.
    pub profile: Option<Profile>,
    /// What overrules the profile.
    pub tuning: Option<Tuning>,
    /// How its requests are run together.
    pub batching: Option<Batching>,
    /// Input shapes to fix before compiling, by input name.
    pub shapes: Vec<(Name, Vec<usize>)>,
}

/// What devices are tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The shortest time for one request.
    #[default]
    Latency,
    /// The most requests in a second.
    Throughput,
    /// The least power, where the device can be told.
    Efficiency,
}

/// How requests of one model are run together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batching {
    /// The most requests in one inference; 1 turns batching off.
    pub max: usize,
    /// How long the first request may wait for others. Zero batches only what waits anyway.
    pub delay: Duration,
    /// Whether fewer than `max` are run together when that proves faster; otherwise as many as wait are.
    pub adaptive: bool,
    /// Sizes to run, ascending, up to `max`; any when empty. The largest that enough requests wait for runs at once; fewer
    /// than the smallest wait for the delay and are then run as they are. Devices of fixed shapes get a compiled form of
    /// each. Sizes that are given are not adapted.
    pub preferred: Arc<[usize]>,
}

impl Default for Batching {
    fn default() -> Self {
        Self { max: 32, delay: Duration::ZERO, adaptive: true, preferred: Arc::default() }
    }
}

impl Batching {
    /// With these preferred sizes, in any order; those that `max` does not allow are left out.
    #[must_use]
    pub fn preferring(self, sizes: &[usize]) -> Self {
        let mut sizes: Vec<_> =
            sizes.iter().copied().filter(|size| (1..=self.max).contains(size)).collect();
        sizes.sort_unstable();
        sizes.dedup();
        Self { preferred: sizes.into(), ..self }
    }

    /// The largest preferred size that `rows` fill.
    pub(crate) fn filled_by(&self, rows: usize) -> Option<usize> {
        self.preferred.iter().rev().copied().find(|size| *size <= rows)
    }

    /// The number of rows that a compiled form for `rows` has: the next preferred size, else the next power of two. Few
    /// forms to compile, and at most half of the rows unused.
    pub(crate) fn rung(&self, rows: usize) -> usize {
        let preferred = self.preferred.iter().copied().find(|size| *size >= rows);
        let power = rows.next_power_of_two();
        preferred.map_or(power, |size| size.min(power))
    }
}

/// How a failing device is taken out of service and brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Consecutive failures that open it. A lost device opens it at once.
    pub failures: u32,
    /// How long it stays open before the device is tried again; doubles with each vain try.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 3, pause: Duration::from_secs(1), longest_pause: Duration::from_secs(60) }
    }
}

/// Limits of what models and operations may use. The defaults are those of this machine, or of the control group that
/// this process is in; what a device has is asked from the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Memory that models may take, in bytes; half of the machine's by default.
    pub memory: u64,
    /// Memory that models on an NPU may take, in bytes; what the device tells when absent. It is part of `memory`, since
    /// NPUs have none of their own.
    pub npu_memory: Option<u64>,
    /// Inferences that may be on an NPU at once; as many as the device wants when absent.
    pub npu_slots: Option<usize>,
    /// Cores that inferences on the CPU may keep busy.
    pub cpu_cores: usize,
    /// Whether idle models are unloaded, least recently used first, to make room for others.
    pub evict_idle: bool,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            memory: machine::memory().map_or(u64::MAX, |bytes| bytes / 2),
            npu_memory: None,
            npu_slots: None,
            cpu_cores: machine::cores(),
            evict_idle: true,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            runtime: None,
            devices: Vec::new(),
            rejected: Vec::new(),
            models: PathBuf::from("models"),
            cache: None,
            profile: Profile::default(),
            tuning: Tuning::default(),
            npu: Npu::default(),
            power: Power::default(),
            matlab: Matlab::default(),
            model_settings: HashMap::new(),
            worker_threads: host_workers(machine::cores()),
            capacity: Capacity::default(),
            aging: Aging::default(),
            batching: Batching::default(),
            retries: 3,
            hang_after: Duration::from_secs(30),
            stream_idle: Duration::from_secs(300),
            breaker: Breaker::default(),
            resources: Resources::default(),
            agents: None,
            metrics: true,
        }
    }
}

impl Config {
    /// The configuration written in `json`, in the names of the configuration schema; what is absent keeps its default.
    ///
    /// # Errors
    /// `CONFIG_INVALID` for unknown names and wrong values.
    pub fn from_json(json: &str) -> Result<Self> {
        settings::parse(json)
    }

    /// Keeps to this many cores: inferences on the CPU, and threads for operations that need no device.
    pub fn keep_to_cores(&mut self, cores: usize) {
        self.resources.cpu_cores = cores;
        self.worker_threads = host_workers(cores);
    }
}

/// One core stays with the thread that submits and takes the answers: on two cores, a second worker costs a quarter of
/// the throughput of operations that are awaited one by one (`bench:engine`).
fn host_workers(cores: usize) -> usize {
    cores.saturating_sub(1).clamp(1, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferred_sizes_are_put_in_order_and_kept_to_the_maximum() {
        let batching = Batching::default().preferring(&[8, 0, 4, 64, 8]);
        assert_eq!(*batching.preferred, [4, 8]);
        assert_eq!(
            [3, 4, 7, 8, 100].map(|rows| batching.filled_by(rows)),
            [None, Some(4), Some(4), Some(8), Some(8)]
        );
        assert_eq!(Batching::default().filled_by(100), None);
    }

    #[test]
    fn the_ladder_has_the_preferred_sizes_and_powers_of_two() {
        let rungs = |batching: &Batching| [0, 1, 3, 5, 6, 7, 9].map(|rows| batching.rung(rows));
        assert_eq!(rungs(&Batching::default()), [1, 1, 4, 8, 8, 8, 16]);
        assert_eq!(rungs(&Batching::default().preferring(&[6, 12])), [1, 1, 4, 6, 6, 8, 12]);
    }

    #[test]
    fn keeping_to_cores_limits_threads_and_inferences() {
        let mut config = Config::default();
        config.keep_to_cores(1);
        assert_eq!((config.worker_threads, config.resources.cpu_cores), (1, 1));
        config.keep_to_cores(64);
        assert_eq!((config.worker_threads, config.resources.cpu_cores), (4, 64));
    }
}
