//! The operation `benchmark`: real operations through the engine's own scheduler for a given time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};
use hdrhistogram::Histogram;
use serde::Serialize;

use super::answer::Answer;
use super::models::model_index;
use super::{Shared, Submission, Wake, host};
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{
    Benchmark, Completion, Inference, Kind, Name, Operation, OperationResult, Options, Output,
    Payload, Sink,
};
use crate::scheduler::Ticket;
use crate::tensor::Tensor;

/// Operations in flight at once.
const WINDOW: usize = 64;
/// Rows and columns of the matrices that are multiplied.
const MATRIX: usize = 128;
/// The longest time that is accepted.
const LONGEST: Duration = Duration::from_secs(600);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    kind: &'static str,
    duration_ms: f64,
    operations: u64,
    failed: u64,
    operations_per_second: f64,
    window: usize,
    latency_us: Percentiles,
    device: Option<String>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

/// Collects the answers of a run.
struct Collector {
    histogram: Mutex<Histogram<u64>>,
    answered: Mutex<usize>,
    more: Condvar,
    failed: AtomicU64,
    first_error: Mutex<Option<Error>>,
    device: Mutex<Option<Name>>,
}

impl Sink for Collector {
    fn complete(&self, _: u64, result: OperationResult) {
        match result.outcome {
            Ok(_) => self.histogram.lock().saturating_record(result.times.total.max(1)),
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                self.first_error.lock().get_or_insert(error);
            }
        }
        if result.device.is_some() {
            *self.device.lock() = result.device;
        }
        *self.answered.lock() += 1;
    }

    fn flush(&self) {
        self.more.notify_one();
    }
}

/// Runs the benchmark on a thread of its own, since it waits for operations that the engine's threads run.
pub(super) fn spawn(shared: &Arc<Shared>, ticket: Ticket, benchmark: Benchmark) {
    let owner = Arc::clone(shared);
    let thread = std::thread::Builder::new().name("npubridge-benchmark".into()).spawn(move || {
        let start = owner.now();
        let outcome = run(&owner, ticket, &benchmark);
        let end = owner.now();
        owner.answer_apart(ticket, |pending| Answer::on_host(pending, outcome, start, end));
    });
    match thread {
        Ok(thread) => shared.state.lock().add_thread(thread),
        Err(error) => {
            let now = shared.now();
            let error = Error::new(ErrorCode::ResourceExhausted, "no thread for a benchmark")
                .caused_by(error);
            shared.answer_apart(ticket, |pending| Answer::failed(pending, error, now));
        }
    }
}

fn run(shared: &Shared, ticket: Ticket, benchmark: &Benchmark) -> Result<Output> {
    if benchmark.duration.is_zero() || benchmark.duration > LONGEST {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "duration_ms is {}, it takes 1 to {}",
                benchmark.duration.as_millis(),
                LONGEST.as_millis()
            ),
        ));
    }
    let make = maker(shared, benchmark)?;
    let collector = Arc::new(Collector {
        histogram: Mutex::new(Histogram::new(3).expect("3 digits are valid")),
        answered: Mutex::new(0),
        more: Condvar::new(),
        failed: AtomicU64::new(0),
        first_error: Mutex::default(),
        device: Mutex::default(),
    });
    let started = Instant::now();
    let mut submitted = 0;
    while started.elapsed() < benchmark.duration {
        let answered = *collector.answered.lock();
        let free = WINDOW - (submitted - answered).min(WINDOW);
        submit(shared, &collector, free, &make);
        submitted += free;
        let mut answered = collector.answered.lock();
        if submitted - *answered >= WINDOW {
            collector.more.wait_for(&mut answered, Duration::from_millis(100));
        }
        drop(answered);
        let state = shared.state.lock();
        // Cancelled, or at the end of the engine.
        if state.closing || !state.apart.contains_key(&ticket) {
            break;
        }
    }
    let mut answered = collector.answered.lock();
    while *answered < submitted {
        collector.more.wait_for(&mut answered, Duration::from_millis(100));
    }
    drop(answered);
    report(benchmark.kind, &collector, started.elapsed())
}

fn submit(shared: &Shared, collector: &Arc<Collector>, count: usize, make: &dyn Fn() -> Operation) {
    let now = shared.now();
    let mut refused = Vec::new();
    let mut state = shared.state.lock();
    let mut wake = Wake::default();
    for _ in 0..count {
        let sink: Arc<dyn Sink> = Arc::clone(collector) as Arc<dyn Sink>;
        let submission = Submission {
            operation: make(),
            options: Options::default(),
            completion: Completion::Sink(sink, 0),
        };
        if let Err(answer) = shared.enqueue(&mut state, submission, now, &mut wake) {
            refused.push(*answer);
        }
    }
    shared.wake(&state, &wake);
    drop(state);
    shared.deliver(shared.background_shard(), refused);
}

type Maker = Box<dyn Fn() -> Operation>;

fn maker(shared: &Shared, benchmark: &Benchmark) -> Result<Maker> {
    match benchmark.kind {
        Kind::Echo => Ok(Box::new(|| Operation::Echo(Payload::None))),
        Kind::MatrixMultiply => {
            let ones = Tensor::from_f32(&[MATRIX, MATRIX], &[1.0; MATRIX * MATRIX])?;
            Ok(Box::new(move || {
                Operation::matrix_multiply(ones.clone(), ones.clone()).expect("square matrices fit")
            }))
        }
        Kind::Inference => inference_maker(shared, benchmark),
        other => Err(Error::new(
            ErrorCode::InvalidArgument,
            format!("kind {} cannot be benchmarked", other.name()),
        )
        .suggest("echo, inference or matrix_multiply")),
    }
}

/// Inferences on zeros. The model must be loaded, or is loaded by the first of them.
fn inference_maker(shared: &Shared, benchmark: &Benchmark) -> Result<Maker> {
    let model = benchmark.model.clone().ok_or_else(|| {
        Error::new(ErrorCode::InvalidArgument, "model is missing; kind inference needs one")
    })?;
    let instance = {
        let mut state = shared.state.lock();
        let index = model_index(&mut state, &model);
        state.models.entries[index].instance().cloned()
    };
    let Some(instance) = instance else {
        return Err(Error::new(ErrorCode::InvalidArgument, format!("{model} is not loaded"))
            .suggest("load_model first"));
    };
    let inputs = (0..instance.signature.inputs.len())
        .map(|index| {
            Ok((instance.signature.inputs[index].name.clone(), instance.signature.zeros(index)?))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Box::new(move || {
        Operation::Inference(Box::new(Inference {
            model: model.clone(),
            inputs: inputs.clone(),
            stream: None,
        }))
    }))
}

fn report(kind: Kind, collector: &Collector, elapsed: Duration) -> Result<Output> {
    let histogram = collector.histogram.lock();
    let failed = collector.failed.load(Ordering::Relaxed);
    if histogram.is_empty() {
        let first = collector.first_error.lock().take();
        return Err(first.unwrap_or_else(|| {
            Error::new(ErrorCode::Cancelled, "the benchmark ended before any operation did")
        }));
    }
    let micros = |nanos: u64| (nanos as f64 / 10.0).round() / 100.0;
    let seconds = elapsed.as_secs_f64();
    host::report(&Report {
        kind: kind.name(),
        duration_ms: (seconds * 1e6).round() / 1e3,
        operations: histogram.len(),
        failed,
        operations_per_second: (histogram.len() as f64 / seconds).round(),
        window: WINDOW,
        latency_us: Percentiles {
            mean: (histogram.mean() / 10.0).round() / 100.0,
            p50: micros(histogram.value_at_quantile(0.5)),
            p90: micros(histogram.value_at_quantile(0.9)),
            p99: micros(histogram.value_at_quantile(0.99)),
            max: micros(histogram.max()),
        },
        device: collector.device.lock().as_ref().map(ToString::to_string),
    })
}
