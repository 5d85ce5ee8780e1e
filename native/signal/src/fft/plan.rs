//! Plans of transforms, kept for the lengths that were used lately.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftDirection, FftPlanner};

use crate::real::Real;

/// How many lengths of each sort are remembered. A plan of a long length takes as much memory as the data.
const KEPT: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");
/// Lengths from here on are planned again each time they are met after others: they cost more to keep than to make.
const LONGEST_KEPT: usize = 1 << 22;

/// The plans of one element type.
pub struct Plans<T: Real> {
    kept: Mutex<Option<Kept<T>>>,
}

struct Kept<T: Real> {
    complex: LruCache<(usize, bool), Arc<dyn Fft<T>>>,
    forward: LruCache<usize, Arc<dyn RealToComplex<T>>>,
    inverse: LruCache<usize, Arc<dyn ComplexToReal<T>>>,
}

impl<T: Real> Plans<T> {
    pub(crate) const fn new() -> Self {
        Self { kept: Mutex::new(None) }
    }

    /// A panic leaves nothing half done in there.
    fn kept(&self) -> MutexGuard<'_, Option<Kept<T>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find<P: Clone>(
        &self,
        length: usize,
        get: impl Fn(&mut Kept<T>) -> Option<P>,
        make: impl FnOnce() -> P,
        put: impl FnOnce(&mut Kept<T>, P),
    ) -> P {
        let fresh = || Kept {
            complex: LruCache::new(KEPT),
            forward: LruCache::new(KEPT),
            inverse: LruCache::new(KEPT),
        };
        if let Some(found) = get(self.kept().get_or_insert_with(fresh)) {
            return found;
        }
        // Planned without the lock: a long length takes milliseconds.
        let plan = make();
        if length <= LONGEST_KEPT {
            put(self.kept().get_or_insert_with(fresh), plan.clone());
        }
        plan
    }

    /// A transform of complex values.
    pub(crate) fn complex(&self, length: usize, inverse: bool) -> Arc<dyn Fft<T>> {
        let direction = if inverse { FftDirection::Inverse } else { FftDirection::Forward };
        let key = (length, inverse);
        self.find(
            length,
            |kept| kept.complex.get(&key).cloned(),
            || FftPlanner::new().plan_fft(length, direction),
            |kept, plan| drop(kept.complex.put(key, plan)),
        )
    }

    /// A transform of real values.
    pub(crate) fn forward(&self, length: usize) -> Arc<dyn RealToComplex<T>> {
        self.find(
            length,
            |kept| kept.forward.get(&length).cloned(),
            || RealFftPlanner::new().plan_fft_forward(length),
            |kept, plan| drop(kept.forward.put(length, plan)),
        )
    }

    /// A transform back to real values.
    pub(crate) fn inverse(&self, length: usize) -> Arc<dyn ComplexToReal<T>> {
        self.find(
            length,
            |kept| kept.inverse.get(&length).cloned(),
            || RealFftPlanner::new().plan_fft_inverse(length),
            |kept, plan| drop(kept.inverse.put(length, plan)),
        )
    }
}

/// Real to complex, into `output` of `length / 2 + 1`; `input` is spoilt.
pub(crate) fn rfft_into<T: Real>(
    plan: &dyn RealToComplex<T>,
    input: &mut [T],
    output: &mut [Complex<T>],
    scratch: &mut Vec<Complex<T>>,
) {
    scratch.resize(plan.get_scratch_len(), Complex::default());
    plan.process_with_scratch(input, output, scratch).expect("the lengths are those of the plan");
}

/// Complex to real, into `output`; `input` is spoilt. The imaginary parts that must be zero are taken as zero.
pub(crate) fn irfft_into<T: Real>(
    plan: &dyn ComplexToReal<T>,
    input: &mut [Complex<T>],
    output: &mut [T],
    scratch: &mut Vec<Complex<T>>,
) {
    input[0].im = T::zero();
    if output.len().is_multiple_of(2) {
        let last = input.len() - 1;
        input[last].im = T::zero();
    }
    scratch.resize(plan.get_scratch_len(), Complex::default());
    plan.process_with_scratch(input, output, scratch).expect("the lengths are those of the plan");
}
