//! Convolution, directly or by transforms, whichever costs less.

use num_complex::Complex;

use crate::fft::plan::{irfft_into, rfft_into};
use crate::real::Real;

/// Taps from which on blocks of transforms cost less than sums.
const WORTH_TRANSFORMING: usize = 96;

/// Which part of a convolution is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Full,
    Same,
    Valid,
}

/// How it is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Auto,
    Direct,
    Fft,
}

/// The smallest product of 2, 3 and 5 that is not below `least`.
fn good_length(least: usize) -> usize {
    let mut best = least.next_power_of_two();
    let mut five = 1;
    while five < best {
        let mut three = five;
        while three < best {
            let twos = least.div_ceil(three).next_power_of_two();
            best = best.min(three * twos);
            three *= 3;
        }
        five *= 5;
    }
    best
}

/// The part of the full convolution of lengths `n` and `taps` that a mode asks for.
pub(super) fn part(mode: Mode, n: usize, taps: usize) -> std::ops::Range<usize> {
    let full = n + taps - 1;
    match mode {
        Mode::Full => 0..full,
        Mode::Same => {
            let start = (full - n) / 2;
            start..start + n
        }
        Mode::Valid => {
            let (long, short) = (n.max(taps), n.min(taps));
            short - 1..long
        }
    }
}

/// The whole convolution of two sequences.
pub(super) fn full<T: Real>(a: &[T], b: &[T], method: Method) -> Vec<T> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let direct = match method {
        Method::Direct => true,
        Method::Fft => false,
        Method::Auto => short.len() < WORTH_TRANSFORMING,
    };
    let mut output = vec![T::zero(); long.len() + short.len() - 1];
    if direct {
        sums(long, short, &mut output);
    } else {
        blocks(long, short, &mut output);
    }
    output
}

/// Sums of products, in pieces that stay in the cache.
pub(super) fn sums<T: Real>(long: &[T], short: &[T], output: &mut [T]) {
    const PIECE: usize = 2048;
    for (index, piece) in long.chunks(PIECE).enumerate() {
        let target = &mut output[index * PIECE..];
        for (lag, tap) in short.iter().enumerate() {
            for (out, x) in target[lag..lag + piece.len()].iter_mut().zip(piece) {
                *out += *x * *tap;
            }
        }
    }
}

/// Overlapping blocks that are added up.
fn blocks<T: Real>(long: &[T], short: &[T], output: &mut [T]) {
    let taps = short.len();
    let length = good_length((8 * taps).min(long.len() + taps - 1).max(2 * taps - 1));
    let step = length - taps + 1;
    let (forward, inverse) = (T::plans().forward(length), T::plans().inverse(length));
    let mut scratch = Vec::new();
    let mut time = vec![T::zero(); length];
    let mut response = vec![Complex::default(); length / 2 + 1];
    let mut spectrum = response.clone();
    #[allow(clippy::cast_precision_loss)]
    let factor = T::of(1.0 / length as f64);
    time[..taps].copy_from_slice(short);
    rfft_into(&*forward, &mut time, &mut response, &mut scratch);
    response.iter_mut().for_each(|value| *value *= factor);
    for (index, piece) in long.chunks(step).enumerate() {
        time[..piece.len()].copy_from_slice(piece);
        time[piece.len()..].fill(T::zero());
        rfft_into(&*forward, &mut time, &mut spectrum, &mut scratch);
        spectrum.iter_mut().zip(&response).for_each(|(value, factor)| *value *= *factor);
        irfft_into(&*inverse, &mut spectrum, &mut time, &mut scratch);
        let target = &mut output[index * step..];
        let count = (piece.len() + taps - 1).min(target.len());
        target[..count].iter_mut().zip(&time).for_each(|(out, value)| *out += *value);
    }
}
