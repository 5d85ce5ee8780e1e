//! What happened, counted where it happens.
//!
//! Each worker thread writes to a shard of its own, once for a group of operations, so that counting costs no
//! contention. A snapshot adds the shards up. Histograms are HDR histograms with two significant digits, in
//! nanoseconds.

mod snapshot;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::sync::Mutex;
use hdrhistogram::Histogram;

use crate::error::ErrorCode;
use crate::operation::{Kind, Name, Priority, Times};
pub use snapshot::Snapshot;
use snapshot::summarize;
pub(crate) use snapshot::{
    Amount, BreakerUse, Gauges, LatencyGroup, LatencySummary, PowerUse, ResourceUse, SettingsInUse,
};

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
