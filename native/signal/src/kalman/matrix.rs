//! Small dense matrices in float64.

use crate::fault::{Fault, Result};

/// A matrix in row order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// Zeros.
    #[must_use]
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows * columns] }
    }

    /// One value for each place.
    pub(crate) fn from_fn(rows: usize, columns: usize, at: impl Fn(usize, usize) -> f64) -> Self {
        let values = (0..rows * columns).map(|k| at(k / columns, k % columns)).collect();
        Self { rows, columns, values }
    }

    /// The identity.
    #[must_use]
    pub(crate) fn identity(size: usize) -> Self {
        Self::from_fn(size, size, |row, column| f64::from(u8::from(row == column)))
    }

    /// One column.
    #[must_use]
    pub(crate) fn column(values: &[f64]) -> Self {
        Self { rows: values.len(), columns: 1, values: values.to_vec() }
    }

    /// Rows of equal length.
    pub(crate) fn from_rows(rows: &[Vec<f64>]) -> Self {
        let columns = rows.first().map_or(0, Vec::len);
        Self { rows: rows.len(), columns, values: rows.concat() }
    }

    /// Rows and columns.
    #[must_use]
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Its values, row after row.
    #[must_use]
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// One value.
    #[must_use]
    pub(crate) fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    /// Sets one value.
    pub(crate) fn set(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.columns + column] = value;
    }

    /// The product.
    #[must_use]
    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut product = Self::zeros(self.rows, other.columns);
        for row in 0..self.rows {
            for inner in 0..self.columns {
                let factor = self.at(row, inner);
                for column in 0..other.columns {
                    product.values[row * other.columns + column] +=
                        factor * other.at(inner, column);
                }
            }
        }
        product
    }

    /// Rows and columns changed.
    #[must_use]
    pub(crate) fn transposed(&self) -> Self {
        Self::from_fn(self.columns, self.rows, |row, column| self.at(column, row))
    }

    /// The sum with `factor` times another.
    #[must_use]
    pub(crate) fn plus(&self, other: &Self, factor: f64) -> Self {
        let values = self.values.iter().zip(&other.values).map(|(a, b)| a + factor * b).collect();
        Self { values, ..*self }
    }

    /// `self · other · selfᵀ`.
    #[must_use]
    pub(crate) fn sandwich(&self, other: &Self) -> Self {
        self.times(other).times(&self.transposed())
    }

    /// X of `self · X = right`, by elimination with row pivots.
    ///
    /// # Errors
    /// When the matrix is singular to working precision; `what` says which it is.
    pub(crate) fn solve(&self, right: &Self, what: &str) -> Result<Self> {
        let n = self.rows;
        let (mut a, mut x) = (self.clone(), right.clone());
        let size = self.values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        for pivot in 0..n {
            let best =
                (pivot..n).max_by(|i, j| a.at(*i, pivot).abs().total_cmp(&a.at(*j, pivot).abs()));
            let best = best.unwrap_or(pivot);
            let value = a.at(best, pivot);
            #[allow(clippy::cast_precision_loss)]
            let least = size * f64::EPSILON * n as f64;
            // Also refuses what is no number.
            if value.abs().partial_cmp(&least) != Some(std::cmp::Ordering::Greater) {
                return Err(Fault::argument(format!(
                    "{what} is singular: pivot {pivot} of {n} is {value:e}, the least is {least:e}"
                )));
            }
            a.swap_rows(pivot, best);
            x.swap_rows(pivot, best);
            for row in pivot + 1..n {
                let factor = a.at(row, pivot) / value;
                if factor != 0.0 {
                    a.subtract(row, pivot, factor);
                    x.subtract(row, pivot, factor);
                }
            }
        }
        for pivot in (0..n).rev() {
            for column in 0..x.columns {
                let mut sum = x.at(pivot, column);
                for inner in pivot + 1..n {
                    sum -= a.at(pivot, inner) * x.at(inner, column);
                }
                x.set(pivot, column, sum / a.at(pivot, pivot));
            }
        }
        Ok(x)
    }

    fn swap_rows(&mut self, one: usize, other: usize) {
        if one != other {
            for column in 0..self.columns {
                self.values.swap(one * self.columns + column, other * self.columns + column);
            }
        }
    }

    fn subtract(&mut self, row: usize, from: usize, factor: f64) {
        for column in 0..self.columns {
            let value = self.at(from, column);
            self.values[row * self.columns + column] -= factor * value;
        }
    }
}
