//! What tests of the whole engine share: an engine, models for it, and a count of its answers.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::cast_precision_loss)]

pub mod ir;
pub mod load;

use npubridge_engine::config::{Batching, Breaker, Config};
use npubridge_engine::engine::{Engine, Submission};
use npubridge_engine::operation::{
    Completion, Inference, LoadModel, Name, Operation, OperationResult, Options, Output, Priority,
    Sink, StreamStep,
};
use npubridge_engine::scheduler::Ticket;
use npubridge_engine::tensor::Tensor;
use npubridge_engine::{Error, ErrorCode};
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than anything takes here; a test that waits for this long has found something lost.
pub const SOON: Duration = Duration::from_secs(20);

/// Tests of whole engines come one after the other: they count threads, and time.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A configuration for `devices` with little patience.
pub fn config(devices: &[&str], models: &Path) -> Config {
    Config {
        devices: devices.iter().map(|device| Name::from(*device)).collect(),
        models: models.to_path_buf(),
        worker_threads: 2,
        hang_after: Duration::from_millis(500),
        breaker: Breaker {
            failures: 3,
            pause: Duration::from_millis(50),
            longest_pause: Duration::from_millis(200),
        },
        batching: Batching { adaptive: false, ..Batching::default() },
        ..Config::default()
    }
}

/// One operation that was submitted.
pub struct Asked {
    pub ticket: Option<Ticket>,
    answer: Receiver<OperationResult>,
}

impl Asked {
    /// The answer, which must come soon.
    pub fn answer(self) -> OperationResult {
        self.answer.recv_timeout(SOON).expect("the operation was never answered")
    }

    pub fn error(self) -> Error {
        match self.answer().outcome {
            Err(error) => error,
            Ok(output) => panic!("answered with {output:?}"),
        }
    }

    pub fn code(self) -> ErrorCode {
        self.error().code()
    }

    /// The values of the only output, or of the one named `y`.
    pub fn values(self) -> Vec<f32> {
        values(self.answer())
    }

    pub fn is_answered_within(&self, limit: Duration) -> Option<OperationResult> {
        self.answer.recv_timeout(limit).ok()
    }
}

/// The FP32 values of the output `y` or `product`.
pub fn values(result: OperationResult) -> Vec<f32> {
    let tensors = tensors(result);
    let found = tensors.iter().find(|(name, _)| matches!(&**name, "y" | "product" | "output"));
    found.expect("an output of that name").1.as_f32().unwrap()
}

pub fn tensors(result: OperationResult) -> Vec<(Name, Tensor)> {
    match result.outcome {
        Ok(Output::Tensors(tensors)) => tensors,
        other => panic!("no tensors but {other:?}"),
    }
}

pub fn report(result: OperationResult) -> serde_json::Value {
    match result.outcome {
        Ok(Output::Report(text)) => serde_json::from_str(&text).unwrap(),
        other => panic!("no report but {other:?}"),
    }
}

pub fn ask(engine: &Engine, operation: Operation, options: Options) -> Asked {
    let (sender, answer) = mpsc::channel();
    let completion = Completion::call(move |result| sender.send(result).unwrap_or_default());
    let ticket = engine.submit(operation, options, completion);
    Asked { ticket, answer }
}

/// As [`ask`], with nothing special.
pub fn simply(engine: &Engine, operation: Operation) -> Asked {
    ask(engine, operation, Options::default())
}

pub fn within(timeout: Duration) -> Options {
    Options { timeout: Some(timeout), ..Options::default() }
}

pub fn urgent(priority: Priority) -> Options {
    Options { priority, ..Options::default() }
}

pub fn infer(model: &Path, inputs: &[(&str, Tensor)]) -> Operation {
    inference(model, inputs, None)
}

pub fn step(model: &Path, stream: &str, last: bool, inputs: &[(&str, Tensor)]) -> Operation {
    inference(model, inputs, Some(StreamStep { name: stream.into(), last }))
}

fn inference(model: &Path, inputs: &[(&str, Tensor)], stream: Option<StreamStep>) -> Operation {
    Operation::Inference(Box::new(Inference {
        model: model.to_str().unwrap().into(),
        inputs: inputs.iter().map(|(name, tensor)| ((*name).into(), tensor.clone())).collect(),
        stream,
    }))
}

pub fn load(model: &Path) -> Operation {
    Operation::LoadModel(Box::new(LoadModel {
        model: model.to_str().unwrap().into(),
        shapes: Vec::new(),
        batching: None,
    }))
}

pub fn unload(model: &Path) -> Operation {
    Operation::UnloadModel { model: model.to_str().unwrap().into() }
}

/// `rows` rows of `columns` values, none of them alike for different seeds.
pub fn rows(rows: usize, columns: usize, seed: usize) -> Tensor {
    let value = |index: usize| ((index * 31 + seed * 17 + 7) % 251) as f32 / 16.0 - 7.0;
    let values: Vec<f32> = (0..rows * columns).map(value).collect();
    Tensor::from_f32(&[rows, columns], &values).unwrap()
}

/// Counts the answers of many operations, each by its token.
pub struct Tally {
    answers: Vec<AtomicU8>,
    answered: AtomicUsize,
    pub results: Mutex<Vec<(u64, OperationResult)>>,
    keep: bool,
}

impl Tally {
    pub fn new(operations: usize, keep: bool) -> Arc<Self> {
        Arc::new(Self {
            answers: (0..operations).map(|_| AtomicU8::new(0)).collect(),
            answered: AtomicUsize::new(0),
            results: Mutex::default(),
            keep,
        })
    }

    pub fn submission(
        self: &Arc<Self>,
        token: usize,
        operation: Operation,
        options: Options,
    ) -> Submission {
        let sink: Arc<dyn Sink> = Arc::clone(self) as Arc<dyn Sink>;
        Submission { operation, options, completion: Completion::Sink(sink, token as u64) }
    }

    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// Waits until all are answered, then checks that each was once.
    pub fn wait(&self) {
        let started = Instant::now();
        while self.answered() < self.answers.len() {
            assert!(
                started.elapsed() < SOON,
                "{} of {} operations were answered; not {:?} …",
                self.answered(),
                self.answers.len(),
                self.missing().take(10).collect::<Vec<_>>()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.missing().next(), None);
        assert_eq!(self.answered(), self.answers.len(), "operations were answered twice");
    }

    fn missing(&self) -> impl Iterator<Item = usize> + '_ {
        let counts = self.answers.iter().enumerate();
        counts.filter(|(_, count)| count.load(Ordering::SeqCst) != 1).map(|(token, _)| token)
    }

    pub fn take(&self) -> Vec<(u64, OperationResult)> {
        std::mem::take(&mut self.results.lock().unwrap())
    }
}

impl Sink for Tally {
    fn complete(&self, token: u64, result: OperationResult) {
        self.answers[usize::try_from(token).unwrap()].fetch_add(1, Ordering::SeqCst);
        if self.keep {
            self.results.lock().unwrap().push((token, result));
        }
        self.answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// Names of the threads of this process, but those of the emulated device, which abandoned inferences keep alive.
/// OpenVINO names none of its own: they are called what the thread is called that first needed them.
pub fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let mut names: Vec<String> = tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        // The engine's own: the test harness starts and ends threads of its own meanwhile.
        .filter(|name| name.starts_with("npubridge"))
        .collect();
    names.sort();
    names
}

/// Waits until `condition` holds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < SOON, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Submits groups of operations until some of them have been run together.
pub fn learns_to_stack(engine: &Engine, make: impl Fn(usize) -> Operation) {
    eventually("requests run together", || {
        let tally = Tally::new(32, true);
        let submissions =
            (0..32).map(|seed| tally.submission(seed, make(seed), Options::default()));
        engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
        tally.wait();
        tally.take().into_iter().for_each(|(_, result)| drop(result.outcome.unwrap()));
        engine.metrics().batch_sizes.keys().any(|size| *size > 4)
    });
}
