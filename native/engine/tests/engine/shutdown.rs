//! The end of an engine: what it drains, cancels and leaves behind.
use super::*;

#[test]
fn shutting_down_drains_what_there_is_time_for() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    let recurrent = ir::recurrent(rig.path(), "recurrent");
    let tally = Tally::new(300, true);
    let submissions = (0..300).map(|index| {
        let operation = match index % 3 {
            0 => Operation::Echo(Payload::None),
            1 => infer(&model, &[("x", rows(1, 64, index))]),
            _ => step(&recurrent, "s", false, &[("x", one(0))]),
        };
        tally.submission(index, operation, Options::default())
    });
    rig.engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
    let started = Instant::now();
    rig.engine.shutdown(SOON);
    assert!(started.elapsed() < SOON);
    tally.wait();
    for (token, result) in tally.take() {
        assert!(result.outcome.is_ok(), "{token}: {result:?}");
    }
}

#[test]
fn shutting_down_without_time_cancels_the_rest_with_a_reason_and_answers_all_before_it_returns() {
    for pause in [0, 1, 5, 20] {
        let Some(rig) = Rig::start() else { return };
        let recurrent = ir::recurrent(rig.path(), "recurrent");
        let slow = ir::sized(rig.path(), "slow", -1, 1500, 1500);
        let benchmark =
            Benchmark { kind: Kind::Echo, duration: Duration::from_secs(30), model: None };
        let mut operations = vec![
            load(&slow),
            load(&slow),
            Operation::Initialize,
            Operation::Benchmark(Box::new(benchmark)),
        ];
        operations.extend((0..20).map(|index| step(&recurrent, "s", false, &[("x", one(index))])));
        operations.extend((0..6).map(|_| heavy()));
        let tally = Tally::new(operations.len(), true);
        let submissions = operations
            .into_iter()
            .enumerate()
            .map(|(index, operation)| tally.submission(index, operation, Options::default()));
        rig.engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
        std::thread::sleep(Duration::from_millis(pause));
        let started = Instant::now();
        rig.engine.shutdown(Duration::ZERO);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert_eq!(tally.answered(), 30, "answered when shutdown returned, {pause} ms in");
        for (token, result) in tally.take() {
            if let Err(error) = result.outcome {
                assert_eq!(error.code(), ErrorCode::Cancelled, "{token}: {error}");
            }
        }
    }
}

#[test]
fn draining_ends_when_the_last_operation_is_cancelled() {
    let Some(rig) = Rig::with(|config| Config { worker_threads: 1, ..config }) else { return };
    let model = ir::tiny(rig.path(), "tiny");
    // Waits for company that never comes.
    let lonely = Operation::LoadModel(Box::new(LoadModel {
        model: model.to_str().unwrap().into(),
        shapes: Vec::new(),
        batching: Some(Batching {
            delay: Duration::from_secs(100),
            adaptive: false,
            ..Batching::default()
        }),
    }));
    simply(&rig.engine, lonely).answer().outcome.unwrap();
    let waiting = simply(&rig.engine, infer(&model, &[("x", rows(1, 64, 0))]));
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| rig.engine.shutdown(Duration::from_secs(30)));
        std::thread::sleep(Duration::from_millis(50));
        rig.engine.cancel(waiting.ticket.unwrap());
    });
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_benchmark_ends_with_the_engine() {
    let Some(rig) = Rig::start() else { return };
    let benchmark = Benchmark { kind: Kind::Echo, duration: Duration::from_secs(60), model: None };
    let running = simply(&rig.engine, Operation::Benchmark(Box::new(benchmark)));
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    rig.engine.shutdown(Duration::from_secs(20));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    drop(running.is_answered_within(Duration::from_secs(1)).expect("answered"));
}

#[test]
fn an_engine_leaves_no_thread_and_no_memory_of_models_behind() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    // OpenVINO keeps threads of its own once it has begun, at most one for each core. They have the name of the thread of
    // ours that began them, and some begin later than others.
    let cores = std::thread::available_parallelism().unwrap().get();
    simply(&rig.engine, infer(&model, &[("x", rows(1, 64, 0))])).answer().outcome.unwrap();
    rig.engine.shutdown(Duration::ZERO);
    let before = threads().len();
    // One thread left by each of them would be more than those.
    for _ in 0..cores + 4 {
        let engine = Engine::start(config(&["CPU"], rig.path())).unwrap();
        let asked: Vec<_> = (0..50)
            .map(|index| simply(&engine, infer(&model, &[("x", rows(1, 64, index))])))
            .collect();
        asked.into_iter().for_each(|asked| drop(asked.answer().outcome.unwrap()));
        // Threads name themselves when they begin; one that has answered has begun.
        assert!(threads().len() > before);
        engine.shutdown(Duration::from_secs(1));
        assert_eq!(engine.metrics().memory.models, 0);
        assert_eq!(engine.metrics().running, 0);
    }
    assert!(threads().len() <= before + cores, "{:?}", threads());
}

#[test]
fn a_completion_that_panics_takes_nothing_with_it() {
    let Some(rig) = Rig::with(|config| Config { worker_threads: 1, ..config }) else { return };
    let bad = || npubridge_engine::operation::Completion::call(|_| panic!("as planned"));
    let echo = || Operation::Echo(Payload::None);
    let submission = |completion| npubridge_engine::engine::Submission {
        operation: echo(),
        options: Options::default(),
        completion,
    };
    let tally = Tally::new(20, false);
    let batch = (0..20)
        .flat_map(|index| [submission(bad()), tally.submission(index, echo(), Options::default())]);
    rig.engine.submit_all(batch.collect::<Vec<_>>(), |_| {});
    tally.wait();
    simply(&rig.engine, echo()).answer().outcome.unwrap();
}
