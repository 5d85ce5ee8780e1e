//! What an engine is started with. Every value has a default that fits the machine it runs on.

use std::path::PathBuf;
use std::time::Duration;

use crate::operation::Name;
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
    /// Threads for operations that need no device.
    pub worker_threads: usize,
    /// How many operations may wait.
    pub capacity: Capacity,
    /// How waiting operations age.
    pub aging: Aging,
    /// How requests of one model are run together.
    pub batching: Batching,
    /// How often an operation is tried again after a transient failure of its device.
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

/// What devices are tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// The most requests in one inference; 1 turns batching off.
    pub max: usize,
    /// How long the first request may wait for others. Zero batches only what waits anyway.
    pub delay: Duration,
    /// Whether fewer than `max` are run together when that proves faster; otherwise as many as wait are.
    pub adaptive: bool,
}

impl Default for Batching {
    fn default() -> Self {
        Self { max: 32, delay: Duration::ZERO, adaptive: true }
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

/// Limits of what models and operations may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Memory that compiled models may take, in bytes; half of the machine's by default.
    pub memory: u64,
    /// Whether idle models are unloaded, least recently used first, to make room for others.
    pub evict_idle: bool,
}

impl Default for Resources {
    fn default() -> Self {
        Self { memory: machine_memory().map_or(u64::MAX, |bytes| bytes / 2), evict_idle: true }
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
            worker_threads: std::thread::available_parallelism().map_or(1, usize::from).min(4),
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

/// The machine's memory in bytes, or the limit of this process's control group when that is less.
/// Source: `MemTotal` of /proc/meminfo (proc(5)) and memory.max of control groups v2.
fn machine_memory() -> Option<u64> {
    let total = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = total
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .ok()?;
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    Some((kib * 1024).min(limit.unwrap_or(u64::MAX)))
}
