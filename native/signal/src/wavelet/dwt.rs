//! The discrete wavelet transform of one channel, with PyWavelets' boundary modes.

use super::bank::Bank;
use crate::real::{Real, narrow};

/// How a signal goes on beyond its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Symmetric,
    Zero,
    Constant,
    Periodic,
    Reflect,
    Smooth,
    Antisymmetric,
    Antireflect,
    Periodization,
}

pub(super) const MODES: [(&str, Mode); 9] = [
    ("symmetric", Mode::Symmetric),
    ("zero", Mode::Zero),
    ("constant", Mode::Constant),
    ("periodic", Mode::Periodic),
    ("reflect", Mode::Reflect),
    ("smooth", Mode::Smooth),
    ("antisymmetric", Mode::Antisymmetric),
    ("antireflect", Mode::Antireflect),
    ("periodization", Mode::Periodization),
];

/// A wavelet in the type of the data.
#[derive(Debug)]
pub(super) struct Filters<T> {
    low: Vec<T>,
    high: Vec<T>,
    /// Reversed, so that taps lie beside the samples they meet.
    low_reversed: Vec<T>,
    high_reversed: Vec<T>,
}

impl<T: Real> Filters<T> {
    pub(super) fn new(bank: &Bank) -> Self {
        let (low, high): (Vec<T>, Vec<T>) = (narrow(bank.low), narrow(&bank.high));
        let reversed = |taps: &[T]| taps.iter().rev().copied().collect();
        Self { low_reversed: reversed(&low), high_reversed: reversed(&high), low, high }
    }

    fn taps(&self) -> usize {
        self.low.len()
    }
}

/// How many coefficients each half has.
pub(super) fn coefficients(n: usize, taps: usize, mode: Mode) -> usize {
    if mode == Mode::Periodization { n.div_ceil(2) } else { (n + taps - 1) / 2 }
}

/// One level: approximation and detail.
pub(super) fn analyse<T: Real>(
    input: &[T],
    filters: &Filters<T>,
    mode: Mode,
    approximation: &mut [T],
    detail: &mut [T],
) {
    let (n, taps) = (input.len(), filters.taps());
    // Output i reads the samples from 2i + first on.
    let first = if mode == Mode::Periodization {
        (taps / 2).cast_signed() + 1 - taps.cast_signed()
    } else {
        2 - taps.cast_signed()
    };
    let edge = |i: usize| -> (T, T) {
        let start = 2 * i.cast_signed() + first;
        let (mut low, mut high) = (T::zero(), T::zero());
        for k in 0..taps {
            let x = beyond(input, start + k.cast_signed(), mode);
            low += x * filters.low_reversed[k];
            high += x * filters.high_reversed[k];
        }
        (low, high)
    };
    let outputs = approximation.len();
    let inner_start = (-first).max(0).cast_unsigned().div_ceil(2).min(outputs);
    let last_start = n.cast_signed() - taps.cast_signed() - first;
    let inner_end = if last_start < 0 { inner_start } else { (last_start / 2 + 1).cast_unsigned() };
    let inner_end = inner_end.clamp(inner_start, outputs);
    for i in (0..inner_start).chain(inner_end..outputs) {
        (approximation[i], detail[i]) = edge(i);
    }
    if inner_start < inner_end {
        let from = (2 * inner_start.cast_signed() + first).cast_unsigned();
        let (low, high) =
            (&mut approximation[inner_start..inner_end], &mut detail[inner_start..inner_end]);
        inner(&input[from..], filters, low, high);
    }
}

/// The outputs that lie within the signal; the loops are unrolled for each length.
fn inner<T: Real>(input: &[T], filters: &Filters<T>, low: &mut [T], high: &mut [T]) {
    match filters.taps() {
        2 => unrolled::<T, 2>(input, filters, low, high),
        4 => unrolled::<T, 4>(input, filters, low, high),
        6 => unrolled::<T, 6>(input, filters, low, high),
        8 => unrolled::<T, 8>(input, filters, low, high),
        10 => unrolled::<T, 10>(input, filters, low, high),
        12 => unrolled::<T, 12>(input, filters, low, high),
        14 => unrolled::<T, 14>(input, filters, low, high),
        16 => unrolled::<T, 16>(input, filters, low, high),
        18 => unrolled::<T, 18>(input, filters, low, high),
        _ => unrolled::<T, 20>(input, filters, low, high),
    }
}

fn unrolled<T: Real, const F: usize>(
    input: &[T],
    filters: &Filters<T>,
    low: &mut [T],
    high: &mut [T],
) {
    let low_taps: [T; F] = filters.low_reversed.as_slice().try_into().expect("as long as matched");
    let high_taps: [T; F] =
        filters.high_reversed.as_slice().try_into().expect("as long as matched");
    let windows = input.windows(F).step_by(2);
    for ((window, low), high) in windows.zip(low).zip(high) {
        let window: &[T; F] = window.try_into().expect("windows are as long");
        let (mut l, mut h) = ([T::zero(); 2], [T::zero(); 2]);
        let mut k = 0;
        while k < F {
            l[0] += window[k] * low_taps[k];
            l[1] += window[k + 1] * low_taps[k + 1];
            h[0] += window[k] * high_taps[k];
            h[1] += window[k + 1] * high_taps[k + 1];
            k += 2;
        }
        *low = l[0] + l[1];
        *high = h[0] + h[1];
    }
}

/// A sample at any place.
fn beyond<T: Real>(input: &[T], index: isize, mode: Mode) -> T {
    let n = input.len().cast_signed();
    let inside = |index: isize| input[index.cast_unsigned()];
    if (0..n).contains(&index) {
        return inside(index);
    }
    let two = T::one() + T::one();
    let (first, last) = (inside(0), inside(n - 1));
    match mode {
        Mode::Zero => T::zero(),
        Mode::Constant => inside(index.clamp(0, n - 1)),
        Mode::Periodic => inside(index.rem_euclid(n)),
        Mode::Periodization => inside(index.rem_euclid(n + n % 2).min(n - 1)),
        Mode::Symmetric | Mode::Antisymmetric => {
            let at = index.rem_euclid(2 * n);
            let value = inside(if at < n { at } else { 2 * n - 1 - at });
            if mode == Mode::Antisymmetric && at >= n { T::zero() - value } else { value }
        }
        Mode::Reflect if n == 1 => first,
        Mode::Reflect => {
            let at = index.rem_euclid(2 * (n - 1));
            inside(if at < n { at } else { 2 * (n - 1) - at })
        }
        Mode::Smooth if n == 1 => first,
        Mode::Smooth if index < 0 => first + T::of(to_f64(index)) * (inside(1) - first),
        Mode::Smooth => last + T::of(to_f64(index - n + 1)) * (last - inside(n - 2)),
        Mode::Antireflect if n == 1 => first,
        Mode::Antireflect => {
            // Turned about an end, again and again.
            let period = n - 1;
            let turns = index.div_euclid(2 * period);
            let at = index.rem_euclid(2 * period);
            let base = if at <= period { inside(at) } else { two * last - inside(2 * period - at) };
            base + T::of(to_f64(turns)) * two * (last - first)
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn to_f64(value: isize) -> f64 {
    value as f64
}

/// One level back; `output` may be one shorter than the two halves give.
pub(super) fn synthesise<T: Real>(
    approximation: &[T],
    detail: &[T],
    filters: &Filters<T>,
    mode: Mode,
    output: &mut [T],
) {
    let (taps, pairs) = (filters.taps(), approximation.len());
    output.fill(T::zero());
    let whole = 2 * pairs;
    let shift = if mode == Mode::Periodization { taps / 2 } else { 1 };
    // Each coefficient adds the wavelet it was measured with: sample m of output i lies at 2i + shift - k.
    for i in 0..pairs {
        let (a, d) = (approximation[i], detail[i]);
        for k in 0..taps {
            let at = (2 * i + shift).cast_signed() - k.cast_signed();
            let at =
                if mode == Mode::Periodization { at.rem_euclid(whole.cast_signed()) } else { at };
            if let Some(out) = usize::try_from(at).ok().and_then(|at| output.get_mut(at)) {
                *out += a * filters.low[k] + d * filters.high[k];
            }
        }
    }
}
