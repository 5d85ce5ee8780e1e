//! The memory of the NPU: who has it, who waits for it, and that none of it is lost.
use super::*;

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
