//! The family `kalman`: linear and extended Kalman filters and the smoother of Rauch, Tung and Striebel.
//!
//! The data is measurements, one row for each step: [steps, m] or, for one measured value, [steps]. A row of NaN is a
//! measurement that is missing; within a row all or none may be missing.

mod extended;
pub(crate) mod matrix;

use crate::MAX_VALUES;
use crate::array::{Inputs, Outputs, Signal};
use crate::fault::{Fault, Result};
use crate::filter::same_block;
use crate::parameters::{Parameters, unknown_word};
use crate::pipeline::{Member, Streaming};
use extended::Polynomials;
use matrix::Matrix;

/// The members of the family.
pub const KINDS: [&str; 3] = ["kalman", "extended", "rts_smoother"];

/// The largest state: the work grows with its cube.
const MAX_STATE: usize = 256;

/// The model: how states go on and how they are measured.
#[derive(Debug, Clone)]
struct Model {
    state: Transition,
    measured: Transition,
    q: Matrix,
    r: Matrix,
    x0: Matrix,
    p0: Matrix,
}

#[derive(Debug, Clone)]
enum Transition {
    Linear(Matrix),
    Extended(Polynomials),
}

impl Transition {
    /// The value at `x` and the derivative there.
    fn at(&self, x: &Matrix) -> (Matrix, Matrix) {
        match self {
            Self::Linear(matrix) => (matrix.times(x), matrix.clone()),
            Self::Extended(functions) => (functions.value(x), functions.jacobian(x)),
        }
    }
}

#[derive(Debug)]
struct Kalman {
    model: Model,
    smooth: bool,
}

/// Reads a member of the family.
pub(crate) fn prepare(kind: &str, parameters: &mut Parameters) -> Result<Box<dyn Member>> {
    let (extended, smooth) = match kind {
        "kalman" => (false, false),
        "extended" => (true, false),
        "rts_smoother" => (false, true),
        other => return Err(unknown_word("parameters.kind", other, &KINDS)),
    };
    let x0 = parameters
        .numbers("x")?
        .ok_or_else(|| Fault::argument("parameters.x is missing: the first state"))?;
    let n = x0.len();
    if n == 0 || n > MAX_STATE {
        return Err(Fault::shape(format!(
            "parameters.x has {n} numbers, 1 to {MAX_STATE} are possible"
        )));
    }
    let (state, measured, m) = if extended {
        let f = Polynomials::read(parameters, "f", n)?;
        let h = Polynomials::read(parameters, "h", n)?;
        if f.outputs() != n {
            return Err(Fault::shape(format!(
                "parameters.f has {} functions for a state of {n}",
                f.outputs()
            )));
        }
        let m = h.outputs();
        (Transition::Extended(f), Transition::Extended(h), m)
    } else {
        let f = square(parameters, "F", n)?;
        let h = needed(parameters, "H")?;
        let (m, columns) = h.size();
        if columns != n {
            return Err(Fault::shape(format!(
                "parameters.H is {m} by {columns}, the state has {n}: it must be m by {n}"
            )));
        }
        (Transition::Linear(f), Transition::Linear(h), m)
    };
    let q = square(parameters, "Q", n)?;
    let r = square(parameters, "R", m)?;
    let p0 = square(parameters, "P", n)?;
    let model = Model { state, measured, q, r, x0: Matrix::column(&x0), p0 };
    Ok(Box::new(Kalman { model, smooth }))
}

fn needed(parameters: &mut Parameters, name: &'static str) -> Result<Matrix> {
    let rows = parameters.rows(name)?.filter(|rows| !rows.is_empty() && !rows[0].is_empty());
    let rows =
        rows.ok_or_else(|| Fault::argument(format!("parameters.{name} is missing: a matrix")))?;
    Ok(Matrix::from_rows(&rows))
}

fn square(parameters: &mut Parameters, name: &'static str, size: usize) -> Result<Matrix> {
    let matrix = needed(parameters, name)?;
    if matrix.size() != (size, size) {
        let (rows, columns) = matrix.size();
        return Err(Fault::shape(format!(
            "parameters.{name} is {rows} by {columns}, it must be {size} by {size}"
        )));
    }
    Ok(matrix)
}

/// Where the filter is.
#[derive(Debug, Clone)]
struct Belief {
    x: Matrix,
    p: Matrix,
}

/// What one step left behind, for smoothing and for the answer.
struct StepTaken {
    predicted: Belief,
    updated: Belief,
    derivative: Matrix,
}

impl Model {
    fn measurements(&self) -> usize {
        self.r.size().0
    }

    fn step(&self, belief: &Belief, z: &[f64]) -> Result<StepTaken> {
        let (x, f) = self.state.at(&belief.x);
        let p = f.sandwich(&belief.p).plus(&self.q, 1.0);
        let predicted = Belief { x, p };
        let updated = if z.iter().all(|value| value.is_nan()) {
            predicted.clone()
        } else {
            self.update(&predicted, z)?
        };
        Ok(StepTaken { predicted, updated, derivative: f })
    }

    fn update(&self, predicted: &Belief, z: &[f64]) -> Result<Belief> {
        let (expected, h) = self.measured.at(&predicted.x);
        let residual = Matrix::column(z).plus(&expected, -1.0);
        let ph = predicted.p.times(&h.transposed());
        let s = h.times(&ph).plus(&self.r, 1.0);
        let gain = s
            .transposed()
            .solve(&ph.transposed(), "the covariance of the innovation, H·P·Hᵀ + R,")?
            .transposed();
        let x = predicted.x.plus(&gain.times(&residual), 1.0);
        // Joseph's form stays symmetric and positive where the short form does not.
        let left = Matrix::identity(predicted.x.size().0).plus(&gain.times(&h), -1.0);
        let p = left.sandwich(&predicted.p).plus(&gain.sandwich(&self.r), 1.0);
        Ok(Belief { x, p })
    }

    fn check(&self, data: &Signal<'_>) -> Result<usize> {
        let m = self.measurements();
        let shape = data.shape();
        let fits = matches!(shape, [_, width] if *width == m) || (m == 1 && shape.len() == 1);
        if !fits {
            return Err(Fault::shape(format!(
                "the measurements have shape {shape:?}, the model measures {m} values: it must be [steps, {m}]"
            )));
        }
        Ok(shape[0])
    }

    fn rows<'z>(&self, z: &'z [f64]) -> Result<std::slice::ChunksExact<'z, f64>> {
        let m = self.measurements();
        for (step, row) in z.chunks_exact(m).enumerate() {
            let missing = row.iter().filter(|value| value.is_nan()).count();
            if row.iter().any(|value| value.is_infinite()) || (missing != 0 && missing != m) {
                return Err(Fault::argument(format!(
                    "data[{step}] is {row:?}: a measurement is finite, or missing as a whole (all NaN)"
                )));
            }
        }
        Ok(z.chunks_exact(m))
    }
}

impl Member for Kalman {
    fn run(&self, inputs: Inputs<'_>) -> Result<Outputs> {
        let steps = self.model.check(inputs.data)?;
        let n = self.model.x0.size().0;
        let total = steps.saturating_mul(n * n);
        if total > MAX_VALUES {
            return Err(Fault::limit("the covariances", total, MAX_VALUES));
        }
        let z = inputs.data.wide()?;
        let mut belief = Belief { x: self.model.x0.clone(), p: self.model.p0.clone() };
        let mut taken = Vec::with_capacity(steps);
        for row in self.model.rows(&z)? {
            let step = self.model.step(&belief, row)?;
            belief = step.updated.clone();
            taken.push(step);
        }
        let mut beliefs: Vec<Belief> = taken.iter().map(|step| step.updated.clone()).collect();
        if self.smooth {
            smooth(&taken, &mut beliefs)?;
        }
        Ok(outputs(inputs.data, &beliefs, n))
    }

    fn streaming(&self) -> Option<Box<dyn Streaming>> {
        let model = self.model.clone();
        let belief = Belief { x: model.x0.clone(), p: model.p0.clone() };
        (!self.smooth)
            .then(|| Box::new(Running { model, belief, first: None }) as Box<dyn Streaming>)
    }

    fn takes_missing(&self) -> bool {
        true
    }
}

/// Backwards: what later measurements say about earlier states.
fn smooth(taken: &[StepTaken], beliefs: &mut [Belief]) -> Result<()> {
    for at in (0..taken.len().saturating_sub(1)).rev() {
        let next = &taken[at + 1];
        let fp = next.derivative.times(&beliefs[at].p);
        let gain =
            next.predicted.p.solve(&fp, "the predicted covariance, F·P·Fᵀ + Q,")?.transposed();
        let x = beliefs[at + 1].x.plus(&next.predicted.x, -1.0);
        let p = beliefs[at + 1].p.plus(&next.predicted.p, -1.0);
        let (x, p) = (gain.times(&x), gain.sandwich(&p));
        beliefs[at] = Belief { x: beliefs[at].x.plus(&x, 1.0), p: beliefs[at].p.plus(&p, 1.0) };
    }
    Ok(())
}

fn outputs(like: &Signal<'_>, beliefs: &[Belief], n: usize) -> Outputs {
    let all = |of: fn(&Belief) -> &Matrix| -> Vec<f64> {
        beliefs.iter().flat_map(|belief| of(belief).values().to_vec()).collect()
    };
    let steps = beliefs.len();
    vec![
        ("x", like.same_type(all(|belief| &belief.x), &[steps, n])),
        ("P", like.same_type(all(|belief| &belief.p), &[steps, n, n])),
    ]
}

#[derive(Debug)]
struct Running {
    model: Model,
    belief: Belief,
    first: Option<(Vec<usize>, bool)>,
}

impl Streaming for Running {
    fn next(&mut self, inputs: &Inputs<'_>, made: &mut Outputs) -> Result<()> {
        self.model.check(inputs.data)?;
        if self.first.is_none() {
            same_block(&mut self.first, inputs.data)?;
        }
        let z = inputs.data.wide()?;
        let mut beliefs = Vec::new();
        for row in self.model.rows(&z)? {
            self.belief = self.model.step(&self.belief, row)?.updated;
            beliefs.push(self.belief.clone());
        }
        *made = outputs(inputs.data, &beliefs, self.model.x0.size().0);
        Ok(())
    }
}
