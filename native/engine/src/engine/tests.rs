use std::sync::mpsc;

use super::*;
use crate::operation::{Kind, OperationResult, Output, Payload, Priority};

fn engine() -> Engine {
    engine_with(Config { devices: vec!["CPU".into()], worker_threads: 1, ..Config::default() })
}

fn engine_with(config: Config) -> Engine {
    Engine::start(config).unwrap()
}

fn submit(
    engine: &Engine,
    operation: Operation,
    options: Options,
) -> mpsc::Receiver<OperationResult> {
    let (sender, receiver) = mpsc::channel();
    let completion = Completion::call(move |result| sender.send(result).unwrap_or_default());
    engine.submit(operation, options, completion);
    receiver
}

fn echo(text: &str) -> Operation {
    Operation::Echo(Payload::Bytes(text.as_bytes().into()))
}

#[test]
fn an_echo_gives_its_payload_back_with_its_times() {
    let engine = engine();
    let result = submit(&engine, echo("hello"), Options::default()).recv().unwrap();
    let Ok(Output::Payload(Payload::Bytes(bytes))) = result.outcome else { panic!("{result:?}") };
    assert_eq!(&*bytes, b"hello");
    assert!(result.times.total >= result.times.queue + result.times.compute);
    assert_eq!(result.device, None);
}

#[test]
fn every_operation_of_a_batch_is_answered_once() {
    let engine = engine();
    let (sender, receiver) = mpsc::channel();
    let submissions = (0..10_000).map(|index| {
        let sender = sender.clone();
        Submission {
            operation: Operation::Echo(Payload::None),
            options: Options { priority: Priority::ALL[index % 5], timeout: None },
            completion: Completion::call(move |_| sender.send(index).unwrap()),
        }
    });
    let mut accepted = 0;
    engine.submit_all(submissions, |ticket| accepted += usize::from(ticket.is_some()));
    assert_eq!(accepted, 10_000);
    let mut answered: Vec<_> = receiver.iter().take(10_000).collect();
    answered.sort_unstable();
    assert_eq!(answered, (0..10_000).collect::<Vec<_>>());
    assert_eq!(engine.metrics().completed, 10_000);
}

/// The threads that answer so many echoes, submitted together once the worker waits for work.
fn threads_of(count: usize) -> Vec<std::thread::ThreadId> {
    let engine = engine();
    while engine.shared.state.lock().idle_hosts == 0 {
        std::thread::yield_now();
    }
    let (sender, receiver) = mpsc::channel();
    let submissions = (0..count).map(|_| {
        let sender = sender.clone();
        Submission {
            operation: Operation::Echo(Payload::None),
            options: Options::default(),
            completion: Completion::call(move |_| {
                sender.send(std::thread::current().id()).unwrap();
            }),
        }
    });
    engine.submit_all(submissions, |_| ());
    let threads = receiver.iter().take(count).collect();
    assert_eq!(engine.metrics().completed, count as u64);
    engine.shutdown(Duration::from_secs(1));
    assert_eq!(engine.metrics().queue_depth, 0);
    threads
}

#[test]
fn few_echoes_run_where_they_are_submitted_and_many_on_threads_of_the_engine() {
    let here = std::thread::current().id();
    assert_eq!(threads_of(1), [here]);
    assert_eq!(threads_of(8), [here; 8]);
    assert!(threads_of(9).iter().all(|thread| *thread != here));
}

#[test]
fn a_full_queue_refuses_with_depth_and_capacity() {
    let engine = engine_with(Config {
        devices: vec!["CPU".into()],
        capacity: crate::config::Capacity { total: 0, ..Default::default() },
        ..Config::default()
    });
    let result = submit(&engine, echo(""), Options::default()).recv().unwrap();
    let error = result.outcome.unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("0 operations wait and the queue takes 0"), "{error}");
}

#[test]
fn after_shutdown_operations_are_refused_and_no_thread_is_left() {
    let engine = engine();
    submit(&engine, echo(""), Options::default()).recv().unwrap().outcome.unwrap();
    engine.shutdown(Duration::from_secs(1));
    let result = submit(&engine, echo(""), Options::default()).recv().unwrap();
    assert_eq!(result.outcome.unwrap_err().code(), ErrorCode::Cancelled);
    assert_eq!(Arc::strong_count(&engine.shared), 1);
}

#[test]
fn a_zero_timeout_expires_and_says_so() {
    let engine = engine();
    let options = Options { timeout: Some(Duration::ZERO), ..Options::default() };
    let result = submit(&engine, echo(""), options).recv().unwrap();
    assert_eq!(result.outcome.unwrap_err().code(), ErrorCode::DeadlineExceeded);
}

#[test]
fn health_and_statistics_are_json() {
    let engine = engine();
    for operation in [Operation::HealthCheck, Operation::Statistics] {
        let result = submit(&engine, operation, Options::default()).recv().unwrap();
        let Ok(Output::Report(text)) = result.outcome else { panic!("{result:?}") };
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value.is_object());
    }
}

#[test]
fn a_benchmark_of_echo_runs_real_operations() {
    let engine = engine();
    let benchmark = crate::operation::Benchmark {
        kind: Kind::Echo,
        duration: Duration::from_millis(50),
        model: None,
    };
    let result = submit(&engine, Operation::Benchmark(Box::new(benchmark)), Options::default())
        .recv()
        .unwrap();
    let Ok(Output::Report(text)) = result.outcome else { panic!("{result:?}") };
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let operations = value["operations"].as_u64().unwrap();
    assert!(operations > 100, "{text}");
    assert_eq!(engine.metrics().operations["echo"].total.count, operations);
}

#[test]
fn a_model_that_does_not_exist_fails_and_the_engine_goes_on() {
    let engine = engine();
    let inference = crate::operation::Inference {
        model: "no/such.onnx".into(),
        inputs: Vec::new(),
        stream: None,
    };
    let operation = Operation::Inference(Box::new(inference));
    let error = submit(&engine, operation, Options::default()).recv().unwrap().outcome.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ModelNotFound, "{error}");
    submit(&engine, echo(""), Options::default()).recv().unwrap().outcome.unwrap();
}

/// Everything that threads may do to an engine at once. Run under ThreadSanitizer by `npm run test:threads`.
#[test]
fn threads_that_submit_cancel_and_look_on_get_each_answer_once() {
    const THREADS: usize = 4;
    let each = if cfg!(miri) { 20 } else { 2_000 };
    let engine = engine_with(Config {
        devices: vec!["CPU".into()],
        worker_threads: 2,
        capacity: crate::config::Capacity { total: 500, ..Default::default() },
        ..Config::default()
    });
    let answered: Vec<_> =
        (0..THREADS * each).map(|_| std::sync::atomic::AtomicU32::new(0)).collect();
    let answered = Arc::new(answered);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (engine, answered) = (&engine, &answered);
            scope.spawn(move || {
                for index in 0..each {
                    let token = thread * each + index;
                    let answered = Arc::clone(answered);
                    let completion = Completion::call(move |_| {
                        answered[token].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    });
                    let timeout = (index % 7 == 0).then(|| Duration::from_micros(50));
                    let options = Options { priority: Priority::ALL[index % 5], timeout };
                    let operation = match index % 50 {
                        0 => Operation::Statistics,
                        1 => Operation::HealthCheck,
                        _ => echo("x"),
                    };
                    let ticket = engine.submit(operation, options, completion);
                    if index % 3 == 0
                        && let Some(ticket) = ticket
                    {
                        engine.cancel(ticket);
                    }
                    if index % 200 == 0 {
                        assert!(engine.metrics().queue_depth <= 500);
                    }
                }
            });
        }
        // Ends while the others still submit.
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            engine.shutdown(Duration::from_millis(1));
        });
    });
    let counts = answered.iter().map(|count| count.load(std::sync::atomic::Ordering::Relaxed));
    assert_eq!(counts.filter(|count| *count != 1).count(), 0);
    let metrics = engine.metrics();
    assert_eq!(metrics.completed + metrics.failed, (THREADS * each) as u64);
}
