//! What a tiny inference costs: the bare C API, this crate's wrapper around it, and the whole engine, in turn within one
//! run.
//!
//! `cargo run --release --example bare_loop -- [RUNTIME] [SECONDS] [ROUNDS]`
//!
//! The model is `1×64 · 64×128` in FP32 on the CPU. RUNTIME is a folder, by default the first usable one; SECONDS is how
//! long each figure is measured in all, split into rounds that take turns. Prints one JSON object.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use npubridge_engine::config::{Batching, Profile};
use npubridge_engine::engine::Submission;
use npubridge_engine::openvino::{CompiledModel, Core, InferRequest, Tensor};
use npubridge_engine::operation::{
    Completion, Inference, Name, Operation, OperationResult, Options, Sink,
};
use npubridge_engine::{Config, DataType, Engine, runtime, tensor};
use openvino_sys as ov;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const INPUT: [usize; 2] = [1, 64];
/// How many operations wait or run in the engine at any time.
const WINDOW: usize = 256;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map(PathBuf::from).or_else(first_runtime);
    let seconds: f64 = arguments.next().map_or(9.0, |text| text.parse().expect("SECONDS"));
    let rounds: u32 = arguments.next().map_or(9, |text| text.parse().expect("ROUNDS"));
    let folder = folder.expect("no runtime: give its folder");
    let loaded = runtime::load(&folder).unwrap();
    let models = tempfile::tempdir().unwrap();
    let core = Core::new().unwrap();
    let one = compile(&core, "LATENCY");
    let many = compile(&core, "THROUGHPUT");
    let requests: usize =
        many.property("OPTIMAL_NUMBER_OF_INFER_REQUESTS").unwrap().parse().unwrap();

    let bare = Bare::new(&loaded.library);
    let mut cases: Vec<Case> = vec![
        Case::new("bare, set, sync", bare.sync(true)),
        Case::new("bare, fixed, sync", bare.sync(false)),
        Case::new("bare, set, async", bare.asynchronous(true)),
        Case::new("bare, fixed, async", bare.asynchronous(false)),
        Case::new("wrapper, set, sync", sync(&one, true)),
        Case::new("wrapper, fixed, sync", sync(&one, false)),
        Case::new("wrapper, set, async", asynchronous(&one, true)),
        Case::new("wrapper, fixed, async", asynchronous(&one, false)),
        Case::new("wrapper, set, n async", in_flight(&many, requests, true)),
        Case::new("wrapper, fixed, n async", in_flight(&many, requests, false)),
        Case::new("wrapper, set, n threads", on_threads(&many, requests)),
        Case::new("engine, unbatched", through_the_engine(folder, models.path())),
    ];
    let slice = Duration::from_secs_f64(seconds / f64::from(rounds));
    for _ in 0..rounds {
        cases.iter_mut().for_each(|case| case.round(slice));
    }
    report(&loaded.version, requests, rounds, seconds, &cases);
}

fn first_runtime() -> Option<PathBuf> {
    let found = runtime::SearchOptions::from_process(None).candidates();
    found.into_iter().find(|candidate| candidate.problem.is_none()).map(|found| found.folder)
}

/// Runs for about as long as told, and says how many inferences that were.
type Body<'a> = Box<dyn FnMut(Duration) -> u64 + 'a>;

struct Case<'a> {
    name: &'static str,
    body: Body<'a>,
    per_second: Vec<f64>,
}

impl<'a> Case<'a> {
    fn new(name: &'static str, mut body: Body<'a>) -> Self {
        body(Duration::from_millis(100));
        Self { name, body, per_second: Vec::new() }
    }

    fn round(&mut self, slice: Duration) {
        let started = Instant::now();
        let count = (self.body)(slice);
        self.per_second.push(count as f64 / started.elapsed().as_secs_f64());
    }
}

fn report(version: &str, requests: usize, rounds: u32, seconds: f64, cases: &[Case]) {
    let figures: serde_json::Map<String, serde_json::Value> = cases
        .iter()
        .map(|case| {
            let mut sorted = case.per_second.clone();
            sorted.sort_by(f64::total_cmp);
            let at = |quantile: f64| {
                sorted[((sorted.len() - 1) as f64 * quantile).round() as usize].round()
            };
            let figure = serde_json::json!({"median": at(0.5), "least": at(0.0), "most": at(1.0), "rounds": case.per_second});
            (case.name.to_owned(), figure)
        })
        .collect();
    let report = serde_json::json!({
        "runtime": version,
        "device": "CPU",
        "model": "1x64 · 64x128 FP32",
        "requestsInFlight": requests,
        "rounds": rounds,
        "secondsEach": seconds,
        "inferencesPerSecond": figures,
    });
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
}

/// Repeats until the time is over; looks at the clock only every 64 times, which costs less than a thousandth.
fn repeat(limit: Duration, mut once: impl FnMut()) -> u64 {
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < limit {
        (0..64).for_each(|_| once());
        count += 64;
    }
    count
}

const IR: &str = r#"<?xml version="1.0"?><net name="tiny" version="11"><layers>
<layer id="0" name="a" type="Parameter" version="opset1"><data shape="1,64" element_type="f32"/><output><port id="0" precision="FP32" names="a"><dim>1</dim><dim>64</dim></port></output></layer>
<layer id="1" name="b" type="Const" version="opset1"><data element_type="f32" shape="64,128" offset="0" size="32768"/><output><port id="0" precision="FP32"><dim>64</dim><dim>128</dim></port></output></layer>
<layer id="2" name="c" type="MatMul" version="opset1"><data transpose_a="false" transpose_b="false"/><input><port id="0" precision="FP32"><dim>1</dim><dim>64</dim></port><port id="1" precision="FP32"><dim>64</dim><dim>128</dim></port></input><output><port id="2" precision="FP32" names="c"><dim>1</dim><dim>128</dim></port></output></layer>
<layer id="3" name="out" type="Result" version="opset1"><input><port id="0" precision="FP32"><dim>1</dim><dim>128</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/><edge from-layer="1" from-port="0" to-layer="2" to-port="1"/><edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>"#;

fn compile(core: &Core, hint: &str) -> CompiledModel {
    let weights = filled(&[64, 128]);
    let model = core.read_model_from_memory(IR, Some(weights)).unwrap();
    let exact = ("INFERENCE_PRECISION_HINT", "f32");
    core.compile(&model, "CPU", &[("PERFORMANCE_HINT", hint), exact]).unwrap()
}

fn input() -> Tensor {
    filled(&INPUT)
}

/// A tensor of plain numbers: what happens to be in new memory may be denormal, and slow.
fn filled(shape: &[usize]) -> Tensor {
    let mut tensor = Tensor::new(DataType::F32, shape).unwrap();
    for bytes in tensor.as_bytes_mut().chunks_exact_mut(4) {
        bytes.copy_from_slice(&0.5_f32.to_ne_bytes());
    }
    tensor
}

/// One request run on the calling thread; with `set`, one of two tensors is set before each run, as for new data.
fn sync(model: &CompiledModel, set: bool) -> Body<'static> {
    one_request(model, set, |request| request.infer().unwrap())
}

/// One request started and waited for.
fn asynchronous(model: &CompiledModel, set: bool) -> Body<'static> {
    one_request(model, set, |request| {
        request.start().unwrap();
        request.wait().unwrap();
    })
}

fn one_request(model: &CompiledModel, set: bool, run: fn(&mut InferRequest)) -> Body<'static> {
    let mut request = model.create_request().unwrap();
    let tensors = [input(), input()];
    let output = request.output(0).unwrap();
    request.set_input(0, &tensors[0]).unwrap();
    let mut turn = 0;
    Box::new(move |limit| {
        repeat(limit, || {
            if set {
                turn ^= 1;
                request.set_input(0, &tensors[turn]).unwrap();
            }
            run(&mut request);
            black_box(output.data_ptr());
        })
    })
}

/// Several requests in flight; each callback says over a channel that its request is free, and it is started again.
fn in_flight(model: &CompiledModel, count: usize, set: bool) -> Body<'static> {
    let (told, finished) = mpsc::channel();
    let mut requests: Vec<InferRequest> =
        (0..count).map(|_| model.create_request().unwrap()).collect();
    for (index, request) in requests.iter_mut().enumerate() {
        let told = told.clone();
        request.set_callback(Box::new(move || told.send(index).unwrap())).unwrap();
    }
    let tensors: Vec<[Tensor; 2]> = (0..count).map(|_| [input(), input()]).collect();
    let mut turn = 0;
    Box::new(move |limit| {
        requests.iter_mut().for_each(|request| request.start().unwrap());
        let done = repeat(limit, || {
            let index: usize = finished.recv().unwrap();
            requests[index].wait().unwrap();
            if set {
                turn ^= 1;
                requests[index].set_input(0, &tensors[index][turn]).unwrap();
            }
            requests[index].start().unwrap();
        });
        for _ in &requests {
            finished.recv().unwrap();
        }
        requests.iter().for_each(|request| request.wait().unwrap());
        done
    })
}

/// As many threads, each with a request of its own that it runs itself.
fn on_threads(model: &CompiledModel, count: usize) -> Body<'static> {
    let mut bodies: Vec<(InferRequest, [Tensor; 2])> =
        (0..count).map(|_| (model.create_request().unwrap(), [input(), input()])).collect();
    Box::new(move |limit| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = bodies
                .iter_mut()
                .map(|(request, tensors)| {
                    scope.spawn(move || {
                        let mut turn = 0;
                        repeat(limit, || {
                            turn ^= 1;
                            request.set_input(0, &tensors[turn]).unwrap();
                            request.infer().unwrap();
                        })
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        })
    })
}

/// Tells of each answer.
struct Answers(mpsc::Sender<()>);

impl Sink for Answers {
    fn complete(&self, _: u64, result: OperationResult) {
        result.outcome.unwrap();
        self.0.send(()).unwrap();
    }
}

fn inference(model: &Name) -> Inference {
    let input = tensor::Tensor::from_f32(&INPUT, &[0.5; 64]).unwrap();
    Inference { model: Arc::clone(model), inputs: vec![("a".into(), input)], stream: None }
}

/// Operations submitted a window at a time through the scheduler, each run alone; the rest waits its turn meanwhile.
fn through_the_engine(runtime: PathBuf, folder: &Path) -> Body<'static> {
    let model = folder.join("tiny.xml");
    std::fs::write(&model, IR).unwrap();
    std::fs::write(model.with_extension("bin"), filled(&[64, 128]).as_bytes()).unwrap();
    let engine = Engine::start(Config {
        runtime: Some(runtime),
        devices: vec!["CPU".into()],
        batching: Batching { max: 1, ..Batching::default() },
        profile: Profile::Throughput,
        ..Config::default()
    })
    .unwrap();
    let name: Name = model.to_str().unwrap().into();
    let ids = std::cell::Cell::new(0_u64);
    Box::new(move |limit| {
        let (told, finished) = mpsc::channel();
        let sink: Arc<dyn Sink> = Arc::new(Answers(told));
        let submit = |count: usize| {
            engine.submit_all(
                (0..count).map(|_| {
                    ids.set(ids.get() + 1);
                    Submission {
                        operation: Operation::Inference(Box::new(inference(&name))),
                        options: Options::default(),
                        completion: Completion::Sink(Arc::clone(&sink), ids.get()),
                    }
                }),
                |ticket| assert!(ticket.is_some()),
            );
        };
        let started = Instant::now();
        let mut done = 0;
        submit(WINDOW);
        let mut due = WINDOW;
        while due > 0 {
            let _: () = finished.recv().unwrap();
            due -= 1;
            done += 1;
            // Half a window at a time: a submission for each answer would measure how threads wake each other.
            if due == WINDOW / 2 && started.elapsed() < limit {
                submit(WINDOW / 2);
                due += WINDOW / 2;
            }
        }
        done
    })
}

macro_rules! functions {
    ($($name:ident: fn($($type:ty),*);)+) => {
        /// The functions of the library, without anything in between.
        struct Bare {
            $($name: unsafe extern "C" fn($($type),*) -> ov::ov_status_e,)+
            model: *mut ov::ov_compiled_model_t,
            _library: libloading::Library,
        }

        impl Bare {
            fn new(library: &std::path::Path) -> Self {
                // SAFETY: the library is loaded already.
                let library = unsafe { libloading::Library::new(library) }.unwrap();
                let mut bare = Self {
                    // SAFETY: the types are those of the C header.
                    $($name: unsafe { *library.get(stringify!($name)).unwrap() },)+
                    model: ptr::null_mut(),
                    _library: library,
                };
                bare.model = bare.compile();
                bare
            }
        }
    };
}

functions! {
    ov_core_create: fn(*mut *mut ov::ov_core_t);
    ov_core_read_model_from_memory_buffer: fn(*const ov::ov_core_t, *const u8, usize, *const ov::ov_tensor_t, *mut *mut ov::ov_model_t);
    ov_core_compile_model_props: fn(*const ov::ov_core_t, *const ov::ov_model_t, *const std::ffi::c_char, usize, *const ov::ov_property_t, *mut *mut ov::ov_compiled_model_t);
    ov_compiled_model_create_infer_request: fn(*const ov::ov_compiled_model_t, *mut *mut ov::ov_infer_request_t);
    ov_infer_request_set_input_tensor_by_index: fn(*mut ov::ov_infer_request_t, usize, *const ov::ov_tensor_t);
    ov_infer_request_get_output_tensor_by_index: fn(*const ov::ov_infer_request_t, usize, *mut *mut ov::ov_tensor_t);
    ov_infer_request_infer: fn(*mut ov::ov_infer_request_t);
    ov_infer_request_start_async: fn(*mut ov::ov_infer_request_t);
    ov_infer_request_wait: fn(*mut ov::ov_infer_request_t);
    ov_tensor_create: fn(ov::ov_element_type_e, ov::ov_shape_t, *mut *mut ov::ov_tensor_t);
    ov_tensor_data: fn(*const ov::ov_tensor_t, *mut *mut std::ffi::c_void);
}

/// Asserts that a call of the C API succeeded.
macro_rules! ok {
    ($self:ident.$function:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: every pointer passed here is alive: nothing of the bare loop is ever freed.
        assert_eq!(unsafe { ($self.$function)($($argument),*) }, ov::ov_status_e::OK)
    };
}

impl Bare {
    fn compile(&self) -> *mut ov::ov_compiled_model_t {
        let (mut core, mut model, mut compiled) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let weights = self.tensor(&[64, 128]);
        let hints = [(c"PERFORMANCE_HINT", c"LATENCY"), (c"INFERENCE_PRECISION_HINT", c"f32")].map(
            |(key, value)| ov::ov_property_t { key: key.as_ptr(), value: value.as_ptr().cast() },
        );
        ok!(self.ov_core_create(&raw mut core));
        ok!(self.ov_core_read_model_from_memory_buffer(
            core,
            IR.as_ptr(),
            IR.len(),
            weights,
            &raw mut model
        ));
        ok!(self.ov_core_compile_model_props(
            core,
            model,
            c"CPU".as_ptr(),
            hints.len(),
            hints.as_ptr(),
            &raw mut compiled
        ));
        compiled
    }

    fn tensor(&self, shape: &[i64]) -> *mut ov::ov_tensor_t {
        let (mut tensor, mut data) = (ptr::null_mut(), ptr::null_mut());
        let elements = shape.iter().product::<i64>() as usize;
        let shape = ov::ov_shape_t { rank: shape.len() as i64, dims: shape.as_ptr().cast_mut() };
        ok!(self.ov_tensor_create(ov::ov_element_type_e::F32, shape, &raw mut tensor));
        ok!(self.ov_tensor_data(tensor, &raw mut data));
        // SAFETY: the tensor has this many elements of this type, and nobody else has it yet.
        unsafe { std::slice::from_raw_parts_mut(data.cast::<f32>(), elements) }.fill(0.5);
        tensor
    }

    fn sync(&self, set: bool) -> Body<'_> {
        self.one_request(set, |bare, request| ok!(bare.ov_infer_request_infer(request)))
    }

    fn asynchronous(&self, set: bool) -> Body<'_> {
        self.one_request(set, |bare, request| {
            ok!(bare.ov_infer_request_start_async(request));
            ok!(bare.ov_infer_request_wait(request));
        })
    }

    fn one_request(&self, set: bool, run: fn(&Self, *mut ov::ov_infer_request_t)) -> Body<'_> {
        let (mut request, mut output) = (ptr::null_mut(), ptr::null_mut());
        ok!(self.ov_compiled_model_create_infer_request(self.model, &raw mut request));
        ok!(self.ov_infer_request_get_output_tensor_by_index(request, 0, &raw mut output));
        let tensors = [self.tensor(&[1, 64]), self.tensor(&[1, 64])];
        ok!(self.ov_infer_request_set_input_tensor_by_index(request, 0, tensors[0]));
        let mut turn = 0;
        Box::new(move |limit| {
            repeat(limit, || {
                if set {
                    turn ^= 1;
                    ok!(self.ov_infer_request_set_input_tensor_by_index(request, 0, tensors[turn]));
                }
                run(self, request);
                let mut data = ptr::null_mut();
                ok!(self.ov_tensor_data(output, &raw mut data));
                black_box(data);
            })
        })
    }
}
