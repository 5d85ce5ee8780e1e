//! Arrays: channels lead, time is last.

use std::borrow::Cow;
use std::fmt::Display;

use num_complex::Complex;

use crate::MAX_VALUES;
use crate::fault::{Fault, Result};
use crate::parallel::first_wrong;
use crate::real::{Real, narrow, widen};

/// The elements of an array.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Values<'a, T: Real> {
    Real(Cow<'a, [T]>),
    Complex(Cow<'a, [Complex<T>]>),
}

/// Elements with a shape, in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<'a, T: Real> {
    /// The elements.
    pub values: Values<'a, T>,
    /// The dimensions; complex elements count as one.
    pub shape: Vec<usize>,
}

/// An array of either type.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Signal<'a> {
    F32(Array<'a, f32>),
    F64(Array<'a, f64>),
}

/// Named results; the first is what a next step takes.
pub type Outputs = Vec<(&'static str, Signal<'static>)>;

/// What a member is given.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The samples.
    pub data: &'a Signal<'a>,
    /// Further arrays by name.
    pub others: &'a [(&'a str, Signal<'a>)],
}

/// Runs an expression for whichever type a signal has.
macro_rules! with_real {
    ($signal:expr, $array:ident => $body:expr) => {
        match $signal {
            $crate::array::Signal::F32($array) => $body,
            $crate::array::Signal::F64($array) => $body,
        }
    };
}
pub(crate) use with_real;

impl<'a, T: Real> Array<'a, T> {
    /// Real elements.
    pub fn real(values: impl Into<Cow<'a, [T]>>, shape: &[usize]) -> Self {
        Self { values: Values::Real(values.into()), shape: shape.to_vec() }
    }

    /// Complex elements.
    pub fn complex(values: impl Into<Cow<'a, [Complex<T>]>>, shape: &[usize]) -> Self {
        Self { values: Values::Complex(values.into()), shape: shape.to_vec() }
    }

    /// Samples of each channel.
    #[must_use]
    pub fn length(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// How many channels there are.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.leading().iter().product()
    }

    /// The dimensions before time.
    pub(crate) fn leading(&self) -> &[usize] {
        self.shape.split_last().map_or(&[], |(_, leading)| leading)
    }

    /// The shape with another length in time.
    #[must_use]
    pub fn shape_with(&self, last: &[usize]) -> Vec<usize> {
        [self.leading(), last].concat()
    }

    /// Its real elements.
    ///
    /// # Errors
    /// When they are complex.
    pub fn reals(&self) -> Result<&[T]> {
        match &self.values {
            Values::Real(values) => Ok(values),
            Values::Complex(_) => {
                Err(Fault::argument("the data is complex and this operation takes real data"))
            }
        }
    }

    /// Its elements as complex numbers.
    #[must_use]
    pub fn complexes(&self) -> Cow<'_, [Complex<T>]> {
        match &self.values {
            Values::Real(values) => {
                values.iter().map(|re| Complex::new(*re, T::zero())).collect::<Vec<_>>().into()
            }
            Values::Complex(values) => Cow::Borrowed(values),
        }
    }
}

impl<'a> Signal<'a> {
    /// Its dimensions.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        with_real!(self, array => &array.shape)
    }

    /// Samples of each channel.
    #[must_use]
    pub fn length(&self) -> usize {
        with_real!(self, array => array.length())
    }

    /// Its real elements in float64.
    ///
    /// # Errors
    /// When they are complex.
    pub fn wide(&self) -> Result<Cow<'_, [f64]>> {
        match self {
            Self::F32(array) => Ok(widen(array.reals()?).into()),
            Self::F64(array) => Ok(array.reals()?.into()),
        }
    }

    /// As [`Signal::wide`], where what has to be converted goes into `room`.
    pub(crate) fn wide_in<'s>(&'s self, room: &'s mut Vec<f64>) -> Result<&'s [f64]> {
        match self {
            Self::F32(array) => {
                room.clear();
                room.extend(array.reals()?.iter().map(|value| f64::from(*value)));
                Ok(room)
            }
            Self::F64(array) => array.reals(),
        }
    }

    /// Results in float64 in the type that this signal has.
    #[must_use]
    pub fn same_type(&self, values: Vec<f64>, shape: &[usize]) -> Signal<'static> {
        match self {
            Self::F32(_) => Signal::F32(Array::real(narrow::<f32>(&values), shape)),
            Self::F64(_) => Signal::F64(Array::real(values, shape)),
        }
    }

    /// The same signal without owning its elements.
    #[must_use]
    pub fn borrowed(&self) -> Signal<'_> {
        fn again<'b, T: Real>(array: &'b Array<'_, T>) -> Array<'b, T> {
            let values = match &array.values {
                Values::Real(values) => Values::Real(Cow::Borrowed(&**values)),
                Values::Complex(values) => Values::Complex(Cow::Borrowed(&**values)),
            };
            Array { values, shape: array.shape.clone() }
        }
        match self {
            Self::F32(array) => Signal::F32(again(array)),
            Self::F64(array) => Signal::F64(again(array)),
        }
    }

    /// Refuses what is empty, too large, of no dimension, or not finite where `finite` is asked for.
    pub(crate) fn check(&self, name: impl Display, finite: bool) -> Result<()> {
        with_real!(self, array => {
            let count: usize = array.shape.iter().product();
            if count == 0 || array.shape.is_empty() {
                return Err(Fault::shape(format!(
                    "{name} has shape {:?}: it is empty, at least one sample is needed",
                    array.shape
                )));
            }
            if count > MAX_VALUES {
                return Err(Fault::limit(&name.to_string(), count, MAX_VALUES));
            }
            let bad = match &array.values {
                Values::Real(values) if finite => {
                    first_wrong(values, |value| num_traits::Float::is_finite(*value))
                }
                Values::Complex(values) if finite => {
                    first_wrong(values, |value| value.is_finite())
                }
                _ => None,
            };
            match bad {
                None => Ok(()),
                Some(index) => Err(Fault::argument(format!(
                    "{name}[{index}] is not finite, and one such sample would spoil what comes after it"
                ))
                .suggest("clean the data, or set parameters.nonfinite to \"propagate\"")),
            }
        })
    }
}

impl<'a> Inputs<'a> {
    /// Another array by its name.
    #[must_use]
    pub fn other(&self, name: &str) -> Option<&Signal<'a>> {
        self.others.iter().find(|(known, _)| *known == name).map(|(_, signal)| signal)
    }

    /// Another array that must be there.
    pub(crate) fn needed(&self, name: &str, why: &str) -> Result<&Signal<'a>> {
        self.other(name).ok_or_else(|| {
            Fault::argument(format!("inputs.{name} is missing: {why}"))
                .suggest(format!("give it as inputs.{name}"))
        })
    }

    /// Another array that must have the shape of the data.
    pub(crate) fn partner(&self, name: &str, why: &str) -> Result<&Signal<'a>> {
        let partner = self.needed(name, why)?;
        if partner.shape() != self.data.shape() {
            return Err(Fault::shape(format!(
                "inputs.{name} has shape {:?} and the data has {:?}: they must be equal",
                partner.shape(),
                self.data.shape()
            )));
        }
        Ok(partner)
    }
}
