//! Random signals that come back, and blocks that are like the whole.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use npubridge_signal::filter::SosFilter;
use npubridge_signal::{Array, Pipeline, Signal, Step, Values};
use proptest::prelude::*;
use serde_json::{Value, json};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it only counts, and leaves the work to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn pipeline(steps: &[(&str, Value)]) -> Pipeline {
    let steps = steps.iter().map(|(family, parameters)| Step {
        operation: (*family).into(),
        parameters: parameters.as_object().unwrap().clone(),
    });
    Pipeline::new(steps.collect()).unwrap()
}

fn samples(values: &[f64]) -> Signal<'_> {
    Signal::F64(Array::real(values, &[values.len()]))
}

fn back(pipeline: &Pipeline, values: &[f64]) -> Vec<f64> {
    let outputs = pipeline.run(&samples(values), &[]).unwrap();
    let Signal::F64(array) = &outputs[0].1 else { panic!("float64 stays float64") };
    match &array.values {
        Values::Real(values) => values.to_vec(),
        Values::Complex(values) => values.iter().map(|z| z.re).collect(),
    }
}

fn near(got: &[f64], wanted: &[f64]) -> bool {
    let size = wanted.iter().fold(1e-300, |most: f64, x| most.max(x.abs()));
    got.len() >= wanted.len() && got.iter().zip(wanted).all(|(a, b)| (a - b).abs() <= 1e-12 * size)
}

fn signal() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1e3..1e3, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn transforms_come_back(values in signal()) {
        let n = values.len();
        let complex = pipeline(&[("fft", json!({"kind": "fft", "shift": false})), ("fft", json!({"kind": "ifft"}))]);
        prop_assert!(near(&back(&complex, &values), &values));
        let real = pipeline(&[("fft", json!({"kind": "rfft"})), ("fft", json!({"kind": "irfft", "n": n}))]);
        prop_assert!(near(&back(&real, &values), &values));
    }

    #[test]
    fn wavelets_come_back(values in signal(), wavelet in prop::sample::select(vec!["haar", "db2", "db5", "db10", "sym4", "sym8"]),
        mode in prop::sample::select(vec!["symmetric", "zero", "constant", "periodic", "reflect", "smooth", "antisymmetric", "antireflect", "periodization"])) {
        let n = values.len();
        let both = pipeline(&[
            ("wavelet", json!({"kind": "wavedec", "wavelet": wavelet, "mode": mode})),
            ("wavelet", json!({"kind": "waverec", "wavelet": wavelet, "mode": mode, "n": n})),
        ]);
        // Smooth and antireflecting ends grow beyond the signal.
        let restored = back(&both, &values);
        prop_assert!(restored.len() == n && restored.iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-7));
    }

    #[test]
    fn short_time_transforms_come_back(values in prop::collection::vec(-1e3..1e3, 40..400), nperseg in 4_usize..40) {
        let both = pipeline(&[
            ("spectral", json!({"kind": "stft", "nperseg": nperseg, "noverlap": nperseg * 3 / 4})),
            ("spectral", json!({"kind": "istft", "nperseg": nperseg, "noverlap": nperseg * 3 / 4})),
        ]);
        prop_assert!(near(&back(&both, &values), &values));
    }

    #[test]
    fn blocks_are_like_the_whole(values in prop::collection::vec(-1e3..1e3, 2..400), cut in 0.0..1.0, up in 1_usize..7, down in 1_usize..7) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = ((values.len() as f64 * cut) as usize).clamp(1, values.len() - 1);
        for step in [
            json!({"kind": "butter", "N": 5, "Wn": 0.3}),
            json!({"kind": "firwin", "numtaps": 9, "cutoff": 0.4}),
            json!({"kind": "resample_poly", "up": up, "down": down}),
        ] {
            let whole = pipeline(&[("filter", step)]);
            let mut stream = whole.stream().unwrap();
            let mut got = Vec::new();
            for block in [&values[..cut], &values[cut..]] {
                let outputs = stream.next(&samples(block), &[]).unwrap();
                let Signal::F64(array) = &outputs[0].1 else { panic!("float64 stays float64") };
                got.extend_from_slice(array.reals().unwrap());
            }
            let wanted = back(&whole, &values);
            prop_assert!(got.len() <= wanted.len() + 1);
            let kept = got.len().min(wanted.len());
            let size = wanted.iter().fold(1e-300, |most: f64, x| most.max(x.abs()));
            prop_assert!(got[..kept].iter().zip(&wanted).all(|(a, b)| (a - b).abs() <= 1e-12 * size.max(1.0)));
        }
    }
}

#[test]
fn a_running_filter_allocates_nothing() {
    let mut filter = SosFilter::<f64>::new(&[[0.1, 0.2, 0.1, 1.0, -0.5, 0.2]; 6]);
    let mut block = vec![1.0; 512];
    let before = ALLOCATIONS.with(Cell::get);
    for _ in 0..100 {
        filter.process(&mut block);
    }
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
    assert!(block.iter().all(|value| value.is_finite()));
}
