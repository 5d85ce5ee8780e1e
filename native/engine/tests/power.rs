//! Admission that follows an NPU's telemetry, on an emulated NPU with a fixture for `/sys`.
//!
//! Emulated: nothing measured here says anything about an NPU.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "support/npu.rs"]
mod npu;
mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use npu::Npu;
use npubridge_engine::Snapshot;
use npubridge_engine::config::{Batching, Config, Power, Profile};
use npubridge_engine::engine::Engine;
use npubridge_engine::operation::{Operation, Priority};
use npubridge_engine::power::Condition;
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

fn engine(npu: &Npu, root: &Path) -> Engine {
    npu.engine_with(&["NPU"], |config| Config {
        profile: Profile::Throughput,
        power: Power { sysfs_root: root.to_path_buf(), ..Power::default() },
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

/// Keeps the device busy until `done` holds, and gives how long that took and what realtime operations took meanwhile.
fn busy_until(
    engine: &Engine,
    model: &Path,
    patience: Duration,
    done: impl Fn(&Snapshot) -> bool,
) -> (Duration, Vec<u64>) {
    let start = Instant::now();
    let mut realtime = Vec::new();
    let mut waiting = std::collections::VecDeque::new();
    loop {
        while waiting.len() < 4 * PLACES {
            waiting.push_back(ask(engine, tiny(model, 0), urgent(Priority::Normal)));
        }
        let first = ask(engine, tiny(model, 1), urgent(Priority::Realtime)).answer();
        assert!(first.outcome.is_ok(), "{first:?}");
        realtime.push(first.times.total);
        assert!(waiting.pop_front().unwrap().answer().outcome.is_ok());
        if done(&engine.metrics()) {
            break;
        }
        assert!(start.elapsed() < patience, "{:?}", engine.metrics().power);
    }
    let took = start.elapsed();
    waiting.into_iter().for_each(|asked| drop(asked.answer()));
    (took, realtime)
}

fn p99(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    times[(times.len() * 99).div_ceil(100) - 1]
}

#[test]
fn places_go_while_an_npu_is_throttled_and_come_back_and_realtime_operations_do_not_notice() {
    let Some(npu) = Npu::take() else { return };
    npu.faults("slow_us=4000");
    let root = tempfile::tempdir().unwrap();
    sysfs(root.path(), 1400);
    let engine = engine(&npu, root.path());
    let model = npu.model("m");
    let normal = |snapshot: &Snapshot| snapshot.power["NPU"].condition == Condition::Normal;
    let (_, before) = busy_until(&engine, &model, SOON, normal);
    assert_eq!(limit(&engine.metrics()), PLACES);

    clock(root.path(), 700);
    let (down, _) = busy_until(&engine, &model, SOON, |snapshot| limit(snapshot) < PLACES);
    assert!(down < Duration::from_millis(2500), "{down:?}");
    let (_, during) = busy_until(&engine, &model, SOON, |snapshot| limit(snapshot) == 1);
    let steps = engine.metrics().power["NPU"].steps.clone();
    assert_eq!(steps[0].reason, "clock 700 of 1400 MHz while busy");
    assert_eq!(steps[0].figures.frequency_mhz, Some(700.0));

    clock(root.path(), 1400);
    let back = |snapshot: &Snapshot| limit(snapshot) == PLACES;
    let (up, _) = busy_until(&engine, &model, SOON, back);
    assert!(up < Duration::from_secs(11), "{up:?}");
    assert_eq!(engine.metrics().power["NPU"].batch_delay_us, 0);
    // Fewer others are on the device now: what is realtime waits for less than before.
    let (before, during) = (p99(before), p99(during));
    assert!(during <= 2 * before, "{during} ns after {before} ns");
}

#[test]
fn unreadable_telemetry_changes_nothing_and_says_so() {
    let Some(npu) = Npu::take() else { return };
    let root = tempfile::tempdir().unwrap();
    let engine = engine(&npu, root.path());
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
