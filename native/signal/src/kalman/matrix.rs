//! Small dense matrices in float64. What has an output as its last parameter uses that one's memory again.

use crate::fault::{Fault, Result};

/// A matrix in row order.
#[derive(Debug, Clone, Default, PartialEq)]
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

    /// Zeros in the memory of what was there.
    pub(crate) fn reshape(&mut self, rows: usize, columns: usize) {
        (self.rows, self.columns) = (rows, columns);
        self.values.clear();
        self.values.resize(rows * columns, 0.0);
    }

    /// The same as another.
    pub(crate) fn copy(&mut self, other: &Self) {
        (self.rows, self.columns) = (other.rows, other.columns);
        self.values.clear();
        self.values.extend_from_slice(&other.values);
    }

    /// One column, of these values.
    pub(crate) fn set_column(&mut self, values: impl IntoIterator<Item = f64>) {
        self.values.clear();
        self.values.extend(values);
        (self.rows, self.columns) = (self.values.len(), 1);
    }

    /// The identity.
    pub(crate) fn set_identity(&mut self, size: usize) {
        self.reshape(size, size);
        (0..size).for_each(|at| self.set(at, at, 1.0));
    }

    /// The product.
    #[must_use]
    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut product = Self::default();
        self.times_into(other, &mut product);
        product
    }

    /// The product.
    pub(crate) fn times_into(&self, other: &Self, product: &mut Self) {
        product.reshape(self.rows, other.columns);
        for row in 0..self.rows {
            for inner in 0..self.columns {
                let factor = self.at(row, inner);
                for column in 0..other.columns {
                    product.values[row * other.columns + column] +=
                        factor * other.at(inner, column);
                }
            }
        }
    }

    /// Rows and columns changed.
    #[must_use]
    pub(crate) fn transposed(&self) -> Self {
        let mut turned = Self::default();
        self.transpose_into(&mut turned);
        turned
    }

    /// Rows and columns changed.
    pub(crate) fn transpose_into(&self, turned: &mut Self) {
        turned.reshape(self.columns, self.rows);
        for row in 0..self.rows {
            for column in 0..self.columns {
                turned.set(column, row, self.at(row, column));
            }
        }
    }

    /// The sum with `factor` times another.
    #[must_use]
    pub(crate) fn plus(&self, other: &Self, factor: f64) -> Self {
        let mut sum = self.clone();
        sum.add(other, factor);
        sum
    }

    /// Adds `factor` times another.
    pub(crate) fn add(&mut self, other: &Self, factor: f64) {
        self.values.iter_mut().zip(&other.values).for_each(|(a, b)| *a += factor * b);
    }

    /// `self · other · selfᵀ`.
    #[must_use]
    pub(crate) fn sandwich(&self, other: &Self) -> Self {
        let mut product = Self::default();
        self.sandwich_into(other, &mut [Self::default(), Self::default()], &mut product);
        product
    }

    /// `self · other · selfᵀ`, with room for the first product and for selfᵀ.
    pub(crate) fn sandwich_into(&self, other: &Self, room: &mut [Self; 2], product: &mut Self) {
        let [first, turned] = room;
        self.times_into(other, first);
        self.transpose_into(turned);
        first.times_into(turned, product);
    }

    /// X of `self · X = right`, by elimination with row pivots.
    ///
    /// # Errors
    /// When the matrix is singular to working precision; `what` says which it is.
    pub(crate) fn solve(&self, right: &Self, what: &str) -> Result<Self> {
        let mut x = right.clone();
        self.clone().solve_into(what, &mut x)?;
        Ok(x)
    }

    /// As [`Matrix::solve`], where `x` is the right side first. The matrix is spoilt.
    ///
    /// # Errors
    /// As [`Matrix::solve`]; `x` is then spoilt too.
    pub(crate) fn solve_into(&mut self, what: &str, x: &mut Self) -> Result<()> {
        self.eliminate(what, x)?;
        for pivot in (0..self.rows).rev() {
            for column in 0..x.columns {
                let mut sum = x.at(pivot, column);
                for inner in pivot + 1..self.rows {
                    sum -= self.at(pivot, inner) * x.at(inner, column);
                }
                x.set(pivot, column, sum / self.at(pivot, pivot));
            }
        }
        Ok(())
    }

    /// Leaves nothing below the diagonal.
    fn eliminate(&mut self, what: &str, x: &mut Self) -> Result<()> {
        let n = self.rows;
        let size = self.values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        #[allow(clippy::cast_precision_loss)]
        let least = size * f64::EPSILON * n as f64;
        for pivot in 0..n {
            let size = |row: usize| self.at(row, pivot).abs();
            let best = (pivot..n).max_by(|i, j| size(*i).total_cmp(&size(*j))).unwrap_or(pivot);
            let value = self.at(best, pivot);
            // Also refuses what is no number.
            if value.abs().partial_cmp(&least) != Some(std::cmp::Ordering::Greater) {
                return Err(Fault::argument(format!(
                    "{what} is singular: pivot {pivot} of {n} is {value:e}, the least is {least:e}"
                )));
            }
            self.swap_rows(pivot, best);
            x.swap_rows(pivot, best);
            for row in pivot + 1..n {
                let factor = self.at(row, pivot) / value;
                if factor != 0.0 {
                    self.subtract(row, pivot, factor);
                    x.subtract(row, pivot, factor);
                }
            }
        }
        Ok(())
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
