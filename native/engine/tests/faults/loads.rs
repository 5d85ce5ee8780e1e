//! Ten thousand operations of every kind under each fault, and every kind alone.
use super::*;

/// Every kind of operation alone under every fault: whatever becomes of it, it is answered once.
#[test]
fn every_kind_of_operation_is_answered_under_every_fault() {
    let Some(npu) = Npu::take() else { return };
    let world = load::World::make(npu.folder.path());
    let each = if is_heavy() { 100 } else { 4 };
    for faults in FAULTS {
        for name in load::World::KINDS {
            npu.faults("");
            let engine = npu.engine();
            let first = simply(&engine, tiny(&world.fixed, 0));
            first.answer().outcome.unwrap();
            npu.faults(faults);
            let tally = Tally::new(each, true);
            let submissions = (0..each).map(|token| {
                tally.submission(token, world.of_kind(name, token), Options::default())
            });
            engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
            tally.wait();
            for (token, result) in tally.take() {
                assert_eq!(result.kind.name(), name);
                if result.device.as_deref() == Some("CPU") {
                    assert_eq!(&*fallback(&result).from, "NPU", "{faults}, {name} {token}");
                }
                if let Err(error) = result.outcome {
                    let allowed =
                        name == "unload_model" && error.code() == ErrorCode::ModelNotFound;
                    assert!(allowed, "{faults}, {name} {token}: {error}");
                }
            }
            npu.faults("");
            let metrics = engine.metrics();
            assert_eq!(metrics.completed + metrics.failed, metrics.submitted, "{faults}, {name}");
        }
    }
}

/// Faults as they come upon a working device.
const FAULTS: [&str; 9] = [
    "compile_failure",
    "compile_failure=2",
    "lost_after=2",
    "lost_after=2,back_after_ms=50",
    "hang_after=2",
    "oom",
    "inference_failure",
    "slow_us=200,slow_compile_ms=5",
    "absent",
];

/// Operations of each load.
fn load_size() -> usize {
    let given = std::env::var("NPUBRIDGE_LOAD").ok();
    given.map_or(if is_heavy() { 10_000 } else { 1_500 }, |text| text.parse().expect("a number"))
}

/// When a fault begins.
enum When {
    /// Before anything is loaded.
    First,
    /// When everything runs on the NPU, and once more in the middle of the load.
    Later,
}

/// Ten thousand operations of every kind with a fault: each is answered once and as it should be, what fell back says
/// so, the NPU is used again when it works, and nothing is left behind.
fn survives(faults: &str, when: &When) -> Option<load::Outcome> {
    survives_load(load_size(), faults, when)
}

fn survives_load(count: usize, faults: &str, when: &When) -> Option<load::Outcome> {
    let npu = Npu::take()?;
    let before = threads().len();
    let requests = npu.count("requests");
    let world = load::World::make(npu.folder.path());
    let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
        // Longer than this machine may keep a thread waiting.
        hang_after: Duration::from_secs(1),
        ..config
    });
    let outcome = under_load(&npu, &engine, &world, count, (faults, when));
    let metrics = engine.metrics();
    assert_eq!(metrics.completed + metrics.failed, metrics.submitted);
    assert!(metrics.fallbacks >= outcome.fallbacks, "{}", metrics.fallbacks);
    assert_eq!((metrics.queue_depth, metrics.running), (0, 0));

    npu.faults("");
    recovers(&engine, &world);
    let stopping = Instant::now();
    engine.shutdown(Duration::from_secs(1));
    assert!(stopping.elapsed() < Duration::from_secs(4), "{:?}", stopping.elapsed());
    threads_end(before);
    let left = npu.count("requests") - requests;
    assert!(left <= metrics.abandoned, "{left} requests are left, {} abandoned", metrics.abandoned);
    Some(outcome)
}

/// A load of two halves, with the fault as it comes upon them.
fn under_load(
    npu: &Npu,
    engine: &Engine,
    world: &load::World,
    count: usize,
    (faults, when): (&str, &When),
) -> load::Outcome {
    if matches!(when, When::Later) {
        on_npu(engine, tiny(&world.fixed, 0));
        on_npu(engine, tiny(&world.rows, 0));
    }
    let started = Instant::now();
    npu.faults(faults);
    let mut outcome = world.load(engine, count / 2, 1);
    if matches!(when, When::Later) {
        npu.faults(faults);
    }
    let second = world.load(engine, count - count / 2, 2);
    let took = started.elapsed();
    outcome.fallbacks += second.fallbacks;
    for (device, count) in second.on {
        *outcome.on.entry(device).or_default() += count;
    }
    let metrics = engine.metrics();
    eprintln!(
        "{faults}: {took:?}, on {:?}, {} fallbacks, {} retries, {} abandoned, errors {:?} {:?}",
        outcome.on,
        outcome.fallbacks,
        metrics.retries,
        metrics.abandoned,
        outcome.errors,
        second.errors
    );
    outcome
}

/// The NPU, which works again, is used again, and what is unloaded gives back all that it had.
fn recovers(engine: &Engine, world: &load::World) {
    if engine.health().status == "ok" {
        // A compiler that failed this long is asked again only after a while, unless the model is loaded anew.
        drop(simply(engine, unload(&world.fixed)).answer());
    }
    comes_back(engine, &world.fixed);
    eventually("all is well", || engine.health().status == "ok");
    for model in [&world.fixed, &world.rows, &world.recurrent, &world.spare] {
        drop(simply(engine, unload(model)).answer());
    }
    // A model that is unloaded while it is compiled for its return takes memory until that is over.
    eventually("the pool is at zero", || {
        let used = engine.metrics().resources;
        let all = [used.system_memory, used.npu_memory, used.npu_slots, used.cpu_cores];
        all.iter().all(|amount| amount.used == 0)
    });
}

/// Waits until there are no more threads than `before`.
fn threads_end(before: usize) {
    let gone = Instant::now();
    while threads().len() > before {
        assert!(gone.elapsed() < SOON, "more than {before} threads: {:?}", threads());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_load_survives_a_compiler_that_fails() {
    let Some(outcome) = survives("compile_failure", &When::First) else { return };
    assert!(outcome.fallbacks > 0 && !outcome.on.contains_key("NPU"), "{:?}", outcome.on);
}

#[test]
fn a_load_survives_a_compiler_that_fails_now_and_then() {
    let Some(outcome) = survives("compile_failure=3", &When::Later) else { return };
    assert!(outcome.on["NPU"] > 0, "{:?}", outcome.on);
}

#[test]
fn a_load_survives_a_device_that_is_lost_and_comes_back() {
    let Some(outcome) = survives("lost_after=100,back_after_ms=200", &When::Later) else { return };
    assert!(outcome.fallbacks > 0 && outcome.on["NPU"] > 0, "{:?}", outcome.on);
}

#[test]
fn a_load_survives_a_device_that_is_lost_for_good() {
    let Some(outcome) = survives("lost_after=100", &When::Later) else { return };
    assert!(outcome.fallbacks > 0 && outcome.on["NPU"] > 0, "{:?}", outcome.on);
}

#[test]
fn a_load_survives_a_device_that_hangs() {
    let Some(outcome) = survives("hang_after=200", &When::Later) else { return };
    assert!(outcome.fallbacks > 0 && outcome.on["NPU"] > 0, "{:?}", outcome.on);
}

#[test]
fn a_load_survives_a_device_without_memory() {
    let Some(outcome) = survives("oom", &When::First) else { return };
    assert!(outcome.fallbacks > 0 && !outcome.on.contains_key("NPU"), "{:?}", outcome.on);
}

#[test]
fn a_load_survives_a_device_that_runs_out_of_memory_at_times() {
    let Some(outcome) = survives("oom=5", &When::Later) else { return };
    assert!(outcome.on["NPU"] > 0, "{:?}", outcome.on);
}

#[test]
fn a_load_survives_inferences_that_fail() {
    let Some(outcome) = survives("inference_failure", &When::Later) else { return };
    assert!(outcome.fallbacks > 0, "{:?}", outcome.on);
}

#[test]
fn a_load_survives_inferences_that_fail_now_and_then() {
    // As long as a device rests altogether that fails when it is tried: ten thousand may be over before.
    let count = 4 * load_size();
    let Some(outcome) = survives_load(count, "inference_failure=5", &When::Later) else { return };
    // A small load may be over before the device is back.
    assert!(outcome.on.contains_key("NPU") || !is_heavy(), "{:?}", outcome.on);
}

#[test]
fn a_load_survives_a_slow_device() {
    let Some(outcome) = survives("slow_us=300,slow_compile_ms=20", &When::Later) else { return };
    assert_eq!(outcome.fallbacks, 0);
}

#[test]
fn a_load_survives_an_absent_device() {
    let Some(outcome) = survives("absent", &When::First) else { return };
    assert!(outcome.fallbacks > 0 && !outcome.on.contains_key("NPU"), "{:?}", outcome.on);
}
