//! The engine's configuration from the JSON that `native.ts` writes. Names are those of the configuration schema.

use std::path::PathBuf;
use std::time::Duration;

use npubridge_engine::config::{Batching, Config, Profile, Rejected};
use npubridge_engine::{Error, ErrorCode, Result};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    runtime_folder: Option<PathBuf>,
    devices: Vec<String>,
    #[serde(default)]
    rejected: Vec<GivenRejected>,
    models_folder: PathBuf,
    cache_folder: Option<PathBuf>,
    profile: Option<String>,
    worker_threads: Option<usize>,
    queue: Option<GivenQueue>,
    aging_ms: Option<f64>,
    aging_every: Option<u32>,
    batching: Option<GivenBatching>,
    retries: Option<u32>,
    hang_after_ms: Option<f64>,
    stream_idle_ms: Option<f64>,
    breaker: Option<GivenBreaker>,
    resources: Option<GivenResources>,
    agents: Option<PathBuf>,
    metrics: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct GivenRejected {
    candidate: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GivenQueue {
    capacity: Option<usize>,
    /// From low to realtime.
    per_priority: Option<Vec<Option<usize>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GivenBatching {
    max: Option<usize>,
    delay_us: Option<u64>,
    adaptive: Option<bool>,
    preferred: Option<Vec<usize>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GivenResources {
    memory_mb: Option<f64>,
    npu_memory_mb: Option<f64>,
    npu_slots: Option<usize>,
    cpu_cores: Option<usize>,
    evict_idle: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GivenBreaker {
    failures: Option<u32>,
    pause_ms: Option<f64>,
    longest_pause_ms: Option<f64>,
}

/// The configuration written in `json`; what is absent keeps its default.
pub(crate) fn parse(json: &str) -> Result<Config> {
    let given: Given = serde_json::from_str(json).map_err(|error| {
        Error::new(
            ErrorCode::ConfigInvalid,
            format!("the engine's configuration is wrong: {error}"),
        )
    })?;
    let mut config = Config {
        runtime: given.runtime_folder,
        devices: given.devices.into_iter().map(Into::into).collect(),
        rejected: given
            .rejected
            .into_iter()
            .map(|rejected| Rejected {
                candidate: rejected.candidate.into(),
                reason: rejected.reason,
            })
            .collect(),
        models: given.models_folder,
        cache: given.cache_folder,
        profile: profile(given.profile.as_deref())?,
        agents: given.agents,
        ..Config::default()
    };
    if let Some(resources) = given.resources {
        set_resources(&mut config, &resources)?;
    }
    set(&mut config.worker_threads, given.worker_threads);
    set(&mut config.retries, given.retries);
    set(&mut config.aging.after, given.aging_ms.map(millis));
    set(&mut config.aging.every, given.aging_every);
    set(&mut config.hang_after, given.hang_after_ms.map(millis));
    set(&mut config.stream_idle, given.stream_idle_ms.map(millis));
    set(&mut config.metrics, given.metrics);
    if let Some(GivenBatching { max, delay_us, adaptive, preferred }) = given.batching {
        let sizes = Batching {
            max: max.unwrap_or(config.batching.max).max(1),
            delay: delay_us.map_or(config.batching.delay, Duration::from_micros),
            adaptive: adaptive.unwrap_or(config.batching.adaptive),
            ..Batching::default()
        };
        config.batching = sizes.preferring(&preferred.unwrap_or_default());
    }
    if let Some(breaker) = given.breaker {
        set(&mut config.breaker.failures, breaker.failures);
        set(&mut config.breaker.pause, breaker.pause_ms.map(millis));
        set(&mut config.breaker.longest_pause, breaker.longest_pause_ms.map(millis));
    }
    if let Some(queue) = given.queue {
        set(&mut config.capacity.total, queue.capacity);
        for (index, limit) in queue.per_priority.unwrap_or_default().into_iter().enumerate().take(5)
        {
            set(&mut config.capacity.per_priority[index], limit);
        }
    }
    Ok(config)
}

fn set_resources(config: &mut Config, given: &GivenResources) -> Result<()> {
    if let Some(cores) = at_least_one("cpuCores", given.cpu_cores)? {
        config.keep_to_cores(cores);
    }
    let limits = &mut config.resources;
    set(&mut limits.memory, megabytes("memoryMb", given.memory_mb)?);
    limits.npu_memory = megabytes("npuMemoryMb", given.npu_memory_mb)?;
    limits.npu_slots = at_least_one("npuSlots", given.npu_slots)?;
    set(&mut limits.evict_idle, given.evict_idle);
    Ok(())
}

fn at_least_one(name: &str, given: Option<usize>) -> Result<Option<usize>> {
    if given == Some(0) {
        let message = format!("resources.{name} is 0, it must be at least 1");
        return Err(Error::new(ErrorCode::ConfigInvalid, message));
    }
    Ok(given)
}

/// Bytes of so many MB, which are 2^20 bytes each.
fn megabytes(name: &str, given: Option<f64>) -> Result<Option<u64>> {
    match given {
        Some(amount) if !(amount.is_finite() && amount >= 0.0) => {
            let message = format!("resources.{name} is {amount}, it must not be negative");
            Err(Error::new(ErrorCode::ConfigInvalid, message))
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        given => Ok(given.map(|amount| (amount * f64::from(1 << 20)).round() as u64)),
    }
}

fn set<T>(target: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *target = given;
    }
}

fn millis(value: f64) -> Duration {
    Duration::try_from_secs_f64(value / 1e3).unwrap_or(Duration::MAX)
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
