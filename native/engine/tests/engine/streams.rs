//! Streams: steps in their order, with a state of their own.
use super::*;

/// What the recurrent model gives for `inputs` from the start, step by step.
fn recurrence(inputs: &[Tensor]) -> Vec<Vec<f32>> {
    let mut state = vec![0.0; 4];
    let mut outputs = Vec::new();
    for input in inputs {
        let x = input.as_f32().unwrap();
        state = state.iter().zip(&x).map(|(state, x)| state + state + x).collect();
        outputs.push(state.iter().zip(&x).map(|(state, x)| state + x).collect());
    }
    outputs
}

#[test]
fn streams_keep_their_order_and_state_under_four_submitting_threads() {
    const STREAMS: usize = 8;
    const STEPS: usize = 20;
    let Some(rig) = Rig::with(|config| Config {
        profile: npubridge_engine::config::Profile::Throughput,
        ..config
    }) else {
        return;
    };
    let model = ir::recurrent(rig.path(), "recurrent");
    // Each thread has streams of its own: the order within a stream is that in which it is submitted.
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, model) = (&rig.engine, &model);
            scope.spawn(move || {
                let streams = (0..STREAMS).map(|stream| format!("{thread}-{stream}"));
                let streams: Vec<_> = streams.collect();
                let mut asked: Vec<Vec<Asked>> = streams.iter().map(|_| Vec::new()).collect();
                for index in 0..STEPS {
                    for (number, stream) in streams.iter().enumerate() {
                        let last = index == STEPS - 1;
                        let x = one(index + number);
                        asked[number].push(simply(engine, step(model, stream, last, &[("x", x)])));
                    }
                }
                for (number, asked) in asked.into_iter().enumerate() {
                    let inputs: Vec<_> = (0..STEPS).map(|index| one(index + number)).collect();
                    let expected = recurrence(&inputs);
                    for (index, (asked, expected)) in asked.into_iter().zip(expected).enumerate() {
                        let result = asked.answer();
                        let tensors = tensors(result);
                        assert_eq!(tensors.len(), 1, "the state stays in the engine");
                        assert_eq!(tensors[0].1.as_f32().unwrap(), expected, "step {index}");
                    }
                }
            });
        }
    });
    // All were closed, so the name begins anew.
    let again = simply(&rig.engine, step(&model, "0-0", true, &[("x", one(1))])).values();
    assert_eq!(again, recurrence(&[one(1)])[0]);
}

#[test]
fn silero_as_a_stream_is_bitwise_what_carrying_its_state_by_hand_gives() {
    let Some(rig) = Rig::start() else { return };
    let Some(model) = model_file("silero-vad") else { return };
    let frame = |index: usize| {
        let wave = |sample: usize| ((index * 576 + sample) as f32 * 0.05).sin() * 0.3;
        let samples: Vec<f32> = (0..576).map(wave).collect();
        Tensor::from_f32(&[1, 576], &samples).unwrap()
    };
    let mut state = Tensor::from_f32(&[2, 1, 128], &[0.0; 256]).unwrap();
    let mut by_hand = Vec::new();
    for index in 0..10 {
        let input = frame(index);
        let outputs = directly(&rig.core, &model, &[("input", &input), ("state", &state)]);
        state = Tensor::from_f32(&[2, 1, 128], &floats(&outputs["stateN"])).unwrap();
        by_hand.push(outputs["output"].clone());
    }
    let asked: Vec<_> = (0..10)
        .map(|index| {
            simply(&rig.engine, step(&model, "mic", index == 9, &[("input", frame(index))]))
        })
        .collect();
    for (asked, by_hand) in asked.into_iter().zip(by_hand) {
        assert_eq!(tensors(asked.answer())[0].1.bytes(), by_hand);
    }
}

#[test]
fn a_step_that_is_refused_leaves_its_stream_as_it_was() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::recurrent(rig.path(), "recurrent");
    let good = |index| step(&model, "s", false, &[("x", one(index))]);
    let asked = [
        simply(&rig.engine, good(0)),
        simply(&rig.engine, step(&model, "s", false, &[("x", rows(1, 5, 0))])),
        ask(&rig.engine, good(3), within(Duration::ZERO)),
        simply(&rig.engine, good(1)),
        simply(&rig.engine, step(&model, "s", true, &[("nothing", one(0))])),
        simply(&rig.engine, good(2)),
    ];
    let expected = recurrence(&[one(0), one(1), one(2)]);
    let [first, shape, late, second, name, third] = asked;
    assert_eq!(first.values(), expected[0]);
    assert_eq!(shape.code(), ErrorCode::ShapeMismatch);
    assert_eq!(late.code(), ErrorCode::DeadlineExceeded);
    assert_eq!(second.values(), expected[1]);
    assert_eq!(name.code(), ErrorCode::InvalidArgument);
    assert_eq!(third.values(), expected[2]);
}

#[test]
fn a_stream_of_a_model_without_state_is_refused_alone_and_in_company() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::tiny(rig.path(), "tiny");
    let asked: Vec<_> = (0..64)
        .map(|index| {
            let x = [("x", rows(1, 64, index))];
            let operation = if index % 2 == 0 {
                infer(&model, &x)
            } else {
                step(&model, &format!("s{index}"), false, &x)
            };
            simply(&rig.engine, operation)
        })
        .collect();
    for (index, asked) in asked.into_iter().enumerate() {
        let outcome = asked.answer().outcome;
        match index % 2 {
            0 => drop(outcome.unwrap()),
            _ => assert_eq!(outcome.unwrap_err().code(), ErrorCode::InvalidArgument),
        }
    }
}

#[test]
fn an_idle_stream_is_forgotten() {
    let Some(rig) = Rig::with(|config| Config { stream_idle: Duration::from_millis(50), ..config })
    else {
        return;
    };
    let model = ir::recurrent(rig.path(), "recurrent");
    let first = simply(&rig.engine, step(&model, "s", false, &[("x", one(1))])).values();
    std::thread::sleep(Duration::from_millis(500));
    let second = simply(&rig.engine, step(&model, "s", false, &[("x", one(1))])).values();
    assert_eq!(first, second);
}

#[test]
fn unloading_answers_all_that_wait_in_streams_and_lets_them_begin_anew() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::recurrent(rig.path(), "recurrent");
    for round in 0..20 {
        simply(&rig.engine, load(&model)).answer().outcome.unwrap();
        let steps: Vec<_> = (0..20)
            .map(|index| {
                simply(&rig.engine, step(&model, &format!("s{round}"), false, &[("x", one(index))]))
            })
            .collect();
        let unloaded = simply(&rig.engine, unload(&model));
        for asked in steps {
            asked.answer().outcome.unwrap();
        }
        // Steps may have loaded the model again and been done with before the unloading had its turn.
        unloaded.answer().outcome.unwrap();
    }
}
