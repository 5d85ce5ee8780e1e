//! Mel spectrograms and MFCC, as librosa has them.
//!
//! Source of the scale: Slaney, "Auditory Toolbox", 1998; with `htk`, Young et al., "The HTK Book".

use num_complex::Complex;

use crate::MAX_VALUES;
use crate::array::{Array, Outputs};
use crate::fault::{Fault, Result};
use crate::fft::plan::rfft_into;
use crate::fft::{Window, rfftfreq};
use crate::lowered::{Frames, Lowered, Spectra, Work, remade};
use crate::parallel;
use crate::parameters::{Parameters, out_of};
use crate::real::{Real, narrow, power};

#[derive(Debug)]
pub(super) struct Mel {
    n_fft: usize,
    hop: usize,
    /// Of `n_fft` values.
    window: Vec<f64>,
    /// The first line of each band and its weights.
    bands: Vec<(usize, Vec<f64>)>,
    exponent: f64,
    cepstrum: Option<Cepstrum>,
}

#[derive(Debug)]
struct Cepstrum {
    /// Rows of the discrete cosine transform.
    rows: Vec<Vec<f64>>,
    top_db: Option<f64>,
}

fn to_mel(f: f64, htk: bool) -> f64 {
    if htk {
        return 2595.0 * (1.0 + f / 700.0).log10();
    }
    let step = 200.0 / 3.0;
    if f >= 1000.0 { 1000.0 / step + (f / 1000.0).ln() / (6.4f64.ln() / 27.0) } else { f / step }
}

fn from_mel(mel: f64, htk: bool) -> f64 {
    if htk {
        return 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
    }
    let step = 200.0 / 3.0;
    let knee = 1000.0 / step;
    if mel >= knee { 1000.0 * (6.4f64.ln() / 27.0 * (mel - knee)).exp() } else { step * mel }
}

impl Mel {
    pub(super) fn read(parameters: &mut Parameters, mfcc: bool) -> Result<Self> {
        let sr = parameters.positive("sr", 22_050.0)?;
        let n_fft = parameters.integer("n_fft", 2, 1 << 20)?.unwrap_or(2048);
        let length = parameters.integer("win_length", 1, n_fft)?.unwrap_or(n_fft);
        let hop = parameters.integer("hop_length", 1, MAX_VALUES)?.unwrap_or((length / 4).max(1));
        let n_mels = parameters.integer("n_mels", 1, 4096)?.unwrap_or(128);
        let fmin = parameters.number("fmin")?.unwrap_or(0.0);
        let fmax = parameters.number("fmax")?.unwrap_or(sr / 2.0);
        if fmin < 0.0 || fmax <= fmin || fmax > sr / 2.0 {
            return Err(out_of(
                "fmax",
                fmax,
                &format!(
                    "must be above fmin, {fmin}, and at most {}, the Nyquist frequency",
                    sr / 2.0
                ),
            ));
        }
        let htk = parameters.flag("htk", false)?;
        let exponent = if mfcc { 2.0 } else { parameters.positive("power", 2.0)? };
        let window = Window::read(parameters, "window", "hann")?.values(length, true)?;
        let mut padded = vec![0.0; n_fft];
        padded[(n_fft - length) / 2..][..length].copy_from_slice(&window);
        let cepstrum = mfcc.then(|| Cepstrum::read(parameters, n_mels)).transpose()?;
        let bands = bands(sr, n_fft, n_mels, (fmin, fmax), htk);
        Ok(Self { n_fft, hop, window: padded, bands, exponent, cepstrum })
    }

    pub(super) fn run<T: Real>(&self, array: &Array<'_, T>) -> Result<Outputs> {
        let (input, n) = (array.reals()?, array.length());
        let count = n / self.hop + 1;
        let rows = self.cepstrum.as_ref().map_or(self.bands.len(), |cepstrum| cepstrum.rows.len());
        let total =
            array.channels().saturating_mul(count).saturating_mul(self.bands.len().max(rows));
        if total > MAX_VALUES {
            return Err(Fault::limit("the bands", total, MAX_VALUES));
        }
        let mut output = vec![T::zero(); array.channels() * rows * count];
        parallel::channels(input, n, &mut output, rows * count, |input, output| {
            let mel = self.bands_of(input, count);
            match &self.cepstrum {
                None => output.iter_mut().zip(mel).for_each(|(out, value)| *out = T::of(value)),
                Some(cepstrum) => cepstrum.of(mel, count, output),
            }
        });
        let name = if self.cepstrum.is_some() { "mfcc" } else { "mel" };
        Ok(vec![(name, T::signal(Array::real(output, &array.shape_with(&[rows, count]))))])
    }

    /// The form for other backends.
    pub(super) fn lowered<T: Real>(&self, array: &Array<'_, T>) -> Result<Lowered> {
        let n = array.length();
        let (half, count) = (self.n_fft / 2, n / self.hop + 1);
        let length = (count - 1) * self.hop + self.n_fft;
        let lines = half + 1;
        let bands = self.bands.iter().map(|(first, weights)| {
            let mut all = vec![0.0; lines];
            all[*first..first + weights.len()].copy_from_slice(weights);
            all
        });
        let cepstrum = self
            .cepstrum
            .as_ref()
            .map(|cepstrum| (cepstrum.rows.clone(), cepstrum.top_db.unwrap_or(f64::INFINITY)));
        let rows = cepstrum.as_ref().map_or(self.bands.len(), |(rows, _)| rows.len());
        let total = array.channels().saturating_mul(count).saturating_mul(lines.max(rows));
        if total > 2 * MAX_VALUES {
            return Err(Fault::limit("the spectra", total, 2 * MAX_VALUES));
        }
        let of = Spectra::Bands { bands: bands.collect(), exponent: self.exponent, cepstrum };
        let work = Frames {
            step: self.hop,
            count,
            window: self.window.clone(),
            trend: Vec::new(),
            nfft: self.n_fft,
            of,
        };
        let data = remade(array, length, |channel| {
            let mut samples = vec![T::zero(); half];
            samples.extend_from_slice(channel);
            samples.resize(length, T::zero());
            samples
        })?;
        Ok(Lowered {
            data,
            work: Work::Frames(work),
            name: if self.cepstrum.is_some() { "mfcc" } else { "mel" },
            tail: vec![rows, count],
            complex: false,
            turn: [0, 0],
            beside: Vec::new(),
        })
    }

    fn bands_of<T: Real>(&self, input: &[T], count: usize) -> Vec<f64> {
        let half = self.n_fft / 2;
        let plan = T::plans().forward(self.n_fft);
        let weights: Vec<T> = narrow(&self.window);
        let mut time = vec![T::zero(); self.n_fft];
        let mut spectrum = vec![Complex::default(); half + 1];
        let (mut scratch, mut lines) = (Vec::new(), vec![0.0; half + 1]);
        let mut output = vec![0.0; self.bands.len() * count];
        for k in 0..count {
            // Centred frames with zeros beyond the ends.
            let start = (k * self.hop).cast_signed() - half.cast_signed();
            for (at, (out, weight)) in time.iter_mut().zip(&weights).enumerate() {
                let sample =
                    usize::try_from(start + at.cast_signed()).ok().and_then(|at| input.get(at));
                *out = sample.map_or_else(T::zero, |sample| *sample * *weight);
            }
            rfft_into(&*plan, &mut time, &mut spectrum, &mut scratch);
            for (line, value) in lines.iter_mut().zip(&spectrum) {
                let squared = power(*value).wide();
                *line =
                    if self.exponent == 2.0 { squared } else { squared.powf(self.exponent / 2.0) };
            }
            for (band, (first, weights)) in self.bands.iter().enumerate() {
                let lines = lines[*first..].iter().zip(weights);
                output[band * count + k] = lines.map(|(line, weight)| line * weight).sum();
            }
        }
        output
    }
}

#[allow(clippy::cast_precision_loss)]
fn bands(
    sr: f64,
    n_fft: usize,
    n_mels: usize,
    (fmin, fmax): (f64, f64),
    htk: bool,
) -> Vec<(usize, Vec<f64>)> {
    let (low, high) = (to_mel(fmin, htk), to_mel(fmax, htk));
    let step = (high - low) / (n_mels + 1) as f64;
    let edges: Vec<f64> = (0..n_mels + 2).map(|k| from_mel(low + step * k as f64, htk)).collect();
    let frequencies = rfftfreq(n_fft, sr);
    edges
        .windows(3)
        .map(|edge| {
            let area = 2.0 / (edge[2] - edge[0]);
            let weight = |f: &f64| {
                let up = (f - edge[0]) / (edge[1] - edge[0]);
                let down = (edge[2] - f) / (edge[2] - edge[1]);
                up.min(down).max(0.0) * area
            };
            let all: Vec<f64> = frequencies.iter().map(weight).collect();
            let first = all.iter().position(|w| *w > 0.0).unwrap_or(0);
            let last = all.iter().rposition(|w| *w > 0.0).map_or(0, |last| last + 1);
            (first, all[first..last.max(first)].to_vec())
        })
        .collect()
}

impl Cepstrum {
    #[allow(clippy::cast_precision_loss)]
    fn read(parameters: &mut Parameters, n_mels: usize) -> Result<Self> {
        let count = parameters.integer("n_mfcc", 1, 4096)?.unwrap_or(20.min(n_mels));
        if count > n_mels {
            return Err(out_of("n_mfcc", count, &format!("must be at most n_mels, {n_mels}")));
        }
        let lifter = parameters.number("lifter")?.unwrap_or(0.0);
        let top_db = Some(parameters.positive("top_db", 80.0)?);
        let n = n_mels as f64;
        let rows = (0..count)
            .map(|k| {
                let size = if k == 0 { (1.0 / n).sqrt() } else { (2.0 / n).sqrt() };
                let lift = if lifter > 0.0 {
                    1.0 + lifter / 2.0 * (std::f64::consts::PI * (k + 1) as f64 / lifter).sin()
                } else {
                    1.0
                };
                let angle = std::f64::consts::PI * k as f64 / n;
                (0..n_mels).map(|m| size * lift * (angle * (m as f64 + 0.5)).cos()).collect()
            })
            .collect();
        Ok(Self { rows, top_db })
    }

    fn of<T: Real>(&self, mut mel: Vec<f64>, count: usize, output: &mut [T]) {
        mel.iter_mut().for_each(|value| *value = 10.0 * value.max(1e-10).log10());
        if let Some(top) = self.top_db {
            let floor = mel.iter().fold(f64::NEG_INFINITY, |most, value| most.max(*value)) - top;
            mel.iter_mut().for_each(|value| *value = value.max(floor));
        }
        for (row, output) in self.rows.iter().zip(output.chunks_exact_mut(count)) {
            for (k, out) in output.iter_mut().enumerate() {
                *out = T::of(row.iter().enumerate().map(|(m, w)| w * mel[m * count + k]).sum());
            }
        }
    }
}
