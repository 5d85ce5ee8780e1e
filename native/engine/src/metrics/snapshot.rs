//! What has been counted, as it is told: totals, percentiles, and the state of the moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{Latencies, Shard};
use crate::error::ErrorCode;
use crate::machine;
use crate::operation::{Kind, Name, Priority};
use crate::power::{Condition, Figures, Step};

/// What is true at the moment of a snapshot, read under the engine's lock.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) submitted: u64,
    pub(crate) waiting: [usize; Priority::ALL.len()],
    pub(crate) running: usize,
    pub(crate) resources: ResourceUse,
    pub(crate) breakers: BTreeMap<String, BreakerUse>,
    pub(crate) power: BTreeMap<String, PowerUse>,
    pub(crate) settings: SettingsInUse,
}

/// Percentiles of one histogram, in microseconds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct LatencySummary {
    pub count: u64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

/// Where the time of a group of operations went.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct LatencyGroup {
    pub queue: LatencySummary,
    pub compute: LatencySummary,
    pub total: LatencySummary,
}

/// Latencies of one model on one device.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct ModelLatency {
    pub model: String,
    pub device: String,
    #[serde(flatten)]
    pub latency: LatencyGroup,
}

/// Operations answered in each second, over the last whole seconds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Throughput {
    pub last_1s: f64,
    pub last_10s: f64,
    pub last_60s: f64,
}

/// Everything that an engine counts, at one moment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Snapshot {
    pub uptime_ms: f64,
    pub submitted: u64,
    pub completed: u64,
    pub failed: u64,
    pub queue_depth: usize,
    pub queue_depth_by_priority: BTreeMap<&'static str, usize>,
    pub running: usize,
    pub failures_by_code: BTreeMap<&'static str, u64>,
    pub fallbacks: u64,
    pub retries: u64,
    /// Inferences that hung and were given up.
    pub abandoned: u64,
    /// How many inferences ran with how many requests in them.
    pub batch_sizes: BTreeMap<usize, u64>,
    pub throughput: Throughput,
    pub operations: BTreeMap<&'static str, LatencyGroup>,
    pub priorities: BTreeMap<&'static str, LatencyGroup>,
    pub devices: BTreeMap<String, LatencyGroup>,
    pub models: Vec<ModelLatency>,
    pub resources: ResourceUse,
    pub breakers: BTreeMap<String, BreakerUse>,
    /// How admission follows the telemetry of each NPU.
    pub power: BTreeMap<String, PowerUse>,
    /// How long operations had waited when their deadline came; none did when absent.
    pub too_late: Option<LatencySummary>,
    /// The settings that these figures come of.
    pub settings: SettingsInUse,
    /// Memory of this process and of the models loaded into it, in bytes.
    pub memory: MemoryUse,
}

/// Memory in bytes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct MemoryUse {
    /// Unknown where the system does not tell.
    pub process_resident: Option<u64>,
    /// What models are charged with: the size of their files, which is what they take at the least.
    pub models: u64,
}

/// How much of something there is and how much of it is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Amount {
    pub used: u64,
    /// None: there is no limit, or it is not known.
    pub limit: Option<u64>,
}

/// What models and inferences take. Memory is in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceUse {
    /// Memory of all models.
    pub system_memory: Amount,
    /// The part of it that belongs to models on NPUs.
    pub npu_memory: Amount,
    /// Inferences on NPUs.
    pub npu_slots: Amount,
    /// Cores that inferences on the CPU keep busy.
    pub cpu_cores: Amount,
}

impl ResourceUse {
    /// Each with its name, as it is told apart in labels.
    pub(crate) fn all(&self) -> [(&'static str, Amount); 4] {
        [
            ("system_memory_bytes", self.system_memory),
            ("npu_memory_bytes", self.npu_memory),
            ("npu_slots", self.npu_slots),
            ("cpu_cores", self.cpu_cores),
        ]
    }
}

/// The circuit breaker of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakerUse {
    /// `closed` (in service), `open` (out of service) or `half-open` (being tried).
    pub state: &'static str,
    /// Consecutive failures while it is closed.
    pub failures: u32,
    /// How often it was opened.
    pub opened: u64,
    /// Why it is open.
    pub reason: Option<String>,
}

/// How admission follows the telemetry of a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PowerUse {
    /// What the last reading was taken for.
    pub condition: Condition,
    /// Why there are no readings.
    pub reason: Option<String>,
    /// The last reading.
    pub figures: Figures,
    /// Inferences that the device takes at once when nothing is wrong.
    pub places: usize,
    /// And that it is given now.
    pub limit: usize,
    /// How long operations wait for others at least, in microseconds.
    pub batch_delay_us: u64,
    /// How often the limit was changed.
    pub steps_total: u64,
    /// The last changes.
    pub steps: Vec<Step>,
}

/// Settings that a snapshot must be read by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct SettingsInUse {
    pub queue_capacity: usize,
    pub batch_max: usize,
    pub batch_delay_us: u64,
    pub worker_threads: usize,
}

/// What all shards together have counted, with what is true now.
pub(super) fn summarize(
    sum: &Shard,
    throughput: [u64; 3],
    started: Instant,
    state: Gauges,
) -> Snapshot {
    let mut operations = BTreeMap::new();
    let mut priorities = BTreeMap::new();
    for kind in Kind::ALL {
        let of_kind = sum.by_kind[kind as usize].iter().flatten();
        operations.extend(merged(of_kind).map(|group| (kind.name(), group)));
    }
    for priority in Priority::ALL {
        let of_priority = sum.by_kind.iter().filter_map(|kinds| kinds[priority as usize].as_ref());
        priorities.extend(merged(of_priority).map(|group| (priority.name(), group)));
    }
    let per_second = |count: u64, seconds: f64| round(count as f64 / seconds, 1.0);
    Snapshot {
        uptime_ms: round(started.elapsed().as_secs_f64() * 1e3, 1000.0),
        submitted: state.submitted,
        completed: sum.completed,
        failed: sum.failed,
        queue_depth: state.waiting.iter().sum(),
        queue_depth_by_priority: Priority::ALL
            .into_iter()
            .map(|priority| (priority.name(), state.waiting[priority as usize]))
            .collect(),
        running: state.running,
        failures_by_code: ErrorCode::ALL
            .into_iter()
            .map(|code| (code.name(), sum.failures[code as usize]))
            .filter(|(_, count)| *count > 0)
            .collect(),
        fallbacks: sum.fallbacks,
        retries: sum.retries,
        abandoned: sum.abandoned,
        batch_sizes: sum.batches.clone(),
        throughput: Throughput {
            last_1s: per_second(throughput[0], 1.0),
            last_10s: per_second(throughput[1], 10.0),
            last_60s: per_second(throughput[2], 60.0),
        },
        operations,
        priorities,
        devices: by_device(sum),
        models: sum.by_place.iter().filter_map(of_model).collect(),
        memory: MemoryUse {
            process_resident: machine::resident_memory(),
            models: state.resources.system_memory.used,
        },
        resources: state.resources,
        breakers: state.breakers,
        power: state.power,
        too_late: sum.too_late.as_deref().map(summary),
        settings: state.settings,
    }
}

fn by_device(sum: &Shard) -> BTreeMap<String, LatencyGroup> {
    let names: BTreeSet<&Name> = sum.by_place.iter().map(|(_, device, _)| device).collect();
    let groups = names.into_iter().filter_map(|name| {
        let here = sum.by_place.iter().filter(|(_, device, _)| device == name);
        Some((name.to_string(), merged(here.map(|(.., latencies)| latencies))?))
    });
    groups.collect()
}

fn of_model(
    (model, device, latencies): &(Option<Name>, Name, Box<Latencies>),
) -> Option<ModelLatency> {
    Some(ModelLatency {
        model: model.as_ref()?.to_string(),
        device: device.to_string(),
        latency: group(latencies),
    })
}

fn merged<'a>(all: impl Iterator<Item = &'a Box<Latencies>>) -> Option<LatencyGroup> {
    let mut sum: Option<Latencies> = None;
    for latencies in all {
        sum.get_or_insert_with(Latencies::new).add(latencies);
    }
    sum.as_ref().map(group)
}

fn group(latencies: &Latencies) -> LatencyGroup {
    LatencyGroup {
        queue: summary(&latencies.queue),
        compute: summary(&latencies.compute),
        total: summary(&latencies.total),
    }
}

fn summary(histogram: &Histogram<u64>) -> LatencySummary {
    let micros = |nanos: u64| round(nanos as f64 / 1e3, 1000.0);
    LatencySummary {
        count: histogram.len(),
        mean: round(histogram.mean() / 1e3, 1000.0),
        p50: micros(histogram.value_at_quantile(0.5)),
        p90: micros(histogram.value_at_quantile(0.9)),
        p95: micros(histogram.value_at_quantile(0.95)),
        p99: micros(histogram.value_at_quantile(0.99)),
        p999: micros(histogram.value_at_quantile(0.999)),
        max: micros(histogram.max()),
    }
}

fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
