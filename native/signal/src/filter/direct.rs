//! Filters given by the coefficients of numerator and denominator.

use num_complex::Complex;

use super::sections::refuse_poles;
use crate::fault::{Fault, Result};
use crate::real::Real;

/// How far rounding may move a multiple pole of a polynomial.
const POLE_SLACK: f64 = 1e-6;

/// b and a, divided by a0 and of equal length.
#[derive(Debug, Clone)]
pub(super) struct Coefficients {
    pub(super) b: Vec<f64>,
    pub(super) a: Vec<f64>,
}

impl Coefficients {
    pub(super) fn new(mut b: Vec<f64>, mut a: Vec<f64>) -> Result<Self> {
        if b.is_empty() {
            return Err(Fault::shape("parameters.b is empty: at least one coefficient is needed"));
        }
        let Some(first) = a.first().copied().filter(|first| *first != 0.0) else {
            return Err(Fault::argument("parameters.a[0] is 0 or missing: it must not be"));
        };
        a.iter_mut().chain(&mut b).for_each(|value| *value /= first);
        refuse_poles(&roots(&a), POLE_SLACK)?;
        let length = a.len().max(b.len());
        a.resize(length, 0.0);
        b.resize(length, 0.0);
        Ok(Self { b, a })
    }

    /// Whether there is no feedback.
    pub(super) fn is_finite(&self) -> bool {
        self.a[1..].iter().all(|a| *a == 0.0)
    }

    /// The state in which a constant input of 1 gives a constant output.
    pub(super) fn steady(&self) -> Result<Vec<f64>> {
        let rest = |k: usize| self.b[k] - self.a[k] * self.b[0];
        let count = self.b.len() - 1;
        let sum: f64 = self.a.iter().sum();
        if count > 0 && sum.abs() < f64::EPSILON {
            return Err(Fault::argument(
                "parameters.a has a pole at 1, so that no constant input has a steady state",
            ));
        }
        let mut state = vec![0.0; count];
        if count > 0 {
            state[0] = (1..=count).map(rest).sum::<f64>() / sum;
        }
        let (mut asum, mut csum) = (1.0, 0.0);
        for k in 1..count {
            asum += self.a[k];
            csum += rest(k);
            state[k] = asum * state[0] - csum;
        }
        Ok(state)
    }
}

/// A filter in direct form II transposed, with its state.
#[derive(Debug, Clone)]
pub struct DirectFilter<T: Real> {
    b: Vec<T>,
    a: Vec<T>,
    state: Vec<T>,
}

impl<T: Real> DirectFilter<T> {
    pub(super) fn new(coefficients: &Coefficients) -> Self {
        let b: Vec<T> = crate::real::narrow(&coefficients.b);
        let a: Vec<T> = crate::real::narrow(&coefficients.a);
        let state = vec![T::zero(); b.len().max(2) - 1];
        Self { b, a, state }
    }

    pub(super) fn settle(&mut self, steady: &[f64], value: T) {
        for (state, steady) in self.state.iter_mut().zip(steady) {
            *state = T::of(*steady) * value;
        }
    }

    /// The next samples, in place. Allocates nothing.
    pub fn process(&mut self, samples: &mut [T]) {
        let last = self.b.len() - 1;
        if last == 0 {
            samples.iter_mut().for_each(|sample| *sample *= self.b[0]);
            return;
        }
        for sample in samples {
            let x = *sample;
            let y = self.b[0] * x + self.state[0];
            for k in 1..last {
                self.state[k - 1] = self.b[k] * x + self.state[k] - self.a[k] * y;
            }
            self.state[last - 1] = self.b[last] * x - self.a[last] * y;
            *sample = y;
        }
    }
}

/// The roots of a polynomial whose first coefficient is 1, by the method of Aberth (1973).
#[allow(clippy::cast_precision_loss)]
pub(super) fn roots(coefficients: &[f64]) -> Vec<Complex<f64>> {
    let end = coefficients.iter().rposition(|value| *value != 0.0).unwrap_or(0);
    let polynomial = &coefficients[..=end];
    let degree = polynomial.len() - 1;
    let radius = 1.0 + polynomial.iter().skip(1).fold(0.0, |most: f64, c| most.max(c.abs()));
    let spread = radius.min(2.0) * 0.7;
    let mut roots: Vec<Complex<f64>> = (0..degree)
        .map(|k| {
            Complex::from_polar(spread, 2.0 * std::f64::consts::PI * k as f64 / degree as f64 + 0.4)
        })
        .collect();
    for _ in 0..200 {
        let mut moved = 0.0_f64;
        for at in 0..degree {
            let x = roots[at];
            let (mut value, mut slope) = (Complex::new(0.0, 0.0), Complex::new(0.0, 0.0));
            for c in polynomial {
                slope = slope * x + value;
                value = value * x + c;
            }
            if value.norm() == 0.0 {
                continue;
            }
            let newton = value / slope;
            let others: Complex<f64> = (0..degree)
                .filter(|other| *other != at)
                .map(|other| (x - roots[other]).inv())
                .filter(|term| term.is_finite())
                .sum();
            let step = newton / (1.0 - newton * others);
            if step.is_finite() {
                roots[at] -= step;
                moved = moved.max(step.norm());
            }
        }
        if moved < 1e-15 {
            break;
        }
    }
    roots
}
