//! The continuous wavelet transform, as `pywt.cwt` works it out: by differences of the integrated wavelet.

use std::f64::consts::PI;

use crate::MAX_VALUES;
use crate::fault::{Fault, Result};
use crate::filter::convolved;
use crate::parameters::{Parameters, out_of};
use crate::real::{Real, narrow};

/// Points at which the wavelet is integrated.
const POINTS: usize = 1 << 12;
/// Both wavelets are as good as zero beyond.
const REACH: f64 = 8.0;

#[derive(Debug)]
pub(super) struct Cwt {
    integrated: Vec<f64>,
    pub(super) scales: Vec<f64>,
    pub(super) frequencies: Vec<f64>,
}

fn morlet(x: f64) -> f64 {
    (5.0 * x).cos() * (-x * x / 2.0).exp()
}

fn ricker(x: f64) -> f64 {
    (1.0 - x * x) * (-x * x / 2.0).exp() * 2.0 / (3f64.sqrt() * PI.powf(0.25))
}

#[allow(clippy::cast_precision_loss)]
fn place(k: usize) -> f64 {
    -REACH + k as f64 * (2.0 * REACH / (POINTS - 1) as f64)
}

/// A wavelet as a function, and its frequency in cycles.
type Shape = (fn(f64) -> f64, f64);

impl Cwt {
    pub(super) fn read(parameters: &mut Parameters) -> Result<Self> {
        let wavelets: [(&str, Shape); 3] =
            [("morl", (morlet, 0.8125)), ("mexh", (ricker, 0.25)), ("ricker", (ricker, 0.25))];
        let (wavelet, centre) = parameters.choice("wavelet", &wavelets, wavelets[0].1)?;
        let scales = parameters.numbers("scales")?.filter(|scales| !scales.is_empty());
        let scales = scales
            .ok_or_else(|| Fault::argument("parameters.scales is missing: a list of numbers"))?;
        if let Some(scale) = scales.iter().find(|scale| **scale < 1.0 / 16.0) {
            return Err(out_of(
                "scales",
                scale,
                "must be at least 0.0625, below which the wavelet has no samples",
            ));
        }
        let period = parameters.positive("sampling_period", 1.0)?;
        let step = place(1) - place(0);
        let mut sum = 0.0;
        let integrated = (0..POINTS)
            .map(|k| {
                sum += wavelet(place(k));
                sum * step
            })
            .collect();
        let frequencies = scales.iter().map(|scale| centre / scale / period).collect();
        Ok(Self { integrated, scales, frequencies })
    }

    pub(super) fn check(&self, channels: usize, n: usize) -> Result<()> {
        let longest =
            self.scales.iter().fold(0.0, |most: f64, scale| most.max(*scale)) * 2.0 * REACH;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let kernel = longest.min(1e15) as usize;
        let total = channels.saturating_mul(self.scales.len()).saturating_mul(n).max(kernel);
        if total > MAX_VALUES {
            Err(Fault::limit("the transform", total, MAX_VALUES))
        } else {
            Ok(())
        }
    }

    /// One row for each scale.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn run<T: Real>(&self, input: &[T], output: &mut [T]) {
        let n = input.len();
        let (width, step) = (place(POINTS - 1) - place(0), place(1) - place(0));
        for (scale, row) in self.scales.iter().zip(output.chunks_exact_mut(n)) {
            let count = (scale * width + 1.0).ceil() as usize;
            let mut kernel: Vec<f64> = (0..count)
                .map(|k| (k as f64 / (scale * step)) as usize)
                .take_while(|at| *at < POINTS)
                .map(|at| self.integrated[at])
                .collect();
            kernel.reverse();
            let whole = convolved(input, &narrow::<T>(&kernel));
            // The differences are one fewer; their middle is kept.
            let start = (whole.len() - 1 - n) / 2;
            let factor = T::of(-scale.sqrt());
            for (k, out) in row.iter_mut().enumerate() {
                *out = factor * (whole[start + k + 1] - whole[start + k]);
            }
        }
    }
}
