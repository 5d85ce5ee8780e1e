//! The memory of earlier outputs, filled again.

use std::borrow::Cow;

use num_complex::Complex;

use crate::array::{Array, Signal, Values};
use crate::real::Real;

/// Elements and dimensions that become an output.
#[derive(Debug)]
pub(crate) struct Memory<E> {
    pub(crate) values: Vec<E>,
    shape: Vec<usize>,
}

impl<E> Memory<E> {
    /// Nothing yet, in the memory of an array if there was one.
    fn emptied(before: Option<(Cow<'static, [E]>, Vec<usize>)>) -> Self
    where
        E: Clone,
    {
        let (values, mut shape) = before.unwrap_or_default();
        let mut values = values.into_owned();
        values.clear();
        shape.clear();
        Self { values, shape }
    }

    /// The elements and their dimensions, `leading` before `tail`.
    fn shaped(mut self, leading: &[usize], tail: &[usize]) -> (Cow<'static, [E]>, Vec<usize>)
    where
        E: Clone,
    {
        self.shape.extend_from_slice(leading);
        self.shape.extend_from_slice(tail);
        (Cow::Owned(self.values), self.shape)
    }
}

impl<T: Real> Memory<T> {
    /// For real elements, from the output before in the same place.
    pub(crate) fn reals(before: Option<(&'static str, Signal<'static>)>) -> Self {
        Self::emptied(before.and_then(|(_, signal)| match T::array(signal)? {
            Array { values: Values::Real(values), shape } => Some((values, shape)),
            Array { values: Values::Complex(_), .. } => None,
        }))
    }

    /// Adds values of float64, rounded to the type of the output.
    pub(crate) fn extend(&mut self, values: impl IntoIterator<Item = f64>) {
        self.values.extend(values.into_iter().map(T::of));
    }

    /// The output.
    pub(crate) fn signal(self, leading: &[usize], tail: &[usize]) -> Signal<'static> {
        let (values, shape) = self.shaped(leading, tail);
        T::signal(Array { values: Values::Real(values), shape })
    }
}

impl<T: Real> Memory<Complex<T>> {
    /// For complex elements, from the output before in the same place.
    pub(crate) fn complexes(before: Option<(&'static str, Signal<'static>)>) -> Self {
        Self::emptied(before.and_then(|(_, signal)| match T::array(signal)? {
            Array { values: Values::Complex(values), shape } => Some((values, shape)),
            Array { values: Values::Real(_), .. } => None,
        }))
    }

    /// The output.
    pub(crate) fn complex_signal(self, leading: &[usize], tail: &[usize]) -> Signal<'static> {
        let (values, shape) = self.shaped(leading, tail);
        T::signal(Array { values: Values::Complex(values), shape })
    }
}
