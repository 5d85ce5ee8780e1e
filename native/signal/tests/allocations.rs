//! Streams allocate nothing once they run.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use npubridge_signal::{Array, Outputs, Pipeline, Signal, Step};
use serde_json::{Value, json};

/// The system's allocator, which counts for each thread by itself: the test harness has others.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is the system allocator's; counting touches no memory that is allocated.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn pipeline(steps: &[(&str, Value)]) -> Pipeline {
    let steps = steps.iter().map(|(operation, parameters)| Step {
        operation: (*operation).to_owned(),
        parameters: parameters.as_object().unwrap().clone(),
    });
    Pipeline::new(steps.collect()).unwrap()
}

fn block(shape: &[usize], wide: bool) -> Signal<'static> {
    let count: usize = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|at| (at as f64 * 0.37).sin()).collect();
    if wide {
        return Signal::F64(Array::real(values, shape));
    }
    #[allow(clippy::cast_possible_truncation)]
    let narrow: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    Signal::F32(Array::real(narrow, shape))
}

/// A block of so many samples, as the family takes it, with what an adaptive filter wants.
fn blocks(
    family: &str,
    length: usize,
    wide: bool,
) -> (Signal<'static>, [(&str, Signal<'static>); 1]) {
    let shape = match family {
        "adaptive" => vec![length],
        "kalman" => vec![length, 2],
        _ => vec![2, length],
    };
    (block(&shape, wide), [("d", block(&[length], wide))])
}

/// Allocations in ten blocks, after three that may take what they need.
fn counted(steps: &[(&str, Value)], length: usize, wide: bool) -> u64 {
    let mut stream = pipeline(steps).stream().unwrap();
    let (block, others) = blocks(steps[0].0, length, wide);
    let mut outputs = Outputs::new();
    for _ in 0..3 {
        stream.next_into(&block, &others, &mut outputs).unwrap();
    }
    let before = COUNT.get();
    for _ in 0..10 {
        stream.next_into(&block, &others, &mut outputs).unwrap();
    }
    let count = COUNT.get() - before;
    assert!(!outputs[0].1.shape().contains(&0));
    count
}

fn filters() -> Vec<(&'static str, Value)> {
    let filters = [
        json!({"kind": "butter", "N": 8, "Wn": 0.2}),
        json!({"kind": "lfilter", "b": [1, 0.5], "a": [1, -0.5]}),
        json!({"kind": "firwin", "numtaps": 31, "cutoff": 0.3}),
        json!({"kind": "resample_poly", "up": 1, "down": 3}),
        json!({"kind": "resample_poly", "up": 3, "down": 2}),
    ];
    filters.map(|parameters| ("filter", parameters)).to_vec()
}

fn kalmans() -> Vec<(&'static str, Value)> {
    let noise = json!([[0.5, 0], [0, 0.5]]);
    let (start, spread) = (json!([0, 0.1, 0]), json!([[1, 0, 0], [0, 1, 0], [0, 0, 1]]));
    let filters = [
        json!({"kind": "kalman", "x": start, "P": spread, "R": noise, "Q": [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]],
            "F": [[1, 0.1, 0], [0, 1, 0.1], [0, 0, 1]], "H": [[1, 0, 0], [0, 1, 0.2]]}),
        json!({"kind": "extended", "x": start, "P": spread, "R": noise, "Q": [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]],
            "f": [[[1, 1, 0, 0], [0.1, 0, 1, 0]], [{"function": "sin", "arguments": [0, 1, 0]}], [[0.9, 0, 0, 1]]],
            "h": [[[1, 1, 0, 0]], [[1, 0, 1, 0], [0.2, 0, 0, 2]]]}),
    ];
    filters.map(|parameters| ("kalman", parameters)).to_vec()
}

fn adaptives() -> Vec<(&'static str, Value)> {
    let both = |kind| {
        [false, true].map(|weights| ("adaptive", json!({"kind": kind, "n": 8, "weights": weights})))
    };
    ["lms", "nlms", "rls"].into_iter().flat_map(both).collect()
}

/// Segments that do not go into a block, so that blocks have now more and now fewer.
fn transforms() -> Vec<(&'static str, Value)> {
    let transforms = [
        json!({"kind": "stft", "nperseg": 64}),
        json!({"kind": "stft", "nperseg": 100, "noverlap": 0, "nfft": 125, "detrend": "linear"}),
        json!({"kind": "stft", "nperseg": 90, "noverlap": 33, "scaling": "psd", "detrend": "constant"}),
    ];
    transforms.map(|parameters| ("spectral", parameters)).to_vec()
}

fn allocates_nothing(steps: Vec<(&str, Value)>) {
    for step in steps {
        for wide in [false, true] {
            let count = counted(std::slice::from_ref(&step), 480, wide);
            assert_eq!(count, 0, "{}, wide: {wide}", step.1);
        }
    }
}

#[test]
fn a_filter_allocates_nothing_once_it_runs() {
    allocates_nothing(filters());
}

#[test]
fn nor_does_a_kalman_filter() {
    allocates_nothing(kalmans());
}

#[test]
fn nor_does_an_adaptive_filter() {
    allocates_nothing(adaptives());
}

#[test]
fn nor_does_a_short_time_transform() {
    allocates_nothing(transforms());
}

#[test]
fn nor_does_a_transform_whose_blocks_seldom_have_one_segment_more() {
    let step = [("spectral", json!({"kind": "stft", "nperseg": 64, "noverlap": 0}))];
    assert_eq!(counted(&step, 70, true), 0);
}

#[test]
fn nor_do_steps_in_a_row() {
    assert_eq!(counted(&filters(), 480, true), 0);
    for wide in [false, true] {
        let mixed = [filters().remove(3), transforms().remove(2)];
        assert_eq!(counted(&mixed, 480, wide), 0, "wide: {wide}");
        let mixed = [kalmans().remove(0), filters().remove(1)];
        assert_eq!(counted(&mixed, 480, wide), 0, "wide: {wide}");
    }
}

/// Blocks of which sometimes nothing comes, after as many as it takes until both sorts were there.
#[test]
fn nor_do_blocks_that_are_too_short_for_a_segment() {
    let down = ("filter", json!({"kind": "resample_poly", "up": 1, "down": 30}));
    let short = ("spectral", json!({"kind": "stft", "nperseg": 16, "noverlap": 0}));
    for steps in [vec![short.clone()], vec![down, short]] {
        let mut stream = pipeline(&steps).stream().unwrap();
        let block = block(&[2, 7], true);
        let mut outputs = Outputs::new();
        let (mut full, mut before) = (0, 0);
        for at in 0..1000 {
            if at == 500 {
                before = COUNT.get();
            }
            stream.next_into(&block, &[], &mut outputs).unwrap();
            full += usize::from(!outputs[0].1.shape().contains(&0));
        }
        assert_eq!(COUNT.get() - before, 0, "{} steps", steps.len());
        assert!(full > 5 && full < 900, "{full}");
    }
}

#[test]
fn what_is_counted_are_allocations() {
    let before = COUNT.get();
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert_eq!(COUNT.get() - before, 1);
}

#[test]
fn memory_that_is_used_again_gives_what_new_memory_gives() {
    let single = [kalmans(), adaptives(), transforms()].concat().into_iter().map(|step| vec![step]);
    let mixed = vec![filters().remove(3), transforms().remove(2)];
    for steps in single.chain([filters(), mixed]) {
        for wide in [false, true] {
            let (mut one, mut other) =
                (pipeline(&steps).stream().unwrap(), pipeline(&steps).stream().unwrap());
            let mut outputs = Outputs::new();
            for length in [480, 31, 1, 1000, 480, 7, 64] {
                let (block, others) = blocks(steps[0].0, length, wide);
                one.next_into(&block, &others, &mut outputs).unwrap();
                assert_eq!(outputs, other.next(&block, &others).unwrap(), "{steps:?}, {length}");
            }
        }
    }
}

/// Filters whose recursion does not depend on how its samples are cut.
#[test]
fn blocks_give_what_the_whole_gives() {
    for step in [kalmans(), adaptives()].concat() {
        let whole = pipeline(std::slice::from_ref(&step));
        let mut stream = whole.stream().unwrap();
        let (data, others) = blocks(step.0, 7, true);
        let (twice, wanted) = (doubled(&data), [("d", doubled(&others[0].1))]);
        let expected = values(&whole.run(&twice, &wanted).unwrap());
        let mut got = values(&stream.next(&data, &others).unwrap());
        got.extend(values(&stream.next(&data, &others).unwrap()));
        assert_eq!(got, expected, "{}", step.1);
    }
}

fn values(outputs: &Outputs) -> Vec<f64> {
    outputs[0].1.wide().unwrap().into_owned()
}

/// The same samples twice, one after the other.
fn doubled(signal: &Signal<'_>) -> Signal<'static> {
    let values = signal.wide().unwrap().repeat(2);
    let mut shape = signal.shape().to_vec();
    shape[0] *= 2;
    Signal::F64(Array::real(values, &shape))
}

#[test]
fn a_block_that_is_refused_leaves_the_stream_as_it_was() {
    for step in [kalmans(), adaptives(), transforms()].concat() {
        let (mut one, mut other) = (
            pipeline(std::slice::from_ref(&step)).stream().unwrap(),
            pipeline(std::slice::from_ref(&step)).stream().unwrap(),
        );
        let mut outputs = Outputs::new();
        for length in [150, 90, 150] {
            let (block, others) = blocks(step.0, length, false);
            one.next_into(&block, &others, &mut outputs).unwrap();
            assert_eq!(outputs, other.next(&block, &others).unwrap(), "{}", step.1);
            let strange = self::block(&[5, 3, 4], true);
            assert!(one.next_into(&strange, &others, &mut outputs).is_err(), "{}", step.1);
            let complex = Array::complex(vec![Default::default(); 24], &[2, 12]);
            let complex = Signal::F32(complex);
            assert!(one.next_into(&complex, &others, &mut outputs).is_err(), "{}", step.1);
        }
    }
}
