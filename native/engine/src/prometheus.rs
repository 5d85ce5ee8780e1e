//! A snapshot in the text format of Prometheus.
//!
//! Source: "Text-based format" in Prometheus's documentation of exposition formats. Times are in seconds, as its naming
//! rules ask for. Latencies are summaries, whose quantiles come from the engine's own histograms over its whole life;
//! quantiles cannot be added up over processes, so `_sum` and `_count` are there for rates.

use std::fmt::Write;

use crate::metrics::{LatencyGroup, LatencySummary, PowerUse, Snapshot};

const STATES: [&str; 3] = ["closed", "open", "half-open"];

/// The metrics of `snapshot`.
pub(crate) fn text(snapshot: &Snapshot) -> String {
    let mut page = Page::default();
    counters(&mut page, snapshot);
    gauges(&mut page, snapshot);
    admission(&mut page, snapshot);
    batches(&mut page, snapshot);
    latencies(&mut page, snapshot);
    page.0
}

fn counters(page: &mut Page, snapshot: &Snapshot) {
    let counts = [
        ("submitted", "Operations submitted.", snapshot.submitted),
        ("completed", "Operations answered with a result.", snapshot.completed),
        ("fallback", "Results from another device than the first choice.", snapshot.fallbacks),
        (
            "retried",
            "Further tries of operations after a failure of their device.",
            snapshot.retries,
        ),
        ("abandoned", "Inferences that hung and were given up.", snapshot.abandoned),
    ];
    for (name, help, count) in counts {
        let name = format!("npubridge_operations_{name}_total");
        page.family(&name, "counter", help);
        page.sample(&name, &[], count as f64);
    }
    let name = "npubridge_operations_failed_total";
    page.family(name, "counter", "Operations answered with an error, by its code.");
    for (code, count) in &snapshot.failures_by_code {
        page.sample(name, &[("code", code)], *count as f64);
    }
    let name = "npubridge_device_suspensions_total";
    page.family(name, "counter", "How often a device was taken out of service.");
    for (device, breaker) in &snapshot.breakers {
        page.sample(name, &[("device", device)], breaker.opened as f64);
    }
}

fn gauges(page: &mut Page, snapshot: &Snapshot) {
    let name = "npubridge_uptime_seconds";
    page.family(name, "gauge", "Time since the engine started.");
    page.sample(name, &[], snapshot.uptime_ms / 1e3);
    let name = "npubridge_queue_depth";
    page.family(name, "gauge", "Operations that wait.");
    for (priority, depth) in &snapshot.queue_depth_by_priority {
        page.sample(name, &[("priority", priority)], *depth as f64);
    }
    let name = "npubridge_operations_running";
    page.family(name, "gauge", "Operations that run.");
    page.sample(name, &[], snapshot.running as f64);
    let name = "npubridge_throughput_operations_per_second";
    page.family(name, "gauge", "Operations answered a second, over the last whole seconds.");
    let throughput = &snapshot.throughput;
    for (window, value) in
        [("1s", throughput.last_1s), ("10s", throughput.last_10s), ("60s", throughput.last_60s)]
    {
        page.sample(name, &[("window", window)], value);
    }
    let name = "npubridge_device_state";
    page.family(name, "gauge", "State of a device's circuit breaker: 1 for the one it is in.");
    for (device, breaker) in &snapshot.breakers {
        for state in STATES {
            let is_in = f64::from(breaker.state == state);
            page.sample(name, &[("device", device), ("state", state)], is_in);
        }
    }
    let name = "npubridge_resource_used";
    page.family(name, "gauge", "What models and inferences take.");
    for (resource, amount) in snapshot.resources.all() {
        page.sample(name, &[("resource", resource)], amount.used as f64);
    }
    let name = "npubridge_resource_limit";
    page.family(name, "gauge", "What they may take, where it is known.");
    for (resource, amount) in snapshot.resources.all() {
        if let Some(limit) = amount.limit {
            page.sample(name, &[("resource", resource)], limit as f64);
        }
    }
    if let Some(bytes) = snapshot.memory.process_resident {
        let name = "process_resident_memory_bytes";
        page.family(name, "gauge", "Resident memory of this process.");
        page.sample(name, &[], bytes as f64);
    }
}

fn admission(page: &mut Page, snapshot: &Snapshot) {
    type Pick = fn(&PowerUse) -> Option<f64>;
    let families: [(&str, &str, &str, Pick); 7] = [
        ("npubridge_device_places", "gauge", "Inferences that a device takes at once.", |npu| {
            Some(npu.places as f64)
        }),
        ("npubridge_device_places_admitted", "gauge", "Inferences that it is given now.", |npu| {
            Some(npu.limit as f64)
        }),
        (
            "npubridge_device_admission_steps_total",
            "counter",
            "How often that was changed for clock, temperature or power.",
            |npu| Some(npu.steps_total as f64),
        ),
        ("npubridge_device_frequency_hertz", "gauge", "Clock, where it can be read.", |npu| {
            npu.figures.frequency_mhz.map(|mhz| mhz * 1e6)
        }),
        ("npubridge_device_frequency_max_hertz", "gauge", "Highest clock.", |npu| {
            npu.figures.max_frequency_mhz.map(|mhz| mhz * 1e6)
        }),
        ("npubridge_device_temperature_celsius", "gauge", "Temperature.", |npu| {
            npu.figures.temperature_celsius
        }),
        ("npubridge_device_power_watts", "gauge", "Power since the reading before.", |npu| {
            npu.figures.power_watts
        }),
    ];
    for (name, kind, help, pick) in families {
        page.family(name, kind, help);
        for (device, npu) in &snapshot.power {
            if let Some(value) = pick(npu) {
                page.sample(name, &[("device", device)], value);
            }
        }
    }
}

/// Batches of this size have a bucket even where there are none: buckets that come later spoil rates.
const BUCKETS_UP_TO: usize = 32;

/// Sizes are counted one by one, so this histogram is exact.
fn batches(page: &mut Page, snapshot: &Snapshot) {
    let name = "npubridge_batch_size";
    page.family(name, "histogram", "Operations that ran together in one inference.");
    let sizes = &snapshot.batch_sizes;
    let largest = sizes.keys().max().copied().unwrap_or(1).max(BUCKETS_UP_TO);
    let bounds = (0..).map(|exponent| 1_usize << exponent);
    for bound in bounds.take_while(|bound| *bound < 2 * largest) {
        let count: u64 = sizes.range(..=bound).map(|(_, count)| count).sum();
        page.sample("npubridge_batch_size_bucket", &[("le", &bound.to_string())], count as f64);
    }
    let count: u64 = sizes.values().sum();
    let sum: u64 = sizes.iter().map(|(size, count)| *size as u64 * count).sum();
    page.sample("npubridge_batch_size_bucket", &[("le", "+Inf")], count as f64);
    page.sample("npubridge_batch_size_sum", &[], sum as f64);
    page.sample("npubridge_batch_size_count", &[], count as f64);
}

fn latencies(page: &mut Page, snapshot: &Snapshot) {
    type Labelled<'a> = (Vec<(&'static str, &'a str)>, &'a LatencyGroup);
    let by_type = snapshot.operations.iter().map(|(kind, group)| (vec![("type", *kind)], group));
    let by_priority =
        snapshot.priorities.iter().map(|(priority, group)| (vec![("priority", *priority)], group));
    let by_device =
        snapshot.devices.iter().map(|(device, group)| (vec![("device", device.as_str())], group));
    let by_model = snapshot.models.iter().map(|latency| {
        let labels = vec![("model", latency.model.as_str()), ("device", latency.device.as_str())];
        (labels, &latency.latency)
    });
    let families: [(&str, &str, Vec<Labelled<'_>>); 4] = [
        ("operation", "by type", by_type.collect()),
        ("priority", "by priority", by_priority.collect()),
        ("device", "by device", by_device.collect()),
        ("model", "by model and device", by_model.collect()),
    ];
    type Part = fn(&LatencyGroup) -> &LatencySummary;
    let parts: [(&str, &str, Part); 3] = [
        ("queue", "from submission to start", |group| &group.queue),
        ("compute", "of the work itself", |group| &group.compute),
        ("total", "from submission to completion", |group| &group.total),
    ];
    for (subject, by, groups) in families {
        for (part, what, pick) in parts {
            let name = format!("npubridge_{subject}_{part}_seconds");
            page.family(&name, "summary", &format!("Time {what}, {by}."));
            for (labels, group) in &groups {
                page.summary(&name, labels, pick(group));
            }
        }
    }
}

/// Text being written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<_> =
            labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escape(value))).collect();
        if labels.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{}}} {value}", labels.join(",")));
        }
    }

    fn summary(&mut self, name: &str, labels: &[(&str, &str)], summary: &LatencySummary) {
        let quantiles = [
            ("0.5", summary.p50),
            ("0.9", summary.p90),
            ("0.95", summary.p95),
            ("0.99", summary.p99),
            ("0.999", summary.p999),
        ];
        for (quantile, micros) in quantiles {
            let labels: Vec<_> = labels.iter().copied().chain([("quantile", quantile)]).collect();
            self.sample(name, &labels, micros / 1e6);
        }
        let count = summary.count as f64;
        self.sample(&format!("{name}_sum"), labels, summary.mean * count / 1e6);
        self.sample(&format!("{name}_count"), labels, count);
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// A label's value, in which backslashes, quotes and line feeds have a meaning.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Instant;

    use super::*;
    use crate::error::ErrorCode;
    use crate::metrics::{Amount, BreakerUse, Gauges, Metrics, ResourceUse, Sample};
    use crate::operation::{Kind, Priority, Times};
    use crate::power::{Condition, Figures};

    const MODEL: &str = "C:\\models\\\"best\"\n.xml";

    fn snapshot() -> Snapshot {
        let metrics = Metrics::new(Instant::now(), 1, true);
        let sample = |failure| Sample {
            kind: Kind::Inference,
            priority: Priority::High,
            model: Some(MODEL.into()),
            device: Some("CPU".into()),
            times: Times { queue: 1_000_000, compute: 2_000_000, total: 3_000_000 },
            failure,
            fallback: true,
        };
        metrics.record(0, [sample(None), sample(None), sample(Some(ErrorCode::DeviceLost))]);
        for size in [1, 3, 3, 8] {
            metrics.count_batch(0, size);
        }
        let breaker =
            BreakerUse { state: "half-open", failures: 0, opened: 2, reason: Some("lost".into()) };
        metrics.snapshot(Gauges {
            submitted: 3,
            waiting: [0, 7, 0, 0, 0],
            running: 1,
            resources: ResourceUse {
                system_memory: Amount { used: 5, limit: Some(10) },
                ..ResourceUse::default()
            },
            breakers: BTreeMap::from([("NPU".to_owned(), breaker)]),
            power: BTreeMap::from([("NPU".to_owned(), throttled())]),
            ..Gauges::default()
        })
    }

    fn throttled() -> PowerUse {
        PowerUse {
            condition: Condition::Throttled,
            reason: None,
            figures: Figures { frequency_mhz: Some(700.0), ..Figures::default() },
            places: 4,
            limit: 2,
            batch_delay_us: 1000,
            steps_total: 1,
            steps: Vec::new(),
        }
    }

    /// The samples of a page by name and labels; panics at what the format does not allow.
    fn samples(page: &str) -> BTreeMap<String, f64> {
        let mut typed = BTreeSet::new();
        let mut all = BTreeMap::new();
        for line in page.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let (keyword, name) = (words.next().unwrap(), words.next().unwrap());
                assert!(words.next().is_some_and(|rest| !rest.is_empty()), "{line}");
                match keyword {
                    "HELP" => assert!(!typed.contains(name), "{line}"),
                    "TYPE" => assert!(typed.insert(name.to_owned()), "twice: {line}"),
                    _ => panic!("{line}"),
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let family =
                ["_sum", "_count", "_bucket"].iter().find_map(|end| name.strip_suffix(end));
            assert!(
                typed.contains(name) || family.is_some_and(|name| typed.contains(name)),
                "{line}"
            );
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
            let before = all.insert(series.to_owned(), value.parse().unwrap());
            assert_eq!(before, None, "twice: {line}");
        }
        all
    }

    #[test]
    fn a_page_is_well_formed_and_has_everything() {
        let page = text(&snapshot());
        assert!(page.ends_with('\n'));
        let samples = samples(&page);
        for (series, value) in [
            ("npubridge_operations_submitted_total", 3.0),
            ("npubridge_operations_completed_total", 2.0),
            ("npubridge_operations_failed_total{code=\"DEVICE_LOST\"}", 1.0),
            ("npubridge_operations_fallback_total", 2.0),
            ("npubridge_queue_depth{priority=\"normal\"}", 7.0),
            ("npubridge_device_state{device=\"NPU\",state=\"half-open\"}", 1.0),
            ("npubridge_device_state{device=\"NPU\",state=\"open\"}", 0.0),
            ("npubridge_device_suspensions_total{device=\"NPU\"}", 2.0),
            ("npubridge_device_places{device=\"NPU\"}", 4.0),
            ("npubridge_device_places_admitted{device=\"NPU\"}", 2.0),
            ("npubridge_device_admission_steps_total{device=\"NPU\"}", 1.0),
            ("npubridge_device_frequency_hertz{device=\"NPU\"}", 7e8),
            ("npubridge_resource_used{resource=\"system_memory_bytes\"}", 5.0),
            ("npubridge_resource_limit{resource=\"system_memory_bytes\"}", 10.0),
            ("npubridge_operation_total_seconds_count{type=\"inference\"}", 2.0),
            ("npubridge_priority_queue_seconds_count{priority=\"high\"}", 2.0),
            ("npubridge_device_compute_seconds_count{device=\"CPU\"}", 2.0),
        ] {
            assert_eq!(samples.get(series), Some(&value), "{series}");
        }
        assert!(!samples.contains_key("npubridge_resource_limit{resource=\"npu_slots\"}"));
        for (series, about) in [
            ("npubridge_operation_compute_seconds{type=\"inference\",quantile=\"0.99\"}", 0.002),
            ("npubridge_operation_queue_seconds_sum{type=\"inference\"}", 0.002),
        ] {
            let value = samples[series];
            assert!((value - about).abs() < about / 50.0, "{series} {value}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        let page = text(&snapshot());
        let expected = r#"model="C:\\models\\\"best\"\n.xml",device="CPU""#;
        assert!(page.contains(expected), "{page}");
    }

    #[test]
    fn batch_sizes_are_a_cumulative_histogram() {
        let samples = samples(&text(&snapshot()));
        let count = |le: &str| samples[&format!("npubridge_batch_size_bucket{{le=\"{le}\"}}")];
        assert_eq!(["1", "2", "4", "8", "+Inf"].map(count), [1.0, 1.0, 3.0, 4.0, 4.0]);
        assert_eq!(samples["npubridge_batch_size_sum"], 15.0);
        assert_eq!(samples["npubridge_batch_size_count"], 4.0);
        assert_eq!([count("16"), count("32")], [4.0, 4.0]);
        assert!(!samples.contains_key("npubridge_batch_size_bucket{le=\"64\"}"));
    }
}
