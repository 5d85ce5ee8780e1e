//! What happened, counted where it happens.
//!
//! Each worker thread writes to a shard of its own, once for a group of operations, so that counting costs no
//! contention. A snapshot adds the shards up. Histograms are HDR histograms with two significant digits, in
//! nanoseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::sync::Mutex;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::error::ErrorCode;
use crate::machine;
use crate::operation::{Kind, Name, Priority, Times};
use crate::power::{Condition, Figures, Step};

const SIGNIFICANT_DIGITS: u8 = 2;
const LONGEST: u64 = 3_600_000_000_000;
/// Seconds of throughput that are remembered.
const SECONDS: usize = 64;

/// One answered operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) kind: Kind,
    pub(crate) priority: Priority,
    pub(crate) model: Option<Name>,
    pub(crate) device: Option<Name>,
    pub(crate) times: Times,
    pub(crate) failure: Option<ErrorCode>,
    pub(crate) fallback: bool,
}

#[derive(Debug)]
struct Latencies {
    queue: Histogram<u64>,
    compute: Histogram<u64>,
    total: Histogram<u64>,
}

/// How many operations were answered in each of the last seconds, as (second, count).
#[derive(Debug)]
struct Seconds([(u64, u64); SECONDS]);

impl Default for Seconds {
    fn default() -> Self {
        Self([(0, 0); SECONDS])
    }
}

#[derive(Debug, Default)]
pub(crate) struct Shard {
    by_kind: [[Option<Box<Latencies>>; Priority::ALL.len()]; Kind::ALL.len()],
    /// By model, where the operation has one, and device.
    by_place: Vec<(Option<Name>, Name, Box<Latencies>)>,
    failures: [u64; ErrorCode::ALL.len()],
    completed: u64,
    failed: u64,
    fallbacks: u64,
    retries: u64,
    abandoned: u64,
    batches: BTreeMap<usize, u64>,
    /// How long operations had been allowed to wait whose deadline came first.
    too_late: Option<Box<Histogram<u64>>>,
    seconds: Seconds,
}

/// All counters of an engine.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: Instant,
    histograms: bool,
    shards: Vec<Mutex<Shard>>,
}

fn new_histogram() -> Box<Histogram<u64>> {
    let histogram = Histogram::new_with_bounds(1, LONGEST, SIGNIFICANT_DIGITS);
    Box::new(histogram.expect("the bounds and digits are valid"))
}

impl Latencies {
    fn new() -> Self {
        let [queue, compute, total] = std::array::from_fn(|_| *new_histogram());
        Self { queue, compute, total }
    }

    fn record(&mut self, times: &Times, count: u64) {
        self.queue.saturating_record_n(times.queue.max(1), count);
        self.compute.saturating_record_n(times.compute.max(1), count);
        self.total.saturating_record_n(times.total.max(1), count);
    }

    fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.queue, &other.queue),
            (&mut self.compute, &other.compute),
            (&mut self.total, &other.total),
        ] {
            mine.add(theirs).expect("all histograms have the same bounds");
        }
    }
}

impl Shard {
    /// Counts `count` operations that are alike in everything.
    fn record(&mut self, sample: &Sample, count: u64, second: u64, histograms: bool) {
        let (at, in_second) = &mut self.seconds.0[usize::try_from(second).unwrap_or(0) % SECONDS];
        if *at != second {
            (*at, *in_second) = (second, 0);
        }
        *in_second += count;
        match sample.failure {
            Some(code) => {
                self.failed += count;
                self.failures[code as usize] += count;
                if code == ErrorCode::DeadlineExceeded && histograms {
                    let too_late = self.too_late.get_or_insert_with(new_histogram);
                    too_late.saturating_record_n(sample.times.queue.max(1), count);
                }
                return;
            }
            None => self.completed += count,
        }
        if sample.fallback {
            self.fallbacks += count;
        }
        if !histograms {
            return;
        }
        self.by_kind[sample.kind as usize][sample.priority as usize]
            .get_or_insert_with(|| Box::new(Latencies::new()))
            .record(&sample.times, count);
        if let Some(device) = &sample.device {
            self.at(sample.model.as_ref(), device).record(&sample.times, count);
        }
    }

    fn at(&mut self, model: Option<&Name>, device: &Name) -> &mut Latencies {
        let mut places = self.by_place.iter();
        let found = places.position(|(name, on, _)| name.as_ref() == model && on == device);
        let index = found.unwrap_or_else(|| {
            let latencies = Box::new(Latencies::new());
            self.by_place.push((model.cloned(), device.clone(), latencies));
            self.by_place.len() - 1
        });
        &mut self.by_place[index].2
    }
}

impl Metrics {
    pub(crate) fn new(started: Instant, shards: usize, histograms: bool) -> Self {
        Self { started, histograms, shards: (0..shards).map(|_| Mutex::default()).collect() }
    }

    /// Counts a group of answered operations in the shard of one thread; neighbours that are alike at once.
    pub(crate) fn record(&self, shard: usize, samples: impl IntoIterator<Item = Sample>) {
        let second = self.started.elapsed().as_secs();
        let mut shard = self.shards[shard % self.shards.len()].lock();
        let mut samples = samples.into_iter();
        let Some(mut run) = samples.next() else { return };
        let mut count = 1;
        for sample in samples {
            if sample == run {
                count += 1;
            } else {
                shard.record(&run, count, second, self.histograms);
                (run, count) = (sample, 1);
            }
        }
        shard.record(&run, count, second, self.histograms);
    }

    pub(crate) fn count_batch(&self, shard: usize, size: usize) {
        *self.shards[shard % self.shards.len()].lock().batches.entry(size).or_default() += 1;
    }

    pub(crate) fn count_retries(&self, shard: usize, count: u64) {
        self.shards[shard % self.shards.len()].lock().retries += count;
    }

    pub(crate) fn count_abandoned(&self, shard: usize) {
        self.shards[shard % self.shards.len()].lock().abandoned += 1;
    }

    pub(crate) fn snapshot(&self, state: Gauges) -> Snapshot {
        let mut sum = Shard::default();
        let now = self.started.elapsed().as_secs();
        let mut throughput = [0_u64; 3];
        for shard in &self.shards {
            let shard = shard.lock();
            add(&mut sum, &shard);
            for (index, window) in [1, 10, 60].into_iter().enumerate() {
                throughput[index] += shard
                    .seconds
                    .0
                    .iter()
                    .filter(|(second, _)| *second < now && *second + window >= now)
                    .map(|(_, count)| count)
                    .sum::<u64>();
            }
        }
        summarize(&sum, throughput, self.started, state)
    }
}

fn add(sum: &mut Shard, shard: &Shard) {
    for (mine, theirs) in sum.by_kind.iter_mut().flatten().zip(shard.by_kind.iter().flatten()) {
        if let Some(theirs) = theirs {
            mine.get_or_insert_with(|| Box::new(Latencies::new())).add(theirs);
        }
    }
    for (model, device, latencies) in &shard.by_place {
        sum.at(model.as_ref(), device).add(latencies);
    }
    for (mine, theirs) in sum.failures.iter_mut().zip(shard.failures) {
        *mine += theirs;
    }
    for (size, count) in &shard.batches {
        *sum.batches.entry(*size).or_default() += count;
    }
    if let Some(theirs) = &shard.too_late {
        let mine = sum.too_late.get_or_insert_with(new_histogram);
        mine.add(&**theirs).expect("all histograms have the same bounds");
    }
    sum.completed += shard.completed;
    sum.failed += shard.failed;
    sum.fallbacks += shard.fallbacks;
    sum.retries += shard.retries;
    sum.abandoned += shard.abandoned;
}

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

fn summarize(sum: &Shard, throughput: [u64; 3], started: Instant, state: Gauges) -> Snapshot {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: Kind, total: u64, failure: Option<ErrorCode>) -> Sample {
        Sample {
            kind,
            priority: Priority::High,
            model: Some("m".into()),
            device: Some("CPU".into()),
            times: Times { queue: 1_000, compute: total - 1_000, total },
            failure,
            fallback: true,
        }
    }

    #[test]
    fn a_snapshot_adds_up_the_shards() {
        let metrics = Metrics::new(Instant::now(), 2, true);
        metrics.record(0, [sample(Kind::Echo, 10_000, None), sample(Kind::Echo, 20_000, None)]);
        metrics.record(1, [sample(Kind::Echo, 30_000, None)]);
        metrics.record(1, [sample(Kind::Inference, 5_000, Some(ErrorCode::DeviceLost))]);
        metrics.count_batch(1, 3);
        let snapshot = metrics.snapshot(Gauges { submitted: 4, ..Gauges::default() });
        assert_eq!((snapshot.submitted, snapshot.completed, snapshot.failed), (4, 3, 1));
        assert_eq!(snapshot.failures_by_code["DEVICE_LOST"], 1);
        assert_eq!(snapshot.fallbacks, 3);
        assert_eq!(snapshot.batch_sizes[&3], 1);
        let echo = &snapshot.operations["echo"].total;
        assert_eq!(echo.count, 3);
        assert!((19.5..20.5).contains(&echo.p50), "{}", echo.p50);
        assert!((29.5..30.5).contains(&echo.max), "{}", echo.max);
        assert_eq!(snapshot.priorities["high"].total.count, 3);
        assert_eq!(snapshot.models[0].latency.total.count, 3);
        assert_eq!(snapshot.devices["CPU"].total.count, 3);
    }

    #[test]
    fn devices_are_told_apart_also_for_operations_without_a_model() {
        let metrics = Metrics::new(Instant::now(), 1, true);
        let on = |device: &str, model: Option<Name>| Sample {
            device: Some(device.into()),
            model,
            ..sample(Kind::Inference, 2_000, None)
        };
        metrics.record(0, [on("NPU", None), on("NPU", Some("m".into())), on("CPU", None)]);
        let snapshot = metrics.snapshot(Gauges::default());
        assert_eq!(snapshot.devices["NPU"].total.count, 2);
        assert_eq!(snapshot.devices["CPU"].total.count, 1);
        assert_eq!(snapshot.models.len(), 1);
    }

    #[test]
    fn what_came_too_late_tells_how_long_it_was_given() {
        let metrics = Metrics::new(Instant::now(), 1, true);
        let late = |micros: u64| Sample {
            times: Times { queue: micros * 1000, compute: 0, total: micros * 1000 },
            ..sample(Kind::Inference, 2_000, Some(ErrorCode::DeadlineExceeded))
        };
        metrics.record(0, [late(100), late(100), late(9_000)]);
        let told = metrics.snapshot(Gauges::default()).too_late.unwrap();
        assert_eq!(told.count, 3);
        assert!((99.0..102.0).contains(&told.p50), "{}", told.p50);
    }

    #[test]
    fn without_histograms_counts_remain() {
        let metrics = Metrics::new(Instant::now(), 1, false);
        metrics.record(0, [sample(Kind::Echo, 10_000, None)]);
        let snapshot = metrics.snapshot(Gauges::default());
        assert_eq!(snapshot.completed, 1);
        assert!(snapshot.operations.is_empty());
    }
}
