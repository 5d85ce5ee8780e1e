//! Resampling by a ratio of whole numbers with a polyphase filter, as `scipy.signal.resample_poly`.

use super::fir;
use crate::MAX_VALUES;
use crate::fault::{Fault, Result};
use crate::fft::Window;
use crate::parameters::{Parameters, out_of};
use crate::real::{Real, narrow};

/// The largest factor: its filter has 20 taps for each.
const MAX_FACTOR: usize = 1 << 16;

/// A ratio and its filter, centred.
#[derive(Debug, Clone)]
pub(super) struct Ratio {
    pub(super) up: usize,
    pub(super) down: usize,
    pub(super) taps: Vec<f64>,
    pub(super) half: usize,
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Ratio {
    pub(super) fn read(parameters: &mut Parameters) -> Result<Self> {
        let factor = |name: &'static str, parameters: &mut Parameters| {
            let value = parameters.integer(name, 1, usize::MAX >> 12)?;
            value.ok_or_else(|| Fault::argument(format!("parameters.{name} is missing")))
        };
        let (up, down) = (factor("up", parameters)?, factor("down", parameters)?);
        let divisor = gcd(up, down);
        let (up, down) = (up / divisor, down / divisor);
        let most = up.max(down);
        if most > MAX_FACTOR {
            let name = if up > down { "up" } else { "down" };
            return Err(out_of(name, most, &format!("must be at most {MAX_FACTOR} when reduced")));
        }
        let padtypes = [("constant", ())];
        parameters.choice("padtype", &padtypes, ())?;
        let window = match Window::read(parameters, "window", "boxcar")? {
            // The default of resample_poly has a parameter of its own.
            Window::Cosines([_]) => Window::Kaiser(5.0),
            other => other,
        };
        let (mut taps, half) = if up == 1 && down == 1 {
            (vec![1.0], 0)
        } else if let Window::Values(taps) = window {
            let half = (taps.len() - 1) / 2;
            (taps, half)
        } else {
            let half = 10 * most;
            #[allow(clippy::cast_precision_loss)]
            let cutoff = 1.0 / most as f64;
            (fir::design_window(2 * half + 1, &[cutoff], true, &window, true)?, half)
        };
        #[allow(clippy::cast_precision_loss)]
        taps.iter_mut().for_each(|tap| *tap *= up as f64);
        Ok(Self { up, down, taps, half })
    }

    /// How many samples come out of `n`.
    pub(super) fn length(&self, n: usize) -> Result<usize> {
        let up = n.saturating_mul(self.up);
        let length = up.div_ceil(self.down);
        if length > MAX_VALUES {
            Err(Fault::limit("the output", length, MAX_VALUES))
        } else {
            Ok(length)
        }
    }
}

/// A resampler with the samples that it still needs.
#[derive(Debug, Clone)]
pub struct Resampler<T: Real> {
    up: usize,
    down: usize,
    /// Taps of each phase, last first, so that they lie beside the samples they meet.
    phases: Vec<Vec<T>>,
    /// What came last, oldest first; as many as a phase has taps.
    kept: Vec<T>,
    /// The place of the next output on the grid of `up` times the rate, relative to the first sample that is not kept.
    next: usize,
}

impl<T: Real> Resampler<T> {
    /// A resampler before its first sample. Its outputs are those of `resample_poly`, without what lies before time 0.
    pub(super) fn new(ratio: &Ratio) -> Self {
        let taps: Vec<T> = narrow(&ratio.taps);
        let longest = taps.len().div_ceil(ratio.up);
        let phases = (0..ratio.up)
            .map(|phase| {
                let mut own: Vec<T> = taps.iter().skip(phase).step_by(ratio.up).copied().collect();
                own.resize(longest, T::zero());
                own.reverse();
                own
            })
            .collect();
        Self {
            up: ratio.up,
            down: ratio.down,
            phases,
            kept: vec![T::zero(); longest - 1],
            next: ratio.half,
        }
    }

    /// Adds what `input` makes possible to `output`. Allocates nothing when `output` has room and blocks stay as long.
    pub fn process(&mut self, input: &[T], output: &mut Vec<T>) {
        let history = self.kept.len();
        self.kept.extend_from_slice(input);
        let end = input.len() * self.up;
        while self.next < end {
            let (sample, phase) = (self.next / self.up, self.next % self.up);
            output.push(dot(&self.phases[phase], &self.kept[sample..=sample + history]));
            self.next += self.down;
        }
        self.next -= end;
        self.kept.drain(..input.len());
    }

    /// The rest, as if zeros followed, until there are `length` outputs.
    pub(super) fn finish(&mut self, length: usize, output: &mut Vec<T>) {
        let zeros = vec![T::zero(); self.kept.len().max(1)];
        while output.len() < length {
            self.process(&zeros, output);
        }
        output.truncate(length);
    }
}

/// A sum of products in four parts, which the processor adds side by side.
fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::zero(); 8];
    let (a_parts, b_parts) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: T = a_parts.remainder().iter().zip(b_parts.remainder()).map(|(x, y)| *x * *y).sum();
    for (x, y) in a_parts.zip(b_parts) {
        for k in 0..8 {
            sums[k] += x[k] * y[k];
        }
    }
    rest + ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]))
}
