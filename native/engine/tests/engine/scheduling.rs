//! Who is first, who is cancelled, and that each is answered once.
use super::*;

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
