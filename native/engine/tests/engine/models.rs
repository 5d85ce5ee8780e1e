//! Models come, go and make room for one another.
use super::*;

#[test]
fn a_model_is_loaded_unloaded_and_loaded_again() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    assert_eq!(simply(&rig.engine, unload(&model)).code(), ErrorCode::ModelNotFound);
    for _ in 0..3 {
        let about = report(simply(&rig.engine, load(&model)).answer());
        assert_eq!(about["device"], "CPU");
        assert_eq!(about["inputs"][0]["shape"], serde_json::json!([-1, 64]));
        simply(&rig.engine, infer(&model, &[("x", rows(2, 64, 0))])).answer().outcome.unwrap();
        assert!(rig.engine.metrics().memory.models > 0);
        let gone = report(simply(&rig.engine, unload(&model)).answer());
        assert_eq!(gone["unloaded"], true);
        assert_eq!(rig.engine.metrics().memory.models, 0);
        assert_eq!(rig.engine.health().models, Vec::<String>::new());
    }
}

#[test]
fn loading_the_same_model_at_once_loads_it_once_and_with_other_shapes_is_an_error() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    let shaped = |rows: usize| {
        Operation::LoadModel(Box::new(LoadModel {
            model: model.to_str().unwrap().into(),
            shapes: vec![("x".into(), vec![rows, 64])],
            batching: None,
        }))
    };
    let asked: Vec<_> = (0..6).map(|index| simply(&rig.engine, shaped(2 + index % 2))).collect();
    let outcomes: Vec<_> = asked.into_iter().map(|asked| asked.answer().outcome).collect();
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(failed.len(), 3, "{outcomes:?}");
    assert!(failed.iter().all(|error| error.code() == ErrorCode::InvalidArgument), "{failed:?}");
}

#[test]
fn a_model_that_is_asked_to_go_while_it_is_loaded_goes_when_it_is_there() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    for _ in 0..20 {
        let loaded = simply(&rig.engine, load(&model));
        let unloaded = simply(&rig.engine, unload(&model));
        loaded.answer().outcome.unwrap();
        // Two workers take the two operations: the unloading may even come before the loading has begun.
        if let Err(error) = unloaded.answer().outcome {
            assert_eq!(error.code(), ErrorCode::ModelNotFound, "{error}");
            simply(&rig.engine, unload(&model)).answer().outcome.unwrap();
        }
        assert_eq!(rig.engine.metrics().memory.models, 0);
    }
}

#[test]
fn the_longest_idle_model_makes_room_and_what_never_fits_is_refused_with_need_and_limit() {
    let size = |folder: &Path| {
        let model = ir::sized(folder, "measure", -1, 64, 128);
        std::fs::metadata(&model).unwrap().len()
            + std::fs::metadata(model.with_extension("bin")).unwrap().len()
    };
    let limit = size(tempfile::tempdir().unwrap().path()) * 5 / 2;
    let Some(rig) = Rig::with(|config| Config {
        resources: Resources { memory: limit, ..Resources::default() },
        ..config
    }) else {
        return;
    };
    let models: Vec<_> = (0..3).map(|index| ir::tiny(rig.path(), &format!("m{index}"))).collect();
    let name = |index: usize| models[index].to_str().unwrap().to_owned();
    let use_it = |index: usize| {
        let x = [("x", rows(1, 64, index))];
        simply(&rig.engine, infer(&models[index], &x)).answer().outcome.unwrap();
    };
    for index in [0, 1, 0] {
        use_it(index);
    }
    use_it(2);
    let mut loaded = rig.engine.health().models;
    loaded.sort();
    assert_eq!(loaded, [name(0), name(2)], "the one that was used last but two went");
    assert!(rig.engine.metrics().memory.models <= limit);
    use_it(1);
    let large = ir::sized(rig.path(), "large", -1, 256, 256);
    let error = simply(&rig.engine, infer(&large, &[("x", rows(1, 256, 0))])).error();
    assert_eq!(error.code(), ErrorCode::ResourceExhausted);
    assert!(error.message().contains(&limit.to_string()), "{error}");
}

#[test]
fn an_evicted_model_comes_back_as_it_was_loaded() {
    let Some(rig) = Rig::with(|config| Config {
        resources: Resources { memory: 60_000, ..Resources::default() },
        ..config
    }) else {
        return;
    };
    let (first, second) = (ir::tiny(rig.path(), "first"), ir::tiny(rig.path(), "second"));
    let shaped = Operation::LoadModel(Box::new(LoadModel {
        model: first.to_str().unwrap().into(),
        shapes: vec![("x".into(), vec![3, 64])],
        batching: None,
    }));
    simply(&rig.engine, shaped).answer().outcome.unwrap();
    simply(&rig.engine, load(&second)).answer().outcome.unwrap();
    assert_eq!(rig.engine.health().models, [second.to_str().unwrap()]);
    let error = simply(&rig.engine, infer(&first, &[("x", rows(1, 64, 0))])).error();
    assert_eq!(error.code(), ErrorCode::ShapeMismatch, "{error}");
    simply(&rig.engine, infer(&first, &[("x", rows(3, 64, 0))])).answer().outcome.unwrap();
    // What was evicted counts as loaded for whoever loaded it.
    simply(&rig.engine, unload(&second)).answer().outcome.unwrap();
    assert_eq!(simply(&rig.engine, unload(&second)).code(), ErrorCode::ModelNotFound);
}

#[test]
fn two_models_loaded_at_once_never_take_more_than_the_limit() {
    let Some(rig) = Rig::with(|config| Config {
        resources: Resources { memory: 50_000, ..Resources::default() },
        ..config
    }) else {
        return;
    };
    let models: Vec<_> = (0..6).map(|index| ir::tiny(rig.path(), &format!("m{index}"))).collect();
    for _ in 0..5 {
        let asked: Vec<_> = models.iter().map(|model| simply(&rig.engine, load(model))).collect();
        for asked in asked {
            // What could fit waits for its turn or is told that others are in the way; it never overfills.
            drop(asked.answer());
            let used = rig.engine.metrics().memory.models;
            assert!(used <= 50_000, "{used} bytes");
        }
    }
}

#[test]
fn names_that_lead_nowhere_leave_nothing_behind() {
    let Some(rig) = Rig::start() else { return };
    let tally = Tally::new(3000, false);
    let before = resident_after(&rig.engine, &tally, 0..1000);
    let after = resident_after(&rig.engine, &tally, 1000..3000);
    tally.wait();
    assert!(after < before + 2 * 1024 * 1024, "{before} bytes, then {after}");
    let started = Instant::now();
    for _ in 0..1000 {
        simply(&rig.engine, Operation::Echo(Payload::None)).answer().outcome.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

fn resident_after(engine: &Engine, tally: &Arc<Tally>, range: std::ops::Range<usize>) -> usize {
    for index in range.clone() {
        let model = format!("nowhere/{index}/{}.xml", "long".repeat(256));
        let submission = tally.submission(index, infer(Path::new(&model), &[]), Options::default());
        engine.submit_all([submission], |_| {});
        eventually("an answer", || tally.answered() > index);
    }
    common::resident_bytes()
}
