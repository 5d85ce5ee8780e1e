//! Filters that run forth and back over samples whose ends are continued, as `scipy.signal.filtfilt` and `sosfiltfilt`:
//! what one pass delays, the other takes back.

use super::direct::{Coefficients, DirectFilter};
use super::sections::{self, Section, SosFilter};
use crate::fault::{Fault, Result};
use crate::parameters::Parameters;
use crate::real::Real;
use crate::{MAX_VALUES, parallel};

/// How the ends are continued when a filter runs forth and back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Padding {
    kind: Extension,
    length: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Extension {
    Odd,
    Even,
    Constant,
    Zeros,
    None,
}

pub(super) fn sos_padding(sections: &[Section], parameters: &mut Parameters) -> Result<Padding> {
    let zeros = |column: usize| sections.iter().filter(|section| section[column] == 0.0).count();
    let taps = 2 * sections.len() + 1 - zeros(2).min(zeros(5));
    padding(parameters, 3 * taps)
}

pub(super) fn padding(parameters: &mut Parameters, default: usize) -> Result<Padding> {
    let kinds = [
        ("odd", Extension::Odd),
        ("even", Extension::Even),
        ("constant", Extension::Constant),
        ("none", Extension::None),
    ];
    let kind = parameters.choice("padtype", &kinds, Extension::Odd)?;
    let length = parameters.integer("padlen", 0, MAX_VALUES)?.unwrap_or(default);
    let length = if matches!(kind, Extension::None) { 0 } else { length };
    Ok(Padding { kind, length })
}

/// The samples with both ends continued.
pub(crate) fn extended<T: Real>(input: &[T], kind: Extension, length: usize) -> Vec<T> {
    let n = input.len();
    let (first, last) = (input[0], input[n - 1]);
    let mut output = Vec::with_capacity(n + 2 * length);
    let two = T::one() + T::one();
    let at = |inside: usize, edge: T| match kind {
        Extension::Odd => two * edge - input[inside],
        Extension::Even => input[inside],
        Extension::Constant => edge,
        Extension::Zeros | Extension::None => T::zero(),
    };
    let reach = |k: usize| k.min(n - 1);
    output.extend((1..=length).rev().map(|k| at(reach(k), first)));
    output.extend_from_slice(input);
    output.extend((1..=length).map(|k| at(n - 1 - reach(k), last)));
    output
}

fn check_padding(padding: Padding, n: usize) -> Result<()> {
    if n <= padding.length {
        return Err(Fault::shape(format!(
            "the data has {n} samples, the filter continues its ends by {} and needs more than that",
            padding.length
        ))
        .suggest("give more samples or a smaller parameters.padlen"));
    }
    Ok(())
}

/// Forth and back over samples whose ends are continued.
fn both<T: Real>(
    padding: Padding,
    input: &[T],
    n: usize,
    pass: impl Fn(&mut [T]) + Sync,
) -> Result<Vec<T>> {
    check_padding(padding, n)?;
    let mut output = vec![T::zero(); input.len()];
    parallel::channels(input, n, &mut output, n, |input, output| {
        let mut samples = extended(input, padding.kind, padding.length);
        pass(&mut samples);
        samples.reverse();
        pass(&mut samples);
        samples.reverse();
        output.copy_from_slice(&samples[padding.length..padding.length + n]);
    });
    Ok(output)
}

pub(super) fn sos_both<T: Real>(
    sections: &[Section],
    padding: Padding,
    input: &[T],
    n: usize,
) -> Result<Vec<T>> {
    let steady = sections::steady(sections);
    both(padding, input, n, |samples| {
        let mut filter = SosFilter::new(sections);
        filter.settle(&steady, samples[0]);
        filter.process(samples);
    })
}

pub(super) fn direct_both<T: Real>(
    coefficients: &Coefficients,
    padding: Padding,
    input: &[T],
    n: usize,
) -> Result<Vec<T>> {
    let steady = coefficients.steady()?;
    both(padding, input, n, |samples| {
        let mut filter = DirectFilter::new(coefficients);
        filter.settle(&steady, samples[0]);
        filter.process(samples);
    })
}
