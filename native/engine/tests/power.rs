//! Admission that follows an NPU's telemetry, on an emulated NPU with a fixture for `/sys`.
//!
//! Emulated: nothing measured here says anything about an NPU.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "support/npu.rs"]
mod npu;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use npu::Npu;
use npubridge_engine::Snapshot;
use npubridge_engine::config::{Batching, Config, Power, Profile};
use npubridge_engine::engine::Engine;
use npubridge_engine::operation::{Completion, Operation, Priority};
use npubridge_engine::power::{Condition, PERIOD, Pace, Steps};
use support::*;

const DEVICE: &str = "sys/class/accel/accel0/device";
const PLACES: usize = 4;

/// A `/sys` with an NPU at this clock.
fn sysfs(root: &Path, mhz: u32) {
    let device = root.join(DEVICE);
    fs::create_dir_all(&device).unwrap();
    fs::write(device.join("vendor"), "0x8086\n").unwrap();
    fs::write(device.join("npu_max_frequency_mhz"), "1400\n").unwrap();
    clock(root, mhz);
}

/// Replaced as a whole: what is read is one clock or the other.
fn clock(root: &Path, mhz: u32) {
    let file = root.join(DEVICE).join("npu_current_frequency_mhz");
    let other = file.with_extension("new");
    fs::write(&other, format!("{mhz}\n")).unwrap();
    fs::rename(&other, &file).unwrap();
}

fn engine(npu: &Npu, root: &Path, pace: Pace) -> Engine {
    npu.engine_with(&["NPU"], |config| Config {
        profile: Profile::Throughput,
        power: Power { sysfs_root: root.to_path_buf(), pace, ..Power::default() },
        batching: Batching { max: 1, ..Batching::default() },
        hang_after: Duration::from_secs(30),
        ..config
    })
}

fn tiny(model: &Path, seed: usize) -> Operation {
    infer(model, &[("x", rows(1, 64, seed))])
}

fn limit(snapshot: &Snapshot) -> usize {
    snapshot.power["NPU"].limit
}

/// An engine on an NPU whose clock is a trace, and whose readings are taken when the trace goes on.
struct Traced {
    engine: Engine,
    model: PathBuf,
    steps: Steps,
    root: tempfile::TempDir,
}

impl Traced {
    fn start(npu: &Npu) -> Self {
        let root = tempfile::tempdir().unwrap();
        sysfs(root.path(), 1400);
        let steps = Steps::default();
        let engine = engine(npu, root.path(), Pace::Steps(steps.clone()));
        Self { engine, model: npu.model("m"), steps, root }
    }

    /// Gives the device work, sets its clock and lets one reading be taken; gives the time of it, in the trace.
    fn reading(&self, mhz: u32) -> Duration {
        clock(self.root.path(), mhz);
        assert!(simply(&self.engine, tiny(&self.model, 0)).answer().outcome.is_ok());
        self.steps.advance()
    }

    /// Goes on with the trace at this clock until `done` holds; gives how long that took, in the trace.
    fn until(&self, mhz: u32, done: impl Fn(&Snapshot) -> bool) -> Duration {
        for reading in 1..=100 {
            self.reading(mhz);
            if done(&self.engine.metrics()) {
                return PERIOD * reading;
            }
        }
        panic!("{:?}", self.engine.metrics().power);
    }

    /// The most others that were answered between the submission and the answer of a realtime operation, while many
    /// others waited.
    fn overtaken_by(&self) -> usize {
        let others = Arc::new(AtomicUsize::new(0));
        let mut waiting = Vec::new();
        let mut most = 0;
        for _ in 0..10 {
            while waiting.len() < 8 * PLACES {
                let others = Arc::clone(&others);
                let (sender, answer) = mpsc::channel();
                let completion = Completion::call(move |result| {
                    others.fetch_add(1, Ordering::SeqCst);
                    sender.send(result.outcome.is_ok()).unwrap_or_default();
                });
                let normal = urgent(Priority::Normal);
                self.engine.submit(tiny(&self.model, 0), normal, completion);
                waiting.push(answer);
            }
            let before = others.load(Ordering::SeqCst);
            let counted = Arc::clone(&others);
            let (sender, answer) = mpsc::channel();
            let completion = Completion::call(move |result| {
                let told = (result.outcome.is_ok(), counted.load(Ordering::SeqCst));
                sender.send(told).unwrap_or_default();
            });
            self.engine.submit(tiny(&self.model, 1), urgent(Priority::Realtime), completion);
            let (ok, after) = answer.recv_timeout(SOON).unwrap();
            assert!(ok);
            most = most.max(after - before);
            waiting.drain(..PLACES).for_each(|answer| assert!(answer.recv_timeout(SOON).unwrap()));
        }
        waiting.into_iter().for_each(|answer| assert!(answer.recv_timeout(SOON).unwrap()));
        most
    }
}

/// The trace is exact: 1,400 MHz, then 700 from one reading to the next, then 1,400 again.
#[test]
fn places_go_within_two_seconds_of_throttling_and_are_back_within_ten() {
    let Some(npu) = Npu::take() else { return };
    let traced = Traced::start(&npu);
    traced.reading(1400);
    let snapshot = traced.engine.metrics();
    assert_eq!(snapshot.power["NPU"].condition, Condition::Normal);
    assert_eq!(limit(&snapshot), PLACES);

    let down = traced.until(700, |snapshot| limit(snapshot) < PLACES);
    assert!(down <= Duration::from_secs(2), "{down:?}");
    traced.until(700, |snapshot| limit(snapshot) == 1);
    let steps = traced.engine.metrics().power["NPU"].steps.clone();
    assert_eq!(steps[0].reason, "clock 700 of 1400 MHz while busy");
    assert_eq!(steps[0].figures.frequency_mhz, Some(700.0));
    assert_eq!(Duration::from_secs_f64(steps[0].at_ms / 1e3), PERIOD + down);

    let is_back = |snapshot: &Snapshot| {
        limit(snapshot) == PLACES && snapshot.power["NPU"].batch_delay_us == 0
    };
    let up = traced.until(1400, is_back);
    assert!(up <= Duration::from_secs(10), "{up:?}");
    // One way down and one way up.
    let limits: Vec<usize> =
        traced.engine.metrics().power["NPU"].steps.iter().map(|step| step.limit).collect();
    let lowest = limits.iter().position(|limit| *limit == 1).unwrap();
    assert!(limits[..=lowest].is_sorted_by(|a, b| a >= b), "{limits:?}");
    assert!(limits[lowest..].is_sorted(), "{limits:?}");
}

/// What a realtime operation waits for is what is on the device already: told by counting, not by a clock.
#[test]
fn a_realtime_operation_waits_for_no_more_others_while_an_npu_is_throttled() {
    let Some(npu) = Npu::take() else { return };
    npu.faults("slow_us=2000");
    let traced = Traced::start(&npu);
    traced.reading(1400);
    // Those on the device, and one that began between the count and the submission.
    let before = traced.overtaken_by();
    assert!(before <= PLACES + 1, "{before}");
    traced.until(700, |snapshot| limit(snapshot) == 1);
    let during = traced.overtaken_by();
    assert!(during <= 2, "{during}, {before} before");
}

#[test]
fn unreadable_telemetry_changes_nothing_and_says_so() {
    let Some(npu) = Npu::take() else { return };
    let root = tempfile::tempdir().unwrap();
    let engine = engine(&npu, root.path(), Pace::Clock);
    let model = npu.model("m");
    assert!(simply(&engine, tiny(&model, 0)).answer().outcome.is_ok());
    eventually("the reason is told", || engine.metrics().power["NPU"].reason.is_some());
    let power = &engine.metrics().power["NPU"];
    assert_eq!((power.condition, power.limit, power.steps_total), (Condition::Unknown, PLACES, 0));
    assert!(power.reason.as_ref().unwrap().contains("has no device of intel_vpu"));
    assert!(engine.metrics_text().contains("npubridge_device_places_admitted{device=\"NPU\"} 4"));
}

#[test]
fn a_profile_asks_the_emulated_npu_for_what_it_has() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU"], |config| Config {
        profile: Profile::Efficiency,
        tuning: npubridge_engine::config::Tuning {
            requests: Some(3),
            tiles: Some(5),
            ..Default::default()
        },
        ..config
    });
    let model = npu.model("m");
    let told = report(simply(&engine, load(&model)).answer());
    assert_eq!(told["requests"], 3);
    assert_eq!(told["properties"]["WORKLOAD_TYPE"], "EFFICIENT");
    assert_eq!(told["properties"]["NPU_TURBO"], "NO");
    assert_eq!(told["dropped"][0]["reason"], "NPU has 2");
    for priority in [Priority::Realtime, Priority::Low, Priority::Normal] {
        assert!(ask(&engine, tiny(&model, 0), urgent(priority)).answer().outcome.is_ok());
    }
}
