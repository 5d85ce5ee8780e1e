//! The family `adaptive`: LMS, NLMS and RLS filters with the history of error and weights, as padasip has them.
//!
//! The data is the input signal, or with two dimensions the rows of inputs themselves; `inputs.d` is what is wanted.

use crate::MAX_VALUES;
use crate::array::{Inputs, Outputs, Signal};
use crate::fault::{Fault, Result};
use crate::filter::same_block;
use crate::kalman::matrix::Matrix;
use crate::memory::Memory;
use crate::parameters::{Parameters, unknown_word};
use crate::pipeline::{Member, Streaming};
use crate::real::Real;

/// The members of the family.
pub const KINDS: [&str; 3] = ["lms", "nlms", "rls"];

/// RLS keeps a square matrix of this size.
const MAX_RLS: usize = 1024;
const MAX_TAPS: usize = 1 << 16;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Lms { mu: f64 },
    Nlms { mu: f64, eps: f64 },
    Rls { mu: f64 },
}

/// A filter with its weights. The input of a step is the newest sample first.
#[derive(Debug, Clone)]
struct Adaptive {
    rule: Rule,
    history: bool,
    weights: Vec<f64>,
    inverse: Matrix,
    window: Vec<f64>,
    /// Room for what RLS multiplies by.
    projected: Vec<f64>,
}

/// Reads a member of the family.
pub(crate) fn prepare(kind: &str, parameters: &mut Parameters) -> Result<Box<dyn Member>> {
    let rule = match kind {
        "lms" => Rule::Lms { mu: parameters.positive("mu", 0.01)? },
        "nlms" => Rule::Nlms {
            mu: parameters.positive("mu", 0.1)?,
            eps: parameters.positive("eps", 0.001)?,
        },
        "rls" => {
            let mu = parameters.positive("mu", 0.99)?;
            if mu > 1.0 {
                return Err(crate::parameters::out_of("mu", mu, "must be at most 1 for rls"));
            }
            Rule::Rls { mu }
        }
        other => return Err(unknown_word("parameters.kind", other, &KINDS)),
    };
    let most = if matches!(rule, Rule::Rls { .. }) { MAX_RLS } else { MAX_TAPS };
    let n = parameters
        .integer("n", 1, most)?
        .ok_or_else(|| Fault::argument("parameters.n is missing: the number of weights"))?;
    let weights = parameters.numbers("w")?.unwrap_or_else(|| vec![0.0; n]);
    if weights.len() != n {
        return Err(Fault::shape(format!(
            "parameters.w has {} weights, parameters.n is {n}",
            weights.len()
        )));
    }
    let inverse = if let Rule::Rls { .. } = rule {
        let eps = parameters.positive("eps", 0.1)?;
        Matrix::from_fn(n, n, |row, column| if row == column { 1.0 / eps } else { 0.0 })
    } else {
        Matrix::zeros(0, 0)
    };
    let history = parameters.flag("weights", true)?;
    let (window, projected) = (vec![0.0; n], Vec::new());
    Ok(Box::new(Adaptive { rule, history, weights, inverse, window, projected }))
}

impl Adaptive {
    /// Output and error for the inputs in the window, after which the weights have moved.
    fn step(&mut self, wanted: f64) -> (f64, f64) {
        let x = &self.window;
        let y: f64 = self.weights.iter().zip(x).map(|(w, x)| w * x).sum();
        let error = wanted - y;
        match self.rule {
            Rule::Lms { mu } => self.move_by(mu * error),
            Rule::Nlms { mu, eps } => {
                let size: f64 = x.iter().map(|x| x * x).sum();
                self.move_by(mu / (eps + size) * error);
            }
            Rule::Rls { mu } => self.move_rls(mu, error),
        }
        (y, error)
    }

    fn move_by(&mut self, factor: f64) {
        self.weights.iter_mut().zip(&self.window).for_each(|(w, x)| *w += factor * x);
    }

    fn move_rls(&mut self, mu: f64, error: f64) {
        let Self { weights, inverse, window: x, projected: rx, .. } = self;
        let n = x.len();
        let product = |inverse: &Matrix, row: usize| {
            (0..n).map(|column| inverse.at(row, column) * x[column]).sum::<f64>()
        };
        rx.clear();
        rx.extend((0..n).map(|row| product(inverse, row)));
        let size = mu + rx.iter().zip(&*x).map(|(a, b)| a * b).sum::<f64>();
        for row in 0..n {
            for column in row..n {
                let value = (inverse.at(row, column) - rx[row] * rx[column] / size) / mu;
                // Symmetric by construction, so that rounding cannot make it anything else.
                inverse.set(row, column, value);
                inverse.set(column, row, value);
            }
        }
        weights.iter_mut().enumerate().for_each(|(row, w)| *w += product(inverse, row) * error);
    }

    /// Refuses inputs that do not fit; gives what is wanted.
    fn check<'i>(&self, inputs: &'i Inputs<'_>) -> Result<&'i Signal<'i>> {
        let n = self.weights.len();
        let shape = inputs.data.shape();
        if !matches!(*shape, [_]) && !matches!(*shape, [_, width] if width == n) {
            return Err(Fault::shape(format!(
                "the data has shape {shape:?}: it must be [steps] or [steps, {n}], as parameters.n says"
            )));
        }
        let steps = shape[0];
        let wanted = inputs.needed("d", "the samples that the filter shall give")?;
        if wanted.shape() != [steps] {
            return Err(Fault::shape(format!(
                "inputs.d has shape {:?}, the data has {steps} steps: it must be [{steps}]",
                wanted.shape()
            )));
        }
        let total = steps.saturating_mul(n);
        if self.history && total > MAX_VALUES {
            return Err(Fault::limit("the history of weights", total, MAX_VALUES)
                .suggest("set parameters.weights to false"));
        }
        Ok(wanted)
    }

    /// All steps of a block, `width` inputs for each; the window goes on from the block before.
    fn block<T: Real>(
        &mut self,
        x: &[f64],
        d: &[f64],
        width: usize,
        answer: &mut Answer<T>,
    ) -> Result<()> {
        for (step, (x, wanted)) in x.chunks_exact(width).zip(d).enumerate() {
            if let Some(history) = &mut answer.history {
                history.extend(self.weights.iter().copied());
            }
            // A row of inputs replaces the whole window, one sample the oldest.
            self.window.rotate_right(width);
            self.window[..width].copy_from_slice(x);
            let (output, error) = self.step(*wanted);
            if !error.is_finite() {
                return Err(Fault::argument(format!(
                    "the filter has diverged at step {step}: its error is {error}"
                ))
                .suggest("lower parameters.mu"));
            }
            answer.y.extend([output]);
            answer.e.extend([error]);
        }
        answer.weights.extend(self.weights.iter().copied());
        Ok(())
    }
}

/// What comes of a block, in the memory of what came of the block before.
struct Answer<T> {
    y: Memory<T>,
    e: Memory<T>,
    history: Option<Memory<T>>,
    weights: Memory<T>,
}

impl<T: Real> Answer<T> {
    fn new(outputs: &mut Outputs, history: bool) -> Self {
        let mut before = outputs.drain(..);
        let mut memory = || Memory::reals(before.next());
        // In the order in which they are put back.
        Self { y: memory(), e: memory(), history: history.then(&mut memory), weights: memory() }
    }

    fn put(self, outputs: &mut Outputs, steps: usize, n: usize) {
        outputs.push(("y", self.y.signal(&[], &[steps])));
        outputs.push(("e", self.e.signal(&[], &[steps])));
        if let Some(history) = self.history {
            outputs.push(("w", history.signal(&[], &[steps, n])));
        }
        outputs.push(("weights", self.weights.signal(&[], &[n])));
    }
}

impl Member for Adaptive {
    fn run(&self, inputs: Inputs<'_>) -> Result<Outputs> {
        let mut outputs = Outputs::new();
        Running::new(self).next(&inputs, &mut outputs)?;
        Ok(outputs)
    }

    fn streaming(&self) -> Option<Box<dyn Streaming>> {
        Some(Box::new(Running::new(self)))
    }
}

#[derive(Debug)]
struct Running {
    filter: Adaptive,
    first: Option<(Vec<usize>, bool)>,
    /// Room for the inputs and for what is wanted, in float64.
    room: [Vec<f64>; 2],
}

impl Running {
    fn new(filter: &Adaptive) -> Self {
        Self { filter: filter.clone(), first: None, room: Default::default() }
    }

    fn block<T: Real>(&mut self, inputs: &Inputs<'_>, outputs: &mut Outputs) -> Result<()> {
        let wanted = self.filter.check(inputs)?;
        let [x, d] = &mut self.room;
        let (x, d) = (inputs.data.wide_in(x)?, wanted.wide_in(d)?);
        let mut answer = Answer::<T>::new(outputs, self.filter.history);
        self.filter.block(x, d, x.len() / d.len(), &mut answer)?;
        answer.put(outputs, d.len(), self.filter.weights.len());
        Ok(())
    }
}

impl Streaming for Running {
    fn next(&mut self, inputs: &Inputs<'_>, outputs: &mut Outputs) -> Result<()> {
        if inputs.data.shape().len() == 1 {
            same_block(&mut self.first, inputs.data)?;
        }
        match inputs.data {
            Signal::F32(_) => self.block::<f32>(inputs, outputs),
            Signal::F64(_) => self.block::<f64>(inputs, outputs),
        }
    }
}
