//! The family `kalman`: linear and extended Kalman filters and the smoother of Rauch, Tung and Striebel.
//!
//! The data is measurements, one row for each step: [steps, m] or, for one measured value, [steps]. A row of NaN is a
//! measurement that is missing; within a row all or none may be missing.

mod extended;
pub(crate) mod matrix;
mod model;

use crate::MAX_VALUES;
use crate::array::{Inputs, Outputs, Signal};
use crate::fault::{Fault, Result};
use crate::memory::Memory;
use crate::parameters::{Parameters, unknown_word};
use crate::pipeline::{Member, Streaming};
use crate::real::Real;
use extended::Polynomials;
use matrix::Matrix;
use model::{Belief, Model, StepTaken, Transition, Workspace};

/// The members of the family.
pub const KINDS: [&str; 3] = ["kalman", "extended", "rts_smoother"];

/// The largest state: the work grows with its cube.
const MAX_STATE: usize = 256;

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
    let start = Belief { x: Matrix::column(&x0), p: p0 };
    let model = Model { state, measured, q, r, start };
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

impl Kalman {
    fn smoothed<T: Real>(&self, data: &Signal<'_>) -> Result<Outputs> {
        let steps = self.model.check(data)?;
        let z = data.wide()?;
        let mut work = Workspace::default();
        let mut taken: Vec<StepTaken> = Vec::with_capacity(steps);
        for row in self.model.rows(&z)? {
            let belief = taken.last().map_or(&self.model.start, |step| &step.updated);
            let mut step = StepTaken::default();
            self.model.step(belief, row, &mut work, &mut step)?;
            taken.push(step);
        }
        let mut beliefs: Vec<Belief> = taken.iter().map(|step| step.updated.clone()).collect();
        smooth(&taken, &mut beliefs)?;
        let mut outputs = Outputs::new();
        let mut answer = Answer::<T>::new(&mut outputs);
        beliefs.iter().for_each(|belief| answer.add(belief));
        answer.put(&mut outputs, steps, self.model.states());
        Ok(outputs)
    }
}

impl Member for Kalman {
    fn run(&self, inputs: Inputs<'_>) -> Result<Outputs> {
        let n = self.model.states();
        let total = self.model.check(inputs.data)?.saturating_mul(n * n);
        if total > MAX_VALUES {
            return Err(Fault::limit("the covariances", total, MAX_VALUES));
        }
        if self.smooth {
            return match inputs.data {
                Signal::F32(_) => self.smoothed::<f32>(inputs.data),
                Signal::F64(_) => self.smoothed::<f64>(inputs.data),
            };
        }
        let mut outputs = Outputs::new();
        Running::new(&self.model).next(&inputs, &mut outputs)?;
        Ok(outputs)
    }

    fn streaming(&self) -> Option<Box<dyn Streaming>> {
        (!self.smooth).then(|| Box::new(Running::new(&self.model)) as Box<dyn Streaming>)
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

/// The beliefs of all steps, in the memory of those of the block before.
struct Answer<T> {
    x: Memory<T>,
    p: Memory<T>,
}

impl<T: Real> Answer<T> {
    fn new(outputs: &mut Outputs) -> Self {
        let mut before = outputs.drain(..);
        Self { x: Memory::reals(before.next()), p: Memory::reals(before.next()) }
    }

    fn add(&mut self, belief: &Belief) {
        self.x.extend(belief.x.values().iter().copied());
        self.p.extend(belief.p.values().iter().copied());
    }

    fn put(self, outputs: &mut Outputs, steps: usize, n: usize) {
        outputs.push(("x", self.x.signal(&[], &[steps, n])));
        outputs.push(("P", self.p.signal(&[], &[steps, n, n])));
    }
}

#[derive(Debug)]
struct Running {
    model: Model,
    belief: Belief,
    work: Workspace,
    taken: StepTaken,
    /// Room for the measurements in float64.
    room: Vec<f64>,
}

impl Running {
    fn new(model: &Model) -> Self {
        let belief = model.start.clone();
        Self {
            model: model.clone(),
            belief,
            work: Workspace::default(),
            taken: StepTaken::default(),
            room: Vec::new(),
        }
    }

    fn block<T: Real>(&mut self, data: &Signal<'_>, outputs: &mut Outputs) -> Result<()> {
        let Self { model, belief, work, taken, room } = self;
        let steps = model.check(data)?;
        let rows = model.rows(data.wide_in(room)?)?;
        let mut answer = Answer::<T>::new(outputs);
        for row in rows {
            model.step(belief, row, work, taken)?;
            std::mem::swap(belief, &mut taken.updated);
            answer.add(belief);
        }
        answer.put(outputs, steps, model.states());
        Ok(())
    }
}

impl Streaming for Running {
    fn next(&mut self, inputs: &Inputs<'_>, outputs: &mut Outputs) -> Result<()> {
        match inputs.data {
            Signal::F32(_) => self.block::<f32>(inputs.data, outputs),
            Signal::F64(_) => self.block::<f64>(inputs.data, outputs),
        }
    }
}
