//! The two element types.

use std::iter::Sum;

use num_complex::Complex;
use num_traits::{Float, NumAssign, NumCast};
use rustfft::FftNum;

use crate::array::{Array, Signal};
use crate::fft::plan::Plans;

/// float32 or float64.
pub trait Real:
    FftNum + Float + NumAssign + Sum + Default + bytemuck::Pod + std::fmt::Display
{
    /// The nearest value of this type.
    #[must_use]
    fn of(value: f64) -> Self {
        // Both types take every float64: what is too large becomes infinite.
        <Self as NumCast>::from(value).unwrap_or_else(Self::nan)
    }

    /// The same value in float64.
    #[must_use]
    fn wide(self) -> f64 {
        self.to_f64().unwrap_or(f64::NAN)
    }

    /// The plans of this type that were used lately.
    fn plans() -> &'static Plans<Self>;

    /// An array as a signal of this type.
    fn signal(array: Array<'_, Self>) -> Signal<'_>;

    /// The array of this type; none when the signal has the other.
    fn array(signal: Signal<'_>) -> Option<Array<'_, Self>>;
}

impl Real for f32 {
    fn plans() -> &'static Plans<Self> {
        static PLANS: Plans<f32> = Plans::new();
        &PLANS
    }

    fn signal(array: Array<'_, Self>) -> Signal<'_> {
        Signal::F32(array)
    }

    fn array(signal: Signal<'_>) -> Option<Array<'_, Self>> {
        match signal {
            Signal::F32(array) => Some(array),
            Signal::F64(_) => None,
        }
    }
}

impl Real for f64 {
    fn plans() -> &'static Plans<Self> {
        static PLANS: Plans<f64> = Plans::new();
        &PLANS
    }

    fn signal(array: Array<'_, Self>) -> Signal<'_> {
        Signal::F64(array)
    }

    fn array(signal: Signal<'_>) -> Option<Array<'_, Self>> {
        match signal {
            Signal::F64(array) => Some(array),
            Signal::F32(_) => None,
        }
    }
}

/// Values in float64.
pub(crate) fn widen<T: Real>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| value.wide()).collect()
}

/// Values of float64 in another type.
pub(crate) fn narrow<T: Real>(values: &[f64]) -> Vec<T> {
    values.iter().map(|value| T::of(*value)).collect()
}

/// The length of a complex number, squared.
pub(crate) fn power<T: Real>(value: Complex<T>) -> T {
    value.re * value.re + value.im * value.im
}
