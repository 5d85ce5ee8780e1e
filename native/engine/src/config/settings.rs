//! A configuration as bindings write it: JSON in the names of the configuration schema of npubridge.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{Batching, Config, Matlab, ModelSettings, Npu, Power, Profile, Rejected, Tuning};
use crate::error::{Error, ErrorCode, Result};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    runtime_folder: Option<PathBuf>,
    devices: Vec<String>,
    #[serde(default)]
    rejected: Vec<GivenRejected>,
    models_folder: PathBuf,
    cache_folder: Option<PathBuf>,
    profile: Option<Profile>,
    tuning: Option<Tuning>,
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
    npu: Option<GivenNpu>,
    power: Option<GivenPower>,
    matlab_config: Option<GivenMatlab>,
    #[serde(default)]
    models: HashMap<String, GivenModel>,
    agents: Option<PathBuf>,
    metrics: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct GivenRejected {
    candidate: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenQueue {
    capacity: Option<usize>,
    /// From low to realtime.
    per_priority: Option<Vec<Option<usize>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenBatching {
    max: Option<usize>,
    delay_us: Option<u64>,
    adaptive: Option<bool>,
    preferred: Option<Vec<usize>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenResources {
    memory_mb: Option<f64>,
    npu_memory_mb: Option<f64>,
    npu_slots: Option<usize>,
    cpu_cores: Option<usize>,
    evict_idle: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenBreaker {
    failures: Option<u32>,
    pause_ms: Option<f64>,
    longest_pause_ms: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenNpu {
    max_batch_size: Option<usize>,
    precision: Option<super::Precision>,
    caching: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenPower {
    adapt: Option<bool>,
    budget_watts: Option<f64>,
    sysfs_root: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenMatlab {
    matlab_root: Option<PathBuf>,
    enable_signal_processing: Option<bool>,
    max_workers: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenModel {
    profile: Option<Profile>,
    tuning: Option<Tuning>,
    batching: Option<GivenBatching>,
    #[serde(default)]
    shapes: HashMap<String, Vec<usize>>,
}

/// The configuration written in `json`; what is absent keeps its default.
pub(super) fn parse(json: &str) -> Result<Config> {
    let given: Settings = serde_json::from_str(json)
        .map_err(|error| invalid(format!("the engine's configuration is wrong: {error}")))?;
    let mut config = Config {
        runtime: given.runtime_folder,
        devices: given.devices.into_iter().map(Into::into).collect(),
        rejected: given.rejected.into_iter().map(GivenRejected::into_rejected).collect(),
        models: given.models_folder,
        cache: given.cache_folder,
        profile: given.profile.unwrap_or_default(),
        tuning: given.tuning.unwrap_or_default(),
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
    if let Some(batching) = given.batching {
        config.batching = batching.over(&config.batching);
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
    config.npu = given.npu.map_or_else(Npu::default, GivenNpu::into_npu);
    config.power = given.power.map_or_else(Power::default, GivenPower::into_power);
    if let Some(matlab) = given.matlab_config {
        config.matlab = matlab.into_matlab()?;
    }
    config.model_settings = models(given.models, &config.batching);
    Ok(config)
}

impl GivenRejected {
    fn into_rejected(self) -> Rejected {
        Rejected { candidate: self.candidate.into(), reason: self.reason }
    }
}

impl GivenBatching {
    fn over(self, base: &Batching) -> Batching {
        let sizes = Batching {
            max: self.max.unwrap_or(base.max).max(1),
            delay: self.delay_us.map_or(base.delay, Duration::from_micros),
            adaptive: self.adaptive.unwrap_or(base.adaptive),
            ..Batching::default()
        };
        sizes.preferring(&self.preferred.unwrap_or_else(|| base.preferred.to_vec()))
    }
}

impl GivenNpu {
    fn into_npu(self) -> Npu {
        Npu {
            max_batch: self.max_batch_size,
            precision: self.precision,
            caching: self.caching.unwrap_or(true),
        }
    }
}

impl GivenPower {
    fn into_power(self) -> Power {
        let Power { adapt, pace, sysfs_root, .. } = Power::default();
        Power {
            adapt: self.adapt.unwrap_or(adapt),
            budget_watts: self.budget_watts,
            sysfs_root: self.sysfs_root.unwrap_or(sysfs_root),
            pace,
        }
    }
}

impl GivenMatlab {
    fn into_matlab(self) -> Result<Matlab> {
        if self.max_workers == Some(0) {
            let message = "matlab_config.max_workers is 0, it must be at least 1";
            return Err(invalid(message.to_owned()));
        }
        Ok(Matlab {
            root: self.matlab_root,
            enabled: self.enable_signal_processing.unwrap_or(true),
            max_workers: self.max_workers,
        })
    }
}

fn models(
    given: HashMap<String, GivenModel>,
    batching: &Batching,
) -> HashMap<crate::operation::Name, ModelSettings> {
    let settings = given.into_iter().map(|(name, given)| {
        let settings = ModelSettings {
            profile: given.profile,
            tuning: given.tuning,
            batching: given.batching.map(|own| own.over(batching)),
            shapes: given.shapes.into_iter().map(|(name, shape)| (name.into(), shape)).collect(),
        };
        (name.into(), settings)
    });
    settings.collect()
}

fn set_resources(config: &mut Config, given: &GivenResources) -> Result<()> {
    if let Some(cores) = at_least_one("cpu_cores", given.cpu_cores)? {
        config.keep_to_cores(cores);
    }
    let limits = &mut config.resources;
    set(&mut limits.memory, megabytes("memory_mb", given.memory_mb)?);
    limits.npu_memory = megabytes("npu_memory_mb", given.npu_memory_mb)?;
    limits.npu_slots = at_least_one("npu_slots", given.npu_slots)?;
    set(&mut limits.evict_idle, given.evict_idle);
    Ok(())
}

fn at_least_one(name: &str, given: Option<usize>) -> Result<Option<usize>> {
    if given == Some(0) {
        return Err(invalid(format!("resources.{name} is 0, it must be at least 1")));
    }
    Ok(given)
}

/// Bytes of so many MB, which are 2^20 bytes each.
fn megabytes(name: &str, given: Option<f64>) -> Result<Option<u64>> {
    match given {
        Some(amount) if !(amount.is_finite() && amount >= 0.0) => {
            Err(invalid(format!("resources.{name} is {amount}, it must not be negative")))
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

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::ConfigInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Hint, Precision, Workload};

    fn with(settings: &str) -> Result<Config> {
        parse(&format!(r#"{{"devices":["CPU"],"models_folder":"m"{settings}}}"#))
    }

    #[test]
    fn what_is_absent_keeps_its_default() {
        let (config, default) = (with("").unwrap(), Config::default());
        assert_eq!(config.retries, default.retries);
        assert_eq!(config.batching, default.batching);
        assert_eq!(config.tuning, Tuning::default());
        assert!(config.power.adapt && config.npu.caching);
    }

    #[test]
    fn names_are_those_of_the_schema() {
        let config = with(
            r#","profile":"efficiency","tuning":{"hint":"throughput","requests":4,"precision":"FP16","workload":"efficient"},
            "batching":{"max":8,"delay_us":100,"preferred":[4,8]},"npu":{"max_batch_size":2,"caching":false},
            "power":{"budget_watts":5.5,"sysfs_root":"/host"},"queue":{"capacity":9,"per_priority":[1,null]}"#,
        )
        .unwrap();
        assert_eq!(config.profile, Profile::Efficiency);
        assert_eq!(config.tuning.hint, Some(Hint::Throughput));
        assert_eq!(config.tuning.precision, Some(Precision::Fp16));
        assert_eq!(config.tuning.workload, Some(Workload::Efficient));
        assert_eq!((config.batching.max, &*config.batching.preferred), (8, &[4, 8][..]));
        assert_eq!((config.npu.max_batch, config.npu.caching), (Some(2), false));
        assert_eq!(config.power.budget_watts, Some(5.5));
        assert_eq!(config.capacity.per_priority[..2], [1, usize::MAX]);
    }

    #[test]
    fn every_setting_of_the_published_schema_is_known_by_its_name() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemas/config.schema.json");
        let schema: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mut checked = 0;
        for section in ["batching", "resources", "breaker", "power", "matlab_config"] {
            let settings = schema["properties"][section]["properties"].as_object().unwrap();
            for (name, setting) in settings {
                let value = match setting["type"].as_str() {
                    Some("boolean") => "true",
                    Some("array") => "[1]",
                    Some("string") => "\"x\"",
                    _ => "1",
                };
                let given = format!(r#","{section}":{{"{name}":{value}}}"#);
                assert!(with(&given).is_ok(), "{section}.{name}: {:?}", with(&given));
                checked += 1;
            }
        }
        assert!(checked > 10);
    }

    #[test]
    fn a_model_starts_from_what_holds_for_all() {
        let config = with(
            r#","batching":{"max":8,"delay_us":100},
            "models":{"magika":{"profile":"throughput","batching":{"max":4},"shapes":{"bytes":[1,2048]}}}"#,
        )
        .unwrap();
        let settings = &config.model_settings["magika"];
        assert_eq!(settings.profile, Some(Profile::Throughput));
        let batching = settings.batching.as_ref().unwrap();
        assert_eq!((batching.max, batching.delay), (4, Duration::from_micros(100)));
        assert_eq!(settings.shapes, [("bytes".into(), vec![1, 2048])]);
    }

    #[test]
    fn an_unknown_name_and_a_wrong_value_are_refused() {
        for (settings, named) in [
            (r#","worker_treads":1"#, "worker_treads"),
            (r#","profile":"fast""#, "fast"),
            (r#","tuning":{"hint":"both"}"#, "both"),
            (r#","resources":{"npu_slots":0}"#, "npu_slots is 0"),
            (r#","resources":{"memory_mb":-1}"#, "memory_mb is -1"),
            (r#","matlab_config":{"max_workers":0}"#, "max_workers is 0"),
        ] {
            let error = with(settings).unwrap_err();
            assert_eq!(error.code(), ErrorCode::ConfigInvalid);
            assert!(error.message().contains(named), "{error}");
        }
    }
}
