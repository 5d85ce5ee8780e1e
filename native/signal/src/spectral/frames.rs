//! Members with segments, in the form for other backends.

use super::power::times;
use super::segments::{Detrend, Layout, Options, weights};
use crate::array::{Array, Outputs};
use crate::fault::Result;
use crate::fft::{real_axis, rfftfreq};
use crate::lowered::{Frames, Lowered, Spectra, Work, owned};
use crate::real::Real;

/// The frames of `n` samples.
pub(super) fn frames(
    layout: Layout,
    n: usize,
    window: Vec<f64>,
    detrend: Detrend,
    of: Spectra,
) -> Frames {
    Frames {
        step: layout.step,
        count: layout.count(n),
        trend: trend(detrend, layout.nperseg),
        window,
        nfft: layout.nfft,
        of,
    }
}

/// Vectors that span what is taken out.
#[allow(clippy::cast_precision_loss)]
fn trend(detrend: Detrend, n: usize) -> Vec<Vec<f64>> {
    let level = vec![1.0 / (n as f64).sqrt(); n];
    match detrend {
        Detrend::None => Vec::new(),
        Detrend::Linear if n > 1 => {
            let centre = (n - 1) as f64 / 2.0;
            let slope: Vec<f64> = (0..n).map(|k| k as f64 - centre).collect();
            let size = slope.iter().map(|x| x * x).sum::<f64>().sqrt();
            vec![level, slope.iter().map(|x| x / size).collect()]
        }
        Detrend::Constant | Detrend::Linear => vec![level],
    }
}

/// What the power of each line is multiplied by: those that stand for two count twice.
fn factors(layout: Layout, scale: f64) -> Vec<f64> {
    let lines = layout.lines();
    let end = if layout.nfft.is_multiple_of(2) { lines - 1 } else { lines };
    (0..lines).map(|line| if line > 0 && line < end { 2.0 * scale } else { scale }).collect()
}

fn density<T: Real>(
    array: &Array<'_, T>,
    options: &Options,
    whole: bool,
    of: impl FnOnce(Vec<f64>) -> Spectra,
) -> Result<(Frames, Layout, Outputs)> {
    array.reals()?;
    let n = array.length();
    let layout = options.layout(n, whole)?;
    layout.check(array.channels(), n)?;
    let (wide, _) = weights::<T>(&options.window, layout.nperseg)?;
    let of = of(factors(layout, options.scale(&wide)));
    let frequencies = ("frequencies", real_axis::<T>(&rfftfreq(layout.nfft, options.fs)));
    Ok((frames(layout, n, wide, options.detrend, of), layout, vec![frequencies]))
}

fn lowered<T: Real>(
    array: &Array<'_, T>,
    work: Frames,
    tail: Vec<usize>,
    beside: Outputs,
) -> Lowered {
    Lowered {
        data: owned(array),
        work: Work::Frames(work),
        name: "psd",
        tail,
        complex: false,
        turn: [0, 0],
        beside,
    }
}

/// Periodogram and Welch's average.
pub(super) fn welch<T: Real>(
    array: &Array<'_, T>,
    options: &Options,
    whole: bool,
) -> Result<Lowered> {
    let (work, layout, beside) = density(array, options, whole, Spectra::MeanPower)?;
    Ok(lowered(array, work, vec![layout.lines()], beside))
}

/// Power over time.
pub(super) fn spectrogram<T: Real>(array: &Array<'_, T>, options: &Options) -> Result<Lowered> {
    let (work, layout, mut beside) = density(array, options, false, Spectra::Power)?;
    let middles: Vec<f64> = times(layout, work.count, options.fs, 0.5).collect();
    beside.push(("times", real_axis::<T>(&middles)));
    let tail = vec![layout.lines(), work.count];
    Ok(lowered(array, work, tail, beside))
}
