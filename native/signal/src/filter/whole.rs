//! Filters over whole arrays.

use super::convolve::{self, Method, Mode};
use super::direct::DirectFilter;
use super::resample::{Ratio, Resampler};
use super::sections::SosFilter;
use super::zero_phase::{direct_both, sos_both};
use super::{Filter, smooth};
use crate::array::{Array, Outputs};
use crate::fault::{Fault, Result};
use crate::real::{Real, narrow};
use crate::{MAX_VALUES, parallel};

impl Filter {
    /// The filtered samples, and what was designed to filter them. `other` is the kernel of a convolution whose
    /// parameters give none.
    pub(super) fn apply<T: Real>(&self, array: &Array<'_, T>, other: &[f64]) -> Result<Outputs> {
        let (samples, length) = self.filtered(array, other)?;
        let samples = T::signal(Array::real(samples, &array.shape_with(&[length])));
        let mut outputs = vec![("samples", samples)];
        outputs.extend(self.designed());
        Ok(outputs)
    }

    /// The samples of all channels, and how many each has.
    fn filtered<T: Real>(&self, array: &Array<'_, T>, other: &[f64]) -> Result<(Vec<T>, usize)> {
        let (input, n) = (array.reals()?, array.length());
        Ok(match self {
            Self::Sos { sections, both: None, .. } => {
                (in_place(input, n, |samples| SosFilter::new(sections).process(samples)), n)
            }
            Self::Sos { sections, both: Some(padding), .. } => {
                (sos_both(sections, *padding, input, n)?, n)
            }
            Self::Direct { coefficients, both: None } if coefficients.is_finite() => {
                (causal(&coefficients.b, input, n), n)
            }
            Self::Direct { coefficients, both: None } => {
                (in_place(input, n, |samples| DirectFilter::new(coefficients).process(samples)), n)
            }
            Self::Direct { coefficients, both: Some(padding) } => {
                (direct_both(coefficients, *padding, input, n)?, n)
            }
            Self::Taps(taps) => (causal(taps, input, n), n),
            Self::Convolve { kernel, mode, method } => {
                let taps: Vec<T> = narrow(kernel.as_deref().unwrap_or(other));
                convolved(array, &taps, *mode, *method)?
            }
            Self::Resample(ratio) => resampled(array, ratio)?,
            Self::Savgol(savgol) => {
                savgol.check(n)?;
                (same(input, n, |input, output| savgol.run(input, output)), n)
            }
            Self::Median(size) => {
                (same(input, n, |input, output| smooth::median(*size, input, output)), n)
            }
        })
    }
}

/// As many samples as there were.
fn same<T: Real>(input: &[T], n: usize, work: impl Fn(&[T], &mut [T]) + Sync + Send) -> Vec<T> {
    let mut output = vec![T::zero(); input.len()];
    parallel::channels(input, n, &mut output, n, work);
    output
}

/// As many samples as there were, each in the place of what it comes from.
fn in_place<T: Real>(input: &[T], n: usize, work: impl Fn(&mut [T]) + Sync + Send) -> Vec<T> {
    same(input, n, |input, output| {
        output.copy_from_slice(input);
        work(output);
    })
}

/// A filter without feedback, as long as its input.
fn causal<T: Real>(taps: &[f64], input: &[T], n: usize) -> Vec<T> {
    let taps: Vec<T> = narrow(taps);
    same(input, n, |input, output| {
        let whole = convolve::full(input, &taps, Method::Auto);
        output.copy_from_slice(&whole[..input.len()]);
    })
}

fn convolved<T: Real>(
    array: &Array<'_, T>,
    taps: &[T],
    mode: Mode,
    method: Method,
) -> Result<(Vec<T>, usize)> {
    let (input, n) = (array.reals()?, array.length());
    let part = convolve::part(mode, n, taps.len());
    let length = part.len();
    let total = array.channels().saturating_mul(length);
    if total > MAX_VALUES {
        return Err(Fault::limit("the convolution", total, MAX_VALUES));
    }
    let mut output = vec![T::zero(); total];
    parallel::channels(input, n, &mut output, length, |input, output| {
        let whole = convolve::full(input, taps, method);
        output.copy_from_slice(&whole[part.clone()]);
    });
    Ok((output, length))
}

fn resampled<T: Real>(array: &Array<'_, T>, ratio: &Ratio) -> Result<(Vec<T>, usize)> {
    let (input, n) = (array.reals()?, array.length());
    let length = ratio.length(n)?;
    let mut output = vec![T::zero(); array.channels() * length];
    parallel::channels(input, n, &mut output, length, |input, output| {
        let mut resampler = Resampler::new(ratio);
        let mut samples = Vec::with_capacity(length + 1);
        resampler.process(input, &mut samples);
        resampler.finish(length, &mut samples);
        output.copy_from_slice(&samples);
    });
    Ok((output, length))
}
