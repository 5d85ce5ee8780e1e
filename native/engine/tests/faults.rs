//! The whole engine on an emulated NPU that fails, with the real CPU to fall back to.
//!
//! Emulated: nothing measured here says anything about an NPU. All tests of this file share one process and one
//! runtime, and take turns.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod common;
mod support;

use npubridge_engine::config::{Breaker, Config, Profile};
use npubridge_engine::engine::Engine;
use npubridge_engine::openvino::Core;
use npubridge_engine::operation::{Fallback, Operation, OperationResult, Options};
use npubridge_engine::tensor::Tensor;
use npubridge_engine::{ErrorCode, runtime};
use npubridge_testing::folder;
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int};
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, OnceLock};
use std::time::{Duration, Instant};
use support::*;

/// The emulated device, which tests have one after the other, with a folder for models.
struct Npu {
    library: libloading::Library,
    runtime: PathBuf,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Npu {
    /// `None` where there is no runtime to put between.
    fn take() -> Option<Self> {
        static FOLDER: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
        let turn = turn();
        let folder = FOLDER.get_or_init(make_folder).as_ref()?;
        let loaded = runtime::load(&folder.path().join("runtime")).unwrap();
        // SAFETY: the library is loaded already; this only counts one more user.
        let library = unsafe { libloading::Library::new(&loaded.library) }.unwrap();
        let npu = Self {
            library,
            runtime: loaded.folder.clone(),
            folder: tempfile::tempdir().unwrap(),
            _turn: turn,
        };
        npu.faults("");
        // What an engine of the test before left behind may still keep the device busy.
        runtime::try_device(&Core::new().unwrap(), "NPU").unwrap();
        Some(npu)
    }

    fn faults(&self, text: &str) {
        type Set = unsafe extern "C" fn(*const c_char) -> c_int;
        let c_text = CString::new(text).unwrap();
        // SAFETY: the function of that name has that type and takes a terminated string.
        let status = unsafe {
            self.library.get::<Set>("npubridge_testing_set_faults").unwrap()(c_text.as_ptr())
        };
        assert_eq!(status, 0, "{text}");
    }

    fn count(&self, name: &str) -> u64 {
        type Count = unsafe extern "C" fn(*const c_char) -> u64;
        let name = CString::new(name).unwrap();
        // SAFETY: the function of that name has that type and takes a terminated string.
        unsafe { self.library.get::<Count>("npubridge_testing_count").unwrap()(name.as_ptr()) }
    }

    fn engine(&self) -> Engine {
        self.engine_with(&["NPU", "CPU"], |config| config)
    }

    fn engine_with(&self, devices: &[&str], change: impl FnOnce(Config) -> Config) -> Engine {
        let config =
            Config { runtime: Some(self.runtime.clone()), ..config(devices, self.folder.path()) };
        Engine::start(change(config)).unwrap()
    }

    /// A small model of fixed shape.
    fn model(&self, name: &str) -> PathBuf {
        ir::sized(self.folder.path(), name, 1, 64, 128)
    }
}

impl Drop for Npu {
    fn drop(&mut self) {
        self.faults("");
    }
}

fn make_folder() -> Option<tempfile::TempDir> {
    let real = common::runtime_folder()?;
    let out = tempfile::tempdir().unwrap();
    let interposer = folder::built_interposer().expect("cargo builds the library with its tests");
    folder::make(&real, &interposer, &out.path().join("runtime"), &[]).unwrap();
    Some(out)
}

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
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(5), "{took:?}");
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
fn a_device_that_hangs_holds_up_neither_loading_nor_shutting_down() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("hang_after=0");
    let first: Vec<_> = (0..2).map(|_| simply(&engine, Operation::Initialize)).collect();
    let hung = simply(&engine, tiny(&model, 0));
    // Long enough for the device to be tried again, in vain.
    std::thread::sleep(Duration::from_millis(800));
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
    for faults in ["hang_after=0", "slow_us=4000000"] {
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
    npu.faults("slow_compile_ms=4000");
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
