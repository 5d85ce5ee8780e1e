//! Devices that are lost or keep failing, what runs elsewhere meanwhile, and their return.
use super::*;

#[test]
fn without_faults_everything_runs_on_the_npu_without_a_fallback() {
    let Some((_npu, engine, _model)) = working() else { return };
    on_npu(&engine, product(3));
    assert_eq!(engine.metrics().fallbacks, 0);
}

#[test]
fn a_lost_npu_is_replaced_by_the_cpu_and_taken_back_when_it_works_again() {
    let Some((npu, engine, model)) = working() else { return };
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

/// An engine that looks after a lost NPU at once, and some models.
fn quickly_back() -> Option<(Npu, Engine, Vec<PathBuf>)> {
    let npu = Npu::take()?;
    let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
        breaker: Breaker { pause: Duration::from_millis(1), ..config.breaker },
        ..config
    });
    let models: Vec<_> = (0..4).map(|index| npu.model(&format!("m{index}"))).collect();
    Some((npu, engine, models))
}

#[test]
fn what_runs_elsewhere_says_so_however_quickly_the_npu_is_back() {
    let Some((npu, engine, models)) = quickly_back() else { return };
    let mut fell = 0;
    for round in 0..20 {
        npu.faults("lost_after=0,back_after_ms=1");
        for model in &models {
            let result = simply(&engine, tiny(model, round)).answer();
            if ran_on(&result) == "CPU" {
                let fallback = result.fallback.as_ref().expect("a fallback");
                assert!(!fallback.reason.is_empty());
                fell += 1;
            }
        }
        for model in &models {
            drop(simply(&engine, unload(model)).answer());
        }
    }
    assert!(fell > 0);
}

#[test]
fn models_return_however_quickly_the_npu_is_back() {
    let Some((npu, engine, models)) = quickly_back() else { return };
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
fn a_single_failure_of_the_npu_is_tried_again_there() {
    let Some((npu, engine, model)) = working() else { return };
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
    let Some((npu, engine, model)) = working() else { return };
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
fn what_an_npu_fails_that_serves_others_is_tried_elsewhere_in_the_end() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
        // As if others succeeded in between.
        breaker: Breaker { failures: 1_000, ..config.breaker },
        ..config
    });
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    npu.faults("inference_failure");
    let failed = npu.count("failed_inferences");
    let result = simply(&engine, tiny(&model, 0)).answer();
    assert_eq!(ran_on(&result), "CPU");
    assert_eq!(&*fallback(&result).from, "NPU");
    assert!(!fallback(&result).reason.is_empty());
    assert_eq!(npu.count("failed_inferences") - failed, 4);
    assert_eq!((engine.metrics().retries, engine.metrics().breakers["NPU"].opened), (4, 0));
    npu.faults("");
    comes_back(&engine, &model);
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
    let Some((npu, engine, model)) = working() else { return };
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
