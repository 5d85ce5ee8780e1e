//! Overlapping segments: detrended, windowed and transformed.

use std::sync::Arc;

use num_complex::Complex;
use realfft::RealToComplex;

use crate::MAX_VALUES;
use crate::fault::{Fault, Result};
use crate::fft::Window;
use crate::fft::plan::rfft_into;
use crate::parameters::{Parameters, out_of};
use crate::real::{Real, narrow};

/// How a trend is taken out of each segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detrend {
    None,
    Constant,
    Linear,
}

/// What a spectrum measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scaling {
    /// Power for each hertz.
    Density,
    /// Power of each line.
    Spectrum,
}

/// The parameters that all members with segments share.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) fs: f64,
    pub(super) window: Window,
    nperseg: Option<usize>,
    noverlap: Option<usize>,
    /// What `noverlap` is when it is not given: the length of a segment divided by this.
    overlap_part: usize,
    nfft: Option<usize>,
    pub(super) detrend: Detrend,
    pub(super) scaling: Scaling,
}

/// The lengths for one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) nperseg: usize,
    pub(super) step: usize,
    pub(super) nfft: usize,
}

impl Options {
    /// `whole` is for the periodogram, whose only segment is the signal.
    pub(super) fn read(
        parameters: &mut Parameters,
        window: &str,
        overlap_part: usize,
        whole: bool,
    ) -> Result<Self> {
        let fs = parameters.positive("fs", 1.0)?;
        let window = match Window::read(parameters, "window", window)? {
            // The spectrogram's own default.
            Window::Tukey(_) if overlap_part == 8 && window == "tukey" => Window::Tukey(0.25),
            other => other,
        };
        let (mut nperseg, mut noverlap) = (None, None);
        if !whole {
            nperseg = parameters.integer("nperseg", 1, MAX_VALUES)?;
            noverlap = parameters.integer("noverlap", 0, MAX_VALUES)?;
        }
        if let (Some(values), Some(nperseg)) = (window.own_length(), nperseg)
            && values != nperseg
        {
            return Err(out_of(
                "nperseg",
                nperseg,
                &format!("must be the length of the window, {values}"),
            ));
        }
        let nperseg = nperseg.or(window.own_length());
        let nfft = parameters.integer("nfft", 1, MAX_VALUES)?;
        Ok(Self {
            fs,
            window,
            nperseg,
            noverlap,
            overlap_part,
            nfft,
            detrend: Detrend::None,
            scaling: Scaling::Density,
        })
    }

    pub(super) fn with_detrend(
        mut self,
        parameters: &mut Parameters,
        default: Detrend,
    ) -> Result<Self> {
        self.detrend = match parameters.take("detrend") {
            None => default,
            Some(serde_json::Value::Bool(false)) => Detrend::None,
            Some(serde_json::Value::String(word)) if word == "constant" => Detrend::Constant,
            Some(serde_json::Value::String(word)) if word == "linear" => Detrend::Linear,
            Some(other) => {
                return Err(Fault::argument(format!(
                    "parameters.detrend is {other}, it must be \"constant\", \"linear\" or false"
                )));
            }
        };
        Ok(self)
    }

    pub(super) fn with_scaling(mut self, parameters: &mut Parameters) -> Result<Self> {
        let scalings = [("density", Scaling::Density), ("spectrum", Scaling::Spectrum)];
        self.scaling = parameters.choice("scaling", &scalings, Scaling::Density)?;
        Ok(self)
    }

    /// The segments of a signal of `n` samples. A segment that was not asked for is at most as long as the signal.
    pub(super) fn layout(&self, n: usize, whole: bool) -> Result<Layout> {
        let nperseg = self.nperseg.unwrap_or(if whole { n } else { 256.min(n) });
        if nperseg > n {
            return Err(out_of(
                "nperseg",
                nperseg,
                &format!("must be at most the length of the data, {n}"),
            ));
        }
        let noverlap = self.noverlap.unwrap_or(nperseg / self.overlap_part);
        if noverlap >= nperseg {
            return Err(out_of("noverlap", noverlap, &format!("must be below nperseg, {nperseg}")));
        }
        let nfft = self.nfft.unwrap_or(nperseg);
        if nfft < nperseg {
            return Err(out_of("nfft", nfft, &format!("must be at least nperseg, {nperseg}")));
        }
        Ok(Layout { nperseg, step: nperseg - noverlap, nfft })
    }

    /// What powers are multiplied by.
    pub(super) fn scale(&self, weights: &[f64]) -> f64 {
        match self.scaling {
            Scaling::Density => 1.0 / (self.fs * weights.iter().map(|w| w * w).sum::<f64>()),
            Scaling::Spectrum => 1.0 / weights.iter().sum::<f64>().powi(2),
        }
    }
}

impl Layout {
    /// How many whole segments `n` samples have.
    pub(super) fn count(&self, n: usize) -> usize {
        if n < self.nperseg { 0 } else { (n - self.nperseg) / self.step + 1 }
    }

    /// How many segments to have room for, so that further blocks of `n` samples find it where one made `count` whole.
    /// They differ by one at most, except from the first, after which there may be so many that they are refused.
    pub(super) fn room(&self, n: usize, count: usize) -> usize {
        self.count(self.nperseg - 1 + n).min(count + 1)
    }

    /// How many frequencies there are.
    pub(super) fn lines(&self) -> usize {
        self.nfft / 2 + 1
    }

    /// Refuses what would give too much.
    pub(super) fn check(&self, channels: usize, n: usize) -> Result<()> {
        let total = channels.saturating_mul(self.count(n).max(1)).saturating_mul(self.nfft);
        // Overlap may multiply the samples; what is limited is what comes out.
        if total > 2 * MAX_VALUES {
            return Err(Fault::limit("the spectra", total, 2 * MAX_VALUES));
        }
        Ok(())
    }
}

/// Transforms one segment after the other, with room for one.
pub(super) struct Transformer<T: Real> {
    plan: Arc<dyn RealToComplex<T>>,
    detrend: Detrend,
    time: Vec<T>,
    scratch: Vec<Complex<T>>,
    pub(super) spectrum: Vec<Complex<T>>,
}

impl<T: Real> std::fmt::Debug for Transformer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transformer").field("detrend", &self.detrend).finish_non_exhaustive()
    }
}

impl<T: Real> Transformer<T> {
    pub(super) fn new(layout: Layout, detrend: Detrend) -> Self {
        Self {
            plan: T::plans().forward(layout.nfft),
            detrend,
            time: vec![T::zero(); layout.nfft],
            scratch: Vec::new(),
            spectrum: vec![Complex::default(); layout.lines()],
        }
    }

    /// The spectrum of a segment as long as the window, whose values are `weights`.
    pub(super) fn transform(&mut self, segment: &[T], weights: &[T]) {
        let n = segment.len();
        let time = &mut self.time[..n];
        match self.detrend {
            Detrend::None => {
                time.iter_mut().zip(segment).zip(weights).for_each(|((t, x), w)| *t = *x * *w);
            }
            Detrend::Constant => {
                let mean = mean(segment);
                let weighted = time.iter_mut().zip(segment).zip(weights);
                weighted.for_each(|((t, x), w)| *t = (*x - mean) * *w);
            }
            Detrend::Linear => {
                let (offset, slope) = line(segment);
                for (k, ((t, x), w)) in time.iter_mut().zip(segment).zip(weights).enumerate() {
                    #[allow(clippy::cast_precision_loss)]
                    let trend = T::of(offset + slope * k as f64);
                    *t = (*x - trend) * *w;
                }
            }
        }
        self.time[n..].fill(T::zero());
        rfft_into(&*self.plan, &mut self.time, &mut self.spectrum, &mut self.scratch);
    }
}

#[allow(clippy::cast_precision_loss)]
fn mean<T: Real>(segment: &[T]) -> T {
    // Eight sums at once: shorter chains and smaller errors than one.
    let parts = segment.chunks_exact(8);
    let rest: T = parts.remainder().iter().copied().sum();
    let mut sums = [T::zero(); 8];
    for part in parts {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += *value;
        }
    }
    (sums.iter().copied().sum::<T>() + rest) / T::of(segment.len() as f64)
}

/// The straight line of least squares, as offset and slope.
#[allow(clippy::cast_precision_loss)]
fn line<T: Real>(segment: &[T]) -> (f64, f64) {
    let n = segment.len() as f64;
    let centre = (n - 1.0) / 2.0;
    let mean = segment.iter().map(|x| x.wide()).sum::<f64>() / n;
    let (mut cross, mut square) = (0.0, 0.0);
    for (k, x) in segment.iter().enumerate() {
        let at = k as f64 - centre;
        cross += at * (x.wide() - mean);
        square += at * at;
    }
    let slope = if square > 0.0 { cross / square } else { 0.0 };
    (mean - slope * centre, slope)
}

/// The window's values in both precisions.
pub(super) fn weights<T: Real>(window: &Window, length: usize) -> Result<(Vec<f64>, Vec<T>)> {
    let wide = window.values(length, true)?;
    let own = narrow(&wide);
    Ok((wide, own))
}
