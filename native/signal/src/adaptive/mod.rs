//! The family `adaptive`: LMS, NLMS and RLS filters with the history of error and weights, as padasip has them.
//!
//! The data is the input signal, or with two dimensions the rows of inputs themselves; `inputs.d` is what is wanted.

use crate::MAX_VALUES;
use crate::array::{Inputs, Outputs};
use crate::fault::{Fault, Result};
use crate::filter::same_block;
use crate::kalman::matrix::Matrix;
use crate::parameters::{Parameters, unknown_word};
use crate::pipeline::{Member, Streaming};

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
    Ok(Box::new(Adaptive { rule, history, weights, inverse, window: vec![0.0; n] }))
}

impl Adaptive {
    /// Output and error of one step, after which the weights have moved.
    fn step(&mut self, x: &[f64], wanted: f64) -> (f64, f64) {
        let y: f64 = self.weights.iter().zip(x).map(|(w, x)| w * x).sum();
        let error = wanted - y;
        match self.rule {
            Rule::Lms { mu } => self.move_by(mu * error, x),
            Rule::Nlms { mu, eps } => {
                let size: f64 = x.iter().map(|x| x * x).sum();
                self.move_by(mu / (eps + size) * error, x);
            }
            Rule::Rls { mu } => self.move_rls(mu, error, x),
        }
        (y, error)
    }

    fn move_by(&mut self, factor: f64, x: &[f64]) {
        self.weights.iter_mut().zip(x).for_each(|(w, x)| *w += factor * x);
    }

    fn move_rls(&mut self, mu: f64, error: f64, x: &[f64]) {
        let n = x.len();
        let projected =
            |row: usize| (0..n).map(|column| self.inverse.at(row, column) * x[column]).sum::<f64>();
        let rx: Vec<f64> = (0..n).map(projected).collect();
        let size = mu + rx.iter().zip(x).map(|(a, b)| a * b).sum::<f64>();
        for row in 0..n {
            for column in row..n {
                let value = (self.inverse.at(row, column) - rx[row] * rx[column] / size) / mu;
                // Symmetric by construction, so that rounding cannot make it anything else.
                self.inverse.set(row, column, value);
                self.inverse.set(column, row, value);
            }
        }
        let moves: Vec<f64> = (0..n)
            .map(|row| (0..n).map(|column| self.inverse.at(row, column) * x[column]).sum())
            .collect();
        self.weights.iter_mut().zip(moves).for_each(|(w, m)| *w += m * error);
    }

    /// All samples of one block; the window goes on from the block before.
    fn block(&mut self, inputs: &Inputs<'_>) -> Result<Outputs> {
        let n = self.weights.len();
        let shape = inputs.data.shape();
        let rows = match *shape {
            [_] => None,
            [_, width] if width == n => Some(width),
            _ => {
                return Err(Fault::shape(format!(
                    "the data has shape {shape:?}: it must be [steps] or [steps, {n}], as parameters.n says"
                )));
            }
        };
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
        let (x, d) = (inputs.data.wide()?, wanted.wide()?);
        let (mut y, mut e, mut w) =
            (Vec::with_capacity(steps), Vec::with_capacity(steps), Vec::new());
        let mut window = std::mem::take(&mut self.window);
        for step in 0..steps {
            if self.history {
                w.extend_from_slice(&self.weights);
            }
            if let Some(width) = rows {
                window.copy_from_slice(&x[step * width..(step + 1) * width]);
            } else {
                window.rotate_right(1);
                window[0] = x[step];
            }
            let (output, error) = self.step(&window, d[step]);
            if !error.is_finite() {
                self.window = window;
                return Err(Fault::argument(format!(
                    "the filter has diverged at step {step}: its error is {error}"
                ))
                .suggest("lower parameters.mu"));
            }
            y.push(output);
            e.push(error);
        }
        self.window = window;
        let like = |values: Vec<f64>, shape: &[usize]| inputs.data.same_type(values, shape);
        let mut outputs: Outputs = vec![("y", like(y, &[steps])), ("e", like(e, &[steps]))];
        if self.history {
            outputs.push(("w", like(w, &[steps, n])));
        }
        outputs.push(("weights", like(self.weights.clone(), &[n])));
        Ok(outputs)
    }
}

impl Member for Adaptive {
    fn run(&self, inputs: Inputs<'_>) -> Result<Outputs> {
        self.clone().block(&inputs)
    }

    fn streaming(&self) -> Option<Box<dyn Streaming>> {
        Some(Box::new(Running { filter: self.clone(), first: None }))
    }
}

#[derive(Debug)]
struct Running {
    filter: Adaptive,
    first: Option<(Vec<usize>, bool)>,
}

impl Streaming for Running {
    fn next(&mut self, inputs: &Inputs<'_>, outputs: &mut Outputs) -> Result<()> {
        if inputs.data.shape().len() == 1 {
            same_block(&mut self.first, inputs.data)?;
        }
        *outputs = self.filter.block(inputs)?;
        Ok(())
    }
}
