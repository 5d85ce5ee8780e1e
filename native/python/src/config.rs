//! The engine's configuration from the dict that `npubridge.Bridge` makes. Names are those of the configuration schema.

use std::path::PathBuf;
use std::time::Duration;

use npubridge_engine::config::{Config, Profile, Rejected};
use npubridge_engine::{Error, ErrorCode, Result};
use pyo3::prelude::*;

/// What `Bridge` says; what is absent keeps its default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    #[pyo3(default)]
    runtime: Option<PathBuf>,
    devices: Vec<String>,
    #[pyo3(default)]
    rejected: Vec<(String, String)>,
    models: PathBuf,
    #[pyo3(default)]
    cache: Option<PathBuf>,
    #[pyo3(default)]
    profile: Option<String>,
    #[pyo3(default)]
    worker_threads: Option<usize>,
    #[pyo3(default)]
    queue_capacity: Option<usize>,
    #[pyo3(default)]
    batch_max: Option<usize>,
    #[pyo3(default)]
    batch_delay_us: Option<u64>,
    #[pyo3(default)]
    resources: Option<GivenResources>,
    #[pyo3(default)]
    metrics: Option<bool>,
    #[pyo3(default)]
    agents: Option<PathBuf>,
}

/// Limits, in bytes where `Bridge` takes MB.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct GivenResources {
    #[pyo3(default)]
    memory_bytes: Option<u64>,
    #[pyo3(default)]
    npu_memory_bytes: Option<u64>,
    #[pyo3(default)]
    npu_slots: Option<usize>,
    #[pyo3(default)]
    cpu_cores: Option<usize>,
    evict_idle: bool,
}

impl Settings {
    /// The configuration of an engine.
    pub(crate) fn into_config(self) -> Result<Config> {
        let mut config = Config {
            runtime: self.runtime,
            devices: self.devices.into_iter().map(Into::into).collect(),
            rejected: self
                .rejected
                .into_iter()
                .map(|(candidate, reason)| Rejected { candidate: candidate.into(), reason })
                .collect(),
            models: self.models,
            cache: self.cache,
            profile: profile(self.profile.as_deref())?,
            agents: self.agents,
            ..Config::default()
        };
        if let Some(given) = self.resources {
            if let Some(cores) = given.cpu_cores {
                config.keep_to_cores(cores);
            }
            set(&mut config.resources.memory, given.memory_bytes);
            config.resources.npu_memory = given.npu_memory_bytes;
            config.resources.npu_slots = given.npu_slots;
            config.resources.evict_idle = given.evict_idle;
        }
        set(&mut config.worker_threads, self.worker_threads);
        set(&mut config.metrics, self.metrics);
        set(&mut config.capacity.total, self.queue_capacity);
        set(&mut config.batching.max, self.batch_max.map(|max| max.max(1)));
        set(&mut config.batching.delay, self.batch_delay_us.map(Duration::from_micros));
        Ok(config)
    }
}

fn set<T>(target: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *target = given;
    }
}

fn profile(name: Option<&str>) -> Result<Profile> {
    match name {
        None | Some("latency") => Ok(Profile::Latency),
        Some("throughput") => Ok(Profile::Throughput),
        Some("efficiency") => Ok(Profile::Efficiency),
        Some(other) => Err(Error::new(ErrorCode::ConfigInvalid, format!("profile is \"{other}\""))
            .suggest("latency, throughput or efficiency")),
    }
}
