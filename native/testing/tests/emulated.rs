//! The emulated NPU, through the engine's own wrapper and the ordinary way of loading a runtime.
#![allow(clippy::unwrap_used)]

#[path = "../../engine/tests/common/mod.rs"]
mod common;

use common::{matmul, tensor, values};
use npubridge_engine::openvino::{self, CompiledModel, Core, InferRequest};
use npubridge_engine::{ErrorCode, runtime};
use npubridge_testing::folder;
use std::ffi::{CString, c_char, c_int};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

/// The emulated device, which tests have one after the other.
struct Npu {
    core: Core,
    library: libloading::Library,
    _turn: MutexGuard<'static, ()>,
}

impl Npu {
    /// `None` where there is no runtime to put between.
    fn take() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = FOLDER.get_or_init(|| make_folder("emulated")).as_ref()?;
        let loaded = runtime::load(folder).unwrap();
        // SAFETY: the library is loaded already; this only counts one more user.
        let library = unsafe { libloading::Library::new(&loaded.library) }.unwrap();
        let npu = Self { core: Core::new().unwrap(), library, _turn: turn };
        npu.faults("");
        Some(npu)
    }

    fn faults(&self, text: &str) {
        assert_eq!(self.set_faults(text), 0, "{text}");
    }

    fn set_faults(&self, text: &str) -> c_int {
        type Set = unsafe extern "C" fn(*const c_char) -> c_int;
        let text = CString::new(text).unwrap();
        // SAFETY: the function of that name has that type and takes a terminated string.
        unsafe { self.library.get::<Set>("npubridge_testing_set_faults").unwrap()(text.as_ptr()) }
    }

    fn count(&self, name: &str) -> u64 {
        type Count = unsafe extern "C" fn(*const c_char) -> u64;
        let name = CString::new(name).unwrap();
        // SAFETY: the function of that name has that type and takes a terminated string.
        unsafe { self.library.get::<Count>("npubridge_testing_count").unwrap()(name.as_ptr()) }
    }

    fn compile(&self) -> CompiledModel {
        self.core.compile(&matmul(&self.core, 2, 2, 2), "NPU", &[]).unwrap()
    }

    fn request(&self) -> InferRequest {
        let mut request = self.compile().create_request().unwrap();
        request.set_input(0, &tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0])).unwrap();
        request.set_input(1, &tensor(&[2, 2], &[5.0, 6.0, 7.0, 8.0])).unwrap();
        request
    }
}

fn make_folder(name: &str) -> Option<PathBuf> {
    let real = common::runtime_folder()?;
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let interposer = folder::built_interposer().expect("cargo builds the library with its tests");
    Some(folder::make(&real, &interposer, &out, &[]).unwrap())
}

fn lost(error: &npubridge_engine::Error) -> bool {
    error.code() == ErrorCode::DeviceLost
}

#[test]
fn the_npu_is_listed_and_named_as_emulated() {
    let Some(npu) = Npu::take() else { return };
    assert_eq!(npu.core.available_devices().unwrap(), ["CPU", "NPU"]);
    assert!(openvino::version().unwrap().ends_with("(emulated NPU)"));
    assert!(npu.core.property("NPU", "FULL_DEVICE_NAME").unwrap().contains("emulated"));
    assert_eq!(npu.core.property("NPU", "DEVICE_ARCHITECTURE").unwrap(), "3720");
    // The other device is the real one.
    assert!(!npu.core.property("CPU", "FULL_DEVICE_NAME").unwrap().contains("emulated"));
    let error = npu.core.property("NPU", "INFERENCE_NUM_THREADS").unwrap_err();
    assert!(error.cause().unwrap().contains("Unsupported configuration key"), "{error}");
}

#[test]
fn every_property_it_supports_can_be_read() {
    let Some(npu) = Npu::take() else { return };
    let report = runtime::inspect(&runtime::loaded().unwrap().folder).unwrap();
    let device = report.devices.iter().find(|device| device.name == "NPU").unwrap();
    assert!(device.unreadable.is_empty(), "{:?}", device.unreadable);
    assert_eq!(device.properties["OPTIMAL_NUMBER_OF_INFER_REQUESTS"], "4");
    drop(npu);
}

#[test]
fn it_computes_what_the_cpu_computes() {
    let Some(npu) = Npu::take() else { return };
    let mut request = npu.request();
    request.infer().unwrap();
    assert_eq!(values(&request.output(0).unwrap()), [19.0, 22.0, 43.0, 50.0]);
    request.start().unwrap();
    request.wait().unwrap();
    assert_eq!(values(&request.output(0).unwrap()), [19.0, 22.0, 43.0, 50.0]);
}

#[test]
fn properties_of_the_npu_are_taken_and_others_refused() {
    let Some(npu) = Npu::take() else { return };
    let model = matmul(&npu.core, 2, 2, 2);
    let properties = [("NPU_TURBO", "YES"), ("PERFORMANCE_HINT", "THROUGHPUT")];
    let compiled = npu.core.compile(&model, "NPU", &properties).unwrap();
    assert_eq!(compiled.property("NPU_TURBO").unwrap(), "YES");
    assert_eq!(compiled.property("EXECUTION_DEVICES").unwrap(), "NPU");
    assert_eq!(compiled.property("OPTIMAL_NUMBER_OF_INFER_REQUESTS").unwrap(), "4");
    compiled.set_properties(&[("MODEL_PRIORITY", "HIGH")]).unwrap();
    assert_eq!(compiled.property("MODEL_PRIORITY").unwrap(), "HIGH");
    assert!(npu.core.compile(&model, "NPU", &[("INFERENCE_NUM_THREADS", "1")]).is_err());
    npu.core.set_properties("NPU", &[("WORKLOAD_TYPE", "EFFICIENT")]).unwrap();
    assert_eq!(npu.core.property("NPU", "WORKLOAD_TYPE").unwrap(), "EFFICIENT");
    assert!(npu.core.set_properties("NPU", &[("NPU_MAX_TILES", "4")]).is_err());
}

#[test]
fn open_shapes_are_refused_in_the_words_of_the_npu() {
    let Some(npu) = Npu::take() else { return };
    let mut model = matmul(&npu.core, -1, 2, 2);
    let error = npu.core.compile(&model, "NPU", &[]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ShapeMismatch, "{error}");
    assert!(error.cause().unwrap().contains("Upper bounds are not specified"), "{error}");
    model.reshape(&[("a", &[4, 2])]).unwrap();
    npu.core.compile(&model, "NPU", &[]).unwrap();
}

#[test]
fn callbacks_can_be_chained_on_it_as_on_any_device() {
    const COUNT: usize = 1_000;
    let Some(npu) = Npu::take() else { return };
    let mut requests: Vec<InferRequest> = (0..4).map(|_| npu.request()).collect();
    let (told, finished) = mpsc::channel();
    for (index, request) in requests.iter_mut().enumerate() {
        let told = told.clone();
        request.set_callback(Box::new(move || told.send(index).unwrap())).unwrap();
        request.start().unwrap();
    }
    for _ in 0..COUNT {
        let index: usize = finished.recv_timeout(SOON).unwrap();
        requests[index].wait().unwrap();
        requests[index].start().unwrap();
    }
    requests.iter().for_each(|request| request.wait().unwrap());
    assert_eq!(finished.try_iter().count(), requests.len());
}

#[test]
fn a_busy_request_refuses_everything_and_cancelling_is_never_supported() {
    let Some(npu) = Npu::take() else { return };
    let mut request = npu.request();
    npu.faults("slow_us=200000");
    let started = Instant::now();
    request.start().unwrap();
    assert!(request.output(0).is_err());
    assert!(request.start().is_err());
    assert_eq!(request.cancel().unwrap_err().code(), ErrorCode::UnsupportedOperation);
    assert!(!request.wait_for(Duration::from_millis(1)).unwrap());
    request.wait().unwrap();
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_failing_compiler_fails_as_often_as_told() {
    let Some(npu) = Npu::take() else { return };
    npu.faults("compile_failure=2");
    let model = matmul(&npu.core, 2, 2, 2);
    for _ in 0..2 {
        let error = npu.core.compile(&model, "NPU", &[]).unwrap_err();
        assert!(error.cause().unwrap().contains("Compilation failed"), "{error}");
        npu.core.compile(&model, "CPU", &[]).unwrap();
    }
    npu.core.compile(&model, "NPU", &[]).unwrap();
}

#[test]
fn device_memory_can_run_out() {
    let Some(npu) = Npu::take() else { return };
    let compiled = npu.compile();
    npu.faults("oom");
    let error = compiled.create_request().unwrap_err();
    assert_eq!(error.code(), ErrorCode::ResourceExhausted, "{error}");
    let error = npu.core.compile(&matmul(&npu.core, 2, 2, 2), "NPU", &[]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ResourceExhausted, "{error}");
    npu.faults("");
    compiled.create_request().unwrap();
}

#[test]
fn single_inferences_can_fail_without_harm_to_the_next() {
    let Some(npu) = Npu::take() else { return };
    let mut request = npu.request();
    npu.faults("inference_failure=1");
    let error = request.infer().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Internal, "{error}");
    assert!(error.cause().unwrap().contains("ZE_RESULT_ERROR_UNKNOWN"), "{error}");
    request.infer().unwrap();
}

#[test]
fn a_lost_device_takes_all_that_was_compiled_with_it_and_comes_back_empty() {
    let Some(npu) = Npu::take() else { return };
    let compiled = npu.compile();
    let mut request = npu.request();
    npu.faults("lost_after=2,back_after_ms=150");
    let lost_before = npu.count("lost");
    request.infer().unwrap();
    request.infer().unwrap();
    let error = request.infer().unwrap_err();
    assert!(lost(&error), "{error}");
    assert_eq!(npu.count("lost"), lost_before + 1);
    assert_eq!(npu.core.available_devices().unwrap(), ["CPU"]);
    assert!(lost(&compiled.create_request().unwrap_err()));
    let error = npu.core.property("NPU", "FULL_DEVICE_NAME").unwrap_err();
    assert_eq!(error.code(), ErrorCode::DeviceUnavailable, "{error}");
    thread::sleep(Duration::from_millis(200));
    assert_eq!(npu.core.available_devices().unwrap(), ["CPU", "NPU"]);
    assert!(lost(&request.infer().unwrap_err()), "what was compiled before stays dead");
    npu.request().infer().unwrap();
}

#[test]
fn an_inference_that_hangs_ends_as_lost_when_the_faults_change() {
    let Some(npu) = Npu::take() else { return };
    let mut request = npu.request();
    let (told, finished) = mpsc::channel();
    request.set_callback(Box::new(move || told.send(()).unwrap())).unwrap();
    npu.faults("hang_after=1");
    request.start().unwrap();
    request.wait().unwrap();
    finished.recv_timeout(SOON).unwrap();
    request.start().unwrap();
    assert!(!request.wait_for(Duration::from_millis(100)).unwrap());
    npu.faults("");
    finished.recv_timeout(SOON).unwrap();
    assert!(lost(&request.wait().unwrap_err()));
}

#[test]
fn an_abandoned_request_harms_nobody_when_it_ends_after_all() {
    let Some(npu) = Npu::take() else { return };
    let mut request = npu.request();
    npu.faults("hang_after=0");
    request.start().unwrap();
    request.abandon();
    let hung = npu.count("hung_inferences");
    let started = Instant::now();
    while npu.count("hung_inferences") == hung && started.elapsed() < Duration::from_millis(200) {
        thread::sleep(Duration::from_millis(1));
    }
    npu.faults("");
    npu.request().infer().unwrap();
}

#[test]
fn without_models_there_are_no_threads_left() {
    let Some(npu) = Npu::take() else { return };
    npu.request().infer().unwrap();
    let started = Instant::now();
    while threads_named("emulated-npu") > 0 {
        // The abandoned request of another test keeps its model for ever; its threads are no leak of the device.
        if npu.count("requests") > 0 {
            return;
        }
        assert!(started.elapsed() < SOON, "threads of the device stay");
        thread::sleep(Duration::from_millis(5));
    }
}

fn threads_named(prefix: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .filter(|name| name.starts_with(prefix))
        .count()
}

#[test]
fn an_absent_npu_is_not_there() {
    let Some(npu) = Npu::take() else { return };
    npu.faults("absent");
    assert_eq!(npu.core.available_devices().unwrap(), ["CPU"]);
    let error = npu.core.compile(&matmul(&npu.core, 2, 2, 2), "NPU", &[]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::DeviceUnavailable, "{error}");
}

#[test]
fn faults_that_are_not_understood_change_nothing() {
    let Some(npu) = Npu::take() else { return };
    npu.faults("absent");
    assert_eq!(npu.set_faults("explode"), -1);
    assert_eq!(npu.core.available_devices().unwrap(), ["CPU"]);
}

/// Does nothing by itself: the body of the child process of the tests below.
#[test]
fn child_lists_devices() {
    if std::env::var_os("NPUBRIDGE_TEST_CHILD").is_none() {
        return;
    }
    let library = make_folder(&format!("child-{}", std::process::id())).unwrap();
    let folder = library.parent().unwrap();
    runtime::load(folder).unwrap();
    let core = Core::new().unwrap();
    println!("before: {:?}", core.available_devices().unwrap());
    if let Some(file) = std::env::var_os("NPUBRIDGE_FAULTS_FILE") {
        std::fs::write(&file, "hang_after=0").unwrap();
        let compiled = core.compile(&matmul(&core, 2, 2, 2), "NPU", &[]).unwrap();
        let mut request = compiled.create_request().unwrap();
        request.start().unwrap();
        assert!(!request.wait_for(Duration::from_millis(100)).unwrap());
        std::fs::write(file, "absent").unwrap();
        println!("hanging: {:?}", request.wait().unwrap_err().code());
        println!("after: {:?}", core.available_devices().unwrap());
    }
    std::fs::remove_dir_all(folder).unwrap();
}

fn child(variables: &[(&str, &str)]) -> std::process::Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_lists_devices", "--nocapture"])
        .env("NPUBRIDGE_TEST_CHILD", "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn enumeration_can_crash_the_process() {
    use std::os::unix::process::ExitStatusExt;
    if common::runtime_folder().is_none() {
        return;
    }
    let output = child(&[("NPUBRIDGE_FAULTS", "crash_at_enumeration")]);
    assert_eq!(output.status.signal(), Some(11), "{output:?}");
}

#[test]
fn a_control_file_is_read_again_when_it_changed() {
    if common::runtime_folder().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults");
    let output = child(&[("NPUBRIDGE_FAULTS_FILE", file.to_str().unwrap())]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(r#"before: ["CPU", "NPU"]"#), "{output:?}");
    assert!(text.contains("hanging: DeviceLost"), "{output:?}");
    assert!(text.contains(r#"after: ["CPU"]"#), "{output:?}");
}
