//! Dynamic batches: who runs with whom, and when.
use super::*;

#[test]
fn each_of_a_batch_gets_its_rows_as_if_alone() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    simply(&rig.engine, load(&model)).answer().outcome.unwrap();
    learns_to_stack(&rig.engine, |seed| infer(&model, &[("x", rows(1, 64, seed))]));
    let tally = Tally::new(400, true);
    let inputs: Vec<_> = (0..400).map(|index| rows(1 + index % 5, 64, index)).collect();
    let submissions = inputs.iter().enumerate().map(|(index, x)| {
        tally.submission(index, infer(&model, &[("x", x.clone())]), Options::default())
    });
    rig.engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
    tally.wait();
    let expected: Vec<_> = (0..10)
        .map(|index| floats(&directly(&rig.core, &model, &[("x", &inputs[index])])["y"]))
        .collect();
    for (token, result) in tally.take() {
        let index = usize::try_from(token).unwrap();
        let tensors = tensors(result);
        assert_eq!(tensors[0].1.shape(), [1 + index % 5, 128]);
        let values = tensors[0].1.as_f32().unwrap();
        if let Some(expected) = expected.get(index) {
            assert!(close(&values, expected), "operation {index}");
        } else if index % 50 == 0 {
            let expected = directly(&rig.core, &model, &[("x", &inputs[index])]);
            assert!(close(&values, &floats(&expected["y"])), "operation {index}");
        }
    }
    let sizes = rig.engine.metrics().batch_sizes;
    assert!(sizes.keys().any(|size| *size > 4), "nothing was run together: {sizes:?}");
    assert!(sizes.keys().all(|size| *size <= 32), "{sizes:?}");
}

#[test]
fn a_model_whose_rows_know_of_each_other_is_never_run_on_several_requests_at_once() {
    let Some(rig) = Rig::start() else { return };
    let sum = ir::running_sum(rig.path(), "sum");
    let outer = ir::outer(rig.path(), "outer");
    let doubled = ir::doubled_rows(rig.path(), "doubled");
    let x = |index: usize| Tensor::from_f32(&[1, 4], &[index as f32, 1.0, 2.0, 3.0]).unwrap();
    for round in 0..20 {
        let asked: Vec<_> = (0..60)
            .map(|index| {
                let x = x(index);
                simply(
                    &rig.engine,
                    match index % 3 {
                        0 => infer(&sum, &[("x", x)]),
                        1 => infer(&outer, &[("a", x.clone()), ("b", x)]),
                        _ => infer(&doubled, &[("x", x)]),
                    },
                )
            })
            .collect();
        for (index, asked) in asked.into_iter().enumerate() {
            let tensor = tensors(asked.answer()).remove(0).1;
            let first = index as f32;
            let (shape, values) = match index % 3 {
                0 => ([1, 4], vec![first, 1.0, 2.0, 3.0]),
                1 => ([1, 1], vec![first * first + 14.0]),
                _ => ([2, 2], vec![first, 1.0, 2.0, 3.0]),
            };
            assert_eq!(tensor.shape(), shape, "operation {index} of round {round}");
            assert_eq!(tensor.as_f32().unwrap(), values, "operation {index} of round {round}");
        }
    }
}

#[test]
fn a_request_that_makes_an_inference_fail_fails_alone() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::picky(rig.path(), "picky");
    let x = |row: i64| {
        let bytes: Vec<u8> = [row, 1].iter().flat_map(|value| value.to_ne_bytes()).collect();
        Tensor::copy_of(npubridge_engine::DataType::I64, &[1, 2], &bytes).unwrap()
    };
    // Once all has settled how the model is best run.
    for _ in 0..3 {
        let asked: Vec<_> = (0..32)
            .map(|index| simply(&rig.engine, infer(&model, &[("x", x(index % 4))])))
            .collect();
        asked.into_iter().for_each(|asked| drop(asked.answer().outcome.unwrap()));
        std::thread::sleep(Duration::from_millis(50));
    }
    let tally = Tally::new(200, true);
    let submissions = (0..200).map(|index| {
        let row = if index % 20 == 7 { 99 } else { i64::try_from(index % 4).unwrap() };
        tally.submission(index, infer(&model, &[("x", x(row))]), Options::default())
    });
    rig.engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
    tally.wait();
    for (token, result) in tally.take() {
        assert_eq!(result.outcome.is_err(), token % 20 == 7, "operation {token}: {result:?}");
    }
}

#[test]
fn a_batch_waits_for_company_no_longer_than_told_nor_than_its_deadline() {
    let Some(rig) = Rig::with(|config| Config {
        batching: Batching {
            delay: Duration::from_millis(400),
            adaptive: false,
            ..Batching::default()
        },
        ..config
    }) else {
        return;
    };
    let model = ir::tiny(rig.path(), "tiny");
    simply(&rig.engine, load(&model)).answer().outcome.unwrap();
    simply(&rig.engine, infer(&model, &[("x", rows(1, 64, 0))])).answer().outcome.unwrap();
    let started = Instant::now();
    simply(&rig.engine, infer(&model, &[("x", rows(1, 64, 1))])).answer().outcome.unwrap();
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(390) && waited < Duration::from_secs(5), "{waited:?}");
    let x = [("x", rows(1, 64, 2))];
    let hurried = ask(&rig.engine, infer(&model, &x), within(Duration::from_millis(200)));
    hurried.answer().outcome.expect("it could have run in time");
}

#[test]
fn batches_have_preferred_sizes_and_what_is_left_runs_after_the_delay() {
    let delay = Duration::from_millis(150);
    let Some(rig) = Rig::with(|config| Config {
        batching: Batching { delay, ..Batching::default() }.preferring(&[12, 4]),
        ..config
    }) else {
        return;
    };
    let model = ir::tiny(rig.path(), "tiny");
    simply(&rig.engine, load(&model)).answer().outcome.unwrap();
    learns_to_stack(&rig.engine, |seed| infer(&model, &[("x", rows(1, 64, seed))]));
    // All workers look at what is there at once, or only one of them forms the batches.
    std::thread::sleep(Duration::from_millis(50));
    let before = rig.engine.metrics().batch_sizes;
    let tally = Tally::new(19, true);
    let submissions = (0..19).map(|index| {
        tally.submission(index, infer(&model, &[("x", rows(1, 64, index))]), Options::default())
    });
    let started = Instant::now();
    rig.engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
    tally.wait();
    assert!(started.elapsed() >= delay, "{:?}", started.elapsed());
    let mut sizes = rig.engine.metrics().batch_sizes;
    for (size, count) in before {
        *sizes.get_mut(&size).unwrap() -= count;
    }
    sizes.retain(|_, count| *count > 0);
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [(3, 1), (4, 1), (12, 1)]);
    for (token, result) in tally.take() {
        let index = usize::try_from(token).unwrap();
        let expected = directly(&rig.core, &model, &[("x", &rows(1, 64, index))]);
        assert!(close(&values(result), &floats(&expected["y"])), "operation {token}");
    }
}
