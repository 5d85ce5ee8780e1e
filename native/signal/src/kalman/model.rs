//! The model, and one step of the filter.

use super::extended::Polynomials;
use super::matrix::Matrix;
use crate::array::Signal;
use crate::fault::{Fault, Result};

/// The model: how states go on and how they are measured.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) state: Transition,
    pub(super) measured: Transition,
    pub(super) q: Matrix,
    pub(super) r: Matrix,
    /// What is believed before the first step.
    pub(super) start: Belief,
}

#[derive(Debug, Clone)]
pub(super) enum Transition {
    Linear(Matrix),
    Extended(Polynomials),
}

impl Transition {
    /// The value at `x` and the derivative there, with room for a state that is moved.
    fn at(&self, x: &Matrix, moved: &mut Vec<f64>, value: &mut Matrix, derivative: &mut Matrix) {
        match self {
            Self::Linear(matrix) => {
                matrix.times_into(x, value);
                derivative.copy(matrix);
            }
            Self::Extended(functions) => {
                functions.value_into(x, value);
                functions.jacobian_into(x, moved, derivative);
            }
        }
    }
}

/// Where the filter is.
#[derive(Debug, Clone, Default)]
pub(super) struct Belief {
    pub(super) x: Matrix,
    pub(super) p: Matrix,
}

impl Belief {
    fn copy(&mut self, other: &Self) {
        self.x.copy(&other.x);
        self.p.copy(&other.p);
    }
}

/// What one step left behind, for smoothing and for the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct StepTaken {
    pub(super) predicted: Belief,
    pub(super) updated: Belief,
    pub(super) derivative: Matrix,
}

/// Matrices on the way from one belief to the next, kept for their memory.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    expected: Matrix,
    residual: Matrix,
    h: Matrix,
    ph: Matrix,
    s: Matrix,
    turned: Matrix,
    solved: Matrix,
    gain: Matrix,
    left: Matrix,
    product: Matrix,
    sandwich: [Matrix; 2],
    moved: Vec<f64>,
}

impl Model {
    pub(super) fn states(&self) -> usize {
        self.start.x.size().0
    }

    fn measurements(&self) -> usize {
        self.r.size().0
    }

    /// Predicts, and takes in what was measured unless it is missing.
    pub(super) fn step(
        &self,
        belief: &Belief,
        z: &[f64],
        work: &mut Workspace,
        taken: &mut StepTaken,
    ) -> Result<()> {
        let StepTaken { predicted, updated, derivative: f } = taken;
        self.state.at(&belief.x, &mut work.moved, &mut predicted.x, f);
        f.sandwich_into(&belief.p, &mut work.sandwich, &mut predicted.p);
        predicted.p.add(&self.q, 1.0);
        if z.iter().all(|value| value.is_nan()) {
            updated.copy(predicted);
            return Ok(());
        }
        self.find_gain(predicted, z, work)?;
        self.update(predicted, work, updated);
        Ok(())
    }

    /// What was measured beyond what was expected, and how much of it the belief takes in.
    fn find_gain(&self, predicted: &Belief, z: &[f64], work: &mut Workspace) -> Result<()> {
        let Workspace { expected, residual, h, ph, s, turned, solved, gain, moved, .. } = work;
        self.measured.at(&predicted.x, moved, expected, h);
        residual.set_column(z.iter().copied());
        residual.add(expected, -1.0);
        h.transpose_into(turned);
        predicted.p.times_into(turned, ph);
        h.times_into(ph, s);
        s.add(&self.r, 1.0);
        s.transpose_into(turned);
        ph.transpose_into(solved);
        turned.solve_into("the covariance of the innovation, H·P·Hᵀ + R,", solved)?;
        solved.transpose_into(gain);
        Ok(())
    }

    fn update(&self, predicted: &Belief, work: &mut Workspace, updated: &mut Belief) {
        let Workspace { residual, h, gain, left, product, sandwich, .. } = work;
        gain.times_into(residual, product);
        updated.x.copy(&predicted.x);
        updated.x.add(product, 1.0);
        // Joseph's form stays symmetric and positive where the short form does not.
        gain.times_into(h, product);
        left.set_identity(self.states());
        left.add(product, -1.0);
        left.sandwich_into(&predicted.p, sandwich, &mut updated.p);
        gain.sandwich_into(&self.r, sandwich, product);
        updated.p.add(product, 1.0);
    }

    pub(super) fn check(&self, data: &Signal<'_>) -> Result<usize> {
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

    pub(super) fn rows<'z>(&self, z: &'z [f64]) -> Result<std::slice::ChunksExact<'z, f64>> {
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
