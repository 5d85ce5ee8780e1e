//! Ten thousand operations of every kind, and what each of them must have got.

use super::*;
use npubridge_engine::operation::{Agents, Benchmark, Kind, Payload, Route, Workflow};
use npubridge_engine::workflow::Task;
use std::collections::HashMap;
use std::path::PathBuf;

/// Different inputs of each kind; their results are known beforehand.
const INPUTS: usize = 16;
const THREADS: usize = 4;
const STREAMS: usize = 4;
/// A stream is closed with each step of this number.
const STREAM_LENGTH: usize = 16;

/// The models that are used, and all that must come of them.
pub struct World {
    pub fixed: PathBuf,
    pub rows: PathBuf,
    pub recurrent: PathBuf,
    pub spare: PathBuf,
    agents: PathBuf,
    products: Vec<Vec<f32>>,
}

/// What the answer to an operation must be, if it is not an error.
enum Expected {
    Anything,
    Echo(u64),
    Values(Vec<f32>),
    /// The next step of a stream.
    Step {
        stream: usize,
        x: [f32; 4],
        last: bool,
    },
}

/// Numbers that look random, always the same for a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed + 1))
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// How a load went.
pub struct Outcome {
    /// Answers with a result, by device.
    pub on: HashMap<String, u64>,
    /// Results that say that they are not from the first choice.
    pub fallbacks: u64,
    pub errors: HashMap<ErrorCode, u64>,
}

impl World {
    pub fn make(folder: &Path) -> Self {
        let agents = folder.join("agents");
        std::fs::create_dir(&agents).unwrap();
        for name in ["tester", "linter"] {
            let text = format!("---\nname: {name}\ndescription: a {name} of code\n---\n");
            std::fs::write(agents.join(format!("{name}.md")), text).unwrap();
        }
        let weights = ir::distinct(64 * 128);
        Self {
            fixed: ir::sized(folder, "fixed", 1, 64, 128),
            rows: ir::tiny(folder, "rows"),
            recurrent: ir::recurrent(folder, "recurrent"),
            spare: ir::sized(folder, "spare", 1, 64, 128),
            agents,
            products: (0..INPUTS).map(|seed| product_of(&rows(3, 64, seed), &weights)).collect(),
        }
    }

    /// Every kind of operation by name.
    pub const KINDS: [&str; 11] = [
        "initialize",
        "load_model",
        "unload_model",
        "inference",
        "matrix_multiply",
        "echo",
        "health_check",
        "statistics",
        "benchmark",
        "route",
        "workflow",
    ];

    /// An operation of the kind of that name.
    pub fn of_kind(&self, kind: &str, token: usize) -> Operation {
        match kind {
            "initialize" => Operation::Initialize,
            "load_model" => super::load([&self.spare, &self.rows][token % 2]),
            "unload_model" => unload([&self.spare, &self.fixed][token % 2]),
            "inference" => match token % 3 {
                0 => infer(&self.fixed, &[("x", rows_of(token % INPUTS, 1))]),
                1 => infer(&self.rows, &[("x", rows_of(token % INPUTS, 2))]),
                _ => {
                    let x = Tensor::from_f32(&[1, 4], &[1.0; 4]).unwrap();
                    step(&self.recurrent, "s", token.is_multiple_of(5), &[("x", x)])
                }
            },
            "matrix_multiply" => product_of_ones(2 + token % 4),
            "echo" => Operation::Echo(Payload::None),
            "health_check" => Operation::HealthCheck,
            "statistics" => Operation::Statistics,
            "benchmark" => Operation::Benchmark(Box::new(Benchmark {
                kind: [Kind::Echo, Kind::MatrixMultiply][token % 2],
                duration: Duration::from_millis(2),
                model: None,
            })),
            "route" => self.route(),
            "workflow" => small_workflow(),
            other => panic!("no operation is called {other}"),
        }
    }

    fn route(&self) -> Operation {
        let agents = Some(Agents::Folder(self.agents.clone()));
        Operation::Route(Box::new(Route { agents, ..Route::new("test the code") }))
    }

    /// Submits `count` operations from four threads, cancels some, waits for all, and looks at every answer.
    pub fn load(&self, engine: &Engine, count: usize, seed: u64) -> Outcome {
        let tally = Tally::new(count, true);
        let expected = Mutex::new(HashMap::new());
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (tally, expected) = (&tally, &expected);
                let tokens = (thread..count).step_by(THREADS);
                scope.spawn(move || {
                    let mine = self.submit(engine, tally, thread, tokens, seed);
                    expected.lock().unwrap().extend(mine);
                });
            }
        });
        tally.wait();
        let mut results = tally.take();
        assert_eq!(results.len(), count);
        // Within a stream the order is that of submission, which is that of the tokens of its thread.
        results.sort_by_key(|(token, _)| *token);
        let mut expected = expected.into_inner().unwrap();
        let mut checker = Checker::default();
        for (token, result) in results {
            let expected = expected.remove(&token).unwrap();
            checker.check(token, result, expected);
        }
        checker.outcome()
    }

    fn submit(
        &self,
        engine: &Engine,
        tally: &Arc<Tally>,
        thread: usize,
        tokens: impl Iterator<Item = usize>,
        seed: u64,
    ) -> Vec<(u64, Expected)> {
        let mut random = Random::new(seed * 64 + thread as u64);
        let mut tokens = tokens.peekable();
        let mut steps = [0; STREAMS];
        let mut all = Vec::new();
        while tokens.peek().is_some() {
            let group = usize::try_from(1 + random.below(50)).unwrap();
            let mut submissions = Vec::new();
            for token in tokens.by_ref().take(group) {
                let (operation, expected) =
                    self.operation(&mut random, token, (seed, thread), &mut steps);
                let options = Options {
                    priority: Priority::ALL[random.below(5) as usize],
                    timeout: (random.below(100) < 8)
                        .then(|| Duration::from_micros(random.below(20_000))),
                };
                submissions.push(tally.submission(token, operation, options));
                all.push((token as u64, expected));
            }
            let mut tickets = Vec::new();
            engine.submit_all(submissions, |ticket| tickets.extend(ticket));
            for ticket in tickets {
                if random.below(100) < 5 {
                    engine.cancel(ticket);
                }
            }
            std::thread::sleep(Duration::from_micros(random.below(3_000)));
        }
        all
    }

    fn operation(
        &self,
        random: &mut Random,
        token: usize,
        (load, thread): (u64, usize),
        steps: &mut [usize; STREAMS],
    ) -> (Operation, Expected) {
        let seed = random.below(INPUTS as u64) as usize;
        let simple = |operation| (operation, Expected::Anything);
        match random.below(1000) {
            0..380 => {
                let bytes = (token as u64).to_ne_bytes();
                (Operation::Echo(Payload::Bytes(bytes.into())), Expected::Echo(token as u64))
            }
            380..580 => {
                let operation = infer(&self.fixed, &[("x", rows_of(seed, 1))]);
                (operation, Expected::Values(self.products[seed][..128].to_vec()))
            }
            580..730 => {
                let count = 1 + random.below(3) as usize;
                let operation = infer(&self.rows, &[("x", rows_of(seed, count))]);
                (operation, Expected::Values(self.products[seed][..128 * count].to_vec()))
            }
            730..880 => {
                let stream = random.below(STREAMS as u64) as usize;
                steps[stream] += 1;
                let last = steps[stream].is_multiple_of(STREAM_LENGTH);
                let x = [1.0, (seed % 2) as f32, (seed / 2 % 2) as f32, (seed / 4 % 2) as f32];
                let tensor = Tensor::from_f32(&[1, 4], &x).unwrap();
                let name = format!("{load}-{thread}-{stream}");
                let operation = step(&self.recurrent, &name, last, &[("x", tensor)]);
                (operation, Expected::Step { stream: thread * STREAMS + stream, x, last })
            }
            880..940 => {
                let size = 2 + seed % 4;
                (product_of_ones(size), Expected::Values(vec![size as f32; size * size]))
            }
            940..955 => simple(Operation::HealthCheck),
            955..957 => simple(Operation::Statistics),
            957..975 => simple(self.route()),
            975..985 => simple(small_workflow()),
            985..990 => simple(super::load([&self.spare, &self.fixed][seed % 2])),
            990..993 => {
                simple(unload([&self.spare, &self.spare, &self.fixed, &self.rows][seed % 4]))
            }
            993..999 => simple(Operation::Initialize),
            _ => simple(Operation::Benchmark(Box::new(Benchmark {
                kind: [Kind::Echo, Kind::MatrixMultiply][seed % 2],
                duration: Duration::from_millis(2),
                model: None,
            }))),
        }
    }
}

fn product_of_ones(size: usize) -> Operation {
    let ones = Tensor::from_f32(&[size, size], &vec![1.0; size * size]).unwrap();
    Operation::matrix_multiply(ones.clone(), ones).unwrap()
}

fn small_workflow() -> Operation {
    Operation::Workflow(Box::new(Workflow {
        tasks: vec![Task::new("a"), Task::new("b").after(["a"])],
        max_parallel: 2,
        agents: None,
        unassigned: Vec::new(),
    }))
}

fn rows_of(seed: usize, count: usize) -> Tensor {
    let three = rows(3, 64, seed).as_f32().unwrap();
    Tensor::from_f32(&[count, 64], &three[..64 * count]).unwrap()
}

fn product_of(x: &Tensor, weights: &[f32]) -> Vec<f32> {
    let x = x.as_f32().unwrap();
    let cell = |row: usize, column: usize| -> f64 {
        (0..64).map(|at| f64::from(x[row * 64 + at]) * f64::from(weights[at * 128 + column])).sum()
    };
    (0..3 * 128).map(|index| cell(index / 128, index % 128) as f32).collect()
}

#[derive(Default)]
struct Checker {
    on: HashMap<String, u64>,
    fallbacks: u64,
    errors: HashMap<ErrorCode, u64>,
    states: HashMap<usize, [f32; 4]>,
}

impl Checker {
    fn check(&mut self, token: u64, result: OperationResult, expected: Expected) {
        let kind = result.kind;
        if let Err(error) = &result.outcome {
            let code = error.code();
            let allowed = matches!(code, ErrorCode::Cancelled | ErrorCode::DeadlineExceeded)
                || (code == ErrorCode::ModelNotFound && kind == Kind::UnloadModel);
            assert!(allowed, "operation {token}, {}: {error}", kind.name());
            *self.errors.entry(code).or_default() += 1;
            return;
        }
        if let Some(device) = &result.device {
            *self.on.entry(device.to_string()).or_default() += 1;
            let fell = result.fallback.as_ref();
            let what = fell.map(|fell| (&*fell.from, &*fell.to, fell.reason.is_empty()));
            let due = (&**device == "CPU").then_some(("NPU", "CPU", false));
            assert_eq!(what, due, "operation {token}");
            self.fallbacks += u64::from(fell.is_some());
        }
        match expected {
            Expected::Anything => {}
            Expected::Echo(number) => {
                let Ok(Output::Payload(Payload::Bytes(bytes))) = result.outcome else {
                    panic!("operation {token}: {result:?}");
                };
                assert_eq!(*bytes, number.to_ne_bytes(), "operation {token}");
            }
            Expected::Values(expected) => assert_close(&values(result), &expected, token),
            Expected::Step { stream, x, last } => {
                let state = self.states.entry(stream).or_default();
                let next: [f32; 4] = std::array::from_fn(|at| state[at] + state[at] + x[at]);
                let expected: Vec<f32> = next.iter().zip(x).map(|(state, x)| state + x).collect();
                assert_eq!(values(result), expected, "operation {token}, stream {stream}");
                *state = if last { [0.0; 4] } else { next };
            }
        }
    }

    fn outcome(self) -> Outcome {
        Outcome { on: self.on, fallbacks: self.fallbacks, errors: self.errors }
    }
}

fn assert_close(values: &[f32], expected: &[f32], token: u64) {
    assert_eq!(values.len(), expected.len(), "operation {token}");
    let scale = expected.iter().fold(1.0_f32, |scale, value| scale.max(value.abs()));
    for (value, expected) in values.iter().zip(expected) {
        assert!((value - expected).abs() <= 1e-2 * scale, "operation {token}: {value} {expected}");
    }
}
