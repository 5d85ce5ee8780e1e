//! The whole engine on a real CPU: operations in, answers out.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod common;
mod support;

use common::{core, model_file};
use npubridge_engine::ErrorCode;
use npubridge_engine::config::{Batching, Config, Resources};
use npubridge_engine::engine::Engine;
use npubridge_engine::openvino::{self, Core};
use npubridge_engine::operation::{
    Benchmark, Kind, LoadModel, Operation, Options, Payload, Priority,
};
use npubridge_engine::tensor::Tensor;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::*;

/// One inference without the engine, compiled the way the engine does it.
fn directly(core: &Core, model: &Path, inputs: &[(&str, &Tensor)]) -> HashMap<String, Vec<u8>> {
    let mut read = core.read_model(model).unwrap();
    // A compiled model may call an output by another of its names.
    let names: Vec<_> = read.outputs().unwrap().into_iter().map(|port| port.name).collect();
    let shapes: Vec<(&str, Vec<i64>)> = inputs
        .iter()
        .map(|(name, tensor)| (*name, tensor.shape().iter().map(|size| *size as i64).collect()))
        .collect();
    let borrowed: Vec<_> = shapes.iter().map(|(name, sizes)| (*name, sizes.as_slice())).collect();
    read.reshape(&borrowed).unwrap();
    let compiled = core.compile(&read, "CPU", &[("PERFORMANCE_HINT", "LATENCY")]).unwrap();
    let mut request = compiled.create_request().unwrap();
    for (index, port) in read.inputs().unwrap().iter().enumerate() {
        let (_, tensor) = inputs.iter().find(|(name, _)| *name == port.name).unwrap();
        let mut own = openvino::Tensor::new(tensor.datatype(), tensor.shape()).unwrap();
        own.as_bytes_mut().copy_from_slice(tensor.bytes());
        request.set_input(index, &own).unwrap();
    }
    request.start().unwrap();
    request.wait().unwrap();
    let named = names.into_iter().enumerate();
    named.map(|(index, name)| (name, request.output(index).unwrap().as_bytes().to_vec())).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_ne_bytes(four.try_into().unwrap())).collect()
}

fn close(left: &[f32], right: &[f32]) -> bool {
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
    left.len() == right.len() && left.iter().zip(right).all(near)
}

struct Rig {
    engine: Engine,
    folder: tempfile::TempDir,
    core: Core,
    _turn: std::sync::MutexGuard<'static, ()>,
}

impl Rig {
    fn start() -> Option<Self> {
        Self::with(|config| config)
    }

    fn with(change: impl FnOnce(Config) -> Config) -> Option<Self> {
        let turn = turn();
        let core = core()?;
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(change(config(&["CPU"], folder.path()))).unwrap();
        Some(Self { engine, folder, core, _turn: turn })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

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

fn one(index: usize) -> Tensor {
    Tensor::from_f32(&[1, 4], &[(index % 2) as f32, ((index / 2) % 2) as f32, 1.0, 0.0]).unwrap()
}

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

#[test]
fn matrices_are_multiplied_on_the_device() {
    let Some(rig) = Rig::start() else { return };
    for (m, k, n) in [(1, 1, 1), (2, 3, 4), (64, 32, 16), (1, 300, 300)] {
        let whole = |rows: usize, columns: usize, seed: usize| {
            let value = |index: usize| ((index * 7 + seed) % 5) as f32;
            let values: Vec<f32> = (0..rows * columns).map(value).collect();
            Tensor::from_f32(&[rows, columns], &values).unwrap()
        };
        let (a, b) = (whole(m, k, 1), whole(k, n, 2));
        let (left, right) = (a.as_f32().unwrap(), b.as_f32().unwrap());
        let cell = |index: usize| {
            (0..k).map(|at| left[index / n * k + at] * right[at * n + index % n]).sum::<f32>()
        };
        let expected: Vec<f32> = (0..m * n).map(cell).collect();
        let result = simply(&rig.engine, Operation::matrix_multiply(a, b).unwrap()).answer();
        assert_eq!(result.device.as_deref(), Some("CPU"));
        assert_eq!(values(result), expected, "{m} {k} {n}");
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

/// A product that takes long enough for others to come meanwhile.
fn heavy() -> Operation {
    let ones = Tensor::from_f32(&[900, 900], &vec![1.0; 810_000]).unwrap();
    Operation::matrix_multiply(ones.clone(), ones).unwrap()
}

#[test]
fn the_most_urgent_runs_first_on_a_busy_device() {
    let Some(rig) = Rig::start() else { return };
    let model = ir::sized(rig.path(), "fixed", 1, 64, 128);
    simply(&rig.engine, load(&model)).answer().outcome.unwrap();
    simply(&rig.engine, heavy()).answer().outcome.unwrap();
    let tally = Tally::new(52, true);
    let mut submissions: Vec<_> =
        (0..2).map(|index| tally.submission(index, heavy(), urgent(Priority::Realtime))).collect();
    submissions.extend((2..52).map(|index| {
        let priority = Priority::ALL[index % 5];
        tally.submission(index, infer(&model, &[("x", rows(1, 64, index))]), urgent(priority))
    }));
    rig.engine.submit_all(submissions, |_| {});
    tally.wait();
    let order: Vec<_> = tally
        .take()
        .into_iter()
        .filter(|(token, _)| *token >= 2)
        .map(|(token, _)| std::cmp::Reverse(token % 5))
        .collect();
    // With two workers on the device neighbours may change places, but no more.
    let displaced = (0..order.len() - 2).filter(|index| order[index + 2] < order[*index]).count();
    assert_eq!(displaced, 0, "{order:?}");
}

#[test]
fn what_waits_is_cancelled_at_once_and_what_runs_when_it_ends() {
    let Some(rig) = Rig::start() else { return };
    simply(&rig.engine, heavy()).answer().outcome.unwrap();
    let asked: Vec<_> = (0..12).map(|_| simply(&rig.engine, heavy())).collect();
    std::thread::sleep(Duration::from_millis(3));
    let known: Vec<_> =
        asked.iter().map(|asked| rig.engine.cancel(asked.ticket.unwrap())).collect();
    for (asked, known) in asked.into_iter().zip(known) {
        match asked.answer().outcome {
            Ok(_) => assert!(!known, "it was cancelled before it was answered"),
            Err(error) => assert_eq!(error.code(), ErrorCode::Cancelled, "{error}"),
        }
    }
    assert!(!rig.engine.cancel(npubridge_engine::scheduler::Ticket::from_bits(u64::MAX)));
    simply(&rig.engine, heavy()).answer().outcome.unwrap();
}

#[test]
fn a_load_and_a_benchmark_are_cancelled_while_they_run() {
    let Some(rig) = Rig::start() else { return };
    let benchmark = Benchmark { kind: Kind::Echo, duration: Duration::from_secs(30), model: None };
    let running = simply(&rig.engine, Operation::Benchmark(Box::new(benchmark)));
    std::thread::sleep(Duration::from_millis(50));
    let started = Instant::now();
    assert!(rig.engine.cancel(running.ticket.unwrap()));
    assert_eq!(running.code(), ErrorCode::Cancelled);
    let model = ir::sized(rig.path(), "slow", -1, 1500, 1500);
    let loading = simply(&rig.engine, load(&model));
    std::thread::sleep(Duration::from_millis(2));
    if rig.engine.cancel(loading.ticket.unwrap()) {
        assert_eq!(loading.code(), ErrorCode::Cancelled);
    }
    assert!(started.elapsed() < Duration::from_secs(10));
}

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
    // OpenVINO keeps threads of its own once it has begun.
    simply(&rig.engine, infer(&model, &[("x", rows(1, 64, 0))])).answer().outcome.unwrap();
    rig.engine.shutdown(Duration::ZERO);
    let before = threads().len();
    for _ in 0..5 {
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
    assert!(threads().len() <= before, "{:?}", threads());
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

/// Eight submitters, random cancellations and deadlines. For ThreadSanitizer set NPUBRIDGE_STRESS to fewer operations.
#[test]
fn a_hundred_thousand_echoes_from_eight_threads_are_answered_once_each() {
    const THREADS: usize = 8;
    let count: usize = std::env::var("NPUBRIDGE_STRESS")
        .map_or(100_000, |text| text.parse().expect("a number of operations"));
    let _turn = turn();
    let before = threads().len();
    let folder = tempfile::tempdir().unwrap();
    let config = Config { worker_threads: 4, ..config(&["CPU"], folder.path()) };
    let engine = Engine::start(config).unwrap();
    let tally = Tally::new(count, true);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (engine, tally) = (&engine, &tally);
            scope.spawn(move || submit_and_cancel(engine, tally, thread, THREADS, count));
        }
    });
    tally.wait();
    eprintln!("{count} echoes from {THREADS} threads took {:?}", started.elapsed());
    let mut codes: HashMap<Option<ErrorCode>, usize> = HashMap::new();
    for (_, result) in tally.take() {
        *codes.entry(result.outcome.err().map(|error| error.code())).or_default() += 1;
    }
    let allowed = [None, Some(ErrorCode::Cancelled), Some(ErrorCode::DeadlineExceeded)];
    assert!(codes.keys().all(|code| allowed.contains(code)), "{codes:?}");
    assert!(codes[&None] > count / 10, "{codes:?}");
    let metrics = engine.metrics();
    assert_eq!(metrics.submitted, count as u64);
    assert_eq!(metrics.completed + metrics.failed, count as u64);
    assert_eq!((metrics.queue_depth, metrics.running), (0, 0));
    engine.shutdown(Duration::from_secs(1));
    assert!(threads().len() <= before, "{:?}", threads());
}

fn submit_and_cancel(
    engine: &Engine,
    tally: &Arc<Tally>,
    thread: usize,
    threads: usize,
    count: usize,
) {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(thread as u64 + 1);
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut tokens = (thread..count).step_by(threads).peekable();
    while tokens.peek().is_some() {
        let group = 1 + next() as usize % 50;
        let submissions: Vec<_> = tokens
            .by_ref()
            .take(group)
            .map(|token| {
                let choice = next();
                let options = Options {
                    priority: Priority::ALL[choice as usize % 5],
                    timeout: (choice % 7 == 0).then(|| Duration::from_micros(choice >> 8 & 1023)),
                };
                tally.submission(token, Operation::Echo(Payload::None), options)
            })
            .collect();
        let mut tickets = Vec::new();
        engine.submit_all(submissions, |ticket| tickets.extend(ticket));
        for ticket in tickets {
            if next() % 4 == 0 {
                engine.cancel(ticket);
            }
        }
    }
}

#[test]
fn each_priority_has_a_limit_of_its_own() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&["CPU"], folder.path());
    config.capacity.per_priority[Priority::Low as usize] = 3;
    let engine = Engine::start(config).unwrap();
    let tally = Tally::new(20, true);
    // In one go, so that none of them runs before all are there.
    let submissions = (0..20).map(|index| {
        let priority = [Priority::Low, Priority::High][index % 2];
        tally.submission(index, Operation::Echo(Payload::None), urgent(priority))
    });
    let mut accepted = 0;
    engine.submit_all(submissions.collect::<Vec<_>>(), |ticket| {
        accepted += usize::from(ticket.is_some())
    });
    tally.wait();
    assert_eq!(accepted, 13);
    for (token, result) in tally.take() {
        if let Err(error) = result.outcome {
            assert_eq!((token % 2, error.code()), (0, ErrorCode::QueueFull));
            assert!(
                error
                    .message()
                    .contains("3 operations of this priority wait and the queue takes 3"),
                "{error}"
            );
        }
    }
    assert_eq!(engine.metrics().failures_by_code["QUEUE_FULL"], 7);
}

#[test]
fn aging_as_configured_lets_the_least_urgent_through_a_flood() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&["CPU"], folder.path());
    (config.aging.after, config.aging.every, config.worker_threads) = (Duration::ZERO, 2, 1);
    let engine = Engine::start(config).unwrap();
    let tally = Tally::new(250, true);
    let submissions = (0..250).map(|index| {
        let priority = if index < 20 { Priority::Low } else { Priority::Realtime };
        tally.submission(index, Operation::Echo(Payload::None), urgent(priority))
    });
    engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
    tally.wait();
    let order: Vec<_> = tally.take().into_iter().map(|(token, _)| token).collect();
    let last = order.iter().rposition(|token| *token < 20).unwrap();
    assert!(last < 50, "the last of the least urgent was number {last}");
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
