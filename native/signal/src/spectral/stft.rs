//! The short-time Fourier transform and its inverse, as `scipy.signal.stft` and `istft`.

use num_complex::Complex;
use realfft::ComplexToReal;

use super::frames::frames;
use super::power::times;
use super::segments::{Detrend, Layout, Options, Transformer, weights};
use crate::MAX_VALUES;
use crate::array::{Array, Outputs};
use crate::fault::{Fault, Result};
use crate::fft::plan::irfft_into;
use crate::fft::{Window, real_axis, rfftfreq};
use crate::filter::{Extension, extended};
use crate::lowered::{Lowered, Spectra, Work, remade};
use crate::pages::zeroed;
use crate::parallel;
use crate::parameters::{Parameters, out_of};
use crate::real::Real;

#[derive(Debug, Clone)]
pub(super) struct Stft {
    pub(super) options: Options,
    boundary: Option<Extension>,
    padded: bool,
    psd: bool,
}

impl Stft {
    pub(super) fn read(parameters: &mut Parameters) -> Result<Self> {
        let options =
            Options::read(parameters, "hann", 2, false)?.with_detrend(parameters, Detrend::None)?;
        let boundaries = [
            ("zeros", Some(Extension::Zeros)),
            ("even", Some(Extension::Even)),
            ("odd", Some(Extension::Odd)),
            ("constant", Some(Extension::Constant)),
            ("none", None),
        ];
        Ok(Self {
            options,
            boundary: parameters.choice("boundary", &boundaries, Some(Extension::Zeros))?,
            padded: parameters.flag("padded", true)?,
            psd: parameters.choice("scaling", &[("spectrum", false), ("psd", true)], false)?,
        })
    }

    fn factor(&self, weights: &[f64]) -> f64 {
        if self.psd {
            (1.0 / (self.options.fs * weights.iter().map(|w| w * w).sum::<f64>())).sqrt()
        } else {
            1.0 / weights.iter().sum::<f64>().abs()
        }
    }

    /// The segments of `n` samples, and how many samples there are with those put before and behind.
    fn extent(&self, channels: usize, n: usize) -> Result<(Layout, usize)> {
        let layout = self.options.layout(n, false)?;
        let reach = self.boundary.map_or(0, |_| layout.nperseg / 2);
        let mut length = n + 2 * reach;
        if self.padded {
            let over = (length - layout.nperseg) % layout.step;
            length += (layout.step - over) % layout.step;
        }
        layout.check(channels, length)?;
        Ok((layout, length))
    }

    /// The samples with what is put before and behind.
    fn whole<T: Real>(&self, input: &[T], layout: Layout, length: usize) -> Vec<T> {
        let mut samples = match self.boundary {
            Some(kind) => extended(input, kind, layout.nperseg / 2),
            None => input.to_vec(),
        };
        samples.resize(length, T::zero());
        samples
    }

    fn axes<T: Real>(&self, layout: Layout, count: usize) -> Outputs {
        let first = if self.boundary.is_some() { 0.0 } else { 0.5 };
        vec![
            ("frequencies", real_axis::<T>(&rfftfreq(layout.nfft, self.options.fs))),
            (
                "times",
                real_axis::<T>(&times(layout, count, self.options.fs, first).collect::<Vec<_>>()),
            ),
        ]
    }

    /// The form for other backends.
    pub(super) fn lowered<T: Real>(&self, array: &Array<'_, T>) -> Result<Lowered> {
        let (layout, length) = self.extent(array.channels(), array.length())?;
        let (wide, _) = weights::<T>(&self.options.window, layout.nperseg)?;
        let of = Spectra::Whole(self.factor(&wide));
        let work = frames(layout, length, wide, self.options.detrend, of);
        Ok(Lowered {
            data: remade(array, length, |channel| self.whole(channel, layout, length))?,
            name: "stft",
            tail: vec![layout.lines(), work.count],
            complex: true,
            turn: [0, 0],
            beside: self.axes::<T>(layout, work.count),
            work: Work::Frames(work),
        })
    }

    pub(super) fn run<T: Real>(&self, array: &Array<'_, T>) -> Result<Outputs> {
        let (input, n) = (array.reals()?, array.length());
        let (layout, length) = self.extent(array.channels(), n)?;
        let frame = Frame::new(self, layout)?;
        let (lines, count) = (layout.lines(), layout.count(length));
        let mut output = zeroed::<Complex<T>>(array.channels() * lines * count);
        parallel::channels(input, n, &mut output, lines * count, |input, output| {
            let samples = self.whole(input, layout, length);
            frame.spectra(&samples, &mut frame.transformer(), output);
        });
        let spectra = T::signal(Array::complex(output, &array.shape_with(&[lines, count])));
        let mut outputs = vec![("stft", spectra)];
        outputs.extend(self.axes::<T>(layout, count));
        Ok(outputs)
    }
}

/// What all segments share: their length, window and scale.
#[derive(Debug)]
pub(super) struct Frame<T> {
    pub(super) layout: Layout,
    weights: Vec<T>,
    factor: T,
    detrend: Detrend,
}

impl<T: Real> Frame<T> {
    pub(super) fn new(stft: &Stft, layout: Layout) -> Result<Self> {
        let (wide, weights) = weights::<T>(&stft.options.window, layout.nperseg)?;
        let factor = T::of(stft.factor(&wide));
        Ok(Self { layout, weights, factor, detrend: stft.options.detrend })
    }

    pub(super) fn transformer(&self) -> Transformer<T> {
        Transformer::new(self.layout, self.detrend)
    }

    /// The spectra of all whole segments, as the columns of `output`.
    pub(super) fn spectra(
        &self,
        samples: &[T],
        transformer: &mut Transformer<T>,
        output: &mut [Complex<T>],
    ) {
        let Layout { nperseg, step, .. } = self.layout;
        let count = self.layout.count(samples.len());
        for (k, segment) in samples.windows(nperseg).step_by(step).enumerate() {
            transformer.transform(segment, &self.weights);
            for (line, value) in transformer.spectrum.iter().enumerate() {
                output[line * count + k] = *value * self.factor;
            }
        }
    }
}

/// An inverse transform.
#[derive(Debug)]
pub(super) struct Istft {
    fs: f64,
    window: Window,
    nperseg: Option<usize>,
    noverlap: Option<usize>,
    nfft: Option<usize>,
    boundary: bool,
    psd: bool,
}

impl Istft {
    pub(super) fn read(parameters: &mut Parameters) -> Result<Self> {
        Ok(Self {
            fs: parameters.positive("fs", 1.0)?,
            window: Window::read(parameters, "window", "hann")?,
            nperseg: parameters.integer("nperseg", 1, MAX_VALUES)?,
            noverlap: parameters.integer("noverlap", 0, MAX_VALUES)?,
            nfft: parameters.integer("nfft", 1, MAX_VALUES)?,
            boundary: parameters.flag("boundary", true)?,
            psd: parameters.choice("scaling", &[("spectrum", false), ("psd", true)], false)?,
        })
    }

    fn layout(&self, lines: usize) -> Result<Layout> {
        let natural = 2 * (lines - 1);
        let nperseg = self.nperseg.unwrap_or(natural.max(1));
        let nfft =
            self.nfft.unwrap_or(if nperseg == natural + 1 { nperseg } else { natural.max(1) });
        if nfft < nperseg {
            return Err(out_of("nfft", nfft, &format!("must be at least nperseg, {nperseg}")));
        }
        if nfft / 2 + 1 != lines {
            return Err(Fault::shape(format!(
                "the data has {lines} frequencies, nfft {nfft} has {}",
                nfft / 2 + 1
            )));
        }
        let noverlap = self.noverlap.unwrap_or(nperseg / 2);
        if noverlap >= nperseg {
            return Err(out_of("noverlap", noverlap, &format!("must be below nperseg, {nperseg}")));
        }
        Ok(Layout { nperseg, step: nperseg - noverlap, nfft })
    }

    pub(super) fn run<T: Real>(&self, array: &Array<'_, T>) -> Result<Outputs> {
        let [leading @ .., lines, count] = &array.shape[..] else {
            return Err(Fault::shape(format!(
                "istft takes [channels…, frequencies, times], the data has shape {:?}",
                array.shape
            )));
        };
        let (lines, count) = (*lines, *count);
        let layout = self.layout(lines)?;
        let (wide, own) = weights::<T>(&self.window, layout.nperseg)?;
        let kept = self.kept(layout, count)?;
        let factor = self.factor(layout, &wide);
        let total = leading.iter().product::<usize>().saturating_mul(span(layout, count));
        if total > MAX_VALUES {
            return Err(Fault::limit("the output", total, MAX_VALUES));
        }
        let norm = self.norm(layout, &wide, count, kept.clone())?;
        let channels = array.channels() / lines;
        let mut output = vec![T::zero(); channels * kept.len()];
        let plan = T::plans().inverse(layout.nfft);
        let segments = OverlapAdd { layout, lines, count, weights: own, factor };
        parallel::channels(
            &array.complexes(),
            lines * count,
            &mut output,
            kept.len(),
            |input, output| {
                let sum = segments.run(input, &*plan);
                let sums = sum[kept.start..].iter().zip(&norm);
                output
                    .iter_mut()
                    .zip(sums)
                    .for_each(|(out, (sum, norm))| *out = *sum / T::of(*norm));
            },
        );
        let shape = [leading, &[kept.len()]].concat();
        Ok(vec![("samples", T::signal(Array::real(output, &shape)))])
    }

    /// The samples that are given back: those that were not put before and behind.
    fn kept(&self, layout: Layout, count: usize) -> Result<std::ops::Range<usize>> {
        let length = span(layout, count);
        let reach = if self.boundary { layout.nperseg / 2 } else { 0 };
        let kept = length.saturating_sub(2 * reach);
        if kept == 0 {
            return Err(Fault::shape(format!(
                "{count} times of {} samples leave nothing",
                layout.nperseg
            )));
        }
        Ok(reach..reach + kept)
    }

    /// Takes the scale of the spectra back, and that of the transform.
    fn factor<T: Real>(&self, layout: Layout, weights: &[f64]) -> T {
        let factor = if self.psd {
            (self.fs * weights.iter().map(|w| w * w).sum::<f64>()).sqrt()
        } else {
            weights.iter().sum()
        };
        #[allow(clippy::cast_precision_loss)]
        T::of(factor / layout.nfft as f64)
    }

    /// What overlapping windows add up to, which must not vanish.
    fn norm(
        &self,
        layout: Layout,
        wide: &[f64],
        count: usize,
        kept: std::ops::Range<usize>,
    ) -> Result<Vec<f64>> {
        let mut norm = vec![0.0; span(layout, count)];
        for k in 0..count {
            norm[k * layout.step..].iter_mut().zip(wide).for_each(|(sum, w)| *sum += w * w);
        }
        let norm = norm[kept].to_vec();
        // Without boundary the first and last sample of most windows is zero; scipy leaves those as they are.
        let inner = if self.boundary { 0 } else { layout.nperseg };
        let covered = norm.iter().skip(inner).take(norm.len().saturating_sub(2 * inner));
        if covered.clone().any(|sum| *sum <= 1e-10) {
            return Err(Fault::argument(format!(
                "the windows of {} samples every {} leave samples out, so that nothing can be restored there",
                layout.nperseg, layout.step
            ))
            .suggest("use a larger parameters.noverlap"));
        }
        Ok(norm.iter().map(|sum| if *sum > 1e-10 { *sum } else { 1.0 }).collect())
    }
}

/// Samples of `count` segments that overlap.
fn span(layout: Layout, count: usize) -> usize {
    layout.nperseg + (count - 1) * layout.step
}

/// From the spectra of one channel to the sum of their segments.
struct OverlapAdd<T> {
    layout: Layout,
    lines: usize,
    count: usize,
    weights: Vec<T>,
    factor: T,
}

impl<T: Real> OverlapAdd<T> {
    fn run(&self, input: &[Complex<T>], plan: &dyn ComplexToReal<T>) -> Vec<T> {
        let Layout { step, nfft, .. } = self.layout;
        let mut sum = vec![T::zero(); span(self.layout, self.count)];
        let mut spectrum = vec![Complex::default(); self.lines];
        let (mut time, mut scratch) = (vec![T::zero(); nfft], Vec::new());
        for k in 0..self.count {
            spectrum
                .iter_mut()
                .enumerate()
                .for_each(|(line, value)| *value = input[line * self.count + k]);
            irfft_into(plan, &mut spectrum, &mut time, &mut scratch);
            let target = sum[k * step..].iter_mut().zip(&time).zip(&self.weights);
            target.for_each(|((out, t), w)| *out += *t * self.factor * *w);
        }
        sum
    }
}
