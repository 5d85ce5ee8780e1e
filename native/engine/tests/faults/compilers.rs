//! Compilers that fail, take long or have no time left.
use super::*;

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
