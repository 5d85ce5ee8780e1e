//! The whole engine on an emulated NPU that fails, with the real CPU to fall back to.
//!
//! Emulated: nothing measured here says anything about an NPU. All tests of this file share one process and one
//! runtime, and take turns.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod common;
#[path = "support/npu.rs"]
mod npu;
mod support;

use npu::Npu;
use npubridge_engine::config::{Batching, Breaker, Config, Profile, Resources};
use npubridge_engine::engine::Engine;
use npubridge_engine::operation::{Fallback, Operation, OperationResult, Options};
use npubridge_engine::tensor::Tensor;
use npubridge_engine::{ErrorCode, runtime};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::*;

fn tiny(model: &Path, seed: usize) -> Operation {
    infer(model, &[("x", rows(1, 64, seed))])
}

fn product(size: usize) -> Operation {
    let ones = Tensor::from_f32(&[size, size], &vec![1.0; size * size]).unwrap();
    Operation::matrix_multiply(ones.clone(), ones).unwrap()
}

fn ran_on(result: &OperationResult) -> &str {
    result.device.as_deref().unwrap_or("nothing")
}

fn fallback(result: &OperationResult) -> &Arc<Fallback> {
    result.fallback.as_ref().unwrap_or_else(|| panic!("no fallback in {result:?}"))
}

/// Runs an operation that must be the NPU's.
fn on_npu(engine: &Engine, operation: Operation) {
    let result = simply(engine, operation).answer();
    assert_eq!(ran_on(&result), "NPU", "{result:?}");
    assert_eq!(result.fallback, None);
    result.outcome.unwrap();
}

/// Runs inferences until one ran on the NPU as its first choice.
fn comes_back(engine: &Engine, model: &Path) {
    eventually("the model is back on the NPU", || {
        let result = simply(engine, tiny(model, 0)).answer();
        assert!(result.outcome.is_ok(), "{result:?}");
        ran_on(&result) == "NPU" && result.fallback.is_none()
    });
}

#[test]
fn without_faults_everything_runs_on_the_npu_without_a_fallback() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    on_npu(&engine, product(3));
    assert_eq!(engine.metrics().fallbacks, 0);
}

#[test]
fn a_model_that_the_npu_cannot_compile_runs_on_the_cpu_and_says_so() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    npu.faults("compile_failure");
    let result = simply(&engine, tiny(&model, 0)).answer();
    assert_eq!(ran_on(&result), "CPU");
    let fell = fallback(&result);
    assert_eq!((&*fell.from, &*fell.to), ("NPU", "CPU"));
    assert!(fell.reason.contains("Compilation failed"), "{}", fell.reason);
    assert_eq!(engine.metrics().fallbacks, 1);
    assert_eq!(engine.health().status, "ok", "one model that does not compile is no broken device");
    npu.faults("");
    comes_back(&engine, &model);
}

#[test]
fn a_shape_that_the_npu_cannot_compile_later_moves_the_model_to_the_cpu() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    assert_eq!(ran_on(&simply(&engine, product(2)).answer()), "NPU");
    npu.faults("compile_failure");
    let result = simply(&engine, product(3)).answer();
    assert_eq!(ran_on(&result), "CPU", "{result:?}");
    assert_eq!(&*fallback(&result).from, "NPU");
    assert!(fallback(&result).reason.contains("Compilation failed"));
    assert_eq!(values(result), [3.0; 9]);
}

#[test]
fn a_shape_that_no_device_takes_is_told_and_the_model_stays_in_service() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU"], |config| config);
    on_npu(&engine, product(2));
    npu.faults("compile_failure=1");
    let error = simply(&engine, product(3)).error();
    assert!(error.cause().unwrap().contains("Compilation failed"), "{error}");
    simply(&engine, product(2)).answer().outcome.unwrap();
    simply(&engine, product(3)).answer().outcome.unwrap();
}

#[test]
fn a_lost_npu_is_replaced_by_the_cpu_and_taken_back_when_it_works_again() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("lost_after=5");
    let asked: Vec<_> = (0..100).map(|seed| simply(&engine, tiny(&model, seed))).collect();
    let results: Vec<_> = asked.into_iter().map(Asked::answer).collect();
    assert!(results.iter().all(|result| result.outcome.is_ok()));
    let fell: Vec<_> = results.iter().filter_map(|result| result.fallback.as_ref()).collect();
    assert!(fell.len() >= 90, "{}", fell.len());
    assert!(fell.iter().all(|fell| &*fell.from == "NPU" && fell.reason.contains("NPU")));
    assert_eq!(engine.metrics().fallbacks, fell.len() as u64);
    assert!(engine.metrics().retries > 0);
    let health = engine.health();
    assert_eq!((health.status, health.devices[0].state), ("degraded", "suspended"));
    npu.faults("");
    comes_back(&engine, &model);
    assert_eq!(engine.health().status, "ok");
}

#[test]
fn models_return_however_quickly_the_npu_is_back() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
        breaker: Breaker { pause: Duration::from_millis(1), ..config.breaker },
        ..config
    });
    let models: Vec<_> = (0..4).map(|index| npu.model(&format!("m{index}"))).collect();
    for round in 0..10 {
        for model in &models {
            simply(&engine, tiny(model, round)).answer().outcome.unwrap();
        }
        npu.faults("lost_after=0,back_after_ms=1");
        for model in &models {
            simply(&engine, tiny(model, round)).answer().outcome.unwrap();
        }
        models.iter().for_each(|model| comes_back(&engine, model));
    }
}

#[test]
fn a_model_whose_loading_outlasts_its_device_is_loaded_elsewhere() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
        breaker: Breaker { pause: Duration::from_secs(20), ..config.breaker },
        ..config
    });
    let (first, second) = (npu.model("first"), npu.model("second"));
    on_npu(&engine, tiny(&first, 0));
    npu.faults("slow_compile_ms=300,lost_after=0");
    let slow = simply(&engine, tiny(&second, 0));
    std::thread::sleep(Duration::from_millis(100));
    simply(&engine, tiny(&first, 0)).answer().outcome.unwrap();
    let result = slow.answer();
    assert!(result.outcome.is_ok(), "{result:?}");
    assert_eq!(ran_on(&result), "CPU");
    assert_eq!(&*fallback(&result).from, "NPU");
}

#[test]
fn a_shape_whose_compilation_outlasts_its_device_is_not_taken_for_another_ones() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
        breaker: Breaker { pause: Duration::from_secs(20), ..config.breaker },
        ..config
    });
    on_npu(&engine, product(2));
    npu.faults("slow_compile_ms=300,lost_after=0,back_after_ms=1");
    let slow = simply(&engine, product(3));
    std::thread::sleep(Duration::from_millis(100));
    // Loses the device, and with it the model, which is loaded on the CPU at once.
    simply(&engine, product(2)).answer().outcome.unwrap();
    let result = slow.answer();
    assert!(result.outcome.is_ok(), "{result:?}");
    let failed = npu.count("failed_inferences");
    let result = simply(&engine, product(3)).answer();
    assert_eq!(ran_on(&result), "CPU");
    assert_eq!(values(result), [3.0; 9]);
    assert_eq!(npu.count("failed_inferences"), failed, "run on the NPU in the name of the CPU");
}

#[test]
fn a_single_device_recovers_without_another_to_fall_back_to() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU"], |config| config);
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("lost_after=0,back_after_ms=100");
    let error = simply(&engine, tiny(&model, 0)).error();
    assert!(
        matches!(error.code(), ErrorCode::DeviceLost | ErrorCode::DeviceUnavailable),
        "{error}"
    );
    eventually("it works again", || simply(&engine, tiny(&model, 0)).answer().outcome.is_ok());
}

#[test]
fn an_inference_that_hangs_is_abandoned_in_time_although_nothing_else_happens() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    std::thread::sleep(Duration::from_millis(300));
    npu.faults("hang_after=0");
    let started = Instant::now();
    let result = simply(&engine, tiny(&model, 0)).answer();
    let took = started.elapsed();
    assert!(result.outcome.is_ok(), "{result:?}");
    assert_eq!(ran_on(&result), "CPU");
    assert!(fallback(&result).reason.contains("did not end within"), "{result:?}");
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(5), "{took:?}");
    assert_eq!(engine.metrics().abandoned, 1, "what hangs is not tried on the same device again");
    npu.faults("");
    comes_back(&engine, &model);
}

#[test]
fn a_hung_inference_is_answered_although_its_model_was_unloaded_meanwhile() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("hang_after=0");
    let hung = simply(&engine, tiny(&model, 0));
    std::thread::sleep(Duration::from_millis(50));
    simply(&engine, unload(&model)).answer().outcome.unwrap();
    let result = hung.answer();
    assert!(result.outcome.is_ok(), "{result:?}");
}

#[test]
fn a_device_that_hangs_keeps_workers_for_what_is_loaded_anew_meanwhile() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("hang_after=0");
    let hung = simply(&engine, tiny(&model, 0));
    std::thread::sleep(Duration::from_millis(50));
    simply(&engine, unload(&model)).answer().outcome.unwrap();
    let next: Vec<_> = (0..3).map(|_| simply(&engine, tiny(&model, 0))).collect();
    hung.answer().outcome.unwrap();
    next.into_iter().for_each(|asked| drop(asked.answer().outcome.unwrap()));
}

#[test]
fn a_device_that_hangs_holds_up_neither_loading_nor_shutting_down() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("hang_after=0");
    let first: Vec<_> = (0..2).map(|_| simply(&engine, Operation::Initialize)).collect();
    let hung = simply(&engine, tiny(&model, 0));
    // Long enough for the device to be given up, and to be tried again in vain.
    std::thread::sleep(Duration::from_millis(1200));
    for index in 0..3 {
        let other = npu.model(&format!("other{index}"));
        let loaded = simply(&engine, load(&other)).is_answered_within(Duration::from_secs(10));
        loaded.expect("loading is held up").outcome.unwrap();
    }
    hung.answer().outcome.unwrap();
    for asked in first {
        let result = asked.answer();
        assert_eq!(&*fallback(&result).from, "NPU");
        assert_eq!(report(result)["device"], "CPU");
    }
    let started = Instant::now();
    engine.shutdown(Duration::ZERO);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[test]
fn shutting_down_answers_what_hangs_and_what_is_only_slow() {
    for faults in ["hang_after=0", "slow_us=2500000"] {
        let Some(npu) = Npu::take() else { return };
        let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
            hang_after: Duration::from_secs(30),
            ..config
        });
        let model = npu.model("m");
        on_npu(&engine, tiny(&model, 0));
        npu.faults(faults);
        let asked: Vec<_> = (0..6).map(|_| simply(&engine, tiny(&model, 0))).collect();
        std::thread::sleep(Duration::from_millis(50));
        let started = Instant::now();
        engine.shutdown(Duration::from_millis(100));
        let took = started.elapsed();
        assert!(took < Duration::from_secs(3), "{faults}: {took:?}");
        for asked in asked {
            let result = asked.is_answered_within(Duration::ZERO);
            let error = result.expect("answered when shutdown returned").outcome.unwrap_err();
            assert_eq!(error.code(), ErrorCode::Cancelled, "{faults}: {error}");
        }
    }
}

#[test]
fn shutting_down_answers_what_waits_for_a_compiler() {
    let Some(npu) = Npu::take() else { return };
    let before = threads().len();
    let engine = npu.engine();
    on_npu(&engine, product(2));
    npu.faults("slow_compile_ms=2500");
    let (first, second) = (npu.model("first"), npu.model("second"));
    let asked = [
        simply(&engine, load(&first)),
        simply(&engine, load(&second)),
        simply(&engine, load(&npu.model("third"))),
        simply(&engine, tiny(&first, 0)),
        simply(&engine, product(3)),
        simply(&engine, unload(&first)),
    ];
    std::thread::sleep(Duration::from_millis(50));
    let started = Instant::now();
    engine.shutdown(Duration::from_millis(50));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    for (index, asked) in asked.into_iter().enumerate() {
        let result = asked.is_answered_within(Duration::ZERO);
        let result = result.unwrap_or_else(|| panic!("operation {index} was not answered"));
        assert_eq!(result.outcome.unwrap_err().code(), ErrorCode::Cancelled, "{index}");
    }
    // The compilations end by themselves; then nothing may be left.
    eventually("no thread is left", || threads().len() <= before);
}

#[test]
fn a_load_is_cancelled_at_once_however_long_the_compiler_takes() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    npu.faults("slow_compile_ms=2000");
    let model = npu.model("m");
    let asked = simply(&engine, load(&model));
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    assert!(engine.cancel(asked.ticket.unwrap()));
    assert_eq!(asked.code(), ErrorCode::Cancelled);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[test]
fn memory_that_runs_out_sends_the_model_to_the_cpu_until_there_is_some() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    npu.faults("oom");
    let result = simply(&engine, tiny(&model, 0)).answer();
    assert_eq!(ran_on(&result), "CPU");
    assert!(fallback(&result).reason.contains("OUT_OF_DEVICE_MEMORY"), "{result:?}");
    npu.faults("");
    comes_back(&engine, &model);
}

#[test]
fn a_single_failure_of_the_npu_is_tried_again_there() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("inference_failure=1");
    let result = simply(&engine, tiny(&model, 0)).answer();
    assert_eq!(ran_on(&result), "NPU");
    assert_eq!(result.fallback, None);
    result.outcome.unwrap();
    assert_eq!(engine.metrics().retries, 1);
    assert_eq!(engine.health().status, "ok");
}

#[test]
fn an_npu_that_keeps_failing_is_taken_out_of_service() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("inference_failure");
    let result = simply(&engine, tiny(&model, 0)).answer();
    assert!(result.outcome.is_ok(), "{result:?}");
    assert_eq!(ran_on(&result), "CPU");
    assert_eq!(&*fallback(&result).from, "NPU");
    assert_eq!(engine.health().status, "degraded");
    npu.faults("");
    comes_back(&engine, &model);
}

#[test]
fn an_npu_that_is_not_there_is_used_when_it_comes() {
    let Some(npu) = Npu::take() else { return };
    npu.faults("absent");
    let engine = npu.engine();
    let model = npu.model("m");
    let result = simply(&engine, tiny(&model, 0)).answer();
    assert_eq!(ran_on(&result), "CPU");
    assert_eq!(&*fallback(&result).from, "NPU");
    npu.faults("");
    comes_back(&engine, &model);
}

#[test]
fn deadlines_come_in_time_while_the_device_is_busy() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("slow_us=200000");
    let busy: Vec<_> = (0..4).map(|_| simply(&engine, tiny(&model, 0))).collect();
    std::thread::sleep(Duration::from_millis(20));
    let started = Instant::now();
    let asked: Vec<_> =
        (0..5).map(|_| ask(&engine, tiny(&model, 0), within(Duration::from_millis(50)))).collect();
    for asked in asked {
        assert_eq!(asked.code(), ErrorCode::DeadlineExceeded);
    }
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(50) && took < Duration::from_millis(150), "{took:?}");
    busy.into_iter().for_each(|asked| drop(asked.answer().outcome.unwrap()));
}

#[test]
fn what_runs_on_a_device_that_cannot_cancel_is_answered_as_cancelled_when_it_ends() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("slow_us=200000");
    let running = simply(&engine, tiny(&model, 0));
    std::thread::sleep(Duration::from_millis(50));
    let started = Instant::now();
    assert!(engine.cancel(running.ticket.unwrap()));
    let result = running.answer();
    assert_eq!(result.outcome.unwrap_err().code(), ErrorCode::Cancelled);
    assert!(started.elapsed() >= Duration::from_millis(100), "{:?}", started.elapsed());
    npu.faults("");
    on_npu(&engine, tiny(&model, 0));
}

#[test]
fn a_step_cancelled_while_it_runs_leaves_its_stream_as_it_was() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = ir::recurrent(npu.folder.path(), "recurrent");
    let ones = || Tensor::from_f32(&[1, 4], &[1.0; 4]).unwrap();
    for last in [false, true] {
        let next = |last| step(&model, "s", last, &[("x", ones())]);
        assert_eq!(simply(&engine, next(false)).values(), [2.0; 4]);
        npu.faults("slow_us=200000");
        let running = simply(&engine, next(last));
        std::thread::sleep(Duration::from_millis(50));
        engine.cancel(running.ticket.unwrap());
        assert_eq!(running.code(), ErrorCode::Cancelled);
        npu.faults("");
        assert_eq!(simply(&engine, next(true)).values(), [4.0; 4], "last: {last}");
    }
}

#[test]
fn as_many_workers_as_are_idle_take_up_what_is_submitted_at_once() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
        profile: Profile::Throughput,
        hang_after: Duration::from_secs(30),
        ..config
    });
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    std::thread::sleep(Duration::from_millis(50));
    npu.faults("slow_us=300000");
    let tally = Tally::new(4, true);
    let submissions =
        (0..4).map(|index| tally.submission(index, tiny(&model, index), Options::default()));
    engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
    tally.wait();
    // The device runs one after the other, but has all of them.
    for (_, result) in tally.take() {
        assert!(result.times.queue < 200_000_000, "waited for {} ns", result.times.queue);
    }
}

#[test]
fn a_stream_goes_on_from_device_to_device_without_losing_its_state() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = ir::recurrent(npu.folder.path(), "recurrent");
    let ones = || Tensor::from_f32(&[1, 4], &[1.0; 4]).unwrap();
    let mut devices = HashMap::new();
    for round in 0..6 {
        let asked: Vec<_> = (0..18)
            .map(|index| {
                if index == 6 {
                    npu.faults(["lost_after=2,back_after_ms=30", "hang_after=3"][round % 2]);
                }
                simply(&engine, step(&model, "s", index == 17, &[("x", ones())]))
            })
            .collect();
        let mut state = 0.0;
        for asked in asked {
            let result = asked.answer();
            *devices.entry(ran_on(&result).to_owned()).or_insert(0) += 1;
            state = state + state + 1.0;
            assert_eq!(values(result), [state + 1.0; 4]);
        }
        npu.faults("");
        eventually("the NPU is back", || engine.health().status == "ok");
    }
    assert_eq!(devices.len(), 2, "{devices:?}");
}

#[test]
fn what_keeps_failing_is_tried_three_times_more_and_says_so() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU"], |config| config);
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("inference_failure");
    let failed = npu.count("failed_inferences");
    let error = simply(&engine, tiny(&model, 0)).error();
    assert!(error.message().ends_with("(tried 4 times)"), "{error}");
    assert_eq!(npu.count("failed_inferences") - failed, 4);
    assert_eq!(engine.metrics().retries, 3);
}

#[test]
fn nothing_is_tried_again_after_its_deadline() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU"], |config| Config {
        hang_after: Duration::from_millis(300),
        ..config
    });
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("hang_after=0");
    let started = Instant::now();
    let asked = ask(&engine, tiny(&model, 0), within(Duration::from_millis(100)));
    let error = asked.error();
    assert_eq!(error.code(), ErrorCode::DeadlineExceeded, "{error}");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn breakers_are_seen_to_open_and_to_close() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    let breaker = |name: &str| engine.metrics().breakers[name].clone();
    assert_eq!((breaker("NPU").state, breaker("NPU").opened), ("closed", 0));
    // The device compiles again while it is tried, but takes its time.
    npu.faults("lost_after=0,back_after_ms=1,slow_compile_ms=300");
    simply(&engine, tiny(&model, 0)).answer().outcome.unwrap();
    eventually("the device is being tried", || breaker("NPU").state == "half-open");
    assert!(breaker("NPU").reason.unwrap().contains("DEVICE_LOST"));
    assert!(engine.metrics_text().contains(r#"{device="NPU",state="half-open"} 1"#));
    npu.faults("");
    comes_back(&engine, &model);
    assert_eq!((breaker("NPU").state, breaker("NPU").reason), ("closed", None));
    assert_eq!((breaker("NPU").opened, breaker("CPU").opened), (1, 0));
}

#[test]
fn compiled_models_are_kept_by_device_driver_and_runtime_and_used_again() {
    let Some(npu) = Npu::take() else { return };
    let cache = npu.folder.path().join("cache");
    let model = npu.model("m");
    let run = || {
        let engine = npu
            .engine_with(&["NPU", "CPU"], |config| Config { cache: Some(cache.clone()), ..config });
        let result = simply(&engine, tiny(&model, 7)).answer();
        assert_eq!(ran_on(&result), "NPU");
        values(result)
    };
    let kept = || -> Vec<(PathBuf, std::time::SystemTime)> {
        let folders: Vec<_> = std::fs::read_dir(&cache).unwrap().flatten().collect();
        assert_eq!(folders.len(), 1, "{folders:?}");
        let name = folders[0].file_name().into_string().unwrap();
        let version = &runtime::loaded().unwrap().version;
        for part in ["NPU-3720-1751328000-", &version[..9]] {
            assert!(name.contains(part), "{name}");
        }
        let files = std::fs::read_dir(folders[0].path()).unwrap().flatten();
        let blobs = files.filter(|file| file.path().extension().is_some_and(|e| e == "blob"));
        blobs.map(|file| (file.path(), file.metadata().unwrap().modified().unwrap())).collect()
    };
    let first = run();
    let blobs = kept();
    assert_eq!(blobs.len(), 1, "{blobs:?}");
    assert_eq!(run(), first);
    assert_eq!(kept(), blobs, "it was compiled again");
    let other = npu.engine_with(&["NPU"], |config| Config { cache: Some(cache.clone()), ..config });
    simply(&other, load(&ir::sized(npu.folder.path(), "other", 1, 32, 16)))
        .answer()
        .outcome
        .unwrap();
    assert_eq!(kept().len(), 2);
}

#[test]
fn fixed_shapes_are_compiled_for_a_ladder_of_sizes_and_filled_up() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU"], |config| Config {
        batching: Batching { adaptive: false, ..Batching::default() }.preferring(&[6, 12]),
        ..config
    });
    let model = ir::tiny(npu.folder.path(), "rows");
    learns_to_stack(&engine, |seed| infer(&model, &[("x", rows(1, 64, seed))]));
    let expected: Vec<Vec<f32>> = (0..13)
        .map(|count| simply(&engine, infer(&model, &[("x", rows(count + 1, 64, count))])).values())
        .collect();
    // For 1, 2, 4, 6, 8, 12 and 16 rows.
    let compiles = npu.count("compiles");
    for (count, expected) in expected.iter().enumerate() {
        assert_eq!(expected.len(), 128 * (count + 1));
        let again = simply(&engine, infer(&model, &[("x", rows(count + 1, 64, count))])).values();
        assert_eq!(&again, expected);
    }
    assert_eq!(npu.count("compiles"), compiles, "all sizes were compiled for");
    let alone = simply(&engine, infer(&model, &[("x", rows(13, 64, 0))])).values();
    let single = Tensor::from_f32(&[1, 64], &rows(13, 64, 0).as_f32().unwrap()[..64]).unwrap();
    let first = simply(&engine, infer(&model, &[("x", single)])).values();
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * b.abs().max(1.0);
    assert!(alone[..128].iter().zip(&first).all(near), "a row depends on how it was filled up");
}

/// Bytes that a model is charged with.
fn size_of(model: &Path) -> u64 {
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    size(model) + size(&model.with_extension("bin"))
}

fn with_npu_memory(config: Config, bytes: u64) -> Config {
    Config { resources: Resources { npu_memory: Some(bytes), ..config.resources }, ..config }
}

#[test]
fn a_model_too_large_for_the_npu_is_refused_there_with_need_and_limit() {
    let Some(npu) = Npu::take() else { return };
    let model = npu.model("m");
    let (need, limit) = (size_of(&model), size_of(&model) - 1);
    let told = |text: &str| text.contains(&need.to_string()) && text.contains(&limit.to_string());
    let engine = npu.engine_with(&["NPU"], |config| with_npu_memory(config, limit));
    let started = Instant::now();
    let error = simply(&engine, load(&model)).error();
    assert_eq!(error.code(), ErrorCode::ResourceExhausted);
    assert!(told(error.message()), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2));
    drop(engine);
    let engine = npu.engine_with(&["NPU", "CPU"], |config| with_npu_memory(config, limit));
    let result = simply(&engine, tiny(&model, 0)).answer();
    assert_eq!(ran_on(&result), "CPU");
    assert!(told(&fallback(&result).reason), "{result:?}");
    let resources = engine.metrics().resources;
    assert_eq!((resources.npu_memory.used, resources.npu_memory.limit), (0, Some(limit)));
    assert_eq!(resources.system_memory.used, need);
}

#[test]
fn idle_models_leave_the_npu_for_others_the_longest_idle_first() {
    let Some(npu) = Npu::take() else { return };
    let models: Vec<_> = (0..3).map(|index| npu.model(&format!("m{index}"))).collect();
    let limit = size_of(&models[0]) * 5 / 2;
    let engine = npu.engine_with(&["NPU", "CPU"], |config| with_npu_memory(config, limit));
    for index in [0, 1, 0, 2] {
        on_npu(&engine, tiny(&models[index], 0));
        assert!(engine.metrics().resources.npu_memory.used <= limit);
    }
    let mut loaded = engine.health().models;
    loaded.sort();
    assert_eq!(loaded, [models[0].to_str().unwrap(), models[2].to_str().unwrap()]);
}

#[test]
fn a_model_waits_for_the_memory_of_the_only_device_and_runs_elsewhere_where_it_can() {
    let Some(npu) = Npu::take() else { return };
    let models: Vec<_> = (0..2).map(|index| npu.model(&format!("m{index}"))).collect();
    let limit = size_of(&models[0]) * 3 / 2;
    for devices in [&["NPU"][..], &["NPU", "CPU"]] {
        npu.faults("");
        let engine = npu.engine_with(devices, |config| Config {
            hang_after: Duration::from_secs(20),
            ..with_npu_memory(config, limit)
        });
        on_npu(&engine, tiny(&models[0], 0));
        npu.faults("slow_us=700000");
        let busy = simply(&engine, tiny(&models[0], 0));
        std::thread::sleep(Duration::from_millis(100));
        let started = Instant::now();
        let result = simply(&engine, load(&models[1])).answer();
        let waited = started.elapsed() > Duration::from_millis(300);
        assert_eq!((ran_on(&result), waited), [("NPU", true), ("CPU", false)][devices.len() - 1]);
        result.outcome.unwrap();
        busy.answer().outcome.unwrap();
        npu.faults("");
        // What ran elsewhere comes back when there is room.
        drop(simply(&engine, unload(&models[0])).answer());
        comes_back(&engine, &models[1]);
        assert!(engine.metrics().resources.npu_memory.used <= limit);
    }
}

#[test]
fn the_npu_has_the_memory_it_tells_and_as_many_inferences_as_it_is_allowed() {
    let Some(npu) = Npu::take() else { return };
    let slots = |slots| {
        let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
            profile: Profile::Throughput,
            resources: Resources { npu_slots: slots, ..config.resources },
            hang_after: Duration::from_secs(20),
            ..config
        });
        let model = npu.model("m");
        on_npu(&engine, tiny(&model, 0));
        npu.faults("slow_us=100000");
        let busy: Vec<_> = (0..6).map(|_| simply(&engine, tiny(&model, 0))).collect();
        std::thread::sleep(Duration::from_millis(50));
        let resources = engine.metrics().resources;
        busy.into_iter().for_each(|asked| drop(asked.answer().outcome.unwrap()));
        npu.faults("");
        assert_eq!(resources.npu_memory.limit, Some(17_179_869_184));
        eventually("no slot is taken", || engine.metrics().resources.npu_slots.used == 0);
        (resources.npu_slots.used, resources.npu_slots.limit)
    };
    assert_eq!(slots(None), (4, Some(4)), "as many as the device wants");
    assert_eq!(slots(Some(2)), (2, Some(2)));
}

#[derive(Debug, Clone)]
enum PoolStep {
    Load(usize),
    Unload(usize),
    Infer(usize),
    Cancelled(usize),
    Fault(&'static str),
    Pause,
}

fn pool_step() -> impl Strategy<Value = PoolStep> {
    let faults = proptest::sample::select(vec![
        "",
        "compile_failure",
        "compile_failure=2",
        "oom",
        "oom=1",
        "inference_failure=3",
        "lost_after=1,back_after_ms=20",
        "lost_after=0",
        "absent",
        "slow_us=20000,slow_compile_ms=20",
    ]);
    prop_oneof![
        2 => (0..4_usize).prop_map(PoolStep::Load),
        1 => (0..4_usize).prop_map(PoolStep::Unload),
        4 => (0..4_usize).prop_map(PoolStep::Infer),
        1 => (0..4_usize).prop_map(PoolStep::Cancelled),
        2 => faults.prop_map(PoolStep::Fault),
        1 => Just(PoolStep::Pause),
    ]
}

/// Whatever is loaded, run, cancelled and unloaded on a device that fails in whatever way, no more is taken than there
/// is, and nothing stays taken when all is unloaded.
#[test]
fn nothing_of_the_pool_is_lost_or_taken_twice() {
    let Some(npu) = Npu::take() else { return };
    let mut models: Vec<_> = (0..3).map(|index| npu.model(&format!("m{index}"))).collect();
    // One that is not to be had: all that was set aside for it must be free again.
    models.push(npu.folder.path().join("broken.xml"));
    std::fs::write(&models[3], "<net").unwrap();
    let one = size_of(&models[0]);
    let cases = if is_heavy() { 150 } else { 12 };
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20,
        ..ProptestConfig::default()
    });
    let steps = proptest::collection::vec(pool_step(), 1..40);
    let limits = (one * 3 / 2..one * 4, one * 3 / 2..one * 4);
    let outcome = runner.run(&(steps, limits, any::<bool>()), |(steps, (all, on_npu), evict)| {
        npu.faults("");
        let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
            resources: Resources {
                memory: all,
                npu_memory: Some(on_npu),
                evict_idle: evict,
                ..config.resources
            },
            ..config
        });
        let mut asked = Vec::new();
        for step in steps {
            match step {
                PoolStep::Load(index) => asked.push(simply(&engine, load(&models[index]))),
                PoolStep::Unload(index) => asked.push(simply(&engine, unload(&models[index]))),
                PoolStep::Infer(index) => asked.push(simply(&engine, tiny(&models[index], index))),
                PoolStep::Cancelled(index) => {
                    let each = simply(&engine, tiny(&models[index], index));
                    each.ticket.iter().for_each(|ticket| _ = engine.cancel(*ticket));
                    asked.push(each);
                }
                PoolStep::Fault(faults) => npu.faults(faults),
                PoolStep::Pause => std::thread::sleep(Duration::from_millis(10)),
            }
            let used = engine.metrics().resources;
            prop_assert!(used.system_memory.used <= all, "{used:?}");
            prop_assert!(used.npu_memory.used <= on_npu, "{used:?}");
        }
        for each in asked {
            prop_assert!(each.is_answered_within(SOON).is_some(), "never answered");
        }
        npu.faults("");
        eventually("all is free", || {
            models.iter().for_each(|model| drop(simply(&engine, unload(model)).answer()));
            let used = engine.metrics().resources;
            [used.system_memory, used.npu_memory, used.npu_slots, used.cpu_cores]
                .iter()
                .all(|amount| amount.used == 0)
        });
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

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

/// Whether the tests are to take their time.
fn is_heavy() -> bool {
    std::env::var_os("NPUBRIDGE_HEAVY").is_some()
}

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
    let npu = Npu::take()?;
    let before = threads().len();
    let requests = npu.count("requests");
    let abandoned_before = requests;
    let world = load::World::make(npu.folder.path());
    let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
        // Longer than this machine may keep a thread waiting.
        hang_after: Duration::from_secs(1),
        ..config
    });
    if matches!(when, When::Later) {
        on_npu(&engine, tiny(&world.fixed, 0));
        on_npu(&engine, tiny(&world.rows, 0));
    }
    let started = Instant::now();
    npu.faults(faults);
    let count = load_size();
    let mut outcome = world.load(&engine, count / 2, 1);
    if matches!(when, When::Later) {
        npu.faults(faults);
    }
    let second = world.load(&engine, count - count / 2, 2);
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
    assert_eq!(metrics.completed + metrics.failed, metrics.submitted);
    assert!(metrics.fallbacks >= outcome.fallbacks, "{}", metrics.fallbacks);
    assert_eq!((metrics.queue_depth, metrics.running), (0, 0));

    npu.faults("");
    if engine.health().status == "ok" {
        // A compiler that failed this long is asked again only after a while, unless the model is loaded anew.
        drop(simply(&engine, unload(&world.fixed)).answer());
    }
    comes_back(&engine, &world.fixed);
    eventually("all is well", || engine.health().status == "ok");
    for model in [&world.fixed, &world.rows, &world.recurrent, &world.spare] {
        drop(simply(&engine, unload(model)).answer());
    }
    // A model that is unloaded while it is compiled for its return takes memory until that is over.
    eventually("the pool is at zero", || {
        let used = engine.metrics().resources;
        let all = [used.system_memory, used.npu_memory, used.npu_slots, used.cpu_cores];
        all.iter().all(|amount| amount.used == 0)
    });
    let stopping = Instant::now();
    engine.shutdown(Duration::from_secs(1));
    assert!(stopping.elapsed() < Duration::from_secs(4), "{:?}", stopping.elapsed());
    let gone = Instant::now();
    while threads().len() > before {
        assert!(gone.elapsed() < SOON, "more than {before} threads: {:?}", threads());
        std::thread::sleep(Duration::from_millis(5));
    }
    let left = npu.count("requests") - abandoned_before;
    assert!(left <= metrics.abandoned, "{left} requests are left, {} abandoned", metrics.abandoned);
    Some(outcome)
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
    let Some(outcome) = survives("inference_failure=5", &When::Later) else { return };
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
