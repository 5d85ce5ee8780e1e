//! Power: periodogram, Welch's average, cross-spectrum, coherence and spectrogram.

use num_complex::Complex;

use super::segments::{Layout, Options, Transformer, weights};
use crate::array::{Array, Inputs, Outputs};
use crate::fault::Result;
use crate::fft::{real_axis, rfftfreq};
use crate::parallel;
use crate::real::{Real, power};

/// How segments are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Average {
    Mean,
    Median,
}

/// The median of n exponential variables is larger than their mean by this factor's inverse.
#[allow(clippy::cast_precision_loss)]
fn median_bias(n: usize) -> f64 {
    let terms = (1..=(n - 1) / 2).map(|k| 2.0 * k as f64);
    1.0 + terms.map(|even| 1.0 / (even + 1.0) - 1.0 / even).sum::<f64>()
}

fn doubled<T: Real>(values: &mut [T], nfft: usize) {
    let end = if nfft.is_multiple_of(2) { values.len() - 1 } else { values.len() };
    for value in values.iter_mut().take(end).skip(1) {
        *value += *value;
    }
}

/// Periodogram and Welch's average: `psd` [channels…, frequencies].
pub(super) fn welch<T: Real>(
    array: &Array<'_, T>,
    options: &Options,
    average: Average,
    whole: bool,
) -> Result<Outputs> {
    let (input, n) = (array.reals()?, array.length());
    let layout = options.layout(n, whole)?;
    layout.check(array.channels(), n)?;
    let (wide, own) = weights::<T>(&options.window, layout.nperseg)?;
    let scale = T::of(options.scale(&wide));
    let lines = layout.lines();
    let mut psd = vec![T::zero(); array.channels() * lines];
    parallel::channels(input, n, &mut psd, lines, |input, output| {
        averaged(input, layout, &own, options, average, output);
        output.iter_mut().for_each(|value| *value *= scale);
        doubled(output, layout.nfft);
    });
    Ok(vec![
        ("psd", T::signal(Array::real(psd, &array.shape_with(&[lines])))),
        ("frequencies", real_axis::<T>(&rfftfreq(layout.nfft, options.fs))),
    ])
}

#[allow(clippy::cast_precision_loss)]
fn averaged<T: Real>(
    input: &[T],
    layout: Layout,
    weights: &[T],
    options: &Options,
    average: Average,
    output: &mut [T],
) {
    let mut transformer = Transformer::new(layout, options.detrend);
    let segments = input.windows(layout.nperseg).step_by(layout.step);
    let count = layout.count(input.len());
    if average == Average::Mean {
        for segment in segments {
            transformer.transform(segment, weights);
            for (out, value) in output.iter_mut().zip(&transformer.spectrum) {
                *out += power(*value);
            }
        }
        let factor = T::of(1.0 / count as f64);
        output.iter_mut().for_each(|out| *out *= factor);
        return;
    }
    let mut all = vec![T::zero(); count * output.len()];
    for (k, segment) in segments.enumerate() {
        transformer.transform(segment, weights);
        for (line, value) in transformer.spectrum.iter().enumerate() {
            all[line * count + k] = power(*value);
        }
    }
    let factor = T::of(1.0 / median_bias(count));
    for (out, values) in output.iter_mut().zip(all.chunks_exact_mut(count)) {
        *out = median(values) * factor;
    }
}

fn median<T: Real>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        (values[middle - 1] + values[middle]) / (T::one() + T::one())
    } else {
        values[middle]
    }
}

/// The spectra of two signals together: cross-power and both powers, averaged but not yet scaled.
struct Together<T> {
    cross: Vec<Complex<T>>,
    x: Vec<T>,
    y: Vec<T>,
}

fn together<T: Real>(
    x: &[T],
    y: &[T],
    layout: Layout,
    weights: &[T],
    options: &Options,
) -> Together<T> {
    let mut of_x = Transformer::new(layout, options.detrend);
    let mut of_y = Transformer::new(layout, options.detrend);
    let lines = layout.lines();
    let mut sums = Together {
        cross: vec![Complex::default(); lines],
        x: vec![T::zero(); lines],
        y: vec![T::zero(); lines],
    };
    let pairs = x.windows(layout.nperseg).zip(y.windows(layout.nperseg)).step_by(layout.step);
    for (x, y) in pairs {
        of_x.transform(x, weights);
        of_y.transform(y, weights);
        for line in 0..lines {
            let (x, y) = (of_x.spectrum[line], of_y.spectrum[line]);
            sums.cross[line] += x.conj() * y;
            sums.x[line] += power(x);
            sums.y[line] += power(y);
        }
    }
    sums
}

/// The cross-spectrum of the data and `inputs.y`, or their coherence.
pub(super) fn cross<T: Real>(
    array: &Array<'_, T>,
    inputs: &Inputs<'_>,
    options: &Options,
    coherence: bool,
) -> Result<Outputs> {
    let partner = inputs.partner("y", "the other signal")?.wide()?;
    let y: Vec<T> = crate::real::narrow(&partner);
    let (x, n) = (array.reals()?, array.length());
    let layout = options.layout(n, false)?;
    layout.check(array.channels(), n)?;
    let (wide, own) = weights::<T>(&options.window, layout.nperseg)?;
    #[allow(clippy::cast_precision_loss)]
    let scale = T::of(options.scale(&wide) / layout.count(n) as f64);
    let lines = layout.lines();
    let spectra = parallel::collect(x, n, |channel, x| {
        Ok(together(x, &y[channel * n..(channel + 1) * n], layout, &own, options))
    })?;
    let shape = array.shape_with(&[lines]);
    let frequencies = ("frequencies", real_axis::<T>(&rfftfreq(layout.nfft, options.fs)));
    if coherence {
        let values: Vec<T> = spectra
            .iter()
            .flat_map(|s| (0..lines).map(|line| power(s.cross[line]) / s.x[line] / s.y[line]))
            .collect();
        return Ok(vec![("coherence", T::signal(Array::real(values, &shape))), frequencies]);
    }
    let mut values: Vec<Complex<T>> = Vec::with_capacity(array.channels() * lines);
    for spectrum in &spectra {
        let end = if layout.nfft.is_multiple_of(2) { lines - 1 } else { lines };
        let factor = |line: usize| if line > 0 && line < end { scale + scale } else { scale };
        values.extend(spectrum.cross.iter().enumerate().map(|(line, value)| value * factor(line)));
    }
    Ok(vec![("csd", T::signal(Array::complex(values, &shape))), frequencies])
}

/// Power over time: `psd` [channels…, frequencies, times].
pub(super) fn spectrogram<T: Real>(array: &Array<'_, T>, options: &Options) -> Result<Outputs> {
    let (input, n) = (array.reals()?, array.length());
    let layout = options.layout(n, false)?;
    layout.check(array.channels(), n)?;
    let (wide, own) = weights::<T>(&options.window, layout.nperseg)?;
    let scale = T::of(options.scale(&wide));
    let (lines, count) = (layout.lines(), layout.count(n));
    let mut psd = vec![T::zero(); array.channels() * lines * count];
    parallel::channels(input, n, &mut psd, lines * count, |input, output| {
        let mut transformer = Transformer::new(layout, options.detrend);
        let mut column = vec![T::zero(); lines];
        for (k, segment) in input.windows(layout.nperseg).step_by(layout.step).enumerate() {
            transformer.transform(segment, &own);
            for (out, value) in column.iter_mut().zip(&transformer.spectrum) {
                *out = power(*value) * scale;
            }
            doubled(&mut column, layout.nfft);
            column.iter().enumerate().for_each(|(line, value)| output[line * count + k] = *value);
        }
    });
    Ok(vec![
        ("psd", T::signal(Array::real(psd, &array.shape_with(&[lines, count])))),
        ("frequencies", real_axis::<T>(&rfftfreq(layout.nfft, options.fs))),
        ("times", real_axis::<T>(&times(layout, count, options.fs, 0.5).collect::<Vec<_>>())),
    ])
}

/// The middle of each segment in seconds, `first` segments after the beginning.
#[allow(clippy::cast_precision_loss)]
pub(super) fn times(
    layout: Layout,
    count: usize,
    fs: f64,
    first: f64,
) -> impl Iterator<Item = f64> {
    let start = layout.nperseg as f64 * first;
    (0..count).map(move |k| (start + (k * layout.step) as f64) / fs)
}
