//! Savitzky–Golay and median filters.

use crate::fault::{Fault, Result};
use crate::kalman::matrix::Matrix;
use crate::parameters::{Parameters, out_of};
use crate::real::Real;

/// Local polynomials, as `scipy.signal.savgol_filter`.
#[derive(Debug)]
pub(super) struct Savgol {
    window: usize,
    /// Row p gives the p-th coefficient of the polynomial around the window's centre from its samples.
    fit: Matrix,
    order: usize,
    deriv: usize,
    delta: f64,
    edge: Edge,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Edge {
    Interp,
    Mirror,
    Nearest,
    Constant(f64),
    Wrap,
}

const MAX_WINDOW: usize = 4001;

impl Savgol {
    pub(super) fn read(parameters: &mut Parameters) -> Result<Self> {
        let needed = |name: &'static str, least, parameters: &mut Parameters| {
            let value = parameters.integer(name, least, MAX_WINDOW)?;
            value.ok_or_else(|| Fault::argument(format!("parameters.{name} is missing")))
        };
        let window = needed("window_length", 1, parameters)?;
        let order = needed("polyorder", 0, parameters)?;
        if order >= window {
            return Err(out_of(
                "polyorder",
                order,
                &format!("must be below window_length, {window}"),
            ));
        }
        if order > 20 {
            return Err(out_of("polyorder", order, "must be at most 20"));
        }
        let deriv = parameters.integer("deriv", 0, 20)?.unwrap_or(0);
        let delta = parameters.positive("delta", 1.0)?;
        let constant = Edge::Constant(parameters.number("cval")?.unwrap_or(0.0));
        let edges = [
            ("interp", Edge::Interp),
            ("mirror", Edge::Mirror),
            ("nearest", Edge::Nearest),
            ("constant", constant),
            ("wrap", Edge::Wrap),
        ];
        let edge = parameters.choice("mode", &edges, Edge::Interp)?;
        if edge == Edge::Interp && window.is_multiple_of(2) {
            return Err(out_of("window_length", window, "must be odd when mode is \"interp\""));
        }
        Ok(Self { window, fit: fit(window, order), order, deriv, delta, edge })
    }

    pub(super) fn check(&self, length: usize) -> Result<()> {
        if self.edge == Edge::Interp && self.window > length {
            return Err(out_of(
                "window_length",
                self.window,
                &format!(
                    "must be at most the length of the data, {length}, when mode is \"interp\""
                ),
            ));
        }
        Ok(())
    }

    /// The derivative at `offset` samples from the centre of a window, as weights of its samples.
    fn weights(&self, offset: f64) -> Vec<f64> {
        let mut weights = vec![0.0; self.window];
        for p in self.deriv..=self.order {
            let factorial: f64 = (p - self.deriv + 1..=p).map(as_f64).product();
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
            let factor = factorial * offset.powi((p - self.deriv) as i32);
            for (at, weight) in weights.iter_mut().enumerate() {
                *weight += factor * self.fit.at(p, at);
            }
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
        let scale = self.delta.powi(self.deriv as i32);
        weights.iter_mut().for_each(|weight| *weight /= scale);
        weights
    }

    pub(super) fn run<T: Real>(&self, input: &[T], output: &mut [T]) {
        let (n, half) = (input.len(), self.window / 2);
        let weights: Vec<T> = crate::real::narrow(&self.weights(0.0));
        let before = self.window - half - 1;
        let at = |index: isize| -> T { self.sample(input, index) };
        for (index, out) in output.iter_mut().enumerate() {
            let start = index.cast_signed() - before.cast_signed();
            *out = if start >= 0 && index + half < n {
                let from = start.cast_unsigned();
                weights.iter().zip(&input[from..]).map(|(w, x)| *w * *x).sum()
            } else if self.edge == Edge::Interp {
                T::zero()
            } else {
                (start..).zip(&weights).map(|(index, w)| *w * at(index)).sum()
            };
        }
        if self.edge == Edge::Interp {
            self.fit_ends(input, output, half);
        }
    }

    fn fit_ends<T: Real>(&self, input: &[T], output: &mut [T], half: usize) {
        let n = input.len();
        let dot = |weights: &[f64], samples: &[T]| -> T {
            T::of(weights.iter().zip(samples).map(|(w, x)| w * x.wide()).sum())
        };
        for k in 0..half {
            let offset = as_f64(k) - as_f64(half);
            output[k] = dot(&self.weights(offset), &input[..self.window]);
            output[n - 1 - k] = dot(&self.weights(-offset), &input[n - self.window..]);
        }
    }

    fn sample<T: Real>(&self, input: &[T], index: isize) -> T {
        let n = input.len().cast_signed();
        if (0..n).contains(&index) {
            return input[index.cast_unsigned()];
        }
        let inside = match self.edge {
            Edge::Constant(value) => return T::of(value),
            Edge::Nearest | Edge::Interp => index.clamp(0, n - 1),
            Edge::Wrap => index.rem_euclid(n),
            Edge::Mirror if n == 1 => 0,
            Edge::Mirror => {
                let period = 2 * (n - 1);
                let at = index.rem_euclid(period);
                if at < n { at } else { period - at }
            }
        };
        input[inside.cast_unsigned()]
    }
}

#[allow(clippy::cast_precision_loss)]
fn as_f64(value: usize) -> f64 {
    value as f64
}

/// Least squares by polynomials that are orthogonal on the window, so that no order loses digits.
fn fit(window: usize, order: usize) -> Matrix {
    let half = window / 2;
    let even = if window.is_multiple_of(2) { 0.5 } else { 0.0 };
    let places: Vec<f64> = (0..window).map(|k| as_f64(k) - as_f64(half) + even).collect();
    // Values on the window and coefficients of each polynomial.
    let (mut values, mut powers): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
    for degree in 0..=order {
        let (mut value, mut power) = if degree == 0 {
            let mut one = vec![0.0; order + 1];
            one[0] = 1.0;
            (vec![1.0; window], one)
        } else {
            let value = values[degree - 1].iter().zip(&places).map(|(v, x)| v * x).collect();
            let mut power = powers[degree - 1].clone();
            power.rotate_right(1);
            power[0] = 0.0;
            (value, power)
        };
        // Twice is enough.
        for _ in 0..2 {
            for (other, coefficients) in values.iter().zip(&powers) {
                let part: f64 = value.iter().zip(other).map(|(a, b)| a * b).sum();
                value.iter_mut().zip(other).for_each(|(v, o): (&mut f64, &f64)| *v -= part * o);
                power.iter_mut().zip(coefficients).for_each(|(p, c)| *p -= part * c);
            }
        }
        let size = value.iter().map(|v| v * v).sum::<f64>().sqrt();
        value.iter_mut().chain(&mut power).for_each(|v| *v /= size);
        values.push(value);
        powers.push(power);
    }
    Matrix::from_fn(order + 1, window, |p, at| {
        values.iter().zip(&powers).map(|(value, power)| power[p] * value[at]).sum()
    })
}

/// The median of a sliding window, zeros beyond the ends, as `scipy.signal.medfilt`.
pub(super) fn median<T: Real>(kernel: usize, input: &[T], output: &mut [T]) {
    let half = kernel / 2;
    let at = |index: isize| -> T {
        usize::try_from(index)
            .ok()
            .and_then(|index| input.get(index))
            .copied()
            .unwrap_or_else(T::zero)
    };
    let order = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
    let mut window: Vec<T> =
        (0..kernel).map(|k| at(k.cast_signed() - half.cast_signed())).collect();
    window.sort_by(order);
    for (index, out) in output.iter_mut().enumerate() {
        *out = window[half];
        let index = index.cast_signed();
        let (old, new) = (at(index - half.cast_signed()), at(index + half.cast_signed() + 1));
        let gone = window.partition_point(|value| *value < old).min(kernel - 1);
        window.remove(gone);
        window.insert(window.partition_point(|value| *value < new), new);
    }
}
