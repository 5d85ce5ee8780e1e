//! What runs on the device: inferences, products and benchmarks, and what is told of them.
use super::*;

#[test]
fn an_inference_is_bitwise_what_openvino_alone_computes() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    for count in [1, 2, 3, 8, 33] {
        let x = rows(count, 64, count);
        let expected = directly(&rig.core, &model, &[("x", &x)]);
        let result = simply(&rig.engine, infer(&model, &[("x", x)])).answer();
        assert_eq!(result.device.as_deref(), Some("CPU"));
        assert_eq!(result.fallback, None);
        let tensors = tensors(result);
        assert_eq!(tensors.len(), 1);
        assert_eq!(tensors[0].1.shape(), [count, 128]);
        assert_eq!(tensors[0].1.bytes(), expected["y"], "{count} rows");
    }
}

#[test]
fn large_inputs_are_lent_and_let_go_when_others_take_their_place() {
    let Some(rig) = Rig::start() else { return };
    // Fixed shape, 256 KiB: above what is copied.
    let model = ir::sized(rig.path(), "large", 1024, 64, 2);
    for seed in 0..3 {
        let x = rows(1024, 64, seed);
        let expected = directly(&rig.core, &model, &[("x", &x)]);
        let result = simply(&rig.engine, infer(&model, &[("x", x)])).answer();
        assert_eq!(tensors(result)[0].1.bytes(), expected["y"]);
    }
}

#[test]
fn inputs_that_do_not_fit_are_told_with_name_and_value() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    let error = simply(&rig.engine, infer(&model, &[("z", rows(1, 64, 0))])).error();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("inputs.z"), "{error}");
    let error = simply(&rig.engine, infer(&model, &[("x", rows(1, 63, 0))])).error();
    assert_eq!(error.code(), ErrorCode::ShapeMismatch);
    assert!(error.message().contains("[1,63]"), "{error}");
    let error = simply(&rig.engine, infer(&model, &[])).error();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    let fine = simply(&rig.engine, infer(&model, &[("x", rows(1, 64, 0))])).values();
    assert_eq!(fine.len(), 128);
}

#[test]
fn an_inference_of_no_rows_harms_nobody() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    let none = Tensor::from_f32(&[0, 64], &[]).unwrap();
    let asked: Vec<_> = (0..8)
        .map(|index| {
            let x = if index % 2 == 0 { none.clone() } else { rows(1, 64, index) };
            simply(&rig.engine, infer(&model, &[("x", x)]))
        })
        .collect();
    for (index, asked) in asked.into_iter().enumerate() {
        let outcome = asked.answer().outcome;
        if index % 2 == 1 {
            outcome.unwrap();
        }
    }
}

#[test]
fn matrices_are_multiplied_on_the_device() {
    let Some(rig) = Rig::start() else { return };
    for (m, k, n) in [(1, 1, 1), (2, 3, 4), (64, 32, 16), (1, 300, 300)] {
        let (a, b) = (whole(m, k, 1), whole(k, n, 2));
        let expected = product(&a, &b);
        let result = simply(&rig.engine, Operation::matrix_multiply(a, b).unwrap()).answer();
        assert_eq!(result.device.as_deref(), Some("CPU"));
        assert_eq!(values(result), expected, "{m} {k} {n}");
    }
}

/// A matrix of small whole numbers, whose products are exact.
fn whole(rows: usize, columns: usize, seed: usize) -> Tensor {
    let value = |index: usize| ((index * 7 + seed) % 5) as f32;
    let values: Vec<f32> = (0..rows * columns).map(value).collect();
    Tensor::from_f32(&[rows, columns], &values).unwrap()
}

fn product(a: &Tensor, b: &Tensor) -> Vec<f32> {
    let (left, right) = (a.as_f32().unwrap(), b.as_f32().unwrap());
    let (m, k, n) = (a.shape()[0], a.shape()[1], b.shape()[1]);
    let cell = |index: usize| {
        (0..k).map(|at| left[index / n * k + at] * right[at * n + index % n]).sum::<f32>()
    };
    (0..m * n).map(cell).collect()
}

#[test]
fn inputs_of_open_shapes_are_right_whatever_came_before() {
    let Some(rig) = Rig::start() else { return };
    let model = rig.path().join("open.xml");
    std::fs::write(&model, common::matmul_ir(-1, -1, -1)).unwrap();
    let small = [(2, 2, 4), (2, 2, 4), (1, 1, 4), (2, 2, 4), (7, 7, 2)];
    // Above what is copied, for one input and for both.
    let large = [(200, 200, 1), (200, 200, 200)];
    let shapes = small.iter().chain(&large).chain(&small).chain(&large[..1]).chain(&small[..2]);
    for (seed, (m, k, n)) in shapes.enumerate() {
        let (a, b) = (whole(*m, *k, seed), whole(*k, *n, seed + 1));
        let expected = product(&a, &b);
        let result = simply(&rig.engine, infer(&model, &[("a", a), ("b", b)])).answer();
        let outputs = tensors(result);
        assert_eq!(outputs[0].1.as_f32().unwrap(), expected, "{m} {k} {n}, number {seed}");
    }
}

#[test]
fn initialize_tells_device_and_runtime() {
    let Some(rig) = Rig::start() else { return };
    let result = simply(&rig.engine, Operation::Initialize).answer();
    assert_eq!(result.kind, Kind::Initialize);
    let about = report(result);
    assert_eq!(about["device"], "CPU");
    assert!(about["runtime"]["version"].is_string(), "{about}");
}

#[test]
fn a_benchmark_of_an_inference_and_of_a_product_runs_on_the_device() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    let run = |kind: Kind, model: Option<&Path>| {
        let model = model.map(|path| path.to_str().unwrap().into());
        let duration = Duration::from_millis(100);
        simply(&rig.engine, Operation::Benchmark(Box::new(Benchmark { kind, duration, model })))
            .answer()
    };
    let missing = run(Kind::Inference, Some(&model)).outcome.unwrap_err();
    assert_eq!(missing.code(), ErrorCode::InvalidArgument);
    simply(&rig.engine, load(&model)).answer().outcome.unwrap();
    for about in
        [report(run(Kind::Inference, Some(&model))), report(run(Kind::MatrixMultiply, None))]
    {
        assert_eq!(about["device"], "CPU");
        assert!(about["operations"].as_u64().unwrap() > 0);
        assert_eq!(about["failed"], 0);
    }
}

#[test]
fn mistakes_of_the_caller_are_not_tried_again() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    for operation in [
        infer(&model, &[("x", rows(1, 63, 0))]),
        infer(&model, &[("other", rows(1, 64, 0))]),
        infer(Path::new("none/such.xml"), &[]),
    ] {
        simply(&rig.engine, operation).error();
    }
    let picky = ir::picky(rig.path(), "picky");
    let bytes: Vec<u8> = [99_i64, 1].iter().flat_map(|value| value.to_ne_bytes()).collect();
    let x = Tensor::copy_of(npubridge_engine::DataType::I64, &[1, 2], &bytes).unwrap();
    simply(&rig.engine, infer(&picky, &[("x", x)])).error();
    assert_eq!(rig.engine.metrics().retries, 0);
    assert_eq!(rig.engine.metrics().breakers["CPU"].state, "closed");
}

#[test]
fn the_snapshot_tells_what_models_and_inferences_take() {
    let Some(rig) = Rig::start() else { return };
    let resources = rig.engine.metrics().resources;
    assert_eq!((resources.system_memory.used, resources.cpu_cores.used), (0, 0));
    assert!(resources.system_memory.limit.unwrap() > 1 << 20);
    assert!(resources.cpu_cores.limit.unwrap() >= 1);
    assert_eq!((resources.npu_memory.limit, resources.npu_slots.limit), (None, None));
    simply(&rig.engine, heavy()).answer().outcome.unwrap();
    let model = ir::tiny(rig.path(), "tiny");
    simply(&rig.engine, load(&model)).answer().outcome.unwrap();
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    let bytes = size(&model) + size(&model.with_extension("bin"));
    assert_eq!(rig.engine.metrics().resources.system_memory.used, bytes);
    let busy: Vec<_> = (0..8).map(|_| simply(&rig.engine, heavy())).collect();
    eventually("cores are busy", || rig.engine.metrics().resources.cpu_cores.used > 0);
    busy.into_iter().for_each(|asked| drop(asked.answer().outcome.unwrap()));
    simply(&rig.engine, unload(&model)).answer().outcome.unwrap();
    let resources = rig.engine.metrics().resources;
    assert_eq!((resources.system_memory.used, resources.cpu_cores.used), (0, 0));
    let text = rig.engine.metrics_text();
    assert!(text.contains("npubridge_device_compute_seconds_count{device=\"CPU\"} "), "{text}");
}

#[test]
fn the_cpu_keeps_to_the_cores_it_is_given() {
    let Some(rig) = Rig::with(|mut config| {
        config.keep_to_cores(1);
        Config { profile: npubridge_engine::config::Profile::Throughput, ..config }
    }) else {
        return;
    };
    simply(&rig.engine, heavy()).answer().outcome.unwrap();
    let workers = threads().into_iter().filter(|name| name.starts_with("npubridge-CPU")).count();
    assert_eq!(workers, 1);
    let busy: Vec<_> = (0..4).map(|_| simply(&rig.engine, heavy())).collect();
    eventually("the core is busy", || rig.engine.metrics().resources.cpu_cores.used == 1);
    busy.into_iter().for_each(|asked| drop(asked.answer().outcome.unwrap()));
}
