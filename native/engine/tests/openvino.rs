//! The wrapper against a real OpenVINO on the CPU.
#![allow(clippy::unwrap_used)]

mod common;

use common::{core, matmul, matmul_ir, model_file, resident_bytes, tensor, values};
use npubridge_engine::openvino::{self, CompiledModel, Core, InferRequest, Tensor};
use npubridge_engine::{DataType, ErrorCode, runtime};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

fn small(core: &Core) -> CompiledModel {
    core.compile(&matmul(core, 2, 2, 2), "CPU", &[]).unwrap()
}

#[test]
fn the_loaded_runtime_tells_its_version() {
    let Some(_core) = core() else { return };
    let version = openvino::version().unwrap();
    assert_eq!(version, runtime::loaded().unwrap().version);
    assert!(runtime::RuntimeVersion::parse(&version).unwrap() >= runtime::LEAST_VERSION);
}

#[test]
fn a_product_of_matrices_is_right() {
    let Some(core) = core() else { return };
    let mut request = small(&core).create_request().unwrap();
    request.set_input(0, &tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0])).unwrap();
    request.set_input(1, &tensor(&[2, 2], &[5.0, 6.0, 7.0, 8.0])).unwrap();
    request.infer().unwrap();
    assert_eq!(values(&request.output(0).unwrap()), [19.0, 22.0, 43.0, 50.0]);
}

#[test]
fn outputs_may_be_written_where_the_caller_says() {
    let Some(core) = core() else { return };
    let mut request = small(&core).create_request().unwrap();
    let mut memory = vec![0.0_f32; 4];
    // SAFETY: `memory` outlives the request and the tensor, and is aligned for f32.
    let output = unsafe { Tensor::from_raw(DataType::F32, &[2, 2], memory.as_mut_ptr().cast()) };
    request.set_output(0, &output.unwrap()).unwrap();
    request.set_input(0, &tensor(&[2, 2], &[1.0, 0.0, 0.0, 1.0])).unwrap();
    request.set_input(1, &tensor(&[2, 2], &[5.0, 6.0, 7.0, 8.0])).unwrap();
    request.start().unwrap();
    request.wait().unwrap();
    drop(request);
    assert_eq!(memory, [5.0, 6.0, 7.0, 8.0]);
}

#[test]
fn ports_tell_name_type_and_shape() {
    let Some(core) = core() else { return };
    let mut model = matmul(&core, -1, 3, 4);
    assert!(model.is_dynamic());
    let inputs = model.inputs().unwrap();
    assert_eq!(inputs[0].name, "a");
    assert_eq!(inputs[0].datatype, DataType::F32);
    assert_eq!(inputs[0].shape.to_string(), "[?,3]");
    assert_eq!(inputs[1].shape.to_static(), Some(vec![3, 4]));
    model.reshape(&[("a", &[8, 3])]).unwrap();
    assert!(!model.is_dynamic());
    assert_eq!(model.outputs().unwrap()[0].shape.to_string(), "[8,4]");
    let compiled = core.compile(&model, "CPU", &[("PERFORMANCE_HINT", "LATENCY")]).unwrap();
    assert_eq!(compiled.inputs().unwrap(), model.inputs().unwrap());
    assert_eq!(compiled.property("PERFORMANCE_HINT").unwrap(), "LATENCY");
}

#[test]
fn a_reshape_that_does_not_fit_names_input_and_shape() {
    let Some(core) = core() else { return };
    let mut model = matmul(&core, 2, 3, 4);
    let error = model.reshape(&[("a", &[2, 5])]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ShapeMismatch);
    assert!(error.message().contains("a to [2, 5]"), "{error}");
    assert!(error.cause().is_some());
}

#[test]
fn a_tensor_of_the_wrong_shape_or_type_is_refused() {
    let Some(core) = core() else { return };
    let mut request = small(&core).create_request().unwrap();
    let error = request.set_input(0, &tensor(&[3], &[0.0; 3])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ShapeMismatch, "{error}");
    assert!(error.message().contains("input 0") && error.message().contains("[3]"), "{error}");
    let error = request.set_input(0, &Tensor::new(DataType::I32, &[2, 2]).unwrap()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::DtypeMismatch, "{error}");
    let error = request.set_input(7, &tensor(&[2, 2], &[0.0; 4])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
}

#[test]
fn an_absent_device_is_unavailable_whatever_openvino_says() {
    let Some(core) = core() else { return };
    let model = matmul(&core, 2, 2, 2);
    for device in ["XPU", "TPU.3"] {
        let error = core.compile(&model, device, &[]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::DeviceUnavailable, "{error}");
        assert!(error.message().contains(device) && error.message().contains("CPU"), "{error}");
        let error = core.property(device, "FULL_DEVICE_NAME").unwrap_err();
        assert_eq!(error.code(), ErrorCode::DeviceUnavailable, "{error}");
    }
}

#[test]
fn a_property_that_the_device_does_not_know_is_not_blamed_on_the_device() {
    let Some(core) = core() else { return };
    let error = core.property("CPU", "NPU_TURBO").unwrap_err();
    assert_ne!(error.code(), ErrorCode::DeviceUnavailable, "{error}");
    assert!(error.message().contains("NPU_TURBO"), "{error}");
    let error = core.set_properties("CPU", &[("NPU_TURBO", "YES")]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    core.set_properties("CPU", &[("PERFORMANCE_HINT", "LATENCY")]).unwrap();
    assert_eq!(core.property("CPU", "PERFORMANCE_HINT").unwrap(), "LATENCY");
}

#[test]
fn files_that_are_no_models_are_told_apart() {
    let Some(core) = core() else { return };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = matmul_ir(2, 2, 2);
    let cases = [
        (folder.path().join("missing.onnx"), ErrorCode::ModelNotFound),
        (write("empty.onnx", b""), ErrorCode::ModelInvalid),
        (write("text.onnx", b"this is not a model"), ErrorCode::ModelInvalid),
        (write("cut.xml", &whole.as_bytes()[..whole.len() / 2]), ErrorCode::ModelInvalid),
        (write("other.xml", b"<html><body/></html>"), ErrorCode::ModelInvalid),
    ];
    for (path, code) in cases {
        let error = core.read_model(&path).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(&path.display().to_string()), "{error}");
        assert!(!error.suggestions().is_empty(), "{error}");
    }
    let error = core.read_model_from_memory("<net/>", None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ModelInvalid, "{error}");
}

#[test]
fn a_compiled_model_can_be_exported_and_imported() {
    let Some(core) = core() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("matmul.blob");
    small(&core).export(&path).unwrap();
    let imported = core.import(&std::fs::read(&path).unwrap(), "CPU").unwrap();
    let mut request = imported.create_request().unwrap();
    request.set_input(0, &tensor(&[2, 2], &[1.0, 0.0, 0.0, 1.0])).unwrap();
    request.set_input(1, &tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0])).unwrap();
    request.infer().unwrap();
    assert_eq!(values(&request.output(0).unwrap()), [1.0, 2.0, 3.0, 4.0]);
    let error = core.import(b"rubbish", "CPU").unwrap_err();
    assert_eq!(error.code(), ErrorCode::ModelInvalid, "{error}");
}

#[test]
fn the_callback_runs_once_for_each_inference() {
    let Some(core) = core() else { return };
    let mut request = small(&core).create_request().unwrap();
    let (told, finished) = mpsc::channel();
    request.set_callback(Box::new(move || told.send(()).unwrap())).unwrap();
    for _ in 0..100 {
        request.start().unwrap();
        finished.recv_timeout(SOON).unwrap();
        request.wait().unwrap();
    }
    assert_eq!(finished.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
}

/// A request that its own callback can reach.
type Shared = Arc<Mutex<Option<InferRequest>>>;

#[test]
fn ten_thousand_inferences_are_chained_from_inside_the_callback() {
    const COUNT: usize = 10_000;
    let Some(core) = core() else { return };
    let compiled = small(&core);
    let shared: Shared = Arc::default();
    let (told, finished) = mpsc::channel();
    let mut request = compiled.create_request().unwrap();
    let inputs = [tensor(&[2, 2], &[1.0; 4]), tensor(&[2, 2], &[2.0; 4])];
    request.set_input(1, &inputs[1]).unwrap();
    let (mut left, weak) = (COUNT, Arc::downgrade(&shared));
    let [a, _b] = inputs;
    let chain = move || {
        left -= 1;
        let Some(shared) = weak.upgrade() else { return };
        if left == 0 {
            told.send(()).unwrap();
            return;
        }
        let mut guard = shared.lock().unwrap();
        let request = guard.as_mut().unwrap();
        request.set_input(0, &a).unwrap();
        request.start().unwrap();
    };
    request.set_callback(Box::new(chain)).unwrap();
    // The first callback waits for this lock, so that it finds the request in its place.
    let mut guard = shared.lock().unwrap();
    guard.insert(request).start().unwrap();
    drop(guard);
    finished.recv_timeout(SOON).unwrap();
    let request = shared.lock().unwrap().take().unwrap();
    request.wait().unwrap();
    assert_eq!(values(&request.output(0).unwrap()), [4.0; 4]);
}

#[test]
fn requests_started_again_at_once_by_another_thread_lose_no_callback() {
    const COUNT: usize = 5_000;
    let Some(core) = core() else { return };
    let properties = [("NUM_STREAMS", "2"), ("PERFORMANCE_HINT", "THROUGHPUT")];
    let compiled = core.compile(&matmul(&core, 2, 2, 2), "CPU", &properties).unwrap();
    let (told, finished) = mpsc::channel();
    let mut requests: Vec<InferRequest> = (0..4)
        .map(|index| {
            let mut request = compiled.create_request().unwrap();
            let told = told.clone();
            request.set_callback(Box::new(move || told.send(index).unwrap())).unwrap();
            request
        })
        .collect();
    requests.iter_mut().for_each(|request| request.start().unwrap());
    for _ in 0..COUNT {
        let index: usize = finished.recv_timeout(SOON).expect("a callback was lost");
        requests[index].start().unwrap();
    }
    requests.iter().for_each(|request| request.wait().unwrap());
    assert_eq!(finished.try_iter().count(), requests.len());
}

#[test]
fn waiting_inside_a_callback_is_refused_instead_of_hanging() {
    let Some(core) = core() else { return };
    let compiled = small(&core);
    let shared: Shared = Arc::default();
    let (told, answers) = mpsc::channel();
    let mut request = compiled.create_request().unwrap();
    let weak: Weak<_> = Arc::downgrade(&shared);
    request
        .set_callback(Box::new(move || {
            let shared = weak.upgrade().unwrap();
            let mut guard = shared.lock().unwrap();
            let request = guard.as_mut().unwrap();
            told.send(request.wait()).unwrap();
            told.send(request.wait_for(Duration::from_secs(1)).map(drop)).unwrap();
            told.send(request.set_callback(Box::new(|| {}))).unwrap();
        }))
        .unwrap();
    let mut guard = shared.lock().unwrap();
    guard.insert(request).start().unwrap();
    drop(guard);
    for _ in 0..3 {
        let error = answers.recv_timeout(SOON).unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    }
    shared.lock().unwrap().as_ref().unwrap().wait().unwrap();
}

#[test]
fn a_request_may_be_dropped_inside_its_own_callback() {
    let Some(core) = core() else { return };
    let compiled = small(&core);
    let (told, dropped) = mpsc::channel();
    for _ in 0..50 {
        let shared: Shared = Arc::default();
        let mut request = compiled.create_request().unwrap();
        let (weak, told) = (Arc::downgrade(&shared), told.clone());
        let closure_lives = Arc::new(());
        let watched = Arc::downgrade(&closure_lives);
        request
            .set_callback(Box::new(move || {
                let _kept = &closure_lives;
                drop(weak.upgrade().unwrap().lock().unwrap().take());
                told.send(()).unwrap();
            }))
            .unwrap();
        let mut guard = shared.lock().unwrap();
        guard.insert(request).start().unwrap();
        drop(guard);
        dropped.recv_timeout(SOON).unwrap();
        let started = Instant::now();
        while watched.strong_count() > 0 {
            assert!(started.elapsed() < SOON, "the callback was never freed");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_panic_in_a_callback_harms_nobody() {
    let Some(core) = core() else { return };
    let mut request = small(&core).create_request().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    request
        .set_callback(Box::new(move || {
            assert!(counted.fetch_add(1, Ordering::SeqCst) > 0, "on purpose, the first time");
        }))
        .unwrap();
    for _ in 0..3 {
        request.start().unwrap();
        request.wait().unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[test]
fn a_callback_can_be_replaced() {
    let Some(core) = core() else { return };
    let mut request = small(&core).create_request().unwrap();
    let (told, finished) = mpsc::channel();
    for generation in 0..5 {
        let told = told.clone();
        request.set_callback(Box::new(move || told.send(generation).unwrap())).unwrap();
        request.start().unwrap();
        request.wait().unwrap();
        assert_eq!(finished.recv_timeout(SOON), Ok(generation));
    }
}

#[test]
fn a_running_inference_is_cancelled_from_another_thread() {
    let Some(core) = core() else { return };
    // Many multiplications one after the other: the CPU looks for a cancellation between two of them.
    let compiled = core.compile(&chain_of_matmuls(&core, 200), "CPU", &[]).unwrap();
    let mut request = compiled.create_request().unwrap();
    request.start().unwrap();
    assert!(!request.wait_for(Duration::ZERO).unwrap());
    let canceller = request.canceller();
    std::thread::spawn(move || canceller.cancel().unwrap()).join().unwrap();
    let error = request.wait().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled, "{error}");
    request.start().unwrap();
    request.wait().unwrap();
}

#[test]
fn a_busy_request_gives_no_tensors() {
    let Some(core) = core() else { return };
    let compiled = core.compile(&chain_of_matmuls(&core, 50), "CPU", &[]).unwrap();
    let mut request = compiled.create_request().unwrap();
    request.start().unwrap();
    assert!(request.output(0).is_err());
    assert!(request.start().is_err());
    request.wait().unwrap();
    assert!(request.output(0).is_ok());
}

/// `x · x · x …`, `count` times, 512 × 512: long enough to be caught running.
fn chain_of_matmuls(core: &Core, count: usize) -> npubridge_engine::openvino::Model {
    use std::fmt::Write;
    let dims = "<dim>512</dim><dim>512</dim>";
    let port = |id: u32| format!(r#"<port id="{id}" precision="FP32">{dims}</port>"#);
    let mut layers = format!(
        r#"<layer id="0" name="x" type="Parameter" version="opset1"><data shape="512,512" element_type="f32"/><output>{}</output></layer>"#,
        port(0)
    );
    let mut edges = String::new();
    for id in 1..=count {
        let from = if id == 1 { 0 } else { 2 };
        write!(
            layers,
            r#"<layer id="{id}" name="m{id}" type="MatMul" version="opset1"><data transpose_a="false" transpose_b="false"/><input>{}{}</input><output>{}</output></layer>"#,
            port(0), port(1), port(2)
        )
        .unwrap();
        write!(
            edges,
            r#"<edge from-layer="{}" from-port="{from}" to-layer="{id}" to-port="0"/><edge from-layer="0" from-port="0" to-layer="{id}" to-port="1"/>"#,
            id - 1
        )
        .unwrap();
    }
    let last = count + 1;
    write!(
        layers,
        r#"<layer id="{last}" name="out" type="Result" version="opset1"><input>{}</input></layer>"#,
        port(0)
    )
    .unwrap();
    write!(edges, r#"<edge from-layer="{count}" from-port="2" to-layer="{last}" to-port="0"/>"#)
        .unwrap();
    let ir = format!(
        r#"<?xml version="1.0"?><net name="chain" version="11"><layers>{layers}</layers><edges>{edges}</edges></net>"#
    );
    core.read_model_from_memory(&ir, None).unwrap()
}

#[test]
fn ten_thousand_requests_and_tensors_come_and_go_without_a_leak() {
    let Some(core) = core() else { return };
    let compiled = small(&core);
    let round = |count: usize| {
        for _ in 0..count {
            let mut request = compiled.create_request().unwrap();
            request.set_callback(Box::new(|| {})).unwrap();
            // 64 KiB each: 10,000 lost ones would be 640 MB.
            let large = Tensor::new(DataType::F32, &[128, 128]).unwrap();
            request.set_input(0, &large).unwrap_err();
            request.set_input(0, &tensor(&[2, 2], &[1.0; 4])).unwrap();
            drop(request.output(0).unwrap());
        }
    };
    round(1_000);
    let before = resident_bytes();
    round(10_000);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
}

#[test]
fn models_of_the_catalogue_tell_their_ports() {
    let Some(core) = core() else { return };
    if let Some(path) = model_file("magika") {
        let model = core.read_model(&path).unwrap();
        let compiled = core.compile(&model, "CPU", &[]).unwrap();
        let input = &compiled.inputs().unwrap()[0];
        assert_eq!(input.datatype, DataType::I32);
        let mut request = compiled.create_request().unwrap();
        let shape: Vec<usize> = vec![1, 2048];
        assert!(input.shape.accepts(&shape), "{}", input.shape);
        request.set_input(0, &Tensor::new(DataType::I32, &shape).unwrap()).unwrap();
        request.infer().unwrap();
        let scores = values(&request.output(0).unwrap());
        let sum: f32 = scores.iter().sum();
        assert!((sum - 1.0).abs() < 1e-3, "scores are a distribution, but their sum is {sum}");
    }
    if let Some(path) = model_file("silero-vad") {
        let model = core.read_model(&path).unwrap();
        let names: Vec<String> =
            model.inputs().unwrap().into_iter().map(|port| port.name).collect();
        assert!(names.contains(&"input".to_owned()) && names.contains(&"state".to_owned()));
        let outputs = model.outputs().unwrap();
        assert!(outputs.iter().any(|port| port.name == "stateN"), "{outputs:?}");
    }
}
