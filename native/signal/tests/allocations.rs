//! Streams of filters allocate nothing once they run.
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

fn pipeline(steps: &[Value]) -> Pipeline {
    let steps = steps.iter().map(|parameters| Step {
        operation: "filter".to_owned(),
        parameters: parameters.as_object().unwrap().clone(),
    });
    Pipeline::new(steps.collect()).unwrap()
}

fn block(channels: usize, length: usize, wide: bool) -> Signal<'static> {
    let values: Vec<f64> = (0..channels * length).map(|at| (at as f64 * 0.37).sin()).collect();
    let shape = [channels, length];
    if wide {
        return Signal::F64(Array::real(values, &shape));
    }
    #[allow(clippy::cast_possible_truncation)]
    let narrow: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    Signal::F32(Array::real(narrow, &shape))
}

/// Allocations in ten blocks, after three that may take what they need.
fn counted(steps: &[Value], wide: bool) -> u64 {
    let mut stream = pipeline(steps).stream().unwrap();
    let block = block(2, 480, wide);
    let mut outputs = Outputs::new();
    for _ in 0..3 {
        stream.next_into(&block, &[], &mut outputs).unwrap();
    }
    let before = COUNT.get();
    for _ in 0..10 {
        stream.next_into(&block, &[], &mut outputs).unwrap();
    }
    let count = COUNT.get() - before;
    assert!(outputs[0].1.shape()[1] > 0);
    count
}

fn filters() -> Vec<Value> {
    vec![
        json!({"kind": "butter", "N": 8, "Wn": 0.2}),
        json!({"kind": "lfilter", "b": [1, 0.5], "a": [1, -0.5]}),
        json!({"kind": "firwin", "numtaps": 31, "cutoff": 0.3}),
        json!({"kind": "resample_poly", "up": 1, "down": 3}),
        json!({"kind": "resample_poly", "up": 3, "down": 2}),
    ]
}

#[test]
fn a_filter_allocates_nothing_once_it_runs() {
    for filter in filters() {
        for wide in [false, true] {
            assert_eq!(counted(std::slice::from_ref(&filter), wide), 0, "{filter}, wide: {wide}");
        }
    }
}

#[test]
fn neither_do_several_in_a_row() {
    assert_eq!(counted(&filters(), true), 0);
}

#[test]
fn what_is_counted_are_allocations() {
    let before = COUNT.get();
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert_eq!(COUNT.get() - before, 1);
}

#[test]
fn memory_that_is_used_again_gives_what_new_memory_gives() {
    let filters = filters();
    let (mut one, mut other) =
        (pipeline(&filters).stream().unwrap(), pipeline(&filters).stream().unwrap());
    let mut outputs = Outputs::new();
    for length in [480, 31, 1000, 480] {
        let block = block(2, length, true);
        one.next_into(&block, &[], &mut outputs).unwrap();
        assert_eq!(outputs, other.next(&block, &[]).unwrap(), "{length}");
    }
}
