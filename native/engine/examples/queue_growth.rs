//! What waiting costs: time and memory for each operation, while 1,000 to 1,000,000 wait.
//!
//! `cargo run --release --example queue_growth -- [ROUNDS]`
//!
//! The only worker is held by an operation of its own until all are queued; then they run. Memory is what the allocator
//! gave out between the first and the last submission, divided by their number. Prints one JSON object.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use npubridge_engine::engine::Submission;
use npubridge_engine::operation::{
    Completion, Operation, OperationResult, Options, Payload, Priority, Sink,
};
use npubridge_engine::{Config, Engine};

const DEPTHS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const PRIORITIES: [Priority; 4] =
    [Priority::Low, Priority::Normal, Priority::High, Priority::Critical];
/// How many operations each figure is made of, so that short queues are not timed by a few microseconds.
const LEAST_OPERATIONS: usize = 200_000;

/// Counts what is given out and not yet given back.
struct Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        IN_USE.fetch_add(size as isize - layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Tells when as many answers have come as are expected.
struct Counter {
    left: AtomicUsize,
    done: mpsc::Sender<()>,
}

impl Sink for Counter {
    fn complete(&self, _: u64, result: OperationResult) {
        result.outcome.expect("an echo succeeds");
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.send(()).expect("somebody waits");
        }
    }
}

struct Cost {
    nanos: f64,
    bytes: f64,
}

fn main() {
    let rounds: usize = std::env::args().nth(1).map_or(7, |text| text.parse().expect("ROUNDS"));
    let report = serde_json::json!({
        "rounds": rounds,
        "withoutDeadline": figures(rounds, false),
        "withDeadlines": figures(rounds, true),
    });
    println!("{report}");
}

/// Costs by depth, the depths taking turns.
fn figures(rounds: usize, timed: bool) -> serde_json::Map<String, serde_json::Value> {
    let mut figures = serde_json::Map::new();
    let mut costs: Vec<Vec<Cost>> = DEPTHS.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (depth, costs) in DEPTHS.iter().zip(&mut costs) {
            costs.push(round(*depth, timed));
        }
    }
    for (depth, costs) in DEPTHS.iter().zip(&costs) {
        let nanos: Vec<_> = costs.iter().map(|cost| cost.nanos).collect();
        let bytes: Vec<_> = costs.iter().map(|cost| cost.bytes).collect();
        figures.insert(depth.to_string(), serde_json::json!({"nanos": nanos, "bytes": bytes}));
    }
    figures
}

/// Fills the queue to `depth` and empties it, as often as it takes.
fn round(depth: usize, timed: bool) -> Cost {
    let engine = Engine::start(Config {
        devices: vec!["CPU".into()],
        worker_threads: 1,
        ..Config::default()
    })
    .expect("an engine without a model needs no runtime");
    // The first filling grows the queue: it tells the memory. The others find it grown: they tell the time.
    let (bytes, _) = fill_and_empty(&engine, depth, timed);
    let times = LEAST_OPERATIONS.div_ceil(depth);
    let spent: Duration = (0..times).map(|_| fill_and_empty(&engine, depth, timed).1).sum();
    engine.shutdown(Duration::ZERO);
    Cost {
        nanos: spent.as_nanos() as f64 / (depth * times) as f64,
        bytes: bytes as f64 / depth as f64,
    }
}

fn fill_and_empty(engine: &Engine, depth: usize, timed: bool) -> (isize, Duration) {
    let (release, released) = mpsc::channel::<()>();
    let (began, begun) = mpsc::channel();
    // The answer is given on the worker's own thread: while its completion waits, the worker does nothing else.
    let hold = Completion::call(move |_| {
        began.send(()).unwrap();
        let _ = released.recv();
    });
    engine.submit(Operation::Echo(Payload::None), Options::default(), hold);
    begun.recv().unwrap();

    let (done, all_done) = mpsc::channel();
    let sink: Arc<dyn Sink> = Arc::new(Counter { left: AtomicUsize::new(depth), done });
    let before = IN_USE.load(Ordering::Relaxed);
    let started = Instant::now();
    engine.submit_all(
        (0..depth).map(|index| Submission {
            operation: Operation::Echo(Payload::None),
            options: Options {
                priority: PRIORITIES[index % PRIORITIES.len()],
                timeout: timed.then(|| Duration::from_secs(3600 + (index % 97) as u64)),
            },
            completion: Completion::Sink(Arc::clone(&sink), index as u64),
        }),
        |ticket| assert!(ticket.is_some(), "the queue is long enough"),
    );
    let used = IN_USE.load(Ordering::Relaxed) - before;
    drop(release);
    all_done.recv().unwrap();
    (used, started.elapsed())
}
